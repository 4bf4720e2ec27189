# A party that breaks while what its operator asked for is on its way to the disk: he was told to ask again, though it is taken.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 9
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
secret admin admin-token-0123456789
start_serve --bus local:serve.db --prefix-nodes --open-tasks --admin-token admin || not_ok "a service starts" "$(cat serve.err)"
mkdir flows
cat >flows/slow.lua <<'LUA'
local af = require "af"
local Tick = af.event("tick", {})
return af.flow {
  name = "slow",
  roles = { counter = {
    start = "counting",
    states = { counting = { may_end = true, [Tick] = function(party) party.data.count = (party.data.count or 0) + 1 end } },
  }, source = { start = "giving", states = { giving = {} } } },
}
LUA
start_party i node --node i --bus "$URL/node/i" --flows flows --state i.state --no-watch
wait_line i.out "afrun node: node i" || not_ok "the node starts" "$(cat i.err)"
check "a party is launched" ctl launch slow --task t --role counter --peers 'counter=i;source=s'
PATIENCE=30
is() { [ "$(ctl status t --json | jq -r '.parties[0].status')" = "$1" ]; }
until_true is resting || not_ok "it rests" "$(ctl status)"
mv i.state/node.db away
sends=()
for order in "send t tick {}" "pause t"; do
    timeout 60 "$AFRUN" ctl $order --state i.state >"${order%% *}.out" 2>&1 &
    sends+=($!)
    sleep 0.3
done
expect_store() { ctl status --json | jq -e .store >/dev/null; }
if until_true expect_store; then ok "its disk cannot be written"; else not_ok "its disk cannot be written" "$(ctl status)"; fi
curl -s -X DELETE -H 'Authorization: Bearer admin-token-0123456789' "$URL/admin/tasks/t" >/dev/null
if until_true is broken; then ok "its task is ended, so that it is broken"; else not_ok "its task is ended, so that it is broken" "$(ctl status)"; fi
for i in 0 1; do wait "${sends[$i]}"; done
expect_in send.out "it will be there as soon as it can" "who sent is told that it will be taken all the same"
expect_in pause.out "it will be there as soon as it can" "and who has it pause"
mv away i.state/node.db
lacks_store() { ctl status --json | jq -e '.store == null' >/dev/null; }
if until_true lacks_store; then ok "the disk is there again"; else not_ok "the disk is there again" "$(ctl status)"; fi
expect_output "hand" ctl trace t
expect_output "pause" ctl trace t
kill_party i TERM
stop_serve
stop_all
