#!/usr/bin/env python3
"""A flow under one `afrun serve` and a node for each party, every process of which is killed.

kill_nodes.py AFRUN FLOWS DIR [--participants N] [--rounds N] [--least N] [--seed S]
              [--play NAME --peers ROLE=ID,…;… [--arg NAME=VALUE]… [--allow-run PROGRAM] [--drawn] [--resting]]
              [--point NAME:COUNT --victim ID] [--no-jail] [--bus http|nats|local]

Without --play it is fed_avg of an aggregator and so many participants. With --bus nats, nats-server is the service; with
local there is none, and the nodes share a file.

Prints the parties' results as JSON and how many processes were killed. Exit status 1 with a line on
standard error if a party does not come to its end, or an effect is missing or there twice.
"""
import argparse
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time

import answers
import journals
import runs

PATIENCE_S = 200


STARTED = [] # all processes, so that none is left behind


def fail(text):
    print(text, file=sys.stderr)
    for process in STARTED:
        process.kill()
    sys.exit(1)


def parser(flow, least):
    """The options of all that run fed_avg on nodes; flow: what the second word is called; least: what fewer of means."""
    common = argparse.ArgumentParser()
    for name in ("afrun", flow, "folder"):
        common.add_argument(name)
    common.add_argument("--participants", type=int, default=4)
    common.add_argument("--rounds", type=int, default=3)
    common.add_argument("--least", type=int, default=0, help=least)
    common.add_argument("--seed", type=int, default=1)
    common.add_argument("--no-jail", action="store_true")
    return common


def parse():
    own = parser("flows", "go on until so many were killed")
    own.add_argument("--play")
    own.add_argument("--peers")
    own.add_argument("--arg", action="append", default=[])
    own.add_argument("--drawn", action="store_true", help="each run draws a result of its own")
    own.add_argument("--resting", action="store_true", help="a party that rests has come to its end, too")
    own.add_argument("--point")
    own.add_argument("--victim")
    own.add_argument("--allow-run", help="a program that the nodes may run")
    own.add_argument("--bus", choices=("http", "nats", "local"), default="http")
    return own.parse_args()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A process that is started again when it is gone."""

    def __init__(self, name, command, folder):
        self.name, self.command = name, command
        self.log = open(os.path.join(folder, name + ".err"), "ab")
        self.process = None

    def start(self, point=None):
        environment = dict(os.environ)
        environment.pop("AFRUN_KILL_AT", None)
        if point:
            environment["AFRUN_KILL_AT"] = point
        self.process = subprocess.Popen(
            self.command, stdout=self.log, stderr=self.log, env=environment)
        STARTED.append(self.process)

    def revive(self):
        status = self.process.poll()
        if status is None:
            return 0
        if status != -signal.SIGKILL:
            fail("%s ended with %d" % (self.name, status))
        self.start()
        return 1

    def halt(self):
        self.process.kill()
        self.process.wait()

    def kill(self):
        self.halt()
        self.start()

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def service_of(kind, options, *words):
    """What is behind a bus of this kind (None: nothing is; words: afrun serve's options besides), and its URL."""
    port, store = free_port(), "local:" + os.path.join(options.folder, "serve.db")
    if kind == "local":
        return None, store
    command = [options.afrun, "serve", "--listen", "127.0.0.1:%d" % port, "--bus", store, "--open-tasks",
               "--prefix-nodes", *words]
    if kind == "nats":
        config = os.path.join(options.folder, "nats.conf")
        with open(config, "w") as file:
            file.write('max_payload: 16MB\nmax_pending: 128MB\njetstream { store_dir: "%s/js" }\n' % options.folder)
        command = ["nats-server", "-a", "127.0.0.1", "-p", str(port), "-c", config]
    return Process("serve", command, options.folder), "%s://127.0.0.1:%d" % (kind, port)


def bus_of(url, name):
    """The service at this URL as a node's bus."""
    return url + "/node/" + name if url.startswith("http:") else url


class Node(Process):
    def __init__(self, options, name, role, url, flows=None):
        self.state = os.path.join(options.folder, name)
        command = [options.afrun, "node", "--node", name, "--bus", bus_of(url, name),
                   "--flows", flows or options.flows, "--state", self.state]
        command += ["--no-jail"] if options.no_jail else []
        command += ["--allow-run", options.allow_run] if getattr(options, "allow_run", None) else []
        super().__init__(name, command, options.folder)
        self.afrun, self.role = options.afrun, role

    def ctl(self, *words):
        told = subprocess.run([self.afrun, "ctl", *words, "--state", self.state],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        answers.keep(told.args[1:], told.returncode, told.stdout)
        return told

    def party(self):
        """The party's status, or None while the node does not answer."""
        answer = self.ctl("status", "--json")
        if answer.returncode != 0:
            return None
        parties = json.loads(answer.stdout)["parties"]
        return parties[0] if parties else {}

    def cluster(self):
        answer = self.ctl("status", "t", "--json")
        return json.loads(answer.stdout).get("cluster") if answer.returncode == 0 else answer.stderr

    def launch(self, peers, rounds, flow="fed_avg", args=None):
        until = time.monotonic() + 20
        args = ("rounds=%d" % rounds, "linger=0.1") if args is None else args
        while True:
            answer = self.ctl("launch", flow, "--task", "t", "--role", self.role, "--peers", peers,
                              *[word for arg in args for word in ("--arg", arg)])
            if answer.returncode == 0 or self.party():
                return
            if time.monotonic() > until:
                fail("%s: %s" % (self.name, answer.stderr.decode()))
            self.revive()
            time.sleep(0.05)

    def result(self):
        with sqlite3.connect(os.path.join(self.state, "node.db")) as db:
            return json.loads(db.execute("SELECT result FROM party").fetchone()[0] or "null")


def kill_somebody(chance, serve, nodes):
    what = chance.random()
    if serve and what < 0.15:
        serve.kill()
    elif what < 0.55:
        chance.choice(nodes).kill()
    else:
        party = chance.choice(nodes).party()
        if not party or not party.get("worker"):
            return 0
        try:
            os.kill(party["worker"], signal.SIGKILL)
        except ProcessLookupError:
            return 0
    return 1


def processes(options, flows=None):
    """The service (None: there is none), a node for each party (flows: its folder by its name), and their peers."""
    serve, url = service_of(getattr(options, "bus", "http"), options)
    peers = getattr(options, "peers", None) or "aggregator=a;participant=" + ",".join(
        "p%d" % i for i in range(1, options.participants + 1))
    roles = [(name, role) for role, names in (one.split("=") for one in peers.split(";")) for name in names.split(",")]
    if serve:
        serve.url = url
    nodes = [Node(options, name, role, url, flows and flows(name)) for name, role in roles]
    return serve, nodes, peers


def play(options, chance, kills):
    """One run in options.folder, with at most so many kills. Returns the results and the kills."""
    serve, nodes, peers = processes(options)
    services = [serve] if serve else []
    for service in services:
        service.start()
    for node in nodes:
        node.start(options.point if node.name == options.victim else None)
    killed = 0
    for node in nodes:
        node.launch(peers, options.rounds, options.play or "fed_avg", options.arg if options.play else None)
    until = time.monotonic() + PATIENCE_S
    open_ends = list(nodes)
    while open_ends:
        if time.monotonic() > until:
            fail("not over after %d s: %s" % (PATIENCE_S, [n.party() for n in open_ends]))
        killed += sum(process.revive() for process in services + nodes)
        if killed < kills:
            killed += kill_somebody(chance, serve, nodes)
            time.sleep(chance.random() * 0.05)
        else:
            time.sleep(0.05)
        for node in list(open_ends):
            party = node.party()
            if party and (party["status"] == "done" or options.resting and party["status"] == "resting"):
                open_ends.remove(node)
            elif party and party["status"] in ("failed", "held", "broken"):
                fail("%s: %s" % (node.name, party))
    for process in nodes + services:
        process.stop()
    journals.check([(node.name, os.path.join(node.state, "node.db"), None) for node in nodes], fail)
    return {node.name: node.result() for node in nodes}, [killed]


def main():
    options = parse()
    chance = random.Random(options.seed)

    def one(folder, counts):
        options.folder = folder
        return play(options, chance, max(0, options.least - counts[0]))
    results, (killed,) = runs.until_enough(options.folder, one, [0],
                                           lambda counts: counts[0] >= options.least, same=not options.drawn)
    print(json.dumps(results, sort_keys=True), killed)


if __name__ == "__main__":
    main()
