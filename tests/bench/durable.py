#!/usr/bin/env python3
"""durable.py AFRUN FOLDER one|many|idle|reload [PARTIES]: what kept parties cost.

  one   events a second of one party of `afrun run --state`, from the times in its journal
  many  the same of 16 parties of one node, its worker and what they send included
  idle  seconds from the start of a node with so many parties (1,000), killed before, to all of them going on;
        bytes of memory of the node and its worker then
  reload  seconds that a reload of as many takes; the pause that one of them sees, median and worst, and the longest that
          somebody waits for an answer of the node meanwhile: microseconds
"""
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

AFRUN, FOLDER = sys.argv[1], sys.argv[2]
FLOWS = os.path.dirname(os.path.abspath(__file__))
FLOW = os.path.join(FLOWS, "durable.lua")
BUS = os.environ.get("AFRUN_BENCH_BUS") or "local:" + os.path.join(FOLDER, "bus.db")
PEERS = "source=s;sink=n"


def run(*words):
    return subprocess.run([AFRUN, *words], check=True, stdout=subprocess.PIPE).stdout


def give(task, events):
    run(FLOW, "--bus", BUS, "--task", task, "--node", "s", "--role", "source", "--peers", PEERS,
        "--arg", "events=%d" % events, "-q")


def rate(store):
    with sqlite3.connect(store) as db:
        count, first, last = db.execute(
            "SELECT count(*), min(time), max(time) FROM journal WHERE kind = 'event'").fetchone()
    return count / ((last - first) / 1e9)


class Node:
    def __init__(self, flows=FLOWS):
        self.flows = flows
        self.state = os.path.join(FOLDER, "state")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [AFRUN, "node", "--node", "n", "--bus", BUS, "--flows", self.flows, "--state", self.state, "-q"],
            stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait()

    def ctl(self, *words):
        return run("ctl", *words, "--state", self.state)

    def ask(self, **question):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(os.path.join(self.state, "control.sock"))
            connection.sendall(json.dumps(question).encode() + b"\n")
            with connection.makefile("rb") as answer:
                return json.loads(answer.readline())

    def parties(self):
        return json.loads(self.ctl("status", "--json"))["parties"]

    def launch(self, task, events):
        answer = self.ask(cmd="launch", flow="durable", task=task, role="sink", peers=PEERS.split(";"),
                          args=["events=%d" % events])
        if not answer["ok"]:
            sys.exit(answer)

    def wait_for(self, word):
        while any(party["status"] != word for party in self.parties()):
            time.sleep(0.01)


def bytes_of(pid):
    with open("/proc/%d/status" % pid) as status:
        return sum(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


def one():
    events = 20000
    give("t", events)
    store = os.path.join(FOLDER, "one.db")
    run(FLOW, "--bus", BUS, "--task", "t", "--node", "n", "--role", "sink", "--peers", PEERS, "--arg",
        "events=%d" % events, "-q", "--state", store)
    print("%.1f" % rate(store))


def many():
    tasks, events = 16, 2000
    node = Node()
    node.start()
    for task in range(tasks):
        node.launch("t%d" % task, events)
    node.end(signal.SIGTERM)
    for task in range(tasks):
        give("t%d" % task, events)
    node.start()
    node.wait_for("done")
    node.end(signal.SIGTERM)
    print("%.1f" % rate(os.path.join(node.state, "node.db")))


def launch_all(node):
    node.start()
    for task in range(int(sys.argv[4]) if len(sys.argv) > 4 else 1000):
        node.launch("t%d" % task, 10)
    node.wait_for("waiting")


def put_version(folder, version):
    with open(os.path.join(FLOWS, "durable.lua")) as file:
        text = file.read()
    text = re.sub(r'name = "durable",', 'name = "durable", version = %d,' % version, text)
    with open(os.path.join(folder, ".new"), "w") as file:
        file.write(text)
    os.rename(os.path.join(folder, ".new"), os.path.join(folder, "durable.lua"))


class Waits(threading.Thread):
    """Asks the node of one party, again and again, until it is told to end: the longest that it has waited."""

    def __init__(self, node):
        super().__init__()
        self.node, self.over, self.longest = node, False, 0.0
        self.start()

    def run(self):
        while not self.over:
            begin = time.monotonic()
            self.node.ask(cmd="data", task="t0")
            self.longest = max(self.longest, time.monotonic() - begin)

    def end(self):
        self.over = True
        self.join()
        return self.longest


def reload():
    flows = os.path.join(FOLDER, "flows")
    os.makedirs(flows)
    put_version(flows, 1)
    node = Node(flows)
    launch_all(node)
    put_version(flows, 2)
    waits = Waits(node)
    begin = time.monotonic()
    answer = json.loads(node.ctl("reload", "durable", "--json"))
    seconds = time.monotonic() - begin
    longest = waits.end()
    pauses = sorted(party["pause_us"] for party in answer["parties"])
    node.end(signal.SIGTERM)
    print("%.3f %d %d %d" % (seconds, pauses[len(pauses) // 2], pauses[-1], longest * 1e6))


def idle():
    node = Node()
    launch_all(node)
    node.end(signal.SIGKILL)
    begin = time.monotonic()
    node.start()
    node.wait_for("waiting")
    seconds = time.monotonic() - begin
    worker = node.parties()[0]["worker"]
    print("%.3f %d" % (seconds, bytes_of(node.process.pid) + bytes_of(worker)))
    node.end(signal.SIGTERM)


shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
{"one": one, "many": many, "idle": idle, "reload": reload}[sys.argv[3]]()
shutil.rmtree(FOLDER)
