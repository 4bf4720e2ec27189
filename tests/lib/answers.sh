#!/usr/bin/env bash
# Stands for the program in tests: answers.sh PROGRAM FOLDER WORD…: PROGRAM with these words, in this process. But
# where they ask for JSON on a standard output that can be read, what it prints is kept in FOLDER besides,
# with the words and the exit status, for schemas.py. Signals are passed on; who kills this kills the program.
program=$1 folder=$2
shift 2
json= before=
for word in "$@"; do
    case $before$word in
    --) break ;;
    --json) json=1 ;;
    --help | -h | --trace=- | --trace=/dev/stdout) exec "$program" "$@" ;; # no answer, or not there
    esac
    before=
    [ "$word" != --trace ] || before=--trace=
done
if [ -z "$json" ] || { [ ! -p /dev/stdout ] && [ ! -f /dev/stdout ]; }; then exec "$program" "$@"; fi

# A shell cannot catch what it was told to ignore, as one in the background is.
[ -n "${AF_TEST_CATCHES:-}" ] || AF_TEST_CATCHES=1 exec env --default-signal=INT "$0" "$program" "$folder" "$@"
unset AF_TEST_CATCHES
kept=$(mktemp "$folder/XXXXXX")
setpriv --pdeathsig KILL "$program" "$@" >"$kept.out" <&0 &
pid=$!
for signal in INT TERM HUP USR1; do trap "kill -$signal $pid 2>/dev/null" $signal; done
while
    wait $pid
    status=$?
    kill -0 $pid 2>/dev/null
do :; done
printf '%s\0' "$@" >"$kept.words"
echo $status >"$kept.status"
cat "$kept.out"
exit $status
