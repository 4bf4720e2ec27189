# Ctrl-C: a script in a loop is stopped, and the place is named.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
source "$ROOT/tests/lib/parties.sh"

flow() { # flow NAME BODY: a flow whose first handler runs BODY, on line 3
    printf 'local af = require "af"\nreturn af.flow { name = "x", roles = { a = { start = "s", states = { s = { enter = function(party)\n%s\nend } } } } }\n' "$2" >"$1.lua"
}

# is_at_work PID: it has used a fifth of a second of the processor, so its handler runs.
is_at_work() {
    local fields
    read -r -a fields <"/proc/$1/stat" && [ "${fields[13]}" -ge 20 ]
}

interrupted() { # interrupted NAME TEXT
    "$AFRUN" "$1.lua" --mock >out 2>err &
    local pid=$!
    until_true is_at_work $pid
    kill -INT $pid
    wait $pid
    local status=$?
    if [ $status -eq 130 ] && grep -qF "$2" err; then ok "$1 is interrupted"; else not_ok "$1 is interrupted" "status $status: $(cat err)"; fi
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
# A pattern that backtracks for ever is a loop inside of a C function.
flow pattern 'return ("a"):rep(40):find(("a?"):rep(40) .. ("a"):rep(40) .. "b")'
interrupted pattern "a-1: pattern.lua:3: interrupted"
