# What a failed run shows: the first finding with what led to it, however long the others go on.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 7

cat >again.lua <<'LUA'
local af = require "af"
local Ask = af.event("ask", {})
return af.flow { name = "again", mock = { a = 1, b = 1 }, roles = {
  a = { start = "s", states = { s = { enter = function(p) p:send("b-1", Ask {}) end, after = { 1, "s" } } } },
  b = { start = "s", states = { s = { [Ask] = function(p) counter = 1 end } } } } }
LUA
expect_error "again.lua:5: a handler sets the global 'counter'" 1 "$AFRUN" again.lua --mock
if grep -q "✗ error$" "$ERR" && ! grep -q "left out before" "$ERR"; then
    ok "the chart shows the finding and what led to it"
else
    not_ok "the chart shows the finding and what led to it" "$(cat "$ERR")"
fi
if grep -q "stuck\|has not ended" "$ERR"; then not_ok "what follows from it is not told" "$(cat "$ERR")"; else
    ok "what follows from it is not told"
fi

# The others go on for a while, as they would for real.
cat >late.lua <<'LUA'
local af = require "af"
return af.flow { name = "late", mock = { a = 1, b = 1 }, roles = {
  a = { start = "s", states = { s = { after = { 1800, function() return af.done("late") end } } } },
  b = { start = "s", states = { s = { after = { 1, function() error("early") end } } } } } }
LUA
run "$AFRUN" late.lua --mock
if grep -q "1 party done, 1 failed" "$OUT"; then ok "half an hour after a finding a party may still end"; else
    not_ok "half an hour after a finding a party may still end" "$(cat "$OUT")"
fi

# --until: who is still there is not stuck.
cat >waits.lua <<'LUA'
local af = require "af"
return af.flow { name = "waits", roles = { a = { start = "s", states = { s = { after = { 60, "s" } } } } } }
LUA
expect_error "a-1 is still in state 's' (waits.lua): waits for its time" 1 "$AFRUN" waits.lua --mock --until 30s

# A flow that does not move on in time.
sed 's/60/0/; s/waits/hang/' waits.lua >hang.lua
expect_error "a million steps passed at one instant" 1 timeout 250 "$AFRUN" hang.lua --mock

# Parties that only send to each other, for ever: that is seen long before the time is over.
cat >circle.lua <<'END'
local af = require "af"
local Ping = af.event("ping", {})
local function back(party, _, from) party:send(from, Ping {}) end
return af.flow { name = "circle", mock = { a = 1, b = 1 }, roles = {
  a = { start = "s", states = { s = { enter = function(party) party:send(party:nodes("b"), Ping {}) end, [Ping] = back } } },
  b = { start = "s", states = { s = { [Ping] = back } } },
} }
END
expect_error "no party's data have changed and none has ended: they go on in a circle" 1 timeout 250 "$AFRUN" circle.lua --mock
