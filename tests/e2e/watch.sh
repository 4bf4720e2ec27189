#!/usr/bin/env bash
# `--watch`: a simulated run, a check and tests again at each save of what they are about.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 16
source "$ROOT/tests/lib/parties.sh"
mkdir -p flow/sub elsewhere
cat >flow/ask.lua <<'END'
local af = require "af"
local words = require "sub.words"
return af.flow { name = "ask", roles = {
  asker = { start = "s", states = { s = {
    enter = function(party) party:send(party:nodes "oracle", words.Ask {}) end,
    after = { 5, "s" }, [words.Answer] = function() return af.done() end } } },
  oracle = { start = "s", states = { s = { may_end = true,
    [words.Ask] = function(party, _, from) party:send(from, words.Answer {}) end } } } } }
END
cat >flow/sub/words.lua <<'END'
local af = require "af"
return { Ask = af.event "ask", Answer = af.event "answer" }
END

# again NAME COUNT TEXT: what is watched has run so often, and its last run said this.
again() {
    said() { [ "$(grep -c 'watching; Ctrl-C ends' "$1.err")" -ge "$2" ] && tail -n 1 "$1.out" | grep -qF -e "$3"; }
    if until_true said "$@"; then ok "$1 runs for the time number $2: $3"; else not_ok "$1 runs for the time number $2" "$(tail -n 5 "$1.out" "$1.err")"; fi
}
# over NAME: Ctrl-C ends it.
over() {
    kill -INT "${party_pids[$1]}"
    wait_party "$1"
    if [ "$status" -eq 130 ]; then ok "Ctrl-C ends $1"; else not_ok "Ctrl-C ends $1" "status $status"; fi
}

start_party run flow/ask.lua --mock --watch --seed 7
again run 1 "ask: 1 party done"
touch flow/notes.txt elsewhere/x.lua
sed -i 's/"ask", roles/"asks", roles/' flow/ask.lua
again run 2 "asks: 1 party done"
again run 2 "seed 7"
# A file that does not load is told, and watched on.
sed -i 's/return {/retur {/' flow/sub/words.lua
until_true grep -qF "sub/words.lua:2:" run.err && ok "a mistake is told" || not_ok "a mistake is told" "$(cat run.err)"
sed -i 's/retur {/return {/' flow/sub/words.lua
again run 4 "asks: 1 party done"
# An editor that writes beside it and takes its name.
sed 's/"asks", roles/"asked", roles/' flow/ask.lua >flow/.new && mv flow/.new flow/ask.lua
again run 5 "asked: 1 party done"
over run
if [ "$(grep -c 'party done' run.out)" -eq 4 ]; then ok "it ran at its own files' saves only"; else not_ok "it ran at its own files' saves only" "$(cat run.out)"; fi

start_party check check flow/ask.lua --drop 1 --watch
again check 1 "exhaustive: no violation"
sed -i 's/after = { 5, "s" }, //' flow/ask.lua
again check 2 "1 violation"
over check

expect_error "--watch: is for a simulated run; add --mock" 2 "$AFRUN" flow/ask.lua --watch
expect_error "--wach: unknown option; did you mean '--watch'?" 2 "$AFRUN" check flow/ask.lua --wach
start_party gone check elsewhere/gone.lua --watch
until_true grep -qF "gone.lua: " gone.err && ok "a flow that is not there yet" || not_ok "a flow that is not there yet" "$(cat gone.err)"
sed 's/, \[words.Answer/, after = { 5, "s" }, [words.Answer/' flow/ask.lua >elsewhere/gone.tmp
mkdir -p elsewhere/sub && cp flow/sub/words.lua elsewhere/sub/
mv elsewhere/gone.tmp elsewhere/gone.lua
again gone 2 "exhaustive"
over gone
