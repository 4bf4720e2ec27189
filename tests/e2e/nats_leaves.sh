#!/usr/bin/env bash
# Hospitals behind leaf nodes without JetStream: a plain client behind a sidecar at one, a node at another, a party at
# the cluster of three, whose leaders are killed meanwhile. Servers before 2.10 lose what they confirmed when a leader
# dies (bus/nats/README): of those the leaf nodes are killed, which keep nothing.
source "$(dirname "$0")/../lib/e2e.sh"
plan 10
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
source "$ROOT/tests/lib/certificates.sh"
source "$ROOT/tests/lib/nats.sh"
source "$ROOT/tests/lib/nats_cluster.sh"
need_nats
rounds=${AF_TEST_LONG:+30}
rounds=${rounds:-8}
run "$AFRUN" "$ROOT/flows/fed_avg.lua" --mock --parties participant=2 --arg rounds=$rounds --trace mock.jsonl
expected=$(grep -o '"kind":"done","party":"participant-1".*' mock.jsonl | grep -o '\[.*\]')

read -ra ports < <(nats_ports 5)
"$AFRUN" nats config nats --nodes a,b,c --operators op --leaf "north@127.0.0.1:${ports[3]}=c" --leaf "south@127.0.0.1:${ports[4]}=a" \
    --servers "127.0.0.1:${ports[0]},127.0.0.1:${ports[1]},127.0.0.1:${ports[2]}" >/dev/null
cd nats || exit 1
authority ca
for name in a b c op; do known_by $name; done
start_cluster
for name in north south; do
    known_by $name subjectAltName=IP:127.0.0.1
    start_server leaf-$name
    until_true grep -q "Leafnode connection created" leaf-$name.log || not_ok "the leaf node $name is there" "$(tail leaf-$name.log)"
done
known_leader() { # known_leader STREAM: who leads it
    local i
    for i in 0 1 2; do
        nats_ask op "${ports[i]}" "\$JS.API.STREAM.INFO.$1" 2>/dev/null | python3 -c '
import json, sys
print(json.loads(sys.stdin.read())["cluster"]["leader"])' 2>/dev/null && return
    done
    return 1
}
came_to() { # came_to NUMBER: so many contracts of the task were taken
    local i last
    for i in 0 1 2; do
        last=$(nats_ask op "${ports[i]}" '$JS.API.STREAM.INFO.AF+t+federated' 2>/dev/null | grep -o '"last_seq":[0-9]*' | head -n 1)
        [ -z "$last" ] || break
    done
    [ "${last#*:}" -ge "$1" ] 2>/dev/null
}

# ---- A flow of three. ----
peers='aggregator=a;participant=b,c'
mkdir flows
cp -r "$ROOT"/flows/{fed_avg.lua,fed_avg,training} flows/
start_party node-a node --node a --bus "tls://127.0.0.1:${ports[4]}?domain=afrun&replicas=3" --config a.auth --flows flows --state a.state
wait_line node-a.out "afrun node: node a" || not_ok "the node at a leaf node starts" "$(cat node-a.err)"
run "$AFRUN" ctl launch fed_avg --state a.state --task t --role aggregator --peers "$peers" --arg rounds=$rounds --arg linger=0.1
[ "$status" -eq 0 ] || not_ok "the node takes the launch" "$(cat "$OUT" "$ERR")"
start_party b flows/fed_avg.lua --role participant --node b --task t --bus "tls://127.0.0.1:${ports[0]},127.0.0.1:${ports[1]}?replicas=3" \
    --config b.auth --json --peers "$peers" --arg rounds=$rounds --arg linger=0.1
until_true came_to 0 || not_ok "the task springs up" "$(cat node-a.err b.err)" # the sidecar makes none
start_serve --bus "tls://127.0.0.1:${ports[3]}?domain=afrun&replicas=3" --node c --config c.auth --state c.db --hold 1s ||
    not_ok "a sidecar at a leaf node starts" "$(cat serve.err)"
PYTHONPATH=$ROOT/tests/lib python3 "$ROOT/tests/lib/fed_avg_peer.py" "$URL" t c participant 2 vector >c.out 2>c.err </dev/null &
party_pids[c]=$!

stream_leader() {
    leader=$(known_leader AF+t+federated)
    [ -n "$leader" ]
}
meta_leader() {
    leader=$(grep -ho "new metadata leader: [a-z0-9-]*" server-*.log | tail -n 1)
    leader=${leader##* }
    [ -n "$leader" ]
}
kill_at() { # kill_at CONTRACTS LEADER LEAF: when so many were taken, and it is started anew
    until_true came_to "$1" || not_ok "contracts come" "$(tail -n 5 ./*.err)"
    if are_old_servers; then leader=$3; else until_true "$2"; fi
    kill_party "$leader" && start_server "$leader"
    ok "a server is killed at $1 contracts: $leader"
}
kill_at 10 stream_leader leaf-north
kill_at 30 meta_leader leaf-south
expect_ended b 0 "the party at the cluster ends well"
expect_ended c 0 "the plain client ends well"
expect_in c.out "$(printf 'counted; %.0s' $(seq $((rounds - 1))))counted" "it was counted in each round"
is_done() {
    "$AFRUN" ctl status t --state a.state --json 2>/dev/null | grep -qF '"status":"done"'
}
until_true is_done && ok "the party of the node ends well" || not_ok "the party of the node ends well" "$("$AFRUN" ctl status t --state a.state 2>&1)"
python3 - "$expected" "$(field b.out result)" <<'PY' && ok "the parameters are those of a simulated run" || not_ok "the parameters are those of a simulated run" "$expected: $(tail -n 1 b.out)"
import json, sys
sys.exit(json.loads(sys.argv[2])["parameters"] != json.loads(sys.argv[1]))
PY
answer=$(call POST '/alpha-med/fed-bass?cmb=StartCalculationTaskRunning' '{"TaskId":"t","ProgramObject":"k"}')
says "a launch is not the sidecar's to tell" "a launch is told by a front of the NATS servers" "$answer"
stop_serve
stop_all
