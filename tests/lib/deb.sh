#!/usr/bin/env bash
# Builds the Debian package from a copy of this folder: deb.sh FOLDER. The .deb lies in
# FOLDER then, and lintian has read it.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p "$1"
to=$(cd "$1" && pwd)
rm -rf "${to:?}"/*
mkdir "$to/afrun"
tar --exclude=./build --exclude-vcs -cf - . | tar -xf - -C "$to/afrun"
cd "$to/afrun"
unset MAKEFLAGS MAKELEVEL MFLAGS CFLAGS CPPFLAGS LDFLAGS DEV CI
dpkg-buildpackage -us -uc -b >"$to/log" 2>&1 || { tail -n 40 "$to/log" && exit 1; }
cd "$to" && rm -rf afrun
if command -v lintian >/dev/null; then
    lintian --fail-on error,warning --allow-root ./*.changes
fi
ls ./*.deb
