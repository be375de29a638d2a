#!/usr/bin/env bash
# Every check and every test, with one closing count. A failure does not hide what comes after it.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh

log=.cache/test.log
passed=0
failed=0
broken=()

# Runs one check under a heading.
check() {
    local name=$1 start=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    if "$@"; then
        passed=$((passed + 1))
        say "-- ok, $((SECONDS - start)) s"
    else
        failed=$((failed + 1))
        broken+=("$name")
        say "-- FAILED, $((SECONDS - start)) s"
    fi
}

# The one line that a reader, or a machine, looks for.
close() {
    local name
    printf '\n'
    for name in ${broken[@]+"${broken[@]}"}; do
        say "failed: $name"
    done
    say "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}

# All tests of the package: each counts for itself, not as one check more.
tests() {
    local status=0 start=$SECONDS tests_passed tests_failed ignored
    printf '\n== tests\n'
    cargo test --locked --no-fail-fast 2>&1 | tee "$log" || status=$?
    read -r tests_passed tests_failed ignored < <(
        awk '/^test result:/ { p += $4; f += $6; i += $8 } END { print p + 0, f + 0, i + 0 }' "$log"
    )
    if [ "$ignored" != 0 ]; then
        say "$ignored tests were left out; every test runs"
        tests_failed=$((tests_failed + ignored))
    fi
    # A build that failed counts nothing.
    if [ "$tests_passed" = 0 ] || { [ "$status" != 0 ] && [ "$tests_failed" = 0 ]; }; then
        say "not every test was run; see the lines above"
        tests_failed=$((tests_failed + 1))
    fi
    passed=$((passed + tests_passed))
    failed=$((failed + tests_failed))
    [ "$tests_failed" = 0 ] || broken+=("tests")
    say "-- $tests_passed passed, $tests_failed failed, $((SECONDS - start)) s"
}

check "tools" scripts/tools.sh
[ "$failed" = 0 ] || { close || exit 1; }
check "format" make --no-print-directory check-format
check "clippy" make --no-print-directory clippy
check "rustdoc" make --no-print-directory doc
check "proto" make --no-print-directory proto
check "dependencies" make --no-print-directory deny
check "scripts" make --no-print-directory check-scripts
check "image" make --no-print-directory image
tests
close
