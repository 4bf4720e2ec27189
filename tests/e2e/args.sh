# Mistakes on the command line: one line that says what, where and why, and status 2.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 73
flow=$ROOT/flows/sync_state.lua

# wrong TEXT ARGUMENT…: status 2, TEXT in the only line on standard error, nothing on the other.
wrong() {
    local text=$1
    shift
    expect_error "$text" 2 "$AFRUN" "$@"
    if [ "$(wc -l <"$ERR")" -eq 1 ] && [ ! -s "$OUT" ] && grep -q '^afrun: ' "$ERR"; then
        ok "  in one line"
    else
        not_ok "  in one line" "$(cat "$OUT" "$ERR")"
    fi
}

wrong "--nonsense" "$flow" --mock --nonsense
wrong "--see" "$flow" --mock --see 3
wrong "no_such_flow.lua" no_such_flow.lua --mock
wrong "name a flow" run --mock
wrong "--mock" "$flow"
wrong "--seed" "$flow" --mock --seed
wrong "--seed" "$flow" --mock --seed banana
wrong "--seed" "$flow" --mock --seed -1
wrong "--runs" "$flow" --mock --runs 0
wrong "--drop" "$flow" --mock --drop 1.5
wrong "--drop" "$flow" --mock --drop nan
wrong "--duplicate" "$flow" --mock --duplicate -0.1
wrong "--latency" "$flow" --mock --latency 10ms..1ms
wrong "--latency" "$flow" --mock --latency 10
wrong "--until" "$flow" --mock --until soon
wrong "--crash" "$flow" --mock --crash participant
wrong "the flow 'sync_state' has no role 'participants'" "$flow" --mock --crash participants:0.1
wrong "no role 'participants'" "$flow" --mock --lose participants:1
wrong "cannot lose 9" "$flow" --mock --lose participant:9
wrong "no role 'voter'" "$flow" --mock --parties voter=3
wrong "--parties" "$flow" --mock --parties participant=-1
wrong "--parties" "$flow" --mock --parties participant
wrong "--partition" "$flow" --mock --partition 'initiator|nobody@1s..2s'
wrong "--partition" "$flow" --mock --partition 'initiator@1s..2s'
wrong "--partition" "$flow" --mock --partition 'initiator|participant@2s..1s'
wrong "--arg rounds" "$flow" --mock --arg rounds=1
wrong "It takes round" "$flow" --mock --arg rounds=1
wrong "expected an integer >= 0" "$flow" --mock --arg round=eleven
wrong "expected an integer >= 0" "$flow" --mock --arg round=-1
wrong "expected an integer >= 0" "$flow" --mock --arg round=true
wrong "--arg" "$flow" --mock --arg round
wrong "twice" "$flow" --mock --arg round=1 --arg round=2
wrong "stands alone" "$flow" "$flow" --mock
wrong "has no party" "$flow" --mock --parties participant=0,initiator=0

# What is right: both forms of an option, and options before the flow.
expect_output "seed 7" "$AFRUN" "$flow" --mock --seed=7
expect_output "seed 7" "$AFRUN" run --seed 7 --mock "$flow"
expect_output "seed 9223372036854775807" "$AFRUN" "$flow" --mock --seed 9223372036854775807
expect_output "--mock" "$AFRUN" run --help

# A trace that cannot be written is the store's failure, not the flow's.
expect_error "no/where.jsonl" 3 "$AFRUN" "$flow" --mock --trace no/where.jsonl
