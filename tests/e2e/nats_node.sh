#!/usr/bin/env bash
# A node over NATS servers: what its status and its metrics tell of them, and what it does before it ends.
source "$(dirname "$0")/../lib/e2e.sh"
plan 29
source "$ROOT/tests/lib/parties.sh"
PATIENCE=30
source "$ROOT/tests/lib/nats.sh"
need_nats
peers='peer=p1,p2'

node() { # node NAME URL [ARGUMENT…]
    local name=$1 url=$2
    shift 2
    start_party "$name" node --node "$name" --bus "$url" --flows "$ROOT/tests/data/tally" --state "$name.state" "$@"
    wait_line "$name.out" "afrun node: node $name" || not_ok "node $name starts" "$(cat "$name.err")"
}
ctl() { # ctl NODE WORD…
    local name=$1
    shift
    "$AFRUN" ctl "$@" --state "$name.state"
}
says() { # says TEXT COMMAND…
    local text=$1
    shift
    "$@" 2>/dev/null | grep -qF -e "$text"
}
soon() { # soon TEXT COMMAND…: it says so at last
    local text=$1
    shift
    if until_true says "$text" "$@"; then ok "$(title "$@")says '$text' at last"; else not_ok "$(title "$@")says '$text' at last" "$("$@" 2>&1)"; fi
}

# ---- A cluster. ----
nats_cluster
node p1 "nats://$hosts?replicas=3" --metrics 127.0.0.1:0
node p2 "nats://$hosts?replicas=3"
metrics() { curl -sS "$(sed -n 's/^afrun node: metrics at //p' p1.out)"; }
check "a party is launched" ctl p1 launch tally --task t --role peer --peers "$peers"
check "and paused" ctl p1 pause t
check "another one sends to it, and answers" ctl p2 launch tally --task t --role peer --peers "$peers"
soon "6 wait, 6 of them in hand, in 1 of 1 queues" ctl p1 status t
expect_output "of cluster c for" ctl p1 status
expect_output '"behind":0' ctl p1 status --json
expect_output " leads" ctl p1 status
soon 'afrun_bus_waiting_contracts 6' metrics
expect_output 'afrun_bus_cluster_info{cluster="c",server="nats://127.0.0.1:' metrics
expect_output 'afrun_bus_connected 1' metrics

check "what was on its way is measured" ctl p1 latencies lan.json --json
expect_output '{"from":"p2","to":"p1","up_to_us":[' cat lan.json
expect_output "3 parties done" "$AFRUN" "$ROOT/tests/data/tally/tally.lua" --mock --latency-model lan.json
expect_error "lan.json: cannot be written: File exists" 3 "$AFRUN" ctl latencies lan.json --state p1.state

at=$(ctl p1 status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["cluster"]["server"])')
for n in 1 2 3; do
    case $at in *:${client_ports[n - 1]}) mine=s$n ;; esac
done
kill_party "$mine"
soon "1 times connected again" ctl p1 status
soon "replicas are behind, or away" ctl p1 status
for n in 1 2 3; do
    [ s$n = "$mine" ] || kill_party s$n
done
soon "CUT OFF (" ctl p1 status
soon 'afrun_bus_connected 0' metrics
kill_party p1 TERM # nothing can be handed back: it does not wait for that
[ "$status" -eq 0 ] && ok "a node that is cut off ends" || not_ok "a node that is cut off ends" "$status: $(tail p1.err)"
kill_party p2 TERM

# ---- One server; a node that ends. ----
rm -r p1.state p2.state
nats one
node p1 "nats://127.0.0.1:$port"
check "a party is launched" ctl p1 launch tally --task t --role peer --peers "$peers"
soon "0 wait, 0 of them in hand, in 1 of 1 queues" ctl p1 status t
node p2 "nats://127.0.0.1:$port"
check "it is known where it sends to" ctl p2 launch tally --task other --role peer --peers "$peers"
soon '"unsent":0' ctl p2 status other --json
kill -STOP "${party_pids[one]}"
check "another one sends while the server hangs" ctl p2 launch tally --task t --role peer --peers "$peers"
kill -TERM "${party_pids[p2]}"
wait_line p2.err "its parties are kept" && ok "it is told to end" || not_ok "it is told to end" "$(cat p2.err)"
kill -CONT "${party_pids[one]}"
expect_ended p2 0 "it ends"
kept() { python3 -c 'import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute("SELECT task, seq - sent FROM party ORDER BY task"))' "$1.state/node.db"; }
expect_output "('other', 0) ('t', 0)" kept p2
kill_party p1 TERM
[ "$status" -eq 0 ] && ok "the other one ends" || not_ok "the other one ends" "$status: $(tail p1.err)"
kill_party one TERM
stop_all
