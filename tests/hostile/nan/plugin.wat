;; A component whose finding has a measurement of 0 / 0.
(module
    (memory (export "memory") 1)
    (data (i32.const 512) "sm")
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "evidenced:check/checker@1.0.0#describe") (result i32) unreachable)
    (func (export "evidenced:check/checker@1.0.0#run") (param i32) (result i32)
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 512))
        (i32.store (i32.const 12) (i32.const 1))                                            ;; population
        (i32.store (i32.const 36) (i32.const 128)) (i32.store (i32.const 40) (i32.const 1)) ;; findings
        (i32.store (i32.const 128) (i32.const 512)) (i32.store (i32.const 132) (i32.const 1)) ;; subject
        (i32.store (i32.const 148) (i32.const 2))                                           ;; pass
        (i32.store (i32.const 160) (i32.const 256)) (i32.store (i32.const 164) (i32.const 1)) ;; measurements
        (i32.store (i32.const 256) (i32.const 513)) (i32.store (i32.const 260) (i32.const 1)) ;; name
        (f64.store (i32.const 264) (f64.div (f64.const 0) (f64.const 0)))                   ;; value
        (i32.const 0)))
