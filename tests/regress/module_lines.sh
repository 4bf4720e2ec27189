# A line in a module that the flow requires is told with the module's name, not with the flow's.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 11
cat >parts.lua <<'LUA'
local af = require "af"
local parts = { Ping = af.event("ping", {}), Pong = af.event("pong", {}) }



parts.waiting = { [parts.Ping] = function() return af.done() end }
function parts.on_pong(party) party:nope() end
return parts
LUA
cat >main.lua <<'LUA'
local af = require "af"
local parts = require "parts"
return af.flow { name = "parts", mock = { a = 1 }, roles = { a = { start = "waiting", states = {
  waiting = parts.waiting,
  asking = { [parts.Pong] = parts.on_pong } } } } }
LUA
run "$AFRUN" check main.lua
for text in "a is in state 'waiting' (parts.lua:6)" "parts.lua:6  a: event 'ping' in state 'waiting'" \
    "parts.lua:7  a: state 'asking'" "stuck in waiting (parts.lua:6)"; do
    if grep -qF -e "$text" "$OUT"; then ok "check: $text"; else not_ok "check: $text" "$(explain "it is not told")"; fi
done
expect_output '"a: event '"'ping'"' in state '"'waiting'"'","line":6,"file":"parts.lua",' \
    bash -c '"$0" check main.lua --json || true' "$AFRUN"
expect_error "a-1 is stuck in state 'waiting' (parts.lua:6)" 1 "$AFRUN" main.lua --mock
# What a module keeps for itself is no party's.
printf 'local counting = { count = 0 }\n\nfunction counting.up() counting.count = 1 end\nreturn counting\n' >counting.lua
cat >keeps.lua <<'LUA'
local af = require "af"
local counting = require "counting"
return af.flow { name = "keeps", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function() counting.up() return af.done() end } } } } }
LUA
expect_error "a-1: counting.lua:3: a handler changes the table 'counting'" 1 "$AFRUN" keeps.lua --mock
# The flow's own lines are a state's before those of modules.
sed 's/waiting = parts.waiting/waiting = { [parts.Ping] = parts.waiting[parts.Ping], [parts.Pong] = function() end }/' main.lua >own.lua
expect_error "a-1 is stuck in state 'waiting' (own.lua:4)" 1 "$AFRUN" own.lua --mock
# What an upgrade changes in an event that a module declares.
mkdir new
sed 's/"ping", {}/"ping", { n = af.integer }/' parts.lua >new/parts.lua
sed 's/name = "parts"/&, version = 2/' main.lua >new/main.lua
expect_error "parts.lua:2: event 'ping': field 'n' is new and required" 1 \
    "$AFRUN" main.lua --mock --upgrade new/main.lua

# A file may have any name; its place is told once.
printf 'local af = require "af"\nlocal function f() error "on purpose" end\nf()\n' >"my flow.txt"
run "$AFRUN" "my flow.txt" --mock
if [ "$(cat "$ERR")" = "afrun: my flow.txt:2: on purpose" ]; then ok "a file of another name tells its place once"; else
    not_ok "a file of another name tells its place once" "$(cat "$ERR")"
fi
