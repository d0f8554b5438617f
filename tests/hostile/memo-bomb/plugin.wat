;; A command that remembers more than a mebibyte for its next round.
(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 24)
    (data (i32.const 32) "{\22ask\22:[{\22id\22:\22a\22,\22tls\22:{\22host\22:\22h\22,\22port\22:1}}],\22memo\22:\22")
    (data (i32.const 512) "\22}")
    (func (export "_start")
        (memory.fill (i32.const 65536) (i32.const 65) (i32.const 1100000))
        (i32.store (i32.const 0) (i32.const 32)) (i32.store (i32.const 4) (i32.const 56))
        (i32.store (i32.const 8) (i32.const 65536)) (i32.store (i32.const 12) (i32.const 1100000))
        (i32.store (i32.const 16) (i32.const 512)) (i32.store (i32.const 20) (i32.const 2))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 3) (i32.const 24)))))
