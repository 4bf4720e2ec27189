# Runs whose steps are given: their trace tells the steps, and is replayed, stepped through, drawn.
# tests/data/trace_schedule.jsonl is one of tests/data/bugs/lost_ack.lua, in which the
# acknowledgement is lost.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 35
cp "$ROOT/tests/data/bugs/lost_ack.lua" "$ROOT/flows/sync_state.lua" .
cp "$ROOT/tests/data/trace_schedule.jsonl" run.jsonl

expect_output "lost_ack: 13 records replayed, all the same; 0.000 s virtual" "$AFRUN" replay run.jsonl
expect_output "stuck in waiting_ack" "$AFRUN" chart run.jsonl

# It can be stepped through: a step before each start and before each step of the schedule.
printf 'n\nn\np\nn\np\nc\n' | "$AFRUN" replay run.jsonl --step >steps 2>&1
for text in 'step 3, ' 'step 4, ' 'sender-1             waiting_ack              0 queued, 0 deferred, down' "all the same"; do
    if grep -qF -- "$text" steps; then ok "--step shows '$text'"; else not_ok "--step shows '$text'" "$(head -c 2000 steps)"; fi
done
if [ "$(printf 'n\n%.0s' {1..20} | "$AFRUN" replay run.jsonl --step | grep -o 'step [0-9]*,' | tail -1)" = "step 7," ]; then
    ok "there are seven steps"
else
    not_ok "there are seven steps"
fi

# A flow that does otherwise is named; so is one that cannot follow any more.
sed -i 's/value = 1 }/value = 2 }/' lost_ack.lua
expect_error "its 'send' is another" 1 "$AFRUN" replay run.jsonl
cp "$ROOT/tests/data/bugs/lost_ack.lua" .

# with STEPS: the trace with other steps in its header, as bad.jsonl.
with() {
    sed -E "1s/\"schedule\":\[[^]]*\]/\"schedule\":$1/" run.jsonl >bad.jsonl
    if cmp -s bad.jsonl run.jsonl; then not_ok "the header was changed" "$1"; fi
}
with '["crash","nobody"]'
expect_error "step 1 of the schedule cannot be done: crash of nobody: the run has no such party" 1 "$AFRUN" replay bad.jsonl
with '["crash","nobody","crash","nobody"]'
"$AFRUN" replay bad.jsonl >told 2>&1
[ "$(grep -c "cannot be done" told)" = 1 ] && ok "the first such step is the last" || not_ok "the first such step is the last" "$(cat told)"
with '["crash","sender-1","crash","sender-1"]'
expect_error "the run now goes otherwise" 1 "$AFRUN" replay bad.jsonl
with '[]'
expect_error "the run now goes otherwise" 1 "$AFRUN" replay bad.jsonl

# What is no schedule is refused by all that read traces.
mangled() { # mangled STEPS TEXT
    with "$1"
    expect_error "bad.jsonl:1: $2" 2 "$AFRUN" replay bad.jsonl
    expect_error "bad.jsonl:1: $2" 2 "$AFRUN" chart bad.jsonl
}
mangled '["zork"]' "the schedule: step 1: 'zork' is no kind of step"
mangled '["crash","a","deliver","a","b"]' "the schedule: step 2: 'deliver' needs 4 more words, here are 2"
mangled '["drop","a","b","c","zz"]' "the schedule: step 1: 'zz' is no hash of a content"
mangled 'null' "a trace of version 2 needs a list 'schedule'"
mangled '"crash"' "a trace of version 2 needs a list 'schedule'"
mangled '{"crash":"a"}' "a trace of version 2 needs a list 'schedule'"
{ printf '1s/"schedule":[^]]*]/"schedule":['; printf '"crash","a",%.0s' {1..100001}; printf '"crash","a"]/\n'; } >many.sed
sed -f many.sed run.jsonl >bad.jsonl
expect_error "bad.jsonl:1: the schedule: has more than 100000 steps" 2 "$AFRUN" replay bad.jsonl
sed '1s/"schedule":[^]]*],//' run.jsonl >bad.jsonl
expect_error "needs a list 'schedule'" 2 "$AFRUN" replay bad.jsonl
sed '1s/"trace":2/"trace":1/' run.jsonl >bad.jsonl
expect_error "a trace of version 1 has no 'schedule'" 2 "$AFRUN" replay bad.jsonl

# What a party has deferred it takes up by steps of its own, before anything else. In a trace of version
# 2 it does so at once: tests/data/trace_at_once.jsonl is such a one.
cp "$ROOT/tests/data/check/recalling.lua" .
cp "$ROOT/tests/data/trace_at_once.jsonl" once.jsonl
expect_output "records replayed, all the same" "$AFRUN" replay once.jsonl
"$AFRUN" check recalling.lua --arg strict=true --trace recalls.jsonl >"$OUT" 2>"$ERR"
expect_output "records replayed, all the same" "$AFRUN" replay recalls.jsonl
strays() { # strays TEXT SED: what a run with other steps comes to
    local text=$1
    sed "1$2" recalls.jsonl >bad.jsonl
    if cmp -s bad.jsonl recalls.jsonl; then not_ok "the header was changed" "$2"; fi
    expect_error "$text" 1 "$AFRUN" replay bad.jsonl
}
strays "timeout of shop-1: the party takes up what it has deferred before anything else" \
    's/"recall","shop-1"/"timeout","shop-1",""/'
strays "recall of shop-1: the party has deferred nothing that it may take up now" \
    's/"schedule":\[/&"recall","shop-1",/'
sed '1s/"trace":2/"trace":3/' once.jsonl >bad.jsonl # which leaves out the recalls
expect_error "the run now goes otherwise" 1 "$AFRUN" replay bad.jsonl

# A header's options are hostile as well.
sed '1s/"options":\[\]/"options":["--drop","0.5"]/' run.jsonl >bad.jsonl
expect_error "the schedule: says which faults there are" 2 "$AFRUN" replay bad.jsonl
sed '1s/"options":\[\]/"options":["--upgrade","sync_state.lua"]/' run.jsonl >bad.jsonl
expect_error "sync_state.lua: " 2 "$AFRUN" replay bad.jsonl
echo 'require "af".sleep(1)' >plain.lua
expect_error "the schedule: is for flows" 2 "$AFRUN" replay run.jsonl plain.lua
