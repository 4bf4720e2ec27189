# What the service has confirmed is there when it comes back, once and in order, however it ended.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 18
source "$ROOT/tests/lib/serve.sh"

# all_of_sink: the uuids that wait for it, in order.
all_of_sink() {
    local answer ack='' count
    while :; do
        answer=$(ask sink pop "{\"task_id\":\"R\",\"channel\":\"federated\",\"max\":1000,\"lease_seconds\":60,\"ack\":[$ack]}")
        ack=$(grep -o '"message_uuid":"[^"]*"' <<<"$answer" | cut -d: -f2 | paste -sd,)
        [ -n "$ack" ] || return 0
        tr ',' '\n' <<<"$ack" | tr -d '"'
    done
}

rounds=${AF_TEST_COUNT:-2}
[ -z "${AF_TEST_LONG:-}" ] || rounds=${AF_TEST_COUNT:-20}
for signal in TERM KILL INT; do
    for ((round = 1; round <= rounds; round++)); do
        start_serve --prefix-nodes --open-tasks
        python3 "$ROOT/tests/lib/push_until.py" "$URL" 4 confirmed &
        pusher=$!
        for ((i = 0; i < 600; i++)); do # until it is in the middle of its work
            [ "$(metric contracts_pushed_total)" -lt $((50 * round)) ] || break
            sleep 0.01
        done
        kill -$signal $serve_pid
        status=0
        wait $serve_pid 2>/dev/null || status=$?
        wait $pusher
        [ $signal = KILL ] || [ $status -eq 0 ] && ok "SIG$signal, round $round: it ends" || not_ok "SIG$signal, round $round: it ends" "$status $(tail serve.err)"
        start_serve --prefix-nodes --open-tasks
        all_of_sink >there
        sort confirmed >confirmed.sorted
        sort there >there.sorted
        lost=$(comm -23 confirmed.sorted there.sorted)
        twice=$(uniq -d there.sorted)
        swapped=$(for p in 0 1 2 3; do grep "^p$p-" there | cut -d- -f2 | sort -nc 2>&1; done)
        [ -s confirmed ] && [ -z "$lost" ] && ok "… and has all $signal confirmed" || not_ok "… and has all that was confirmed" "lost: $lost"
        [ -z "$twice$swapped" ] && ok "… once, in order" || not_ok "… once, in order" "$twice $swapped"
        stop_serve
        rm -rf afrun.db*
    done
done
