#!/usr/bin/env bash
# Installs the Debian packages that building and testing need and that are not there yet. Says
# nothing if there is nothing to do.
set -euo pipefail

packages=(
    gcc libc6-dev make pkg-config                      # build
    lua5.4 liblua5.4-dev lua-cjson-dev libev-dev libsodium-dev
    libsqlite3-dev libcurl4-openssl-dev libmicrohttpd-dev libgnutls28-dev libseccomp-dev
    libcmocka-dev libjansson-dev lua-unit lua-cjson    # test
    python3 curl openssl procps faketime minisign spin
    clang libclang-rt-14-dev                           # fuzz
    clang-format clang-tidy lua-check                  # lint
)

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "deps: not root, and there is no sudo; as root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

echo "deps: installing ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3)
"${apt[@]}" update || echo "deps: the package lists could not be updated; trying the old ones" >&2
"${apt[@]}" install -y --no-install-recommends "${missing[@]}"
