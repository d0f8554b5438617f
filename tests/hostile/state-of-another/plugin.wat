;; A command that tells what it is given of its state, which is none; that of `sibling` has a value.
(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 2)
    (func $print (param $fd i32) (param $at i32) (param $len i32)
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (local.get $len))
        (drop (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
    (func (export "_start")
        (local $at i32)
        (i32.store (i32.const 0) (i32.const 4096)) (i32.store (i32.const 4) (i32.const 60000))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (local.set $at (i32.const 4096))
        ;; "state":
        (loop $next
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br_if $next (i64.ne (i64.load (local.get $at)) (i64.const 0x3a22657461747322)))
            )
        (call $print (i32.const 2) (local.get $at) (i32.const 10))
        (call $exit (i32.const 1))))
