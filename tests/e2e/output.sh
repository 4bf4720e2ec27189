#!/usr/bin/env bash
# Standard output: what cannot be written is told, with status 3, by every command; a trace there has
# it to itself; and who is stopped in the middle of many runs is told what was found so far.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 67
flow=$ROOT/flows/sync_state.lua
check "a trace to draw" "$AFRUN" "$flow" --mock -q --trace run.jsonl
cp "$flow" .

# full ARGUMENT…: status 3 and one line, where the disk behind standard output is full.
full() {
    local status=0 name
    name="$(title afrun "$@")on a full disk"
    "$AFRUN" "$@" >/dev/full 2>"$ERR" </dev/null || status=$?
    if [ $status -eq 3 ] && [ "$(grep -c '^afrun: .*cannot be written' "$ERR")" -eq 1 ]; then
        ok "$name"
    else
        not_ok "$name" "status $status: $(cat "$ERR")"
    fi
}
full --help
full --version
for shell in bash zsh fish; do full --completion $shell; done
full --man
full --man list
full help
for command in run check chart replay serve node ctl; do
    full $command --help
    full help $command
    full --man $command
done
full ctl status --help
full "$flow" --mock
full "$flow" --mock --json
full "$flow" --mock --runs 3
full "$flow" --mock --trace -
full "$flow" --mock --trace /dev/full
full check "$flow"
full check "$flow" --json
full chart run.jsonl
full chart --svg run.jsonl
full chart --html run.jsonl
full chart --states "$flow"
full replay run.jsonl

# closed ARGUMENT…: the same where there is no standard output. Nothing else takes its number, as a socket of the jail's would.
closed() {
    local status=0 name
    name="$(title afrun "$@")without standard output"
    "$PROGRAM" "$@" >&- 2>"$ERR" <&- || status=$?
    if [ $status -eq 3 ] && [ "$(grep -c '^afrun: .*cannot be written: ' "$ERR")" -eq 1 ]; then
        ok "$name"
    else
        not_ok "$name" "status $status: $(cat "$ERR")"
    fi
}
closed "$flow" --mock -q
closed "$flow" --mock -q --runs 3
closed "$flow" --mock -q --trace -
closed check "$flow"
closed check "$flow" --jobs 2
closed lint "$flow"
closed chart run.jsonl
closed replay run.jsonl
closed store check "$flow.none" --json
expect_error "-: cannot be read: Bad file descriptor" 2 bash -c '"$0" - --mock <&-' "$PROGRAM"
"$PROGRAM" "$flow" --mock --trace - 2>&- >alone.jsonl
check "what nobody hears is in no trace" cmp alone.jsonl run.jsonl

# A service lives on without its first line, and ends with what it should have told.
"$AFRUN" serve --prefix-nodes --listen 127.0.0.1:0 --bus "local:$TMP/bus.db" >/dev/full 2>"$ERR" &
server=$!
for ((i = 0; i < 100; i++)); do [ -e "$TMP/bus.db" ] && break; sleep 0.05; done
# A terminal that goes takes no service with it.
kill -HUP $server
kill -TERM $server
wait $server
status=$?
if [ $status -ne 129 ]; then ok "SIGHUP does not end a service"; else not_ok "SIGHUP does not end a service"; fi
if [ $status -eq 3 ] && grep -q "cannot be written" "$ERR"; then ok "a service ends with 3"; else not_ok "a service ends with 3" "$status: $(cat "$ERR")"; fi

# A pipe of ours to ours.
"$AFRUN" "$flow" --mock --trace - 2>told | "$AFRUN" chart - >chart
if [ "${PIPESTATUS[*]}" = "0 0" ] && grep -q "ok: 4 parties, 4 done" chart; then ok "a trace goes into a chart"; else not_ok "a trace goes into a chart" "$(cat chart told)"; fi
if grep -q "4 parties done" told; then ok "the rest is on standard error"; else not_ok "the rest is on standard error" "$(cat told)"; fi
"$AFRUN" "$flow" --mock --json --trace /dev/stdout 2>told | "$AFRUN" replay - >replayed
cp told "$AF_TEST_ANSWERS/told.out" && printf 'a trace and an answer --json' >"$AF_TEST_ANSWERS/told.words" && echo 0 >"$AF_TEST_ANSWERS/told.status"
if grep -q "all the same" replayed && grep -q '"outcome":"ok"' told; then ok "and into a replay"; else not_ok "and into a replay" "$(cat replayed told)"; fi

# stopped SIGNAL OPTION…: many runs, stopped on the way.
stopped() {
    local signal=$1 status=0 seconds=1
    shift
    [[ $PROGRAM != *sanitize* ]] || seconds=5 # the second of so many runs is over then, too
    timeout --preserve-status -s "$signal" $seconds "$AFRUN" "$flow" --mock --runs 100000000 "$@" >"$OUT" 2>"$ERR" || status=$?
    if [ $status -eq 130 ]; then ok "SIG$signal ends many runs with 130"; else not_ok "SIG$signal ends many runs with 130" "$status: $(cat "$ERR")"; fi
}
stopped INT
if grep -qE '^interrupted: [1-9][0-9]* of 100000000 runs, 0 failed; ' "$OUT"; then ok "and says what was found"; else not_ok "and says what was found" "$(cat "$OUT")"; fi
stopped TERM --lose participant:1
if grep -q '^the lowest failing seed is 2; ' "$OUT" && grep -qE 'runs, [1-9][0-9]* failed' "$OUT"; then ok "with the lowest failing seed so far"; else not_ok "with the lowest failing seed so far" "$(cat "$OUT")"; fi
stopped INT --json
if grep -q '"interrupted":true' "$OUT"; then ok "and as JSON"; else not_ok "and as JSON" "$(cat "$OUT")"; fi

# SIGTERM is as Ctrl-C everywhere: a run that would not end tells where it was.
printf 'local af = require "af"\nreturn af.flow { name = "x", roles = { a = { start = "s", states = { s = { after = { 0.001, function(party) party.data.n = (party.data.n or 0) + 1 return "s" end } } } } } }\n' >loop.lua
status=0
timeout --preserve-status -s TERM 1 "$AFRUN" loop.lua --mock --until 8760h >"$OUT" 2>"$ERR" || status=$?
if [ $status -eq 130 ] && grep -q "seed 1" "$OUT"; then ok "SIGTERM ends a run with its last line"; else not_ok "SIGTERM ends a run with its last line" "$status: $(cat "$OUT" "$ERR")"; fi
