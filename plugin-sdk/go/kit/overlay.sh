#!/bin/sh
# overlay.sh GOROOT FOLDER: copies of three files of Go's runtime, mended, and an overlay.json for `go build -overlay`.
#
# In a component there is a second user of the memory: the adapter between preview 1 and 0.2 of WASI grows it for its own
# page. Go's allocator believes that nobody else does, hands that page out, and both write to it. Here it looks first.
#
# And nothing may be imported while the host asks for memory, where the collector may set in, which reads the clocks and
# may sleep. Here they stand still meanwhile; kit/wit/runtime says when.
set -eu
goroot=$1
folder=$2

mended() { # FILE SCRIPT COUNT: the file after a script of sed, which must have changed so many lines
    sed "$2" "$goroot/src/runtime/$1" > "$folder/$1"
    changed=$(diff "$goroot/src/runtime/$1" "$folder/$1" | grep -c '^>') || true
    [ "$changed" = "$3" ] || { echo "this version of Go has another runtime/$1: pin another" >&2; exit 1; }
}

look='if top := uintptr(currentMemory()) * physPageSize; top > blocMax { bloc, blocMax = top, top }'

mkdir -p "$folder"
mended mem_wasm.go "s|^	bl := bloc\$|	$look\n&|" 1
mended mem_sbrk.go "s|^		p = alignUp(bloc, align)\$|		$look\n&|" 1
mended os_wasip1.go "
/^func walltime1()/i var lastWall, lastNano timestamp\n//go:linkname hostAsks\nvar hostAsks bool
/^func walltime1()/,/^}/ s|^	var time timestamp|	if hostAsks { return int64(lastWall / 1000000000), int32(lastWall % 1000000000) }\n&|
/^func walltime1()/,/^}/ s|^	return|	lastWall = time\n&|
/^func nanotime1()/,/^}/ s|^	var time timestamp|	if hostAsks { return int64(lastNano) }\n&|
/^func nanotime1()/,/^}/ s|^	return|	lastNano = time\n&|
/^func usleep(/,/^}/ s|^	var in subscription|	if hostAsks { return }\n&|
" 8

printf '{ "Replace": { ' > "$folder/overlay.json.new"
for file in mem_wasm.go mem_sbrk.go os_wasip1.go; do
    [ $file = mem_wasm.go ] || printf ', ' >> "$folder/overlay.json.new"
    printf '"%s": "%s"' "$goroot/src/runtime/$file" "$folder/$file" >> "$folder/overlay.json.new"
done
echo ' } }' >> "$folder/overlay.json.new"
mv "$folder/overlay.json.new" "$folder/overlay.json"
