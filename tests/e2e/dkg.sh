# flows/dkg.lua: all that end well have one public key and shares of its secret, whoever is lost, and whatever a dealer deals.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 29 30
source "$ROOT/tests/lib/counterexample.sh"
source "$ROOT/tests/lib/serve.sh"
flow=$ROOT/flows/dkg.lua
runs=1000 kills=50
is_short && runs=30 kills=5

# ---- Faults. ----
faults=(--drop .1 --duplicate .05 --crash coordinator:.02 --crash peer:.02)
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose peer:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose coordinator:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --partition random:0.02 --runs "$runs"
expect_error "a threshold of 2 is not more than half of 4 peers" 1 "$AFRUN" "$flow" --mock --arg threshold=2

# ---- The oracle: a copy of the flow that tells its shares, Lagrange and ristretto255 in Python. ----
sed 's/return Signed {/party:log("SHARE %d %s", string.byte(place_of(party, party.id)), crypto.hex(data.secret.share)) party:log("SHARE public %s", crypto.hex(data.public)) return Signed {/' \
    "$flow" >loud.lua
check "loud is a change" test "$(diff "$flow" loud.lua | grep -c '^<')" -eq 1
# judge NAME EXPECTED OPTION…: what the oracle says of the shares of a run.
judge() {
    "$AFRUN" "${@:3}" 2>&1 | sed -n 's/.*SHARE //p' | sort -u | python3 "$ROOT/tests/lib/ristretto.py" 3 >"$OUT" 2>&1
    says "$1" "$2" "$(cat "$OUT")"
}
judge "any 3 of 5 shares make the secret of the key" "10 of 10 choices" loud.lua --mock --parties peer=5
judge "  so they do where one is lost on the way" "4 of 4 choices" loud.lua --mock --parties peer=5 --lose peer:1@20ms --latency 5ms
run "$AFRUN" "$flow" --mock --parties peer=30 --arg threshold=20
says "30 peers, 20 of whom are needed" "31 parties done, 0 failed" "$(cat "$OUT")"

# ---- Dealers that deal what they should not. ----
wrong='group.scalar_add(share_for(party, id), small(party.id == "peer-1" and id == "peer-2" and 1 or 0))'
sed "s/party.id .. \" \" .. share_for(party, id)/party.id .. \" \" .. $wrong/" loud.lua >once.lua
judge "a wrong share is complained of, and opened" "10 of 10 choices" once.lua --mock --parties peer=5
run "$AFRUN" once.lua --mock -q --json --parties peer=5
says "  the dealer stays in" '"peers":["peer-1","peer-2","peer-3","peer-4","peer-5"]' "$(cat "$OUT")"
sed "s/shares\[id\] = share_for(party, id) end/shares[id] = $wrong end/" once.lua >always.lua
judge "a dealer that opens a wrong share" "10 of 10 choices" always.lua --mock --parties peer=5
run "$AFRUN" always.lua --mock -q --json --parties peer=5
says "  is left out" '"peers":["peer-2","peer-3","peer-4","peer-5"]' "$(cat "$OUT")"

# ---- What can be seen: no share, no coefficient. ----
"$AFRUN" loud.lua --mock --trace seen.jsonl 2>&1 | sed -n 's/.*SHARE [0-9] //p' | sort -u >shares.txt
sed -i '/"kind":"log"/d' seen.jsonl
cat >seen.py <<'PY'
import base64
trace, shares = open("seen.jsonl").read(), [line.strip() for line in open("shares.txt")]
print(len(shares), "shares,", sum(s in trace or base64.b64encode(bytes.fromhex(s)).decode() in trace for s in shares), "seen")
PY
says "a share is nowhere in the trace" "4 shares, 0 seen" "$(python3 seen.py)"

# ---- Every interleaving. ----
small=(--parties peer=3 --arg threshold=2)
for budget in "--drop 1" "--duplicate 1" "--lose 1" "--timeouts 1 --allow-fail"; do
    # shellcheck disable=SC2086
    expect_output "no violation" "$AFRUN" check "$flow" "${small[@]}" $budget
    says "  exhaustive" "exhaustive" "$(grep -v 'not exhaustive' "$OUT" | tail -n 1)"
done
is_short || expect_output "no violation" "$AFRUN" check "$flow" "${small[@]}" --crash 1
# Nobody looks at the shares that a dealer sends: the key has no secret that they make.
sed -e "s/party.id .. \" \" .. share_for(party, id)/party.id .. \" \" .. $wrong/" \
    -e 's/return group.base(share) == sum/return true/' "$flow" >blind.lua
check "blind is a change" test "$(diff "$flow" blind.lua | grep -c '^<')" -eq 2
expect_violation "invariant 'any threshold of shares make the secret of the key' is broken" \
    "$AFRUN" check blind.lua "${small[@]}" --trace run.jsonl
runs_again blind blind.lua violation invariant failed

# ---- For real: each party under a node, over a service, the processes killed. ----
mkdir flows run && cp "$flow" flows/
check "a run of which every process may be killed ends" python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run \
    --play dkg --drawn --least $kills --peers 'coordinator=c;peer=p1,p2,p3,p4' --arg every=2 --arg tries=60
says "all have one key" 1 \
    "$(grep -oE '"peers": \["p1", "p2", "p3", "p4"\], "public": "[0-9a-f]{64}"' "$OUT" | sort | uniq -c | grep -c '^ *5 ')"
