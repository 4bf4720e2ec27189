#!/usr/bin/env bash
# fed_avg.sh PORT AFRUN PARTICIPANTS NUMBERS ROUNDS: flows/fed_avg.lua at one service, with models of so many doubles.
#
# A process for each party; training is the flow's own arithmetic. Prints the seconds from before all start until all have
# ended, and the most memory of a party in bytes.
set -eu
python3 - "$(readlink -f "$2")" "$1" "$3" "$4" "$5" <<'PY'
import resource, subprocess, sys, time
afrun, port, count, numbers, rounds = sys.argv[1:]
names = ["p%02d" % i for i in range(1, int(count) + 1)]
begin = time.monotonic()
parties = [subprocess.Popen([afrun, "flows/fed_avg.lua", "-q", "--role", role, "--node", node, "--task", "fed", "--bus",
                             "http://127.0.0.1:%s/node/%s" % (port, node), "--peers", "aggregator=a;participant=" + ",".join(names),
                             "--arg", "rounds=" + rounds, "--arg", "quorum=" + count, "--arg", "size=" + numbers, "--arg", "linger=0.1"],
                            stdout=subprocess.DEVNULL) for node, role in [("a", "aggregator")] + [(name, "participant") for name in names]]
statuses = [party.wait() for party in parties]
if any(statuses):
    sys.exit("the parties ended with %s" % statuses)
print(time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
PY
