;; A component whose check is of a known version, and whose `http` is not.
(component
    (import "evidenced:check/http@1.1.0" (instance (export "send" (func))))
    (core module $nothing (func (export "f")))
    (core instance $nothing (instantiate $nothing))
    (func $f (canon lift (core func $nothing "f")))
    (instance $checker (export "describe" (func $f)) (export "run" (func $f)))
    (export "evidenced:check/checker@1.0.0" (instance $checker)))
