#!/usr/bin/env bash
# `afrun new`: what it makes runs, checks and passes its tests as it is; it overwrites nothing.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 85

for pattern in states ask gather part sequential; do
    name=my_$pattern
    expect_output "$name: made" "$AFRUN" new "$name" --from "$pattern"
    cd "$name" || exit 1
    check "$pattern runs" "$AFRUN" "$name.lua" --mock
    expect_output "50 runs, 0 failed" "$AFRUN" "$name.lua" --mock --runs 50 --duplicate 0.1
    if [ $pattern != sequential ]; then
        expect_output "exhaustive: no violation" "$AFRUN" check "$name.lua" --drop 1
        expect_output "# $name.lua: 2 of 2 states entered, 3 of 3 handlers run" "$AFRUN" test --coverage
    fi
    expect_output ", 0 failed;" "$AFRUN" test
    # Each command of its README, as it stands there.
    sed -n '/^```$/,/^```$/p' README.md | grep '^afrun' | sed 's/--watch//; s/ *#.*//' >commands
    while read -r line; do
        check "its README: $line" bash -c "${line//afrun /\"\$AFRUN\" }"
    done <commands
    expect_output "Lua 5.4" python3 -c 'import json; print(json.load(open(".luarc.json"))["runtime.version"])'
    if command -v luacheck >/dev/null; then
        printf 'stds.afrun = dofile "%s/scripts/af/_meta/luacheck.lua"\nstd, self, unused_args = "afrun", false, false\n' "$ROOT" >.luacheckrc
        check "$pattern is clean" luacheck -q "$name.lua" "${name}_test.lua"
    else
        skip 1 "there is no luacheck"
    fi
    cd .. || exit 1
done
sed -i 's/af.done(event.text)/af.done("no")/' my_states/my_states.lua
expect_status 1 "$AFRUN" test my_states

cp -r my_states kept
expect_error "my_states: is there already, and is left alone" 2 "$AFRUN" new my_states
check "nothing was overwritten" diff -r my_states kept
expect_error "my_states: is there already" 2 "$AFRUN" new my_states --from gather
for name in "" . .. a/b 9a a-b "a b" é "$(printf 'a%.0s' {1..65})"; do
    expect_error "cannot name a flow: a letter or '_', then letters, digits and '_', at most 64" 2 "$AFRUN" new "$name"
done
for name in x_test _test; do
    expect_error "$name: cannot name a flow: files called *_test.lua are tests of others" 2 "$AFRUN" new $name
done
check "a name of 64 letters" "$AFRUN" new "$(printf 'a%.0s' {1..64})"
expect_error "--from: there is no pattern 'gathr'; did you mean 'gather'? There are ask, gather, part, sequential, states" 2 "$AFRUN" new x --from gathr
[ ! -e x ] && ok "which makes nothing" || not_ok "which makes nothing"
expect_error "new: name the flow: afrun new NAME" 2 "$AFRUN" new
expect_error "is one word too many" 2 "$AFRUN" new a b
expect_output '"folder":"other","files":["other.lua","other_test.lua","README.md",".luarc.json"]' "$AFRUN" new other --json
mkdir locked && chmod 555 locked
if [ "$(id -u)" -ne 0 ]; then
    cd locked || exit 1
    expect_error "cannot be made: Permission denied" 2 "$AFRUN" new x
    cd ..
else
    skip 1 "root may make it"
fi
