#!/usr/bin/env python3
"""fed_avg under one `afrun serve` and a node for each party, as their operators look after them: every process is killed at random
moments, flows are reloaded, stores are backed up, and put back where nothing has happened since.

care_nodes.py AFRUN FED_AVG DIR [--participants N] [--rounds N] [--least N] [--seed S] [--no-jail]

Prints the parties' results as JSON, and how many kills, reloads, backups and restores there were, and restores that had to be refused.
Exit status 1 with a line on standard error if a party does not come to its end, an effect is missing or there twice, or one of
these orders does not end as it must.
"""
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request

import journals
import runs
from kill_nodes import fail, kill_somebody, parser, processes
from reload_nodes import Versions, furnish, put

PATIENCE_S = 300
TOKEN = "admin-token-0123456789"


class Care:
    def __init__(self, options, chance):
        self.options, self.chance = options, chance
        self.versions, self.version = Versions(options.flow), 1
        self.kills = self.reloads = self.backups = self.restores = self.refused = 0
        self.copies = {} # the last of each node's store, and of the hub's (None)
        self.number = 0
        token = os.path.join(options.folder, "admin")
        with open(os.open(token, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(TOKEN + "\n")
        self.copies_folder = os.path.join(options.folder, "copies")
        os.mkdir(self.copies_folder)
        self.serve, self.nodes, self.peers = processes(options, self.folder_of)
        self.serve.command += ["--admin-token", token, "--backups", self.copies_folder]

    def folder_of(self, name):
        return os.path.join(self.options.folder, name + ".flows")

    def new_copy(self):
        self.number += 1
        return os.path.join(self.copies_folder, "%d.db" % self.number)

    def afrun(self, *words):
        return subprocess.run([self.options.afrun, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)

    def is_over(self, node):
        party = node.party()
        return party is not None and party.get("status") in ("done", "sending")

    # ---- What is done. ----

    def kill(self):
        self.kills += kill_somebody(self.chance, self.serve, self.nodes)

    def reload(self):
        """A version for all nodes; each takes it when it can."""
        self.version += 1
        for node in self.nodes:
            put(self.folder_of(node.name), self.versions.text(self.version))
        self.reloads += 1

    def look_at(self, copy):
        told = self.afrun("store", "check", copy)
        if told.returncode != 0:
            fail("%s: %s" % (copy, told.stdout.decode() + told.stderr.decode()))
        self.backups += 1

    def back_up(self, node):
        """Its store's copy, or None while the node does not answer."""
        copy = self.new_copy()
        if node.ctl("backup", copy).returncode != 0:
            return None
        self.look_at(copy)
        self.copies[node.name] = copy
        return copy

    def back_up_hub(self):
        copy = self.new_copy()
        request = urllib.request.Request(
            self.serve.url + "/admin/backup", json.dumps({"name": os.path.basename(copy)}).encode(),
            {"Authorization": "Bearer " + TOKEN, "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                if json.loads(answer.read())["code"] != 0:
                    return None
        except OSError: # it is being started
            return None
        self.look_at(copy)
        self.copies[None] = copy
        return copy

    def put_back(self, process, copy, folder, name):
        """Of a process that is killed. What is older than what is there must be refused, and changes nothing."""
        store = os.path.join(folder, name)
        told = self.afrun("restore", copy, folder, "--name", name)
        text = told.stderr.decode()
        if told.returncode == 0:
            self.restores += 1
            os.remove(store + ".before")
        elif told.returncode == 1 and "is older than what is there" in text:
            self.refused += 1
        else:
            fail("%s: %s is not put back: %s" % (process.name, copy, text))

    def restore(self, node, is_current):
        """A copy of a party that pauses holds all, unless its handler was under way; an earlier one may not."""
        is_current = is_current and node.ctl("pause", "t").returncode == 0
        copy = self.back_up(node) if is_current else self.copies.get(node.name)
        if copy is not None:
            node.halt()
            self.put_back(node, copy, node.state, "node.db")
            node.start()
            self.kills += 1
        until = time.monotonic() + 60
        while is_current and node.ctl("resume", "t").returncode != 0 and not self.is_over(node):
            if time.monotonic() > until:
                fail("%s does not go on: %s" % (node.name, node.party()))
            node.revive()
            time.sleep(0.02)

    def restore_hub(self, is_current):
        """What nobody has been answered since is as it was."""
        for node in self.nodes if is_current else []:
            node.process.send_signal(signal.SIGSTOP)
        copy = self.back_up_hub() if is_current else self.copies.get(None)
        if copy is not None:
            self.serve.halt()
            self.put_back(self.serve, copy, self.options.folder, "serve.db")
            self.serve.start()
            self.kills += 1
        for node in self.nodes if is_current else []:
            node.process.send_signal(signal.SIGCONT)

    def act(self):
        what, node = self.chance.random(), self.chance.choice(self.nodes)
        if what < 0.7:
            self.kill()
        elif what < 0.76:
            self.reload()
        elif what < 0.82:
            self.back_up(node)
        elif what < 0.86:
            self.back_up_hub()
        elif what < 0.95:
            self.restore(node, self.chance.random() < 0.5)
        else:
            self.restore_hub(self.chance.random() < 0.7)

    # ---- A run. ----

    def play(self, kills):
        self.serve.start()
        for node in self.nodes:
            furnish(self.folder_of(node.name), self.options.flow)
            put(self.folder_of(node.name), self.versions.text(1))
            node.start()
        for node in self.nodes:
            node.launch(self.peers, self.options.rounds)
        until = time.monotonic() + PATIENCE_S
        open_ends = list(self.nodes)
        while open_ends:
            if time.monotonic() > until:
                fail("not over after %d s: %s" % (PATIENCE_S, [n.party() for n in open_ends]))
            self.kills += sum(process.revive() for process in [self.serve] + self.nodes)
            if self.kills < kills:
                self.act()
            time.sleep(self.chance.random() * 0.05)
            for node in list(open_ends):
                party = node.party()
                if party and party["status"] == "done":
                    open_ends.remove(node)
                elif party and party["status"] in ("failed", "held", "broken"):
                    fail("%s: %s" % (node.name, party))
        for process in self.nodes + [self.serve]:
            process.stop()
        journals.check([(node.name, os.path.join(node.state, "node.db"), None) for node in self.nodes], fail)
        return {node.name: node.result() for node in self.nodes}, [self.kills, self.reloads, self.backups, self.restores, self.refused]


def main():
    options = parser("flow", "go on until so many were killed").parse_args()
    chance = random.Random(options.seed)

    def one(folder, counts):
        options.folder = folder
        return Care(options, chance).play(max(0, options.least - counts[0]))
    results, counts = runs.until_enough(options.folder, one, [0] * 5, lambda counts: counts[0] >= options.least, 200)
    if options.least >= 100 and 0 in counts:
        fail("something was never done: %s" % counts)
    print(json.dumps(results, sort_keys=True), *counts)


if __name__ == "__main__":
    main()
