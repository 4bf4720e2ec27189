#!/usr/bin/env bash
# The service passes on what it does not need to understand: a content goes between plain clients byte for byte. A party
# that cannot read one says so, and goes on.
source "$(dirname "$0")/../lib/e2e.sh"
plan 19
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
secret admin admin-token-0123456789
start_serve --prefix-nodes --open-tasks --admin-token admin || not_ok "the service starts" "$(cat serve.err)"
queue='"task_id":"T","channel":"federated"'

passes() { # passes NAME CONTENT
    local answer
    ask a push "$(message T '["b"]' "$2")" >pushed
    answer=$(ask b pop "{$queue}")
    says "$1" "\"message_content\":$2," "$answer"
    says "$1, under a lease" "\"message_content\":$2," \
        "$(ask a push "$(message T '["b"]' "$2")" >/dev/null && ask b pop "{$queue,\"max\":1,\"lease_seconds\":5}")"
    ask b ack "{$queue,\"ack\":[\"$(ask b pop "{$queue,\"max\":1,\"lease_seconds\":5,\"again\":true}" |
        sed -nE 's/.*"message_uuid":"([^"]*)".*/\1/p')\"]}" >/dev/null
}
passes "an integer beyond 64 bits" '{"type":"x","n":123456789012345678901234567890,"m":[-99999999999999999999]}'
passes "a number beyond doubles" '{"type":"x","n":1e999}'
passes "half a surrogate pair" '{"type":"x","s":"\ud83d","t":["\udc00 \ud800"]}'
passes "blanks and odd escapes" '{ "type" : "x" ,  "s":"\u0041\/" }'
passes "digits as they are" '{"type":"x","n":1.50,"e":1E2}'
for wrong in '{"type":"x","s":"\ud8"}' '{"type":"x","n":01}' '{"type":"x","n":1,}' '{"type":"x" "n":1}' '{"a":1,"a":2}'; do
    says "what is no JSON is refused: $wrong" '"code":400' "$(ask a push "$(message T '["b"]' "$wrong")")"
done

# A party takes what it can read.
cat >reads.lua <<'LUA'
local af = require "af"
local X = af.event("x", { n = af.integer })
return af.flow { name = "reads", roles = { a = { start = "s", states = { s = { may_end = true } } },
  p = { start = "s", states = { s = { [X] = function(party, event) return af.done(event.n) end } } } } }
LUA
ask a push "$(message R '["p"]' '{"type":"x","n":123456789012345678901234567890}')" >/dev/null
ask a push "$(message R '["p"]' '{"type":"x","n":1,"other":[123456789012345678901234567890]}')" >/dev/null
start_party p reads.lua --role p --node p --task R --bus "$URL/node/p" --peers 'a=a;p=p' --json --allow-fail
wait_party p
expect_in p.out '"result":1' "a party handles what it can read"
expect_in p.err "is not delivered: its content is no JSON object" "and says what it cannot"
says "which is a dead letter of the task" '"reason":"its content is no JSON object' \
    "$(call GET /admin/tasks/R '' -H 'Authorization: Bearer admin-token-0123456789')"
stop_serve
