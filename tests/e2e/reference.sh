#!/usr/bin/env bash
# The reference: complete, each example runs (flows over local: too), and `afrun help NAME` shows it.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 49

run "$ROOT/tests/lib/reference.sh" "$PROGRAM"
if [ ! -s "$OUT" ] && [ ! -s "$ERR" ]; then ok "the reference is complete, and its examples run"; else not_ok "the reference is complete, and its examples run" "$(cat "$OUT" "$ERR")"; fi
check "the stub is Lua" luac5.4 -p "$ROOT/scripts/af/_meta/af.lua"

mkdir examples
lua5.4 "$ROOT/scripts/tool/reference.lua" examples examples
grep -lE '^return af\.(flow|part)' examples/*.lua | xargs grep -LF 'name = "example"' >flows
while read -r example; do
    check "over local: the example of $(basename "$example" .lua)" "$ROOT/tests/lib/for_real.py" "$PROGRAM" "$example"
done <flows
if [ "$(wc -l <flows)" -gt 20 ]; then ok "these were $(wc -l <flows) flows"; else not_ok "flows of the reference" "$(cat flows)"; fi

lua5.4 "$ROOT/scripts/tool/reference.lua" names | grep -E '^(af|party|at|world)([.:]|$)' | grep -vE 'Type\.|\.(parties|events|EVERYONE|CHANNEL|task_id|event_factory|args|contractor|data|id|role|state)$' >names
while read -r name; do
    "$AFRUN" help "$name" 2>&1 | head -n 1 | grep -qF "$name" || echo "$name"
done <names >untold
if [ ! -s untold ] && [ "$(wc -l <names)" -gt 150 ]; then ok "help knows each name"; else not_ok "help knows each name" "$(cat untold)"; fi
expect_output 'name: string  its `type` on the wire' "$AFRUN" help af.event
expect_output "party:send(targets, event)" "$AFRUN" help party.send
expect_output "af.TaskMessageContractor:contract_events([options])" "$AFRUN" help contract_events
expect_output "af.crypto.ristretto.add " "$AFRUN" help add
expect_output "party:deadline  " "$AFRUN" help party
expect_output "options: af.SendingOptions" "$AFRUN" help af.data_channel.sending
expect_output "ref?: string" "$AFRUN" help af.SendingOptions
expect_output "sending_options: af.SendingOptions" "$AFRUN" help sending_options
expect_output "id: string  the node's" "$AFRUN" help party.id
expect_output "role (afrun help role)" "$AFRUN" help role.always
expect_output "sending_options (afrun help sending_options)" "$AFRUN" help af.SendingOptions.ref
expect_output "what party:keep gave" "$AFRUN" help af.SendingOptions.ref
expect_output "  af.uuid  " "$AFRUN" help af
expect_output "none for secrets" "$AFRUN" help math.random
expect_error "there is no 'af.evnt'; did you mean 'af.event'?" 2 "$AFRUN" help af.evnt
expect_error "there is no 'af.qqqqqq'; afrun help af lists the names" 2 "$AFRUN" help af.qqqqqq
