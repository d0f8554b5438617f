;; A component whose instances are never ready.
(module
    (memory (export "memory") 1)
    (func $start (loop $for_ever (br $for_ever)))
    (start $start)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "evidenced:check/checker@1.0.0#describe") (result i32) unreachable)
    (func (export "evidenced:check/checker@1.0.0#run") (param i32) (result i32) unreachable))
