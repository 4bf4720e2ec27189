#!/usr/bin/env bash
# A flow could jump to an address of its choice: the iterators that pairs() gives took whatever they
# were called with for a table. Now every function that a flow reaches is called with values of every
# kind (tests/data/api/every_call.lua), simulated and checked, in both builds.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
both=("$PROGRAM")
[[ $PROGRAM != "$ROOT/build/release/afrun" || ! -x $ROOT/build/sanitize/afrun ]] || both+=("$ROOT/build/sanitize/afrun")
plan $((10 + 8 * ${#both[@]}))

# raises NAME TEXT: the handler of NAME.lua raises TEXT at line 3, in a simulation and in a check.
raises() {
    expect_error "$1.lua:3: $2" 1 timeout 60 "$AFRUN" "$1.lua" --mock
    run timeout 60 "$AFRUN" check "$1.lua"
    if [ "$status" -eq 1 ] && grep -qF "$1.lua:3: $2" "$OUT"; then
        ok "a check of $1.lua finds it too"
    else
        not_ok "a check of $1.lua finds it too" "$(explain "exit status $status" check "$1.lua")"
    fi
}

# handler NAME CODE: a flow whose only handler is CODE, which stands on line 3.
handler() {
    printf '%s\n' 'local af = require "af"' \
        'return af.flow { name = "wild", roles = { a = { start = "s", states = { s = { enter = function(party)' \
        "$2" 'end } } } } }' >"$1.lua"
}

# harmless NAME: the iterator walks its own table, whatever it is called with.
harmless() {
    expect_output "1 party done" timeout 60 "$AFRUN" "$1.lua" --mock
    expect_output "no violation" timeout 60 "$AFRUN" check "$1.lua"
}

handler map_number 'local step = pairs { a = 1, b = 2 } return af.done(step(0x414141414141))'
harmless map_number
handler list_number 'local step = pairs { 10, 20, 30 } return af.done(step(0x414141414141, 0))'
harmless list_number
handler list_nothing 'local step = pairs { 10, 20, 30 } return af.done(step())'
harmless list_nothing
handler list_position 'local step = pairs { 10, 20, 30 } step({}, math.mininteger)'
raises list_position "bad argument #2 to 'step' (not a position in the list)"
handler list_text 'local step = pairs { 10, 20, 30 } step({}, {})'
raises list_text "bad argument #2 to 'step' (number expected, got table)"

for program in "${both[@]}"; do
    build=${program%/afrun} build=${build##*/}
    while read -r from least; do
        for how in "$program --mock" "$program check"; do
            read -r -a command <<<"$how"
            run timeout 250 "${command[0]}" "${command[1]}" "$ROOT/tests/data/api/every_call.lua" --arg "from=$from"
            count=$(grep -ahoE 'called [0-9]+ functions' "$OUT" "$ERR" | head -n 1 | tr -dc 0-9)
            if [ "$status" -eq 1 ] && [ "${count:-0}" -ge "$least" ]; then
                ok "calls of what is below '$from' end as they should (${command[1]}, $build)"
            else
                not_ok "calls of what is below '$from' end as they should (${command[1]}, $build)" \
                    "exit status $status, ${count:-no} functions"
            fi
        done
    done <<'ROWS'
standard 75
af 45
party 20
iterators 8
ROWS
done
