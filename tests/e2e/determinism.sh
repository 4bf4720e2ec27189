# One seed is one run: the same trace, byte for byte, in every process, at every address, in both
# builds.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 5
seeds=${AF_TEST_COUNT:-$(is_short && echo 5 || echo 100)} # both builds are compared in any case
faults=(--drop 0.05 --duplicate 0.05 --partition random:0.05)

# trace FILE COMMAND…: runs it with its trace to FILE; how it ends is part of the comparison.
trace() {
    local file=$1
    shift
    "$@" -q --trace "$file" >"$file.out" 2>"$file.err" </dev/null
    echo "exit status $?" >>"$file"
    sed -E 's/, [0-9]+ ms; seed/; seed/' "$file.out" >>"$file"
    cat "$file.err" >>"$file"
}

# same NAME COMMAND…: runs it with $arguments, and compares with first.jsonl.
same() {
    local name=$1
    shift
    trace "$TMP/again.jsonl" "$@" "${arguments[@]}"
    cmp first.jsonl again.jsonl >>differences.txt 2>&1 ||
        echo "$name: ${arguments[*]}" >>differences.txt
}

compare() {
    arguments=("$@")
    trace first.jsonl "$AFRUN" "${arguments[@]}"
    same "twice" "$AFRUN"
    same "from another folder, with another environment" \
        env -C / HOME=/nowhere LC_ALL=C TZ=Asia/Tokyo FILLER="$(printf '%4000s' x)" "$AFRUN"
    [ -z "$fixed" ] || same "without random addresses" setarch -R "$AFRUN"
    for build in $builds; do
        same "in the $build build" "$ROOT/build/$build/afrun"
    done
}

fixed=$(setarch -R true 2>/dev/null && echo yes)
builds=
for build in release sanitize; do
    [ -x "$ROOT/build/$build/afrun" ] && builds+=" $build"
done
: >differences.txt
for seed in $(seq "$seeds"); do
    compare "$ROOT/flows/sync_state.lua" --mock --seed "$seed" --parties participant=4 \
        "${faults[@]}" --crash participant:0.05 --crash initiator:0.05
    compare "$ROOT/flows/fed_avg.lua" --mock --seed "$seed" --parties participant=6 \
        "${faults[@]}" --crash participant:0.02 --crash aggregator:0.02 --lose participant:1
    compare "$ROOT/flows/upgrade/count_1.lua" --mock --seed "$seed" --arg rounds=20 \
        "${faults[@]}" --crash counter:0.05 --crash keeper:0.05 \
        --upgrade "$ROOT/flows/upgrade/count_2.lua"
done
compare "$ROOT/flows/notebook/initiator.lua" "$ROOT/flows/notebook/collaborator.lua" --mock
compare "$ROOT/flows/sync_state.lua" --mock --fifo --trace-data
compare "$ROOT/tests/data/bugs/lost_ack.lua" --mock --drop 1
compare "$ROOT/tests/data/bad/impure_upvalue.lua" --mock

if [ -s differences.txt ]; then
    not_ok "the same trace everywhere" "$(head -n 20 differences.txt)"
else
    ok "the same trace everywhere"
fi
if [ -n "$fixed" ]; then ok "also without random addresses"; else
    skip 1 "setarch -R is not allowed here"
fi
if [ "$builds" = " release sanitize" ]; then ok "in both builds"; else
    skip 1 "only$builds built"
fi

# What a trace must not hold: paths, process numbers, wall times. And another seed is another run.
trace first.jsonl "$AFRUN" "$ROOT/flows/sync_state.lua" --mock
if grep -qF -e "$ROOT" -e "$TMP" first.jsonl; then
    not_ok "a trace holds no paths" "$(grep -nF -e "$ROOT" first.jsonl | head -n 3)"
else
    ok "a trace holds no paths"
fi
trace again.jsonl "$AFRUN" "$ROOT/flows/sync_state.lua" --mock --seed 2
if cmp -s first.jsonl again.jsonl; then not_ok "another seed, another run"; else
    ok "another seed, another run"
fi
