;; A component that opens its input again and again, and closes nothing.
(module
    (import "evidenced:check/inputs@1.0.0" "open" (func $open (param i32 i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 64) "a")
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "evidenced:check/checker@1.0.0#describe") (result i32) unreachable)
    (func (export "evidenced:check/checker@1.0.0#run") (param i32) (result i32)
        (loop $again
            (call $open (i32.const 64) (i32.const 1) (i32.const 512))
            (br $again))
        unreachable))
