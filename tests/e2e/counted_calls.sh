#!/usr/bin/env bash
# What C does for a script counts as instructions: a step that spends its time inside one call ends at its line, in
# mock, in a check and for real, and so does a text that was received.
source "$(dirname "$0")/../lib/e2e.sh"
plan 27

# stopped NAME LINE: the handler's line 4 is told as one that runs without an end.
stopped() {
    local text="$1.lua:4: ran for more than 100,000,000 instructions without an end"
    printf '%s\n' 'local af = require "af"' \
        "return af.flow { name = \"$1\", mock = { a = 1 }, roles = { a = { start = \"s\", states = { s = {" \
        'enter = function(party)' "$2" 'end } } } } }' >"$1.lua"
    expect_error "$text" 1 timeout 60 "$AFRUN" "$1.lua" --mock
    run timeout 60 "$AFRUN" check "$1.lua"
    if [ "$status" -eq 1 ] && grep -qF "$text" "$OUT"; then ok "$1: so says a check"; else
        not_ok "$1: so says a check" "$(explain "exit status $status" check)"
    fi
    expect_error "$text" 1 timeout 60 "$AFRUN" "$1.lua" --role a --node n --task "$1" --bus local:bus.db --peers a=n
}
stopped find 'return af.done(("a"):rep(50):find(("a-"):rep(30) .. "b"))'
stopped gmatch 'for _ in ("x"):rep(2000):gmatch(("x-"):rep(20) .. "y") do end'
stopped caught 'while true do pcall(string.match, ("x"):rep(1000), (".-"):rep(20) .. "y") end'
stopped move 'table.move({}, 1, math.maxinteger - 1, 2)'
stopped lying 'table.insert(setmetatable({}, { __len = function() return 1 << 60 end }), 1, 1)'

# Vectors count by their numbers: some of them to an instruction, or each one where it is looked at by itself.
for call in 'while true do v.mean { z, z } end' 'while true do v.clip(z, 1) end' 'while true do v.axpy(2, z, z) end' \
    'while true do v.slice(z, 1, 200000) end' 'while true do v.quantise(z, { bits = 20, clip = 1 }) end' \
    'while true do v.distances { z, z } end' 'while true do v.krum({ z, z, z, z, z }, 1) end' \
    'for _ = 1, 600 do v.histogram(z, { 0, 1 }) end' 'for _ = 1, 200 do v.median { z, z, z } end'; do
    printf '%s\n' 'local v = require("af").vector' 'local z = v.zeros(200000)' \
        'return require "af".flow { name = "vectors", mock = { a = 1 }, roles = { a = { start = "s", states = { s = { enter = function()' \
        "$call end } } } } }" >vectors.lua
    expect_error "vectors.lua:4: ran for more than 100,000,000 instructions without an end" 1 timeout 60 "$AFRUN" vectors.lua --mock
done

# Texts of others: what cannot be matched in the time of a step is refused, and the party goes on.
cat >received.lua <<'LUA'
local af = require "af"
local Word = af.event("word", { text = af.string { pattern = "^" .. ("a-"):rep(30) .. "$" } })
local Last = af.event("last", {})
function Word.event_to_contract() return { type = "word", text = ("a"):rep(60) .. "b" } end
return af.flow { name = "received", mock = { a = 1, b = 1 }, roles = {
  a = { start = "s", states = { s = { enter = function(party)
    party:send("b-1", Word { text = "" })
    party:send("b-1", Last {})
    return af.done()
  end } } },
  b = { start = "s", states = { s = { [Word] = function() return af.fail "it was taken" end,
    [Last] = function() return af.done "alive" end } } } } }
LUA
run timeout 60 "$AFRUN" received.lua --mock --fifo --trace received.jsonl
if grep -q '"party":"b-1","result":"alive"' received.jsonl; then
    ok "a text that cannot be matched in time is refused, and the next one is handled"
else
    not_ok "a text that cannot be matched in time is refused, and the next one is handled" "$(explain "exit status $status" mock)"
fi

# Patterns mean what they mean in Lua: the results of a plain Lua, byte for byte.
cat >patterns.lua <<'LUA'
local seed, lines = 7, {}
local function draw(list)
  seed = (seed * 1103515245 + 12345) % 2147483648
  return list[seed // 65536 % #list + 1]
end
local function word(list, most)
  local parts = {}
  for i = 1, draw(most) do parts[i] = draw(list) end
  return table.concat(parts)
end
local pieces = { "a", "b", ".", "%a", "%d", "[ab]", "[^a]", "[a-c]", "%s", "a*", "b+", ".-", "a?", "(a)", "(.-)", "()",
  "%b()", "%f[%w]", "$", "^", "%%", "[%a_]*", "[]a]", "[^]]+", "[a-]", "%w+", "%W", ".*", "-", "%.", "[%d-x]", "*", "]",
  "%x", "%f[^b]", "((.)(.))", "%g+", "%c", "%P*" }
local bytes = { "a", "b", "c", "(", ")", " ", "1", "-", "]", ".", "%", "_", "x", "\0", "\xff" }
local function show(...)
  local all = table.pack(...)
  for i = 1, all.n do all[i] = tostring(all[i]) end
  return table.concat(all, "|")
end
local function first(x) return x == "a" and "!" end
for _ = 1, 5000 do
  local p, s, from = word(pieces, { 1, 2, 3, 4, 5, 6 }), word(bytes, { 0, 1, 3, 5, 8, 12 }), draw { -20, -7, -1, 0, 1, 3, 9 }
  local found = {}
  for a, b in s:gmatch(p) do found[#found + 1] = show(a, b) end
  lines[#lines + 1] = table.concat({ p, s, show(s:find(p, from)), show(s:match(p, from)), table.concat(found, ";"),
    show(s:gsub(p, "<%0>")), show(s:gsub(p, "%1", 2)), show(s:gsub(p, first)), show(s:gsub(p, { a = 1, b = "B" })),
    show(s:find(p, from, true)) }, "~")
end
local refused = { "[a", "%", "a%", "(a", "a)", "%1", "(%1)", "%b", "%ba", "%f", "%fa", ("()"):rep(33) }
for _, p in ipairs { "(a*)(.)%1", "^(['\"]).-%1$", "(%w)%1*", "((.)%2)" } do
  lines[#lines + 1] = show(("xaabaa'q'"):find(p)) .. show(("'aab'"):gsub(p, "%1"))
end
for _, p in ipairs(refused) do lines[#lines + 1] = show((pcall(string.find, "a", p))) end
local text = table.concat(lines, "\n")
LUA
(cat patterns.lua && echo 'io.write(text)') >plain.lua
(echo 'local af = require "af"' && cat patterns.lua && cat) >ours.lua <<'LUA'
af.mock_context({ id = "a", nodes = { "a" } }, function()
  local url = af.TaskMessageContractor("T"):upload_file(af.content(text), true)
  af.download(url, { path = "ours" })
end)
LUA
lua5.4 plain.lua >theirs
check "a script of many patterns ends well" "$AFRUN" ours.lua --mock
if cmp -s ours theirs; then ok "patterns mean what they mean in Lua"; else
    not_ok "patterns mean what they mean in Lua" "$(diff -a ours theirs | head -n 10 | cat -v)"
fi
