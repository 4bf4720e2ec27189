# Parties for real on the platform's own service, which knows none of our fields: one contract a pop,
# at most once, and uuids of its own.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"

coproc FAKE { exec python3 "$ROOT/tests/lib/fake_service.py"; }
read -r port <&"${FAKE[0]}"

# tell LINE: has the service do something; its answer goes to $told.
tell() {
    echo "$1" >&"${FAKE[1]}"
    read -r told <&"${FAKE[0]}"
}

# The three parties of a flow, by the roles that the service lists; output in NODE.out and NODE.err.
parties() {
    local flow=$1 pids=() node role
    shift
    for node in a b c; do
        role=participant
        [ $node != a ] || role=initiator
        timeout 120 "$AFRUN" "$flow" --role $role --node node-$node --task "$task" \
            --bus "http://127.0.0.1:$port/node/node-$node" "$@" >$node.out 2>$node.err </dev/null &
        pids+=($!)
    done
    failed=0
    for pid in "${pids[@]}"; do wait "$pid" || failed=$((failed + 1)); done
}

# all_done NAME: the parties that have just run have ended well.
all_done() {
    if [ $failed -eq 0 ] && [ "$(grep -lE 'done' ./*.out | wc -l)" -eq 3 ]; then
        ok "$1"
    else
        not_ok "$1" "$(tail -n 5 ./*.out ./*.err)"
    fi
}

task=plain
parties "$ROOT/flows/sync_state.lua"
all_done "three parties meet on a platform's service"
if grep -q "is a plain platform service: it is polled" a.err &&
    [ "$(grep -c "plain platform service" a.err)" -eq 1 ]; then
    ok "each says once what that means"
else
    not_ok "each says once what that means" "$(cat a.err)"
fi

task=faulty
for _ in 1 2; do
    tell "plan message/pop drop"
    tell "plan message/push status 500"
    tell "plan message/pop body <html>the proxy is tired</html>"
    tell "plan message/push refuse"
    tell "plan message/pop status 503"
done
parties "$ROOT/flows/sync_state.lua"
all_done "errors, lost answers and a proxy's page end no party"
tell "requests"
if [[ $told == *message_uuid* ]]; then ok "pushes have our uuid"; else not_ok "pushes have our uuid"; fi

expect_error "is no URL" 2 "$AFRUN" "$ROOT/flows/sync_state.lua" --role initiator \
    --node n --task t --bus http:nonsense
eval "exec ${FAKE[1]}>&-"
wait "$FAKE_PID"
