;; A component that writes zeroes to its output, for ever.
(module
    (import "wasi:cli/stdout@0.2.3" "get-stdout" (func $stdout (result i32)))
    (import "wasi:io/streams@0.2.3" "[method]output-stream.write-zeroes" (func $zeroes (param i32 i64 i32)))
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "evidenced:check/checker@1.0.0#describe") (result i32) unreachable)
    (func (export "evidenced:check/checker@1.0.0#run") (param i32) (result i32)
        (local $output i32)
        (local.set $output (call $stdout))
        (loop $again
            (call $zeroes (local.get $output) (i64.const 65536) (i32.const 512))
            (br $again))
        unreachable))
