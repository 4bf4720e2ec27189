# The library `af` as flows and scripts see it: each file of tests/data/api checks itself.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 25
api=$ROOT/tests/data/api

expect_output "2 parties done, 0 failed" "$AFRUN" "$api/events.lua" --mock
expect_output "2 parties done, 0 failed; 2 messages" "$AFRUN" "$api/plain_events.lua" --mock
expect_output "2 parties done, 0 failed; 5 messages" "$AFRUN" "$api/states.lua" --mock --fifo
expect_output "1 party done" "$AFRUN" "$api/sandbox.lua" --mock
expect_output "4 parties done" "$AFRUN" "$api/nodes.lua" --mock
expect_output "4 parties done" "$AFRUN" "$api/nodes.lua" --mock --crash asker:0.5 --seed 3
expect_output "no violation" "$AFRUN" check "$api/nodes.lua"
expect_output "1 party done" "$AFRUN" "$api/locked.lua" --mock
expect_output "no violation" "$AFRUN" check "$api/locked.lua"
expect_output "2 parties done" "$AFRUN" "$api/modules/flow.lua" --mock
expect_output "3 resting; 14 messages" "$AFRUN" "$api/contractors.lua" --mock
expect_output "2 parties done, 1 failed" "$AFRUN" "$api/failure.lua" --mock --allow-fail
expect_error "bad-1 failed: for a reason" 1 "$AFRUN" "$api/failure.lua" --mock
expect_output "2 parties done, 0 failed, 1 resting" "$AFRUN" "$api/sequential.lua" --mock
expect_error "cannot be reloaded in the middle" 0 "$AFRUN" "$api/sequential.lua" --mock
expect_error "invariant 'at most two' is broken after a step of counter-1" 1 \
    "$AFRUN" "$api/world.lua" --mock

# A party that crashes comes back with what it had committed, in a fresh instance.
expect_output "1 party done" "$AFRUN" "$api/resume.lua" --mock --crash node:0.5 --seed 3
run "$AFRUN" "$api/resume.lua" --mock --crash node:0.5 --seed 3 --json
if grep -q '"crashes":[1-9]' "$OUT"; then ok "it has crashed"; else not_ok "it has crashed" "$(cat "$OUT")"; fi

# The library's scripts can be taken from a folder while they are worked on.
cp -r "$ROOT/scripts" scripts
sed -i 's/expectation broken/expectation of mine broken/' scripts/af/init.lua
cat >broken.lua <<'END'
local af = require "af"
return af.flow { name = "broken", roles = { a = { start = "s", states = { s = {
  enter = function() af.expect(false, "oh") end } } } } }
END
expect_error "broken.lua:3: expectation of mine broken: oh" 1 \
    env AFRUN_SCRIPTS="$TMP/scripts" "$AFRUN" broken.lua --mock
expect_error "broken.lua:3: expectation broken: oh" 1 "$AFRUN" broken.lua --mock
expect_error "broken.lua:3: in" 1 "$AFRUN" broken.lua --mock -v

# pairs goes by kinds of keys, and by order within each.
cat >keys.lua <<'END'
local af = require "af"
return af.flow { name = "keys", roles = { a = { start = "s", states = { s = { enter = function()
  local seen = {}
  for key in pairs { [true] = 1, b = 1, [2] = 1, [false] = 1, [1.5] = 1, a = 1, [1] = 1 } do seen[#seen + 1] = tostring(key) end
  return af.done(table.concat(seen, " "))
end } } } } }
END
expect_output '"result":"1 1.5 2 a b false true"' "$AFRUN" keys.lua --mock --json

# A module is named by words and dots: no name leads out of the flow's folder.
mkdir inside && echo 'return { said = "outside" }' >words.lua
echo 'return require("af").done(require("../words").said)' >inside/out.lua
expect_error "module '../words' is neither beside out.lua" 2 "$AFRUN" inside/out.lua --mock

# A line is told once, whatever the file is called.
printf 'local af = require "af"\nreturn = af\n' >plain
expect_error "afrun: plain:2: unexpected symbol" 2 "$AFRUN" run plain --mock
