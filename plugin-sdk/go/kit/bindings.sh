#!/bin/sh
# bindings.sh EVIDENCED FOLDER: the bindings of the contract as packages of the kit, which need no Go proxy.
set -eu
rm -rf "$2"
"$1" plugin bindings --lang go "$2" >/dev/null
rm -f "$2/go.mod"
# The program that they would be becomes a package; the types that they build on are those of kit/wit.
find "$2" -name '*.go' -exec sed -i \
    -e 's|"wit_component/export_evidenced_check_checker"|export_evidenced_check_checker "evidenced/kit/component"|' \
    -e 's|"wit_component/|"evidenced/kit/bindings/|' \
    -e 's|"go.bytecodealliance.org/pkg/wit/|"evidenced/kit/wit/|' \
    -e 's|^package main$|package bindings|' \
    -e '/^func main() /d' {} +
