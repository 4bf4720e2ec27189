#!/usr/bin/env bash
# channel.sh PORT AFRUN FOLDER FILE: a file through the data channel, from one party to another, by its path.
#
# Two processes, one of each party, at one service: from before both start until both have ended and the file is there whole,
# its SHA-256 checked. Prints the seconds, and the most memory of the two in bytes.
set -eu
afrun=$(readlink -f "$2")
file=$(readlink -f "$4")
folder=$3/channel
mkdir -p "$folder"
cd "$folder"
ln -f "$file" sent.bin 2>/dev/null || cp "$file" sent.bin
cat >channel.lua <<'LUA'
local af = require "af"
local function all(role) return function(party) return party:nodes(role) end end
return af.flow { name = "channel", roles = {
  giver = { start = "giving", states = { giving = af.data_channel.sending {
    target = all "taker", path = "sent.bin", timeout = 600, done = function() return af.done() end } } },
  taker = { start = "taking", states = { taking = af.data_channel.receiving {
    source = all "giver", path = "got.bin", received = function() end, done = function() return af.done() end } } },
} }
LUA
python3 - "$afrun" "$1" <<'PY'
import resource, subprocess, sys, time
afrun, port = sys.argv[1:]
begin = time.monotonic()
parties = [subprocess.Popen([afrun, "channel.lua", "-q", "--role", role, "--node", role, "--task", "channel", "--bus",
                             "http://127.0.0.1:%s/node/%s" % (port, role), "--peers", "giver=giver;taker=taker"],
                            stdout=subprocess.DEVNULL) for role in ("taker", "giver")]
statuses = [party.wait() for party in parties]
if any(statuses):
    sys.exit("the parties ended with %s" % statuses)
print(time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
PY
cmp -s sent.bin got.bin
rm -rf "$folder"
