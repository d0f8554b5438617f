;; A component that floods its log with what clears a terminal and renames its window.
(module
    (import "evidenced:check/log@1.0.0" "write" (func $write (param i32 i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 64) "\1b[2J\1b]0;owned\07 all controls passed")
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "evidenced:check/checker@1.0.0#describe") (result i32) unreachable)
    (func (export "evidenced:check/checker@1.0.0#run") (param i32) (result i32)
        (loop $again
            (call $write (i32.const 3) (i32.const 64) (i32.const 34))
            (br $again))
        unreachable))
