# Flows with planted bugs: simulation finds each, and the command that it prints finds it again.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 23
bugs=$ROOT/tests/data/bugs

# caught TEXT FLOW OPTION…: among 200 seeds one fails with TEXT, and its command fails alike.
caught() {
    local text=$1 flow=$2 command
    shift 2
    expect_error "$text" 1 "$AFRUN" "$bugs/$flow" --mock --runs 200 "$@"
    command=$(sed -n '/repeat it with:/{n;s/^ *afrun //p;}' "$OUT")
    if [ -z "$command" ]; then
        not_ok "$flow: a command to repeat it is printed" "$(cat "$OUT")"
        return
    fi
    ok "$flow: a command to repeat it is printed"
    run bash -c "\"\$0\" $command" "$AFRUN"
    if [ "$status" -eq 1 ] && grep -qF -e "$text" "$ERR"; then
        ok "$flow: it fails again: $command"
    else
        not_ok "$flow: it fails again: $command" "$(explain "exit status $status" "$command")"
    fi
}

# fine FLOW OPTION…: no seed fails.
fine() {
    local flow=$1
    shift
    expect_output "200 runs, 0 failed" "$AFRUN" "$bugs/$flow" --mock --runs 200 "$@"
}

line_of() {
    grep -nF -e "$2" "$bugs/$1" | head -n 1 | cut -d: -f1
}

fine lost_ack.lua
fine lost_ack.lua --duplicate 0.2
caught "sender-1 is stuck in state 'waiting_ack' ($bugs/lost_ack.lua:$(line_of lost_ack.lua '[Ack]')): \
waits for ack" lost_ack.lua --drop 0.1

fine double_count.lua
caught "invariant 'each voter counts once' is broken after a step of collector-1" \
    double_count.lua --duplicate 0.1
caught "invariant 'each voter counts once' is broken" double_count.lua --duplicate 0.1 --fifo

fine double_expect.lua
caught "double_expect.lua:$(line_of double_expect.lua af.expect): expectation broken: buyer-" \
    double_expect.lua --duplicate 0.1

fine reordered.lua --fifo
fine reordered.lua --latency 5ms..5ms
caught "reordered.lua:$(line_of reordered.lua af.expect): expectation broken: a line is missing" \
    reordered.lua

# The failed run is drawn.
expect_error "ack" 1 "$AFRUN" "$bugs/lost_ack.lua" --mock --drop 1
if grep -q '✗ stuck in waiting_ack' "$ERR"; then ok "the chart marks who is stuck"; else
    not_ok "the chart marks who is stuck" "$(cat "$ERR")"
fi
