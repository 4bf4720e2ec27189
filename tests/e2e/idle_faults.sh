# Faults that did nothing are told, since a test that passes with them has shown nothing; of chance this is so where it
# did nothing in any of many runs.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
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
