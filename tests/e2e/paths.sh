#!/usr/bin/env bash
# Files by the names that they were given: errors say the path, traces the name alone; a flow may come
# from standard input, and is read once however often it is loaded.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 24
mkdir -p deep/er
printf 'local af = require "af"\nlocal x = nil + 1\n' >deep/er/wrong.lua
printf 'local helper = require "helper"\nreturn helper\n' >deep/er/uses.lua
printf 'local x = 1\nerror("no help")\n' >deep/er/helper.lua
printf 'local af = require "af"\nreturn af.flow { name = "raises", roles = { a = { start = "s", states = { s = { enter = function(party)\nerror("boom") end } } } } }\n' >deep/er/raises.lua

for form in "wrong.lua --mock" "wrong.lua --mock --runs 3"; do
    expect_error "afrun: deep/er/wrong.lua:2: attempt to perform" 2 "$AFRUN" deep/er/$form
done
expect_error "afrun: $TMP/deep/er/wrong.lua:2: " 2 "$AFRUN" "$TMP/deep/er/wrong.lua" --mock
expect_error "afrun: deep/er/wrong.lua:2: " 2 "$AFRUN" check deep/er/wrong.lua
expect_error "deep/er/helper.lua:2: no help" 2 "$AFRUN" deep/er/uses.lua --mock
expect_error "afrun: a-1: deep/er/raises.lua:3: boom" 1 "$AFRUN" deep/er/raises.lua --mock --trace run.jsonl
if grep -q '"raises.lua"' run.jsonl && ! grep -q 'deep' run.jsonl; then ok "a trace has names alone"; else not_ok "a trace has names alone" "$(cat run.jsonl)"; fi
run "$AFRUN" check deep/er/raises.lua
if grep -qF "deep/er/raises.lua:3: boom" "$OUT" && grep -qF "deep/er/raises.lua:2  a: state 's'" "$OUT"; then ok "a check says the path"; else not_ok "a check says the path" "$(cat "$OUT")"; fi
(cd deep/er && "$AFRUN" wrong.lua --mock 2>"$ERR")
if grep -q '^afrun: wrong.lua:2: ' "$ERR"; then ok "a name is a name"; else not_ok "a name is a name" "$(cat "$ERR")"; fi

# from COMMAND…: the flow on standard input.
from() {
    local text=$1
    shift
    if cat "$ROOT/flows/sync_state.lua" | "$AFRUN" "$@" >"$OUT" 2>"$ERR" && grep -qF "$text" "$OUT"; then
        ok "$(title afrun "$@")reads standard input"
    else
        not_ok "$(title afrun "$@")reads standard input" "$(cat "$OUT" "$ERR")"
    fi
}
from "4 parties done" - --mock
from "4 parties done" --mock /dev/stdin
from "20 runs, 0 failed" - --mock --runs 20
from "exhaustive: no violation" check -

# One error is told once: not again under its own name, nor in a chart.
once() { # once TEXT COMMAND…: the text stands in all that it prints one time
    local text=$1 count
    shift
    run "$@"
    count=$(cat "$OUT" "$ERR" | grep -oF -e "$text" | wc -l)
    if [ "$count" -eq 1 ]; then ok "$(title "$@")tells it once"; else not_ok "$(title "$@")tells it once" "$(explain "$count times '$text'" "$@")"; fi
}
once boom "$AFRUN" deep/er/raises.lua --mock
once boom "$AFRUN" deep/er/raises.lua --mock --runs 3
once boom "$AFRUN" check deep/er/raises.lua
once boom "$AFRUN" chart run.jsonl
once boom "$AFRUN" deep/er/raises.lua --bus local:bus.db --role a --node n --task t --peers a=n
printf 'local af = require "af"\nlocal E = af.event("e", {})\nreturn af.flow { name = "stuck", roles = { a = { start = "s", states = { s = { [E] = function() end } } } } }\n' >deep/er/stuck.lua
once "waits for e" "$AFRUN" deep/er/stuck.lua --mock
printf 'local x = 1\nlocal y = = 2\n' | "$AFRUN" - --mock >"$OUT" 2>"$ERR"
if [ "$(cat "$ERR")" = "afrun: -:2: unexpected symbol near '='" ]; then ok "standard input is named once"; else not_ok "standard input is named once" "$(cat "$ERR")"; fi
printf 'local x = 1\nlocal y = = 2\n' >deep/er/wrong
expect_error "afrun: deep/er/wrong:2: unexpected symbol near '='" 2 "$AFRUN" deep/er/wrong --mock

# Where we are is gone, or has too long a name: that is told.
mkdir gone && cd gone && rmdir ../gone
for command in "$ROOT/flows/sync_state.lua --mock" "check $ROOT/flows/sync_state.lua" "test $ROOT/flows"; do
    expect_error "the working directory: cannot be used: No such file or directory" 2 "$AFRUN" $command
done
cd "$TMP" || exit 1
