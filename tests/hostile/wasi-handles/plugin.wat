;; A component that opens its output again and again, and closes nothing.
(module
    (import "wasi:cli/stdout@0.2.3" "get-stdout" (func $stdout (result i32)))
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "evidenced:check/checker@1.0.0#describe") (result i32) unreachable)
    (func (export "evidenced:check/checker@1.0.0#run") (param i32) (result i32)
        (loop $again
            (drop (call $stdout))
            (br $again))
        unreachable))
