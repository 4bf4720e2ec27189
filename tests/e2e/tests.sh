#!/usr/bin/env bash
# `afrun test`: the tests beside flows; a party by itself, whole runs, checks, coverage, reports, --watch.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 61
source "$ROOT/tests/lib/parties.sh"

cat >counter.lua <<'END'
local af = require "af"
local Add = af.event("add", { n = af.integer, by = af.list(af.id) })
local Sum = af.event("sum", { total = af.integer })
return af.flow {
  name = "counter", args = { most = af.integer, unit = af.optional(af.string, "m") },
  mock = { keeper = 1, teller = 2 },
  roles = {
    keeper = {
      data = function() return { total = 0, by = {} } end, start = "counting",
      states = {
        counting = {
          enter = function(party) party:deadline("close", 60) end,
          [Add] = function(party, event, from)
            af.expect(event.n > 0, "nothing is added")
            party.data.total = party.data.total + event.n
            party.data.by[from] = event.n
            party:log("%s adds %d %s", from, event.n, party.args.unit)
            if party.data.total >= party.args.most then return "full" end
          end,
          after = { 5, function(party) party:broadcast(Sum { total = party.data.total }) end },
          timeout = { close = function() return af.fail "too late" end },
        },
        full = {
          enter = function(party) party:broadcast(Sum { total = party.data.total }) end,
          ignore = { Add },
          after = { 1, function(party) return af.done { total = party.data.total } end },
          timeout = { close = "lost" },
        },
        lost = { may_end = true, ignore = { Add } },
      },
    },
    teller = { start = "telling", states = { telling = {
      enter = function(party) party:send(party:nodes "keeper", Add { n = 1, by = { party.id } }) end,
      after = { 1, "telling" },
      [Sum] = function(_, event) return af.done(event.total) end,
    } } },
  },
}
END
cat >counter_test.lua <<'END'
local t = require "af.test"
local nodes = { keeper = { "k" }, teller = { "t1", "t2" } }
local function keeper(most)
  return t.party("counter.lua", "keeper", { id = "k", nodes = nodes, args = { most = most } })
end

t.test("what is added is kept by who it was", function()
  local k = keeper(10)
  t.equal(k.state, "counting")
  t.equal(k.deadlines, { after = 5, close = 60 })
  k:receive(k.events.add { n = 3, by = { "t1" } }, "t1")
  t.equal(k.data, { total = 3, by = { t1 = 3 } })
  t.equal(k.logged, { "t1 adds 3 m" })
  t.equal(k.sent, {})
  t.equal(k.ended, nil)
end)
t.test("the sum goes to the tellers, and the keeper is done", function()
  local k = keeper(2)
  k:receive(k.events.add { n = 2, by = {} }, "t2")
  t.equal(k.sent, { { to = { "t1", "t2" }, event = { type = "sum", total = 2 } } })
  k:fire "after"
  t.equal({ k.ended, k.result, k.sent }, { "done", { total = 2 }, {} })
end)
t.test("time moves to a deadline, and it is an outcome to fail", function()
  local k = keeper(2)
  k:fire "close"
  t.equal({ k.ended, k.reason }, { "failed", "too late" })
  t.equal(k.sent[1].event.type, "party_failed")
end)
t.test("a handler that raises is told at the line of the test", function()
  local k = keeper(2)
  local message = t.raises("nothing is added", function() k:receive(k.events.add { n = 0, by = {} }, "t1") end)
  t.equal(message:match "^[%w_]+%.lua:%d+: k: counter%.lua:%d+", "counter_test.lua:32: k: counter.lua:14")
  t.equal(k.data.total, 0, "the total")
end)
t.test("what is not expected, not armed or not there is told", function()
  local k = keeper(2)
  t.raises("event 'sum' from t1: not expected", function() k:receive(k.events.sum { total = 1 }, "t1") end)
  t.raises("no timer 'nap' is armed; armed: close, after", function() k:fire "nap" end)
  t.raises("receive: expected an event, got the event type 'add'; build one: party.events.add { … }",
    function() k:receive(k.events.add, "t1") end)
  t.raises("'t9' is no node of the task; did you mean 't1'?", function() k:receive(k.events.add { n = 1, by = {} }, "t9") end)
  t.raises("field 'm': is not declared", function() return k.events.add { m = 1, n = 1, by = {} } end)
  t.raises("the flow has no event 'ad'", function() return k.events.ad end)
  t.raises("a party under test has no 'stat'; did you mean 'state'?", function() return k.stat end)
  t.raises("role 'keepr'", function() t.party("counter.lua", "keepr") end)
  t.raises("the flow takes no such argument", function() t.party("counter.lua", "teller", { args = { mst = 1 } }) end)
  t.raises("gone.lua", function() t.party("gone.lua", "keeper") end)
end)
t.run("counter.lua", { seeds = 20, duplicate = 0.1, args = { most = 2 }, parties = { teller = 2 } })
t.check("counter.lua", { args = { most = 1 }, parties = { teller = 1 } })
END
expect_output "1..7" "$AFRUN" test
expect_output "TAP version 13" "$AFRUN" test counter_test.lua
if command -v prove >/dev/null; then
    expect_output "Result: PASS" prove --exec "$AFRUN test" counter_test.lua
else
    skip 1 "there is no prove"
fi
expect_output "ok 6 - counter_test.lua: run counter.lua --arg=most=2 --duplicate=0.1 --parties=teller=2 --runs=20" "$AFRUN" test .
expect_output "# 7 passed, 0 failed" "$AFRUN" test

# Coverage: of what the parties by themselves, the runs and the check have reached.
expect_output "# counter.lua: 3 of 4 states entered, 4 of 6 handlers run" "$AFRUN" test --coverage
expect_output "#   never entered: keeper.lost (counter.lua:13)" "$AFRUN" test --coverage
expect_output "#   never run: keeper.counting: after (counter.lua:13)" "$AFRUN" test --coverage
expect_output '"coverage":[{"flow":"counter.lua","states":{"total":4,"reached":3},"handlers":{"total":6,"reached":4}' "$AFRUN" test --coverage --json
expect_output '"passed":7,"failed":0' "$AFRUN" test --json -q

# JUnit's XML is XML, and has the cases.
check "a report for JUnit" "$AFRUN" test --junit report.xml
expect_output "7 0 counter_test.lua" python3 -c '
import xml.etree.ElementTree as tree
root = tree.parse("report.xml").getroot()
print(len(root.findall("testsuite/testcase")), len(root.findall(".//failure")), root[0].get("name"))'

# fails NAME TEXT LINE…: a file of tests of these lines fails, and says so.
fails() {
    local name=$1 text=$2
    shift 2
    mkdir -p "$name"
    cp counter.lua "$name/"
    printf '%s\n' 'local t = require "af.test"' "$@" >"$name/a_test.lua"
    run "$AFRUN" test "$name"
    if [ $status -eq 1 ] && grep -qF -e "$text" "$OUT" && grep -q '^not ok' "$OUT"; then ok "$name"; else not_ok "$name" "$(explain "status $status, expected '$text'")"; fi
}
fails equal 'message: "equal/a_test.lua:2: value.a[2].b: got 2, expected \"2\""' 't.test("x", function() t.equal({ a = { 1, { b = 2 } } }, { a = { 1, { b = "2" } } }) end)'
fails missing 'value.b: got 1, expected nil' 't.test("x", function() t.equal({ a = 1, b = 1 }, { a = 1 }) end)'
fails raises 'a_test.lua:2: nothing was raised; expected an error with \"x\"' 't.test("x", function() t.raises("x", function() end) end)'
fails line 'at: "line/a_test.lua:3"' 't.test("x", function()' 'error "boom" end)'
fails seed 'counter.lua: keeper-1 failed: too late; repeat it with: afrun seed/counter.lua --mock --arg=most=9 --parties=teller=0 --seed 5' 't.run("counter.lua", { seed = 5, seeds = 2, args = { most = 9 }, parties = { teller = 0 } })'
fails option '--sedes: unknown option' 't.run("counter.lua", { sedes = 3 })'
fails outside 'is no option of a test'"'"'s run' 't.run("counter.lua", { bus = "local:x.db" })'
fails violation 'counter.lua: 1 violation: ' 't.check("counter.lua", { args = { most = 99 }, parties = { teller = 0 } })'
fails bound 'not exhaustive: --states' 't.check("counter.lua", { states = 3, args = { most = 2 } })'
fails inner 'a case stands by itself' 't.test("x", function() t.test("y", function() end) end)'
fails empty 'it has no cases' 'local x = t'
fails syntax 'syntax/a_test.lua:2: ' 'local = 1'
fails loop 'instructions' 't.test("x", function() while true do end end)' 't.test("y", function() end)'
fails flow 'it is a flow' 'local af = require "af"' 'return af.flow { name = "x", roles = { a = { start = "s", states = { s = { may_end = true } } } } }'
fails bytes 'got \"\\xff\", expected \"\\xfe\"' 't.test("x", function() t.equal("\xff", "\xfe") end)' 't.test("y", function() end)'
fails no_text 'an error that is no text' 't.test("x", function() error(setmetatable({}, { __tostring = error })) end)'
fails zero_byte 'is no ID, or stands there twice' 't.test("x", function() t.party("counter.lua", "keeper", { nodes = { keeper = { "a\0b", "a\0c" } } }) end)'
fails zero_word "a_test.lua:2: args.most: a text without a zero byte is expected" 't.run("counter.lua", { args = { most = "1\0" } })'
fails zero_option "a_test.lua:2: drop: a text without a zero byte is expected" 't.check("counter.lua", { drop = "1\0x" })'
fails zero_flow "a_test.lua:2: t.check: a text without a zero byte" 't.check("counter.lua\0", {})'
fails nan "a_test.lua:2: states: a finite number is expected" 't.check("counter.lua", { states = 0 / 0 })'
fails infinite "a_test.lua:2: args.most: a finite number is expected, got inf" 't.run("counter.lua", { args = { most = 1 / 0 } })'
fails function "a_test.lua:2: drop: a function is no value of it" 't.run("counter.lua", { drop = print })'
fails deep_function "args.most.b: a function is no value of it" 't.test("x", function() t.party("counter.lua", "keeper", { nodes = { keeper = { "k" } }, args = { most = { a = 1, b = print } } }) end)'
fails unnamed "a_test.lua:2: '1' is no option of a test" 't.run("counter.lua", { "drop" })'
fails unnamed_arg "a_test.lua:2: 'args': names are texts, got 1" 't.run("counter.lua", { args = { 3 } })'
fails watching "a_test.lua:2: 'watch' is no option of a test" 't.check("counter.lua", { watch = true })'
fails outside_calls 'a test asks for nothing outside' 'local af = require "af"' 't.test("x", function() af.download("file:///etc/passwd") end)'

# Each file has a state of its own, and the flow's modules are those beside the flow.
mkdir -p two/sub two/.kept
echo 'error "nobody looks into a hidden folder"' >two/.kept/c_test.lua
echo 'x = 1' >two/a_test.lua
cat >>two/a_test.lua <<'END'
local t = require "af.test"
t.test("a global of its own", function() t.equal(x, 1) end)
END
cat >two/b_test.lua <<'END'
local t = require "af.test"
t.test("and no other's", function() t.raises("no global 'x'", function() return x end) end)
t.test("a flow of another folder", function()
  local p = t.party("sub/f.lua", "a")
  p:receive(p.events.go { how = "well" }, "a-1")
  t.equal(p.result, "well")
end)
END
cat >two/sub/words.lua <<'END'
local af = require "af"
return { Go = af.event("go", { how = af.one_of { "well", "badly" } }) }
END
cat >two/sub/f.lua <<'END'
local af, words = require "af", require "words"
return af.flow { name = "f", roles = { a = { start = "s", states = { s = {
  [words.Go] = function(_, event) return af.done(event.how) end } } } } }
END
expect_output "# 3 passed, 0 failed" "$AFRUN" test two

# A second version of a flow stands beside the test, too.
mkdir up
cp "$ROOT"/flows/upgrade/count_*.lua up/
cat >up/a_test.lua <<'END'
local t = require "af.test"
t.run("count_1.lua", { seeds = 5, upgrade = "count_2.lua" })
t.run("count_1.lua", { seeds = 5, upgrade = "count_2.lua@20ms" })
t.check("count_1.lua", { upgrade = "count_2.lua", args = { rounds = 1 }, parties = { counter = 1 } })
END
expect_output "# 3 passed, 0 failed" "$AFRUN" test up

# A command line that is wrong, or finds nothing, is status 2.
mkdir none
expect_error "none: there are no tests: no file there is called *_test.lua" 2 "$AFRUN" test none
expect_error "gone: No such file" 2 "$AFRUN" test gone
expect_error "--coverag: unknown option" 2 "$AFRUN" test --coverag
expect_output "# 5 passed, 0 failed" "$AFRUN" test "$ROOT/flows"

# Ctrl-C, wherever it is: a run, a check beside, a loop of the test's own.
interrupted() { # interrupted NAME LINE: a case that does not end by itself soon
    mkdir -p "$1"
    sed 's/party.data.total >= party.args.most/party.data.total >= 1000000/; s/n = 1, by/n = math.random(1000), by/' counter.lua >"$1/counter.lua"
    printf 'local t = require "af.test"\nt.test("before", function() end)\n%s\n' "$2" >"$1/a_test.lua"
    start_party "$1" test "$1"
    wait_line "$1.out" "ok 1 - $1/a_test.lua: before"
    kill -INT "${party_pids[$1]}"
    wait_party "$1"
    if [ "$status" -eq 130 ] && grep -qF "Bail out! interrupted" "$1.out" && ! grep -q "^not ok" "$1.out"; then ok "Ctrl-C ends a $1"; else not_ok "Ctrl-C ends a $1" "status $status: $(cat "$1.out" "$1.err")"; fi
}
interrupted run 't.run("counter.lua", { seeds = 1000000, allow_fail = true, args = { most = 1 } })'
interrupted check 't.check("counter.lua", { args = { most = 1 }, drop = 5 })'
interrupted busy 't.test("busy", function() while true do pcall(function() while true do end end) end end)'

# What cannot be loaded or asked for is told at the test's own line, with what was wrong where.
cat >places_test.lua <<'LUA'
local t = require "af.test"
t.test("gone", function()
  t.party("gone.lua", "x", { id = "a" })
end)
t.check("counter.lua", { droop = 3 })
t.check("unfinished.lua")
LUA
printf 'local af = require "af"\nlocal x = = 1\n' >unfinished.lua
run "$AFRUN" test places_test.lua
for text in "places_test.lua:3: t.party: gone.lua: cannot be read" "places_test.lua:5: counter.lua: --droop: unknown option; did you mean '--drop'?" \
    "places_test.lua:6: unfinished.lua:2: unexpected symbol"; do
    if grep -qF "$text" "$OUT"; then ok "$text"; else not_ok "$text" "$(cat "$OUT")"; fi
done

# --watch: again at each save of the test, the flow, or a module, and a test that is new; Ctrl-C ends.
cd two || exit 1
start_party watch test --watch
runs() { [ "$(grep -c '^# [0-9]* passed' watch.out)" -ge "$1" ] && [ "$(grep -c 'watching' watch.err)" -ge "$1" ]; }
again() { # again COUNT NAME: it has run so often
    if until_true runs "$1"; then ok "$2"; else not_ok "$2" "$(cat watch.out watch.err)"; fi
}
again 1 "--watch runs at once"
touch new.txt
sed -i 's/a global/A global/' a_test.lua
again 2 "a test is saved"
sed -i 's/"f"/"g"/' sub/f.lua
again 3 "a flow is saved"
sed -i 's/"badly"/"so so"/' sub/words.lua
again 4 "a module is saved"
cp a_test.lua c_test.lua
again 5 "a test is new"
expect_output "# 4 passed, 0 failed" tail -1 watch.out
kill -INT "${party_pids[watch]}"
wait_party watch
if [ "$status" -eq 130 ]; then ok "Ctrl-C ends it"; else not_ok "Ctrl-C ends it" "status $status"; fi

cd .. || exit 1
start_party working test run --watch
wait_line working.out "ok 1 - run/a_test.lua: before"
kill -TERM "${party_pids[working]}"
wait_party working
if [ "$status" -eq 130 ] && grep -qF "Bail out! interrupted" working.out; then ok "so it does while the tests run"; else not_ok "so it does while the tests run" "status $status: $(cat working.out working.err)"; fi
