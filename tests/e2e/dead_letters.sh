#!/usr/bin/env bash
# What a receiver cannot read becomes a dead letter of the task: at once, told to whoever looks after it, handed out
# again by hand. What is only not acknowledged, however often it was handed out, stays in its queue.
source "$(dirname "$0")/../lib/e2e.sh"
plan 32
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
secret admin admin-token-0123456789
admin() { call "$1" "$2" "${3:-}" -H 'Authorization: Bearer admin-token-0123456789'; }
start_serve --bus local:serve.db --prefix-nodes --open-tasks --admin-token admin ||
    not_ok "the service starts" "$(cat serve.err)"
queue='"task_id":"T","channel":"federated"'

# ---- The wire. ----
ask a push "$(message T '["b","c"]' '{"type":"first"}' | sed 's/}$/,"message_uuid":"u-1"}/')" >/dev/null
ask a push "$(message T '["b"]' '{"type":"second"}' | sed 's/}$/,"message_uuid":"u-2"}/')" >/dev/null
says "both are handed out" '"message_uuid":"u-2"' "$(ask b pop "{$queue,\"max\":10,\"lease_seconds\":60}")"
for reject in '[{"uuid":"u-1"}]' '[{"reason":"x"}]' '[{"uuid":1,"reason":"x"}]' '"u-1"' '["u-1"]'; do
    says "refused: $reject" '"code":400' "$(ask b ack "{$queue,\"ack\":[],\"reject\":$reject}")"
done
says "one is rejected, the other acknowledged" '"code":0' \
    "$(ask b ack "{$queue,\"ack\":[\"u-2\"],\"reject\":[{\"uuid\":\"u-1\",\"reason\":\"it is upside down\"}]}")"
says "and once more" '"code":0' "$(ask b pop "{$queue,\"reject\":[{\"uuid\":\"u-1\",\"reason\":\"again\"}]}")"
shown=$(admin GET /admin/tasks/T)
says "the admin is told who could not read what, and why" \
    '"node_id":"b","channel":"federated","message_uuid":"u-1","sender_id":"a","reason":"it is upside down"' "$shown"
says "the queue goes on without it" '"length":0,"leased":0,"node_id":"b"' "$shown"
says "another node's copy is its own affair" '"message_uuid":"u-1"' "$(ask c pop "{$queue}")"
stop_serve
start_serve --bus local:serve.db --prefix-nodes --open-tasks --admin-token admin || not_ok "it starts again" "$(cat serve.err)"
says "it stays over a restart" 'upside down' "$(admin GET /admin/tasks/T)"
says "only the admin hands it out again" '"code":401' "$(call POST /admin/again "{$queue,\"node_id\":\"b\"}")"
says "by its name" '"count":0' "$(admin POST /admin/again "{$queue,\"node_id\":\"b\",\"message_uuids\":[\"u-9\"]}")"
says "or with all of them" '"count":1' "$(admin POST /admin/again "{$queue,\"node_id\":\"b\"}")"
says "so it comes again, as it was" '"message_content":{"type":"first"}' "$(ask b pop "{$queue,\"lease_seconds\":60,\"max\":1}")"
ask b ack "{$queue,\"ack\":[],\"reject\":[{\"uuid\":\"u-1\",\"reason\":\"still\"}]}" >/dev/null
says "a node may ask for its own" '"count":1' "$(ask b message/again "{$queue,\"message_uuids\":[\"u-1\"]}")"
ask b ack "{$queue,\"ack\":[\"u-1\"]}" >/dev/null
says "and is done with it then" '"dead_letters":[]' "$(admin GET /admin/tasks/T)"

# ---- A holder that never acknowledges. ----
ask a push "$(message T '["b"]' '{"type":"third"}')" >/dev/null
for ((i = 0; i < 25; i++)); do
    ask b pop "{$queue,\"max\":10,\"lease_seconds\":60,\"holder\":\"h\",\"again\":true}" >/dev/null
done
says "a contract that was handed out 25 times is told" '"first_handed_out":25' "$(admin GET /admin/tasks/T)"
expect_in serve.err "has been handed out 20 times to node 'b', which has not acknowledged it" "and logged"
says "and stays" '"type":"third"' "$(ask b pop "{$queue,\"lease_seconds\":60,\"holder\":\"h\",\"again\":true}")"

# ---- A party and a node: the sender is no node that they know. ----
cat >hear.lua <<'LUA'
local af = require "af"
local Said = af.event("said", { n = af.integer })
return af.flow { name = "hear", roles = {
  a = { start = "s", states = { s = { may_end = true } } },
  b = { start = "hears", states = { hears = { [Said] = function(party, event) return af.done(event.n) end } } },
} }
LUA
told() { admin GET "/admin/tasks/$1" | grep -qF '"reason":"its sender was no node of the task when this party began"'; }
ask stranger push "$(message H '["b"]' '{"type":"said","n":7}')" >/dev/null
start_party b hear.lua --role b --node b --task H --bus "$URL/node/b" --peers 'a=a;b=b'
until_true told H && ok "what a party cannot take is a dead letter of the task" ||
    not_ok "what a party cannot take is a dead letter of the task" "$(admin GET /admin/tasks/H; cat b.err)"
kill_party b INT
admin POST /admin/again '{"task_id":"H","channel":"federated","node_id":"b"}' >/dev/null
start_party b hear.lua --role b --node b --task H --bus "$URL/node/b" --peers 'a=a,stranger;b=b' --json
expect_ended b 0 "and is handled once it can be"
expect_in b.out '"result":7' "as it was sent"

mkdir flows && cp hear.lua flows
ask stranger push "$(message N '["n"]' '{"type":"said","n":8}')" >/dev/null
start_party n node --node n --bus "$URL/node/n" --flows flows --state n.state
wait_line n.out "afrun node: node n" || not_ok "the node starts" "$(cat n.err)"
check "a node's party is launched" "$AFRUN" ctl launch hear --task N --role b --peers 'a=a;b=n' --state n.state
until_true told N && ok "what it cannot take is one, too" || not_ok "what it cannot take is one, too" "$(admin GET /admin/tasks/N)"
expect_output "cannot read" "$AFRUN" ctl status N --state n.state
expect_output "from stranger: its sender was no node of the task when this party began" "$AFRUN" ctl status N --state n.state
expect_output "N: its dead letter is handed out again" "$AFRUN" ctl again N --state n.state
twice() { [ "$("$AFRUN" ctl status N --state n.state | grep -c 'cannot read')" = 2 ]; }
until_true twice && ok "and comes again by hand" || not_ok "and comes again by hand" "$("$AFRUN" ctl status N --state n.state)"
kill_party n INT
admin DELETE /admin/tasks/N >/dev/null
says "a task that ends takes them along" '"dead_letters":[]' "$(admin GET /admin/tasks/N)"
stop_serve
