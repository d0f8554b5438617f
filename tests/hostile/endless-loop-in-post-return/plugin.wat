;; A component that reports, and then never ends to tidy up.
(module
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "evidenced:check/checker@1.0.0#describe") (result i32) unreachable)
    (func (export "evidenced:check/checker@1.0.0#run") (param i32) (result i32)
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 128))
        (i32.const 0))
    (func (export "cabi_post_evidenced:check/checker@1.0.0#run") (param i32) (loop $for_ever (br $for_ever))))
