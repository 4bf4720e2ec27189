#!/usr/bin/env bash
# --upgrade: a rolling upgrade tried in the simulator, under faults, before it is done.
source "$(dirname "$0")/../lib/e2e.sh"
plan 62
flows=$ROOT/flows/upgrade
one=$flows/count_1.lua two=$flows/count_2.lua
count=${AF_TEST_COUNT:-200}
is_short || count=1000
faults=(--drop 0.05 --duplicate 0.05 --crash keeper:0.05 --crash counter:0.05)

expect_output "4 parties done" "$AFRUN" "$one" --mock --upgrade "$two"

# What the older version had deferred is the newer one's at once, whether anything else comes or not.
for version in 1 2; do
    cat >waits_$version.lua <<LUA
local af = require "af"
local Word = af.event("word", {})
return af.flow { name = "waits", version = $version, mock = { giver = 1, taker = 1 }, roles = {
  giver = { start = "giving", states = { giving = { enter = function(party)
    party:send(party:nodes("taker"), Word {})
    return af.done()
  end } } },
  taker = { start = "waiting", states = { waiting = $([ $version = 1 ] && echo '{ defer = { Word } }' || echo '{ [Word] = function() return af.done() end }') } },
} }
LUA
done
expect_output "2 parties done, 0 failed, 1 upgraded" "$AFRUN" waits_1.lua --mock --upgrade waits_2.lua@1s
expect_output "5 parties done" "$AFRUN" "$two" --mock
expect_output "$count runs, 0 failed" "$AFRUN" "$one" --mock --upgrade "$two" "${faults[@]}" --runs "$count"
expect_output "$count runs, 0 failed" "$AFRUN" "$one" --mock --upgrade "$two@20ms" "${faults[@]}" --runs "$count"

# A keeper that has asked again is in the split state.
for seed in $(seq 100); do
    "$AFRUN" "$one" --mock -q --upgrade "$two@5s" --drop 0.2 --seed "$seed" --trace split.jsonl >/dev/null
    ! grep -qF '"versions":"1 to 2","state":"late_hearing"' split.jsonl || break
done
if grep -qF '"versions":"1 to 2","state":"late_hearing"' split.jsonl; then ok "a state is split by what the data say"; else not_ok "a state is split by what the data say"; fi

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
picky_seed=$(sed -nE 's/.*lowest failing seed is ([0-9]+).*/\1/p' "$OUT" | head -n 1)

# ---- One seed, one trace. ----
for n in 1 2; do
    "$AFRUN" "$one" --mock --upgrade "$two@20ms" "${faults[@]}" --seed 7 -q --trace "t$n.jsonl" >/dev/null
done
for build in release sanitize; do
    other=$ROOT/build/$build/afrun
    if [ ! -x "$other" ]; then
        skip 1 "the $build build is not there"
        continue
    fi
    "$other" "$one" --mock --upgrade "$two@20ms" "${faults[@]}" --seed 7 -q --trace "t.$build.jsonl" >/dev/null
    cmp -s t1.jsonl "t.$build.jsonl" && ok "and in the $build build" || not_ok "and in the $build build" "$(diff t1.jsonl "t.$build.jsonl" | head)"
done
cmp -s t1.jsonl t2.jsonl && ok "the same seed gives the same trace" || not_ok "the same seed gives the same trace" "$(diff t1.jsonl t2.jsonl | head)"
expect_in_file() { if grep -qF -e "$2" "$1"; then ok "$3"; else not_ok "$3" "$(head -n 3 "$1")"; fi; }
expect_in_file t1.jsonl '"kind":"reload"' "which tells of the reloads"
expect_in_file t1.jsonl '"file":["count_1.lua","count_2.lua"]' "and names both files"
expect_output "the same" "$AFRUN" replay t1.jsonl "$one" "$two"
expect_output "version 1 to 2" "$AFRUN" chart t1.jsonl

# A draw of the seed does not shift the others: without faults that cross it, the messages are the same.
"$AFRUN" "$one" --mock -q --trace plain.jsonl >/dev/null
"$AFRUN" "$one" --mock -q --upgrade "$two@1h" --trace late.jsonl >/dev/null
if cmp -s <(sed 1d plain.jsonl) <(sed 1d late.jsonl); then ok "chance is not shifted"; else not_ok "chance is not shifted" "$(diff plain.jsonl late.jsonl | head -n 5)"; fi

# The two versions may have one name: then a replay is told where they are.
mkdir new && cp "$two" new/count_1.lua
check "versions of one name" "$AFRUN" "$one" --mock -q --upgrade new/count_1.lua@20ms --trace same.jsonl
expect_error "is the name of both versions" 2 "$AFRUN" replay same.jsonl
expect_output "all the same" "$AFRUN" replay same.jsonl "$one" new/count_1.lua
expect_output "all the same" env -C "$ROOT" "$AFRUN" replay "$TMP/t1.jsonl"

# ---- How many were upgraded is told. ----
expect_output "4 parties done, 0 failed, 4 upgraded; " "$AFRUN" "$one" --mock --upgrade "$two@20ms" --arg rounds=50
expect_output '"upgraded":4' "$AFRUN" "$one" --mock --upgrade "$two@20ms" --arg rounds=50 --json
expect_output "; 0 parties upgraded; " "$AFRUN" "$one" --mock --upgrade "$two@1h" --runs 2

# ---- What a node would refuse, and a run lets through, is told before. ----
expect_error "a node would refuse this upgrade: broken.lua:$(grep -n '"tell",' broken.lua | cut -d: -f1): event 'tell': field 'amount' is new and required" 1 \
    "$AFRUN" "$one" --mock --upgrade broken.lua@20ms --runs 20
check "nothing is told of a good one" "$AFRUN" "$one" --mock --upgrade "$two@20ms"
if [ -s "$ERR" ]; then not_ok "nothing is told of a good one" "$(cat "$ERR")"; fi

# ---- A refused upgrade is in the trace, and drawn. ----
"$AFRUN" "$one" --mock -q --upgrade picky.lua@20ms --seed "$picky_seed" --trace picky.jsonl >/dev/null 2>&1
expect_in_file picky.jsonl '"kind":"refused","party":"keeper-1","state":"hearing"' "a refused upgrade is recorded"
expect_output "upgrade refused: picky.lua" "$AFRUN" chart picky.jsonl
expect_output "all the same" "$AFRUN" replay picky.jsonl "$one" picky.lua

# ---- A migration has nothing but the old snapshot, as on a node. ----
sed 's/    local data = old.data$/&\n    af.TaskContractor("t"):upload_file(af.content("bytes"))/' "$two" >asks.lua
expect_error "upload: a migration has nothing but the old snapshot" 1 "$AFRUN" "$one" --mock --upgrade asks.lua@20ms
sed 's/    local data = old.data$/&\n    af.TaskContractor("t"):report_progress(50)/' "$two" >reports.lua
expect_error "report_progress: a migration has nothing but the old snapshot" 1 "$AFRUN" "$one" --mock --upgrade reports.lua@20ms
expect_status 1 "$AFRUN" check "$one" --upgrade reports.lua
expect_in_file "$OUT" "report_progress: a migration has nothing but the old snapshot" "a check says the same"

# ---- A state whose name stays, and whose `after` does not. ----
clock() { # clock VERSION AFTER
    echo 'local af = require "af" return af.flow { name = "clock", version = '"$1"', roles = { clock = { start = "ticking", states = { ticking = { may_end = '"$3, $2"' } } } } }'
}
clock 1 'after = { 30, function() return af.done(1) end }' false >with_1.lua
clock 2 'after = { 30, function() return af.done(2) end }' false >with_2.lua
clock 1 '' false >without_1.lua
clock 2 '' true >without_2.lua
expect_output "0 parties done, 0 failed, 1 resting, 1 upgraded" "$AFRUN" with_1.lua --mock --upgrade without_2.lua@10s
expect_output "1 party done, 0 failed, 1 upgraded; 0 messages, 0 dropped, 0 unexpected; 30.000 s" "$AFRUN" with_1.lua --mock --upgrade with_2.lua@10s
expect_output "1 party done, 0 failed, 1 upgraded; 0 messages, 0 dropped, 0 unexpected; 40.0" "$AFRUN" without_1.lua --mock --upgrade with_2.lua@10s

# ---- Invariants: those of the second version, from the first party on that runs it. ----
shift_1=$ROOT/tests/data/upgrade/shift_1.lua shift_2=$ROOT/tests/data/upgrade/shift_2.lua
expect_output "2 parties done, 0 failed, 1 upgraded" "$AFRUN" "$shift_1" --mock --upgrade "$shift_2@5s"
sed 's/data.count <= 10/data.count <= 6/' "$shift_2" >strict.lua
expect_error "invariant 'the host counts to ten' is broken after a step of host-1" 1 "$AFRUN" "$shift_1" --mock --upgrade strict.lua@5s
expect_output "2 parties done, 0 failed, 0 upgraded" "$AFRUN" "$shift_1" --mock --upgrade strict.lua@1h
sed 's/data.sum, nil$/-1, nil/; s/data.total, data.sum = data.sum/data.total, data.sum = -1/' "$two" >negative.lua
expect_error "invariant 'the sum is that of whole rounds and of who has told' is broken after a step of" 1 \
    "$AFRUN" "$one" --mock --upgrade negative.lua@20ms --runs 20
expect_in_file "$OUT" "20 runs, 20 failed; 20 parties upgraded" "the first upgrade shows what the others will come to"

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
for moment in 5parsec soon '' 5; do
    expect_error "--upgrade: expected a duration" 2 "$AFRUN" "$one" --mock --upgrade "$two@$moment"
done
cp "$two" count@2.lua
check "a file's name may have an @" "$AFRUN" "$one" --mock --upgrade count@2.lua
sed 's/version = 1/version = 3/' "$one" >three.lua
expect_error "would go back from version 3 to 2" 2 "$AFRUN" three.lua --mock --upgrade "$two"
expect_error "--arg" 2 "$AFRUN" "$one" --mock --upgrade "$two" --arg zork=1
expect_error "cannot be reloaded" 2 "$AFRUN" "$ROOT/flows/notebook/initiator.lua" --mock --upgrade "$two"
expect_error "is for a simulation" 2 "$AFRUN" "$one" --role keeper --node k --task t --bus local:x.db --upgrade "$two"
