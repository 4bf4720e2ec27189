# What is watched over time: monitors, `eventually` and `leads_to`, simulated, checked and replayed.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 78
source "$ROOT/tests/lib/counterexample.sh"
data=$ROOT/tests/data/over_time

# expect_same NAME FILE: what stands on standard input is in the file.
expect_same() {
    if diff - "$2" >"$OUT" 2>"$ERR"; then ok "$1"; else not_ok "$1" "$(explain "it differs")"; fi
}

# ---- Steps. ----

run "$AFRUN" "$data/steps.lua" --mock --allow-fail --fifo --trace steps.jsonl
jq -r 'select(.kind == "monitor" and .monitor == "log") | .seen.lines[]' steps.jsonl | tail -n 25 >lines
expect_same "monitors are told of each step, in order, with the world before or behind it" lines <<'EOF'
begins with 1
start guest-1 in nothing
state guest-1 in hungry
send guest-1 order guest-1>shop-1 in hungry
send guest-1 wave guest-1>shop-1 in hungry
start shop-1 in nothing
state shop-1 in closed
defer shop-1 order guest-1>shop-1 in closed
ignore shop-1 wave guest-1>shop-1 in closed
after shop-1 in closed
state shop-1 in open
deliver shop-1 order guest-1>shop-1 in open
send shop-1 dish shop-1>guest-1 in open
deliver guest-1 dish shop-1>guest-1 in hungry
state guest-1 in passing shown full
state guest-1 in full
send guest-1 bill guest-1>shop-1 in full
deliver shop-1 bill guest-1>shop-1 in open
send shop-1 party_failed shop-1>guest-1 in open
failed shop-1 in open
ignore guest-1 party_failed shop-1>guest-1 in full
deadline guest-1 patience in full
send guest-1 order guest-1>shop-1 in full
done guest-1 in full
late shop-1 order guest-1>shop-1 in open
EOF


# ---- Simulated: properties are judged when the run is over. ----

cp "$data"/*.lua .
expect_output "1 party done" "$AFRUN" asking.lua --mock
expect_output "50 runs, 0 failed" "$AFRUN" asking.lua --mock --runs 50
expect_error "monitor 'few questions' is broken after a step of asker-1: asking.lua:26: it returns false" 1 \
    "$AFRUN" asking.lua --mock --arg wise=false
sed '/^  monitors = {/,/^  },/d' asking.lua >free.lua
expect_error "the run has not ended by --until 60 s" 1 "$AFRUN" free.lua --mock --arg wise=false --until 60s
if ! grep -q "eventually" "$ERR"; then ok "of a run that is not over nothing is said"; else
    not_ok "of a run that is not over nothing is said" "$(cat "$ERR")"; fi
sed 's/^    asker = { start = "asking", states = { asking = {/&\n      may_end = true,/; s/      after = { 5, "asking" },//' free.lua >idle.lua
expect_error "eventually 'answered' (idle.lua:" 1 "$AFRUN" idle.lua --mock --arg wise=false
expect_error "leads_to 'an asker is answered' (idle.lua:" 1 "$AFRUN" idle.lua --mock --arg wise=false --allow-fail
expect_error "what it leads to has not come when the run has ended" 1 "$AFRUN" idle.lua --mock --drop 1
sed '/may_end = true,$/d' idle.lua >stuck.lua
expect_error "it has never held when the run is stuck" 1 "$AFRUN" stuck.lua --mock --drop 1
run "$AFRUN" idle.lua --mock --arg wise=false --json
if jq -e '[.findings[] | .kind, .line] == ["eventually", 25, "leads_to", 29]' "$OUT" >jq.out; then
    ok "findings have kind and line"; else not_ok "findings have kind and line" "$(cat "$OUT")"; fi

# ---- Checked. ----

expect_output "exhaustive: no violation" "$AFRUN" check asking.lua
expect_violation "asking.lua:26: monitor 'few questions' is broken: it returns false" "$AFRUN" check asking.lua --drop 2
expect_output "no violation" "$AFRUN" check free.lua --drop 2
expect_output "parties of a role are told apart: what is watched over time may name them" \
    "$AFRUN" check free.lua --parties asker=2
expect_violation "free.lua:24: eventually 'answered': a fair run on which it never holds" \
    "$AFRUN" check free.lua --arg wise=false --trace lasso.jsonl
if grep -qF "0 steps, then a loop of 3, in 3 states that no fair step leaves" "$OUT" &&
    grep -qF "── a loop begins: what follows comes again and again ──" "$OUT" &&
    grep -qF "── the loop ends: the run goes on where it began ──" "$OUT"; then
    ok "the loop is drawn"; else not_ok "the loop is drawn" "$(cat "$OUT")"; fi
expect_output "all the same" "$AFRUN" replay lasso.jsonl
for kind in "" --svg --html --mermaid; do
    # shellcheck disable=SC2086
    expect_output "loop" "$AFRUN" chart lasso.jsonl $kind
done
expect_violation "leads_to 'an asker is answered': a fair run on which what must follow never does" \
    "$AFRUN" check free.lua --arg wise=false
expect_violation "a run into it: 2 steps" "$AFRUN" check idle.lua --arg wise=false
run "$AFRUN" check free.lua --arg wise=false --json
if jq -e '[.violations[] | .kind, .line, .loop, .length] == ["eventually", 24, 0, 3, "leads_to", 28, 0, 3, "doomed", 14, null, 0]
    and (.violations[0].run | index("loop")) == 0' "$OUT" >jq.out; then
    ok "the answer says where the loop begins"; else not_ok "the answer says where the loop begins" "$(cat "$OUT")"; fi
for jobs in 1 4; do "$AFRUN" check free.lua --arg wise=false --drop 1 --parties asker=2 --jobs $jobs | sed 's/; [0-9.]* s.*//' >jobs.$jobs; done
expect_same "the answer does not depend on the number of threads" jobs.4 <jobs.1

# What nobody's fault does at last: a ticker that always may tick does not keep a letter from coming; a fault may.
cat >fair.lua <<'LUA'
local af = require "af"
local Tick, Letter = af.event("tick", {}), af.event("letter", {})
return af.flow { name = "fair", mock = { ticker = 1, reader = 1 }, roles = {
    ticker = { start = "ticking", states = { ticking = { may_end = true,
      enter = function(party) party:send("ticker-1", Tick {}) end,
      [Tick] = function(party) party:send("ticker-1", Tick {}) end } } },
    reader = { start = "waiting", states = {
      waiting = { enter = function(party) party:send("reader-1", Letter {}) end, [Letter] = "reading" },
      reading = { may_end = true } } } },
  eventually = { read = function(world) return world.parties["reader-1"].state == "reading" end } }
LUA
run "$AFRUN" check fair.lua --json
if jq -e '[.violations[].kind] == ["doomed"]' "$OUT" >jq.out; then
    ok "what is possible again and again happens at last"; else not_ok "what is possible again and again happens at last" "$(cat "$OUT")"; fi
expect_violation "eventually 'read'" "$AFRUN" check fair.lua --drop 1
for reduction in "" --no-reduction; do
    # shellcheck disable=SC2086
    expect_violation "a loop of 1, in 1 state that no fair step leaves" "$AFRUN" check fair.lua --drop 1 $reduction
done

# What is seen is part of a state; of what one step breaks all is told.
cat >two.lua <<'LUA'
local af = require "af"
local Left, Right = af.event("left", {}), af.event("right", {})
return af.flow { name = "two", mock = { a = 1 }, roles = { a = { start = "s", states = { s = { may_end = true,
      enter = function(party) party:send("a-1", Left {}) party:send("a-1", Right {}) end,
      [Left] = function(party) party.data.n = 1 end, [Right] = function(party) party.data.n = 1 end } } } },
  monitors = { order = { start = { first = "" }, step = function(seen, step)
    if step.kind ~= "deliver" then return end
    if seen.first == "right" then return false end
    return { first = seen.first == "" and step.event.type or seen.first }
  end } },
  invariants = { ["never one"] = function(world) return true --[[NOT]] end } }
LUA
sed 's/--\[\[NOT\]\]/and world.parties["a-1"].data.n ~= 1/' two.lua >both.lua
sed '/monitors = {/,/^  end } },/d' two.lua >unseen.lua
expect_violation "two: 4 states, 4 transitions" "$AFRUN" check two.lua
expect_output "two: 4 states, 4 transitions" "$AFRUN" check unseen.lua
sed 's/if seen.first == "right"/if true/' both.lua >same_step.lua
for command in "$AFRUN check same_step.lua" "$AFRUN same_step.lua --mock"; do
    $command >out 2>&1
    if grep -q "monitor 'order' is broken" out && grep -q "invariant 'never one' is broken" out; then
        ok "a step that breaks a monitor and an invariant: ${command##*afrun}"
    else not_ok "a step that breaks a monitor and an invariant: ${command##*afrun}" "$(cat out)"; fi
done

# ---- Parts. ----

expect_output "1 party done" "$AFRUN" parts.lua --mock
expect_output "no violation" "$AFRUN" check parts.lua
expect_error "monitor 'first: rally' is broken after a step of a-1: game.lua:29" 1 "$AFRUN" parts.lua --mock --arg again=true
expect_violation "game.lua:29: monitor 'first: rally' is broken" "$AFRUN" check parts.lua --arg again=true
expect_output "1 party done" "$AFRUN" game.lua --mock
expect_error "monitor 'rally' is broken" 1 "$AFRUN" game.lua --mock --arg serves=2

# ---- Upgrades: the second version's take over what those of the same name have seen. ----

cat >version.lua <<'LUA'
local af = require "af"
local Go = af.event("go", {})
return af.flow { name = "version", version = 1, mock = { a = 1 }, roles = { a = { start = "s", states = {
    s = { enter = function(party) party:send("a-1", Go {}) end, [Go] = function() return "t" end },
    t = { enter = function(party) party:send("a-1", Go {}) end, [Go] = function() return af.done {} end } } } },
  monitors = { sends = { start = { count = 0 }, step = function(seen, step)
    return step.kind == "send" and { count = seen.count + 1 } or nil end } },
  eventually = { over = function(world) return world.parties["a-1"].ended ~= nil end } }
LUA
sed 's/version = 1/version = 2/; s/and { count = seen.count + 1 }/and (seen.count < 1 and { count = seen.count + 1 })/; s/or nil end/or (step.kind ~= "send" and nil) end/' version.lua >version_2.lua
expect_output "no violation" "$AFRUN" check version.lua
expect_violation "version_2.lua:6: monitor 'sends' is broken" "$AFRUN" check version.lua --upgrade version_2.lua
# What has held before need not hold again.
sed '/monitors = /,/or nil end } },*$/d; s/eventually = { /&begun = function(world) return world.parties["a-1"].state == "s" end, /' version.lua >begun.lua
sed 's/version = 1/version = 2/' begun.lua >begun_2.lua
expect_output "no violation" "$AFRUN" check begun.lua --upgrade begun_2.lua

cat >three.lua <<'LUA'
local af = require "af"
local function counts(by) return { start = { sum = 0 }, step = function(seen, step)
  return step.kind == "state" and { sum = seen.sum + by } or nil end } end
return af.flow { name = "three", version = 1, mock = { a = 1 }, roles = { a = { start = "s", states = {
    s = { after = { 2, "t" } }, t = { after = { 2, function() return af.done() end } } } } },
  monitors = { first = counts(1), second = counts(10), third = counts(100) } }
LUA
sed 's/version = 1/version = 2/; s/second = counts(10), //' three.lua >three_2.lua
"$AFRUN" three.lua --mock --upgrade three_2.lua@1s --trace three.jsonl >/dev/null 2>&1
jq -r 'select(.kind == "monitor") | "\(.monitor) \(.seen.sum)"' three.jsonl >seen
expect_same "each goes on from its own, where another is gone" seen <<'EOF'
first 1
second 10
third 100
first 2
third 200
EOF

# ---- Beside sequential roles, of which nothing is seen. ----

cat >beside.lua <<'LUA'
local af = require "af"
return af.flow { name = "beside", mock = { a = 1, b = 1, c = 1 },
  roles = { a = function() af.sleep(1) end, b = { start = "s", states = { s = { enter = function() return af.done() end } } },
    c = function() af.sleep(1) end },
  monitors = { steps = { start = { b = 0 }, step = function(seen, step) return { b = seen.b + (step.role == "b" and 1 or 1000) } end } } }
LUA
expect_output "3 parties done, 0 failed" "$AFRUN" beside.lua --mock --trace beside.jsonl
expect_output '"b":3' grep '"kind":"monitor"' beside.jsonl

# ---- Hostile ones. ----

# hostile NAME STEP TEXT: told in a simulated run and in a check, whose process lives on.
hostile() {
    printf 'local af = require "af"\nlocal Note = af.event("note", {})\nreturn af.flow { name = "hostile", mock = { a = 1 }, monitors = { m = { step = function(seen, step)\n%s\nend } }, roles = { a = { start = "s", states = { s = { may_end = true } } } } }\n' "$2" >hostile.lua
    expect_error "$3" 1 "$AFRUN" hostile.lua --mock
    expect_violation "$3" "$AFRUN" check hostile.lua
}
hostile "endless" 'while true do end' "instructions"
hostile "endless, caught" 'pcall(function() while true do end end) return seen' "instructions"
hostile "large" 'return { text = ("x"):rep(17 * 1024 * 1024) }' "seen"
hostile "greedy" 'local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end' "memory"
hostile "an error that is a table" 'error({})' "monitor 'm' is broken"
hostile "an error that cannot be told" 'error(setmetatable({}, { __tostring = function() error("x") end }))' "monitor 'm' is broken"
hostile "an error in many lines" 'error("a\nb")' "monitor 'm' is broken"
hostile "yields" 'coroutine.yield(1)' "yield"
hostile "waits" 'af.process.run("true")' "cannot wait here"
hostile "a deep table" 'local t = {} for _ = 1, 500 do t = { t } end return t' "seen"
hostile "itself" 'seen.seen = seen return seen' "seen.seen"
hostile "an outcome" 'return af.done {}' "a step returns a table, nothing or false"
hostile "a coroutine for later" 'co = coroutine.wrap(print)' "global 'co'"

# Which of them changes what it must not is named, with its line.
cat >impure.lua <<'LUA'
local af = require "af"
local count = { n = 0 }
return af.flow { name = "impure", mock = { a = 1 },
  roles = { a = { start = "s", states = { s = { may_end = true } } } },
  monitors = { first = { step = function(seen) return seen end },
    second = { step = function()
      count.n = count.n + 1
    end } },
  eventually = { third = function() return true --[[THIRD]] end } }
LUA
sed '/monitors = {/,/^    end } },/d; s/--\[\[THIRD\]\]/and (function() count.n = count.n + 1 end)() == nil/' impure.lua >third.lua
expect_error "monitor 'second' is broken after a step of a-1: impure.lua:7: what watches a run changes the table 'count'" 1 \
    "$AFRUN" impure.lua --mock
expect_violation "impure.lua:7: monitor 'second' is broken: what watches a run changes the table 'count'" "$AFRUN" check impure.lua
expect_error "eventually 'third' cannot be judged: third.lua:5: what watches a run changes the table 'count'" 1 "$AFRUN" third.lua --mock
expect_violation "third.lua:5: eventually 'third' cannot be judged" "$AFRUN" check third.lua

# For real nothing is watched, but what is wrong in the description is told.
expect_error "monitor 'm': 'step' must be a function(seen, step)" 2 "$AFRUN" "$ROOT/tests/data/mistakes/monitor_no_step.lua" \
    --bus local:bus.db --task t --node a-1 --role a --peers "a=a-1"
