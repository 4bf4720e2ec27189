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
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose server:1 --runs "$runs"
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

# ---- Played by a flow, behind a state of its own, round after round. ----
cp "$flow" .
cat >plays.lua <<'LUA'
local af = require "af"
local Secure = require "secure_aggregation"
local function again(party, sum)
  table.insert(party.data.sums, sum and sum.numbers[1] or 0)
  party.data.round = party.data.round + 1
  return party.data.round <= 3 and "add" or af.done(party.data.sums)
end
local function role(make, wait)
  return { data = function() return { round = 1, sums = {} } end, start = "before", states = {
    before = { after = { wait, "add" } },
    add = make { threshold = function(party) return party.args[party.role] end, every = 1, tries = 9,
      round = function(party) return party.data.round end, done = again,
      vector = make == Secure.client and function(party)
        party.data.asked = (party.data.asked or 0) + 1
        return af.vector.pack({ party.args.changes and party.data.asked * 100 or party.data.round }, "u64")
      end or nil } } }
end
return af.flow { name = "plays", mock = { server = 1, client = 3 },
  args = { server = af.optional(af.integer, 2), client = af.optional(af.integer, 2), changes = af.optional(af.boolean, false) },
  roles = { server = role(Secure.server, .5), client = role(Secure.client, .3) } }
LUA
run "$AFRUN" plays.lua --mock -q --json
says "a flow plays it, round after round" '"result":[3,6,9]' "$(cat "$OUT")"
expect_output "100 runs, 0 failed" "$AFRUN" plays.lua --mock --runs 100 --crash client:.02 --crash server:.02 --down 10ms..500ms
run "$AFRUN" plays.lua --mock -q --json --lose client:1@0s
says "without one of them, too" '"result":[2,4,6]' "$(cat "$OUT")"
# Where the close of a round is lost, the next round's first word is taken for it.
sed 's/party:send(data.masked, AggregationClosed/party:send({ data.masked[1] }, AggregationClosed/' "$flow" >secure_aggregation.lua
run "$AFRUN" plays.lua --mock -q --json
says "a close that is lost keeps nobody from the next round" '"result":[3,6,9]' "$(cat "$OUT")"
cp "$flow" .
# A vector that is made when it is asked for is masked once: two under one mask would show their difference.
sed 's/data.sum = party:keep(sum and vector.add(sum, bytes, "u64") or bytes)/party:log("%s: %s", source, crypto.hex(bytes)) data.sum = party:keep(sum and vector.add(sum, bytes, "u64") or bytes) data.refusals = (data.refusals or 0) + 1 if data.refusals <= 3 then data.sum = nil return "it is to come again" end/' "$flow" >secure_aggregation.lua
"$AFRUN" plays.lua --mock --arg changes=true --json >json.txt 2>told.txt
says "a vector is masked once" 3 "$(sed -nE 's/.*(client-[123]: [0-9a-f]+)$/\1/p' told.txt | head -n 6 | sort -u | wc -l)"
cp "$flow" .
for counts in "4 3" "3 4" "0 2" "2 0"; do
    set -- $counts
    run "$AFRUN" plays.lua --mock -q --arg server=$1 --arg client=$2 --parties client=5
    if [ "$status" -eq 1 ] && ! grep -qE "attempt to|invariant" "$ERR"; then ok "thresholds of $1 and $2 give no sum"; else
        not_ok "thresholds of $1 and $2 give no sum" "$(cat "$OUT" "$ERR")"
    fi
done
expect_error "the server's threshold is 3, and mine is 4" 1 "$AFRUN" plays.lua --mock --arg server=3 --arg client=4 --parties client=5
expect_error "a threshold of 4 is more than there are clients (3)" 1 "$AFRUN" plays.lua --mock --arg server=4
expect_error "256 clients are more than the 255 that a secret is shared among" 1 \
    "$AFRUN" plays.lua --mock -q --parties client=256 --arg server=200 --arg client=200

# ---- A server that lies is refused, in words; a client whose keys are unfit is left out. ----
# lie NAME EXPECTED SED…: what clients say of a server (or of all, with a client) that is changed so.
lie() {
    local name=$1 expected=$2
    sed "$3" "$flow" >lie.lua
    check "$name is a change" test "$(diff "$flow" lie.lua | grep -c '^<')" -ge 1
    run "$AFRUN" lie.lua --mock --arg every=1 --arg tries=1 "${@:4}"
    if grep -qF -- "$expected" "$ERR" && ! grep -q "client-[0-9]*: lie.lua" "$ERR"; then ok "$name is refused"; else
        not_ok "$name is refused" "$(cat "$ERR")"
    fi
}
unfit='crypto.base64(("\\0"):rep(32))'
lie unfit_mask "the list of keys has one that is unfit" "s/s_pk = crypto.base64(keys.s) })/s_pk = id == \"client-2\" and $unfit or crypto.base64(keys.s) })/"
lie unfit_seal "the list of keys has one that is unfit" "s/c_pk = crypto.base64(keys.c),/c_pk = id == \"client-2\" and $unfit or crypto.base64(keys.c),/"
more='for i = 1, COUNT do local one = crypto.x25519_keypair() local two = crypto.x25519_keypair() table.insert(list, cjson.encode { peer_id = "x" .. i, c_pk = crypto.base64(one.public), s_pk = crypto.base64(two.public) }) end return UserOneList {'
lie more_keys "a threshold of 3 is not more than half of 6 clients" "s/return UserOneList {/${more/COUNT/2}/"
lie many_keys "256 clients are more than the 255 that a secret is shared among" "s/return UserOneList {/${more/COUNT/252}/"
lie keys_of_mine "the list of keys has others of mine" 's/c_pk = crypto.base64(keys.c), *$/c_pk = crypto.base64(keys.s:reverse()),/'
lie few_keys "a threshold of 3 is more than there are clients (2)" 's/return UserOneList { round/for _ = 1, 2 do table.remove(list) end return UserOneList { round/'
lie no_keys "the list of keys cannot be read" 's/return UserOneList { round = number(party), list_data = list }/return UserOneList { round = 1, list_data = { "[1", "null", "{}" } }/'
lie few_shares "too few clients have shared" 's/if data.shared\[source\] then table.insert(list, text) end/if data.shared[source] and #list < 1 then table.insert(list, text) end/'
lie shares_of_others "the list of shares cannot be read" 's/for source, text in pairs(data.sealed\[id\] or {}) do/for source, text in pairs(data.sealed["client-1"] or {}) do/'
lie few_unmasked "refused: an unmasking without me, or of too few" 's/list_data = at.data(party).masked }/list_data = { at.data(party).masked[1] } }/'
lie of_a_stranger "refused: an unmasking of nobody, who has not shared" 's/list_data = at.data(party).masked }/list_data = { "client-1", "client-2", "client-3", "client-4", "nobody" } }/'
keys_of() { echo "s/c_pk = mine.sealing.public, s_pk = mine.masking.public }/c_pk = party.id == \"client-2\" and $1 or mine.sealing.public, s_pk = mine.masking.public }/"; }
lie unfit_client "client-2's keys are refused" "$(keys_of '("\\0"):rep(32)')"
lie same_keys "client-2's keys are refused" "$(keys_of mine.masking.public)"

# ---- For real: each party under a node, over a service, the processes killed. ----
kills=5
is_short || kills=50
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
