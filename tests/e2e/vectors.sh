#!/usr/bin/env bash
# af.vector and af.crypto: the standards' vectors, Python's results, and the same draws again.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 12
source "$ROOT/tests/lib/parties.sh"
api=$ROOT/tests/data/api

expect_output "1 party done" "$AFRUN" "$api/crypto.lua" --mock
expect_output "1 party done" "$AFRUN" "$api/vector.lua" --mock
expect_output "no violation" "$AFRUN" check "$api/crypto.lua"
for seed in 1 2 3; do
    run "$AFRUN" "$api/vector_results.lua" --mock --seed $seed --arg n=$((seed * 700))
    cp "$OUT" results
    cat "$ERR" >>results
    run python3 "$ROOT/tests/lib/vectors.py" results
    if [ "$status" -eq 0 ]; then ok "Python makes the same of vectors, seed $seed"; else
        not_ok "Python makes the same of vectors, seed $seed" "$(explain "exit status $status" vectors.py)"
    fi
done
drawn() { "$AFRUN" "$api/crypto.lua" --mock --json "$@" | grep -o '"drawn":"[0-9a-f]*"'; }
if [ "$(drawn --seed 1)" = "$(drawn --seed 1)" ] && [ "$(drawn --seed 1)" != "$(drawn --seed 2)" ]; then
    ok "a seed draws the same again, another does not"
else not_ok "a seed draws the same again, another does not" "$(drawn --seed 1) $(drawn --seed 2)"; fi

# For real: in a jailed worker too, and the same when the handler runs again after a kill.
cat >draws.lua <<'END'
local af = require "af"
local Go = af.event("go", {})
return af.flow { name = "draws", args = { tell = af.optional(af.string) }, roles = { a = { start = "s", states = { s = {
  enter = function(party) party:send(party.id, Go {}) end,
  [Go] = function(party)
    local items = {}
    for i = 1, 80 do items[i] = "item " .. i end
    af.crypto.ristretto.hash_all(items)
    local drawn = af.crypto.hex(af.crypto.random(16)) .. "\n"
    if party.args.tell then af.process.run("tee", { args = { "-a", party.args.tell }, input = drawn }) end
    return af.done()
  end } } } } }
END
AFRUN_KILL_AT=commit-before:2 start_party a draws.lua --bus local:bus.db --task t --node a --role a --peers a=a --state a.db \
    --arg tell="$PWD/drawn" --allow-run tee
expect_ended a 137 "the party is killed before its handler is kept"
expect_output "a done" "$AFRUN" draws.lua --bus local:bus.db --task t --node a --role a --state a.db --allow-run tee
if [ "$(wc -l <drawn)" -eq 2 ] && [ "$(sort -u drawn | wc -l)" -eq 1 ]; then ok "its handler draws the same again"; else
    not_ok "its handler draws the same again" "$(cat drawn)"
fi
mkdir flows && cp draws.lua flows
start_party n node --node n --bus local:bus2.db --flows flows --state n.state
wait_line n.out "afrun node: node n" || not_ok "the node starts" "$(cat n.err)"
run "$AFRUN" ctl launch draws --task t2 --role a --peers a=n --state n.state
is_done() { "$AFRUN" ctl status t2 --state n.state >"$OUT" 2>&1 && grep -q done "$OUT"; }
if until_true is_done; then ok "a jailed worker draws, too"; else not_ok "a jailed worker draws, too" "$(cat "$OUT" n.err)"; fi
stop_all
