;; A component that asks for more random bytes than there is memory.
(module
    (import "wasi:random/random@0.2.3" "get-random-bytes" (func $random (param i64 i32)))
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "evidenced:check/checker@1.0.0#describe") (result i32) unreachable)
    (func (export "evidenced:check/checker@1.0.0#run") (param i32) (result i32)
        (call $random (i64.const 0x7fffffffffffffff) (i32.const 512))
        unreachable))
