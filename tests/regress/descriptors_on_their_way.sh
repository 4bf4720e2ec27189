#!/usr/bin/env bash
# A worker sends large bytes as a descriptor. Of these no more of a user may be on their way than a process of it may have
# open, which is 16 in a worker: with 20 parties on a machine workers ended ("ended with status 0, in delivery of …"). They
# wait until there are fewer.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 2
cat >keeps.lua <<'LUA'
local af = require "af"
return af.flow { name = "keeps", roles = { keeper = { start = "keeping", states = { keeping = {
  enter = function(party)
    party.data.kept = party:keep(("x"):rep(1000000))
    return af.done { bytes = #party:kept(party.data.kept) }
  end,
} } } } }
LUA
cat >hold.py <<'PY'
import array, os, re, socket, subprocess, sys
pairs = [socket.socketpair() for _ in range(40)]
for one, _ in pairs:
    one.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))])
run = subprocess.Popen([sys.argv[1], "keeps.lua", "--role", "keeper", "--node", "n", "--task", "t", "--bus", "local:bus.db",
                        "--peers", "keeper=n"])
def has_waited():
    for entry in os.listdir("/proc"):
        try:
            text = open("/proc/%s/status" % entry).read()
        except OSError:
            continue
        if re.search(r"^PPid:\t%d$" % run.pid, text, re.M):
            return int(re.search(r"^voluntary_ctxt_switches:\t(\d+)", text, re.M).group(1)) > 200
    return False
while run.poll() is None and not has_waited():
    pass
print("had to wait: %s" % (run.poll() is None), flush=True)
for one, two in pairs:
    one.close()
    two.close()
sys.exit(run.wait())
PY
expect_output "had to wait: True" timeout 60 python3 hold.py "$AFRUN"
if grep -qF "keeps: n done" "$OUT" && [ ! -s "$ERR" ]; then ok "then it goes on"; else not_ok "then it goes on" "$(cat "$OUT" "$ERR")"; fi
