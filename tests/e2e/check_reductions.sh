# What `afrun check` says does not depend on what it leaves out: contracts that change nothing, orders,
# names of parties.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 32

# both TEXT FLOW OPTION…: with and without reductions the answer, as JSON, has TEXT.
both() {
    local text=$1 reduction
    shift
    for reduction in "" --no-reduction; do
        # shellcheck disable=SC2086 # no word, or one
        run "$AFRUN" check "$@" --json $reduction
        if grep -qF -e "$text" "$OUT"; then
            ok "$(title "$@") $reduction: $text"
        else
            not_ok "$(title "$@") $reduction: $text" "$(explain "it is not there" "$@")"
        fi
    done
}

# Of two letters on one link the second comes when the first has ended its reader: that is late, and no
# finding, although no state expects it. Without an order of links it may come first.
cat >letters.lua <<'LUA'
local af = require "af"
local Last, Stray = af.event("last", {}), af.event("stray", {})
return af.flow { name = "letters", mock = { writer = 1, reader = 1 }, roles = {
  writer = { start = "writing", states = { writing = { may_end = true, ignore = { Stray },
    enter = function(party) party:send("reader-1", Last {}) party:send("reader-1", Stray {}) end } } },
  reader = { start = "reading", states = { reading = {
    [Last] = function() return af.done() end } } } } }
LUA
both '"violations":[]' letters.lua --fifo
both "event 'stray': not expected in any state" letters.lua
# Its schedule is followed in the order of links, too.
"$AFRUN" check letters.lua --trace stray.jsonl >"$OUT" 2>"$ERR"
check "the stray letter comes first" "$AFRUN" replay stray.jsonl
sed '1s/"options":\[\]/"options":["--fifo"]/' stray.jsonl >fifo.jsonl
expect_error "an earlier one of the same sender and receiver is still on its way (--fifo)" 1 \
    "$AFRUN" replay fifo.jsonl
cat >queue.lua <<'LUA'
local af = require "af"
local One, Two = af.event("one", {}), af.event("two", {})
return af.flow { name = "queue", mock = { writer = 1, reader = 1 }, roles = {
  writer = { start = "writing", states = { writing = { may_end = true,
    enter = function(party) party:send("reader-1", One {}) party:send("reader-1", Two {}) end } } },
  reader = { start = "reading", states = { reading = { ignore = { One },
    [Two] = function() error("two") end } } } } }
LUA
both '"where":"queue.lua:7","file":"queue.lua","line":7,"text":"two","length":2' queue.lua --fifo
"$AFRUN" check queue.lua --fifo --trace run.jsonl >"$OUT" 2>"$ERR"
check "what is left out comes first on its link" "$AFRUN" replay run.jsonl
both '"length":1' queue.lua

# Ignored by one version, and expected by none of the states of the other.
cat >mild.lua <<'LUA'
local af = require "af"
local Hint = af.event("hint", {})
return af.flow { name = "hinted", version = 1, mock = { hinter = 1, keeper = 1 }, roles = {
  hinter = { start = "on", states = { on = { may_end = true, ignore = { Hint },
    enter = function(party) party:send("keeper-1", Hint {}) end } } },
  keeper = { start = "on", states = { on = { may_end = true, ignore = { Hint } } } } } }
LUA
sed 's/version = 1/version = 2/; s/true, ignore = { Hint } }/true }/' mild.lua >strict.lua
both '"kind":"unexpected"' mild.lua --upgrade strict.lua
sed 's/version = 2/version = 1/' strict.lua >strict_1.lua
sed 's/version = 1/version = 2/' mild.lua >mild_2.lua
both '"kind":"unexpected"' strict_1.lua --upgrade mild_2.lua

# A run has not ended while something is on its way, were it to nobody: until then a party may crash,
# which hides what it has sent, and time passes without it.
cat >ends.lua <<'LUA'
local af = require "af"
local Note = af.event("note", {})
return af.flow { name = "ends", mock = { clerk = 2, desk = 1 }, roles = {
  clerk = { start = "early", states = {
    early = { may_end = true, ignore = { Note }, after = { 1, "late" },
      enter = function(party) party:send("desk-1", Note {}) end },
    late = { may_end = true } } },
  desk = { start = "closed", states = { closed = { enter = function() return af.done() end } } } } }
LUA
both '"text":"2 clerk in '"'early'"', desk done"' ends.lua
both '"text":"2 clerk in '"'late'"', desk done"' ends.lua --crash 1

# Shortest is shortest: to lose the desk is shorter than that it gets three notes that it ignores; and
# where time passes it passes when they have come.
cat >notes.lua <<'LUA'
local af = require "af"
local Note = af.event("note", {})
return af.flow { name = "notes", mock = { clerk = 3, desk = 1 }, roles = {
  clerk = { start = "waiting", states = { waiting = { [Note] = "never",
    enter = function(party) party:send("desk-1", Note {}) end }, never = {} } },
  desk = { start = "open", states = { open = { may_end = true, ignore = { Note } } } } } }
LUA
both '"text":"clerk is in state '"'waiting'"' (notes.lua:5)","length":3' notes.lua
both '"length":1' notes.lua --lose 1
sed 's/open = { may_end = true/&, after = { 3, function() error("too late") end }/' notes.lua >late.lua
both '"line":6,"text":"too late","length":4' late.lua
"$AFRUN" check late.lua --trace run.jsonl >"$OUT" 2>"$ERR"
check "a run in which time passes when nothing is on its way replays" "$AFRUN" replay run.jsonl

# Twins are told once, whichever party of a role is meant.
cat >twins.lua <<'LUA'
local af = require "af"
local Ask, Yes, No = af.event("ask", {}), af.event("yes", {}), af.event("no", {})
return af.flow { name = "twins", mock = { boss = 1, worker = 2 }, roles = {
  boss = { start = "first", states = {
    first = { [Ask] = function(party, event, from) party:send(from, Yes {}) return "second" end },
    second = { [Ask] = function(party, event, from) party:send(from, No {}) return af.done() end } } },
  worker = { start = "asking", states = {
    asking = { enter = function(party) party:send("boss-1", Ask {}) end, [Yes] = "chosen", [No] = "left" },
    chosen = { ignore = { No } }, left = { ignore = { Yes } } } } } }
LUA
both '"text":"worker is in state '"'chosen'"' (twins.lua:8); worker is in state '"'left'"' (twins.lua:8)","length":4' twins.lua
run "$AFRUN" check twins.lua --no-reduction
expect_status 1 grep -q '^2\. ' "$OUT"

# Of several states from which no way is left, which are as near, the same one is told.
cat >turns.lua <<'LUA'
local af = require "af"
local Right, Left, Home = af.event("right", {}), af.event("left", {}), af.event("home", {})
return af.flow { name = "turns", mock = { guide = 1, walker = 1 }, roles = {
  guide = { start = "on", states = { on = { may_end = true, enter = function(party)
    for _, way in ipairs { Right, Left, Home } do party:send("walker-1", way {}) end
  end } } },
  walker = { start = "here", states = {
    here = { [Right] = "right", [Left] = "left", [Home] = function() return af.done() end },
    left = { ignore = { Right, Home }, after = { 1, "left" } },
    right = { ignore = { Left, Home }, after = { 1, "right" } } } } } }
LUA
both '"text":"walker is in state '"'left'"' (turns.lua:8)","length":1' turns.lua
