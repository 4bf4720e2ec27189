# Ctrl-C: a script in a loop is stopped, and the place is named.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 15
source "$ROOT/tests/lib/parties.sh"

flow() { # flow NAME BODY: a flow whose first handler runs BODY, on line 3
    printf 'local af = require "af"\nreturn af.flow { name = "x", roles = { a = { start = "s", states = { s = { enter = function(party)\n%s\nend } } } } }\n' "$2" >"$1.lua"
}

# is_at_work PID: it has used a fifth of a second of the processor, so its handler runs.
is_at_work() {
    local fields
    read -r -a fields <"/proc/$1/stat" && [ "${fields[13]}" -ge 20 ]
}

interrupted() { # interrupted NAME TEXT [OPTION]
    "$PROGRAM" "$1.lua" --mock "${@:3}" >out 2>err &
    local pid=$!
    until_true is_at_work $pid
    kill -INT $pid
    wait $pid
    local status=$?
    if [ $status -eq 130 ] && grep -qF "$2" out err; then ok "$1 is interrupted"; else not_ok "$1 is interrupted" "status $status: $(cat err)"; fi
}

# Each round stays below the cap on instructions, so that it does not end by itself first.
flow timers 'return "s"'
cat >forever.lua <<'END'
local af = require "af"
return af.flow { name = "x", roles = { a = { start = "s", states = { s = { after = { 1, function()
  for i = 1, 20000000 do local x = i end
  return "s"
end } } } } } }
END
interrupted forever "interrupted"
# Two long texts that are compared: a loop whose instructions are few, and long.
flow compare 'local a, b = ("x"):rep(10 << 20), ("x"):rep(10 << 20) while a == b do end'
interrupted compare "a-1: compare.lua:3: interrupted"

# Those that run seeds end with the command that reads what they tell, however that ends.
none_works() { [[ $(ps -o stat= -p "$(IFS=, && echo "${jobs[*]}")") != *[RSD]* ]]; } # a zombie works no more
"$PROGRAM" compare.lua --mock --runs 8 >out 2>err &
command=$!
jobs_work() { mapfile -t jobs < <(pgrep -P $command) && [ ${#jobs[@]} -gt 1 ] && is_at_work "${jobs[-1]}"; }
until_true jobs_work
kill -KILL $command
wait $command 2>/dev/null
check "the jobs of a killed command end" until_true none_works

# An invariant or a monitor that is under way then is not broken.
for watches in 'invariants = { looks = function() slow() return true end }' 'monitors = { looks = { step = function() slow() end } }'; do
    cat >watched.lua <<END
local af = require "af"
local function slow() for i = 1, 20000000 do local x = i end end
return af.flow { name = "x", roles = { a = { start = "s", states = { s = { after = { 1, "s" } } } } }, $watches }
END
    interrupted watched '"outcome":"interrupted"' --json
    if grep -q '"findings":\[\]' out && ! grep -q "is broken" err; then ok "and is not broken by that"; else not_ok "and is not broken by that" "$(cat out err)"; fi
done

# A party for real: one that rests in a state in which it may end has ended well, and says so; another has not.
source "$ROOT/tests/lib/parties.sh"
cat >server.lua <<'END'
local af = require "af"
local Hello = af.event("hello", {})
return af.flow { name = "server", roles = { a = { start = "opening", states = {
  opening = { enter = function(party) party:send(party.id, Hello {}) end, [Hello] = "serving" },
  serving = { may_end = true, enter = function() print "serves" end },
} }, b = { start = "asking", states = { asking = { [Hello] = "asking", enter = function() print "asks" end } } } } }
END
party() { # party ROLE OPTION…
    start_party "$1" server.lua --role "$1" --node n --task "${2:-t}$1" --bus local:bus.db --peers "$1=n" "${@:3}"
}
for kept in '' kept; do
    party a "$kept" ${kept:+--state a.db}
    wait_line a.err serves || not_ok "the server starts" "$(cat a.err)"
    kill_party a INT
    [ "$status" -eq 0 ] && ok "a party that rests ends with 0 ${kept:+(kept)}" || not_ok "a party that rests ends with 0" "$status"
    expect_in a.out "server: n resting in 'serving'" "and says what it was"
done
party b
wait_line b.err asks || not_ok "the asker starts" "$(cat b.err)"
kill_party b INT
[ "$status" -eq 130 ] && ok "one that waits ends with 130" || not_ok "one that waits ends with 130" "$status"

# Two processes of one party: the second one says at once for what it waits.
party a kept --state two.db
wait_line a.err serves || not_ok "the server starts" "$(cat a.err)"
start_party second server.lua --role a --node n --task kepta --bus local:bus.db --peers a=n --state two.db
wait_line second.err "waits for two.db: another process has it; trying again" &&
    ok "a second process of a kept party says that it waits" || not_ok "a second process of a kept party says that it waits" "$(cat second.err)"
kill_party a INT
expect_in a.out "resting" "the first is not disturbed"
until_true grep -q "waits: state 'serving'" second.err
kill_party second INT
[ "$status" -eq 0 ] && ok "the second goes on where the first was" || not_ok "the second goes on where the first was" "$status: $(cat second.out second.err)"
