#!/usr/bin/env bash
# Hot reload: by ctl, by a changed file, by SIGHUP; what is refused and why; going back; a crash right
# after; handlers that wait; a plain `afrun run --state`.
source "$(dirname "$0")/../lib/e2e.sh"
plan 129
source "$ROOT/tests/lib/parties.sh"
mkdir flows

# version N DATA-FIELD MIGRATE [ADD-FIELDS]: the counter as it is in that version.
version() {
    cat <<LUA
local af = require "af"
local Add = af.event("add", { n = af.integer${4:-} })
local Mark = af.event("mark", { n = af.integer })
return af.flow {
  name = "counter", version = $1,
  $3
  roles = {
    counter = {
      data = function() return { $2 = 0, list = { 1, 2 } } end,
      start = "${START:-counting}",
      states = {
        ${START:-counting} = {
          [Add] = function(party, event)
            party.data.$2 = party.data.$2 + event.n
            if event.n == 0 then return af.done { $2 = party.data.$2, version = $1 } end
          end,
          defer = { Mark },
          after = { 3600, function() return af.fail "an hour" end },
        },
      },
    },
    source = {
      start = "giving",
      states = { giving = { enter = function() return af.done() end } },
    },
  },
}
LUA
}
put() { # put TEXT: as an editor saves
    printf '%s\n' "$1" | put_flow counter
}
give() { # give TASK N…: node s adds them, by a script; $bus: where
    local task=$1 numbers
    shift
    numbers=$(printf '%s, ' "$@")
    cat >give.lua <<LUA
local af = require "af"
local Add = af.event("add", { n = af.integer })
local Mark = af.event("mark", { n = af.integer })
local C = af.TaskMessageContractor:extend { event_factory = af.TaskMessageEventFactory:extend { Add, Mark } }
local contractor = C("$task")
for _, n in ipairs { $numbers } do contractor:new_contract("i", n < 0 and Mark { n = n } or Add { n = n }) end
LUA
    "$AFRUN" give.lua --bus "${bus:-local:bus.db}" --task "$task" --node s -q >/dev/null || not_ok "events are given" ""
}
node() {
    start_node i --hang 60s "$@"
}
says_status() { ctl status --json 2>/dev/null | grep -qF "$1"; }
status_has() {
    if until_true says_status "$1"; then ok "$2"; else not_ok "$2" "$(ctl status 2>&1; tail -n 3 i.err)"; fi
}
refused() { # refused NAME TEXT FLOW-TEXT: ctl says why, status shows it, nothing has changed
    put "$3"
    expect_error "$2" "${STATUS:-2}" ctl reload counter
    status_has '"not_taken":[{"file":"counter.lua"' "$1: status shows that it is not taken"
    if says_status '"version":1,"role":"counter","status":"waiting"'; then ok "$1: nothing has changed"; else not_ok "$1: nothing has changed" "$(ctl status)"; fi
}
one=$(version 1 sum "")
renames() { # renames OLD NEW: a migrate that does
    printf 'migrate = function(old)\n    old.data.%s, old.data.%s = old.data.%s, nil\n    return { state = old.state, data = old.data }\n  end,' "$2" "$1" "$1"
}
two=$(version 2 total "$(renames sum total)")

put "$one"
node
for task in t u; do
    check "a party is launched" ctl launch counter --task $task --role counter --peers 'counter=i;source=s'
done
give t 5 -1
give u 7
deferred() { says_status '"deferred":1'; }
until_true deferred || not_ok "an event is deferred" "$(ctl status)"
expect_output "no party runs another version than 1" ctl reload counter

# ---- What is refused. ----
refused "a syntax error" "counter.lua:5" "${one/name = /name = = }"
refused "no version that moves" "its version is still 1" "${one/list = /more = 1, list = }"
STATUS=1 refused "a missing state" "has no state 'counting' any more" "$(START=elsewhere version 2 sum "")"
expect_output "task 't' (counter, state 'counting')" ctl status
STATUS=1 refused "a migrate that fails" "counter.lua:7: no way" "$(version 2 sum 'migrate = function(old)
    error "no way"
  end,')"
STATUS=1 refused "a migrate that returns nothing" "expected { state =, data = }, got nothing" "$(version 2 sum 'migrate = function() end,')"
STATUS=1 refused "a migrate to nowhere" "'nowhere', which is no state of role 'counter'" \
    "$(version 2 sum 'migrate = function(old) return { state = "nowhere", data = {} } end,')"
STATUS=1 refused "data that cannot be kept" "data.f" "$(version 2 sum 'migrate = function(old)
    old.data.f = print
    return old
  end,')"
STATUS=1 refused "a migrate that waits" "af.sleep" "$(version 2 sum 'migrate = function(old)
    af.sleep(1)
    return old
  end,')"
STATUS=1 refused "a migrate that reports" "report_progress: a migration has nothing but the old snapshot" \
    "$(version 2 sum 'migrate = function(old)
    af.TaskContractor("t"):report_progress(50)
    return old
  end,')"
refused "a field that became required" "event 'add': field 'why' is new and required" "$(version 2 sum "" ", why = af.string")"
refused "a type that changed" "field 'n' was of type integer and is of type string" "$(version 2 sum "" | sed 's/"mark", { n = af.integer/"mark", { n = af.string/')"
refused "an event that vanished" "event 'mark' is gone" "$(version 2 sum "" | sed '/defer = { Mark }/d')"
STATUS=1 refused "a deferred event that fits no more" "a deferred 'mark' does not fit any more" \
    "$(version 2 sum "" | sed 's/"mark", { n = af.integer/"mark", { n = af.integer { min = 0 }/')"
refused "another flow" "is the flow 'other' now" "$(version 2 sum "" | sed 's/"counter", version/"other", version/')"
STATUS=1 refused "a role that is gone" "has no role 'counter'" "$(version 2 sum "" | sed 's/    counter = {/    accountant = {/')"
refused "an endless loop at load" "instructions" "while true do end $two"
refused "a gigabyte at load" "of memory in one step" "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(100000) .. i end $two"
rm flows/counter.lua
expect_error "no such flow" 2 ctl reload counter
expect_error "no such flow" 2 ctl reload nothing

# ---- What would be. ----
put "$one"
status_has '"not_taken":[]' "a file that is as what runs is no refusal"
node_sees_nothing() { says_status '"version":1,"role":"counter","status":"waiting"'; }
printf '%s\n' "$two" >flows/.two.lua
cp i.state/node.db before.db 2>/dev/null
kill_party i TERM
cp flows/.two.lua flows/counter.lua
node --no-launches
status_has '"version":2' "a file that changed while the node was away is taken at its start"
expect_output "goes on with version 2 of counter.lua (was 1)" ctl log t
expect_output '"kind":"reload"' ctl trace t
check "its journal is still a trace" ctl trace t -o t.jsonl
check "which can be drawn" "$AFRUN" chart t.jsonl

# ---- A dry run, with what would become of the data; SIGHUP. ----
kill_party i TERM
node --no-watch
put "$(version 3 amount "$(renames total amount)
  migrate_back = function(new)
    return { state = new.state, data = { total = new.data.amount, list = new.data.list } }
  end,")"
expect_output "version 3 would be taken; nothing was changed" ctl reload counter --dry-run
expect_output "- data.total = 5" ctl reload counter --dry-run
expect_output "+ data.amount = 5" ctl reload counter --dry-run
expect_output '"new_data":{"amount":7' ctl reload counter --dry-run --json
if says_status '"version":2'; then ok "a dry run changes nothing"; else not_ok "a dry run changes nothing" "$(ctl status)"; fi
kill -HUP ${party_pids[i]}
status_has '"version":3' "at SIGHUP the changed file is taken"
kill_party i
node --no-watch
status_has '"version":3' "a kill right after changes nothing"
put "$one"
kill_party i
node --no-watch
status_has '"version":3' "nor does a file that changed: what was committed is run"
expect_error "would go back from version 3 to 1; afrun ctl rollback" 2 ctl reload counter

# ---- Back to the version before. ----
expect_output "version 2 is taken" ctl rollback counter
status_has '"version":2' "a rollback goes back to the version before"
expect_error "no version before 2 is kept" 2 ctl rollback counter
kill_party i
node --no-watch
status_has '"version":2' "a rollback is kept"
give t 1 0
status_has '"task":"t","flow":"counter","file":"counter.lua","version":2,"role":"counter","status":"done"' "a party that went there and back ends"
expect_output '"result":{"total":6,"version":2}' ctl trace t

# ---- Back without a migrate_back: the data as they are. ----
tally() { # tally VERSION HANDLER [MORE-STATES [MIGRATIONS]]: as an editor saves
    put_flow tally <<LUA
local af = require "af"
local Add = af.event("add", { n = af.integer })
local Mark = af.event("mark", { n = af.integer })
return af.flow {
  name = "tally", version = $1,
  ${4:-}
  roles = { source = { start = "giving", states = { giving = {} } },
    counter = { data = function() return { sum = 0 } end, start = "open", states = {
    open = { defer = { Mark }, [Add] = function(party, event) $2 end },
    ${3:-}
  } } },
}
LUA
}
adds='party.data.sum = party.data.sum + event.n'
tally 1 "$adds
if event.n == 0 then return af.done { sum = party.data.sum, version = 1 } end"
check "a party of a flow without migrations" ctl launch tally --task back --role counter --peers 'counter=i;source=s'
give back 5 -1
until_true deferred || not_ok "an event is deferred" "$(ctl status)"
tally 2 "error 'it cannot count'"
expect_output "version 2 is taken" ctl reload tally
give back 7
status_has '"task":"back","flow":"tally","file":"tally.lua","version":2,"role":"counter","status":"held"' "it is held in the version that is wrong"
expect_output "version 1 would be taken; nothing was changed" ctl rollback tally --dry-run
expect_output '"data":{"sum":5},"new_data":{"sum":5}' ctl rollback tally --dry-run --json
status_has '"version":2,"role":"counter","status":"held"' "a dry run of a rollback changes nothing"
expect_output "version 2 to 1, state 'open' to 'open'" ctl rollback tally
status_has '"version":1,"role":"counter","status":"held"' "a held party keeps its event"
status_has 'version 2 was left by afrun ctl rollback' "what was left stands in the folder still"
check "it is given its event again" ctl retry back
status_has '"version":1,"role":"counter","status":"waiting"' "in the version that it went back to"
tally 2 "$adds
return 'shut'" "shut = { [Add] = function(party, event) $adds end },"
check "another version is taken" ctl reload tally
give back 1
status_has '"version":2,"role":"counter","status":"waiting","state":"shut"' "it is in a state that the older version has not"
expect_error "has no state 'shut' in this version, and the newer one no \`migrate_back\`" 1 ctl rollback tally
status_has '"version":2,"role":"counter","status":"waiting","state":"shut"' "a rollback that is refused changes nothing"
tally 3 "" "shut = { [Add] = function() end }," "migrate_back = function(old) return old end,"
check "a version whose migrate_back gives back what it is given" ctl reload tally
expect_output "version 2 is taken" ctl rollback tally
kill_party i
node --no-watch
give back 3
tally 4 "" "" "migrate = function(old) return { state = 'open', data = old.data } end,
  migrate_back = function(old) old.data.f = print return old end,"
status_has '"version":2,"role":"counter","status":"waiting","state":"shut"' "after a kill it is there still"
check "and goes forward" ctl reload tally
expect_error "data.f" 1 ctl rollback tally
ctl stop back >/dev/null
kill_party i TERM
node # which watches its folder
check "a party of a node that watches" ctl launch tally --task kept --role counter --peers 'counter=i;source=s'
tally 5 "$adds"
status_has '"version":5' "a changed file is taken by itself"
expect_output "version 4 is taken" ctl rollback tally
tally 6 "$adds end"
status_has '"why":"tally.lua:' "the next change is looked at"
expect_output '"task":"kept","flow":"tally","file":"tally.lua","version":4' ctl status --json
tally 7 "$adds"
status_has '"version":7' "what was left is not taken by itself, and what comes after it is"
ctl stop kept >/dev/null

# ---- Handlers that wait. ----
cat >flows/slow.lua <<'LUA'
local af = require "af"
local Go = af.event("go", {})
return af.flow {
  name = "slow", version = 1,
  roles = { waiter = { start = "idle", states = { idle = {
    enter = function(party) party:send(party.id, Go {}) end,
    [Go] = function()
      af.process.run("SLEEP", { args = { "VERSION" } })
      return af.done(VERSION)
    end,
  } } } },
}
LUA
sed -i "s,SLEEP,$(command -v sleep)," flows/slow.lua
sed 's/VERSION/600/' flows/slow.lua >slow1.lua
sed 's/VERSION/0.1/; s/VERSION/2/; s/version = 1/version = 2/' flows/slow.lua >slow2.lua
cp slow1.lua flows/slow.lua
kill_party i TERM
node --no-watch --allow-run "$(command -v sleep)"
check "a party whose handler waits" ctl launch slow --task w --role waiter --peers waiter=i
status_has '"status":"slow"' "status tells that it is slow"
cp slow2.lua flows/slow.lua
expect_error "its handler waits at slow.lua:8" 1 ctl reload slow --wait 0.2s
expect_error "--restart-waiting" 1 ctl reload slow --wait 0.2s
expect_output "version 2 is taken" ctl reload slow --restart-waiting
status_has '"task":"w","flow":"slow","file":"slow.lua","version":2,"role":"waiter","status":"done"' "the handler runs again in the new version"
kill_party i TERM

# ---- A plain `afrun run --state`. ----
mkdir own
printf '%s\n' "$one" >own/counter.lua
own() { start_party o own/counter.lua --bus local:own.db --task t --node i --role counter --peers 'counter=i;source=s' --state own/i.db; }
own
bus=local:own.db give t 5
printf '%s\n' "${one/name = /name = = }" >own/.new && mv own/.new own/counter.lua
wait_line o.err "is not taken: own/counter.lua:5" && ok "a changed file that is wrong is told of" || not_ok "a changed file that is wrong is told of" "$(cat o.err)"
printf '%s\n' "${two/    source = /    spring = }" >own/.new && mv own/.new own/counter.lua
wait_line o.err "is not taken: counter: has no role 'source', which node 's' has in the task" &&
    ok "one without the role of another node is told of" || not_ok "one without the role of another node is told of" "$(cat o.err)"
printf '%s\n' "$two" >own/.new && mv own/.new own/counter.lua
wait_line o.err "goes on with version 2" && ok "a changed file is taken" || not_ok "a changed file is taken" "$(cat o.err)"
kill_party o
printf '%s\n' "$(version 3 amount "$(renames total amount)")" >own/counter.lua
own
wait_line o.err "goes on with version 3" && ok "one that changed while it was away is taken at the start" || not_ok "one that changed while it was away is taken at the start" "$(cat o.err)"
kill_party o
printf '%s\n' "$one" >own/counter.lua
own
wait_line o.err "is not taken: counter.lua: would go back" && ok "one that went back is not" || not_ok "one that went back is not" "$(cat o.err)"
bus=local:own.db give t 0
expect_ended o 0 "it ends with what was committed"
"$AFRUN" own/counter.lua --bus local:own.db --task t --node i --role counter --state own/i.db --json >result.json 2>/dev/null
expect_in result.json '"amount":5,"version":3' "and with the data of all versions"

# ---- What changes between the loading and the watch is seen, too. ----
cat >hold.py <<'PY'
import sqlite3, sys
bus = sqlite3.connect(sys.argv[1], isolation_level=None)
bus.execute("PRAGMA journal_mode=WAL")
bus.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
PY
waits_for_bus() { readlink "/proc/${party_pids[e]}/fd/"* 2>/dev/null | grep -qF "early$1.db"; }
early() { # early NAME CHANGE…: CHANGE is done while the party, which has loaded its flow, waits for its bus
    local name=$1 file=early/early.lua
    shift
    rm -rf early && mkdir early
    echo 'return { version = 1 }' >early/numbers.lua
    cat >$file <<'LUA'
local af = require "af"
return af.flow { name = "early", version = require("numbers").version,
  roles = { a = { start = "s", states = { s = { after = { 3600, "s" } } } } } }
LUA
    ((held += 1))
    coproc HOLD { exec python3 hold.py early$held.db; }
    local line pid=$HOLD_PID
    read -r line <&"${HOLD[0]}"
    start_party e $file --bus local:early$held.db --task t --node i --role a --peers a=i --state early/i.db
    until_true waits_for_bus "$held" || not_ok "the party waits for its bus" "$(cat e.err)"
    "$@"
    eval "exec ${HOLD[1]}>&-"
    wait "$pid"
    wait_line e.err "goes on with version 2" && ok "$name" || not_ok "$name" "$(cat e.err)"
    kill_party e
}
new_flow() { sed 's/require("numbers").version/2/' early/early.lua >early/.new && mv early/.new early/early.lua; }
new_module() { echo 'return { version = 2 }' >early/.new && mv early/.new early/numbers.lua; }
with_signal() { new_flow && kill -HUP "${party_pids[e]}"; }
held=0
early "a file that changes before it is watched is taken" new_flow
early "so is a module" new_module
early "a SIGHUP that comes so early ends nothing" with_signal

# ---- A state whose name stays, and whose `after` does not. ----
clock() { # clock VERSION AFTER: as an editor saves
    cat >own/.new <<LUA
local af = require "af"
return af.flow {
  name = "clock", version = $1,
  roles = { clock = { data = function(party) return { t = party:now() } end, start = "ticking", states = { ticking = { $2 } } } },
}
LUA
    mv own/.new own/clock.lua
}
clock 1 'after = { 4, function() return af.fail "it is of version 1" end }'
start_party c own/clock.lua --bus local:own.db --task c --node i --role clock --peers clock=i --state own/c.db
until_true test -s own/c.db || not_ok "the clock starts" "$(cat c.err)"
clock 2 ''
wait_line c.err "goes on with version 2" || not_ok "a version without an after is taken" "$(cat c.err)"
clock 3 'after = { 5, function(party)
    return party:now() - party.data.t < 4.9 and af.fail "it is of version 1" or af.done()
  end }'
wait_line c.err "goes on with version 3" || not_ok "a version with an after is taken" "$(cat c.err)"
expect_ended c 0 "an after that was taken away does not fire, and one that is new begins"

# ---- Old code is freed: no memory, no files, no processes, no rows are left of it. ----
again=60
is_short || again=1000
mkdir many
cp flows/counter.lua many/counter.lua
start_party i node --node i --bus local:many.db --flows many --state many.state --no-watch -q
wait_line i.out "afrun node: node i" || not_ok "node i starts" "$(cat i.err)"
many() { "$AFRUN" ctl "$@" --state many.state; }
reload_to() { # reload_to N
    sed -E "s/version = [0-9]+/version = $1/" many/counter.lua | sed '/migrate/,/  end,/d' >many/.new && mv many/.new many/counter.lua
    many reload counter >reload.out 2>&1 || not_ok "reload $1" "$(cat reload.out)"
}
check "a party for many reloads" many launch counter --task t --role counter --peers 'counter=i;source=s'
measure() { # kB of memory, open files, processes, codes kept
    local pid=${party_pids[i]}
    echo "$(sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status")" "$(ls "/proc/$pid/fd" | wc -l)" "$(pgrep -P "$pid" | wc -l)"
}
for ((n = 101; n <= 120; n++)); do reload_to $n; done
before=($(measure))
for ((; n <= 120 + again; n++)); do reload_to $n; done
after=($(measure))
most=2048 # kB; a sanitizer keeps what was freed for a while
[[ $AFRUN != *sanitize* ]] || most=300000
if [ $((after[0] - before[0])) -lt $most ] && [ "${after[1]}" -eq "${before[1]}" ] && [ "${after[2]}" -eq 1 ]; then
    ok "$again reloads leave nothing (kB, files, workers: ${before[*]}, then ${after[*]})"
else
    not_ok "$again reloads leave nothing" "kB, files, workers: ${before[*]}, then ${after[*]}"
fi
kill_party i TERM
codes=$(python3 -c 'import sqlite3; print(sqlite3.connect("many.state/node.db").execute("SELECT count(*) FROM code").fetchone()[0])')
[ "$codes" -le 2 ] && ok "the version before is kept, and no older one" || not_ok "the version before is kept, and no older one" "$codes"

# ---- fed_avg, under five nodes, reloaded again and again. ----
reloads=6 rounds=120 broken=8
is_short || reloads=100 rounds=1500 broken=60
fed_avg() { # fed_avg NAME ARGUMENT…
    local name=$1
    shift
    rm -rf run && mkdir run
    run python3 "$ROOT/tests/lib/reload_nodes.py" "$PROGRAM" "$ROOT/flows/fed_avg.lua" run --rounds $rounds "$@"
    if [ "$status" -ne 0 ]; then
        not_ok "$name" "$(explain "exit status $status" reload_nodes "$@")"
        return
    fi
    local results counts
    results=$(sed -E 's/ [0-9]+ [0-9]+ [0-9]+$//' "$OUT")
    counts=$(sed -E 's/.* ([0-9]+ [0-9]+ [0-9]+)$/\1/' "$OUT")
    : "${undisturbed:=$results}"
    if [ "$results" = "$undisturbed" ]; then ok "$name (reloads, kills, refusals: $counts)"; else not_ok "$name" "another result: $results
undisturbed: $undisturbed"; fi
}
fed_avg "an undisturbed fed_avg"
fed_avg "fed_avg reloaded in the middle of its rounds" --reloads $reloads --least $reloads
fed_avg "the same with a kill at each reload" --reloads $reloads --kill --least $reloads
fed_avg "broken versions offered meanwhile" --broken $broken --least 2
stop_all
