;; A component that has ten million table elements from the start.
(module
    (memory (export "memory") 1)
    (table 10000000 funcref)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "evidenced:check/checker@1.0.0#describe") (result i32) unreachable)
    (func (export "evidenced:check/checker@1.0.0#run") (param i32) (result i32)
        unreachable))
