#!/bin/sh
# Calls cargo with a compiler that has the standard library of WebAssembly.   usage: wasm-cargo.sh CACHE ARGUMENTS...
#
# The first that works: the installed compiler; the same after `rustup target add`; Debian's compiler with a standard
# library that was prepared before (`WASM_SYSROOT` may name it, else CACHE/wasm-sysroot); Debian's with one prepared now.
set -eu
target=wasm32-unknown-unknown
cache=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
debian=${DEBIAN_RUSTC:-/usr/bin/rustc}
sysroot=${WASM_SYSROOT:-$cache/wasm-sysroot}
packages="rustc-web rust-web-src cargo-web lld-19"
mkdir -p "$cache"

has_std() {
    library=$("${RUSTC:-rustc}" --print target-libdir --target $target 2>/dev/null) || return 1
    set -- "$library"/libstd-*.rlib
    [ -e "$1" ]
}

# Asked once for each compiler: where rustup reaches nothing, each try takes its time.
rustup_adds_it() {
    command -v rustup >/dev/null || return 1
    version=$(rustc -vV) || return 1
    [ "$(cat "$cache/rustup-has-no-target" 2>/dev/null)" != "$version" ] || return 1
    rustup target add $target >/dev/null 2>&1 && has_std && return 0
    echo "$version" >"$cache/rustup-has-no-target"
    return 1
}

prepared() {
    set -- "$sysroot/lib/rustlib/$target/lib"/libstd-*.rlib
    [ -e "$1" ] && [ "$(cat "$sysroot/rustc-version" 2>/dev/null)" = "$("$debian" -vV)" ]
}

missing() {
    echo "no standard library of WebAssembly: run \"rustup target add $target\", or on Debian" \
        "\"apt-get install --no-install-recommends $packages\"" >&2
    exit 1
}

linker() {
    host=$("$debian" -vV | sed -n 's/^host: //p')
    for candidate in "$(rustc --print sysroot 2>/dev/null)/lib/rustlib/$host/bin/rust-lld" \
        wasm-ld wasm-ld-21 wasm-ld-20 wasm-ld-19 wasm-ld-18; do
        command -v "$candidate" && return 0
    done
    echo "no linker for WebAssembly: on Debian \"apt-get install --no-install-recommends lld-19\"" >&2
    return 1
}

# Messages of panics name source files; the machine that built a plugin must not show in its bytes.
flags="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$PWD=/src"
if ! has_std && ! rustup_adds_it; then
    if [ ! -x "$debian" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        (apt-get update && apt-get install --yes --no-install-recommends $packages) >&2 || missing
    fi
    [ -x "$debian" ] || missing
    if ! prepared; then
        [ -z "${WASM_SYSROOT:-}" ] || echo "WASM_SYSROOT=$sysroot is not of $("$debian" -V): it is prepared anew" >&2
        DEBIAN_RUSTC=$debian "$here/wasm-std.sh" "$sysroot"
    fi
    export RUSTC="$debian" CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$(linker)
    flags="$flags --sysroot=$(cd "$sysroot" && pwd)"
fi
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="$flags"
exec "${CARGO:-cargo}" "$@" --target $target
