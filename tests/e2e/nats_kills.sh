#!/usr/bin/env bash
# Nodes over a cluster of three NATS servers, one of them behind fronts: every process is killed, hangs and is started
# anew, and nothing is lost, doubled or out of order; the results are those of a run without.
source "$(dirname "$0")/../lib/e2e.sh"
plan 4
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/nats.sh"
need_nats
bursts=2 kills=12
is_short || bursts=10 kills=300

hurt() { # hurt LEAST: results in results.LEAST, what was done in done.LEAST
    mkdir "run.$1"
    run python3 "$ROOT/tests/lib/kill_cluster.py" "$PROGRAM" "$ROOT/tests/data/tally" "run.$1" --play tally \
        --peers peer=p1,p2,p3 --arg bursts=$bursts --least "$1" --seed 1
    cp "$OUT" "results.$1"
    cp "$ERR" "done.$1"
}
hurt 0
expected="\"seen\": $((bursts * 10)), \"wrong\": 0"
if [ "$status" -eq 0 ] && [ "$(grep -oF "$expected" results.0 | wc -l)" -eq 3 ]; then
    ok "without kills each peer sees all items once, in order"
else
    not_ok "without kills each peer sees all items once, in order" "$(explain "exit status $status" kill_cluster)"
fi
hurt $kills
if [ "$status" -eq 0 ] && cmp -s results.0 results.$kills; then
    ok "and with $(tail -n 1 done.$kills)"
else
    not_ok "with $kills kills each peer sees all items once, in order" "$(explain "exit status $status" kill_cluster)"
fi
told=$(cat run.0/1/p?.err | grep -cF "older than 2.10")
if [ $((told > 0)) -eq "$(are_old_servers && echo 1 || echo 0)" ]; then
    ok "who asks servers for replicas is warned of old ones, and of those alone"
else
    not_ok "who asks servers for replicas is warned of old ones, and of those alone" "$(nats-server --version): told $told times"
fi
