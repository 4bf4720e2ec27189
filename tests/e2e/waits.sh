#!/usr/bin/env bash
# Where a handler cannot wait, a call that waits is refused in the same words, at the same line, in mock, in a
# check and for real; where it can, it is answered in all three.
source "$(dirname "$0")/../lib/e2e.sh"
plan 39

# flow NAME LINE…: what the handler does; `up` waits, at line 4.
flow() {
    cat >"$1.lua" <<END
local af = require "af"
return af.flow { name = "$1", mock = { a = 1 }, roles = { a = { start = "s", states = { s = { enter = function(party)
local function up(text)
  local url = party:upload_file(af.content(tostring(text)), false, "x.bin")
  return url
end
$2
end } } } } }
END
}

# everywhere NAME: runs it in mock, in a check and for real: standard output and error in NAME.mock,
# NAME.check and NAME.real, with the exit statuses in $statuses.
everywhere() {
    run "$AFRUN" "$1.lua" --mock
    statuses=$status && cat "$OUT" "$ERR" >"$1.mock"
    run "$AFRUN" check "$1.lua"
    statuses+=" $status" && cat "$OUT" "$ERR" >"$1.check"
    run "$AFRUN" "$1.lua" --role a --node n --task "$1" --bus local:bus.db --peers a=n
    statuses+=" $status" && cat "$OUT" "$ERR" >"$1.real"
}

# alike NAME WHAT LINE STATUS TEXT: each of the three ends with STATUS and says TEXT, or, without one, nothing of waits.
alike() {
    local name=$1 what=$2 expected="$4 $4 $4" text=${5:-} way
    flow "$name" "$3"
    everywhere "$name"
    for way in mock check real; do
        if [ "$statuses" = "$expected" ] && if [ -n "$text" ]; then grep -qF "$text" "$name.$way"; else
            ! grep -q "cannot wait" "$name.$way"
        fi; then ok "$what: $way"; else
            not_ok "$what: $way" "exit $statuses, wanted $expected, and '$text'
$(head -n 5 "$name.$way")"
        fi
    done
}

refused() {
    alike "$1" "$2 is refused" "$3" 1 "$1.lua:4: upload: cannot wait here"
}

refused gsub "in a callback of string.gsub" 'return af.done(("ab"):gsub(".", up))'
refused tostring "in __tostring" \
    'return af.done(tostring(setmetatable({}, { __tostring = function() return up "a" end })))'
refused pairs "in __pairs" 'for _ in pairs(setmetatable({}, { __pairs = function() up "a" end })) do end'
refused wrap "in a coroutine of its own" 'return af.done(coroutine.wrap(function() return up "a" end)())'
refused resume "in a coroutine that is resumed" \
    'local _, why = coroutine.resume(coroutine.create(up), "a") return af.fail(why)'
refused inner "in a callback in a coroutine" \
    'return af.done(coroutine.wrap(function() return (("ab"):gsub(".", up)) end)())'
refused protected "under a pcall in a callback" \
    'local _, why = pcall(string.gsub, "ab", ".", up) return af.fail(why)'
refused told "once in a handler of errors" \
    'local seen xpcall(error, function(m) seen = seen or select(2, pcall(up, m)) end, "z") return af.fail(seen)'

alike xhandler "a handler of errors that waits" \
    'local ok, why = xpcall(error, function(m) up(m) return m end, "z") return af.fail(tostring(ok) .. " " .. why)' \
    1 "false error in error handling"

works() {
    alike "$1" "$2 is waited" "$3" 0
}
works plain "in a handler" 'return af.done(up "a")'
works sort "in a comparison of table.sort" \
    'local t = { 3, 1, 2 } table.sort(t, function(a, b) up(a) return a < b end) return af.done(t)'
works protecting "under pcall and xpcall" \
    'return af.done { select(2, pcall(up, "a")), select(2, xpcall(up, tostring, "b")) }'
works index "in __index, __concat, __eq and __close" 'local m = { __index = function(_, k) return up(k) end,
  __concat = up, __eq = up, __close = up }
local a, b = setmetatable({}, m), setmetatable({}, m)
do local c <close> = a end
return af.done { a.foo, a .. "x", a == b }'
