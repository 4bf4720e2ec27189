#!/usr/bin/env bash
# The faults of Lua 5.4.4 that its authors list (bindings/README.md has the table): what reaches one
# ends as it should, or at least harms nobody, in both builds; what no flow reaches is shown to be so.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
both=("$PROGRAM")
[[ $PROGRAM != "$ROOT/build/release/afrun" || ! -x $ROOT/build/sanitize/afrun ]] || both+=("$ROOT/build/sanitize/afrun")
plan $((3 + 11 * ${#both[@]}))

# comes_to NAME PATTERN CODE: the handler CODE, from line 3, ends with a result like that.
comes_to() {
    local program build
    printf '%s\n' 'local af = require "af"' \
        'return af.flow { name = "fault", roles = { a = { start = "s", states = { s = { enter = function(party)' \
        "$3" 'end } } } } }' >"$1.lua"
    for program in "${both[@]}"; do
        build=${program%/afrun} build=${build##*/}
        run timeout 120 "$program" "$1.lua" --mock --json
        if grep -qE "\"result\":$2,|\"text\":$2" "$OUT"; then ok "$1 ($build)"; else
            not_ok "$1 ($build)" "$(explain "exit status $status" "$1.lua")"
        fi
    done
}

comes_to constant_environment '"false[^"]*attempt to index a number value"' \
    'local fine, why = pcall(function() local _ENV <const> = 11; X = "hi" end) return af.done(tostring(fine) .. tostring(why))'
comes_to environment_of_a_closure 5 \
    'local function f() local _ENV <const> = { y = 5 } local function g() return y end return g() end return af.done(f())'
comes_to bits_of_constants '\[4,4,15,15,4\]' \
    'local x = 7 return af.done { x & 4.0, 4.0 & x, 12.0 | x, x | 12.0, 3.0 ~ x }'
comes_to error_while_an_error_is_handled '"false"' \
    'local function e(...) return e(...) .. e(...) end
local function deep(n)
  return pcall(function() return (string.gsub("x", "x", function() if n > 0 then deep(n - 1) end error {} end)) end)
end
for n = 150, 210, 10 do deep(n) end
return af.done(tostring((xpcall(e, function(m) return e(m) end))))'
comes_to break_closes '"czz"' \
    'local log = ""
local function closes(with) return setmetatable({}, { __close = function() log = log .. with end }) end
local function next_one(_, i) return (i or 0) + 1 end
local function early()
  for i in next_one, nil, nil, closes "c" do if i > 2 then break end end
  for i = 1, 3 do local z <close> = closes "z" if i == 2 then break end end
end
early() return af.done(log)'
comes_to codes_of_no_text '[1234]' \
    'local raised = 0
for _, text in ipairs { "ab\xff", "\xbf", "u\x80", "\xf4\x9f\xbf\xbf" } do
  if not pcall(function() for _ in utf8.codes(text) do end end) then raised = raised + 1 end
end
return af.done(raised)'
comes_to coroutines_in_a_chain '"more than 20 coroutines close each other"' \
    'local last
for _ = 1, 20000 do
  local before = last
  last = coroutine.create(function()
    local x <close> = setmetatable({}, { __close = function() if before then assert(coroutine.close(before)) end end })
    coroutine.yield()
  end)
  coroutine.resume(last)
end
local fine, why = coroutine.close(last) return af.done(tostring(why):match "more than .*")'
comes_to coroutines_in_a_chain_by_others '"more than 20 coroutines close each other"' \
    'local last
for i = 1, 20000 do
  local before = last
  last = coroutine.create(function()
    local x <close> = setmetatable({}, { __close = function()
      local function go() if before then assert(coroutine.close(before)) end end
      if i % 2 == 0 then coroutine.wrap(go)() else assert(coroutine.resume(coroutine.create(go))) end
    end })
    coroutine.yield()
  end)
  coroutine.resume(last)
end
local fine, why = coroutine.close(last) return af.done(tostring(why):match "more than .*")'
comes_to coroutines_in_a_short_chain 20 \
    'local last, closed = nil, 0
for _ = 1, 20 do
  local before = last
  last = coroutine.create(function()
    local x <close> = setmetatable({}, { __close = function()
      closed = closed + 1 if before then assert(coroutine.close(before)) end
    end })
    coroutine.yield()
  end)
  coroutine.resume(last)
end
assert(coroutine.close(last)) return af.done(closed)'
comes_to coroutines_that_close_each_other 'true' \
    'local count = 0
local function loop()
  count = count + 1
  local c = coroutine.create(function() local x <close> = setmetatable({}, { __close = loop }) coroutine.yield() end)
  coroutine.resume(c) return coroutine.close(c)
end
pcall(loop) return af.done(count > 5 and count < 1000)'
comes_to line_of_arithmetic '"a-1: line_of_arithmetic.lua:[45]: attempt to perform arithmetic' \
    'local a, b = 1, {} local c = a
  + b
return af.done(c)'

# Precompiled code, which may be damaged, is not taken.
printf '\033Lua\x54\x00\x19\x93\r\n\x1a\n' >compiled.lua
expect_error "is bytecode; a script must be text" 2 "$AFRUN" compiled.lua --mock
echo 'require "compiled"' >requires.lua
expect_error "is bytecode; a script must be text" 2 "$AFRUN" requires.lua --mock

# No function of ours has a variable to be closed, which another could be left with a stack that has moved.
if grep -n 'lua_toclose' "$ROOT"/bindings/*.c >used; then not_ok "lua_toclose() is not used" "$(cat used)"; else
    ok "lua_toclose() is not used"
fi
