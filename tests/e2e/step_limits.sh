#!/usr/bin/env bash
# What one step may come to is the same, in the same words, in mock, in a check, for real and at a node.
source "$(dirname "$0")/../lib/e2e.sh"
plan 67
source "$ROOT/tests/lib/parties.sh"
mkdir flows

# flow NAME LINES: a role whose first step does LINES, at line 6 of its file, and then raises.
flow() {
    cat >"flows/$1.lua" <<END
local af = require "af"
local Known, Stray = af.event("known", { text = af.string }), af.event("stray", {})
local large = ("x"):rep((1 << 20) - 26)
return af.flow { name = "$1", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  timeout = { later = "s", [("x"):rep(1024)] = "s" }, ignore = { Known }, enter = function(party)
$2
error "all of it was taken" end } } } } }
END
}

start_party n node --node n --bus local:bus.db --flows flows --state n.state
wait_line n.out "afrun node: node n" || not_ok "the node starts" "$(cat n.err)"

told_at_node() {
    "$AFRUN" ctl status "$1" --state n.state >"$OUT" 2>&1 && grep -qF "$2" "$OUT"
}

# refused NAME LINES TEXT: the step is refused so, wherever it runs.
refused() {
    local name=$1 text=$3
    flow "$name" "$2"
    expect_error "$text" 1 "$AFRUN" "flows/$name.lua" --mock --seed 1
    run "$AFRUN" check "flows/$name.lua"
    if [ "$status" -eq 1 ] && grep -qF "$text" "$OUT"; then ok "$name: so says a check"; else
        not_ok "$name: so says a check" "$(explain "wanted: $text" check)"
    fi
    expect_error "$text" 1 "$AFRUN" run "flows/$name.lua" --role a --node "$name" --task "$name" \
        --bus "local:$name.db" --peers "a=$name"
    run "$AFRUN" ctl launch "$name" --task "$name" --role a --peers a=n --state n.state
    if until_true told_at_node "$name" "$text"; then ok "$name: so says a node"; else
        not_ok "$name: so says a node" "$(cat "$OUT" n.err)"
    fi
}

# bounded NAME N N_AND_1 TEXT: N is taken, one more is refused; %d in the lines is the count.
bounded() {
    local name=$1 lines=$2 most=$3 text=$4
    # shellcheck disable=SC2059 # the lines are a format
    refused "${name}_most" "$(printf "$lines" "$most")" "${name}_most.lua:7: all of it was taken"
    # shellcheck disable=SC2059
    refused "${name}_more" "$(printf "$lines" $((most + 1)))" "${name}_more.lua:6: $text"
}

bounded sends 'local e = Known { text = "" } for _ = 1, %d do party:send(party.id, e) end' 100000 \
    "a step sends at most 100,000 contracts"
bounded lines 'for _ = 1, %d do party:log "x" end' 100000 "a step logs at most 100,000 lines"
bounded deadlines 'for _ = 1, %d do party:deadline("later", 9) end' 10000 \
    "a step sets at most 10,000 deadlines"
bounded bytes 'local e = Known { text = large } for _ = 1, %d do party:send(party.id, e) end' 64 \
    "a step sends and logs at most 64 MiB"
bounded event 'party:send(party.id, Known { text = ("x"):rep((12 << 20) - 27 + %d) })' 1 \
    "event 'known' is larger than 12 MiB"
bounded name 'party:deadline(("x"):rep(%d), 9)' 1024 "a deadline's name is a text of 1 to 1024 bytes"
refused stray 'party:send(party.id, Stray {})' \
    "stray.lua:6: event 'stray' is none of the flow's: no state has a row for it"
refused empty_name 'party:deadline("", 9)' "empty_name.lua:6: a deadline's name is a text of 1 to"
refused odd_name 'party:deadline("a\nb", 9)' "odd_name.lua:6: a deadline's name is a text of 1 to"
refused shared 'local one, all = {}, {} for i = 1, 1000 do one[i] = 1 end for i = 1, 5000 do all[i] = one end party.data.all = all do return end' \
    "shared.lua:5: used more than 64 MiB of memory in one step" # where each has its own, as is kept

# What was refused is not there: a handler that catches it goes on with what it had.
flow caught 'local e = Known { text = large }
for _ = 1, 63 do party:send(party.id, e) end
print(select(2, pcall(party.send, party, party.id, Known { text = large .. large })))
party:send(party.id, Known { text = "small" })'
expect_error "caught.lua:10: all of it was taken" 1 "$AFRUN" flows/caught.lua --mock
told=$(cat "$ERR")
if [[ $told == *"caught.lua:8: a step sends and logs at most 64 MiB"* ]]; then ok "and is told why"; else not_ok "and is told why" "$told"; fi

# A sequential role: its lines until it waits.
cat >flows/talks.lua <<'END'
local af = require "af"
return af.flow { name = "talks", roles = { a = function(party)
  for _ = 1, 100000 do party:log "" end
  party:report_progress(1)
  for _ = 1, 100000 do party:log "" end
  party:log "one more"
end } }
END
expect_error "talks.lua:6: a step logs at most 100,000 lines" 1 "$AFRUN" flows/talks.lua --mock
stop_all
