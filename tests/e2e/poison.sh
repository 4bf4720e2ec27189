#!/usr/bin/env bash
# What is accepted can be read: contents at the limits of depth and size reach every receiver, what is
# beyond them is refused where it is made or pushed; and a row that cannot be read blocks nobody.
source "$(dirname "$0")/../lib/e2e.sh"
plan 60
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

cat >limits.lua <<'LUA'
local af = require "af"
local Deep, Big = af.event("deep", { x = af.any }), af.event("big", { s = af.string })
local Plain = af.event("plain", { n = af.integer })
local function nested(levels) -- so many
  local value = {}
  for _ = 2, levels do value = { x = value } end
  return value
end
return af.flow {
  name = "limits",
  args = { levels = af.optional(af.list(af.integer), {}), sizes = af.optional(af.list(af.integer), {}) },
  mock = { a = 1, b = 1 },
  roles = {
    a = { start = "sending", states = { sending = { enter = function(party)
      local b = party:nodes("b")
      for _, levels in ipairs(party.args.levels) do
        party:send(b, Deep { x = nested(levels - 1) }) -- the deep one
      end
      for _, size in ipairs(party.args.sizes) do
        local rest = #'{"s":"","type":"big"}'
        party:send(b, Big { s = ("x"):rep(size - rest) }) -- the big one
      end
      for n = 1, 3 do party:send(b, Plain { n = n }) end
      return af.done()
    end } } },
    b = { data = function() return { others = 0 } end, start = "counting", states = { counting = {
      [Deep] = function(party) party.data.others = party.data.others + 1 end,
      [Big] = function(party) party.data.others = party.data.others + 1 end,
      [Plain] = function(party, event)
        af.expect(party.data.others == #party.args.levels + #party.args.sizes, "others are missing")
        if event.n == 3 then return af.done() end
      end,
      after = { 60, function() return af.fail "nothing came" end },
    } } },
  },
}
LUA
start_serve --bus local:serve.db --prefix-nodes --open-tasks || not_ok "the service starts" "$(cat serve.err)"
tasks=0
both() { # both BUS ARGUMENT: a sends, then b takes; their statuses in $a and $b
    local bus_a=local:bus.db bus_b=local:bus.db task=t$((tasks += 1))
    [ "$1" = local ] || bus_a=$URL/node/a bus_b=$URL/node/b
    a=-1 b=-1
    run "$AFRUN" limits.lua --role a --node a --task $task --bus $bus_a --peers 'a=a;b=b' --arg "$2"
    a=$status
    cp "$ERR" a.err
    [ $a -eq 0 ] || return 0
    run timeout 40 "$AFRUN" limits.lua --role b --node b --task $task --bus $bus_b --peers 'a=a;b=b' --arg "$2"
    b=$status
}
arrive() { # arrive NAME ARGUMENT: over each bus, and in mock
    local bus
    for bus in serve local; do
        both $bus "$2"
        [ $a$b = 00 ] && ok "$1, over $bus" || not_ok "$1, over $bus" "$(explain "a $a, b $b" "$2"; cat a.err)"
    done
    expect_output "2 parties done" "$AFRUN" limits.lua --mock --fifo --arg "$2"
}
refused() { # refused NAME WHY LINE ARGUMENT
    local bus
    for bus in serve local; do
        both $bus "$4"
        [ $a -ne 0 ] && grep -qE "limits.lua:$3: .*$2" a.err && ok "$1, over $bus" ||
            not_ok "$1, over $bus" "$a: $(cat a.err)"
    done
    run "$AFRUN" limits.lua --mock --fifo --arg "$4"
    [ $status -eq 1 ] && grep -qE "limits.lua:$3: .*$2" "$ERR" && ok "$1, in mock" ||
        not_ok "$1, in mock" "$(explain "$status" "$4")"
}
deep_line=$(grep -n -- '-- the deep one' limits.lua | cut -d: -f1)
big_line=$(grep -n -- '-- the big one' limits.lua | cut -d: -f1)

# ---- Depth and size. ----
arrive "what is as deep as may be comes, and what is behind it" 'levels=[92,96,97,100,101,120]'
refused "one level more is refused at its line" "event 'deep' is deeper than 120 levels; keep it flatter" $deep_line 'levels=[121]'
arrive "what fills one answer is followed by what fills another" 'sizes=[4194000,12582900]'
arrive "two of the largest come" 'sizes=[12582912,12582912]'
refused "one byte more is refused at its line" "event 'big' is larger than 12 MiB; send large things as a file, by its URL" $big_line 'sizes=[12582913]'

# ---- What was kept and not sent yet: more in one step than an answer may hold. ----
export AFRUN_KILL_AT=commit-after:1
kept="--role a --node a --task kept --bus local:bus.db --peers a=a;b=b --state a.state"
run "$AFRUN" limits.lua $kept --arg 'sizes=[12582912,12582912]'
unset AFRUN_KILL_AT
[ $status -eq 137 ] && ok "a party is killed before its sends have left" || not_ok "a party is killed before its sends have left" "$status"
check "it goes on" "$AFRUN" limits.lua $kept --arg 'sizes=[12582912,12582912]'
check "and they come" timeout 40 "$AFRUN" limits.lua --role b --node b --task kept --bus local:bus.db --peers 'a=a;b=b' \
    --arg 'sizes=[12582912,12582912]'

# ---- A plain client. ----
deep() { python3 -c 'import sys; n = int(sys.argv[1]); print("{\"type\":\"x\",\"x\":" + "[" * (n - 1) + "]" * (n - 1) + "}")' "$1"; }
big() { python3 -c 'import sys; n = int(sys.argv[1]); print("{\"s\":\"" + "x" * (n - 8) + "\"}", end="")' "$1"; }
send() { message p '["b"]' "$1" >body && call POST /node/a/fed-service/api/v2/message/push @body; }
plain='{"task_id":"p","channel":"federated"}'
readable() { python3 -c 'import json, sys; d = json.load(sys.stdin)["data"]; print("a contract" if "message_content" in d else "none")'; }
says "a push of 120 levels is taken" '"code":0' "$(send "$(deep 120)")"
answer=$(send "$(deep 121)")
says "one of 121 is refused" '"code":400' "$answer"
says "and is told why" "the content is deeper than 120 levels; keep it flatter" "$answer"
says "one of 300, too" '"code":400' "$(send "$(deep 300)")"
big 12582912 >content
printf '{"task_id":"p","node_id_list":["b"],"message_title":"t","message_time":1,"channel":"federated","message_content":' >head
(cat head content && echo '}') >body
says "a push of 12 MiB is taken" '"code":0' "$(call POST /node/a/fed-service/api/v2/message/push @body)"
big 12582913 >content
(cat head content && echo '}') >body
answer=$(call POST /node/a/fed-service/api/v2/message/push @body)
says "one byte more is refused" '"code":400' "$answer"
says "in the words of an event" "the content is larger than 12 MiB; send large things as a file, by its URL" "$answer"
for i in 1 2; do says "what was taken is handed out ($i)" "a contract" "$(ask b pop "$plain" | readable)"; done
says "and nothing else" "none" "$(ask b pop "$plain" | readable)"

# ---- Rows that somebody else has written. ----
: >serve.err
change() { python3 -c '
import sqlite3, sys
with sqlite3.connect("serve.db", timeout=20) as db: db.execute(sys.argv[1])' "$1"; }
first='WHERE id = (SELECT max(id) - 1 FROM contracts)' its='WHERE contract = (SELECT max(id) - 1 FROM contracts)'
leased='{"task_id":"r","channel":"federated","max":10,"lease_seconds":60,"holder":"h","again":true}'
count=0
for what in "UPDATE contents SET targets = NULL $its" "UPDATE contents SET content = NULL $its" \
    "UPDATE contents SET targets = 'x' $its" "UPDATE contracts SET title = NULL $first" \
    "UPDATE contents SET content = CAST('{\"a\":' AS BLOB) $its" "DELETE FROM contracts $first" \
    "UPDATE contracts SET task = 99 $first"; do
    name=${what%% WHERE*}
    count=$((count + 1))
    ask a push "$(message r '["b"]' '{"type":"bad"}')" >/dev/null
    ask a push "$(message r '["b"]' "{\"type\":\"good$count\"}")" >/dev/null
    change "$what"
    answer=$(ask b pop "$leased")
    says "$name: what is behind it comes" "\"good$count\"" "$answer"
    never_says "$name: it does not" '"bad"' "$answer"
    says "$name: the good one again" "\"good$count\"" "$(ask b pop "$leased")"
    says "$name: another node's push and pop are served" '"fine"' \
        "$(ask c push "$(message r '["d"]' '{"type":"fine"}')" >/dev/null; ask d pop '{"task_id":"r","channel":"federated"}')"
    ask b pop '{"task_id":"r","channel":"federated"}' >/dev/null
    ask b ack '{"task_id":"r","channel":"federated","holder":"h","release":true,"ack":[]}' >/dev/null
    ask b pop '{"task_id":"r","channel":"federated"}' >/dev/null
done
says "each is told once" "$count" "$(grep -c 'is set aside' serve.err)"
says "what, where and why" "of task 'r', for node 'b', is set aside: its targets are no list of names" "$(cat serve.err)"
says "and counted" "$count" "$(metric contracts_set_aside_total)"
stop_serve
says "the service ends well" 0 "$status"
stop_all
