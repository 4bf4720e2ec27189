#!/usr/bin/env python3
"""Runs parties that are kept (afrun run --state), kills them, starts them again until all have ended,
and looks for every effect in their journals. A run that is over before all of --random's kills is
followed by another.

kill_runs.py AFRUN FLOW DIR [--participants N] [--rounds N] [--point NAME:COUNT --victim ID]
             [--random KILLS --seed S] [--least KILLS]

Prints one line: the parties' results as JSON, and how often somebody was killed. Exit status 1 with
a line on standard error if a party did not end well, or an effect is missing or is there twice.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import time

import answers
import journals
import runs

PATIENCE_S = 120


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(1)


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("afrun")
    parser.add_argument("flow")
    parser.add_argument("folder")
    parser.add_argument("--participants", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--point")
    parser.add_argument("--victim")
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--least", type=int, default=0, help="fail if fewer were killed")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


class Party:
    def __init__(self, options, folder, name, role, peers):
        self.name, self.path = name, os.path.join(folder, name + ".db")
        self.command = [
            options.afrun, options.flow, "--bus", "local:" + os.path.join(folder, "bus.db"),
            "--task", "t", "--node", name, "--role", role, "--peers", peers, "--json", "-q",
            "--arg", "rounds=%d" % options.rounds, "--arg", "linger=0.1", "--state", self.path]
        self.kills, self.process, self.result = 0, None, None

    def start(self, point=None):
        environment = dict(os.environ)
        environment.pop("AFRUN_KILL_AT", None)
        if point:
            environment["AFRUN_KILL_AT"] = point
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)

    def look(self):
        """Whether it has ended; one that was killed is started again."""
        if self.result is not None:
            return True
        status = self.process.poll()
        if status is None:
            return False
        out, err = self.process.communicate()
        if status == -9:
            self.kills += 1
            self.start()
            return False
        answers.keep(self.command[1:], status, out)
        if status != 0:
            fail("%s: exit status %d: %s" % (self.name, status, err.decode()[-2000:]))
        self.result = json.loads(out.decode().strip().splitlines()[-1])
        return True


def play(options, chance, folder, left):
    """One run, with at most `left` kills. Returns the results, and how many were killed."""
    names = ["p%d" % i for i in range(1, options.participants + 1)]
    peers = "aggregator=a;participant=" + ",".join(names)
    parties = [Party(options, folder, "a", "aggregator", peers)]
    parties += [Party(options, folder, name, "participant", peers) for name in names]
    for party in parties:
        party.start(options.point if party.name == options.victim else None)
    until = time.monotonic() + PATIENCE_S
    while not all([party.look() for party in parties]):
        if time.monotonic() > until:
            fail("not over after %d s: %s" % (
                PATIENCE_S, ", ".join(p.name for p in parties if p.result is None)))
        if left > 0:
            victim = chance.choice(parties)
            if victim.result is None:
                victim.process.kill()
                left -= 1
            time.sleep(chance.random() * 0.05)
        else:
            time.sleep(0.005)
    # who has ended takes what comes then as late, and counts it (anew in each life)
    journals.check([(p.name, p.path, p.result["late"] if p.kills == 0 else None)
                    for p in parties], fail)
    results = {party.name: party.result["result"] for party in parties}
    return results, [sum(party.kills for party in parties)]


def main():
    options = parse()
    chance = random.Random(options.seed)
    results, (killed,) = runs.until_enough(
        options.folder,
        lambda folder, counts: play(options, chance, folder, options.random - counts[0]),
        [0], lambda counts: counts[0] >= options.random, most=1000)
    if killed < options.least:
        fail("only %d kills" % killed)
    print(json.dumps(results, sort_keys=True), killed)


main()
