#!/usr/bin/env python3
"""A flow of a node for each party over a cluster of three NATS servers, every process of which is killed.

The last party's node is served by two fronts behind one name.

kill_cluster.py AFRUN FLOWS DIR --play NAME --peers ROLE=ID,…;… [--arg NAME=VALUE]… [--least N] [--seed S]

Servers, fronts, nodes and workers are killed, each by chance; a server is back after a while, at times two of them are
away. Servers, fronts and nodes hang (SIGSTOP), which the others see as a partition, and go on. All servers are started
anew, one after the other. Servers before 2.10 are left alone: their clusters lose what they confirmed (bus/nats/README). Prints the parties' results as JSON and what was done how often. Exit status 1 with a line on standard
error if a party does not come to its end, an effect is missing or there twice, or a sender's contracts came in
another order than it sent them.
"""
import json
import os
import random
import signal
import re
import socket
import subprocess
import sys
import threading
import time

import journals
import kill_nodes
import runs
from kill_nodes import Node, Process, fail

PATIENCE_S = 400
HURT_S = 100  # of a run: what then is left must come to its end by itself
KINDS = ("server", "front", "node", "worker", "stop", "rolling")
WEIGHTS = (4, 2, 4, 3, 3, 0.3)


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


class Name:
    """What stands before the fronts: gives each connection to one that takes it."""

    def __init__(self, ports, chance):
        self.ports, self.chance = ports, chance
        self.door = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.door.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                caller, _ = self.door.accept()
            except OSError:
                return
            for port in self.chance.sample(self.ports, len(self.ports)):
                try:
                    front = socket.create_connection(("127.0.0.1", port), timeout=2)
                except OSError:
                    continue
                front.settimeout(None)
                for one, other in ((caller, front), (front, caller)):
                    threading.Thread(target=self.carry, args=(one, other), daemon=True).start()
                break
            else:
                caller.close()

    @staticmethod
    def carry(one, other):
        try:
            while True:
                data = one.recv(1 << 16)
                if not data:
                    break
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def are_old():
    """Whether the servers are of before 2.10."""
    version = subprocess.run(["nats-server", "--version"], stdout=subprocess.PIPE).stdout.decode()
    return tuple(int(part) for part in re.search(r"(\d+)\.(\d+)", version).groups()) < (2, 10)


class Run:
    def __init__(self, options, chance):
        held = [socket.socket() for _ in range(8)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1] for one in held]
        for one in held:
            one.close()
        self.chance, self.counts, self.are_spared = chance, dict.fromkeys(KINDS, 0), are_old()
        self.servers = [Server(options.folder, i, ports[:3], ports[3:6]) for i in range(3)]
        url = "nats://%s?replicas=3" % ",".join("127.0.0.1:%d" % port for port in ports[:3])
        self.fronts = [Process("front-%d" % port, [options.afrun, "serve", "--listen", "127.0.0.1:%d" % port,
                                                   "--bus", url, "--open-tasks", "--prefix-nodes"], options.folder)
                       for port in ports[6:]]
        self.name = Name(ports[6:], random.Random(options.seed))
        roles = [(name, role) for role, names in (one.split("=") for one in options.peers.split(";"))
                 for name in names.split(",")]
        self.nodes = [Node(options, name, role, url) for name, role in roles[:-1]]
        self.nodes += [Node(options, name, role, self.name.url) for name, role in roles[-1:]]
        self.processes = self.servers + self.fronts + self.nodes
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

    def pick(self, among):
        """One of them that is not away already, or None."""
        there = [one for one in among if one not in self.away]
        return self.chance.choice(there) if there else None

    def hurt_server(self, up):
        if self.are_spared or len(up) <= (1 if self.chance.random() < 0.2 else 2):
            return False
        victim = self.chance.choice(up)
        victim.halt()
        self.do_later(victim, self.chance.random() * 2, victim.start)
        return True

    def kill(self, among):
        victim = self.pick(among)
        if victim:
            victim.kill()
        return bool(victim)

    def kill_worker(self):
        victim = self.pick(self.nodes)
        party = victim and victim.party()
        if not party or not party.get("worker"):
            return False
        try:
            os.kill(party["worker"], signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def hang(self, up):
        victim = self.pick(self.processes)
        if victim is None or victim in self.servers and (len(up) < 3 or self.are_spared):
            return False
        process = victim.process
        process.send_signal(signal.SIGSTOP)
        self.do_later(victim, 12 if self.chance.random() < 0.1 else self.chance.random() * 2,
                      lambda: process.send_signal(signal.SIGCONT))
        return True

    def hurt(self):
        """Does something to somebody."""
        kind = self.chance.choices(KINDS, WEIGHTS)[0]
        up = [server for server in self.servers if server not in self.away]
        done = {"server": lambda: self.hurt_server(up), "front": lambda: self.kill(self.fronts),
                "node": lambda: self.kill(self.nodes), "worker": self.kill_worker, "stop": lambda: self.hang(up),
                "rolling": lambda: not self.are_spared and len(up) == 3 and (self.rolling() or True)}[kind]()
        self.counts[kind] += bool(done)


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
    for process in run.fronts + run.nodes:
        process.start()
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
        for process in run.processes:
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
    for process in reversed(run.processes):
        process.stop()
    run.name.door.close()
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
