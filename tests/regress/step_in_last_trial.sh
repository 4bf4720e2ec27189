# A party that took something while another one, which had been stopped for it, was tried for the last time: it was tried then
# as well, without being stopped, and what it took over its own trial was lost with the swap.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 14
source "$ROOT/tests/lib/parties.sh"
mkdir flows
put() { # put VERSION LOOPS: of a migration
    put_flow slow <<LUA
local af = require "af"
local Tick = af.event("tick", {})
return af.flow {
  name = "slow", version = $1,
  migrate = function(old)
    local n = 0
    for i = 1, $2 do n = n + i end
    return { state = old.state, data = old.data }
  end,
  roles = { counter = {
    data = function() return { count = 0 } end,
    start = "counting",
    states = { counting = { may_end = true, [Tick] = function(party) party.data.count = party.data.count + 1 end } },
  } },
}
LUA
}
put 1 0
start_node i --no-watch --hang 60s
for task in a b; do check "$task is launched" ctl launch slow --task $task --role counter --peers counter=i; done
tick() { # tick TASK: without a pause, as long as the reload goes
    local given=0
    while kill -0 $reload 2>/dev/null; do "$PROGRAM" ctl send "$1" tick '{}' --state i.state >/dev/null 2>&1 && given=$((given + 1)); done
    echo $given >"$1.given_$version"
}
put 2 20000000
begin=$(date +%s%N)
check "how long it takes to try both" ctl reload slow --dry-run
trials_us=$((($(date +%s%N) - begin) / 1000))

# Both are tried, then a, which has moved, once more, stopped: that is when b begins to move, at one of these times.
PATIENCE=10
gave() { cat $1.given_* | awk '{ sum += $1 } END { print sum }'; }
has() { [ "$(ctl data "$1" --json | jq .data.count)" = "$(gave "$1")" ]; }
version=2
for late in 1.1 1.2 1.3 1.4 1.5; do
    ctl reload slow >reload.out 2>&1 &
    reload=$!
    tick a &
    tickers=($!)
    sleep "$(awk "BEGIN { print $trials_us / 1e6 * $late }")"
    tick b &
    tickers+=($!)
    wait $reload
    if [ $? = 0 ]; then ok "both go over to version $version"; else not_ok "both go over to version $version" "$(cat reload.out)"; fi
    wait "${tickers[@]}"
    if until_true has a && until_true has b; then
        ok "and have taken what they were given"
    else
        not_ok "and have taken what they were given" "a: $(ctl data a) of $(gave a), b: $(ctl data b) of $(gave b)"
    fi
    put $((++version)) 20000000
done
kill_party i TERM
stop_all
