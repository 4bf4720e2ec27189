#!/usr/bin/env bash
# --upgrade: a rolling upgrade tried in the simulator, under faults, before it is done.
source "$(dirname "$0")/../lib/e2e.sh"
flows=$ROOT/flows/upgrade
one=$flows/count_1.lua two=$flows/count_2.lua
count=${AF_TEST_COUNT:-200}
is_short || count=1000
faults=(--drop 0.05 --duplicate 0.05 --crash keeper:0.05 --crash counter:0.05)

expect_output "4 parties done" "$AFRUN" "$one" --mock --upgrade "$two"
expect_output "5 parties done" "$AFRUN" "$two" --mock
expect_output "$count runs, 0 failed" "$AFRUN" "$one" --mock --upgrade "$two" "${faults[@]}" --runs "$count"
expect_output "$count runs, 0 failed" "$AFRUN" "$one" --mock --upgrade "$two@20ms" "${faults[@]}" --runs "$count"

# ---- An incompatible message change is caught, with the seed; the mended one passes. ----
sed 's/n = af.integer, weight/amount = af.integer, weight/; s/event\.n /event.amount /; s/n = event.round/amount = event.round/' "$two" >broken.lua
expect_error "sent by version 1 of the flow, read by version 2" 1 "$AFRUN" "$one" --mock --upgrade broken.lua@20ms --runs "$count"
seed=$(sed -nE 's/.*lowest failing seed is ([0-9]+).*/\1/p' "$OUT" | head -n 1)
grep -qF -e "--upgrade=broken.lua@20ms --seed $seed" "$OUT" && ok "with the command that repeats it" || not_ok "with the command that repeats it" "$(cat "$OUT")"
expect_error "version 1 to 2" 1 "$AFRUN" "$one" --mock --upgrade broken.lua@20ms --seed "$seed"
sed 's/n = af.integer, weight/n = af.optional(af.integer), amount = af.optional(af.integer), weight/
    s/event\.n /(event.amount or event.n) /
    s/n = event.round }/n = event.round, amount = event.round }/' "$two" >mended.lua
expect_output "$count runs, 0 failed" "$AFRUN" "$one" --mock --upgrade mended.lua@20ms "${faults[@]}" --runs "$count"

# ---- A node slept through version 2: the steps are chained. ----
python3 - "$two" >three.lua <<'PY'
import re, sys
text = open(sys.argv[1]).read().replace("version = 2,", "version = 3,").replace("data.total", "data.amount")
text = text.replace("total = 0", "amount = 0").replace("total = data.amount", "total = data.amount, version = 3")
steps = """  migrate = {
    [2] = function(old)
      if old.role == "keeper" then old.data.total, old.data.sum = old.data.sum, nil end
      return old
    end,
    [3] = function(old)
      assert(old.version == 2 and old.args.rounds == 5)
      if old.role == "keeper" then old.data.amount, old.data.total = old.data.total, nil end
      return { state = old.state, data = old.data }
    end,
  },
"""
print(re.sub(r"  migrate = function\(old\)\n.*?\n  end,\n  migrate_back = .*?\n  end,\n", lambda _: steps, text, flags=re.S))
PY
expect_output "$count runs, 0 failed" "$AFRUN" "$one" --mock --upgrade three.lua@20ms "${faults[@]}" --runs "$count"
sed '/^    \[3\] = /,/^    end,/d' three.lua >hole.lua # what version 3 needs is not done
expect_error "hole.lua" 1 "$AFRUN" "$one" --mock --upgrade hole.lua@20ms --runs 20
sed 's/    \[2\] = function/    [4] = function/' three.lua >ahead.lua
expect_error "needs a function for each of the versions 2 to 3; [4]" 2 "$AFRUN" "$one" --mock --upgrade ahead.lua

# ---- A migration that fails in one state only is found. ----
sed 's/    local data = old.data$/    local data = old.data\n    if old.role == "keeper" and old.state == "hearing" then error "not in this state" end/' "$two" >picky.lua
expect_error "the upgrade of keeper-1 in state 'hearing' is refused: picky.lua" 1 \
    "$AFRUN" "$one" --mock --upgrade picky.lua@20ms --runs "$count"

# ---- One seed, one trace. ----
for n in 1 2; do
    "$AFRUN" "$one" --mock --upgrade "$two@20ms" "${faults[@]}" --seed 7 -q --trace "t$n.jsonl" >/dev/null
done
cmp -s t1.jsonl t2.jsonl && ok "the same seed gives the same trace" || not_ok "the same seed gives the same trace" "$(diff t1.jsonl t2.jsonl | head)"
expect_in_file() { if grep -qF -e "$2" "$1"; then ok "$3"; else not_ok "$3" "$(head -n 3 "$1")"; fi; }
expect_in_file t1.jsonl '"kind":"reload"' "which tells of the reloads"
expect_in_file t1.jsonl '"file":["count_1.lua","count_2.lua"]' "and names both files"
expect_output "the same" "$AFRUN" replay t1.jsonl "$one" "$two"
expect_output "version 1 to 2" "$AFRUN" chart t1.jsonl

# ---- What is refused before the run. ----
expect_error "nowhere.lua" 2 "$AFRUN" "$one" --mock --upgrade nowhere.lua
echo 'return 1 +' >cut.lua
expect_error "cut.lua:2" 2 "$AFRUN" "$one" --mock --upgrade cut.lua
expect_error "is the flow 'sync_state' now" 2 "$AFRUN" "$one" --mock --upgrade "$ROOT/flows/sync_state.lua"
sed 's/version = 2/version = 1/' "$two" >same.lua
expect_error "its version is still 1" 2 "$AFRUN" "$one" --mock --upgrade same.lua
sed 's/    counter = {/    teller = {/; s/counter = 3/teller = 3/; s/nodes("counter")/nodes("teller")/' "$two" >gone.lua
expect_error "role 'counter' is gone" 2 "$AFRUN" "$one" --mock --upgrade gone.lua
expect_error "--upgrade" 2 "$AFRUN" "$one" --mock --upgrade ''
expect_error "--upgrade" 2 "$AFRUN" "$one" --mock --upgrade "$two@5parsec"
expect_error "cannot be reloaded" 2 "$AFRUN" "$ROOT/flows/notebook/initiator.lua" --mock --upgrade "$two"
expect_error "is for a simulation" 2 "$AFRUN" "$one" --role keeper --node k --task t --bus local:x.db --upgrade "$two"
