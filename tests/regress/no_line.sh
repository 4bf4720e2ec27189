#!/usr/bin/env bash
# A role that holds no function has no line in its file: messages named line 0.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 2

cat >plain.lua <<'LUA'
local af = require "af"
local Word, Last = af.event("word", {}), af.event("last", {})
return af.flow { name = "plain", mock = { sayer = 1, hearer = 1 }, roles = {
  sayer = { start = "saying", states = { saying = { may_end = true,
    enter = function(party) party:send("hearer-1", Word {}) party:send("hearer-1", Last {}) end } } },
  hearer = { start = "hearing", states = {
    hearing = { defer = { Word }, [Last] = "over" }, over = { may_end = true }, never = { [Word] = "over" } } },
} }
LUA
for how in "--mock --fifo" "check --fifo"; do
    case $how in
    check*) run "$AFRUN" check plain.lua --fifo ;;
    *) run "$AFRUN" plain.lua --mock --fifo ;;
    esac
    if [ "$status" -eq 1 ] && cat "$OUT" "$ERR" | grep -q "plain.lua.*event 'word'.*: not expected in state 'over'" &&
        ! cat "$OUT" "$ERR" | grep -q 'plain.lua:0'; then
        ok "$how names the file alone"
    else
        not_ok "$how names the file alone" "$(explain "exit status $status" afrun $how)"
    fi
done
