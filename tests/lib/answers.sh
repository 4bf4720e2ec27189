#!/usr/bin/env bash
# Stands for the program in tests: answers.sh PROGRAM FOLDER WORD…: PROGRAM with these words, in this process. But
# where they ask for JSON on a standard output that can be read, answers.py runs it, which keeps the answer in FOLDER.
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
if [ -n "$json" ] && { [ -p /dev/stdout ] || [ -f /dev/stdout ]; }; then
    exec /usr/bin/python3 -I "${0%.sh}.py" "$program" "$folder" "$@"
fi
exec "$program" "$@"
