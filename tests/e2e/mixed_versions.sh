#!/usr/bin/env bash
# Some nodes run a flow's old version, some its new one: what a receiver's version cannot read is
# dead-lettered with both versions named, over each bus; a bus that is older than this is brought on.
source "$(dirname "$0")/../lib/e2e.sh"
plan 25
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

flow() { # flow VERSION FIELD
    cat <<LUA
local af = require "af"
local Say = af.event("say", { $2 = af.integer })
local End = af.event("end", {})
return af.flow {
  name = "talk", version = $1,
  roles = {
    speaker = { start = "speaking", states = { speaking = { enter = function(party)
      party:send(party:nodes("hearer"), Say { $2 = 1 })
      party:send(party:nodes("hearer"), End {})
      return af.done()
    end } } },
    hearer = { start = "hearing", states = { hearing = {
      [Say] = function() end,
      [End] = function() return af.done() end,
    } } },
  },
}
LUA
}
flow 1 number >one.lua
flow 2 amount >two.lua
peers='speaker=s;hearer=h'
both() { # both CASE BUS-OF-s BUS-OF-h ARGUMENT…
    local name=$1 s=$2 h=$3
    shift 3
    start_party h one.lua --bus "$h" --task "$name" --node h --role hearer --peers "$peers" "$@"
    start_party s two.lua --bus "$s" --task "$name" --node s --role speaker --peers "$peers"
    expect_ended s 0 "$name: the new one ends well"
    expect_ended h 1 "$name: the old one goes on, and tells of it"
    expect_in h.out "h done" "$name: to its end"
    expect_in h.err "from s: event 'say': field 'number'" "$name: what it cannot read is told of"
    expect_in h.err "sent by version 2 of the flow, read by version 1" "$name: with both versions"
}
both local local:bus.db local:bus.db
start_serve --bus local:serve.db --prefix-nodes --open-tasks
# a client of the service knows that it is ours after its first answer
both serve "$URL/node/s" "$URL/node/h" --state h.db
says "a pop tells the version, where there is one" '"flow_version":3' "$(
    ask a push '{"task_id":"t","node_id_list":["b"],"message_title":"task_inside","message_content":{"type":"x"},"message_time":1,"channel":"federated","flow_version":3}' >/dev/null
    ask b pop '{"task_id":"t","channel":"federated"}'
)"
ask a push "$(message t '["b"]')" >/dev/null
never_says "and nothing where there is none" flow_version "$(ask b pop '{"task_id":"t","channel":"federated"}')"
says "a version that is none is refused" '"code":400' \
    "$(ask a push '{"task_id":"t","node_id_list":["b"],"message_title":"task_inside","message_content":{"type":"x"},"message_time":1,"channel":"federated","flow_version":"new"}')"
stop_serve

# What was deferred knows its sender's version still when its party comes back.
cat >put_off.lua <<'LUA'
local af = require "af"
local Say = af.event("say", { number = af.integer })
local End = af.event("end", {})
local function teller(event)
  return { start = "telling", states = { telling = { enter = function(party)
    party:send(party:nodes("hearer"), event)
    return af.done()
  end } } }
end
return af.flow {
  name = "put_off", version = 1,
  roles = {
    speaker = teller(Say { number = 1 }),
    ender = teller(End {}),
    hearer = { start = "hearing", states = {
      hearing = { defer = { Say }, [End] = "over" },
      over = { after = { 0.2, function() return af.done() end }, [End] = function() end },
    } },
  },
}
LUA
sed 's/version = 1/version = 2/' put_off.lua >put_off_2.lua
cast='speaker=s;ender=e;hearer=h'
hearer() { start_party h put_off.lua --bus local:put.db --task put --node h --role hearer --peers "$cast" --state put_h.db; }
is_taken() { # by all to whom it was sent
    python3 -c 'import sqlite3, sys
sys.exit(sqlite3.connect("put.db").execute("SELECT count(*) FROM deliveries").fetchone()[0])' 2>/dev/null
}
hearer
start_party s put_off_2.lua --bus local:put.db --task put --node s --role speaker --peers "$cast"
expect_ended s 0 "what will be deferred is sent"
if until_true is_taken; then ok "it is deferred"; else not_ok "it is deferred" "$(cat h.err)"; fi
kill_party h
for file in put_h.db*; do cp "$file" "bad${file#put_h}"; done
python3 -c 'import sqlite3
db = sqlite3.connect("bad.db"); db.execute("UPDATE journal SET name = ? WHERE kind = ?", ["{\"version\":", "defer"]); db.commit()'
expect_error "damaged" 3 timeout 30 "$AFRUN" put_off.lua --bus local:put.db --task put --node h --role hearer --peers "$cast" --state bad.db
hearer
start_party e put_off.lua --bus local:put.db --task put --node e --role ender --peers "$cast"
expect_ended e 0 "its state changes after a kill"
expect_ended h 1 "it comes to its end"
expect_in h.err "event 'say' from s: not expected in state 'over'; sent by version 2 of the flow, read by version 1" \
    "what was deferred before the kill is told of with both versions"

# A store that was made before there were versions.
gunzip -c "$ROOT/tests/data/stores/messages-1.db.gz" >old.db
both older local:old.db local:old.db
version() { python3 -c 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("PRAGMA user_version").fetchone()[0])' "$1"; }
[ "$(version old.db)" = "$(version bus.db)" ] && ok "an older store is brought on" || not_ok "an older store is brought on" "$(version old.db)"
stop_all
