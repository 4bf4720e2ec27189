# flows/beacon.lua: all end with one value, made of the draws of all that have committed, whoever is silent then.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 29
source "$ROOT/tests/lib/counterexample.sh"
source "$ROOT/tests/lib/serve.sh"
flow=$ROOT/flows/beacon.lua
runs=1000 kills=50
is_short && runs=60 kills=5

# ---- Faults. ----
faults=(--drop .1 --duplicate .05 --crash coordinator:.02 --crash peer:.02)
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose peer:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose coordinator:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --partition random:0.02 --runs "$runs"

# ---- Whoever is lost, and whenever: with the threshold alive there is a value, and it is the oracle's. ----
cat >oracle.py <<'PY'
# The value by the draws that a trace shows, and whether all that have ended well have it.
import base64, hashlib, json, sys
records = [json.loads(line) for line in open("run.jsonl")]
ends = {r["party"]: r["result"] for r in records if r.get("kind") == "done"}
def find(x):
    if isinstance(x, dict):
        if x.get("type") == "beacon" and "draws" in x:
            return x
        x = list(x.values())
    if isinstance(x, list):
        return next(filter(None, map(find, x)), None)
beacon = find(records)
text = b"".join(b"%d %s" % (len(name), name.encode()) + base64.b64decode(draw)
                for name, draw in sorted(beacon["draws"].items()))
value = hashlib.sha256(text).hexdigest()
assert value == base64.b64decode(beacon["value"]).hex(), "another value"
assert ends["coordinator-1"] == {"value": value, "peers": sorted(beacon["draws"])}, ends
assert all(end["value"] == value for end in ends.values()), ends
print(len(beacon["draws"]), "draws,", len(ends), "have it")
PY
for at in 0 10 25 30 35 40 60; do
    "$AFRUN" "$flow" --mock -q --parties peer=5 --lose "peer:2@${at}ms" --latency 5ms --trace run.jsonl >/dev/null 2>&1
    python3 oracle.py 2>&1 | tail -n 1
done | sort | uniq -c >told.txt
says "2 of 5 are lost at any moment" "|3 draws, 4 have it" "$(sed 's/^ *[0-9]* /|/' told.txt | xargs -d '\n')"
says "  whoever has committed is in the value" "|5 draws, 4 have it" "$(sed 's/^ *[0-9]* /|/' told.txt | xargs -d '\n')"
check "  and always there is one" test "$(grep -cv 'have it' told.txt)" -eq 0
expect_output "0 parties done, 2 failed, 3 lost" "$AFRUN" "$flow" --mock --lose peer:3@0s --latency 5ms
expect_error "a threshold of 2 is not more than half of 4 peers" 1 "$AFRUN" "$flow" --mock --arg threshold=2

# ---- What can be seen: no draw, before its peer has shown it. ----
"$AFRUN" "$flow" --mock --trace seen.jsonl >/dev/null 2>&1
draw=$(grep -o '"draw":"[^"]*"' seen.jsonl | head -n 1)
draw=${draw#*:}
says "a draw is first seen where its peer reveals it" '"reveal"' "$(grep -F -m 1 -e "$draw" seen.jsonl)"

# ---- Every interleaving. ----
small=(--parties peer=3 --arg threshold=2)
for budget in "--drop 1" "--duplicate 1" "--lose 1" "--timeouts 1 --allow-fail" "--crash 1"; do
    # shellcheck disable=SC2086
    expect_output "no violation" "$AFRUN" check "$flow" "${small[@]}" $budget
    says "  exhaustive" "exhaustive" "$(grep -v 'not exhaustive' "$OUT" | tail -n 1)"
done
# The silent are left out: who likes a value less keeps its draw back.
sed 's/return at.state(missing\[1\] and "open" or "tell")/return at.state "tell"/' "$flow" >left_out.lua
check "left_out is a change" test "$(diff "$flow" left_out.lua | grep -c '^<')" -eq 1
expect_violation "invariant 'it is made of the draws of all that have committed' is broken" \
    "$AFRUN" check left_out.lua "${small[@]}" --arg tries=1 --lose 1 --trace run.jsonl
says "  by a run of 18 steps" "shortest run: 18 steps" "$(cat "$OUT")"
runs_again left_out left_out.lua violation invariant failed
# A coordinator that has its peers reveal for two lists.
sed 's/digests = data.digests,$/digests = try == 1 and data.digests or { ["peer-1"] = data.digests["peer-1"] },/
    s/ask = function(party, ids)$/ask = function(party, ids, try)/
    s/accept = function(party, event)$/accept = function(party, event) if Reveal:is(event) and not at.data(party).twice then at.data(party).twice = true return false end/' \
    "$flow" >two_lists.lua
run "$AFRUN" two_lists.lua --mock
says "a second list of commitments is refused" "a second list of commitments is refused" "$(cat "$ERR")"

# ---- For real: each party under a node, over a service, the processes killed. ----
mkdir flows run && cp "$flow" flows/
check "a run of which every process may be killed ends" python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run \
    --play beacon --drawn --least $kills --peers 'coordinator=c;peer=p1,p2,p3,p4' --arg every=2 --arg tries=60
says "all have one value, made of all draws" 1 \
    "$(grep -oE '"peers": \["p1", "p2", "p3", "p4"\], "value": "[0-9a-f]{64}"' "$OUT" | sort | uniq -c | grep -c '^ *5 ')"
