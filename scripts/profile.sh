#!/usr/bin/env bash
# Records anew what the shipped program is compiled by, benches/send/profile.gz. See docs/performance.md.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh

# What reads the records: it must be of the compiler's own version of LLVM, as a part of the toolchain or as a package.
version=$(rustc --version --verbose | sed -n 's/^LLVM version: \([0-9]*\)\..*/\1/p')
merge=$(rustc --print sysroot)/lib/rustlib/$(rustc --print host-tuple)/bin/llvm-profdata
if [ ! -x "$merge" ]; then
    merge=llvm-profdata-$version
    need "$merge" "llvm-$version" "it reads what the program records; rustup component add llvm-tools brings one, too"
fi
need wrk wrk "it makes the load"
scripts/tools.sh auditable

records=$PWD/target/profile/records
merged=target/profile/merged.profdata
say "building Tollgate so that it records how often each part of it runs; this takes some minutes"
rm -rf "$records"
program=$(scripts/image.sh recorder "$records")
cargo bench --locked --bench send --no-run
say "recording, about two minutes"
cargo bench --quiet --locked --bench send -- --product "$program" --seconds 5
# What never ran stays in: the compiler is to know that, and not to guess.
"$merge" merge --output "$merged" "$records"
gzip --best --no-name --stdout "$merged" >benches/send/profile.gz
say "benches/send/profile.gz: $(du -h --apparent-size benches/send/profile.gz | cut -f 1)"
