#!/usr/bin/env bash
# What a service tells Prometheus, and whoever asks whether it is up.
source "$(dirname "$0")/../lib/e2e.sh"
plan 59
source "$ROOT/tests/lib/serve.sh"

start_serve --open-tasks --prefix-nodes --bus local:bus.db || not_ok "the service starts" "$(cat serve.err)"
pop='{"task_id":"T","channel":"federated"'
for round in 1 2 3; do
    ask a push "$(message T '["b"]')" >/dev/null
done
ask b pop "$pop}" >/dev/null
ask c pop "$pop,\"wait_seconds\":1}" >/dev/null # it waits, and so counts in no time
call GET /metrics '' >metrics
cp metrics serve.metrics

# sample NAME VALUE: it is there with this value.
sample() {
    if grep -qxF "$1 $2" metrics; then
        ok "$1 is $2"
    else
        not_ok "$1 is $2" "$(grep -F "${1%%[\{ ]*}" metrics)"
    fi
}
sample afrun_contracts_pushed_total 3
sample afrun_contracts_handed_out_total 1
sample afrun_contracts_acknowledged_total 0
sample afrun_contracts_set_aside_total 0
sample afrun_tasks 1
sample afrun_queues 2
sample afrun_queue_contracts 2
sample afrun_polls_parked 0
sample 'afrun_requests_total{method="POST",path="push",code="0"}' 3
sample 'afrun_requests_total{method="POST",path="pop",code="0"}' 2
sample 'afrun_request_duration_seconds_count{path="push"}' 3
sample 'afrun_request_duration_seconds_count{path="pop"}' 1
sample 'afrun_request_duration_seconds_bucket{path="push",le="+Inf"}' 3
sample 'afrun_build_info{version="'"$("$AFRUN" --version | awk '{ print $2 }' | head -n 1)"'"}' 1

# at_least NAME VALUE: the sample is that large at least.
at_least() {
    local found
    found=$(sed -n "s/^${1//[\{\}]/.} //p" metrics)
    if [ "${found:-0}" -ge "$2" ]; then ok "$1 is $2 at least"; else not_ok "$1 is $2 at least" "$found: $(grep -F "${1%%[\{ ]*}" metrics)"; fi
}
at_least 'afrun_commit_duration_seconds_count{file="bus"}' 3 # each push is on the disk when it is answered
if awk '/^afrun_commit_duration_seconds_sum/ { s = $2 } END { exit !(s > 0 && s < 60) }' metrics; then ok "commits take their time"; else not_ok "commits take their time" "$(grep commit metrics)"; fi
for name in process_resident_memory_bytes process_cpu_seconds_total process_start_time_seconds \
    process_open_fds process_max_fds afrun_queue_oldest_age_seconds afrun_connections; do
    if grep -qE "^$name [0-9.e+-]+$" metrics; then ok "$name is told"; else not_ok "$name is told" "$(cat metrics)"; fi
done

# Each bucket holds those below it.
if awk -F '[ "]' '/_bucket\{path="push"/ { if ($NF < last) bad = 1; last = $NF; n++ } END { exit !(n == 13 && !bad) }' metrics; then
    ok "buckets are cumulative"
else
    not_ok "buckets are cumulative" "$(grep 'bucket{path="push"' metrics)"
fi
began=$(sed -n 's/^process_start_time_seconds //p' metrics)
if awk -v began="$began" -v now="$(date +%s)" 'BEGIN { exit !(began > now - 600 && began <= now + 1) }'; then
    ok "it began a moment ago"
else
    not_ok "it began a moment ago" "$began"
fi
if command -v promtool >/dev/null; then
    run bash -c 'promtool check metrics <metrics'
    if [ "$status" -eq 0 ] && [ ! -s "$OUT" ] && [ ! -s "$ERR" ]; then ok "promtool has nothing to say"; else not_ok "promtool has nothing to say" "$(cat "$OUT" "$ERR")"; fi
else
    skip 1 "there is no promtool"
fi

# ---- Up, and ready. ----
expect_output "ok" curl -sSf "$URL/healthz"
expect_output "200" curl -sS -I -o head -w '%{http_code}' "$URL/healthz"
expect_output "ready" curl -sSf "$URL/readyz"
check "and nothing else" [ "$(cat "$OUT")" = ready ]
stop_serve
[ "$status" -eq 0 ] && ok "it ends well" || not_ok "it ends well" "$status"

# ---- Rules. ----
if command -v promtool >/dev/null; then
    check "promtool takes the rules" promtool check rules "$ROOT/runtime/serve/alerts.yml"
else
    skip 1 "there is no promtool"
fi

# ---- A service by its file, whose messages are lines of JSON. ----
umask 077
printf 'listen = 127.0.0.1:0\nbus = local:other.db\nopen-tasks = true\nprefix-nodes = true\nlog = json\n' >serve.conf
: >serve.err
start_serve --config serve.conf || not_ok "a service starts by its file" "$(cat serve.err)"
says "a service starts by its file" '"code":0' "$(ask a push "$(message T '["b"]')")"
stop_serve
check "each message is an object" python3 -c '
import json
lines = [json.loads(line) for line in open("serve.err")]
assert lines and all({"time", "level", "message"} <= set(line) for line in lines), lines'
echo 'listne = 127.0.0.1:0' >>serve.conf
expect_error "serve.conf:6: unknown name; known are the long options of afrun serve" 2 "$AFRUN" serve --config serve.conf
printf 'token = 0123456789abcdef\n' >serve.conf
expect_error "which afrun serve has no use for" 2 "$AFRUN" serve --config serve.conf

# ---- A sidecar, whose hub is away. ----
start_serve --bus http://127.0.0.1:1 --node n || not_ok "a sidecar starts" "$(cat serve.err)"
call GET /metrics '' >metrics
cp metrics sidecar.metrics
sample afrun_hub_reachable 0
sample afrun_outbox_contracts 0
stop_serve

# ---- The same of a node. ----
mkdir flows && cp "$ROOT/flows/sync_state.lua" flows
"$AFRUN" node --node i --bus local:bus2.db --flows flows --state i.state --metrics 127.0.0.1:0 >node.out 2>node.err </dev/null &
node_pid=$!
for ((i = 0; i < 600; i++)); do
    URL=$(sed -nE 's,.*metrics at (http://[^ ]+)/metrics,\1,p' node.out)
    [ -z "$URL" ] || break
    sleep 0.05
done
check "a party is launched" "$AFRUN" ctl launch sync_state --task t --role initiator \
    --peers 'initiator=i;participant=p' --control i.state/control.sock
call GET /metrics '' >metrics
sample 'afrun_parties{status="waiting"}' 1
sample 'afrun_parties{status="held"}' 0
sample afrun_workers 1
at_least 'afrun_commit_duration_seconds_count{file="state"}' 1
at_least 'afrun_commit_duration_seconds_count{file="bus"}' 1
sample 'afrun_push_duration_seconds_count' 0
sample 'afrun_contract_duration_seconds_count' 0
check "its peer comes, and both are done" "$AFRUN" flows/sync_state.lua --role participant --node p --task t --bus local:bus2.db \
    --peers 'initiator=i;participant=p'
call GET /metrics '' >metrics
at_least 'afrun_push_duration_seconds_count' 2
at_least 'afrun_contract_duration_seconds_count' 1
expect_output "ready" curl -sSf "$URL/readyz"
expect_output "ok" curl -sSf "$URL/healthz"
expect_output "404" curl -sS -o /dev/null -w '%{http_code}' "$URL/nothing"
expect_output "405" curl -sS -o /dev/null -w '%{http_code}' -d x "$URL/metrics"
if command -v promtool >/dev/null; then
    run bash -c 'promtool check metrics <metrics'
    if [ "$status" -eq 0 ] && [ ! -s "$OUT" ] && [ ! -s "$ERR" ]; then ok "promtool has nothing to say of a node"; else not_ok "promtool has nothing to say of a node" "$(cat "$OUT" "$ERR")"; fi
else
    skip 1 "there is no promtool"
fi
kill -TERM $node_pid
status=0
wait $node_pid || status=$?
[ "$status" -eq 0 ] && ok "the node ends well" || not_ok "the node ends well" "$status"

# ---- Rules and a dashboard name what is there. ----
for title in "Time of a push, of a pop" "Time of a commit"; do
    expect_output "$title" cat "$ROOT/runtime/serve/dashboard.json"
done
for file in alerts.yml dashboard.json; do
    grep -ohE '\b(afrun|process)_[a-z_]+' "$ROOT/runtime/serve/$file" | sed 's/_bucket$//' | sort -u | while read -r name; do
        grep -q "^# TYPE $name " metrics serve.metrics sidecar.metrics || echo "$name"
    done >unknown
    if [ ! -s unknown ]; then ok "$file names what is told"; else not_ok "$file names what is told" "$(cat unknown)"; fi
done
