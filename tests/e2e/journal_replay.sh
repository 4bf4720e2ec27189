#!/usr/bin/env bash
# What works in mock works for real: the journal of a party that ran for real, fed in its order to a party in this
# process, gives the same states, data and sends. Flows made by chance over `local:` and a service; and what is told where
# a journal goes otherwise, or cannot be played.
source "$(dirname "$0")/../lib/e2e.sh"
plan 24
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

# random BUS FIRST COUNT
random() {
    run python3 "$ROOT/tests/lib/journal_runs.py" "$PROGRAM" "$2" "$3" "$1"
    if [ "$status" -ne 0 ]; then
        not_ok "$3 flows over ${1%%:*}" "$(explain "they go otherwise")"
    elif [ "$(tail -n 1 "$OUT")" -lt "$3" ]; then
        not_ok "$3 flows over ${1%%:*}" "only $(cat "$OUT") steps were played"
    else
        ok "$3 flows over ${1%%:*}"
    fi
}
if is_short; then local=20 service=6; else local=500 service=60; fi
[[ $AFRUN == *sanitize* ]] && local=8 service=3
random local 0 $local
start_serve --bus local:serve.db --prefix-nodes --open-tasks
random "$URL" 10000 $service
stop_serve

# ---- A flow that asks the outside, draws chance and asks for the time. ----
cat >draws.lua <<'LUA'
local af = require "af"
local Go = af.event("go", { n = af.integer })
return af.flow { name = "draws", roles = {
  a = { start = "s", states = { s = { enter = function(party)
      party.data.drawn = { math.random(1000000) }
      party.data.nodes = #party:nodes()
      party:send(party:nodes("b"), Go { n = math.random(1000000) })
    end, after = { 0.05, function(party) return af.done { party.data.drawn[1] + 0, STEP } end } } } },
  b = { start = "s", states = { s = { [Go] = function(party, event) return af.done(event.n + math.random(10)) end } } },
} }
LUA
sed 's/STEP/1/' draws.lua >real.lua
start_party b real.lua --role b --node b --task d --bus local:draws.db --peers 'a=a;b=b' --state b.state
start_party a real.lua --role a --node a --task d --bus local:draws.db --peers 'a=a;b=b' --state a.state
expect_ended a 0 "a ends"
expect_ended b 0 "b ends"
expect_output "d: a, a of draws: 2 steps replayed, all the same" "$AFRUN" replay a.state
expect_output '"steps":2,"same":true,"ends":null,"difference":null' "$AFRUN" replay b.state --json
expect_output "all the same" "$AFRUN" replay a.state real.lua
sed 's/STEP/2/' draws.lua >other.lua
expect_error "now goes otherwise: its result" 1 "$AFRUN" replay a.state other.lua
sed -e 's/STEP/1/' -e 's/1000000) })/1000000) + 1 })/' draws.lua >sends.lua
expect_error "step 1 (start) now goes otherwise: what it sends" 1 "$AFRUN" replay a.state sends.lua --json
expect_error "is no flow" 2 "$AFRUN" replay a.state "$ROOT/flows/notebook/initiator.lua"
expect_error "--step" 2 "$AFRUN" replay a.state --step

cat >times.lua <<'LUA'
local af = require "af"
return af.flow { name = "times", roles = { a = { start = "s", states = { s = { enter = function(party)
  party.data.at = af.now()
  return af.done()
end } } } } }
LUA
check "a flow that asks for the time runs" "$AFRUN" times.lua --role a --node a --task t --bus local:times.db --peers a=a --state t.state
expect_error "its data (it asks for the time at times.lua:3, which was another)" 1 "$AFRUN" replay t.state

cat >calls.lua <<'LUA'
local af = require "af"
return af.flow { name = "calls", roles = { a = { start = "s", states = { s = { enter = function(party)
  local url = party:upload_file(af.content("bytes"))
  local well, why = pcall(af.download, url, { sha256 = ("0"):rep(64) })
  party.data.refused = not well and tostring(why)
  return af.done { url, party:upload_file(af.content("more")) }
end } } } } }
LUA
expect_output "a done" "$AFRUN" calls.lua --role a --node a --task t --bus local:calls.db --peers a=a --state c.state
expect_output "a of calls: 1 steps replayed, all the same" "$AFRUN" replay c.state

# ---- What cannot be played, and why. ----
cat >big.lua <<'LUA'
local af = require "af"
return af.flow { name = "big", roles = { a = { start = "s", states = { s = { enter = function(party)
  return af.done(#af.download(party:upload_file(af.content(("x"):rep(100000)))))
end } } } } }
LUA
"$AFRUN" big.lua --role a --node a --task t --bus local:big.db --peers a=a --state big.state >/dev/null 2>&1
expect_output "0 steps replayed, all the same; not all can be: what its call 'download' was answered is kept by its hash alone" \
    "$AFRUN" replay big.state
cp a.state back.state
/usr/bin/python3 -c 'import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("UPDATE journal SET time = time + 3600000000000 WHERE seq = (SELECT min(seq) FROM journal)")' back.state
expect_output "not all can be: at step 2 the clock was set back" "$AFRUN" replay back.state

# ---- A journal as a trace has no contents, and says what has. ----
mkdir flows && cp real.lua flows
start_party n node --node n --bus local:node.db --flows flows --state n.state
wait_line n.out "afrun node: node n" || not_ok "a node starts" "$(cat n.err)"
check "a party is launched" "$AFRUN" ctl launch real --task d --role b --peers 'a=a;b=n' --state n.state
start_party a real.lua --role a --node a --task d --bus local:node.db --peers 'a=a;b=n'
expect_ended a 0 "its peer ends"
is_done() { "$PROGRAM" ctl status d --state n.state | grep -q " done "; }
until_true is_done || not_ok "it is done" "$("$AFRUN" ctl status --state n.state)"
check "its journal is a trace" "$AFRUN" ctl trace d -o d.jsonl --state n.state
expect_error "is the journal of one party, without contents" 2 "$AFRUN" replay d.jsonl
expect_error "in use by another process" 3 "$AFRUN" replay n.state/node.db
kill_party n TERM
expect_output "d: n, b of draws: 2 steps replayed, all the same" "$AFRUN" replay n.state/node.db
