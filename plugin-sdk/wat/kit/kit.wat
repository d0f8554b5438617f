  ;; What a command needs: reading the request, walking JSON, printing a report. `check.wat` adds `$describe` and `$check`;
  ;; the Makefile puts both into one `(module …)`, and each `(text "…")` into the memory: it stands for the address of that
  ;; text, which ends with a zero.
  ;;
  ;; A JSON value is the address of its first character; 0 is a value that is not there, and may be asked for members as well.
  ;; What is printed is JSON: a text goes in as it is, so a quote in one is written as \\\".
  ;;
  ;; Memory: 0-63 for calls of WASI, then texts, from 32768 the schema of the configuration, from 65536 the request, room for
  ;; what is decoded from it (never more than it), and what is printed, to the end.

  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))

  (memory (export "memory") 2)

  (global $schema i32 (i32.const 32768))
  (global $request i32 (i32.const 65536))
  (global $decoded (mut i32) (i32.const 65536))     ;; where the next decoded string goes
  (global $out_from (mut i32) (i32.const 65536))    ;; where what is printed begins, and
  (global $out (mut i32) (i32.const 65536))         ;; where its next byte goes

  (func (export "_start")
    (if (i32.eqz (call $args_sizes_get (i32.const 0) (i32.const 4)))
      (then (if (i32.gt_u (i32.load (i32.const 0)) (i32.const 1))       ;; called with --describe
        (then (call $describe) (call $end)))))
    (call $read_request)
    (if (i32.eqz (call $json (global.get $request)))
      (then (call $failure (text "internal")) (call $say (text "the request cannot be read")) (call $end_failure)))
    (call $check)
    (call $end_report))

  ;; ---- Memory ----

  (func $make_room (param $until i32)
    (local $pages i32)
    (local.set $pages (i32.sub (i32.add (i32.shr_u (local.get $until) (i32.const 16)) (i32.const 1)) (memory.size)))
    (if (i32.gt_s (local.get $pages) (i32.const 0))
      (then (if (i32.eq (memory.grow (i32.add (local.get $pages) (i32.const 15))) (i32.const -1)) (then unreachable)))))

  (func $read_request
    (local $at i32) (local $length i32)
    (local.set $at (global.get $request))
    (loop $more
      (call $make_room (i32.add (local.get $at) (i32.const 65536)))
      (i32.store (i32.const 0) (local.get $at))
      (i32.store (i32.const 4) (i32.const 65535))
      (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
      (local.set $length (i32.load (i32.const 8)))
      (local.set $at (i32.add (local.get $at) (local.get $length)))
      (br_if $more (local.get $length)))
    (i32.store8 (local.get $at) (i32.const 0))
    (global.set $decoded (i32.add (local.get $at) (i32.const 1)))
    (global.set $out_from (i32.add (global.get $decoded) (i32.sub (local.get $at) (global.get $request))))
    (global.set $out (global.get $out_from)))

  ;; ---- Walking JSON ----

  (func $byte (param $at i32) (result i32) (i32.load8_u (local.get $at)))

  (func $is (param $at i32) (param $byte i32) (result i32)
    (i32.and (i32.ne (local.get $at) (i32.const 0)) (i32.eq (call $byte (local.get $at)) (local.get $byte))))

  (func $is_object (param $at i32) (result i32) (call $is (local.get $at) (i32.const 123)))
  (func $is_array (param $at i32) (result i32) (call $is (local.get $at) (i32.const 91)))
  (func $is_string (param $at i32) (result i32) (call $is (local.get $at) (i32.const 34)))
  (func $is_null (param $at i32) (result i32) (call $is (local.get $at) (i32.const 110)))
  (func $is_digit (param $at i32) (result i32)
    (i32.lt_u (i32.sub (call $byte (local.get $at)) (i32.const 48)) (i32.const 10)))
  (func $is_number (param $at i32) (result i32)
    (i32.and (i32.ne (local.get $at) (i32.const 0))
      (i32.or (call $is_digit (local.get $at)) (call $is (local.get $at) (i32.const 45)))))

  (func $skip_space (param $at i32) (result i32)
    (local $byte i32)
    (loop $more
      (local.set $byte (call $byte (local.get $at)))
      (if (i32.or (i32.or (i32.eq (local.get $byte) (i32.const 32)) (i32.eq (local.get $byte) (i32.const 10)))
                  (i32.or (i32.eq (local.get $byte) (i32.const 13)) (i32.eq (local.get $byte) (i32.const 9))))
        (then (local.set $at (i32.add (local.get $at) (i32.const 1))) (br $more))))
    (local.get $at))

  ;; Behind the string that begins here; 0 when it does not end.
  (func $skip_string (param $at i32) (result i32)
    (local $byte i32)
    (loop $more
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $byte (call $byte (local.get $at)))
      (if (i32.lt_u (local.get $byte) (i32.const 32)) (then (return (i32.const 0))))
      (if (i32.eq (local.get $byte) (i32.const 92)) (then
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (if (i32.lt_u (call $byte (local.get $at)) (i32.const 32)) (then (return (i32.const 0))))
        (br $more)))
      (br_if $more (i32.ne (local.get $byte) (i32.const 34))))
    (i32.add (local.get $at) (i32.const 1)))

  (func $skip_number (param $at i32) (result i32)
    (local $byte i32) (local $from i32)
    (local.set $from (local.get $at))
    (loop $more
      (local.set $byte (call $byte (local.get $at)))
      (if (i32.or (call $is_digit (local.get $at))
                  (i32.or (i32.or (i32.eq (local.get $byte) (i32.const 45)) (i32.eq (local.get $byte) (i32.const 43)))
                          (i32.or (i32.eq (local.get $byte) (i32.const 46))
                                  (i32.eq (i32.or (local.get $byte) (i32.const 32)) (i32.const 101)))))
        (then (local.set $at (i32.add (local.get $at) (i32.const 1))) (br $more))))
    (select (i32.const 0) (local.get $at) (i32.eq (local.get $at) (local.get $from))))

  (func $skip_word (param $at i32) (param $word i32) (result i32)
    (loop $more
      (if (i32.eqz (call $byte (local.get $word))) (then (return (local.get $at))))
      (if (i32.ne (call $byte (local.get $at)) (call $byte (local.get $word))) (then (return (i32.const 0))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $word (i32.add (local.get $word) (i32.const 1)))
      (br $more))
    unreachable)

  ;; Behind the value that begins here; 0 when it is no JSON, or deeper than so many levels.
  (func $skip (param $at i32) (param $levels i32) (result i32)
    (local $byte i32) (local $close i32)
    (local.set $byte (call $byte (local.get $at)))
    (if (i32.eq (local.get $byte) (i32.const 34)) (then (return (call $skip_string (local.get $at)))))
    (if (i32.eq (local.get $byte) (i32.const 116)) (then (return (call $skip_word (local.get $at) (text "true")))))
    (if (i32.eq (local.get $byte) (i32.const 102)) (then (return (call $skip_word (local.get $at) (text "false")))))
    (if (i32.eq (local.get $byte) (i32.const 110)) (then (return (call $skip_word (local.get $at) (text "null")))))
    (if (i32.ne (i32.or (local.get $byte) (i32.const 32)) (i32.const 123))
      (then (return (call $skip_number (local.get $at)))))
    (if (i32.eqz (local.get $levels)) (then (return (i32.const 0))))
    (local.set $close (i32.add (local.get $byte) (i32.const 2)))        ;; } and ] come two behind { and [
    (local.set $at (call $skip_space (i32.add (local.get $at) (i32.const 1))))
    (if (call $is (local.get $at) (local.get $close)) (then (return (i32.add (local.get $at) (i32.const 1)))))
    (loop $more
      (if (i32.eq (local.get $byte) (i32.const 123)) (then
        (if (i32.eqz (call $is_string (local.get $at))) (then (return (i32.const 0))))
        (local.set $at (call $skip_string (local.get $at)))
        (if (i32.eqz (local.get $at)) (then (return (i32.const 0))))
        (local.set $at (call $skip_space (local.get $at)))
        (if (i32.eqz (call $is (local.get $at) (i32.const 58))) (then (return (i32.const 0))))
        (local.set $at (call $skip_space (i32.add (local.get $at) (i32.const 1))))))
      (local.set $at (call $skip (local.get $at) (i32.sub (local.get $levels) (i32.const 1))))
      (if (i32.eqz (local.get $at)) (then (return (i32.const 0))))
      (local.set $at (call $skip_space (local.get $at)))
      (if (call $is (local.get $at) (i32.const 44)) (then
        (local.set $at (call $skip_space (i32.add (local.get $at) (i32.const 1))))
        (br $more))))
    (if (call $is (local.get $at) (local.get $close)) (then (return (i32.add (local.get $at) (i32.const 1)))))
    (i32.const 0))

  ;; The value of a whole text; 0 when it is no JSON.
  (func $json (param $at i32) (result i32)
    (local $end i32)
    (if (i32.eqz (local.get $at)) (then (return (i32.const 0))))
    (local.set $at (call $skip_space (local.get $at)))
    (local.set $end (call $skip (local.get $at) (i32.const 64)))
    (if (i32.eqz (local.get $end)) (then (return (i32.const 0))))
    (select (i32.const 0) (local.get $at) (call $byte (call $skip_space (local.get $end)))))

  ;; Whether a JSON string is this text, also where its characters are escaped (as long as they are ASCII).
  (func $equals (param $string i32) (param $text i32) (result i32)
    (local $code i32)
    (if (i32.eqz (call $is_string (local.get $string))) (then (return (i32.const 0))))
    (local.set $string (i32.add (local.get $string) (i32.const 1)))
    (loop $more
      (if (call $is_string (local.get $string)) (then (return (i32.eqz (call $byte (local.get $text))))))
      (call $character (local.get $string))
      (local.set $string)
      (local.set $code)
      (if (i32.ne (local.get $code) (call $byte (local.get $text))) (then (return (i32.const 0))))
      (local.set $text (i32.add (local.get $text) (i32.const 1)))
      (br $more))
    unreachable)

  ;; The member of an object; 0 when there is none.
  (func $member (param $object i32) (param $name i32) (result i32)
    (local $at i32) (local $found i32)
    (if (i32.eqz (call $is_object (local.get $object))) (then (return (i32.const 0))))
    (local.set $at (call $skip_space (i32.add (local.get $object) (i32.const 1))))
    (loop $more
      (if (i32.eqz (call $is_string (local.get $at))) (then (return (i32.const 0))))
      (local.set $found (call $equals (local.get $at) (local.get $name)))
      (local.set $at (call $skip_space (call $skip_string (local.get $at))))
      (local.set $at (call $skip_space (i32.add (local.get $at) (i32.const 1))))
      (if (local.get $found) (then (return (local.get $at))))
      (local.set $at (call $next (local.get $at)))
      (br_if $more (local.get $at)))
    (i32.const 0))

  ;; The first item of an array, and the one behind another; 0 when there is none.
  (func $first (param $array i32) (result i32)
    (if (i32.eqz (call $is_array (local.get $array))) (then (return (i32.const 0))))
    (local.set $array (call $skip_space (i32.add (local.get $array) (i32.const 1))))
    (select (i32.const 0) (local.get $array) (call $is (local.get $array) (i32.const 93))))

  (func $next (param $item i32) (result i32)
    (local.set $item (call $skip_space (call $skip (local.get $item) (i32.const 64))))
    (if (i32.eqz (call $is (local.get $item) (i32.const 44))) (then (return (i32.const 0))))
    (call $skip_space (i32.add (local.get $item) (i32.const 1))))

  ;; The item of an array whose member `name` is this text.
  (func $named (param $array i32) (param $name i32) (result i32)
    (local $item i32)
    (local.set $item (call $first (local.get $array)))
    (block $found
      (loop $more
        (br_if $found (i32.eqz (local.get $item)))
        (br_if $found (call $equals (call $member (local.get $item) (text "name")) (local.get $name)))
        (local.set $item (call $next (local.get $item)))
        (br $more)))
    (local.get $item))

  ;; A number; what is none is not a number.
  (func $number (param $at i32) (result f64)
    (local $value f64) (local $scale f64) (local $sign f64) (local $power i32) (local $down i32)
    (local.set $sign (f64.const 1))
    (local.set $scale (f64.const 1))
    (if (i32.eqz (call $is_number (local.get $at))) (then (return (f64.const nan))))
    (if (call $is (local.get $at) (i32.const 45)) (then
      (local.set $sign (f64.const -1))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))))
    (loop $whole (if (call $is_digit (local.get $at)) (then
      (local.set $value (call $with_digit (local.get $value) (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $whole))))
    (if (call $is (local.get $at) (i32.const 46)) (then
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (loop $fraction (if (call $is_digit (local.get $at)) (then
        (local.set $value (call $with_digit (local.get $value) (local.get $at)))
        (local.set $scale (f64.mul (local.get $scale) (f64.const 10)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $fraction))))))
    (local.set $value (f64.div (local.get $value) (local.get $scale)))
    (if (i32.eq (i32.or (call $byte (local.get $at)) (i32.const 32)) (i32.const 101)) (then
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $down (call $is (local.get $at) (i32.const 45)))
      (if (i32.eqz (call $is_digit (local.get $at))) (then (local.set $at (i32.add (local.get $at) (i32.const 1)))))
      (loop $exponent (if (call $is_digit (local.get $at)) (then
        (local.set $power (i32.add (i32.mul (local.get $power) (i32.const 10)) (i32.sub (call $byte (local.get $at)) (i32.const 48))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $exponent (i32.lt_u (local.get $power) (i32.const 400))))))
      (local.set $scale (f64.const 1))
      (loop $tens (if (local.get $power) (then
        (local.set $scale (f64.mul (local.get $scale) (f64.const 10)))
        (local.set $power (i32.sub (local.get $power) (i32.const 1)))
        (br $tens))))
      (local.set $value (select (f64.div (local.get $value) (local.get $scale)) (f64.mul (local.get $value) (local.get $scale))
        (local.get $down)))))
    (f64.mul (local.get $sign) (local.get $value)))

  (func $with_digit (param $value f64) (param $at i32) (result f64)
    (f64.add (f64.mul (local.get $value) (f64.const 10))
      (f64.convert_i32_u (i32.sub (call $byte (local.get $at)) (i32.const 48)))))

  ;; ---- Decoding strings ----

  (func $hex4 (param $at i32) (result i32)
    (local $code i32) (local $left i32) (local $digit i32)
    (local.set $left (i32.const 4))
    (loop $more
      (local.set $digit (i32.or (call $byte (local.get $at)) (i32.const 32)))
      (local.set $digit (i32.sub (local.get $digit)
        (select (i32.const 87) (i32.const 48) (i32.ge_u (local.get $digit) (i32.const 97)))))
      (local.set $code (i32.or (i32.shl (local.get $code) (i32.const 4)) (i32.and (local.get $digit) (i32.const 15))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $more (local.get $left)))
    (local.get $code))

  ;; The character here (of what is not escaped, the byte), and where the next one is.
  (func $character (param $at i32) (result i32 i32)
    (local $byte i32) (local $code i32)
    (local.set $byte (call $byte (local.get $at)))
    (if (i32.ne (local.get $byte) (i32.const 92))
      (then (return (local.get $byte) (i32.add (local.get $at) (i32.const 1)))))
    (local.set $byte (call $byte (i32.add (local.get $at) (i32.const 1))))
    (local.set $at (i32.add (local.get $at) (i32.const 2)))
    (if (i32.eq (local.get $byte) (i32.const 98)) (then (return (i32.const 8) (local.get $at))))
    (if (i32.eq (local.get $byte) (i32.const 102)) (then (return (i32.const 12) (local.get $at))))
    (if (i32.eq (local.get $byte) (i32.const 110)) (then (return (i32.const 10) (local.get $at))))
    (if (i32.eq (local.get $byte) (i32.const 114)) (then (return (i32.const 13) (local.get $at))))
    (if (i32.eq (local.get $byte) (i32.const 116)) (then (return (i32.const 9) (local.get $at))))
    (if (i32.ne (local.get $byte) (i32.const 117)) (then (return (local.get $byte) (local.get $at))))
    (local.set $code (call $hex4 (local.get $at)))
    (local.set $at (i32.add (local.get $at) (i32.const 4)))
    (if (i32.and (i32.eq (i32.and (local.get $code) (i32.const 0xfc00)) (i32.const 0xd800)) (call $is (local.get $at) (i32.const 92)))
      (then                                                     ;; two halves of what is beyond the first plane
        (local.set $code (i32.add (i32.const 0x10000) (i32.or
          (i32.shl (i32.and (local.get $code) (i32.const 0x3ff)) (i32.const 10))
          (i32.and (call $hex4 (i32.add (local.get $at) (i32.const 2))) (i32.const 0x3ff)))))
        (local.set $at (i32.add (local.get $at) (i32.const 6)))))
    (local.get $code) (local.get $at))

  (func $keep (param $byte i32)
    (i32.store8 (global.get $decoded) (local.get $byte))
    (global.set $decoded (i32.add (global.get $decoded) (i32.const 1))))

  (func $keep_tail (param $code i32) (param $shift i32)
    (call $keep (i32.or (i32.const 0x80) (i32.and (i32.shr_u (local.get $code) (local.get $shift)) (i32.const 0x3f)))))

  ;; What a JSON string says, as a text: the body of an answer, to be read as JSON. Each once: there is room for no more.
  (func $decode (param $string i32) (result i32)
    (local $code i32) (local $text i32) (local $escaped i32)
    (if (i32.eqz (call $is_string (local.get $string))) (then (return (i32.const 0))))
    (local.set $text (global.get $decoded))
    (local.set $string (i32.add (local.get $string) (i32.const 1)))
    (block $done
      (loop $more
        (br_if $done (call $is_string (local.get $string)))
        (if (i32.ge_u (global.get $decoded) (global.get $out_from)) (then unreachable))
        (local.set $escaped (call $is (local.get $string) (i32.const 92)))
        (call $character (local.get $string))
        (local.set $string)
        (local.set $code)
        (if (i32.or (i32.eqz (local.get $escaped)) (i32.lt_u (local.get $code) (i32.const 0x80)))
          (then (call $keep (local.get $code)) (br $more)))
        (if (i32.lt_u (local.get $code) (i32.const 0x800))
          (then (call $keep (i32.or (i32.const 0xc0) (i32.shr_u (local.get $code) (i32.const 6)))))
          (else
            (if (i32.lt_u (local.get $code) (i32.const 0x10000))
              (then (call $keep (i32.or (i32.const 0xe0) (i32.shr_u (local.get $code) (i32.const 12)))))
              (else
                (call $keep (i32.or (i32.const 0xf0) (i32.shr_u (local.get $code) (i32.const 18))))
                (call $keep_tail (local.get $code) (i32.const 12))))
            (call $keep_tail (local.get $code) (i32.const 6))))
        (call $keep_tail (local.get $code) (i32.const 0))
        (br $more)))
    (call $keep (i32.const 0))
    (local.get $text))
