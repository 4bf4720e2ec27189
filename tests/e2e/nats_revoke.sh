#!/usr/bin/env bash
# A token that one front's file has lost is refused by all fronts, for good.
source "$(dirname "$0")/../lib/e2e.sh"
plan 18
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
source "$ROOT/tests/lib/nats.sh"
need_nats

nats server
echo "${party_pids[server]}" >nats.pid
tap "fronts" env PYTHONPATH="$ROOT/tests/lib" python3 "$ROOT/tests/lib/revocations.py" "$AFRUN" "nats://127.0.0.1:$port" server
stop_all
