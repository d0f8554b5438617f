package main

// In a component, the host's calls come through the bindings; natively there are none.
import _ "evidenced/kit/bindings"
