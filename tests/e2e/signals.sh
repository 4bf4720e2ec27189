#!/usr/bin/env bash
# Signals: Ctrl-C and SIGTERM end any command with 130 and a word on what there is so far; a terminal that goes (SIGHUP)
# takes neither a service nor a node with it.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 25
source "$ROOT/tests/lib/parties.sh"
flow=$ROOT/flows/sync_state.lua
printf 'local af = require "af"\nreturn af.flow { name = "ticks", roles = { a = { start = "s", states = { s = { after = { 1, function(party) party.data.n = (party.data.n or 0) + 1 return "s" end } } } } } }\n' >ticks.lua

# ended SIGNAL CASE TEXT COMMAND…: it runs until it is stopped a second after its start, ends with 130, and says the text.
ended() {
    local signal=$1 name=$2 text=$3
    shift 3
    status=0
    timeout --preserve-status -s "$signal" 1 "$AFRUN" "$@" >"$OUT" 2>"$ERR" </dev/null || status=$?
    if [ $status -eq 130 ] && cat "$OUT" "$ERR" | grep -qE -e "$text"; then ok "$name: SIG$signal"; else not_ok "$name: SIG$signal" "$(explain "status $status, not '$text'" "$@")"; fi
}
for signal in INT TERM; do
    ended $signal "a run tells where it was" '^ticks: .* virtual, ' ticks.lua --mock --until 8760h
    ended $signal "a run as JSON" '"outcome":"interrupted".*"error":\{"kind":"interrupted","status":130,' ticks.lua --mock --until 8760h --json
    ended $signal "many runs tell what was found" '^interrupted: [1-9][0-9]* of 100000000 runs, 0 failed' "$flow" --mock --runs 100000000
    ended $signal "many runs as JSON" '"interrupted":true.*"status":130' "$flow" --mock --runs 100000000 --json
    ended $signal "a check tells what was found" 'not exhaustive \(interrupted\): ' check ticks.lua
    ended $signal "a check as JSON" '"bound":"interrupted".*"status":130' check ticks.lua --json
    ended $signal "a party for real says so" 'interrupted' "$flow" --bus local:$signal.db --role participant --node p --task t --peers 'initiator=i;participant=p'
done
sed 's/party.data.n =/for i = 1, 10000000 do local x = i end party.data.n =/; s/"ticks"/"works"/' ticks.lua >works.lua
run "$AFRUN" works.lua --mock -q --until 60s --trace long.jsonl
for signal in INT TERM; do
    ended $signal "a replay tells how far it was the same" 'interrupted: works: [1-9][0-9]* records replayed, the same so far' replay long.jsonl
done

# What waits for its input, or its user, has nothing to tell.
mkfifo nothing && exec 9<>nothing
for words in "chart -" "replay -" "replay --step long.jsonl" "check -"; do
    status=0
    timeout --preserve-status -s TERM 0.5 "$AFRUN" $words <nothing >"$OUT" 2>"$ERR" || status=$?
    if [ $status -eq 130 ]; then ok "$words: SIGTERM"; else not_ok "$words: SIGTERM" "status $status"; fi
done

# SIGHUP.
start_party serve serve --open-tasks --prefix-nodes --listen 127.0.0.1:0
wait_line serve.out listening || not_ok "a service starts" "$(cat serve.err)"
mkdir flows && cp "$flow" flows
start_party node node --node n --bus local:node.db --flows flows --state n.state --no-jail
wait_line node.out "node n" || not_ok "a node starts" "$(cat node.err)"
start_party real "$flow" --bus local:real.db --role participant --node p --task t --peers 'initiator=i;participant=p'
until_true test -e real.db
for name in serve node; do
    kill -HUP "${party_pids[$name]}"
    case $name in
    serve) url=$(sed -nE 's,.* listening at (https?://[^ ]+)\, .*,\1,p' serve.out) && answers=(curl -sf "$url/healthz") ;;
    node) answers=("$AFRUN" ctl status --state n.state) ;;
    esac
    check "SIGHUP does not end: $name" "${answers[@]}"
    kill -TERM "${party_pids[$name]}"
    expect_ended $name 0 "SIGTERM ends it well: $name"
done
kill_party real
