;; A component that asks for ever and never listens.
(module
    (import "evidenced:check/http@1.0.0" "send"
        (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 64) "GEThttp://127.0.0.1:1/")
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "evidenced:check/checker@1.0.0#describe") (result i32) unreachable)
    (func (export "evidenced:check/checker@1.0.0#run") (param i32) (result i32)
        (loop $again
            (call $send
                (i32.const 64) (i32.const 3)                   ;; method
                (i32.const 67) (i32.const 19)                  ;; url
                (i32.const 0) (i32.const 0)                    ;; headers
                (i32.const 0) (i32.const 0) (i32.const 0)      ;; body
                (i32.const 0) (i32.const 0) (i32.const 0)      ;; auth
                (i32.const 0) (i32.const 0)                    ;; accept
                (i32.const 0)                                  ;; timeout-ms
                (i32.const 512))                               ;; where the answer goes
            (br $again))
        unreachable))
