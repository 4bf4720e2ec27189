# Clients that connect and say little stop nobody; polls that wait cost little.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan $((10 + ${AF_TEST_LONG:+2} + 0))
source "$ROOT/tests/lib/serve.sh"

half_open=300 parked=200 mode=
if [ -n "${AF_TEST_LONG:-}" ]; then
    half_open=12500 parked=1000 mode=long # more than there may be connections
fi
start_serve --prefix-nodes --open-tasks
tap "slow" python3 "$ROOT/tests/lib/slow_clients.py" "$URL" $half_open $parked $mode
case $AFRUN in *sanitize*) limit=2000000 ;; *) limit=$((60000 + half_open * 24)) ;; esac
peak=$(peak_kb)
[ "$peak" -lt $limit ] && ok "memory stayed bounded" || not_ok "memory stayed bounded" "$peak kB"
stop_serve
[ $status -eq 0 ] && ok "it ends well" || not_ok "it ends well" "$(tail serve.err)"
