#!/usr/bin/env bash
# Builds Tollgate as it is shipped and measures the guard with made-up traces. See docs/replay.md.
#
#   scripts/fraud.sh [--only WORDS] [--seed N] [--rules]
#
# TOLLGATE names another binary, which is then not built.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh

need python3 python3 "it draws the table"
if [ -z "${TOLLGATE:-}" ]; then
    say "building Tollgate as it is shipped; this takes some minutes the first time"
    cargo build --release --locked
fi
say "replaying, some minutes; every figure is of the attack and the four hours after it"
say ""
exec python3 scripts/fraud.py "${TOLLGATE:-target/release/tollgate}" "$@"
