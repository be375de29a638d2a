#!/usr/bin/env bash
# Builds what is measured, as it is shipped, and measures it. See docs/performance.md.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh

need wrk wrk "it makes the load"
scripts/tools.sh auditable
say "building Tollgate as it is shipped, and what it is measured with; this takes some minutes the first time"
program=$(scripts/image.sh program)
cargo bench --locked --bench send --no-run
say "measuring: three rounds, about five minutes"
cargo bench --quiet --locked --bench send -- --product "$program" "$@"
