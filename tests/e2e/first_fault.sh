#!/usr/bin/env bash
# Of several faults in a value the first is told, in the order of its keys: Lua's own order is another in each process, and an error's
# words are part of the trace.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 8

# told NAME MESSAGE CODE: a handler with that code says so, in each of ten processes, and the traces are equal.
told() {
    local name=$1 message=$2 code=$3 i
    cat >flow.lua <<LUA
local af = require "af"
local Map = af.event("map", { of = af.map(af.integer) })
local Any = af.event("any", { value = af.any })
local function f() end
return af.flow { name = "first", mock = { a = 1 }, roles = { a = { start = "s", states = { s = { enter = function(party)
  $code
  return af.done()
end, ignore = { Map, Any } } } } } }
LUA
    for i in 1 2 3 4 5 6 7 8 9 10; do
        "$AFRUN" flow.lua --mock -q --trace "$i.jsonl" 2>&1 | sed -nE 's/^afrun: a-1: flow.lua:[0-9]+: //p' >>told.all
    done
    if [ "$(sort -u told.all)" = "$message" ] && [ "$(cat ./*.jsonl | sha256sum)" = "$(for i in 1 2 3 4 5 6 7 8 9 10; do cat 1.jsonl; done | sha256sum)" ]; then
        ok "$name"
    else
        not_ok "$name" "$(sort told.all | uniq -c)"
    fi
    rm -f told.all
}
told "data" "data.a: a function cannot be kept; keep plain values" \
    'party.data = { z = f, y = 0/0, x = print, a = f, m = { f }, n = 1/0 }'
told "deeper data" "data.b.list[2]: NaN or an infinity cannot be kept" \
    'party.data = { d = f, c = { f }, b = { z = f, list = { 1, 0/0, f } }, a = 1 }'
told "kinds of keys" "data.a: a key that is a boolean cannot be kept; use strings or 1..n" \
    'party.data = { z = f, a = { [1.5] = 1, [f] = 1, [true] = 1, [{}] = 1, b = f } }'
told "items of a map" "event 'map': field 'of.a': expected an integer, got \"x\"" \
    'party:send(party.id, Map { of = { z = "x", y = 1.5, x = {}, a = "x", b = true, c = f } })'
told "an item and a key" "event 'map': field 'of': expected a map with strings as keys, got a list of 2" \
    'party:send(party.id, Map { of = { z = "x", [1] = 1, [2] = "x", a = "x", b = true } })'
told "any value" "event 'any': field 'value': expected a value that JSON can hold: .a: a function cannot be kept; keep plain values" \
    'party:send(party.id, Any { value = { z = f, y = 0/0, a = f, b = print } })'
told "options" "the options have no 'aa'; did you mean 'ad'?" \
    'af.crypto.encrypt(("k"):rep(32), "b", { zz = 1, bb = 2, aa = 3, yy = 4 })'
told "keys without an order" "pairs: a key is a function, which has no order; use numbers, strings, booleans or event types as keys" \
    'for _ in pairs { [f] = 1, [{}] = 1, [print] = 2, a = 1 } do end'
