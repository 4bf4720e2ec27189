# flows/psi.lua with protocol=rsa: the platform's RSA-PSI. Its programs are on either side, or on none; the result is the
# plain intersection; tests/data/check/psi_rsa.lua is checked in every interleaving, with small numbers.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 54
source "$ROOT/tests/lib/counterexample.sh"
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
runs=1000 pairs=100 kills=50
PATIENCE=300 # a key takes its time where the machine is busy
is_short && runs=40 pairs=6 kills=5
cp -r "$ROOT/flows/psi.lua" "$ROOT/flows/psi" "$ROOT/tests/data/check/psi_rsa.lua" .
rsa=(--arg protocol=rsa --arg bits=1024 --allow-run python3)

# ---- Pairs of sets, the first of them empty, by the program. ----
cat >oracle.py <<'PY'
import json, random, subprocess, sys
afrun, pairs, options = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
chance, wrong = random.Random(11), 0

def sets(i):
    if i < 4:
        return [["a"], []][i % 2], [["a", "b"], []][i // 2]
    ids = ["p %d" % n for n in range(chance.randrange(1, 30))] + ["é", "患者"]
    return [chance.choices(ids, k=chance.randrange(20)) for _ in range(2)]

for i in range(pairs):
    pair = sets(i)
    for name, items in zip(("initiator-1", "collaborator-1"), pair):
        open(name + ".txt", "w").write("".join(item + "\n" for item in items))
    run = json.loads(subprocess.run([afrun, "psi.lua", "--mock", "-q", "--json", "--parties", "collaborator=1", "--arg",
        "file={id}.txt", "--seed", str(i + 1), *options], stdout=subprocess.PIPE).stdout)
    plain = sorted(set(pair[0]) & set(pair[1]))
    for one in run["party_list"]:
        if one["result"] != {"items": plain, "count": len(plain)}:
            wrong += 1
            print(i, one["id"], str(one["result"])[:300], "expected", str(plain)[:300])
print("%d pairs, %d wrong" % (pairs, wrong))
PY
expect_output "$pairs pairs, 0 wrong" python3 oracle.py "$AFRUN" "$pairs" "${rsa[@]}"
same=(psi.lua --mock -q "${rsa[@]}" --parties collaborator=1 --arg 'items=["Müller, Anna"]' --seed 5)
check "a set may be an argument" "$AFRUN" "${same[@]}" --trace one.jsonl
check "  again" "$AFRUN" "${same[@]}" --trace two.jsonl
check "one seed, one trace, keys and all" cmp one.jsonl two.jsonl
says "what was sent names no item" 0 "$(grep '"kind":"\(send\|deliver\|upload\)"' one.jsonl | grep -c Anna)"

# ---- Faults, and every interleaving: a stand-in has numbers of 30 bits. ----
faults=(--drop .1 --duplicate .05 --crash initiator:.02 --crash collaborator:.02)
expect_output "$runs runs, 0 failed" "$AFRUN" psi_rsa.lua --mock "${faults[@]}" --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" psi_rsa.lua --mock "${faults[@]}" --lose collaborator:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" psi_rsa.lua --mock "${faults[@]}" --lose initiator:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" psi_rsa.lua --mock "${faults[@]}" --partition random:0.02 --runs "$runs"
for budget in "--drop 1" "--duplicate 1" "--arg tries=2 --lose 1" "--arg tries=2 --crash 1 --timeouts 1"; do
    # shellcheck disable=SC2086
    expect_output "no violation" "$AFRUN" check psi_rsa.lua $budget
    says "  exhaustive" "exhaustive" "$(grep -v 'not exhaustive' "$OUT" | tail -n 1)"
done
# An initiator that asks only whether the last collaborator has an item.
mkdir last && cp -r psi.lua psi psi_rsa.lua last
sed -i 's/in_all = in_all and list\[i\]/in_all = list[i]/' last/psi/rsa.lua
check "last is a change" test "$(diff psi/rsa.lua last/psi/rsa.lua | grep -c '^<')" -eq 1
expect_violation "'collaborator-1' refused: it names what I have not sent" "$AFRUN" check last/psi_rsa.lua --trace run.jsonl
says "  by a run of 17 steps" "shortest run: 17 steps" "$(cat "$OUT")"
runs_again last last/psi_rsa.lua failed

# ---- The platform's programs on either side, over our service and over one that knows nothing of ours. ----
peer() { # peer NODE ARGUMENT…: one of the platform's kind, in the background
    local node=$1
    shift
    PYTHONPATH=$ROOT/tests/lib python3 "$ROOT/tests/lib/rsa_psi_peer.py" "$base/node/$node" "$task" "$node" "$@" >"$node.out" 2>"$node.err" </dev/null &
    party_pids[$node]=$!
}
ours() { # ours NODE ROLE ITEMS
    start_party "$1" psi.lua --role "$2" --node "$1" --task "$task" --bus "$base/node/$1" --json "${rsa[@]}" --arg linger=0.5 \
        --arg every=30 --arg items="$3" "${peers[@]}"
}
a='["p 1","p 2","p 3","é","患者"]' b='["p 2","p 3","p 4","患者"]' c='["p 3","患者","p 9"]' common='["p 3", "患者"]'
result='{"count": 2, "items": ["p 3", "\u60a3\u8005"]}'
both() { # both WHERE
    task=theirs
    peer node-a initiator "$a" node-b,node-c
    ours node-b collaborator "$b"
    peer node-c collaborator "$c"
    for node in node-a node-b node-c; do expect_ended $node 0 "$1, their initiator: $node ends well"; done
    says "… it has the intersection" "$common" "$(cat node-a.out)"
    says "… and so has our collaborator" "$result" "$(field node-b.out result)"
    says "… and theirs" "$common" "$(cat node-c.out)"
    task=ours
    ours node-a initiator "$a"
    ours node-b collaborator "$b"
    peer node-c collaborator "$c"
    for node in node-a node-b node-c; do expect_ended $node 0 "$1, our initiator: $node ends well"; done
    says "… it has the intersection" "$result" "$(field node-a.out result)"
    says "… and so has our collaborator" "$result" "$(field node-b.out result)"
    says "… and theirs" "$common" "$(cat node-c.out)"
}
start_serve --bus local:serve.db --prefix-nodes --open-tasks || not_ok "the service starts" "$(cat serve.err)"
base=$URL
peers=(--peers 'initiator=node-a;collaborator=node-b,node-c')
both "afrun serve"
peers=(--peers 'initiator=node-a;collaborator=node-c')
for mischief in "forged a signature is wrong" "short not all of my set is signed"; do
    task=${mischief%% *}
    ours node-a initiator "$a"
    peer node-c collaborator "$c" "$task"
    expect_ended node-a 1 "$task: our initiator fails"
    kill_party node-c
    expect_in node-a.err "the answer of node-c: ${mischief#* }" "… and says what is wrong"
done
stop_serve
coproc FAKE { exec python3 "$ROOT/tests/lib/fake_service.py"; }
read -r port <&"${FAKE[0]}"
base=http://127.0.0.1:$port peers=()
both "a plain service"
eval "exec ${FAKE[1]}>&-"
wait "$FAKE_PID"
stop_all

# ---- For real: each party under a node, over a service, the processes killed. ----
mkdir flows run && cp -r psi.lua psi flows/
check "a run of which every process may be killed ends" python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run \
    --play psi --least $kills --peers 'initiator=i;collaborator=c1,c2' --allow-run python3 --arg protocol=rsa --arg bits=1024 \
    --arg program="$PWD/psi/rsa.py" --arg size=6 --arg every=5 --arg tries=60 --arg linger=4
plain='{"count": 4, "items": ["patient-000003", "patient-000004", "patient-000005", "patient-000006"]}'
says "all have the intersection" "{\"c1\": $plain, \"c2\": $plain, \"i\": $plain}" "$(sed 's/ [0-9]*$//' "$OUT")"
