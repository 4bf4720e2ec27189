# counterexample.sh: what a check has found, run again; sourced after e2e.sh.

# runs_again NAME FLOW OUTCOME…: the simulator takes run.jsonl to one of these ends; it can be drawn.
runs_again() {
    local name=$1 flow=$2 outcomes
    shift 2
    outcomes=$(printf '\\|%s' "$@")
    check "$name: its counterexample replays" "$AFRUN" replay run.jsonl "$flow"
    if tail -n 1 run.jsonl | grep -q "\"outcome\":\"\\(${outcomes:2}\\)\""; then
        ok "  and does not end well"
    else
        not_ok "  and does not end well" "$(tail -n 1 run.jsonl)"
    fi
    check "  and is drawn" "$AFRUN" chart run.jsonl
}

# expect_violation TEXT COMMAND…: status 1, with TEXT somewhere on standard output.
expect_violation() {
    local text=$1 name
    shift
    name="$(title "$@")finds '$text'"
    run "$@"
    if [ "$status" -eq 1 ] && grep -qF -e "$text" "$OUT" && ! grep -q "mistake of ours" "$ERR"; then
        ok "$name"
    else
        not_ok "$name" "$(explain "exit status $status" "$@")"
    fi
}
