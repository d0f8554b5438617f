;; A command that wants the machine's own credentials.
;; Round 1 asks, round 2 tells its log what it was answered, and gives up.
(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 2)
    (data (i32.const 32) "{\22ask\22:[{\22id\22:\22a\22,\22http\22:{\22method\22:\22GET\22,\22url\22:\22http://169.254.169.254/latest/meta-data/\22}}]}")
    (data (i32.const 512) "\ngiven up\n")
    (func $print (param $fd i32) (param $at i32) (param $len i32)
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (local.get $len))
        (drop (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
    (func (export "_start")
        (i32.store (i32.const 0) (i32.const 1024))
        (i32.store (i32.const 4) (i32.const 65536))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        ;; {"contract":"1.0","round":1
        (if (i32.ne (i32.load8_u (i32.const 1050)) (i32.const 0x32))
            (then (call $print (i32.const 1) (i32.const 32) (i32.const 93)))
            (else
                (call $print (i32.const 2) (i32.const 1024) (i32.load (i32.const 8)))
                (call $print (i32.const 2) (i32.const 512) (i32.const 10))
                (call $exit (i32.const 1))))))
