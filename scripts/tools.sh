#!/usr/bin/env bash
# Installs what the checks and tests need beside Rust. What is there already stays as it is.
#
#   scripts/tools.sh            all of it
#   scripts/tools.sh PART…      only these: rust scripts proto python dependencies helm auditable image
#
# Everything goes below .cache/, and into the system's packages only what Debian ships.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh

cargo_deny_version=0.20.2
cargo_auditable_version=0.7.5
helm_version=4.2.4
# The oldest, a middle and the newest minor of Kubernetes that the chart is checked for.
kubernetes_minors="1.30 1.34 1.37"

# Rust itself is not installed here: whoever has cargo has rustup, and that reads rust-toolchain.toml.
rust() {
    have cargo || fail "cargo is missing; install Rust with rustup, rust-toolchain.toml names the version"
    cargo fmt --version >/dev/null || fail "rustfmt is missing; run: rustup component add rustfmt"
    cargo clippy --version >/dev/null || fail "clippy is missing; run: rustup component add clippy"
    need cc gcc "SQLite and the cryptography are built from C"
}

# Python and what the client in another language needs, in .cache/venv.
python() {
    local wanted=tests/python/requirements.txt stamp=.cache/venv/requirements.sum now
    [ -f "$wanted" ] || fail "$wanted is missing; it says what the Python tests need"
    need python3 python3 "a Python client is part of the tests"
    now=$( { python3 --version && cat "$wanted"; } | cksum)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$now" ]; then
        return
    fi
    say "installing $wanted into .cache/venv with pip"
    rm -rf .cache/venv
    if ! python3 -m venv .cache/venv >/dev/null 2>&1; then
        # Debian ships this part of Python as a package of its own.
        if have apt-get && [ "$(id -u)" = 0 ]; then
            say "installing python3-venv with apt-get: the Python tests run in an environment of their own"
            install_package python3-venv || fail "apt-get cannot install python3-venv; see the lines above"
        fi
        python3 -m venv .cache/venv || fail "python3 cannot make a virtual environment; on Debian: apt-get install python3-venv"
    fi
    .cache/venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$wanted" ||
        fail "pip cannot install $wanted; see the lines above"
    printf '%s' "$now" >"$stamp"
}

# The linter of proto/, in .cache/buf. Its program comes inside the package, so no install script is run.
proto() {
    local stamp=.cache/buf/installed.sum now
    now=$(cksum <scripts/buf/package-lock.json)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$now" ]; then
        return
    fi
    need npm npm "buf, which lints proto/, is an npm package"
    say "installing buf into .cache/buf with npm"
    rm -rf .cache/buf
    mkdir -p .cache/buf
    cp scripts/buf/package.json scripts/buf/package-lock.json .cache/buf/
    npm ci --prefix .cache/buf --ignore-scripts --no-audit --no-fund --loglevel=error ||
        fail "npm cannot install buf; see the lines above"
    .cache/buf/node_modules/.bin/buf --version >/dev/null || fail "buf was installed, but does not run on this machine"
    printf '%s' "$now" >"$stamp"
}

# The judge of licences, bans and sources: the one on the path where it is the right one, else one in .cache/cargo.
dependencies() {
    local found
    for found in .cache/cargo/bin/cargo-deny cargo-deny; do
        if [ "$("$found" --version 2>/dev/null)" = "cargo-deny $cargo_deny_version" ]; then
            ln -sf "$(command -v "$found" | xargs realpath)" .cache/cargo-deny
            return
        fi
    done
    say "building cargo-deny $cargo_deny_version into .cache/cargo with cargo install; this takes some minutes, once"
    # It runs for a second: building it fast is worth more than building it for speed.
    CARGO_TARGET_DIR=.cache/cargo/target cargo install --quiet --debug --locked --root .cache/cargo \
        --version "$cargo_deny_version" cargo-deny || fail "cargo cannot install cargo-deny; see the lines above"
    rm -rf .cache/cargo/target
    ln -sf "$PWD/.cache/cargo/bin/cargo-deny" .cache/cargo-deny
}

# What writes the list of dependencies into the shipped program.
auditable() {
    local program=.cache/cargo/bin/cargo-auditable stamp=.cache/cargo/auditable.version
    if [ -x "$program" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$cargo_auditable_version" ]; then
        return
    fi
    say "building cargo-auditable $cargo_auditable_version into .cache/cargo with cargo install, once"
    mkdir -p .cache/cargo
    # It runs for a second, like cargo-deny.
    CARGO_TARGET_DIR=.cache/cargo/target cargo install --quiet --debug --locked --force --root .cache/cargo \
        --version "$cargo_auditable_version" cargo-auditable || fail "cargo cannot install cargo-auditable; see the lines above"
    rm -rf .cache/cargo/target
    printf '%s' "$cargo_auditable_version" >"$stamp"
}

# What builds and runs the image. The packages that these only recommend are for users other than root.
image() {
    auditable
    if have buildah && have podman && have runc && have conmon && have zstd; then
        return
    fi
    if ! have apt-get || [ "$(id -u)" != 0 ]; then
        fail "the image is built by buildah and tried by podman with runc; install them first (on Debian: apt-get install buildah podman runc zstd)"
    fi
    say "installing buildah, podman, runc and zstd with apt-get: the image is built and tried by them"
    if ! apt-get update -qq || ! DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends buildah podman runc netavark zstd >/dev/null; then
        fail "apt-get cannot install buildah, podman, runc, netavark and zstd; see the lines above"
    fi
}

# The linter of the scripts.
scripts() {
    need shellcheck shellcheck "the scripts are checked too"
}

# What the chart is checked with: Helm, built outside of the checkout, as that takes minutes; and the schemas of Kubernetes' API,
# which a package of Python's carries.
helm() {
    need_helm
    need_schemas
}

need_helm() {
    local kept=${XDG_CACHE_HOME:-$HOME/.cache}/tollgate/helm-$helm_version
    if [ ! -x "$kept/helm" ]; then
        have go || fail "go is missing, and Helm is built with it; install Go 1.21 or later"
        say "building helm $helm_version into $kept with go install; this takes some minutes, once"
        mkdir -p "$kept"
        GOBIN=$kept GOFLAGS=-mod=mod go install "helm.sh/helm/v4/cmd/helm@v$helm_version" ||
            fail "go cannot install helm; see the lines above"
    fi
    mkdir -p .cache/bin
    ln -sf "$kept/helm" .cache/bin/helm
}

need_schemas() {
    local wanted=tests/chart/requirements.txt stamp=.cache/kubernetes/installed.sum now minor unpacked=.cache/kubernetes/package
    now=$( { echo "$kubernetes_minors" && cat "$wanted"; } | cksum)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$now" ]; then
        return
    fi
    need python3 python3 "a package of Python's carries the schemas of Kubernetes' API"
    python3 -m pip --version >/dev/null 2>&1 || need pip3 python3-pip "it fetches the schemas of Kubernetes' API"
    say "fetching the schemas of Kubernetes $kubernetes_minors into .cache/kubernetes with pip"
    rm -rf .cache/kubernetes
    mkdir -p "$unpacked"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest "$unpacked" --requirement "$wanted" ||
        fail "pip cannot fetch $wanted; see the lines above"
    python3 -m zipfile --extract "$unpacked"/*.whl "$unpacked/all"
    for minor in $kubernetes_minors; do
        cp "$unpacked/all/kubernetes_validate/kubernetes-json-schema/v$minor.0-local-strict/_definitions.json" ".cache/kubernetes/$minor.json" ||
            fail "the package has no schemas of Kubernetes $minor"
    done
    rm -rf "$unpacked"
    printf '%s' "$now" >"$stamp"
}

mkdir -p .cache
[ $# -gt 0 ] || set -- rust scripts proto python dependencies helm image
for part in "$@"; do
    case $part in
        rust | scripts | proto | python | dependencies | helm | auditable | image) "$part" ;;
        *) fail "there is no part $part; see the head of scripts/tools.sh" ;;
    esac
done
say "tools are there: $*"
