#!/usr/bin/env bash
# A node that may what `afrun nats config` lets it tries to pose as another one to fronts and nodes.
source "$(dirname "$0")/../lib/e2e.sh"
plan 14
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"
source "$ROOT/tests/lib/certificates.sh"
source "$ROOT/tests/lib/nats.sh"
source "$ROOT/tests/lib/nats_cluster.sh"
need_nats

read -ra ports < <(nats_ports 1)
"$AFRUN" nats config nats --nodes i,p1,evil --operators op --fronts f1 --servers "127.0.0.1:${ports[0]}" >/dev/null
cd nats || exit 1
authority ca
for name in evil f1 p1; do known_by $name; done
known_by server-1 subjectAltName=IP:127.0.0.1
start_server server-1
until_true grep -q "Server is ready" server-1.log || not_ok "the server starts" "$(tail server-1.log)"
tap "forging" env PYTHONPATH="$ROOT/tests/lib" python3 "$ROOT/tests/lib/forging.py" "$AFRUN" "${ports[0]}"
stop_all
