  ;; ---- Printing ----

  (func $put (param $byte i32)
    (call $make_room (global.get $out))
    (i32.store8 (global.get $out) (local.get $byte))
    (global.set $out (i32.add (global.get $out) (i32.const 1))))

  (func $say (param $text i32)
    (loop $more (if (call $byte (local.get $text)) (then
      (call $put (call $byte (local.get $text)))
      (local.set $text (i32.add (local.get $text) (i32.const 1)))
      (br $more)))))

  (func $say_between (param $from i32) (param $until i32)
    (loop $more (if (i32.lt_u (local.get $from) (local.get $until)) (then
      (call $put (call $byte (local.get $from)))
      (local.set $from (i32.add (local.get $from) (i32.const 1)))
      (br $more)))))

  ;; A JSON value as it stands, and what is between the quotes of a JSON string: escaped there, it may stand in another string.
  (func $say_value (param $value i32)
    (call $say_between (local.get $value) (call $skip (local.get $value) (i32.const 64))))

  (func $say_string (param $string i32)
    (if (call $is_string (local.get $string)) (then
      (call $say_between (i32.add (local.get $string) (i32.const 1))
        (i32.sub (call $skip_string (local.get $string)) (i32.const 1))))))

  (func $say_integer (param $number i64)
    (if (i64.lt_s (local.get $number) (i64.const 0)) (then
      (call $put (i32.const 45))
      (local.set $number (i64.sub (i64.const 0) (local.get $number)))))
    (if (i64.ge_u (local.get $number) (i64.const 10))
      (then (call $say_integer (i64.div_u (local.get $number) (i64.const 10)))))
    (call $put (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $number) (i64.const 10))))))

  ;; Writes everything out, and ends the program.
  (func $end
    (loop $more
      (i32.store (i32.const 0) (global.get $out_from))
      (i32.store (i32.const 4) (i32.sub (global.get $out) (global.get $out_from)))
      (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
      (global.set $out_from (i32.add (global.get $out_from) (i32.load (i32.const 8))))
      (br_if $more (i32.lt_u (global.get $out_from) (global.get $out))))
    (call $proc_exit (i32.const 0)))

  ;; ---- Findings ----
  ;; In this order: $subject, what it is called; $message, what is to be said; $as_of, measurements, $judge.

  (global $PASS i32 (i32.const 1))
  (global $FAIL i32 (i32.const 0))
  (global $ERROR i32 (i32.const 2))
  (global $listed (mut i32) (i32.const 0))
  (global $passed (mut i32) (i32.const 0))
  (global $measured (mut i32) (i32.const 0))        ;; of this finding
  (global $broken (mut i32) (i32.const 0))          ;; a measurement of this finding is no number

  (func $subject
    (call $say (select (text ",") (text "{\"findings\":[") (global.get $listed)))
    (call $say (text "{\"subject\":\""))
    (global.set $listed (i32.add (global.get $listed) (i32.const 1)))
    (global.set $measured (i32.const 0))
    (global.set $broken (i32.const 0)))

  (func $message (call $say (text "\",\"message\":\"")))

  (func $as_of (param $instant i32)
    (call $say (text "\",\"as_of\":\""))
    (call $say_string (local.get $instant)))

  (func $measurement (param $name i32)
    (call $say (select (text ",") (text "\",\"measurements\":[") (global.get $measured)))
    (global.set $measured (i32.const 1))
    (call $say (text "{\"name\":\""))
    (call $say (local.get $name))
    (call $say (text "\",\"value\":")))

  ;; A limit that is not there is none.
  (func $unit_and_limit (param $unit i32) (param $limit i32)
    (call $say (text ",\"unit\":\""))
    (call $say (local.get $unit))
    (call $say (text "\""))
    (if (local.get $limit) (then (call $say (text ",\"limit\":")) (call $say_value (local.get $limit))))
    (call $say (text "}")))

  ;; A measurement that is a number of the request or of an answer. One that is no number makes the finding an error.
  (func $measure (param $name i32) (param $value i32) (param $unit i32) (param $limit i32)
    (call $measurement (local.get $name))
    (if (call $is_number (local.get $value))
      (then (call $say_value (local.get $value)))
      (else (call $say (text "0")) (global.set $broken (i32.const 1))))
    (call $unit_and_limit (local.get $unit) (local.get $limit)))

  ;; A measurement that was computed.
  (func $measure_integer (param $name i32) (param $value i64) (param $unit i32) (param $limit i32)
    (call $measurement (local.get $name))
    (call $say_integer (local.get $value))
    (call $unit_and_limit (local.get $unit) (local.get $limit)))

  ;; $PASS, $FAIL or $ERROR; true and false are the first two.
  (func $judge (param $status i32)
    (call $say (select (text "]") (text "\"") (global.get $measured)))
    (call $say (text ",\"status\":"))
    (local.set $status (select (global.get $ERROR) (local.get $status) (global.get $broken)))
    (global.set $passed (i32.add (global.get $passed) (i32.eq (local.get $status) (global.get $PASS))))
    (call $say (select (text "\"pass\"}")
      (select (text "\"fail\"}") (text "\"error\"}") (i32.eq (local.get $status) (global.get $FAIL)))
      (i32.eq (local.get $status) (global.get $PASS)))))

  ;; ---- Report, failure, questions ----

  (global $scope (mut i32) (i32.const 0))           ;; a text: how the subjects were found, for the auditor

  ;; What $check returns to: "N of M did not pass".
  (func $end_report
    (if (i32.eqz (global.get $listed)) (then (call $say (text "{\"findings\":["))))
    (call $say (text "],\"listing\":\"every-subject\",\"population\":"))
    (call $say_integer (i64.extend_i32_u (global.get $listed)))
    (call $say (text ",\"population_query\":\""))
    (if (global.get $scope) (then (call $say (global.get $scope))))
    (call $say (text "\",\"summary\":\""))
    (call $say_integer (i64.extend_i32_u (i32.sub (global.get $listed) (global.get $passed))))
    (call $say (text " of "))
    (call $say_integer (i64.extend_i32_u (global.get $listed)))
    (call $say (text " did not pass\"}"))
    (call $end))

  ;; The control could not be tested: $failure, what is to be said, perhaps $source and a URL, $end_failure. What was printed
  ;; before does not count.
  (func $failure (param $kind i32)
    (global.set $out (global.get $out_from))
    (call $say (text "{\"failure\":{\"kind\":\""))
    (call $say (local.get $kind))
    (call $say (text "\",\"message\":\"")))

  (func $source (call $say (text "\",\"source\":\"")))
  (func $end_failure (call $say (text "\"}}")) (call $end))

  ;; A round of questions: for each, $ask with what its id begins with and a number of its own, the URL, $asked; then $memo,
  ;; a JSON value, $end_round. The next round has `answers` in the order of the questions, and the memo as it was.
  (global $questions (mut i32) (i32.const 0))

  (func $ask (param $id i32) (param $number i64)
    (call $say (select (text ",") (text "{\"ask\":[") (global.get $questions)))
    (global.set $questions (i32.add (global.get $questions) (i32.const 1)))
    (call $say (text "{\"id\":\""))
    (call $say (local.get $id))
    (call $say_integer (local.get $number))
    (call $say (text "\",\"http\":{\"method\":\"GET\",\"url\":\"")))

  (func $asked (call $say (text "\"}}")))
  (func $memo (call $say (text "],\"memo\":")))
  (func $end_round (call $say (text "}")) (call $end))

  ;; ---- Answers ----

  ;; The body of an answer that counts, as JSON; 0 when the answer does not count, or its body is no JSON.
  (func $body (param $answer i32) (result i32)
    (call $json (call $decode (call $member (call $member (local.get $answer) (text "ok")) (text "body")))))

  (func $error_is (param $answer i32) (param $kind i32) (result i32)
    (call $equals (call $member (call $member (local.get $answer) (text "error")) (text "kind")) (local.get $kind)))

  ;; Why an answer does not count: "status 403", "unreachable: …", "timed out".
  (func $say_error (param $answer i32)
    (if (call $error_is (local.get $answer) (text "refused")) (then (call $say (text "refused: "))))
    (if (call $error_is (local.get $answer) (text "unreachable")) (then (call $say (text "unreachable: "))))
    (if (call $error_is (local.get $answer) (text "tls")) (then (call $say (text "TLS: "))))
    (if (call $error_is (local.get $answer) (text "limit")) (then (call $say (text "over the limit "))))
    (call $say_string (call $member (call $member (local.get $answer) (text "error")) (text "message"))))

  ;; The kind of failure that it means for the run.
  (func $kind_of_error (param $answer i32) (result i32)
    (local $status f64)
    (if (call $error_is (local.get $answer) (text "refused")) (then (return (text "unsupported"))))
    (if (call $error_is (local.get $answer) (text "unreachable")) (then (return (text "unreachable"))))
    (if (call $error_is (local.get $answer) (text "tls")) (then (return (text "unreachable"))))
    (if (call $error_is (local.get $answer) (text "timeout")) (then (return (text "timeout"))))
    (if (call $error_is (local.get $answer) (text "limit")) (then
      (return (select (text "timeout") (text "unsupported")
        (call $equals (call $member (call $member (local.get $answer) (text "error")) (text "message")) (text "wall"))))))
    (if (i32.eqz (call $error_is (local.get $answer) (text "status"))) (then (return (text "bad-input"))))
    (local.set $status (call $number (call $member (call $member (local.get $answer) (text "error")) (text "status"))))
    (if (f64.eq (local.get $status) (f64.const 401)) (then (return (text "denied"))))
    (if (f64.eq (local.get $status) (f64.const 403)) (then (return (text "denied"))))
    (if (f64.eq (local.get $status) (f64.const 408)) (then (return (text "timeout"))))
    (if (f64.eq (local.get $status) (f64.const 504)) (then (return (text "timeout"))))
    (if (f64.eq (local.get $status) (f64.const 429)) (then (return (text "throttled"))))
    (select (text "unreachable") (text "bad-input")
      (i32.and (f64.ge (local.get $status) (f64.const 500)) (f64.lt (local.get $status) (f64.const 600)))))

  ;; ---- Time ----

  (global $NEVER i64 (i64.const -9223372036854775808))

  ;; So many digits as a number; less than 0 when one is none.
  (func $digits (param $at i32) (param $count i32) (result i64)
    (local $sum i64)
    (loop $more
      (if (i32.eqz (call $is_digit (local.get $at))) (then (return (i64.const -1000000))))
      (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 10))
        (i64.extend_i32_u (i32.sub (call $byte (local.get $at)) (i32.const 48)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $more (local.get $count)))
    (local.get $sum))

  (func $within (param $at i32) (param $from i64) (param $until i64) (result i32)
    (local $number i64)
    (local.set $number (call $digits (local.get $at) (i32.const 2)))
    (i32.and (i64.ge_s (local.get $number) (local.get $from)) (i64.le_s (local.get $number) (local.get $until))))

  ;; Days from 1970-01-01. The year is counted from March, so that the leap day is its last.
  (func $days_from_1970 (param $year i64) (param $month i64) (param $day i64) (result i64)
    (if (i64.gt_s (local.get $month) (i64.const 2))
      (then (local.set $month (i64.sub (local.get $month) (i64.const 3))))
      (else
        (local.set $month (i64.add (local.get $month) (i64.const 9)))
        (local.set $year (i64.sub (local.get $year) (i64.const 1)))))
    (i64.sub
      (i64.add
        (i64.add (i64.mul (local.get $year) (i64.const 365))
          (i64.add (i64.sub (i64.div_s (local.get $year) (i64.const 4)) (i64.div_s (local.get $year) (i64.const 100)))
            (i64.div_s (local.get $year) (i64.const 400))))
        (i64.add (i64.div_s (i64.add (i64.mul (local.get $month) (i64.const 153)) (i64.const 2)) (i64.const 5)) (local.get $day)))
      (i64.const 719469)))

  ;; The milliseconds since 1970 of an instant in UTC as the contract writes it, with or without a fraction; $NEVER when the
  ;; string is none. Other offsets than Z are not understood.
  (func $instant (param $string i32) (result i64)
    (local $at i32) (local $date i64) (local $time i64) (local $fraction i64) (local $scale i64)
    (if (i32.eqz (call $is_string (local.get $string))) (then (return (global.get $NEVER))))
    (local.set $at (i32.add (local.get $string) (i32.const 1)))
    (if (i32.lt_u (i32.sub (call $skip_string (local.get $string)) (local.get $string)) (i32.const 22))
      (then (return (global.get $NEVER))))
    (if (i32.eqz (i32.and
          (i32.and (call $is (i32.add (local.get $at) (i32.const 4)) (i32.const 45)) (call $is (i32.add (local.get $at) (i32.const 7)) (i32.const 45)))
          (i32.and (call $is (i32.add (local.get $at) (i32.const 13)) (i32.const 58)) (call $is (i32.add (local.get $at) (i32.const 16)) (i32.const 58)))))
      (then (return (global.get $NEVER))))
    (if (i32.eqz (i32.and
          (i32.and (call $within (i32.add (local.get $at) (i32.const 5)) (i64.const 1) (i64.const 12))
                   (call $within (i32.add (local.get $at) (i32.const 8)) (i64.const 1) (i64.const 31)))
          (i32.and (call $within (i32.add (local.get $at) (i32.const 11)) (i64.const 0) (i64.const 23))
                   (i32.and (call $within (i32.add (local.get $at) (i32.const 14)) (i64.const 0) (i64.const 59))
                            (call $within (i32.add (local.get $at) (i32.const 17)) (i64.const 0) (i64.const 60))))))
      (then (return (global.get $NEVER))))
    (local.set $date (call $days_from_1970 (call $digits (local.get $at) (i32.const 4))
      (call $digits (i32.add (local.get $at) (i32.const 5)) (i32.const 2))
      (call $digits (i32.add (local.get $at) (i32.const 8)) (i32.const 2))))
    (local.set $time (i64.add
      (i64.mul (i64.const 3600000) (call $digits (i32.add (local.get $at) (i32.const 11)) (i32.const 2)))
      (i64.add (i64.mul (i64.const 60000) (call $digits (i32.add (local.get $at) (i32.const 14)) (i32.const 2)))
        (i64.mul (i64.const 1000) (call $digits (i32.add (local.get $at) (i32.const 17)) (i32.const 2))))))
    ;; A digit of the year that was none left its mark.
    (if (i64.lt_s (local.get $date) (i64.const -719468)) (then (return (global.get $NEVER))))
    (local.set $at (i32.add (local.get $at) (i32.const 19)))
    (if (call $is (local.get $at) (i32.const 46)) (then
      (local.set $scale (i64.const 100))
      (loop $more
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (if (call $is_digit (local.get $at)) (then
          (local.set $fraction (i64.add (local.get $fraction)
            (i64.mul (local.get $scale) (call $digits (local.get $at) (i32.const 1)))))
          (local.set $scale (i64.div_u (local.get $scale) (i64.const 10)))
          (br $more))))))
    (if (i32.eqz (i32.and (call $is (local.get $at) (i32.const 90)) (call $is (i32.add (local.get $at) (i32.const 1)) (i32.const 34))))
      (then (return (global.get $NEVER))))
    (i64.add (i64.mul (local.get $date) (i64.const 86400000)) (i64.add (local.get $time) (local.get $fraction))))

  (func $now (result i64) (call $instant (call $member (global.get $request) (text "now"))))

  ;; Whole days between two instants, rounded down: -0.5 days are -1.
  (func $days (param $from i64) (param $until i64) (result i64)
    (local $span i64)
    (local.set $span (i64.sub (local.get $until) (local.get $from)))
    (i64.sub (i64.div_s (local.get $span) (i64.const 86400000))
      (i64.extend_i32_u (i64.lt_s (i64.rem_s (local.get $span) (i64.const 86400000)) (i64.const 0)))))
