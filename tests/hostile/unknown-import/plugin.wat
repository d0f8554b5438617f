;; A component that wants a shell.
(component
    (import "evil:host/shell@1.0.0" (instance (export "run" (func (param "command" string)))))
    (core module $nothing (func (export "f")))
    (core instance $nothing (instantiate $nothing))
    (func $f (canon lift (core func $nothing "f")))
    (instance $run (export "run" (func $f)))
    (export "wasi:cli/run@0.2.0" (instance $run)))
