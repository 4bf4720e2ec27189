"""Runs flows made by chance (random_flow.py) for real, and plays what each party has kept again.

journal_runs.py AFRUN FIRST COUNT BUS    flows FIRST … FIRST + COUNT - 1, in this folder; BUS: "local", or the address
of a service; prints what differs, status 1 then; last how many steps were played

A flow's seconds are shortened. Parties that have not ended after a while are stopped by Ctrl-C.
"""
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import time

import random_flow

PARTIES = {"x": ["x1"], "y": ["y1", "y2"]}
PEERS = ";".join(f"{role}={','.join(nodes)}" for role, nodes in PARTIES.items())
FACTOR = 0.02
LONGEST_S = 1.0 # of a run
STARTING_S = 60


def shorten(text):
    def scaled(match):
        return match.group(1) + str(int(match.group(2)) * FACTOR)
    text = re.sub(r"(after = \{ )(\d+)", scaled, text)
    return re.sub(r'(p:deadline\("d\d", )(\d+)', scaled, text)


def run(afrun, seed, bus):
    """What went otherwise, in words, and how many steps were played."""
    folder = f"flow{seed}"
    os.mkdir(folder)
    flow = os.path.join(folder, "random.lua")
    with open(flow, "w", encoding="utf-8") as out:
        out.write(shorten(random_flow.flow(seed, 1)))
    with open(os.path.join(folder, "random_help.lua"), "w", encoding="utf-8") as out:
        out.write(random_flow.HELPER)
    processes, states = [], []
    for role, nodes in PARTIES.items():
        for node in nodes:
            states.append(os.path.join(folder, f"{node}.state"))
            at = f"local:{folder}/bus.db" if bus == "local" else f"{bus}/node/{node}"
            with open(os.path.join(folder, f"{node}.log"), "w", encoding="utf-8") as log:
                processes.append(subprocess.Popen( # pylint: disable=consider-using-with
                    [afrun, flow, "--role", role, "--node", node, "--task", f"t{seed}", "--bus", at, "--peers", PEERS,
                     "--state", states[-1]], stdin=subprocess.DEVNULL, stdout=log, stderr=log))
    until = time.monotonic() + STARTING_S # each has begun, before they are given their time
    while time.monotonic() < until and not all(os.path.exists(state) for state in states):
        time.sleep(0.02)
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until and any(process.poll() is None for process in processes):
        time.sleep(0.02)
    for process in processes:
        process.send_signal(signal.SIGINT)
    for process in processes:
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            return f"flow {seed}: a party does not end", 0
    steps, wrong = 0, []
    for state in states:
        answer = subprocess.run([afrun, "replay", state, "--json"], capture_output=True, text=True, check=False)
        try:
            parties = json.loads(answer.stdout)["parties"]
        except (ValueError, KeyError):
            wrong.append(f"flow {seed}: {state}: {answer.stdout[-300:]}{answer.stderr[-300:]}")
            continue
        steps += sum(party["steps"] for party in parties)
        wrong += [f"flow {seed}: {state}: {party['difference'] or party['ends']}" for party in parties
                  if not party["same"] or party["ends"]]
        if len(parties) > 1: # none: it was stopped before it began
            wrong.append(f"flow {seed}: {state}: {len(parties)} parties")
    return "\n".join(wrong), steps


def main():
    afrun, first, count, bus = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda seed: run(afrun, seed, bus), range(first, first + count)))
    for wrong, _ in answers:
        if wrong:
            print(wrong)
    print(sum(steps for _, steps in answers))
    sys.exit(any(wrong for wrong, _ in answers))


if __name__ == "__main__":
    main()
