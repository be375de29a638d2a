#!/usr/bin/env bash
# Builds the control plane that tests/cluster needs, unless that was done before, and prints the folder it is in:
# bin/ (the programs, which are one file under several names), crds/ (of the Gateway API) and stages/ (of kwok).
#
# Whatever it is built from stands in this folder, and is pinned in go.sum; any change here builds it anew.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=scripts/say.sh
. ../say.sh
# What is printed is the folder; what is said goes beside it.
exec 3>&1 1>&2

have go || fail "go is missing, and the control plane is written in it; install Go 1.26 or newer from https://go.dev/dl"
go=$(go env GOVERSION) || fail "this Go cannot build the control plane; install what go.mod asks for from https://go.dev/dl"
kept=${XDG_CACHE_HOME:-$HOME/.cache}/tollgate
sum=$({ printf '%s ' "$go" "$(go env GOARCH)" && cat -- *; } | sha256sum | cut -c 1-12)
built=$kept/control-plane-$sum

# One at a time: a second one waits for the first, and then finds its work done.
mkdir -p "$kept"
exec 4>"$kept/lock"
flock 4
if [ -d "$built" ]; then
    say "the control plane is there: $built"
    printf '%s\n' "$built" >&3
    exit
fi

# Modules and compiled packages are of no use afterwards. They stay only if the build breaks off, for the next attempt.
work=$kept/building
mkdir -p "$work"
free=$(df -Pm "$work" | awk 'NR == 2 { print $4 }')
[ "$free" -ge 4000 ] || fail "$work has $free MB free, and building the control plane needs 4000, of which it gives back all but 150"
started=$SECONDS
version=$(go mod edit -json | sed -n '/"k8s.io\/kubernetes"/ { n; s/.*"Version": "\(v[0-9.]*\)".*/\1/p; q; }')
say "building a control plane into $kept, once: Kubernetes ${version#v} (API server, controllers, scheduler, kubectl), etcd and kwok;"
say "it fetches the Go modules of these, and takes about 8 minutes on two cores"

export GOWORK=off GOFLAGS="-modcacherw -buildvcs=false" CGO_ENABLED=0 GOCACHE=$work/packages GOMODCACHE=$work/modules
rm -rf "$work/out"
mkdir -p "$work/out/bin" "$work/out/crds" "$work/out/stages"
IFS=. read -r major minor _ <<<"${version#v}"
stamp=k8s.io/component-base/version
go build -trimpath -gcflags=all=-dwarf=false \
    -ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=$major -X $stamp.gitMinor=$minor" \
    -o "$work/out/bin/control-plane" . >"$work/log" 2>&1 || {
    tail -n 20 "$work/log"
    fail "Go cannot build the control plane; see the lines above"
}
for name in etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kwok; do
    ln -s control-plane "$work/out/bin/$name"
    "$work/out/bin/$name" --help >/dev/null 2>&1 || fail "$name was built, but does not run on this machine"
done
# Fetches a module, if that was not done, and prints the folder it is in.
module() {
    go mod download "$1" && go list -m -f '{{.Dir}}' "$1"
}
gateway=$(module sigs.k8s.io/gateway-api)
for kind in backendtlspolicies gatewayclasses gateways grpcroutes httproutes referencegrants; do
    cp "$gateway/config/crd/standard/gateway.networking.k8s.io_$kind.yaml" "$work/out/crds/"
done
kwok=$(module sigs.k8s.io/kwok)
for stage in node/fast node/heartbeat pod/fast; do
    for file in "$kwok/kustomize/stage/$stage"/*.yaml; do
        ! grep -q '^kind: Stage' "$file" || cp "$file" "$work/out/stages/"
    done
done
chmod -R u+w "$work/out"
mv -T "$work/out" "$built"
rm -rf "$work"
say "built in $((SECONDS - started)) s: $(du -sm "$built" | cut -f 1) MB in $built"
printf '%s\n' "$built" >&3
