# An operator's event that is given while its party goes over to another version: the old version looked at it, and the new one
# made a dead letter of it, though the operator had been told that it was given.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 14
source "$ROOT/tests/lib/parties.sh"
mkdir flows
loops=40000000 # of the 50,000,000 that a step may take
# put VERSION LOOKS MIGRATES WORD [FIELD]: how many loops it takes to look at an event, to migrate; what it says of a wrong one
put() {
    put_flow slow <<LUA
local af = require "af"
local Tick = af.event("tick", { n = af.integer, ${5:-} })
local function work(loops)
  local n = 0
  for i = 1, loops do n = n + i end
end
function Tick.contract_to_event(content)
  work($2)
  if content.n < $1 then error("$4", 0) end
  return Tick { n = content.n }
end
return af.flow {
  name = "slow", version = $1,
  migrate = function(old) work($3) return { state = old.state, data = old.data } end,
  roles = { counter = {
    data = function() return { count = 0 } end,
    start = "counting",
    states = { counting = { may_end = true, [Tick] = function(party) party.data.count = party.data.count + 1 end } },
  }, source = { start = "giving", states = { giving = {} } } },
}
LUA
}
letters() { ctl status t --json | jq '.parties[0].dead_letters'; }
has_none() { [ "$(letters)" = 0 ]; }
has() { [ "$(ctl data t --json | jq .data.count)" = "$1" ]; }
PATIENCE=20
put 1 $loops 0 "too small" "note = af.optional(af.string)"
start_node i --no-watch --hang 60s
ctl launch slow --task t --role counter --peers 'counter=i;source=s' >/dev/null || not_ok "the party is launched" "$(cat i.err)"

# One that the old version looks at still when the party has gone over.
put 2 0 0 "too small for it"
read -r worker _ <"/proc/${party_pids[i]}/task/${party_pids[i]}/children"
read_ticks() { read -r -a ticks <"/proc/$worker/stat"; } # of a processor's time that it has had
read_ticks
idle=${ticks[13]} by=$((SECONDS + 60))
sent=()
for fields in '{"n":1}' '{"n":2,"note":"x"}' '{"n":2}'; do
    ctl send t tick "$fields" >"tick$((${#sent[@]} + 1)).out" 2>&1 &
    sent+=($!)
    while [ "${ticks[13]}" -le $((idle + 1)) ] && [ $SECONDS -lt $by ]; do read_ticks; done # the first is looked at
done
check "the next version is taken" ctl reload slow
ends=
for pid in "${sent[@]}"; do
    wait "$pid"
    ends+=$?
done
expect_in tick1.out "tick: " "what the new version cannot read is refused"
expect_in tick1.out "too small for it (the party went over from version 1 of the flow to 2 meanwhile)" "with its own words, and why"
expect_in tick2.out "has no field 'note'" "a field that it does not have as well"
expect_in tick3.out "tick was given" "what it can read is given"
if [[ $ends =~ ^[12][12]0$ ]]; then ok "exit statuses say so"; else not_ok "exit statuses say so" "$ends"; fi
if until_true has 1; then ok "and taken"; else not_ok "and taken" "$(ctl data t)"; fi
if has_none; then ok "there is no dead letter"; else not_ok "there is no dead letter" "$(ctl log t)"; fi

# Those that come at any moment of a reload: what is given is taken, what is refused is told so.
put 3 0 $loops "too small for the third"
ctl reload slow >reload.out 2>&1 &
reload=$!
given=1 refused=0
while kill -0 $reload 2>/dev/null; do
    if ctl send t tick '{"n":2}' >more.out 2>&1; then
        given=$((given + 1))
    elif grep -qF "too small for the third" more.out; then
        refused=$((refused + 1))
    else
        cat more.out
    fi
done
wait $reload
expect_in reload.out "version 3 is taken" "a slow one is taken, too"
[ $given -gt 1 ] && ok "events were given meanwhile" || not_ok "events were given meanwhile" "$(cat more.out)"
[ $refused -gt 0 ] && ok "and one was refused by it" || not_ok "and one was refused by it" "$given were given"
if until_true has $given; then ok "what was given was taken, by the version that looked at it"; else not_ok "what was given was taken, by the version that looked at it" "$given: $(ctl data t)"; fi
if has_none; then ok "there is no dead letter still"; else not_ok "there is no dead letter still" "$(ctl log t)"; fi
kill_party i TERM
stop_all
