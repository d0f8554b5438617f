;; A component whose report is small as it lies in memory: 10,000 findings, whose messages all are the same mebibyte.
;; Lifted, they would be 10 GB.
(module
    (memory (export "memory") 64)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "evidenced:check/checker@1.0.0#describe") (result i32) unreachable)
    (func (export "evidenced:check/checker@1.0.0#run") (param i32) (result i32)
        (local $finding i32)
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536))
        (local.set $finding (i32.const 65536))
        (loop $next
            (i32.store offset=24 (local.get $finding) (i32.const 1048576))
            (i32.store offset=28 (local.get $finding) (i32.const 1048576))
            (local.set $finding (i32.add (local.get $finding) (i32.const 72)))
            (br_if $next (i32.lt_u (local.get $finding) (i32.const 785536))))
        (i32.store (i32.const 12) (i32.const 10000))
        (i32.store (i32.const 36) (i32.const 65536))
        (i32.store (i32.const 40) (i32.const 10000))
        (i32.const 0)))
