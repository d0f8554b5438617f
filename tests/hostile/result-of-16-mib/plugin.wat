;; A component whose report has a summary of 16 MiB.
(module
    (memory (export "memory") 320)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "evidenced:check/checker@1.0.0#describe") (result i32) unreachable)
    (func (export "evidenced:check/checker@1.0.0#run") (param i32) (result i32)
        (memory.fill (i32.const 65536) (i32.const 97) (i32.const 16777216))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 128))
        (i32.store (i32.const 4) (i32.const 65536))
        (i32.store (i32.const 8) (i32.const 16777216))
        (i32.const 0)))
