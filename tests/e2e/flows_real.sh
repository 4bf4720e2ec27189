# The flows that teach, for real: each party under a node, over a service, the processes killed. What comes out is what a simulated
# run of parties of the same names gives. (The others have tests of their own, by their names.)
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 12
source "$ROOT/tests/lib/serve.sh"
kills=5
is_short || kills=20
mkdir flows && cp "$ROOT"/flows/{sync_state,model_exchange}.lua "$ROOT"/flows/protocols/*.lua "$ROOT"/flows/upgrade/count_1.lua flows/
cat >same.py <<'PY'
import json, re, sys
mock = {one["id"]: one["result"] for one in json.load(open("mock.json"))["party_list"]}
real = json.loads(re.sub(r" [0-9]+$", "", open("real.txt").read().strip()))
print("the same" if mock == real else "simulated %s\nfor real  %s" % (mock, real))
PY

# real FLOW PEERS OPTION…; $resting: where parties rest at the end. (Elsewhere one that rests goes on.)
resting=
real() {
    local flow=$1 peers=$2 counts
    shift 2
    counts=$(tr ';' '\n' <<<"$peers" | sed -E 's/=.*//; /^$/d' | paste -d= - <(tr ';' '\n' <<<"$peers" | awk -F, '{ print NF }') | paste -sd,)
    "$AFRUN" "flows/$flow.lua" --mock -q --json --parties "$counts" "$@" >mock.json 2>"$ERR"
    rm -rf run && mkdir run
    run python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run --play "$flow" $resting --least $kills --peers "$peers" \
        $(printf -- '%s ' "$@")
    cp "$OUT" real.txt
    if [ "$status" -eq 0 ]; then says "$flow: killed and killed, it ends as a simulated run does" "the same" "$(python3 same.py 2>&1)"; else
        not_ok "$flow: killed and killed, it ends as a simulated run does" "$(explain "exit status $status" kill_nodes)"
    fi
}
real sync_state 'initiator=initiator-1;participant=participant-1,participant-2,participant-3'
real model_exchange 'aggregator=aggregator-1;client=client-1,client-2,client-3' --arg rounds=4
real handshake 'initiator=initiator-1;participant=participant-1,participant-2,participant-3'
real training_round 'aggregator=aggregator-1;participant=participant-1,participant-2'
real ring_election 'node=node-1,node-2,node-3,node-4'
real count_1 'keeper=keeper-1;counter=counter-1,counter-2,counter-3' --arg rounds=9
resting=--resting
real two_phase_commit 'coordinator=coordinator-1;participant=participant-1,participant-2'
real two_phase_commit 'coordinator=coordinator-1;participant=participant-1,participant-2' --arg refusing=1
real alternating_bit 'sender=sender-1;receiver=receiver-1' --arg items=9
real paxos 'proposer=proposer-1;acceptor=acceptor-1,acceptor-2,acceptor-3'
real mutual_exclusion 'node=node-1,node-2,node-3' --arg turns=3
