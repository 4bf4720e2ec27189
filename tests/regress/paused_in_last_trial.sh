# A migration that fails for a party that stands for its last trial, while its operator has it pause: it counted as one that had
# moved meanwhile, yet as tried for the last time, so that nobody heard of the failure, and it went over without any data.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 11
source "$ROOT/tests/lib/parties.sh"
mkdir flows
put() { # put VERSION LOOPS FAULT: of a migration
    put_flow slow <<LUA
local af = require "af"
return af.flow {
  name = "slow", version = $1,
  migrate = function(old)
    local n = 0
    for i = 1, $2 do n = n + i end
    ${3:-}
    return { state = old.state, data = old.data }
  end,
  roles = { counter = {
    data = function() return { count = 7 } end,
    start = "counting",
    states = { counting = { may_end = true } },
  } },
}
LUA
}
put 1 0
start_node i --no-watch --hang 60s
check "a party is launched" ctl launch slow --task t --role counter --peers counter=i
# Its operator has it pause and go on without a break: it has moved in each trial.
hurry() {
    while kill -0 $reload 2>/dev/null; do
        for word in pause resume; do "$PROGRAM" ctl $word t --state i.state >/dev/null 2>&1; done
    done
}
counts() { [ "$(ctl data t --json | jq -c '[.state, .data.count]')" = '["counting",7]' ]; }
put 2 10000000 'error("planned", 0)'
for how in --dry-run --wait=10s --restart-waiting; do
    timeout 100 "$AFRUN" ctl reload slow "$how" --state i.state >reload.out 2>&1 &
    reload=$!
    hurry
    wait $reload
    status=$?
    if [ $status = 1 ]; then ok "$how: it is refused"; else not_ok "$how: it is refused" "$status: $(cat reload.out)"; fi
    expect_in reload.out "planned" "$how: for what its migration says"
    if counts; then ok "$how: the party is what it was"; else not_ok "$how: the party is what it was" "$(ctl data t)"; fi
done
kill_party i TERM
stop_all
