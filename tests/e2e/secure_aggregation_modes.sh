# flows/secure_aggregation.lua where the server may lie (active), and where each client masks for its neighbours in a ring alone.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 34 35
source "$ROOT/tests/lib/counterexample.sh"
source "$ROOT/tests/lib/secure_aggregation.sh"
source "$ROOT/tests/lib/serve.sh"
runs=1000
is_short && runs=60

# Keys for active: in a test they may come from a seed.
cat >keys.lua <<'LUA'
local af = require "af"
return af.flow { name = "keys", mock = { client = 20 }, roles = { client = { start = "a", states = { a = { enter = function()
  local pair = af.crypto.sign_keypair()
  return af.done { public = af.crypto.hex(pair.public), secret = af.crypto.hex(pair.secret) }
end } } } } }
LUA
"$AFRUN" keys.lua --mock -q --json | jq -c '[.party_list[] | { key: .id, value: .result }] | from_entries' >keys.json
jq -r 'to_entries[] | "\(.key) \(.value.secret)"' keys.json | while read -r id secret; do echo "$secret" >"$id.key"; done
active=(--arg active=true --arg "keys=$(jq -c 'map_values(.public)' keys.json)" --arg 'signing_key={id}.key')
ring=(--parties client=10 --arg neighbours=6 --arg threshold=4)

# ---- Faults. ----
faults=(--drop .1 --duplicate .05 --crash client:.02 --crash server:.02)
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" "${active[@]}" --lose client:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" "${ring[@]}" --lose client:1 --runs "$runs"

# ---- 20 clients, of whom some drop out at each step. ----
says "active, too" "5 sum of 14|5 sum of 20" "$(drops 6 --arg threshold=14 "${active[@]}")"
says "and with 7 lost" "9 none|1 sum of 20" "$(drops 7 --arg threshold=14 "${active[@]}")"
says "among 16 neighbours, of whom 17 have to be there first" "1 none|4 sum of 14|5 sum of 20" "$(drops 6 --arg neighbours=16 --arg threshold=9)"
says "among 12 some have too few left" "6 none|1 sum of 14|3 sum of 20" "$(drops 6 --arg neighbours=12 --arg threshold=7)"

# ---- Every interleaving. ----
all=(--parties client=3 --arg threshold=3 --arg size=1 "${active[@]}")
some=(--parties client=4 --arg threshold=3 --arg size=1 --arg tries=1 "${active[@]}")
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${all[@]}" --drop 1
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${some[@]}" --lose 1
near=(--parties client=4 --arg neighbours=2 --arg threshold=2 --arg size=1 --arg tries=1)
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${near[@]}" --lose 1
is_short || expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${near[@]/tries=1/tries=2}" --drop 1
expect_error "neighbours is 3; it has to be even, and less than the number of clients (4)" 1 "$AFRUN" "$flow" --mock -q --arg neighbours=3
expect_error "a threshold of 2 is not more than half of 4 neighbours" 1 "$AFRUN" "$flow" --mock -q --parties client=6 --arg neighbours=4 --arg threshold=2
expect_error "neighbours are for a server that keeps to the protocol, active for one that lies" 1 "$AFRUN" "$flow" --mock -q --arg neighbours=2 --arg active=true
expect_error "a threshold of 4 is not more than two thirds of 6 clients, as active needs" 1 \
    "$AFRUN" "$flow" --mock -q --parties client=6 --arg threshold=4 "${active[@]}"
expect_error "active needs keys (all clients' public ones) and signing_key (a file with its own)" 1 "$AFRUN" "$flow" --mock -q --arg active=true
echo none >none.txt
expect_error "none.txt: it has no signing key, in hex" 1 "$AFRUN" "$flow" --mock -q "${active[@]:0:4}" --arg signing_key=none.txt

# ---- A server that lies is refused, in words; a client whose keys are not signed is left out. ----
lie other_keys "the list of keys has one that client-2 has not signed" 's/c_pk = crypto.base64(keys.c),/c_pk = crypto.base64(id == "client-2" and keys.s:reverse() or keys.c),/' "${active[@]}"
lie no_signature "client-2's keys are refused" 's/^  local function sign(party, text)$/& if party.id == "client-2" then return nil end/' "${active[@]}"
lie few_signed "refused: an unmasking that 2 have signed, and 3 are needed" 's/^            signatures = data.signatures }$/            signatures = data.signatures and { [data.masked[1]] = data.signatures[data.masked[1]], [data.masked[2]] = data.signatures[data.masked[2]] } }/' "${active[@]}"
lie another_set "refused: another unmasking was answered in this round" 's/^        local masked = set_of(data.masked)$/& masked[data.masked[4]] = nil/' "${active[@]}"

# A server that lies: it says of one set that all have signed it, and of another to client-1.
unsigned='s/^    return at.state "agree"$/    for _, id in ipairs(data.masked) do data.signatures[id] = ("\\0"):rep(64) end party:send(data.masked[1], events.Unmasking { round = number(party), list_data = ids_of(data.shared), signatures = data.signatures }) return at.state "unmask"/'
mistake not_looked_at "where sets are signed all unmask the same" 27 "${some[@]}" --timeouts 1 --allow-fail -- "$unsigned" \
    's/^    if count < need(party) then$/    if false then/'
changed unsigned "$unsigned"
expect_output "exhaustive: no violation" "$AFRUN" check unsigned/secure_aggregation.lua "${some[@]}" --timeouts 1 --allow-fail

# ---- For real, active: each client a process, with a key of its own, made as the flow's header says. ----
for client in c1 c2 c3; do
    openssl genpkey -algorithm ed25519 -outform DER >k && (tail -c 32 k; openssl pkey -inform DER -in k -pubout -outform DER | tail -c 32) | od -An -v -tx1 | tr -d ' \n' >$client.key
done
real=(--task t --bus local:bus.db --peers 'server=s;client=c1,c2,c3' --arg threshold=3 --arg active=true --arg 'signing_key={id}.key'
    --arg "keys=$(for client in c1 c2 c3; do jq -n --arg id $client --arg key "$(cut -c 65- $client.key)" '{ ($id): $key }'; done | jq -cs add)")
for client in c1 c2 c3; do
    "$AFRUN" "$flow" --role client --node $client "${real[@]}" >$client.txt 2>&1 &
done
run "$AFRUN" "$flow" --role server --node s "${real[@]}" --json
wait
says "active, for real" '"numbers":[6,12,18]' "$(cat "$OUT" "$ERR")"
