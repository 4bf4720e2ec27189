#!/usr/bin/env bash
# FedAvg with the platform's programs on either side: over our service, and over one that knows nothing of ours. The
# parameters are those of a simulated run, bit for bit.
source "$(dirname "$0")/../lib/e2e.sh"
plan 54
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
flow=$ROOT/flows/fed_avg.lua
run "$AFRUN" "$flow" --mock --parties participant=2 --trace mock.jsonl
expected=$(grep -o '"kind":"done","party":"participant-1".*' mock.jsonl | grep -o '\[.*\]')
[ "$(tr -cd , <<<"$expected" | wc -c)" -eq 2 ] && ok "a simulated run has three parameters" || not_ok "a simulated run has three parameters" "$expected"

peer() { # peer NODE ARGUMENT…: one of the platform's kind, in the background
    local node=$1
    shift
    PYTHONPATH=$ROOT/tests/lib python3 "$ROOT/tests/lib/fed_avg_peer.py" "$base/node/$node" "$task" "$node" "$@" >"$node.out" 2>"$node.err" </dev/null &
    party_pids[$node]=$!
}
ours() { # ours NODE ROLE ARGUMENT…
    local node=$1 role=$2
    shift 2
    start_party "$node" "$flow" --role "$role" --node "$node" --task "$task" --bus "$base/node/$node" --json --arg linger=0.1 "${peers[@]}" "$@"
}
same_parameters() { # FILE NAME
    python3 - "$expected" "$1" <<'PY' && ok "$2" || not_ok "$2" "expected $expected: $(tail -n 3 "$1")"
import json, sys
answer = json.loads(open(sys.argv[2]).read().strip().splitlines()[-1])
if isinstance(answer, dict):
    answer = answer["result"]["parameters"]
sys.exit(answer != json.loads(sys.argv[1]))
PY
}

both() { # both NAME FORMAT: node-a aggregates, node-b and node-c take part
    local where=$1 format=$2
    task=theirs-$format
    peer node-a aggregator 2 3 "$format"
    ours node-b participant --arg format="$format"
    ours node-c participant --arg format="$format"
    for node in node-a node-b node-c; do expect_ended $node 0 "$where, their aggregator: $node ends well"; done
    same_parameters node-a.out "$where, their aggregator: the parameters are those of a simulated run"
    expect_in node-b.out '"rounds":3' "… and our participants have taken part in three rounds"

    task=ours-$format
    ours node-a aggregator --arg format="$format"
    ours node-b participant --arg format="$format"
    peer node-c participant 2 "$format"
    for node in node-a node-b node-c; do expect_ended $node 0 "$where, our aggregator: $node ends well"; done
    same_parameters node-a.out "$where, our aggregator: the parameters are those of a simulated run"
    same_parameters node-b.out "… and those with which our participant ends"
    expect_in node-c.out "counted; counted; counted" "… and their participant was counted three times"
}

# ---- Our service. ----
start_serve --bus local:serve.db --prefix-nodes --open-tasks || not_ok "the service starts" "$(cat serve.err)"
base=$URL
peers=(--peers 'aggregator=node-a;participant=node-b,node-c')
both "afrun serve" vector
both "afrun serve" json

# Who has more rows counts for more.
task=rows
ours node-a aggregator --arg rounds=1
ours node-b participant --arg rounds=1 --arg n_k=30
ours node-c participant --arg rounds=1 --arg n_k=10
for node in node-a node-b node-c; do expect_ended $node 0 "rows: $node ends well"; done
got=$(field node-a.out result | grep -o '"parameters": \[[^]]*\]')
python3 -c 'import json, sys
got, expected = json.loads("{%s}" % sys.argv[1])["parameters"], [0.375, 0.525, 0.2625]
sys.exit(max(abs(one - other) for one, other in zip(got, expected)) > 1e-12)' "$got" &&
    ok "thirty rows count three times as much as ten" || not_ok "thirty rows count three times as much as ten" "$got"

# A vector of another length, a NaN, and one that is gone: the others go on.
peers=(--peers 'aggregator=node-a;participant=node-b,node-c,node-d' --arg every=1 --arg tries=2)
for mischief in short nan; do
    task=$mischief
    ours node-a aggregator
    ours node-b participant
    ours node-c participant
    peer node-d participant 3 vector $mischief
    for node in node-a node-b node-c; do expect_ended $node 0 "$mischief: $node ends well"; done
    kill_party node-d
    grep -qE "data of 'node-d' is refused: (it has 2 parameters, expected 3|its parameters are no vector of numbers|parameter 2 is no finite number)" node-a.err &&
        ok "$mischief: our aggregator's log says why it was refused" || not_ok "$mischief: our aggregator's log says why it was refused" "$(cat node-a.err)"
    expect_in node-a.out '"participants":["node-b","node-c"' "$mischief: two are counted"
done
task=gone
ours node-a aggregator
ours node-b participant
ours node-c participant
peer node-d participant 3 vector gone
for node in node-a node-b node-c node-d; do expect_ended $node 0 "gone: $node ends well"; done
same_parameters node-a.out "gone: the result is that of the others"
stop_serve

# ---- One that hands out once, and names no sender. ----
coproc FAKE { exec python3 "$ROOT/tests/lib/fake_service.py"; }
read -r port <&"${FAKE[0]}"
base=http://127.0.0.1:$port peers=()
both "a plain service" vector
eval "exec ${FAKE[1]}>&-"
wait "$FAKE_PID"
stop_all
