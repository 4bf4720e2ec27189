# A broken party that is tried again twice in one turn of the loop: the first try failed, and what was to end it later ended what
# the second one had begun, so that the party was starting for ever.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 7
source "$ROOT/tests/lib/parties.sh"
mkdir flows
cat >flows/quiet.lua <<'LUA'
local af = require "af"
local Hello = af.event("hello", {})
return af.flow {
  name = "quiet",
  roles = { counter = {
    start = "counting",
    states = { counting = {
      enter = function(party) party:send(party:nodes("source"), Hello {}) end,
      after = { 3600, function() end },
    } },
  }, source = { start = "resting", states = { resting = { may_end = true, [Hello] = function() end } } } },
}
LUA
is() { [ "$(ctl status --json | jq -r '.parties[0].status')" = "$1" ]; }
start_node i --no-watch
ctl launch quiet --task t --role counter --peers 'counter=i;source=s' >/dev/null || not_ok "the party is launched" "$(cat i.err)"
until_true is waiting || not_ok "it waits" "$(ctl status)"
kill_party i TERM
check "what it sent is spoilt, so that it is broken" python3 -c '
import sqlite3
with sqlite3.connect("i.state/node.db") as db:
    db.execute("UPDATE party SET sent = 0")
    assert db.execute("UPDATE journal SET sends = ?", ("[1]",)).rowcount > 0'

# What the node says goes into a pipe: where that is full, the node stands in the middle of a try.
mkfifo said
exec {said}<>said
"$PROGRAM" node --node i --bus local:bus.db --flows flows --state i.state --no-watch >i.out 2>said </dev/null &
party_pids[i]=$!
wait_line i.out "afrun node: node i" || not_ok "the node starts" ""
PATIENCE=20
if until_true is broken; then ok "it is broken"; else not_ok "it is broken" "$(ctl status)"; fi
pid=${party_pids[i]}
python3 -c '
import fcntl, os
fd = os.open("said", os.O_RDWR | os.O_NONBLOCK)
for size in 4096, 1:
    try:
        while True: os.write(fd, b"\n" * size)
    except BlockingIOError: pass'
# Both orders are there before the node looks, which has descriptors for who ask, and none for a worker.
cat >ask.py <<'PY'
import os, resource, signal, socket, sys, time
pid = int(sys.argv[1])
askers = [socket.socket(socket.AF_UNIX) for _ in range(2)]
for asker in askers:
    asker.connect("i.state/control.sock")
time.sleep(0.3)  # it has accepted them
os.kill(pid, signal.SIGSTOP)
for asker in askers:
    asker.sendall(b'{"cmd":"retry","task":"t"}\n')
hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{pid}/fd")), hard))
os.kill(pid, signal.SIGCONT)
time.sleep(0.5)  # it stands where it tells of the first try
resource.prlimit(pid, resource.RLIMIT_NOFILE, (1024, hard))
PY
check "it is tried twice, the first time without room for a worker" python3 ask.py "$pid"
cat <&$said >i.err &
reader=$!
expect_room() { grep -q "Too many open files" i.err; }
if until_true expect_room; then ok "the first try failed so"; else not_ok "the first try failed so" "$(tr -s '\n' <i.err)"; fi
tried() { [ "$(grep -c "what is kept of its party is damaged" i.err)" -ge 2 ]; }
if until_true tried; then ok "the other one goes on"; else not_ok "the other one goes on" "$(tr -s '\n' <i.err)"; fi
if is broken; then ok "and finds it broken as before"; else not_ok "and finds it broken as before" "$(ctl status)"; fi
kill_party i TERM
kill $reader
wait $reader 2>/dev/null
stop_all
