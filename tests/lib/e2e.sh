# e2e.sh: what the tests of the program share; sourced by tests/e2e/*.sh and tests/regress/*.sh.
#
#     source "$(dirname "$0")/../lib/e2e.sh"
#     plan 1
#     expect_output "2 parties done" "$AFRUN" "$ROOT/flows/sync_state.lua" --mock
#
# A test starts in a folder of its own, $TMP, which is removed with all that is in it. $AFRUN is the
# program (by answers.sh; $PROGRAM is the file itself), $ROOT the repository. What a command printed is
# in the files $OUT and $ERR until the next. What any printed as JSON must be as its schema says.
# Every case prints `ok` or `not ok` (TAP), and how many there are is said first, so that none is lost; a
# process that a test leaves behind fails it.

set -u
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PROGRAM=${AFRUN:-$ROOT/build/release/afrun}
scratch=$(mktemp -d)
AF_TEST_ANSWERS=$scratch/answers
mode=$(basename "$(dirname "$PROGRAM")") # is_short and others look for it in the path
AFRUN=$scratch/$mode/afrun
mkdir "$AF_TEST_ANSWERS" "$scratch/$mode"
printf '#!/bin/sh\nexec %q %q %q "$@"\n' "$ROOT/tests/lib/answers.sh" "$PROGRAM" "$AF_TEST_ANSWERS" >"$AFRUN"
chmod +x "$AFRUN"
export AFRUN AF_TEST_ANSWERS
TMP=$scratch/tmp OUT=$scratch/out ERR=$scratch/err
mkdir "$TMP"
cd "$TMP" || exit 1
: >"$OUT" >"$ERR"
case_count=0 failure_count=0 planned=0
export LC_ALL=C.UTF-8
unset AFRUN_CONFIG AFRUN_MOCK NO_COLOR

# plan COUNT [LONG]: how many cases the file has, with those that it may skip and, where it asks for JSON, that
# of check_answers; LONG: where counts are not short.
plan() {
    planned=$1
    is_short || planned=${2:-$1}
    echo "1..$planned"
}

ok() {
    case_count=$((case_count + 1))
    echo "ok $case_count - $1"
}

# not_ok NAME [WHY]
not_ok() {
    case_count=$((case_count + 1)) failure_count=$((failure_count + 1))
    echo "not ok $case_count - $1"
    [ -z "${2:-}" ] || printf '%s\n' "$2" | sed 's/^/#   /'
}

# skip COUNT WHY: so many cases cannot be tried here.
skip() {
    local left
    for ((left = $1; left > 0; left--)); do
        ok "# SKIP $2"
    done
}

# skip_rest WHY: none of those that are left can be.
skip_rest() {
    skip $((planned - case_count - $(has_answers && echo 1 || echo 0))) "$1"
}

# may_mount: starts the file anew, in front of its plan, where it may mount file systems, which go with it. Fails
# where there is no such place.
may_mount() {
    [ -z "${IN_NAMESPACE:-}" ] || return 0
    [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null || return 1
    trap - EXIT # the inner one cleans up
    cd / && rm -rf "$scratch"
    IN_NAMESPACE=1 AFRUN=$PROGRAM exec unshare -m bash "$ROOT/tests/e2e/${0##*/}"
}

# Runs a command; what it prints goes to $OUT and $ERR, its exit status to $status.
run() {
    status=0
    "$@" >"$OUT" 2>"$ERR" </dev/null || status=$?
}

# For not_ok: what was wrong, the command, and what it printed.
explain() {
    local why=$1 stream
    shift
    printf '%s\n$ %s\n' "$why" "$*"
    for stream in "$OUT" "$ERR"; do
        [ -s "$stream" ] && echo "${stream##*/}:" && head -n 40 "$stream"
    done
    return 0
}

# is_short: small counts are wanted: of `make test`, and of the sanitize build, which is several times
# slower and looks for other things than a long run does.
is_short() {
    [ -z "${AF_TEST_LONG:-}" ] || [[ $AFRUN == *sanitize* ]]
}

# A command as the name of a case: without folders, not too long.
title() {
    local word text=
    for word in "$@"; do
        [[ $word != *$'\n'* ]] || word='…'
        text+="${word##*/} "
    done
    echo "${text:0:100}"
}

# check NAME COMMAND…: it ends well.
check() {
    local name=$1
    shift
    run "$@"
    if [ "$status" -eq 0 ]; then
        ok "$name"
    else
        not_ok "$name" "$(explain "exit status $status" "$@")"
    fi
}

# expect_status N COMMAND…
expect_status() {
    local expected=$1 name
    shift
    name="$(title "$@")exits with $expected"
    run "$@"
    if [ "$status" -eq "$expected" ]; then
        ok "$name"
    else
        not_ok "$name" "$(explain "exit status $status" "$@")"
    fi
}

# expect_output TEXT COMMAND…: it ends well, with TEXT somewhere on standard output.
expect_output() {
    local text=$1 name
    shift
    name="$(title "$@")says '$text'"
    [ -n "$text" ] || { not_ok "$name" "expect_output needs a text" && return; }
    run "$@"
    if [ "$status" -ne 0 ]; then
        not_ok "$name" "$(explain "exit status $status" "$@")"
    elif ! grep -qF -e "$text" "$OUT"; then
        not_ok "$name" "$(explain "it did not say '$text'" "$@")"
    else
        ok "$name"
    fi
}

# expect_error TEXT N COMMAND…: it exits with N, with TEXT somewhere on standard error.
expect_error() {
    local text=$1 expected=$2 name
    shift 2
    name="$(title "$@")exits with $expected and says '$text'"
    [ -n "$text" ] || { not_ok "$name" "expect_error needs a text" && return; }
    run "$@"
    if [ "$status" -ne "$expected" ]; then
        not_ok "$name" "$(explain "exit status $status" "$@")"
    elif ! grep -qF -e "$text" "$ERR"; then
        not_ok "$name" "$(explain "it did not say '$text'" "$@")"
    else
        ok "$name"
    fi
}

has_answers() {
    [ -n "$(ls "$AF_TEST_ANSWERS")" ]
}

check_answers() {
    has_answers || return 0
    if /usr/bin/python3 "$ROOT/tests/lib/schemas.py" "$ROOT/tests/data/schema" "$AF_TEST_ANSWERS" >"$OUT" 2>"$ERR"; then
        ok "what was answered as JSON is as its schema says: $(tail -n 1 "$OUT")"
    else
        not_ok "what was answered as JSON is as its schema says" "$(head -n 20 "$OUT" "$ERR")"
    fi
}

end_test() {
    local last_status=$? left
    left=($(jobs -pr))
    if [ ${#left[@]} -gt 0 ]; then
        not_ok "no process is left behind" "$(ps -o pid=,args= -p "${left[*]}")"
        kill -KILL "${left[@]}" 2>/dev/null
    fi
    check_answers
    cd / && rm -rf "$scratch"
    [ "$last_status" -eq 0 ] || not_ok "the script ends well" "exit status $last_status"
    [ $case_count -eq $planned ] || echo "# ran $case_count of $planned cases"
    exit $((failure_count > 0 || case_count != planned))
}
trap end_test EXIT
