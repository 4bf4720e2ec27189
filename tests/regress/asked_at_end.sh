# What a node asks of its bus for an operator, in the turn of the loop in which it is told to end: the bus closes with that done and
# not told yet, and told it to who had been freed.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 5
source "$ROOT/tests/lib/parties.sh"
mkdir flows
cat >flows/short.lua <<'LUA'
local af = require "af"
return af.flow {
  name = "short", version = 1,
  roles = {
    quick = { start = "ending", states = { ending = { enter = function() return af.done(1) end } } },
    held = { start = "raising", states = { raising = { enter = function() error "planned" end } } },
    lasting = { start = "resting", states = { resting = { may_end = true, after = { 3600, "resting" } } } },
  },
}
LUA
cat >ask.py <<'PY'
import os, signal, socket, sys, time

def connect():
    channel = socket.socket(socket.AF_UNIX)
    channel.connect("i.state/control.sock")
    return channel

pid = int(sys.argv[1])
waits, other = connect(), connect()
other.sendall(b'{"cmd":"status"}\n')
assert other.recv(1 << 16) # so it has taken the first one, too
os.kill(pid, signal.SIGSTOP)
while open("/proc/%d/stat" % pid).read().rpartition(")")[2].split()[0] != "T":
    time.sleep(0.01)
waits.sendall(sys.argv[2].encode() + b"\n")
for number in (signal.SIGTERM, signal.SIGINT):
    os.kill(pid, number)
os.kill(pid, signal.SIGCONT)
PY
asked() { # asked NAME REQUEST
    start_node i --no-watch
    [ -n "${launched:-}" ] || for role in quick held lasting; do
        ctl launch short --task $role --role $role --peers "$role=i" >/dev/null || not_ok "$role is launched" "$(cat i.err)"
    done
    launched=1
    is_ready() { [ "$(ctl status --json | jq -c '[.parties[].status]')" = '["done","held","resting"]' ]; }
    until_true is_ready || not_ok "the parties are ready" "$(ctl status)"
    run python3 ask.py "${party_pids[i]}" "$2"
    expect_ended i 0 "$1"
}
asked "dead letters are handed out again" '{"cmd":"again","task":"quick"}'
asked "a launch asks for the task's nodes" '{"cmd":"launch","task":"more","flow":"short"}'
sed -i 's/^return/for i = 1, 2e7 do end return/; s/version = 1/version = 2/' flows/short.lua
asked "a party is tried again, in a version that is loaded first" '{"cmd":"retry","task":"held"}'
expect_in i.err "ending; its parties are kept" "it was told to end"
