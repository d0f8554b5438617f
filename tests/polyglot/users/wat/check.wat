  ;; Judges the age of every key of every user of an API, in rounds: one for each page of users, and one for the keys of all.
  ;; The memo is {"users":["u001",…],"page":2}: the users so far, and the page that was asked for; without a page the keys were.

  (func $describe
    (call $say (text "{\"contract\":\"1.0\",\"name\":\"users\",\"version\":\"0.1.0\",\"summary\":\""))
    (call $say (text "Every key of every user is young\",\"needs\":{\"hosts\":[\"/url\"]},\"config_schema\":"))
    (call $say (global.get $schema))
    (call $say (text "}")))

  (func $config (param $name i32) (result i32)
    (call $member (call $member (global.get $request) (text "config")) (local.get $name)))

  (func $check
    (local $memo i32) (local $page i32) (local $answer i32)
    (local.set $memo (call $member (global.get $request) (text "memo")))
    (local.set $page (call $member (local.get $memo) (text "page")))
    (local.set $answer (call $first (call $member (global.get $request) (text "answers"))))
    (global.set $scope (text "every key of every user, to the last page"))
    (if (i32.eqz (call $is_object (local.get $memo))) (then
      (call $ask_for_page (text "1"))
      (call $memo)
      (call $say (text "{\"users\":[],\"page\":1}"))
      (call $end_round)))
    (if (local.get $page)
      (then (call $take_page (call $member (local.get $memo) (text "users")) (local.get $page) (local.get $answer)))
      (else (call $judge_keys (call $first (call $member (local.get $memo) (text "users"))) (local.get $answer)))))

  ;; ---- Pages ----

  (func $say_page_url (param $page i32)
    (call $say_string (call $config (text "url")))
    (call $say (text "/users?page="))
    (call $say_value (local.get $page)))

  (func $ask_for_page (param $page i32)
    (call $ask (text "page-") (i64.trunc_sat_f64_s (call $number (call $member (global.get $request) (text "round")))))
    (call $say_page_url (local.get $page))
    (call $asked))

  (func $take_page (param $users i32) (param $page i32) (param $answer i32)
    (local $body i32) (local $next i32)
    (if (i32.eqz (call $member (local.get $answer) (text "ok"))) (then
      (call $failure (call $kind_of_error (local.get $answer)))
      (call $say (text "users: "))
      (call $say_error (local.get $answer))
      (call $source)
      (call $say_page_url (local.get $page))
      (call $end_failure)))
    (local.set $body (call $body (local.get $answer)))
    (local.set $next (call $member (local.get $body) (text "next")))
    (if (i32.eqz (i32.or (i32.eqz (local.get $body)) (i32.or (call $is_null (local.get $next)) (call $is_number (local.get $next)))))
      (then (call $fail_at (local.get $page) (text "users: the answer does not say whether it is the last page"))))
    (if (i32.eqz (call $is_array (call $member (local.get $body) (text "users"))))
      (then (call $fail_at (local.get $page) (text "users: the answer is not the JSON that was expected"))))
    (if (call $is_null (local.get $next))
      (then (call $ask_for_keys (local.get $users) (local.get $body)))
      (else (call $ask_for_page (local.get $next))))
    (call $memo)
    (call $say (text "{\"users\":["))
    (call $say_users (local.get $users) (local.get $body))
    (call $say (text "]"))
    (if (call $is_number (local.get $next)) (then (call $say (text ",\"page\":")) (call $say_value (local.get $next))))
    (call $say (text "}"))
    (call $end_round))

  (func $fail_at (param $page i32) (param $why i32)
    (call $failure (text "bad-input"))
    (call $say (local.get $why))
    (call $source)
    (call $say_page_url (local.get $page))
    (call $end_failure))

  ;; The ids of the memo, and those of the newest page behind them, as items of an array.
  (func $say_users (param $users i32) (param $body i32)
    (local $user i32) (local $behind i32)
    (local.set $user (call $first (local.get $users)))
    (loop $old (if (local.get $user) (then
      (if (local.get $behind) (then (call $say (text ","))))
      (local.set $behind (i32.const 1))
      (call $say_value (local.get $user))
      (local.set $user (call $next (local.get $user)))
      (br $old))))
    (local.set $user (call $first (call $member (local.get $body) (text "users"))))
    (loop $new (if (local.get $user) (then
      (if (local.get $behind) (then (call $say (text ","))))
      (local.set $behind (i32.const 1))
      (call $say (text "\""))
      (call $say_string (call $member (local.get $user) (text "id")))
      (call $say (text "\""))
      (local.set $user (call $next (local.get $user)))
      (br $new)))))

  ;; ---- Keys ----

  ;; All of them in one round. Where there is no user there is nothing to ask: the report is made at once.
  (func $ask_for_keys (param $users i32) (param $body i32)
    (local $user i32) (local $number i64)
    (local.set $user (call $first (local.get $users)))
    (loop $old (if (local.get $user) (then
      (local.set $number (i64.add (local.get $number) (i64.const 1)))
      (call $ask_for_keys_of (local.get $user) (local.get $number))
      (local.set $user (call $next (local.get $user)))
      (br $old))))
    (local.set $user (call $first (call $member (local.get $body) (text "users"))))
    (loop $new (if (local.get $user) (then
      (local.set $number (i64.add (local.get $number) (i64.const 1)))
      (call $ask_for_keys_of (call $member (local.get $user) (text "id")) (local.get $number))
      (local.set $user (call $next (local.get $user)))
      (br $new))))
    (if (i64.eqz (local.get $number)) (then (call $end_report))))

  (func $ask_for_keys_of (param $user i32) (param $number i64)
    (call $ask (text "keys-") (local.get $number))
    (call $say_string (call $config (text "url")))
    (call $say (text "/users/"))
    (call $say_string (local.get $user))
    (call $say (text "/keys"))
    (call $asked))

  (func $judge_keys (param $user i32) (param $answer i32)
    (local $keys i32) (local $key i32)
    (loop $users (if (i32.and (i32.ne (local.get $user) (i32.const 0)) (i32.ne (local.get $answer) (i32.const 0))) (then
      (local.set $keys (call $member (call $body (local.get $answer)) (text "keys")))
      (local.set $key (call $first (local.get $keys)))
      (if (i32.eqz (call $is_array (local.get $keys))) (then (call $no_keys (local.get $user) (local.get $answer))))
      (loop $more (if (local.get $key) (then
        (call $look_at_key (local.get $user) (local.get $key))
        (local.set $key (call $next (local.get $key)))
        (br $more))))
      (local.set $user (call $next (local.get $user)))
      (local.set $answer (call $next (local.get $answer)))
      (br $users)))))

  (func $no_keys (param $user i32) (param $answer i32)
    (call $subject)
    (call $say_string (local.get $user))
    (call $message)
    (call $say (text "keys: "))
    (if (call $member (local.get $answer) (text "ok"))
      (then (call $say (text "the answer is not the JSON that was expected")))
      (else (call $say_error (local.get $answer))))
    (call $judge (global.get $ERROR)))

  (func $look_at_key (param $user i32) (param $key i32)
    (local $created i64) (local $days i64) (local $max i32)
    (local.set $created (call $instant (call $member (local.get $key) (text "created"))))
    (local.set $days (call $days (local.get $created) (call $now)))
    (local.set $max (call $config (text "max_age_days")))
    (call $subject)
    (call $say_string (local.get $user))
    (call $say (text "/"))
    (call $say_string (call $member (local.get $key) (text "id")))
    (call $message)
    (if (i64.eq (local.get $created) (global.get $NEVER)) (then
      (call $say (text "it is not known when the key was created"))
      (call $judge (global.get $ERROR))
      (return)))
    (call $say (text "created "))
    (call $say_integer (local.get $days))
    (call $say (text " days ago, at most "))
    (call $say_value (local.get $max))
    (call $say (text " are allowed"))
    (call $measure_integer (text "age") (local.get $days) (text "d") (local.get $max))
    (call $judge (f64.le (f64.convert_i64_s (local.get $days)) (call $number (local.get $max)))))
