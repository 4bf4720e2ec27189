#!/usr/bin/env python3
"""A flow of a node for each party over a cluster of three NATS servers, every process of which is killed.

kill_cluster.py AFRUN FLOWS DIR --play NAME --peers ROLE=ID,…;… [--arg NAME=VALUE]… [--least N] [--seed S]

Servers, nodes and workers are killed, each by chance; a server is back after a while, at times two of them are away.
Servers and nodes hang (SIGSTOP), which the others see as a partition, and go on. All servers are started anew, one
after the other. Prints the parties' results as JSON and what was done how often. Exit status 1 with a line on standard
error if a party does not come to its end, an effect is missing or there twice, or a sender's contracts came in
another order than it sent them.
"""
import json
import os
import random
import signal
import socket
import sys
import time

import journals
import kill_nodes
import runs
from kill_nodes import Node, Process, fail

PATIENCE_S = 400
HURT_S = 100  # of a run: what then is left must come to its end by itself
KINDS = ("server", "node", "worker", "stop", "rolling")


class Server(Process):
    def __init__(self, folder, number, ports, routes):
        name = "server-%d" % number
        config = os.path.join(folder, name + ".conf")
        with open(config, "w") as file:
            file.write('server_name: %s\nmax_payload: 16MB\nmax_pending: 128MB\njetstream { store_dir: "%s/%s" }\n'
                       'cluster { name: kills, listen: "127.0.0.1:%d", routes: [%s] }\n'
                       % (name, folder, name, routes[number],
                          ", ".join('"nats://127.0.0.1:%d"' % port for port in routes)))
        super().__init__(name, ["nats-server", "-a", "127.0.0.1", "-p", str(ports[number]), "-c", config], folder)
        self.port = ports[number]

    def until_ready(self):
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return
            except OSError:
                time.sleep(0.02)
        fail("%s does not answer" % self.name)


class Run:
    def __init__(self, options, chance):
        held = [socket.socket() for _ in range(6)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1] for one in held]
        for one in held:
            one.close()
        self.chance, self.counts = chance, dict.fromkeys(KINDS, 0)
        self.servers = [Server(options.folder, i, ports[:3], ports[3:]) for i in range(3)]
        url = "nats://%s?replicas=3" % ",".join("127.0.0.1:%d" % port for port in ports[:3])
        roles = [(name, role) for role, names in (one.split("=") for one in options.peers.split(";"))
                 for name in names.split(",")]
        self.nodes = [Node(options, name, role, url) for name, role in roles]
        self.later = []  # (when, what): what is to be done about who is away
        self.away = set()

    def do_later(self, who, delay, what):
        self.away.add(who)
        self.later.append((time.monotonic() + delay, who, what))

    def do_due(self, all_of_it=False):
        for entry in sorted(self.later, key=lambda entry: entry[0]):
            if all_of_it or entry[0] <= time.monotonic():
                self.later.remove(entry)
                self.away.discard(entry[1])
                entry[2]()

    def rolling(self):
        for server in self.servers:
            server.stop()
            server.start()
            server.until_ready()
            time.sleep(self.chance.random())

    def hurt(self):
        """Does something to somebody; how many kills it was."""
        kind = self.chance.choices(KINDS, (4, 4, 3, 3, 0.3))[0]
        chance = self.chance
        up = [server for server in self.servers if server not in self.away]
        if kind == "server" and len(up) > (1 if chance.random() < 0.2 else 2):
            victim = chance.choice(up)
            victim.halt()
            self.do_later(victim, chance.random() * 2, victim.start)
        elif kind == "node":
            victim = chance.choice([node for node in self.nodes if node not in self.away] or [None])
            if victim is None:
                return
            victim.kill()
        elif kind == "worker":
            victim = chance.choice([node for node in self.nodes if node not in self.away] or [None])
            party = victim and victim.party()
            if not party or not party.get("worker"):
                return
            try:
                os.kill(party["worker"], signal.SIGKILL)
            except ProcessLookupError:
                return
        elif kind == "stop":
            victim = chance.choice([one for one in up + self.nodes if one not in self.away] or [None])
            if victim is None or victim in self.servers and len(up) < 3:
                return
            process = victim.process
            process.send_signal(signal.SIGSTOP)
            self.do_later(victim, 12 if chance.random() < 0.1 else chance.random() * 2,
                          lambda: process.send_signal(signal.SIGCONT))
        elif kind == "rolling" and len(up) == 3:
            self.rolling()
        else:
            return
        self.counts[kind] += 1


def check_order(nodes):
    """Of each sender each receiver has taken what it was sent in the order of the sending."""
    rows = {node.name: journals.rows_of(os.path.join(node.state, "node.db")) for node in nodes}
    place = {}
    for name, journal in rows.items():
        for row in journal:
            for send in json.loads(row[4]) if row[4] and row[4][:1] in ("[", b"[") else []:
                place[send["uuid"].replace("-", "").upper()] = (name, len(place))
    for name, journal in rows.items():
        last, known = {}, set()
        for _, _, uuid, _, _ in journal:
            if uuid in known or uuid not in place:
                continue
            known.add(uuid)
            sender, number = place[uuid]
            if number < last.get(sender, -1):
                fail("%s: took what %s sent in another order: %s" % (
                    name, sender, [place[row[2]][1] for row in journal if place.get(row[2], ("",))[0] == sender]))
            last[sender] = number
    return len(place)


def missing(nodes):
    """What was sent and not taken: (sender, number of its step, target), and how far that step's sends were confirmed."""
    rows = {node.name: journals.rows_of(os.path.join(node.state, "node.db")) for node in nodes}
    taken = {name: journals.taken_by(name, journal, fail) for name, journal in rows.items()}
    return [(name, row[0], to, send["uuid"]) for name, journal in rows.items() for row in journal
            for send in (json.loads(row[4]) if row[4] and row[4][:1] in ("[", b"[") else [])
            for to in send["to"] if send["uuid"].replace("-", "").upper() not in taken[to]]


def play(options, chance, enough):
    run = Run(options, chance)
    for server in run.servers:
        server.start()
    for server in run.servers:
        server.until_ready()
    for node in run.nodes:
        node.start()
    for node in run.nodes:
        node.launch(options.peers, None, options.play, options.arg)
    until = time.monotonic() + PATIENCE_S
    open_ends = list(run.nodes)
    while open_ends:
        if time.monotonic() > until:
            run.do_due(True)
            fail("not over after %d s: %s\nmissing: %s\n%s" % (
                PATIENCE_S, [node.party() for node in open_ends], missing(run.nodes),
                "\n".join(str(node.cluster()) for node in open_ends)))
        run.do_due()
        for process in run.servers + run.nodes:
            if process not in run.away:
                process.revive()
        if not enough(run.counts) and time.monotonic() < until - PATIENCE_S + HURT_S:
            run.hurt()
        time.sleep(chance.random())
        for node in [node for node in open_ends if node not in run.away]:
            party = node.party()
            if party and party["status"] == "done":
                open_ends.remove(node)
            elif party and party["status"] in ("failed", "held", "broken"):
                run.do_due(True)
                fail("%s: %s" % (node.name, party))
    run.do_due(True)
    for process in run.nodes + run.servers:
        process.stop()
    journals.check([(node.name, os.path.join(node.state, "node.db"), 0) for node in run.nodes], fail)
    sent = check_order(run.nodes)
    return {node.name: node.result() for node in run.nodes}, [run.counts[kind] for kind in KINDS] + [sent]


def main():
    options = kill_nodes.parse()
    chance = random.Random(options.seed)

    def one(folder, counts):
        options.folder = folder
        return play(options, chance, lambda own: sum(own.values()) + sum(counts[:-1]) >= options.least)
    try:
        tell(options, one)
    finally: # whatever went wrong, none is left behind
        for process in kill_nodes.STARTED:
            process.kill()


def tell(options, one):
    results, counts = runs.until_enough(options.folder, one, [0] * (len(KINDS) + 1),
                                        lambda counts: sum(counts[:-1]) >= options.least)
    print(json.dumps(results, sort_keys=True))
    print(sum(counts[:-1]), "faults:", ", ".join("%s %d" % pair for pair in zip(KINDS, counts)),
          "over %d contracts" % counts[-1], file=sys.stderr)


if __name__ == "__main__":
    main()
