# flows/secure_aggregation.lua: the server has the exact sum of who has sent, whoever is lost and whenever, or it stops; and
# what a server or a client would have to get wrong to learn more is found by a check.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 75 76
source "$ROOT/tests/lib/counterexample.sh"
source "$ROOT/tests/lib/serve.sh"
source "$ROOT/tests/lib/secure_aggregation.sh"
runs=1000
is_short && runs=60

# ---- Faults. ----
faults=(--drop .1 --duplicate .05 --crash client:.02 --crash server:.02)
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose client:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose server:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --partition random:0.02 --runs "$runs"

# ---- 20 clients, of whom 6 drop out at each step: the sum of those who are named, or none. ----
says "6 of 20 drop out at each step" "5 sum of 14|5 sum of 20" "$(drops 6 --arg threshold=14)"
says "with 7 lost too few are left, and nothing is told" "7 none|3 sum of 20" "$(drops 7 --arg threshold=14)"
check "what was seen replays" "$AFRUN" replay run.jsonl curious/secure_aggregation.lua

# ---- Every interleaving. ----
small=(--parties client=3 --arg threshold=2 --arg size=1)
expect_output "4,486 states, 11,767 transitions, depth 38, exhaustive: no violation" \
    "$AFRUN" check "$flow" "${small[@]}" --drop 1
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${small[@]}" --lose 1
expect_output "no violation" "$AFRUN" check "$flow" "${small[@]}" --arg tries=2 --crash 1
is_short || expect_output "exhaustive: no violation" "$AFRUN" check "$flow" --parties client=5 --arg size=1 --arg tries=1 --lose 1
expect_error "a threshold of 2 is not more than half of 4 clients" 1 "$AFRUN" "$flow" --mock --arg threshold=2

# ---- Played by a flow, behind a state of its own, round after round. ----
changed .
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
changed . 's/party:send(data.masked, events.AggregationClosed/party:send({ data.masked[1] }, events.AggregationClosed/'
run "$AFRUN" plays.lua --mock -q --json
says "a close that is lost keeps nobody from the next round" '"result":[3,6,9]' "$(cat "$OUT")"
# A vector that is made when it is asked for is masked once: two under one mask would show their difference.
changed . 's/data.sum = party:keep(sum and vector.add(sum, bytes, "u64") or bytes)/party:log("%s: %s", source, crypto.hex(bytes)) data.sum = party:keep(sum and vector.add(sum, bytes, "u64") or bytes) data.refusals = (data.refusals or 0) + 1 if data.refusals <= 3 then data.sum = nil return "it is to come again" end/'
"$AFRUN" plays.lua --mock --arg changes=true --json >json.txt 2>told.txt
says "a vector is masked once" 3 "$(sed -nE 's/.*(client-[123]: [0-9a-f]+)$/\1/p' told.txt | head -n 6 | sort -u | wc -l)"
changed .
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
unfit='crypto.base64(("\\0"):rep(32))'
lie unfit_mask "the list of keys has one that is unfit" "s/s_pk = crypto.base64(keys.s),/s_pk = id == \"client-2\" and $unfit or crypto.base64(keys.s),/"
lie unfit_seal "the list of keys has one that is unfit" "s/c_pk = crypto.base64(keys.c),/c_pk = id == \"client-2\" and $unfit or crypto.base64(keys.c),/"
more='for i = 1, COUNT do local one = crypto.x25519_keypair() local two = crypto.x25519_keypair() table.insert(list, cjson.encode { peer_id = "x" .. i, c_pk = crypto.base64(one.public), s_pk = crypto.base64(two.public) }) end return events.UserOneList {'
lie more_keys "a threshold of 3 is not more than half of 6 clients" "s/return events.UserOneList {/${more/COUNT/2}/"
lie many_keys "256 clients are more than the 255 that a secret is shared among" "s/return events.UserOneList {/${more/COUNT/252}/"
lie keys_of_mine "the list of keys has others of mine" 's/c_pk = crypto.base64(keys.c), *$/c_pk = crypto.base64(keys.s:reverse()),/'
lie few_keys "a threshold of 3 is more than there are clients (2)" 's/return events.UserOneList { round/for _ = 1, 2 do table.remove(list) end return events.UserOneList { round/'
lie no_keys "the list of keys cannot be read" 's/return events.UserOneList { round = number(party), list_data = list }/return events.UserOneList { round = 1, list_data = { "[1", "null", "{}" } }/'
lie few_shares "too few clients have shared" 's/if data.shared\[source\] then table.insert(list, text) end/if data.shared[source] and #list < 1 then table.insert(list, text) end/'
lie shares_of_others "the list of shares cannot be read" 's/for source, text in pairs(data.sealed\[id\] or {}) do/for source, text in pairs(data.sealed["client-1"] or {}) do/'
lie few_unmasked "refused: an unmasking without me, or of too few" 's/list_data = within(around, masked),/list_data = { data.masked[1] },/'
lie of_a_stranger "refused: an unmasking of nobody, who has not shared" 's/list_data = within(around, masked),/list_data = { "client-1", "client-2", "client-3", "client-4", "nobody" },/'
keys_of() { echo "s/^      c_pk = c, s_pk = s,$/      c_pk = party.id == \"client-2\" and $1 or c, s_pk = s,/"; }
lie unfit_client "client-2's keys are refused" "$(keys_of '("\\0"):rep(32)')"
lie same_keys "client-2's keys are refused" "$(keys_of s)"

# ---- For real: each party under a node, over a service, the processes killed. ----
kills=5
is_short || kills=50
changed flows
mkdir run
run python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run --play secure_aggregation --least $kills \
    --peers 'server=s;client=c1,c2,c3,c4,c5' --arg size=4 --arg every=2 --arg tries=60
if [ "$status" -eq 0 ]; then ok "a run of which every process may be killed ends"; else
    not_ok "a run of which every process may be killed ends" "$(explain "exit status $status" kill_nodes)"
fi
says "the sum of all is exact" '"numbers": [15, 30, 45, 60]' "$(cat "$OUT")"
says "nobody else has a result" '"c1": null, "c2": null, "c3": null, "c4": null, "c5": null' "$(cat "$OUT")"

# ---- Mistakes that others have made. ----
both='nobody gives of one a share of the seed and one of the key'
early=("${small[@]}" --arg tries=1 --timeouts 1 --allow-fail)
# The server has those unmasked whose vectors it has; then, as another's comes, all.
lies='s/^        local masked = set_of(data.masked)$/& if not data.ring then party:send(ids, events.Unmasking { round = number(party), list_data = ids_of(data.shared) }) end/'
mistake never_shared "whose key is asked for has shared it" 16 "${small[@]}" --arg tries=1 --lose 1 -- \
    's/for id in pairs(data.shared) do$/for id in pairs(data.keys) do/'
mistake of_the_dropped "$both" 19 "${early[@]}" -- \
    's/if sent\[id\] then add("seed", id) else add("sk", id) end/add("seed", id) if not sent[id] then add("sk", id) end/'
mistake twice "$both" 20 "${early[@]}" -- "$lies" 's/if data.unmasking and data.unmasking ~= set then/if false then/'
changed refused "$lies"
expect_output "exhaustive: no violation" "$AFRUN" check refused/secure_aggregation.lua "${early[@]}"
