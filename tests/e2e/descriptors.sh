#!/usr/bin/env bash
# No descriptor is left (ulimit -n): that is told once, nobody spins over it, and all goes on when there is one again.
source "$(dirname "$0")/../lib/e2e.sh"
plan 8
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

cat >hold.py <<'PY'
# Holds as many connections as may be until there is a line on standard input.
import socket, sys, time
BODY = b'{"task_id":"t","channel":"federated","wait_seconds":60}'
POLL = (b"POST /node/b/fed-service/api/v2/message/pop HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY))
held, refused = [], 0
while len(held) < 200 and refused < 50:
    if sys.argv[1].startswith("/"):
        one = socket.socket(socket.AF_UNIX)
        one.setblocking(False)
        try:
            one.connect(sys.argv[1])
        except BlockingIOError: # as many wait as may; some are let in meanwhile, or none any more
            refused += 1
            time.sleep(0.01)
            continue
    else:
        one = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
        one.sendall(POLL) # one that asks for nothing would be closed for the next
    held.append(one)
print("held", flush=True)
sys.stdin.readline()
PY
hold() { # hold WHERE: until `let_go`
    mkfifo go
    /usr/bin/python3 hold.py "$1" <go >held 2>&1 &
    holder=$!
    exec 9>go
    wait_line held held
}
let_go() {
    exec 9>&-
    wait $holder
    rm go
}
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; } # of the processor, a hundredth of a second each

printf '#!/bin/sh\nulimit -n 60\nexec %q "$@"\n' "$PROGRAM" >few
chmod +x few
real=$AFRUN
AFRUN=$PWD/few
start_serve --bus local:serve.db --prefix-nodes --open-tasks || not_ok "the service starts" "$(cat serve.err)"
hold "${URL##*:}"
wait_line serve.err "connections are open, as many as may be (see \`ulimit -n\`)" && ok "a service tells it" ||
    not_ok "a service tells it" "$(cat serve.err)"
let_go
says "and goes on" '"code":0' "$(ask a push "$(message t '["b"]')")"
stop_serve
says "it ends well" 0 "$status"

mkdir flows
start_party node node --node i --bus local:bus.db --flows flows --state i.state
wait_line node.out "afrun node: node i" || not_ok "the node starts" "$(cat node.err)"
hold "$PWD/i.state/control.sock"
wait_line node.err "nobody can be answered at i.state/control.sock: Too many open files" && ok "a node tells it" ||
    not_ok "a node tells it" "$(cat node.err)"
before=$(ticks "${party_pids[node]}")
sleep 0.5 # time passes: how much of it does the node take?
[ $(($(ticks "${party_pids[node]}") - before)) -lt 25 ] && ok "and does not spin" || not_ok "and does not spin"
let_go
AFRUN=$real
goes_on() { "$AFRUN" ctl status --state i.state >/dev/null 2>&1; }
until_true goes_on && ok "it goes on" || not_ok "it goes on" "$(cat node.err)"
told() { grep -c 'nobody can be answered' node.err; }
says "it was told once" 1 "$(told)"
AFRUN=$PWD/few
hold "$PWD/i.state/control.sock"
told_again() { [ "$(told)" -gt 1 ]; }
until_true told_again && ok "… each time that it is so" || not_ok "… each time that it is so" "$(cat node.err)"
let_go
AFRUN=$real
kill_party node TERM
stop_all
