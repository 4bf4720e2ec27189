#!/usr/bin/env bash
# `afrun lint`: what is probably wrong, at its line; nothing of it in a flow that is shipped.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 43

# A flow says at its lines what is to be found there: `-- expect: RULE RULE`.
for flow in "$ROOT"/tests/data/lint/*.lua; do
    name=$(basename "$flow")
    [ "$name" != clean_words.lua ] || continue
    cp "$ROOT"/tests/data/lint/*.lua .
    grep -n -- '-- expect: ' "$name" | while IFS=: read -r line rest; do
        for rule in ${rest##*-- expect: }; do echo "$name:$line: $rule"; done
    done | sort >expected
    run "$AFRUN" lint "$name"
    grep -oE '^[^ ]+:[0-9]+: [a-z-]+' "$OUT" | sort >found
    if cmp -s expected found && [ "$status" -eq "$([ -s expected ] && echo 1 || echo 0)" ]; then
        ok "$name has $(wc -l <expected) findings"
    else
        not_ok "$name" "status $status, expected (<) and found (>): $(diff expected found) $(cat "$ERR")"
    fi
    run "$AFRUN" "$name" --mock -q --until 10m
    if [ "$status" -ne 2 ]; then ok "$name is a flow"; else not_ok "$name is a flow" "$(cat "$ERR")"; fi
done
[ "$(grep -ho -- '-- expect: .*' "$ROOT"/tests/data/lint/*.lua | grep -oE '[a-z]+(-[a-z]+)?$|[a-z-]+ [a-z-]+$' | tr ' ' '\n' | sort -u | wc -l)" -ge 10 ] &&
    ok "each rule is tried" || not_ok "each rule is tried"

# Each finding says why, and how it is mended.
expect_status 1 "$AFRUN" lint waits.lua
for text in "waits.lua:11: endless-wait: the state 'asking' of role 'client' asks and waits without an end" "  mend: after = { seconds, \"asking\" } asks again" "2 findings in 1 flow"; do
    if grep -qF -e "$text" "$OUT"; then ok "says $text"; else not_ok "says $text" "$(cat "$OUT")"; fi
done
mkdir sub && cp sums.lua sub/
run "$AFRUN" lint clean.lua sub/sums.lua
if [ $status -eq 1 ] && grep -qF "sub/sums.lua:19: arrival-order: " "$OUT" && grep -qF "3 findings in 2 flows" "$OUT"; then ok "several flows"; else not_ok "several flows" "$(cat "$OUT" "$ERR")"; fi
run "$AFRUN" lint sub/sums.lua --json
if [ $status -eq 1 ] && grep -qF '"flows":1,"findings":[{"file":"sub/sums.lua","line":19,"rule":"arrival-order",' "$OUT"; then ok "as JSON"; else not_ok "as JSON" "$(cat "$OUT" "$ERR")"; fi
expect_output '"findings":[]' "$AFRUN" lint clean.lua --json

# What a maker of flows gives, and what is shipped, is clean.
shipped=$(grep -rlE 'return af\.(flow|part)' "$ROOT/flows" --include='*.lua')
expect_output "0 findings in $(wc -w <<<"$shipped") flows" "$AFRUN" lint $shipped
for pattern in states ask gather part sequential; do
    "$AFRUN" new "new_$pattern" --from $pattern >/dev/null
    expect_output "0 findings in 1 flow" "$AFRUN" lint "new_$pattern/new_$pattern.lua"
    expect_output "0 findings in 1 flow" "$AFRUN" lint "new_$pattern"/*.lua # its tests are passed over
done

expect_error "lint: name a flow" 2 "$AFRUN" lint
expect_error "lint: these are tests" 2 "$AFRUN" lint new_ask/new_ask_test.lua
expect_error "gone.lua: " 2 "$AFRUN" lint gone.lua
echo 'local x = af.' >broken.lua
expect_error "broken.lua:2: " 2 "$AFRUN" lint clean.lua broken.lua
echo 'print "a script"' >script.lua
expect_error "is a sequential script; lint is for flows" 2 "$AFRUN" lint script.lua
