#!/usr/bin/env bash
# Hostile flows on a real node (tests/data/attacks), each in its worker: none takes the node with it,
# and parties beside it, whose flow is innocent, go on: an echo on each of two nodes, and who asks
# both, again and again.
source "$(dirname "$0")/../lib/e2e.sh"
plan 139
source "$ROOT/tests/lib/parties.sh"

mkdir flows
lua5.4 "$ROOT/tests/lib/attacks.lua" "$ROOT/tests/data/attacks/attacks.lua" flows >rows
[ $# -eq 0 ] || { printf '%s\t\n' "$@" | grep -F -f - rows >some && mv some rows; } # by name
cat >flows/echo.lua <<'LUA'
local af = require "af"
local Ask = af.event("ask", { round = af.integer })
local Answer = af.event("answer", { round = af.integer })
return af.flow {
  name = "echo",
  roles = {
    echo = { start = "listening", states = { listening = {
      may_end = true,
      [Ask] = function(party, event, from) party:send(from, Answer { round = event.round }) end,
    } } },
    asker = {
      data = function() return { round = 0, answers = 0 } end,
      start = "asking",
      states = {
        asking = {
          enter = function(party)
            party.data.round, party.data.answers = party.data.round + 1, 0
            party:send(party:nodes("echo"), Ask { round = party.data.round })
          end,
          [Answer] = function(party, event)
            af.expect(event.round == party.data.round, "an answer to another round")
            party.data.answers = party.data.answers + 1
            if party.data.answers == #party:nodes("echo") then
              print("round " .. party.data.round)
              return "pausing"
            end
          end,
        },
        pausing = { after = { 0.02, "asking" } },
      },
    },
  },
}
LUA

node() { # node NAME ARGUMENT…
    local name=$1
    shift
    start_party "$name" node --node "$name" --bus local:bus.db --flows flows --state "$name.state" "$@"
    wait_line "$name.out" "afrun node: node $name" || not_ok "node $name starts" "$(cat "$name.err")"
}
node strict --hang 1s
node patient --hang 30s
peers='echo=strict,patient;asker=asker'
for name in strict patient; do
    check "an innocent party is launched at $name" "$AFRUN" ctl launch echo --task innocents --role echo \
        --peers "$peers" --state $name.state
done
start_party asker flows/echo.lua --role asker --node asker --task innocents --bus local:bus.db --peers "$peers"
wait_line asker.err "round 1" && ok "it answers" || not_ok "it answers" "$(cat asker.err)"

run python3 "$ROOT/tests/lib/attacks.py" rows asker.err
[ "$status" -eq 0 ] || not_ok "the attacks are run" "$(explain "exit status $status" attacks.py)"
while IFS=$'\t' read -r name what; do
    case $name:$what in
    longest:*) echo "# the innocents waited for at most $what s" ;;
    *:ok) ok "$name: the attack ends as it should, and nobody else does" ;;
    *) not_ok "$name: the attack ends as it should, and nobody else does" "$what" ;;
    esac
done <"$OUT"
for name in strict patient; do
    kill_party $name TERM
    [ "$status" -eq 0 ] && ok "$name ends well" || not_ok "$name ends well" "$status $(tail "$name.err")"
done
kill_party asker TERM
[ $# -eq 0 ] || skip_rest "not among those that are named"
