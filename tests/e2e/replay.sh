# Traces: whole or not there, validated when read, replayed, drawn.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 50
cp "$ROOT/flows/sync_state.lua" .

check "a trace is written" "$AFRUN" sync_state.lua --mock -q --drop 0.1 --seed 4 --trace run.jsonl
expect_output "all the same" "$AFRUN" replay run.jsonl
if ! grep -q "has changed" "$ERR"; then ok "no file has changed"; else not_ok "no file has changed" "$(cat "$ERR")"; fi
if [ "$(stat -c %a run.jsonl)" = 600 ]; then ok "it is for its owner only"; else not_ok "it is for its owner only"; fi
if ! grep -qE '/(tmp|work|home)|"pid"' run.jsonl; then ok "it holds no paths"; else not_ok "it holds no paths"; fi
expect_error "no/such/folder.jsonl: cannot be written" 3 "$AFRUN" sync_state.lua --mock --trace no/such/folder.jsonl

# What the flow's code now does otherwise is named.
sed 's/current_round = party.args.round/current_round = party.args.round + 1/' sync_state.lua >other.lua
if cmp -s other.lua sync_state.lua; then not_ok "the flow was changed"; else ok "the flow was changed"; fi
mv other.lua sync_state.lua
expect_error "the run now goes otherwise" 1 "$AFRUN" replay run.jsonl
expect_error "has changed since the run was recorded" 1 "$AFRUN" replay run.jsonl
expect_output "all the same" "$AFRUN" replay run.jsonl "$ROOT/flows/sync_state.lua"
mkdir elsewhere && mv run.jsonl elsewhere/ && rm sync_state.lua
mkfifo pipe
expect_error "pipe: is a pipe, no file; a trace that comes by one is read so: afrun replay -" 2 timeout 20 "$AFRUN" replay pipe
expect_error "name it: afrun replay TRACE FLOW.lua" 2 "$AFRUN" replay elsewhere/run.jsonl
mv elsewhere/run.jsonl . && cp "$ROOT/flows/sync_state.lua" .

# Step by step.
printf '\n\np\nd initiator-1\nq initiator-1\nd nobody\nhelp\nc\n' >commands
"$AFRUN" replay run.jsonl --step <commands >steps 2>&1
for text in "initiator-1 starts in waiting_query" "queued" "there is no party 'nobody'" "all the same"; do
    if grep -qF -- "$text" steps; then ok "--step shows $text"; else not_ok "--step shows $text" "$(head -c 2000 steps)"; fi
done
if echo x | "$AFRUN" replay run.jsonl --step >/dev/null; then ok "x leaves"; else not_ok "x leaves"; fi

# Traces are hostile until validated.
bad() { # bad NAME STATUS TEXT: of the trace in ./bad.jsonl
    expect_error "$3" "$2" "$AFRUN" chart bad.jsonl
    expect_error "$3" "$2" "$AFRUN" replay bad.jsonl
}
sed 's/"trace":1/"trace":4/' run.jsonl >bad.jsonl && bad newer 2 "version 4; this program reads versions 1 to 3"
sed 's/"kind":"send"/"kind":"zork"/' run.jsonl >bad.jsonl && bad kind 2 "unknown kind of record 'zork'"
head -c 300 run.jsonl >bad.jsonl && bad cut 2 "is no JSON object"
sed '3s/"t":0/"t":-1/' run.jsonl >bad.jsonl && bad time 2 "never goes back"
sed 's/"party":"initiator-1",//' run.jsonl >bad.jsonl && bad field 2 "needs a field 'party'"
: >bad.jsonl && bad empty 2 "is empty"
echo '{}' >bad.jsonl && bad none 2 "is no trace"
echo '[1]' >bad.jsonl && bad list 2 "is no JSON object"
head -c 1000 /dev/urandom >bad.jsonl && bad noise 2 "is no JSON object"
expect_error "cannot be read" 2 "$AFRUN" chart .

# Charts.
for form in "" --mermaid --svg --html; do
    check "chart $form" "$AFRUN" chart run.jsonl $form
    cp "$OUT" "chart$form"
done
if [ "$(wc -L <chart)" -le 80 ]; then ok "a text fits 80 columns"; else not_ok "a text fits 80 columns"; fi
if head -1 chart--mermaid | grep -q sequenceDiagram; then ok "Mermaid begins as it should"; else not_ok "Mermaid begins as it should"; fi
if ! grep -qE '(src|href)="https?:' chart--html; then ok "the page needs nothing else"; else not_ok "the page needs nothing else"; fi
expect_output "left out" "$AFRUN" chart run.jsonl --tail 3
expect_error "--zork: unknown option" 2 "$AFRUN" chart run.jsonl --zork
expect_error "name one trace" 2 "$AFRUN" chart
"$AFRUN" chart - <run.jsonl >from_stdin
if cmp -s from_stdin chart; then ok "- reads standard input"; else not_ok "- reads standard input"; fi

# --trace-data keeps the data themselves.
check "with data" "$AFRUN" sync_state.lua --mock -q --trace data.jsonl --trace-data
if grep -q '"data":{' data.jsonl && ! grep -q '"data":{' run.jsonl; then ok "data are kept if asked for"; else not_ok "data are kept if asked for"; fi
expect_output "all the same" "$AFRUN" replay data.jsonl
