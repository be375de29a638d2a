#!/usr/bin/env bash
# Builds a Kubernetes control plane, once, and tries the chart on it.
#
#   scripts/cluster.sh [test [WORD…]]   every story of tests/cluster, or those with a WORD in their name
#   scripts/cluster.sh up               runs the control plane until it is interrupted, to try things by hand
#   scripts/cluster.sh build            only builds, and prints where
#
# The programs are kept outside of the checkout, in ~/.cache/tollgate or where XDG_CACHE_HOME says.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh

task=${1:-test}
[ $# = 0 ] || shift
need python3 python3 "the stories of tests/cluster are written in it"
programs=$(scripts/cluster/build.sh)
[ "$task" = build ] || scripts/tools.sh helm
case $task in
    build) say "$programs" ;;
    up) exec python3 tests/cluster --programs "$programs" --up ;;
    test) exec python3 tests/cluster --programs "$programs" "$@" ;;
    *) fail "there is no task $task; see the head of scripts/cluster.sh" ;;
esac
