#!/usr/bin/env bash
# Builds the program as the image ships it, and the image around it.
#
#   scripts/image.sh                  the image, as the archive target/image/tollgate.tar, with the program built here
#   scripts/image.sh contents FOLDER  only what it holds, as folders; the Dockerfile calls this
#   scripts/image.sh program          only the program; prints where it is
#   scripts/image.sh recorder FOLDER  the program, but so that it records into FOLDER how often each part of it runs
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh

# How often each part of the program ran under load; scripts/profile.sh makes it, docs/performance.md says more.
profile=benches/send/profile.gz

# The program as it is shipped: what runs often is compiled for speed and kept together, the rest for size. By itself the
# compiler would do the latter in far larger programs only, and would count as often what ran a few times at the start.
program() {
    local unpacked
    # Its name tells Cargo when it has changed.
    unpacked=target/profile/$(cksum <"$profile" | tr ' ' -).profdata
    mkdir -p target/profile
    gzip --decompress --stdout "$profile" >"$unpacked"
    compile "-Cprofile-use=$PWD/$unpacked" \
        -Cllvm-args=-pgso-lwss-only=false -Cllvm-args=-profile-summary-cutoff-cold=999000
}

# The program that records for a profile.
recorder() {
    CARGO_TARGET_DIR=target/profile compile "-Cprofile-generate=$1"
}

# Every build has the flags of .cargo/config.toml; those of what is shipped stand here, and what is given are further
# ones. The standard library and the C library are linked in, so that the image needs no other file; folders of the
# machine that builds it do not show in it. "cargo auditable" would do the same, but name itself by its path, which
# Cargo puts into the names of all functions: a profile would fit in one folder only.
compile() {
    local target variable flags home=${CARGO_HOME:-$HOME/.cargo}
    target=$(rustc --print host-tuple)
    variable=${target//-/_}
    flags=$(printf '%s\037' "$@" -Ctarget-feature=+crt-static -Clink-arg=-Wl,-z,pack-relative-relocs \
        "--remap-path-prefix=$home=/cargo")--remap-path-prefix=$PWD=/build
    PATH="$PWD/.cache/cargo/bin:$PATH" \
        CARGO_ENCODED_RUSTFLAGS=$flags \
        env "CFLAGS_$variable=-ffile-prefix-map=$home=/cargo -ffile-prefix-map=$PWD=/build -DMY_ASSEMBLER_IS_TOO_OLD_FOR_512AVX" \
        RUSTC_WORKSPACE_WRAPPER=cargo-auditable \
        CARGO_AUDITABLE_ORIG_ARGS='{"offline":false,"locked":true,"frozen":false,"config":[]}' \
        cargo build --release --locked --bin tollgate --target "$target" >&2
    printf '%s\n' "${CARGO_TARGET_DIR:-target}/$target/release/tollgate"
}

# What the image holds: FOLDER/rootfs, which is root's, and FOLDER/data, the part that is the program's own.
contents() {
    local folder=$1 program authorities=/etc/ssl/certs/ca-certificates.crt
    program=$(program)
    [ -f "$authorities" ] || fail "$authorities is missing, and the image carries it; on Debian: apt-get install ca-certificates"
    rm -rf "$folder/rootfs" "$folder/data"
    mkdir -p "$folder"/rootfs/{etc/ssl/certs,tmp,var/lib} "$folder/data/tollgate"
    install -m 0755 "$program" "$folder/rootfs/tollgate"
    install -m 0644 "$authorities" "$folder/rootfs$authorities"
    find "$folder/rootfs" -type d -exec chmod 0755 {} +
    chmod 1777 "$folder/rootfs/tmp"
    chmod 0700 "$folder/data/tollgate"
}

# Where the image is made.
out=$PWD/target/image

# Buildah with a store of its own.
store() {
    buildah --log-level error --storage-driver vfs --root "$out/store" --runroot "$out/run" "$@"
}

# The image, by the Dockerfile's last stage. Nothing is left in the machine's own store of images.
image() {
    local version revision epoch name
    have buildah || fail "buildah is missing, and it builds the image; scripts/tools.sh image installs it"
    contents "$out/contents"
    version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
    revision=$(git rev-parse HEAD 2>/dev/null) || revision=unknown
    epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
    name=localhost/tollgate:$version
    trap 'rm -rf "$out/store" "$out/run"' EXIT
    rm -f "$out/tollgate.tar"
    store build --quiet --isolation chroot --timestamp "$epoch" \
        --build-context "build=$out/contents" --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
        --tag "$name" . >/dev/null
    # A quarter smaller than by gzip, and read by whatever runs containers since 2021.
    store push --quiet --format oci --compression-format zstd --compression-level 19 "$name" "oci-archive:$out/tollgate.tar:$name"
    say "target/image/tollgate.tar: $(du -h --apparent-size "$out/tollgate.tar" | cut -f 1)," \
        "program $(du -h --apparent-size "$out/contents/rootfs/tollgate" | cut -f 1)"
}

case "${1:-image} $#" in
    "image 0") image ;;
    "contents 2") contents "$2" ;;
    "program 1") program ;;
    "recorder 2") recorder "$2" ;;
    *) fail "see the head of scripts/image.sh" ;;
esac
