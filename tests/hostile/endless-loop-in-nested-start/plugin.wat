;; A component with a component in it whose module never is ready.
(component
    (component $inner
        (core module $loops (func $start (loop $for_ever (br $for_ever))) (start $start))
        (core instance (instantiate $loops)))
    (instance (instantiate $inner))
    (core module $nothing (func (export "run") (result i32) (i32.const 0)))
    (core instance $nothing (instantiate $nothing))
    (func $run (result (result)) (canon lift (core func $nothing "run")))
    (instance $run (export "run" (func $run)))
    (export "wasi:cli/run@0.2.0" (instance $run)))
