;; The program of every case that has an `ask.json`. In its first round it prints that; in its second one it tells what it was
;; answered, and gives up: an error as its kind and message, else the body. Of several, it says how many were refused.
;; ASK and LENGTH are replaced by what is asked.
(module
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 64)
    (data (i32.const 64) "{\22name\22:\22asks\22,\22version\22:\221\22,\22needs\22:{\22hosts\22:[\22/url\22],\22tls\22:true,\22state\22:true,\22history\22:true}}")
    (data (i32.const 256) "\22answers\22:[\22kind\22:\22\22body\22:\22: body: refused\0a 000 of 000 refused\0a")
    (data (i32.const 1024) "ASK")
    (global $in i32 (i32.const 131072))
    (global $in_end (mut i32) (i32.const 131072))
    (global $told (mut i32) (i32.const 0))
    (global $refused (mut i32) (i32.const 0))
    (func $print (param $fd i32) (param $at i32) (param $len i32)
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (local.get $len))
        (drop (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
    ;; Whether a text of this program stands there.
    (func $is (param $at i32) (param $text i32) (param $len i32) (result i32)
        (loop $next
            (if (i32.ne (i32.load8_u (local.get $at)) (i32.load8_u (local.get $text))) (then (return (i32.const 0))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (local.set $text (i32.add (local.get $text) (i32.const 1)))
            (local.set $len (i32.sub (local.get $len) (i32.const 1)))
            (br_if $next (local.get $len)))
        (i32.const 1))
    ;; Prints the string that begins there, as JSON has it, and leaves the place behind it.
    (func $string (param $at i32) (result i32)
        (local $end i32)
        (local.set $end (local.get $at))
        (block $done (loop $next
            (br_if $done (i32.ge_u (local.get $end) (global.get $in_end)))
            (br_if $done (i32.eq (i32.load8_u (local.get $end)) (i32.const 0x22)))
            (if (i32.eq (i32.load8_u (local.get $end)) (i32.const 0x5c))
                (then (local.set $end (i32.add (local.get $end) (i32.const 1)))))
            (local.set $end (i32.add (local.get $end) (i32.const 1)))
            (br $next)))
        (call $print (i32.const 2) (local.get $at) (i32.sub (local.get $end) (local.get $at)))
        (i32.add (local.get $end) (i32.const 1)))
    ;; Three digits.
    (func $number (param $at i32) (param $number i32)
        (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.div_u (local.get $number) (i32.const 100))))
        (i32.store8 offset=1 (local.get $at)
            (i32.add (i32.const 48) (i32.rem_u (i32.div_u (local.get $number) (i32.const 10)) (i32.const 10))))
        (i32.store8 offset=2 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10)))))
    (func $tell
        (local $at i32)
        (local.set $at (global.get $in))
        (loop $find
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br_if $find (i32.eqz (call $is (local.get $at) (i32.const 256) (i32.const 11)))))
        (loop $next
            (if (call $is (local.get $at) (i32.const 267) (i32.const 8))
                (then
                    (global.set $told (i32.add (global.get $told) (i32.const 1)))
                    (local.set $at (i32.add (local.get $at) (i32.const 8)))
                    (if (call $is (local.get $at) (i32.const 291) (i32.const 7))
                        (then (global.set $refused (i32.add (global.get $refused) (i32.const 1)))))
                    (local.set $at (call $string (local.get $at)))
                    (call $print (i32.const 2) (i32.const 283) (i32.const 2))
                    ;; ,"message":"
                    (local.set $at (call $string (i32.add (local.get $at) (i32.const 12))))
                    (call $print (i32.const 2) (i32.const 298) (i32.const 1)))
                (else (if (call $is (local.get $at) (i32.const 275) (i32.const 8))
                    (then
                        (local.set $at (i32.add (local.get $at) (i32.const 8)))
                        (if (i32.ne (i32.load8_u (local.get $at)) (i32.const 0x22))
                            (then
                                (global.set $told (i32.add (global.get $told) (i32.const 1)))
                                (call $print (i32.const 2) (i32.const 285) (i32.const 6))
                                (local.set $at (call $string (local.get $at)))
                                (call $print (i32.const 2) (i32.const 298) (i32.const 1)))))
                    (else (local.set $at (i32.add (local.get $at) (i32.const 1)))))))
            (br_if $next (i32.lt_u (local.get $at) (global.get $in_end)))))
    (func (export "_start")
        (drop (call $args (i32.const 16) (i32.const 20)))
        (if (i32.eq (i32.load (i32.const 16)) (i32.const 2))
            (then (call $print (i32.const 1) (i32.const 64) (i32.const 95)) (return)))
        (block $end (loop $more
            (i32.store (i32.const 0) (global.get $in_end))
            (i32.store (i32.const 4) (i32.const 65536))
            (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            (br_if $end (i32.eqz (i32.load (i32.const 8))))
            (global.set $in_end (i32.add (global.get $in_end) (i32.load (i32.const 8))))
            (br_if $more (i32.lt_u (global.get $in_end) (i32.const 4000000)))))
        ;; {"contract":"1.0","round":1
        (if (i32.ne (i32.load8_u (i32.const 131098)) (i32.const 0x32))
            (then (call $print (i32.const 1) (i32.const 1024) (i32.const LENGTH)) (return)))
        (call $tell)
        (if (i32.gt_u (global.get $told) (i32.const 1))
            (then
                (call $number (i32.const 300) (global.get $refused))
                (call $number (i32.const 307) (global.get $told))
                (call $print (i32.const 2) (i32.const 300) (i32.const 19))))
        (call $exit (i32.const 1))))
