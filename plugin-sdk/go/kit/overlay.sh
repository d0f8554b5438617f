#!/bin/sh
# overlay.sh GOROOT FOLDER: copies of two files of Go's runtime, mended, and an overlay.json for `go build -overlay`.
#
# In a component there is a second user of the memory: the adapter between preview 1 and 0.2 of WASI grows it for its own
# page. Go's allocator believes that nobody else does, hands that page out, and both write to it. Here it looks first.
set -eu
goroot=$1
folder=$2
look='if top := uintptr(currentMemory()) * physPageSize; top > blocMax { bloc, blocMax = top, top }'

mended() { # FILE LINE: the file with a look before the one line that begins so
    sed "s|^\(	*\)$2|\1$look\n&|" "$goroot/src/runtime/$1" > "$folder/$1"
    [ "$(grep -cF "$look" "$folder/$1")" = 1 ] || { echo "this version of Go has another runtime/$1: pin another" >&2; exit 1; }
}

mkdir -p "$folder"
mended mem_wasm.go 'bl := bloc'
mended mem_sbrk.go 'p = alignUp(bloc, align)'
printf '{ "Replace": { "%s": "%s", "%s": "%s" } }\n' \
    "$goroot/src/runtime/mem_wasm.go" "$folder/mem_wasm.go" \
    "$goroot/src/runtime/mem_sbrk.go" "$folder/mem_sbrk.go" > "$folder/overlay.json"
