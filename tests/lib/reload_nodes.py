#!/usr/bin/env python3
"""fed_avg under a node for each party, whose flow is reloaded again and again meanwhile.

reload_nodes.py AFRUN FED_AVG DIR [--participants N] [--rounds N] [--reloads N] [--kill] [--seed S]
                [--broken SECONDS] [--least N]

Each version renames a field of the data, there and back, and migrates it. --kill: at each reload one
node, or its worker, is killed at a random moment. --broken: for so long every second a version is
offered that must be refused. Prints the parties' results as JSON, and how many reloads, kills and
refusals there were. Exit status 1 with a line on standard error if a party does not come to its end,
an effect is missing or there twice, a reload is refused, or a broken version is not.
"""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import journals
import runs
from kill_nodes import fail, parser, processes

PATIENCE_S = 300

RENAME = """  migrate = function(old)
    local data = old.data
    data.%s, data.%s = data.%s or data.%s, nil
    return { state = old.state, data = data }
  end,
"""

STATES = r"(?<!\.)\b(checking_in|syncing|sending|collecting|finished|getting|trained|offering|closing)\b"

BROKEN = {
    "a syntax error": (r"return af.flow", "return return af.flow", "fed_avg.lua:"),
    "a missing state": (STATES, None, "which is no state of role"),
    "a failing migrate": (r"  migrate = function\(old\)\n", "  migrate = function(old)\n    error 'planned'\n",
                          "planned"),
    "a migrate whose data cannot be kept": (r"return \{ state = old.state, data = data \}",
                                            "data.f = print return { state = old.state, data = data }",
                                            "data.f"),
    "an event that needs more": (r'af.event\("close_round", \{ round = count, epoch = epoch \}\)',
                                 'af.event("close_round", { round = count, epoch = epoch, why = af.string })',
                                 "'why' is new and required"),
    "an endless loop at load": (r"^local af = require \"af\"", "while true do end", "instructions"),
    "a gigabyte at load": (r"^local af = require \"af\"",
                           "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", ""),
    "a version that does not move": (r"  version = \d+,", "  version = 1,", "version"),
}


class Versions:
    """The texts of fed_avg's versions."""

    def __init__(self, path):
        with open(path) as file:
            self.first = file.read()

    def text(self, version):
        text = self.first
        if version % 2 == 0:
            text = re.sub(r"\bdata\.tries\b", "data.attempts", text)
            text = text.replace("tries = 0", "attempts = 0")
        names = ("attempts", "tries") if version % 2 == 0 else ("tries", "attempts")
        migrate = RENAME % (names + names) if version > 1 else ""
        return text.replace('  name = "fed_avg",\n',
                            '  name = "fed_avg",\n  version = %d,\n%s' % (version, migrate))

    def broken(self, version, kind):
        pattern, replacement, _ = BROKEN[kind]
        text = self.text(version + 1)
        if replacement is None: # each state has another name, and migrate does not know
            changed = re.sub(pattern, lambda found: found.group() + "_2", text)
        else:
            changed = re.sub(pattern, lambda _: replacement, text, count=1, flags=re.M)
        if changed == text:
            fail("%s: nothing of fed_avg.lua matches" % kind)
        return changed


def furnish(folder, path):
    """The folder of a node, with the modules of the flow at path."""
    os.makedirs(folder)
    for name in ("fed_avg", "training"):
        shutil.copytree(os.path.join(os.path.dirname(path), name), os.path.join(folder, name))


def put(folder, text):
    """As an editor saves: whole or not at all."""
    with open(os.path.join(folder, ".new"), "w") as file:
        file.write(text)
    os.rename(os.path.join(folder, ".new"), os.path.join(folder, "fed_avg.lua"))


class Reloads:
    def __init__(self, options, nodes, folder_of, versions, chance):
        self.options, self.nodes, self.folder_of = options, nodes, folder_of
        self.versions, self.chance = versions, chance
        self.version, self.made, self.killed, self.refused = 1, 0, 0, 0

    def is_over(self, node):
        party = node.party()
        return party is not None and party.get("status") in ("done", "sending")

    def runs(self, node):
        party = node.party()
        return party["version"] if party else None

    def reload_one(self, node):
        put(self.folder_of(node.name), self.versions.text(self.version))
        if self.options.kill:
            self.kill_during(node)
            return
        answer = node.ctl("reload", "fed_avg", "--json")
        if answer.returncode != 0 and not self.is_over(node):
            fail("%s: version %d: %s" % (node.name, self.version, answer.stderr.decode()))

    def kill_during(self, node):
        party = node.party()
        asked = threading.Thread(target=node.ctl, args=("reload", "fed_avg"))
        asked.start()
        time.sleep(self.chance.random() * 0.08)
        if self.chance.random() < 0.3 and party and party.get("worker"):
            try:
                os.kill(party["worker"], signal.SIGKILL)
            except ProcessLookupError:
                pass
        else:
            node.kill()
        self.killed += 1
        asked.join()

    def wait_for(self, node, until):
        while self.runs(node) != self.version and not self.is_over(node):
            if time.monotonic() > until:
                fail("%s does not come to version %d: %s" % (node.name, self.version, node.party()))
            node.revive()
            time.sleep(0.02)

    def next(self):
        self.version += 1
        nodes = list(self.nodes)
        self.chance.shuffle(nodes)
        if self.options.kill: # one node is killed, the others see the file change
            for node in nodes[1:]:
                put(self.folder_of(node.name), self.versions.text(self.version))
            self.reload_one(nodes[0])
        else:
            for node in nodes:
                self.reload_one(node)
        for node in nodes:
            self.wait_for(node, time.monotonic() + 60)
        self.made += 1

    def offer_broken(self, kind):
        """To one node; the round goes on with what it runs."""
        node = self.nodes[self.refused % len(self.nodes)]
        before = node.party()
        if self.is_over(node):
            return
        put(self.folder_of(node.name), self.versions.broken(self.version, kind))
        answer = node.ctl("reload", "fed_avg")
        told, after = answer.stderr.decode(), node.party()
        if self.is_over(node):
            return
        if answer.returncode == 0 or BROKEN[kind][2] not in told:
            fail("%s: it was not refused as it should be: %s" % (kind, told or answer.stdout))
        if after["version"] != before["version"] or after["status"] in ("held", "broken"):
            fail("%s: something has changed: %s" % (kind, after))
        if "not_taken" not in node.ctl("status", "--json").stdout.decode():
            fail("%s: status does not say so" % kind)
        self.refused += 1


def parse():
    own = parser("flow", "fail if fewer reloads were made, or broken versions refused")
    own.add_argument("--reloads", type=int, default=0)
    own.add_argument("--kill", action="store_true")
    own.add_argument("--broken", type=float, default=0)
    return own.parse_args()


def play(options, chance):
    """One run in options.folder. Returns the results, and how many reloads, kills and refusals."""
    versions = Versions(options.flow)

    def folder_of(name):
        return os.path.join(options.folder, name + ".flows")
    serve, nodes, peers = processes(options, folder_of)
    serve.start()
    for node in nodes:
        furnish(folder_of(node.name), options.flow)
        put(folder_of(node.name), versions.text(1))
        node.start()
    for node in nodes:
        node.launch(peers, options.rounds)
    reloads = Reloads(options, nodes, folder_of, versions, chance)
    until = time.monotonic() + options.broken
    kinds = sorted(BROKEN)
    while time.monotonic() < until and not all(reloads.is_over(node) for node in nodes):
        begin = time.monotonic()
        reloads.offer_broken(kinds[reloads.refused % len(kinds)])
        time.sleep(max(0, begin + min(1, options.broken / len(kinds)) - time.monotonic()))
    while reloads.made < options.reloads and not all(reloads.is_over(node) for node in nodes):
        reloads.next()
    until = time.monotonic() + PATIENCE_S
    while not all(reloads.is_over(node) for node in nodes):
        if time.monotonic() > until:
            fail("not over after %d s: %s" % (PATIENCE_S, [n.party() for n in nodes]))
        for node in nodes:
            node.revive()
            party = node.party()
            if party and party["status"] in ("failed", "held", "broken"):
                fail("%s: %s" % (node.name, party))
        time.sleep(0.05)
    for node in nodes: # what was sent has been confirmed
        while node.party()["status"] != "done":
            time.sleep(0.05)
    for process in nodes + [serve]:
        process.stop()
    journals.check([(node.name, os.path.join(node.state, "node.db"), None) for node in nodes], fail)
    results = {node.name: node.result() for node in nodes}
    return results, (reloads.made, reloads.killed, reloads.refused)


def main():
    options = parse()
    chance = random.Random(options.seed)
    wanted = 2 if options.broken else 0  # refusals, or reloads

    def one(folder, _):
        options.folder = folder
        return play(options, chance)
    results, counts = runs.until_enough(options.folder, one, [0, 0, 0],
                                        lambda counts: counts[wanted] >= options.least)
    print(json.dumps(results, sort_keys=True), *counts)


if __name__ == "__main__":
    main()
