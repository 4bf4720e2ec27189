# flows/secure_aggregation.lua: the server has the exact sum of who has sent, whoever is lost and whenever, or it stops; and
# what a server or a client would have to get wrong to learn more is found by a check.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
source "$ROOT/tests/lib/counterexample.sh"
source "$ROOT/tests/lib/serve.sh"
flow=$ROOT/flows/secure_aggregation.lua
runs=1000
is_short && runs=60

# ---- Faults. ----
faults=(--drop .1 --duplicate .05 --crash client:.02 --crash server:.02)
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose client:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --partition random:0.02 --runs "$runs"

# ---- 20 clients, of whom 6 drop out at each step: the sum of those who are named, or none. ----
cat >oracle.py <<'PY'
# The example of a client is its place, and so on; the sum is of those that the server names.
import json, sys
run = json.load(sys.stdin)
server = next(one for one in run["party_list"] if one["id"] == "server-1")
places = {"client-%d" % i: i for i in range(1, 21)}
if server["status"] == "done":
    counted = sum(places[name] for name in server["result"]["clients"])
    assert len(set(server["result"]["clients"])) == len(server["result"]["clients"]) >= 14, server
    assert server["result"]["numbers"] == [counted * i for i in range(1, 5)], server
    print("sum of", len(server["result"]["clients"]))
else:
    assert server["result"] is None and "are left" in server["reason"], server
    print("none")
PY
swarm=(--mock --parties client=20 --arg threshold=14 --arg size=4 --latency 1s --json)
for at in 0.5 1.5 2.5 3.5 4.5 5.5 6.5 7.5; do
    "$AFRUN" "$flow" "${swarm[@]}" --lose "client:6@${at}s" 2>/dev/null | python3 oracle.py 2>>wrong.txt
done | sort | uniq -c >told.txt
says "6 of 20 drop out at each step" "5 sum of 14|3 sum of 20" "$(xargs <told.txt | sed 's/ \([0-9]\) sum/|\1 sum/g')$(cat wrong.txt)"
for at in 0.5 3.5 5.5; do
    "$AFRUN" "$flow" "${swarm[@]}" --lose "client:7@${at}s" 2>/dev/null | python3 oracle.py 2>>wrong.txt
done | sort | uniq -c >told.txt
says "with 7 lost too few are left, and nothing is told" "3 none" "$(xargs <told.txt)$(cat wrong.txt)"

# ---- What can be seen. ----
# The trace of a run, which is all that its parties have sent and kept, holds a client's vector (its example) in no form.
cat >seen.py <<'PY'
import base64, struct, sys
trace = open("seen.jsonl", "rb").read()
vector = struct.pack("<4Q", 23, 46, 69, 92)
forms = [vector, base64.b64encode(vector)[:40], vector.hex().encode(), b"23,46,69,92", b"secret_key"]
print([form for form in forms if form in trace] or "nothing")
PY
"$AFRUN" "$flow" --mock --parties client=23 --arg threshold=12 --arg size=4 --trace seen.jsonl >/dev/null 2>&1
says "a client's vector is nowhere in the trace" nothing "$(/usr/bin/python3 seen.py)"
check "which replays" "$AFRUN" replay seen.jsonl "$flow"

# ---- Every interleaving. ----
small=(--parties client=3 --arg threshold=2 --arg size=1)
expect_output "4,486 states, 11,767 transitions, depth 38, exhaustive: no violation" \
    "$AFRUN" check "$flow" "${small[@]}" --drop 1
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${small[@]}" --lose 1
expect_output "no violation" "$AFRUN" check "$flow" "${small[@]}" --arg tries=2 --crash 1
is_short || expect_output "exhaustive: no violation" "$AFRUN" check "$flow" --parties client=5 --arg size=1 --arg tries=1 --lose 1
expect_error "a threshold of 2 is not more than half of 4 clients" 1 "$AFRUN" "$flow" --mock --arg threshold=2

# ---- For real: each party under a node, over a service, the processes killed. ----
kills=5
is_short || kills=50
cp "$flow" .
mkdir flows run && mv secure_aggregation.lua flows/
run python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run --play secure_aggregation --least $kills \
    --peers 'server=s;client=c1,c2,c3,c4,c5' --arg size=4 --arg every=2 --arg tries=60
if [ "$status" -eq 0 ]; then ok "a run of which every process may be killed ends"; else
    not_ok "a run of which every process may be killed ends" "$(explain "exit status $status" kill_nodes)"
fi
says "the sum of all is exact" '"numbers": [15, 30, 45, 60]' "$(cat "$OUT")"
says "nobody else has a result" '"c1": null, "c2": null, "c3": null, "c4": null, "c5": null' "$(cat "$OUT")"

# ---- Mistakes that others have made. ----
# mistake NAME WHAT STEPS SED…: a check finds the flow that has these changes out, by a run of so many steps.
mistake() {
    local name=$1 what=$2 steps=$3 change changes=()
    shift 3
    for change in "$@"; do changes+=(-e "$change"); done
    sed "${changes[@]}" "$flow" >"$name.lua"
    check "$name is a change" test "$(diff "$flow" "$name.lua" | grep -c '^<')" -ge $#
    expect_violation "invariant '$what' is broken" "$AFRUN" check "$name.lua" "${small[@]}" --arg tries=1 --lose 1
    says "  after $steps steps" "shortest run: $steps steps" "$(cat "$OUT")"
}
# The server takes whatever is uploaded, and has the unmasking of another set answered when one was.
greedy=('s/if not shares or #ids_of(shares) ~= #wanted then return false end/if not shares then return false end/'
    's/^ *for _, owner in ipairs(wanted) do if not shares\[owner\] then return false end end$//')
again='s/tries = tries, need = need, done = finish, short = short,/tries = tries, need = need, done = function(party) local data = at.data(party) if data.again then return finish(party) end data.again, data.gone = true, { table.remove(data.masked, 1) } return at.state "unmask" end, short = short,/'
mistake never_shared "whose key is asked for has shared it" 16 \
    's/for id in pairs(data.shared) do$/for id in pairs(data.keys) do/'
mistake of_the_dropped "of nobody both a seed and a key are known" 26 "${greedy[@]}" \
    's/      if sent\[id\] then$/      if not sent[id] then table.insert(sks, cjson.encode { peer_id = id, sk_share = crypto.base64(one.sk) }) end if true then/'
mistake twice "of nobody both a seed and a key are known" 32 "${greedy[@]}" "$again" \
    's/if data.unmasking and data.unmasking ~= set then/if false then/'
sed -e "${greedy[0]}" -e "${greedy[1]}" -e "$again" "$flow" >refused.lua
expect_output "exhaustive: no violation" "$AFRUN" check refused.lua "${small[@]}" --arg tries=1 --lose 1
