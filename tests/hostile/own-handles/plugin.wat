;; A component that makes resources of its own kind, which lie in the host's tables, and gives none back.
(component
    (type $thing (resource (rep i32)))
    (core func $new (canon resource.new $thing))
    (core module $program
        (import "thing" "new" (func $new (param i32) (result i32)))
        (func (export "run") (result i32)
            (loop $again
                (drop (call $new (i32.const 1)))
                (br $again))
            unreachable))
    (core instance $program (instantiate $program (with "thing" (instance (export "new" (func $new))))))
    (func $run (result (result)) (canon lift (core func $program "run")))
    (instance $run (export "run" (func $run)))
    (export "wasi:cli/run@0.2.0" (instance $run)))
