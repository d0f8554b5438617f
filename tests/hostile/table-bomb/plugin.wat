;; A component that makes its table larger, for ever.
(module
    (memory (export "memory") 1)
    (table 1 funcref)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "evidenced:check/checker@1.0.0#describe") (result i32) unreachable)
    (func (export "evidenced:check/checker@1.0.0#run") (param i32) (result i32)
        (loop $more (drop (table.grow 0 (ref.null func) (i32.const 1000))) (br $more))
        unreachable))
