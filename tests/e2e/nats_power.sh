#!/usr/bin/env bash
# A NATS server that has lost what it confirmed last, as by a power cut: what `afrun node --keep-sent` keeps is sent again.
source "$(dirname "$0")/../lib/e2e.sh"
plan 9
source "$ROOT/tests/lib/parties.sh"
PATIENCE=25
source "$ROOT/tests/lib/nats.sh"
need_nats
peers='peer=p1,p2'
node() { # node NAME [ARGUMENT…]
    local name=$1
    shift
    start_party "$name" node --node "$name" --bus "nats://127.0.0.1:$port" --flows "$ROOT/tests/data/tally" --state "$name.state" "$@"
    wait_line "$name.out" "afrun node: node $name" || not_ok "node $name starts" "$(cat "$name.err")"
}
ctl() { # ctl NODE WORD…
    local name=$1
    shift
    "$AFRUN" ctl "$@" --state "$name.state"
}
party_is() { # party_is NODE PYTHON: of the fields of its party
    ctl "$1" status t --json 2>/dev/null | python3 -c 'import json, sys
for party in json.load(sys.stdin)["parties"]: sys.exit(not eval(sys.argv[1], {}, party))' "$2"
}
expect_party() { # expect_party NODE PYTHON CASE
    if until_true party_is "$1" "$2"; then ok "$3"; else not_ok "$3" "$(ctl "$1" status t)"; fi
}

nats one
node p1
check "a party is launched" ctl p1 launch tally --task t --role peer --peers "$peers" --arg bursts=2
expect_party p1 'state == "counting" and unsent == 0' "what it sends is confirmed"
kill_party p1 TERM
kill_party one
cp -r one/js one/before
begin_nats one "$port"
node p2 --keep-sent 1h
check "another is launched" ctl p2 launch tally --task t --role peer --peers "$peers" --arg bursts=2
expect_party p2 'unsent == 0 and kept == 6 and queue == 0' "and has sent all, which is confirmed, and keeps it"
kill_party one
rm -r one/js
mv one/before one/js
begin_nats one "$port"
node p1
expect_party p1 'status == "done"' "all of it comes, though the server had lost it"
expect_output '"value":{"seen":10,"wrong":0}' ctl p1 status t --data --json
expect_party p2 'status == "sending"' "who is done stays for as long as it keeps something"
kill_party p2 # the journal knows what was kept
node p2 --keep-sent 1ms
expect_party p2 'status == "done"' "and no longer"
kill_party p2 TERM
kill_party p1 TERM
kill_party one TERM
stop_all
