# What keeps how far it has come, a coroutine or a gmatch, is outside of party.data like any variable:
# a handler that goes on with one of another step fails at its line, in a run as in a check.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 10
cat >counts.lua <<'LUA'
local af = require "af"
local function endless() local n = 0 while true do n = n + 1 coroutine.yield(n) end end
local wrapped, thread, words = coroutine.wrap(endless), coroutine.create(endless), ("a b c"):gmatch("%a")
local ways = {
  wrap = function() return wrapped() end,
  resume = function() local _, n = coroutine.resume(thread) return n end,
  close = function() return coroutine.close(thread) end,
  gmatch = function() return words() end,
  own = function()
    local mine, sum = coroutine.wrap(endless), 0
    for _ = 1, 3 do sum = sum + mine() end
    for word in ("a b"):gmatch("%a") do sum = sum .. word end
    return sum
  end,
}
return af.flow { name = "counts", args = { way = af.string }, mock = { a = 1 }, roles = { a = {
  start = "on", states = { on = { after = { 1, function(party)
    return af.done(ways[party.args.way]())
  end } } } } } }
LUA
for way in wrap:5 resume:6 close:7 gmatch:8; do
    text="counts.lua:${way#*:}: a handler goes on with a "
    expect_error "$text" 1 "$AFRUN" counts.lua --mock --arg way="${way%:*}"
    run "$AFRUN" check counts.lua --arg way="${way%:*}"
    if [ "$status" -eq 1 ] && grep -qF "$text" "$OUT" && grep -q "shortest run: 1 step" "$OUT"; then
        ok "check: the same"
    else
        not_ok "check: the same" "$(explain "exit status $status" "${way%:*}")"
    fi
done
expect_output "1 party done" "$AFRUN" counts.lua --mock --arg way=own
expect_output "no violation" "$AFRUN" check counts.lua --arg way=own
