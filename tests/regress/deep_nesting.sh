# What a flow nests without end, in tables, functions or types, ended the program by a signal: those who
# walk it called themselves once a level. It is refused, or found, as any other mistake is.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 10

# nests NAME LUA HANDLER TEXT: a flow that begins with LUA, and what is said of it.
nests() {
    local name=$1 text=$4
    cat >"$name.lua" <<LUA
local af = require "af"
$2
local Go = af.event("go", {})
return af.flow { name = "$name", mock = { a = 1 }, roles = { a = { start = "on", states = { on = {
  enter = function(party) party:send(party.id, Go {}) end,
  [Go] = function(party) $3 return af.done() end } } } } }
LUA
    for command in "check $name.lua" "$name.lua --mock"; do
        # shellcheck disable=SC2086
        run timeout 60 "$AFRUN" $command
        if [ "$status" -le 2 ] && [ "$status" -gt 0 ] && cat "$OUT" "$ERR" | tr -s '\n ' ' ' | grep -qF -- "$text"; then
            ok "$command: $text"
        else
            not_ok "$command: $text" "$(explain "exit status $status" "$command")"
        fi
    done
}

deep="nested more than 1000 levels deep"
nests tables 'local kept = {} for _ = 1, 200000 do kept = { kept } end' 'party.data.is = kept ~= nil' "$deep"
nests functions 'local f = print for _ = 1, 200000 do local g = f f = function() return g end end' 'f()' "$deep"
nests types 'local t = af.string for _ = 1, 200000 do t = af.list(t) end' '' "types.lua:2: a type of more than 120 levels"
nests grown 'local kept = {}' 'local at = kept for _ = 1, 200000 do at.next = {} at = at.next end' "the table 'kept'"
nests data '' 'for _ = 1, 200000 do party.data = { party.data } end' "levels"
