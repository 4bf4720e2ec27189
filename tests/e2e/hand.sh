#!/usr/bin/env bash
# An operator's hand on a running party: `ctl send` gives it an event from outside, `ctl pause` has it take nothing,
# `ctl resume` has it go on. What was done is kept: over a kill, a reload and a rollback, and in its journal.
source "$(dirname "$0")/../lib/e2e.sh"
plan 78
source "$ROOT/tests/lib/parties.sh"
mkdir flows

node() { # node NAME ARGUMENT…
    local name=$1
    shift
    start_party "$name" node --node "$name" --bus local:bus.db --flows flows --state "$name.state" --no-watch "$@"
    wait_line "$name.out" "afrun node: node $name" || not_ok "node $name starts" "$(cat "$name.err")"
}

ctl() { # ctl NODE WORD…
    local name=$1
    shift
    "$AFRUN" ctl "$@" --state "$name.state"
}

party_has() { # party_has NODE TASK PYTHON: of the party p that status shows
    sleep 0.1 # each look costs a process or two
    "$PROGRAM" ctl status "$2" --json --state "$1.state" 2>/dev/null | python3 -c 'import json, sys
p = json.load(sys.stdin)["parties"][0]
sys.exit(not eval(sys.argv[1]))' "$3"
}
expect_party() { # expect_party CASE NODE TASK PYTHON: waits for it
    if PATIENCE=25 until_true party_has "$2" "$3" "$4"; then ok "$1"; else not_ok "$1" "$(ctl "$2" status "$3" --json 2>&1)"; fi
}

cat >desk.lua <<'LUA'
local af = require "af"
local Add = af.event("add", { n = af.integer, note = af.optional(af.string), tags = af.optional(af.list(af.string)) })
local Close = af.event("close", {})
local Noise = af.event("noise", {})
local Odd = af.event("odd", {})
return af.flow {
  name = "desk", version = VERSION,MIGRATE args = { pause = af.optional(af.number, 3600) },
  roles = { desk = {
    data = function() return { sum = 0, from = "nobody" } end,
    start = "open",
    states = {
      open = {
        [Add] = function(party, event, from)
          if event.n < 0 then BUG end
          party.data.sum = party.data.sum + event.n
          party.data.from = tostring(from)
          if event.n >= 100 then return "closing" end
        end,
        defer = { Close }, ignore = { Noise },
        after = { function(party) return party.args.pause end, "late" },
      },
      closing = { [Close] = function(party) return af.done { sum = party.data.sum, from = party.data.from } end },
      late = { [Close] = function(party) return af.done { late = party.data.sum } end },
    },
  }, other = { start = "s", states = { s = { [Odd] = function() end } } } },
}
LUA
version() { # version N WHAT-ITS-BUG-IS [MIGRATE]
    sed -e "s/VERSION/$1/" -e "s/BUG/$2/" -e "s/MIGRATE/${3:-}/" desk.lua >flows/desk.lua
}
version 1 'error "a negative one"'
node n
launch() { # launch TASK ARGUMENT…
    check "task $1 is launched" ctl n launch desk --task "$1" --role desk --peers 'desk=n;other=o' "${@:2}"
    expect_party "task $1 waits" n "$1" 'p["status"] == "waiting"'
}

# ---- Events. ----
launch a
expect_output "a: add was given" ctl n send a add '{"n":3,"note":"by hand"}'
expect_output "a: noise was given; its state ignores it" ctl n send a noise
expect_output "a: has no dead letters; if an older store broke it, \`afrun ctl retry\` has it go on" ctl n again a
expect_output "a: close was given; its state defers it" ctl n send a close '{}'
expect_output '"became":"given"' ctl n send a add '{"type":"add","n":4}' --json
expect_error "is no event of the flow 'desk'; did you mean 'add'?" 2 ctl n send a ad '{"n":1}'
expect_error "has no field 'notes'; did you mean 'note'? It has n, note, tags" 2 ctl n send a add '{"n":1,"notes":"x"}'
expect_error "add" 2 ctl n send a add '{"n":"one"}'
expect_error "add" 2 ctl n send a add '{}'
expect_error "one JSON object" 2 ctl n send a add '[1]'
expect_error "one JSON object" 2 ctl n send a add '{"n":1} {}'
expect_error "is not the type that its JSON has" 2 ctl n send a add '{"type":"close","n":1}'
expect_error "is not expected in state 'open'; did you mean 'add'? It takes close, add, noise" 1 ctl n send a odd
expect_error "this node runs no party of such a task; did you mean 'a'" 2 ctl n send aa add '{"n":1}'
expect_error "name the event" 2 ctl n send a
expect_error "one word too many" 2 ctl n send a add '{}' more
expect_party "what is refused is no dead letter" n a 'p["dead_letters"] == 0 and p["deferred"] == 1'
kill_party n
node n
expect_party "it waits again after a kill" n a 'p["status"] == "waiting" and p["deferred"] == 1'
expect_output "a: add was given" ctl n send a add '{"n":100}'
expect_party "what was deferred is taken up" n a 'p["status"] == "done"'
check "its journal is a trace" ctl n trace a -o a.jsonl
expect_output '"result":{"from":"nil","sum":107}' cat a.jsonl
expect_output '"kind":"deliver","party":"n","from":null,"type":"add"' cat a.jsonl
if [ "$(grep -c '"kind":"hand"' a.jsonl)" = 5 ]; then ok "each is told as the operator's"; else not_ok "each is told as the operator's" "$(cat a.jsonl)"; fi
expect_output "its operator gives close" "$AFRUN" chart a.jsonl
expect_output "add was given by its operator" ctl n log a
expect_error "does not run" 1 ctl n send a add '{"n":1}'

# ---- A pause: nothing is taken, no timer fires, also after a kill. ----
launch b --arg pause=6
expect_output "b: paused" ctl n pause b
expect_error "is paused already" 1 ctl n pause b
check "a paused party is given something" ctl n send b add '{"n":1}'
expect_party "status says since when" n b 'p["status"] == "paused" and abs(p["paused"] - p["since"]) < 60'
expect_output "paused for" ctl n status b
kill_party n
node n
expect_party "its timer is due" n b 'p["waits_for"]["timer"]["in_s"] == 0'
expect_party "it pauses still, its timer has not fired, what it was given waits" n b 'p["status"] == "paused" and p["state"] == "open" and p["deferred"] == 1'
expect_output "b: goes on" ctl n resume b
expect_party "a timer that was due fires then" n b 'p["state"] == "late"'
expect_error "is not paused" 1 ctl n resume b
check "it is paused again" ctl n pause b --json
check "it goes on again" ctl n resume b --json
check "its end comes" ctl n send b close
expect_party "it is done" n b 'p["status"] == "done"'
check "its journal is a trace" ctl n trace b -o b.jsonl
if [ "$(grep -o '"kind":"pause"\|"kind":"resume"\|"kind":"timeout"' b.jsonl | xargs)" = "kind:pause kind:resume kind:timeout kind:pause kind:resume" ]; then
    ok "its journal has each pause"
else
    not_ok "its journal has each pause" "$(cat b.jsonl)"
fi
expect_output "goes on" "$AFRUN" chart b.jsonl

# ---- Reload and rollback bring a paused party to the other version, and it pauses on. ----
launch c
check "it is given something" ctl n send c add '{"n":5}'
check "it is paused" ctl n pause c
version 2 'party.data.sum = 0'
expect_output "version 2" ctl n reload desk
expect_party "a reload leaves it paused" n c 'p["status"] == "paused" and p["version"] == 2'
expect_output "version 1" ctl n rollback desk
expect_party "so does a rollback" n c 'p["status"] == "paused" and p["version"] == 1'
check "it goes on" ctl n resume c
# ---- A held party may pause; a retry of a paused one is done when it goes on. ----
check "it is given what its handler fails on" ctl n send c add '{"n":-1}'
expect_party "it is held" n c 'p["status"] == "held"'
kill_party n
node n
expect_party "it is held after a kill, and what it was given is there" n c 'p["status"] == "held" and p["deferred"] == 1'
check "a held party may pause" ctl n pause c
check "the version that mends it is taken" ctl n reload desk
expect_output "tried again" ctl n retry c
expect_party "its event waits while it is paused" n c 'p["status"] == "paused" and p["deferred"] == 1'
check "it goes on" ctl n resume c
expect_party "it is tried then" n c 'p["status"] == "waiting" and p["deferred"] == 0'
# ---- Stopping a paused one ends it. ----
check "it is paused" ctl n pause c
expect_output "c: stopped" ctl n stop c
expect_party "a paused party can be stopped" n c 'p["status"] == "failed"'
expect_error "does not run" 1 ctl n pause c
# ---- A store that was made before parties could pause is brought on. ----
launch d
check "it is given something" ctl n send d add '{"n":6}'
kill_party n TERM
python3 -c 'import sqlite3
db = sqlite3.connect("n.state/node.db")
db.executescript("ALTER TABLE party DROP COLUMN paused; DROP TABLE kept; DROP TABLE ask; DROP TABLE moves; PRAGMA user_version = 2")'
node n
expect_party "it goes on" n d 'p["status"] == "waiting"'
check "from an older store" ctl n send d add '{"n":100}'
check "to its end" ctl n send d close
expect_party "with all that it had" n d 'p["status"] == "done" and p["result"] == {"type": "object", "bytes": 24}'
stop_all
