#!/usr/bin/env bash
# README's commands on new machines: fresh.sh [--test] [MACHINE…], of: bookworm trixie arm64.
#
# A machine is a Debian release bootstrapped into a folder, from the mirror that apt uses here; arm64
# is a build for it made on bookworm, run by qemu. On each, `make demo` is run by a user who may not
# install anything (it must say what to ask for), by root, and again by the user; --test adds `make
# test` by both. Traces of all builds must be equal, byte for byte, and so must the model of a training. The Debian package is built
# twice, installed, tried and removed. What `make install` builds, which learns first, is built, and does the same.
#
# The folders stay in $AF_FRESH (~/.cache/afrun-fresh), so that the next run is short. Needs root,
# and debootstrap; where a machine cannot be made, it is skipped and the reason is told.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

# Mounts made from here on are seen by nobody else, and go with this process.
if [ "$(id -u)" -eq 0 ] && [ -z "${AF_FRESH_INSIDE:-}" ] && unshare -m true 2>/dev/null; then
    AF_FRESH_INSIDE=1 exec unshare -m --propagation private "$0" "$@"
fi

fresh=${AF_FRESH:-${XDG_CACHE_HOME:-$HOME/.cache}/afrun-fresh}
with_test= passed=0 failed=0 skipped=0
[ "${1:-}" != --test ] || { with_test=1 && shift; }
[ $# -gt 0 ] || set -- bookworm trixie arm64
seeds=$([ -n "${AF_TEST_LONG:-}" ] && echo 20 || echo 3)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# verdict NAME STATUS: and how long it took; what the command printed follows if it failed.
verdict() {
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1)) && echo "ok    $1  (${SECONDS} s)"
    else
        failed=$((failed + 1)) && echo "FAIL  $1  (${SECONDS} s)" && tail -n 30 "$log" | sed 's/^/      /'
    fi
    SECONDS=0
}

skip() {
    skipped=$((skipped + 1)) && echo "skipped: $1: $2"
}

# The mirror of apt's own sources: the first address that a sources file names.
mirror() {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
        grep -m 1 -oE '^(deb |URIs:).*' | grep -oE '(https?|file):/[^ ]+' | head -n 1
}

# bootstrap RELEASE: its folder is there; else why holds the reason.
bootstrap() {
    local root=$fresh/$1
    if [ ! -s "$root/ready" ]; then
        [ "$(id -u)" -eq 0 ] || { why="only root can make one" && return 1; }
        command -v debootstrap >/dev/null || { why="debootstrap is not installed" && return 1; }
        [ -n "$(mirror)" ] || { why="apt's sources name no mirror" && return 1; }
        rm -rf "$root" && mkdir -p "$root"
        debootstrap --variant=minbase "$1" "$root" "$(mirror)" >"$log" 2>&1 ||
            { why="debootstrap failed: $(tail -n 1 "$log")" && return 1; }
        chroot "$root" useradd -m builder
        cp "$root/var/lib/dpkg/status" "$root/ready" # what a minimal machine has
    fi
    mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" ||
        { why="nothing can be mounted here" && return 1; }
}

# inside RELEASE WHO COMMAND: by a shell on the machine, in the sources; what it prints goes to $log.
inside() {
    chroot "$fresh/$1" env -i HOME=/tmp PATH=/usr/sbin:/usr/bin:/sbin:/bin AF_TEST_LONG="${AF_TEST_LONG:-}" \
        su "$2" -s /bin/bash -c "cd /home/builder/afrun && $3" >"$log" 2>&1
}

# figure NAME VALUE UNIT MAXIMUM: it is below the maximum.
figure() {
    echo "$2 $3, and is to stay under $4 $3" >"$log"
    [ "$2" -lt "$4" ]
    verdict "$1: $2 $3" $?
}

# packages_mb RELEASE: what `make demo` installs on a minimal machine, whatever this one has by now.
packages_mb() {
    inside "$1" root "apt-get install --assume-no --no-install-recommends -o Dir::State::status=/ready -o Debug::NoLocking=1 \
        make \$(tests/lib/deps.sh --list build); true"
    sed -nE 's/^After this operation, ([0-9]+)([.,][0-9]+)? MB of additional.*/\1/p' "$log"
}

# put_sources RELEASE: the files of this checkout that git knows or would, as the user's.
put_sources() {
    local to=$fresh/$1/home/builder/afrun
    rm -rf "$to" && mkdir -p "$to"
    git -c safe.directory='*' ls-files -zco --exclude-standard | tar --null -T - -cf - | tar -xf - -C "$to"
    chroot "$fresh/$1" chown -R builder: /home/builder/afrun
}

# same_traces NAME RELEASE PROGRAM: its runs leave the traces that the build here leaves.
same_traces() {
    build/release/afrun --version >/dev/null 2>&1 || { skip "$1: traces" "nothing is built here" && return; }
    inside "$2" builder "tests/lib/trace_sums.sh $seeds $3"
    tests/lib/trace_sums.sh "$seeds" build/release/afrun | diff - "$log" >"$log.diff"
    local status=$?
    mv "$log.diff" "$log"
    verdict "$1: traces are those of the build here" $status
}

# same_model NAME RELEASE PROGRAM: a training by floating point ends with the model, bit for bit, of the build here.
same_model() {
    local data=build/model_data
    [ -e /usr/lib/python3/dist-packages/sklearn/datasets/data ] || { skip "$1: model" "there are no data of python3-sklearn" && return; }
    python3 tests/lib/tables.py breast_cancer $data --parties participant-1,participant-2,participant-3 --shares 1,2,3
    mkdir -p "$fresh/$2/home/builder/afrun/build" && cp -r $data "$fresh/$2/home/builder/afrun/build"
    inside "$2" builder "tests/lib/model_sum.sh $data $3"
    tests/lib/model_sum.sh $data build/release/afrun | tee "$log.here" | diff - "$log" >"$log.diff" && [ "$(wc -c <"$log.here")" -eq 65 ]
    local status=$?
    mv "$log.diff" "$log" && rm "$log.here"
    verdict "$1: a training's model is that of the build here, bit for bit" $status
}

try_release() {
    put_sources "$1"
    inside "$1" root "apt-get install -y -qq make"
    if inside "$1" builder "gcc --version"; then
        echo "      ($1 has its packages from an earlier run)"
    else
        inside "$1" builder "make demo"
        grep -q 'apt-get install .*liblua5.4-dev' "$log"
        verdict "$1: a user who may not install is told what to ask for" $?
    fi
    inside "$1" root "make demo" && grep -q '^ok: 4 parties, 4 done' "$log"
    verdict "$1: make demo, by root" $?
    inside "$1" root "make clean && chown -R builder: ."
    inside "$1" builder "make demo" && grep -q '^ok: 4 parties, 4 done' "$log"
    verdict "$1: make demo, by a user" $?
    figure "$1: packages for make demo" "$(packages_mb "$1")" MB 300
    inside "$1" builder "tests/lib/run.sh tests/e2e/determinism.sh"
    verdict "$1: one seed is one run" $?
    same_traces "$1" "$1" build/release/afrun
    same_model "$1" "$1" build/release/afrun
    try_package "$1"
    inside "$1" builder "make MODE=fast all"
    verdict "$1: what make install builds" $?
    same_traces "$1: MODE=fast" "$1" build/fast/afrun
    [ -n "$with_test" ] || return
    for who in root builder; do
        inside "$1" root "make clean && chown -R $who: ."
        inside "$1" $who "make test"
        local status=$?
        tail -n 1 "$log"
        verdict "$1: make test, by $who" $status
    done
}

# All files but those of packages' own books and caches.
list_files() {
    chroot "$fresh/$1" find / -xdev \( -path /proc -o -path /dev -o -path /tmp -o -path /home -o -path /root \
        -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/lib/systemd -o -path /var/cache -o -path /var/log -o -path /ready \) -prune -o -print | sort
}

# The package: the same however it is built, installed, a task over a service and two nodes, its manual
# and completion, removed.
try_package() {
    inside "$1" root "tests/lib/deps.sh build deb" || { verdict "$1: what a package needs is installed" 1 && return; }
    inside "$1" builder "tests/lib/deb.sh --twice build/deb"
    verdict "$1: two builds give one package, and lintian has nothing to say" $?
    inside "$1" root "apt-get install -y -q --no-install-recommends man-db bash-completion \
        \$(dpkg-deb -f build/deb/afrun_*.deb Depends | sed 's/([^)]*)//g; s/|[^,]*//g; s/,//g')"
    verdict "$1: its dependencies are there" $?
    list_files "$1" >"$log.before"
    inside "$1" root "apt-get install -y -q --no-install-recommends ./build/deb/afrun_*.deb"
    verdict "$1: it is installed" $?
    figure "$1: the installed program" "$(stat -c %s "$fresh/$1/usr/bin/afrun")" bytes 1500000
    inside "$1" root "getent passwd afrun && ls -d /etc/afrun && dpkg -s afrun | grep -q 'Depends: .*libcurl4'"
    verdict "$1: its user and folder are there, and what is loaded late is a dependency" $?
    inside "$1" builder "tests/lib/try_installed.sh"
    verdict "$1: a service, two nodes, a task between them, its manual and its completion" $?
    inside "$1" root "mkdir -p /var/lib/afrun/n1 && touch /var/lib/afrun/n1/node.db && apt-get remove -y -q afrun"
    verdict "$1: it is removed" $?
    list_files "$1" | diff "$log.before" - | grep -vxE '[0-9a,]+|> /(etc|var/lib)/afrun(/.*)?' >"$log"
    [ ! -s "$log" ] && [ -e "$fresh/$1/var/lib/afrun/n1/node.db" ] && [ -d "$fresh/$1/etc/afrun" ]
    verdict "$1: which leaves the state, and nothing else" $?
    rm -rf "$log.before" "$fresh/$1/var/lib/afrun" "$fresh/$1/etc/afrun"
}

try_arm64() {
    local packages="gcc-aarch64-linux-gnu libc6-dev-arm64-cross lua5.4 make pkg-config qemu-user-static"
    packages+=" $(tests/lib/deps.sh --list build | grep -E '^lib.*-dev$|^lua-cjson-dev$|^zlib1g-dev$' | grep -v libc6 | sed 's/$/:arm64/' | xargs)"
    put_sources bookworm
    inside bookworm root "dpkg --add-architecture arm64 && apt-get update -qq &&
        apt-get install -y -qq --no-install-recommends $packages" || { skip arm64 "$(tail -n 1 "$log")" && return; }
    inside bookworm builder "make MODE=arm64"
    verdict "arm64: it builds" $?
    inside bookworm builder "qemu-aarch64-static build/arm64/afrun flows/sync_state.lua --mock --trace t.jsonl &&
        qemu-aarch64-static build/arm64/afrun chart t.jsonl" && grep -q '^ok: 4 parties, 4 done' "$log"
    verdict "arm64: demo" $?
    same_traces arm64 bookworm "qemu-aarch64-static build/arm64/afrun"
    same_model arm64 bookworm "qemu-aarch64-static build/arm64/afrun"
}

for machine in "$@"; do
    release=${machine/arm64/bookworm}
    if ! mountpoint -q "$fresh/$release/proc" && ! bootstrap "$release"; then
        skip "$machine" "$why"
        continue
    fi
    case $machine in
    arm64) try_arm64 ;;
    *) try_release "$machine" ;;
    esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
