#!/usr/bin/env bash
# Installs the Debian packages that a purpose needs and that are not there yet: deps.sh PURPOSE…, of:
# build (and running), test, fuzz, lint, coverage, bench, fresh, deb. Says nothing if there is nothing to do.
# deps.sh --list PURPOSE… prints the names instead.
set -euo pipefail

declare -A packages=(
    [build]="gcc libc6-dev make pkg-config lua5.4 liblua5.4-dev lua-cjson-dev libev-dev libsodium-dev
        libsqlite3-dev libcurl4-openssl-dev libmicrohttpd-dev libgnutls28-dev libseccomp-dev zlib1g-dev zopfli"
    [test]="libcmocka-dev libjansson-dev lua-unit lua-cjson python3 curl openssl procps faketime minisign
        dpkg-dev python3-jsonschema python3-sklearn util-linux jq nats-server libnats
        chromium chromium-driver python3-selenium"
    [fuzz]="clang clang-runtime libjansson-dev"
    [lint]="clang-format clang-tidy lua-check"
    [deb]="build-essential debhelper dpkg-dev lintian"
    [fresh]="debootstrap"
    [coverage]="clang clang-runtime llvm"
    [bench]="python3 spin chromium chromium-driver python3-selenium"
)

# package_of NAME: as this release calls it. Clang's runtime and libnats are named after their versions.
package_of() {
    local clang nats
    if [ "$1" = libnats ]; then
        nats=$(apt-cache depends libnats-dev 2>/dev/null | sed -n 's/^ *Depends: libnats\([0-9.]*\)$/\1/p' | head -n 1)
        echo "libnats${nats:-3.4}"
        return
    fi
    [ "$1" = clang-runtime ] || { echo "$1" && return; }
    clang=$(apt-cache depends clang 2>/dev/null | sed -n 's/^ *Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
    echo "libclang-rt-${clang:-14}-dev"
}

# is_installed PACKAGE: for this machine's own architecture, whatever there is of it for others.
is_installed() {
    dpkg-query -W -f '${Architecture} ${db:Status-Status}\n' "$1" 2>/dev/null |
        grep -qxE "($(dpkg --print-architecture)|all) installed"
}

# missing PURPOSE…: the packages that are not installed, each once.
missing() {
    local purpose package
    for purpose in "$@"; do
        for package in ${packages[$purpose]}; do
            package=$(package_of "$package")
            is_installed "$package" || echo "$package"
        done
    done | awk '!seen[$0]++'
}

list=
[ "${1:-}" != --list ] || { list=1 && shift; }
for purpose in "$@"; do
    [ -n "${packages[$purpose]:-}" ] || { echo "deps: no purpose '$purpose'; one of: ${!packages[*]}" >&2 && exit 2; }
done
if [ -n "$list" ]; then
    for purpose in "$@"; do printf '%s\n' ${packages[$purpose]}; done
    exit
fi
[ -n "$(missing "$@")" ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "deps: packages are missing, and this user cannot install them; as root:" >&2
        echo "  apt-get install --no-install-recommends $(missing "$@" | xargs)" >&2
        exit 1
    fi
    as_root=(sudo)
fi
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3)
"${apt[@]}" update || echo "deps: the package lists could not be updated; trying the old ones" >&2
mapfile -t wanted < <(missing "$@") # by the names of the lists that are new now
echo "deps: installing ${wanted[*]}"
"${apt[@]}" install -y --no-install-recommends "${wanted[@]}"
