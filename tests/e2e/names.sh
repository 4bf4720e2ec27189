#!/usr/bin/env bash
# A name that is not found: the likeliest, and all that there are, wherever a command line or a flow names one.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 18
flow=$ROOT/flows/sync_state.lua
check "a trace" "$AFRUN" "$flow" --mock -q --trace run.jsonl

expect_error "did you mean 'round'? It takes round" 2 "$AFRUN" "$flow" --mock --arg ronud=1
expect_error "the flow takes no such argument; it takes round" 2 "$AFRUN" check "$flow" --arg zzz=1
for option in --parties=particpant=2 --crash=particpant:0.1 --lose=particpant:1 --partition='particpant|initiator@1s..2s'; do
    expect_error "did you mean 'participant'? It has initiator, participant" 2 "$AFRUN" "$flow" --mock "$option"
done
expect_error "did you mean 'participant'? It has initiator, participant" 2 "$AFRUN" check "$flow" --parties particpant=2
expect_error "did you mean 'participant'? It has initiator, participant" 2 "$AFRUN" "$flow" --bus local:bus.db --task t --node i --role particpant
expect_error "did you mean 'participant'? It has initiator, participant" 2 "$AFRUN" "$flow" --bus local:bus.db --task t --node i --role initiator --peers 'initiator=i;particpant=p'
expect_error "--party: the trace has no party 'initator-1'; did you mean 'initiator-1'? It has initiator-1, participant-1, " 2 "$AFRUN" chart run.jsonl --party initator-1
expect_error "--party: the trace has no party 'zzz'; it has initiator-1" 2 "$AFRUN" chart run.jsonl --party participant-1,zzz
expect_error "--type: the trace has no type of event or record 'qurey'; did you mean 'query'? It has " 2 "$AFRUN" chart run.jsonl --type qurey
expect_error "did you mean 'status'? Commands are" 2 "$AFRUN" ctl staus

# states of a flow's description, and its keys
printf 'local af = require "af"\nreturn af.flow { name = "x", roles = { a = { start = "waitng", states = { waiting = { may_end = true } } } } }\n' >start.lua
expect_error "'start' must name one of its states, got waitng; did you mean 'waiting'? It has waiting" 2 "$AFRUN" start.lua --mock
printf 'local af = require "af"\nreturn af.flow { name = "x", roles = { a = { start = "idle", states = { idle = { after = { 1, "dnoe" } }, done = { may_end = true } } } } }\n' >next.lua
expect_error "names the unknown state 'dnoe'; did you mean 'done'? The role has done, idle" 2 "$AFRUN" next.lua --mock
printf 'local af = require "af"\nreturn af.flow { name = "x", roels = {} }\n' >key.lua
expect_error "key 'roels' is unknown; did you mean 'roles'? " 2 "$AFRUN" key.lua --mock

# replay, step by step: parties
cp "$flow" .
printf 'd participnat-1\nx\n' | "$AFRUN" replay run.jsonl --step >"$OUT" 2>"$ERR"
if grep -qF "there is no party 'participnat-1'; did you mean 'participant-1'? There are initiator-1, participant-1, " "$OUT"; then ok "replay --step names parties"; else not_ok "replay --step names parties" "$(cat "$OUT" "$ERR")"; fi
