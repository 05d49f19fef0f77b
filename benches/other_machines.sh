#!/usr/bin/env bash
# The workspace on machines that are not at hand.
#
#     benches/other_machines.sh
#
# Checks that it compiles for Windows and for Apple's ARM machines, and runs the core's tests on
# ARM Linux under emulation. Needs the targets of rustup, and for the emulation a cross compiler
# and QEMU's user mode (on Debian: gcc-aarch64-linux-gnu, qemu-user-static). The exit status is 1
# if anything failed, 2 if anything could not be run.
set -uo pipefail
cd "$(dirname "$0")/.."
table=() status=0

note() { table+=("$(printf '%-42s %s' "$1" "$2")"); }

try() {
    local name=$1
    shift
    printf '\n== %s ==\n' "$name"
    if "$@"; then note "$name" passed; else note "$name" FAILED && status=1; fi
}

missing() {
    note "$1" "not run: $2"
    [ $status -eq 0 ] && status=2
}

has_target() { rustup target list --installed 2>/dev/null | grep -qx "$1"; }

for target in x86_64-pc-windows-gnu aarch64-apple-darwin; do
    if has_target "$target"; then
        # Compiled, not linked: that takes the system's own linker. The bindings need the target's
        # Python, which abi3 spares on Windows and macOS links at run time.
        try "core for $target" cargo check --package logstar-core --tests --target "$target"
        try "bindings for $target" env PYO3_NO_PYTHON=1 \
            cargo check --package logstar-python --target "$target" \
            --features pyo3/extension-module
    else
        missing "core for $target" "rustup target add $target"
    fi
done

target=aarch64-unknown-linux-gnu
if ! has_target $target; then
    missing "core's tests on $target" "rustup target add $target"
elif ! command -v aarch64-linux-gnu-gcc >/dev/null || ! command -v qemu-aarch64-static >/dev/null; then
    missing "core's tests on $target" 'needs gcc-aarch64-linux-gnu and qemu-user-static'
else
    try "core's tests on $target" env \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER='qemu-aarch64-static -L /usr/aarch64-linux-gnu' \
        PROPTEST_CASES="${PROPTEST_CASES:-32}" \
        cargo test --package logstar-core --lib --target $target
fi

printf '\n'
printf '%s\n' "${table[@]}"
exit $status
