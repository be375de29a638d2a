#!/usr/bin/env bash
# Words that the other scripts share: what is being done, and why it cannot be.

# Tells what is being done.
say() {
    printf '%s\n' "$*"
}

# Ends the script with one sentence.
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Whether a command is there.
have() {
    command -v "$1" >/dev/null 2>&1
}

# Makes sure that a command is there: from Debian's packages where that can be done without asking, or by the reader.
need() {
    local command=$1 package=$2 reason=$3
    if have "$command"; then
        return
    fi
    if have apt-get && [ "$(id -u)" = 0 ]; then
        say "installing $package with apt-get: $reason"
        install_package "$package" || fail "apt-get cannot install $package, and $reason; see the lines above"
    else
        fail "$command is missing, and $reason; install it first (on Debian: apt-get install $package)"
    fi
    have "$command" || fail "$package was installed, but there is still no $command"
}

# Installs a package of Debian's, with a fresh package list.
install_package() {
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$1" >/dev/null
}
