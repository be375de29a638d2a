#!/usr/bin/env bash
# Builds what is measured, as it is shipped, and measures it. See docs/performance.md.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh

need wrk wrk "it makes the load"
say "building what is measured as it is shipped; this takes some minutes the first time"
cargo bench --quiet --locked --bench send --no-run
say "measuring: three rounds, about three minutes"
cargo bench --quiet --locked --bench send -- "$@"
