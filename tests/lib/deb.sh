#!/usr/bin/env bash
# Builds the Debian package from a copy of this folder: deb.sh [--twice] FOLDER. The .deb lies in
# FOLDER then, and lintian has read it. With --twice it is built again, in another folder, time zone
# and language, and must be the same, byte for byte.
set -euo pipefail
cd "$(dirname "$0")/../.."
twice=
[ "$1" != --twice ] || { twice=1 && shift; }
unset MAKEFLAGS MAKELEVEL MFLAGS CFLAGS CPPFLAGS LDFLAGS DEV CI

# build_in FOLDER: what dpkg-buildpackage leaves there, without the copy.
build_in() {
    mkdir -p "$1"
    rm -rf "${1:?}"/*
    mkdir "$1/afrun"
    tar --exclude=./build --exclude-vcs -cf - . | tar -xf - -C "$1/afrun"
    (cd "$1/afrun" && dpkg-buildpackage -us -uc -b) >"$1/log" 2>&1 || { tail -n 40 "$1/log" && exit 1; }
    rm -rf "$1/afrun"
}

build_in "$1"
if [ -n "$twice" ]; then
    other=$(mktemp -d)
    trap 'rm -rf "$other"' EXIT
    (
        umask 077
        export TZ=Asia/Tokyo LC_ALL=C LANG=C
        build_in "$other/elsewhere"
    )
    for file in "$1"/*.deb; do
        cmp "$file" "$other/elsewhere/${file##*/}"
    done
fi
if command -v lintian >/dev/null; then
    lintian --fail-on error,warning --allow-root "$1"/*.changes
fi
ls "$1"/*.deb
