# Faults that did nothing are told, since a test that passes with them has shown nothing; of chance this is so where it
# did nothing in any of many runs.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 22
cat >once.lua <<'LUA'
local af = require "af"
local Hello = af.event("hello", {})
return af.flow { name = "once", mock = { a = 1, b = 1 }, roles = {
  a = { start = "s", states = { s = {
    enter = function(party) party:send(party:nodes("b"), Hello {}) end,
    after = { 4, function() return af.done() end },
  } } },
  b = { start = "s", states = { s = { [Hello] = function() return af.done() end } } },
} }
LUA

told() { # told TEXT OPTION…
    expect_error "$1" 0 "$AFRUN" once.lua --mock "${@:2}"
}
silent() { # silent OPTION…
    run "$AFRUN" once.lua --mock --allow-fail "$@"
    if ! grep -q "did nothing" "$ERR"; then ok "$* is not told"; else not_ok "$* is not told" "$(cat "$ERR")"; fi
}
told "--partition 'a|b@100s..200s' did nothing: the run was over after 4.000 s" --partition 'a|b@100s..200s'
told "--partition did nothing: no contract met the cut" --partition 'a|b@1s..2s'
told "--lose did nothing: 0 of 1 parties vanished; the others had ended before" --lose b:1@50s
told "--down did nothing: it needs --crash or --partition random:P" --down 1s..2s
told "--down did nothing" --down 1s..2s --runs 3
for fault in --drop=0.000001 --duplicate=0.000001 --crash=a:0.000001 --lose=b:1@50s --partition='a|b@50s..60s'; do
    told "${fault%%=*} did nothing: in none of the runs" "$fault" --runs 3
done
silent --partition 'a|b@0s..2s'
silent --lose b:1@1ms
silent --down 1s..2s --crash a:0.5
silent --drop 0.000001
silent --drop 0.5 --duplicate 0.5 --crash a:0.9 --partition 'a|b@0s..2s' --runs 50
silent -q --down 1s..2s

# A run in which nothing happens says so; its status is what it was.
told() { # TEXT|"" FILE: what is told beside the last line
    run "$AFRUN" "$2" --mock
    if [ "$status" -eq 0 ] && [ "$(cat "$ERR")" = "$1" ]; then ok "$2: '$1'"; else not_ok "$2: '$1'" "$(explain "status $status" "$2")"; fi
}
printf 'local function train() return 1 end\n' >uncalled.lua
told "afrun: uncalled.lua: nothing was sent, received or waited for" uncalled.lua
printf 'local af = require "af"\nlocal Go = af.event("go", {})
return af.flow { name = "unmoved", roles = { a = { start = "s", states = { s = { may_end = true, [Go] = function() end%s } } } } }\n' "" >unmoved.lua
told "afrun: unmoved: no handler has run" unmoved.lua
sed 's/{ may_end/{ enter = function() end, may_end/' unmoved.lua >entered.lua
told "" entered.lua
printf 'local af = require "af"\naf.sleep(1)\n' >sleeps.lua
told "" sleeps.lua
printf 'local af = require "af"\nreturn af.flow { name = "f", roles = { a = function() end } }\n' >plain.lua
expect_error "role 'a' is a plain function" 0 "$AFRUN" plain.lua --mock
never() { if grep -qF "$1" "$ERR"; then not_ok "$2" "$(cat "$ERR")"; else ok "$2"; fi; }
never "no handler has run" "a role that is a function has run"
