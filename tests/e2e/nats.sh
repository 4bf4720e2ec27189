#!/usr/bin/env bash
# Flows over nats: with a server of their own: the results of other buses, kills of all processes,
# a server that is away, or lets not everybody in.
source "$(dirname "$0")/../lib/e2e.sh"
plan 37
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
source "$ROOT/tests/lib/nats.sh"
need_nats
flows=$ROOT/flows

# ---- The flows come to what they come to in mock. ----
nats hub 'trace: true' 'max_traced_msg_len: 100'
peers='initiator=i;participant=p1,p2,p3'
sync_party() { # NAME TASK [OPTION…]
    local role=participant name=$1 task=$2
    shift 2
    [ "$name" != i ] || role=initiator
    start_party "$name" "$flows/sync_state.lua" --role $role --node "$name" --task "$task" \
        --bus "nats://127.0.0.1:$port" --peers "$peers" --json "$@"
}
for order in "i p1 p2 p3" "p3 p2 p1 i"; do
    for name in $order; do
        sync_party "$name" "task:${order// /-}" # no token of NATS's
    done
    for name in $order; do
        expect_ended "$name" 0 "party $name ends well, started as $order"
    done
    if [ "$(field i.out result)" = '{"synced": 3}' ] && [ "$(field p2.out result)" = '{"aggregator": "i", "round": 11}' ]; then
        ok "the sync flow comes to the mock's results, started as $order"
    else
        not_ok "the sync flow comes to the mock's results, started as $order" "$(tail -n 1 ./*.out)"
    fi
done
for name in a c1 c2 c3; do
    role=client
    [ $name != a ] || role=aggregator
    start_party $name "$flows/model_exchange.lua" --role $role --node $name --task models \
        --bus "nats://127.0.0.1:$port" --peers 'aggregator=a;client=c1,c2,c3' --json
done
for name in a c1 c2 c3; do
    expect_ended $name 0 "$name of the model exchange ends well"
done
run "$AFRUN" "$flows/model_exchange.lua" --mock --json
mock=$(python3 -c '
import json, sys
print(json.dumps(json.loads(open(sys.argv[1]).read())["party_list"][0]["result"], sort_keys=True))' "$OUT")
if [ "$(field a.out result)" = "$mock" ]; then ok "the models are those of the mock run, to the last bit"; else
    not_ok "the models are those of the mock run, to the last bit" "$mock / $(tail -n 1 a.out)"
fi

# ---- A server that is away is waited for; what was confirmed is there when it is back. ----
for name in p1 p2 p3; do sync_party $name away; done
kill_party hub
sync_party i away
wait_line i.err "NATS" && ok "who waits for a server is told" || not_ok "who waits for a server is told" "$(cat i.err)"
begin_nats hub "$port"
for name in i p1 p2 p3; do
    expect_ended $name 0 "$name ends well after its server was away"
done

# ---- One that hangs is told, too, and no party waits for ever for its end. ----
: >hub/log
sync_party p1 hangs
wait_line hub/log "[SUB _AF.p1" # it is connected: see README.md on what libnats does before that
kill -STOP "${party_pids[hub]}"
kill -INT "${party_pids[p1]}"
wait_party p1
if [ "$status" -eq 130 ]; then ok "Ctrl-C ends a party whose server hangs"; else not_ok "Ctrl-C ends a party whose server hangs" "$status: $(cat p1.err)"; fi
kill -CONT "${party_pids[hub]}"
kill_party hub TERM

# ---- Every process is killed: the server, nodes, workers. ----
kills=20 rounds=20
is_short || kills=100 rounds=80
mkdir flows && cp -r "$flows"/{fed_avg.lua,fed_avg,training} flows/
for least in 0 $kills; do
    rm -rf run && mkdir run
    run python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run --rounds $rounds --bus nats --least "$least" --seed 1
    sed 's/ [0-9]*$//' "$OUT" >"results.$least"
    if [ "$status" -eq 0 ] && [ -s "results.$least" ] && cmp -s results.0 "results.$least"; then
        ok "a run with $least kills comes to its results"
    else
        not_ok "a run with $least kills comes to its results" "$(explain "exit status $status" kill_nodes)"
    fi
done

# ---- Who the server lets in. ----
nats guarded 'authorization { token: "s3cret-token" }'
secret right.conf "token = s3cret-token"
secret wrong.conf "token = another"
peers='initiator=i;participant=p1'
for name in i p1; do sync_party $name guarded --config right.conf; done
expect_ended i 0 "a token lets in"
expect_ended p1 0 "and another node"
sync_party i refused --config wrong.conf
expect_ended i 3 "who is refused does not try for ever"
expect_in i.err "no NATS server lets us in" "and is told so"
never_says "and the token is told to nobody" "another" "$(cat i.err)"
expect_error "holds a login, which everybody sees" 2 "$AFRUN" "$flows/sync_state.lua" --role initiator --node i --task t \
    --bus "nats://name:word@127.0.0.1:$port" --peers "$peers"
expect_error "names no server" 2 "$AFRUN" "$flows/sync_state.lua" --role initiator --node i --task t --bus nats:// --peers "$peers"
expect_error "expected ?replicas=1 to 5" 2 "$AFRUN" "$flows/sync_state.lua" --role initiator --node i --task t \
    --bus "nats://127.0.0.1:$port?replicas=9" --peers "$peers"
kill_party guarded TERM

# ---- Three servers, each stream on all of them: one may go, whichever leads. ----
nats_cluster
cluster_party() { # NAME ROLE TASK
    start_party "$1" "$flows/sync_state.lua" --role "$2" --node "$1" --task "$3" --bus "nats://$hosts?replicas=3" --peers "$peers" --json
}
cluster_party p1 participant three
cluster_party i initiator three
expect_ended i 0 "a flow runs on a cluster"
expect_ended p1 0 "and ends for all"
cluster_party p1 participant two
kill_party s2
cluster_party i initiator two
expect_ended i 0 "one of three servers is killed, and the flow ends well"
expect_ended p1 0 "for who was there before, too"
kill_party s1 TERM
kill_party s3 TERM

# ---- Without JetStream nothing is taken. ----
mkdir plain && : >plain/conf && port=$(free_ports 1) && begin_nats plain "$port"
sync_party i none
wait_line i.err "no JetStream answers" && ok "a server without JetStream is told" || not_ok "a server without JetStream is told" "$(cat i.err)"
kill_party i INT
kill_party plain TERM
stop_all
