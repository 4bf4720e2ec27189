#!/usr/bin/env bash
# A node that was killed while it started a worker: its child had the control socket a moment longer,
# and the node that was started again ended with "Address already in use".
source "$(dirname "$0")/../lib/e2e.sh"
plan 5
source "$ROOT/tests/lib/parties.sh"
mkdir -m 700 flows n.state
cat >hold.py <<'PY'
import socket, sys
held = socket.socket(socket.AF_UNIX)
held.bind("n.state/control.sock")
held.listen(4)
print("held", flush=True)
held.accept() # somebody looks whether it is held
print("looked at", flush=True)
sys.stdin.read()
PY
coproc HOLD { exec python3 hold.py; }
hold_pid=$HOLD_PID
read -r line <&"${HOLD[0]}"
start_party n node --node n --bus local:bus.db --flows flows --state n.state
read -r line <&"${HOLD[0]}"
eval "exec ${HOLD[1]}>&-"
wait "$hold_pid"
wait_line n.out "afrun node: node n" && ok "a socket that is let go soon is taken" || not_ok "a socket that is let go soon is taken" "$(cat n.err)"
check "and the node is talked to there" "$AFRUN" ctl status --state n.state
start_party m node --node m --bus local:bus.db --flows flows --state m.state --control n.state/control.sock
expect_ended m 3 "one that somebody listens at is not"
expect_in m.err "cannot be listened at: Address already in use" "and it is told"
check "the first node is talked to there still" "$AFRUN" ctl status --state n.state
stop_all
