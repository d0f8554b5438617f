;; A component that takes memory, a mebibyte at a time, and touches it.
(module
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "evidenced:check/checker@1.0.0#describe") (result i32) unreachable)
    (func (export "evidenced:check/checker@1.0.0#run") (param i32) (result i32)
        (loop $more
            (i32.store (i32.shl (memory.grow (i32.const 16)) (i32.const 16)) (i32.const 1))
            (br $more))
        unreachable))
