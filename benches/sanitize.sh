#!/usr/bin/env bash
# The core's tests under AddressSanitizer, ThreadSanitizer and Miri, and its kernels against
# independent truth for some minutes.
#
#     benches/sanitize.sh [seconds of fuzzing, default 120]
#
# Sanitizers need a nightly toolchain with the sources of the standard library, Miri its component:
#
#     rustup toolchain install nightly --component rust-src --component miri
#
# What is not at hand is named in the table at the end and is not counted as passed. The exit
# status is 1 if anything failed, 2 if anything could not be run.
set -uo pipefail
cd "$(dirname "$0")/.."
fuzz_seconds=${1:-120}
host=$(rustc -vV | sed -n 's/^host: //p')
table=() status=0

note() { table+=("$(printf '%-18s %-8s %s' "$1" "$2" "$3")"); }

# try NAME SECONDS COMMAND...: runs it, with a limit on its time.
try() {
    local name=$1 seconds=$2 started=$SECONDS
    shift 2
    printf '\n== %s ==\n' "$name"
    timeout "$seconds" "$@"
    local code=$?
    if [ $code -eq 0 ]; then
        note "$name" passed "$((SECONDS - started)) s"
    elif [ $code -eq 124 ]; then
        note "$name" 'timed out' "after $seconds s"
        status=1
    else
        note "$name" FAILED "exit status $code"
        status=1
    fi
}

missing() {
    note "$1" 'not run' "$2"
    [ $status -eq 0 ] && status=2
}

has() { rustup component list --toolchain nightly --installed 2>/dev/null | grep -q "^$1"; }

# Few cases of each property: sanitized code is slow, and the properties run in full elsewhere.
export PROPTEST_CASES=${PROPTEST_CASES:-16}
# Tests ask for more memory than there is, and are to be told so.
export ASAN_OPTIONS=allocator_may_return_null=1 TSAN_OPTIONS=allocator_may_return_null=1
build_std=(-Zbuild-std --target "$host")
if ! rustup run nightly rustc --version >/dev/null 2>&1; then
    for name in AddressSanitizer ThreadSanitizer Miri; do missing "$name" 'no nightly toolchain'; done
else
    if has rust-src; then
        try AddressSanitizer 1200 env RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=target/asan \
            cargo +nightly test --package logstar-core --lib "${build_std[@]}"
        try ThreadSanitizer 1200 env RUSTFLAGS=-Zsanitizer=thread CARGO_TARGET_DIR=target/tsan \
            cargo +nightly test --package logstar-core --lib "${build_std[@]}"
    else
        missing AddressSanitizer 'no component rust-src'
        missing ThreadSanitizer 'no component rust-src'
    fi
    if has miri; then
        # Interpreted, a test takes some thousand times as long: those of the code that is unsafe,
        # on vectors without instructions of their own. The clock is not isolated, as the property
        # tests read it. Memory that no machine has ends Miri itself.
        try Miri 1200 env PROPTEST_CASES=2 PROPTEST_MAX_SHRINK_ITERS=0 \
            MIRIFLAGS='-Zmiri-disable-isolation' CARGO_TARGET_DIR=target/miri \
            cargo +nightly miri test --package logstar-core --lib -- \
            image::tests simd::tests memory::tests guard::tests parallel::tests small_tiles \
            --skip no_machine_has --skip half_of_all_there_is_not
    else
        missing Miri 'no component miri'
    fi
fi
if python -c 'import logstar._core' 2>/dev/null; then
    try 'kernel fuzz' $((fuzz_seconds + 300)) \
        python benches/fuzz_kernels.py --seconds "$fuzz_seconds" --no-giants
else
    missing 'kernel fuzz' 'logstar is not installed'
fi

printf '\n'
printf '%s\n' "${table[@]}"
exit $status
