#!/bin/sh
# Builds the standard library for WebAssembly once, with Debian's compiler and its own source, and lays it out as an
# installed target. No root is needed, and no later build uses an unstable flag.   usage: wasm-std.sh SYSROOT
set -eu
target=wasm32-unknown-unknown
sysroot=$1
rustc=${DEBIAN_RUSTC:-/usr/bin/rustc}
version=$("$rustc" -vV)
std=$("$rustc" --print sysroot)/lib/rustlib/src/rust/library/std/src/lib.rs
[ -e "$std" ] || { echo "missing $std: apt-get install --no-install-recommends rust-web-src" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
echo '#![no_std]' >"$work/src/lib.rs"
cat >"$work/Cargo.toml" <<'MANIFEST'
[package]
name = "empty"
version = "0.0.0"
edition = "2024"

[workspace]

[profile.release]
opt-level = "s"
debug = false
codegen-units = 1
panic = "abort"
MANIFEST
mkdir -p "$sysroot"
sysroot=$(cd "$sysroot" && pwd)
echo "Compiling the standard library for $target, once" >&2
(cd "$work" && env -u CARGO_ENCODED_RUSTFLAGS -u RUSTC_WRAPPER RUSTC="$rustc" RUSTC_BOOTSTRAP=1 \
    CARGO_TARGET_DIR="$work/target" \
    RUSTFLAGS="-Cembed-bitcode=yes --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo" \
    "${CARGO:-cargo}" build --quiet --release --target $target -Zbuild-std=std,panic_abort)
library=$sysroot/lib/rustlib/$target/lib
rm -rf "$library"
mkdir -p "$library"
cp "$work/target/$target/release/deps"/*.rlib "$library"
rm -f "$library"/libempty-*.rlib
echo "$version" >"$sysroot/rustc-version"
