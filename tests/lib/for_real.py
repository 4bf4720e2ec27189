#!/usr/bin/env python3
"""Runs a flow for real: for_real.py AFRUN FLOW [OPTION…]. Each party of its mock run is a process of its own over local:, under
the same node's name. Who was done in mock must end with 0; the others rest, and must end well by SIGINT then."""
import json
import os
import signal
import subprocess
import sys
import tempfile

afrun, flow, options = sys.argv[1], os.path.abspath(sys.argv[2]), sys.argv[3:]
PATIENCE_S = 60
mock = json.loads(subprocess.run([afrun, flow, "--mock", "--json", *options], stdout=subprocess.PIPE, check=True).stdout)
parties = mock["party_list"]
roles = {}
for party in parties:
    roles.setdefault(party["id"].rsplit("-", 1)[0], []).append(party["id"])
peers = ";".join(role + "=" + ",".join(ids) for role, ids in roles.items())
done = [party["id"] for party in parties if party["status"] == "done"]
if not done:
    sys.exit("nobody is done in mock: a run for real would show nothing")
with tempfile.TemporaryDirectory() as folder:
    processes = {}
    for role, ids in roles.items():
        for node in ids:
            processes[node] = subprocess.Popen(
                [afrun, flow, "--bus", "local:" + folder + "/bus.db", "--task", "t", "--role", role, "--node", node,
                 "--peers", peers, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    failed = []
    for node in done + [party["id"] for party in parties if party["id"] not in done]:
        if node not in done:
            processes[node].send_signal(signal.SIGINT)
        try:
            said = processes[node].communicate(timeout=PATIENCE_S)[0].decode()
        except subprocess.TimeoutExpired:
            processes[node].kill()
            said = processes[node].communicate()[0].decode() + "it does not end"
        if processes[node].returncode != 0:
            failed.append("%s: status %d\n%s" % (node, processes[node].returncode, said))
sys.exit("\n".join(failed) if failed else 0)
