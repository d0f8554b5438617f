;; A component that exports the check under another version.
(component
    (core module $nothing (func (export "f")))
    (core instance $nothing (instantiate $nothing))
    (func $f (canon lift (core func $nothing "f")))
    (instance $checker (export "describe" (func $f)) (export "run" (func $f)))
    (export "evidenced:check/checker@1.0.0-rc1" (instance $checker)))
