;; A component that fills 100 MiB with zeroes, again and again: each time is one instruction.
(module
    (memory (export "memory") 1600)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "evidenced:check/checker@1.0.0#describe") (result i32) unreachable)
    (func (export "evidenced:check/checker@1.0.0#run") (param i32) (result i32)
        (loop $again
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 104857600))
            (br $again))
        unreachable))
