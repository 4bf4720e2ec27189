#!/usr/bin/env python3
"""Faults of disk and memory beneath SQLite, each at the N-th call, in what the program does for real.

faults.py hub|node|party|resume|open|rows|images|early AFRUN SHIM DIR [--of disk|memory|full] [--ever]
          [--first N] [--last N] [--step N] [--most N] [--seed S]

hub     `serve`: contracts of two tasks, acknowledged, with a broadcast, a file and an end
node    `node`: parties are launched, count what comes, and are reloaded
party   `run --state`: a party counts, and is begun again where it ended
resume  `node` and `run --state` begin anew where a kill has left them, with events deferred and sends not confirmed
open    `serve`: opens new and old stores
rows    `serve` and `node` with a column of their stores spoiled: of a row, or of all
images  what a power cut may leave of both stores: writes behind the last sync lost or reordered
early   `serve` and `node`: what is handed out while the disk is waited for, and a kill, a disk that fails, or a power cut then

Each step is one fault: from its place on (--ever: until what was asked for failed three times) the shim
(faults.c) fails; what is asked for is asked again, as any client does, and then all must be as in a run
without faults. --step: every so many calls; --most: no more than so many steps. Prints a summary line. Exit status 1
with a line on standard error at the first that is not as it should be.
"""
import argparse
import http.client
import json
import mmap
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time

ALL = 1 << 30
PATIENCE_S = 60
ROUNDS = 4 # of places that are tried, until enough of them were met
STARTED = []
KINDS = {"disk": 0, "full": 0, "memory": 1}
API = "/fed-service/api/v2/"


class Wrong(Exception):
    pass


def must(condition, *what):
    if not condition:
        raise Wrong(" ".join(str(word) for word in what))


def until(condition, what):
    end = time.monotonic() + PATIENCE_S
    while True:
        found = condition()
        if found:
            return found
        must(time.monotonic() < end, "in", PATIENCE_S, "s it did not come that", what() if callable(what) else what)
        time.sleep(0.005)


class Faults:
    """What the shim is told, and tells: nine numbers in a file that both map."""

    def __init__(self, options, name):
        self.options, self.path = options, os.path.join(options.folder, name + ".faults")
        with open(self.path, "wb") as file:
            file.write(bytes(72))
        self.file = open(self.path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 72)
        self.log = os.path.join(options.folder, name + ".log") if options.what in ("images", "early") else None
        self.kind = KINDS[options.of]
        self.put(5, int(options.of == "full"))

    def get(self, place):
        return struct.unpack_from("q", self.map, place * 8)[0]

    def put(self, place, value):
        struct.pack_into("q", self.map, place * 8, value)

    def count(self):
        return self.get(self.kind)

    def arm(self, n):
        """The n-th call from now on fails."""
        self.put(4, int(self.options.ever))
        self.put(2 + self.kind, self.count() + n)

    def mend(self):
        self.put(2 + self.kind, 0)

    def slow(self, how):
        """1: a wait for the disk does not end any more. 2: that one, or the next, fails. 0: all is well."""
        self.put(8, how)

    def hits(self):
        return self.get(6)

    def logged(self):
        return self.get(7)

    def environment(self):
        there = dict(os.environ, LD_PRELOAD=self.options.shim, AF_FAULTS=self.path)
        if self.log:
            there["AF_FAULTS_LOG"] = self.log
        return there


class Process:
    def __init__(self, options, name, command, faults=None):
        self.options, self.name, self.command, self.faults = options, name, command, faults
        self.err = os.path.join(options.folder, name + ".err")
        self.process = None

    def start(self):
        with open(self.err, "ab") as log:
            self.process = subprocess.Popen(
                [self.options.afrun, *self.command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.options.folder, env=self.faults.environment() if self.faults else None)
        STARTED.append(self.process)

    def lives(self):
        must(self.process.poll() is None, self.name, "ended with", self.process.poll(), self.tail())
        return True

    def tail(self):
        with open(self.err, "rb") as log:
            return log.read()[-1500:].decode(errors="replace")

    def stop(self, sign=signal.SIGTERM):
        self.process.send_signal(sign)
        self.process.wait(PATIENCE_S)
        STARTED.remove(self.process)
        return self.process.returncode


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Hub(Process):
    def __init__(self, options, faults=None, name="hub"):
        self.port = free_port()
        with os.fdopen(os.open(os.path.join(options.folder, "admin"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write("admin-token-0123456789\n")
        super().__init__(options, name, ["serve", "--listen", "127.0.0.1:%d" % self.port, "--bus", "local:hub.db",
                                         "--open-tasks", "--prefix-nodes", "--admin-token", "admin"], faults)
        self.url = "http://127.0.0.1:%d" % self.port
        self.connection = None

    def start(self):
        super().start()
        until(self.is_there, "the hub answers")

    def is_there(self):
        self.lives()
        try:
            return self.call("GET", "/healthz")[0] == 200
        except OSError:
            return False

    def call(self, method, path, body=None, kind="application/json", admin=False):
        head = {"Content-Type": kind}
        if admin:
            head["Authorization"] = "Bearer admin-token-0123456789"
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            self.connection.request(method, path, body, head)
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = None
            raise

    def ask(self, method, path, body=None, kind="application/json", admin=False):
        """Asks until it is answered well; after three failures what fails is mended."""
        for tries in range(1000):
            if tries == 3 and self.faults:
                self.faults.mend()
            status, text = self.call(method, path, body, kind, admin)
            self.lives()
            answer = json.loads(text)
            if status == 200 and answer.get("code") == 0:
                return answer["data"]
            must(answer.get("code") in (503, 507, 404 if method == "DELETE" else 503), path, "was answered", text[:300])
            if answer["code"] == 404:
                return {}
            if tries > 3:
                time.sleep(0.01)
        raise Wrong("%s is not taken: %s" % (path, text[:300]))

    def node(self, node, what, **body):
        return self.ask("POST", "/node/" + node + API + what, json.dumps(body))

    def push(self, sender, task, targets, uuid, content):
        return self.node(sender, "message/push", task_id=task, node_id_list=targets, message_title="task_inside",
                         message_content=content, message_time=1, channel="federated", message_uuid=uuid)

    def pop(self, node, task, acks=(), wait=0, again=False):
        """What is handed out, uuid and content; of what was asked twice: again."""
        got = self.node(node, "message/pop", task_id=task, channel="federated", max=100, lease_seconds=60,
                        holder="h-" + node, ack=list(acks), wait_seconds=wait, again=again)
        return [(m["message_uuid"], m["message_content"]) for m in got.get("messages", [])]


# ---- The hub. ----

PAD = "y" * 3000


def hub_step(hub, k):
    """One round of all that a hub does; returns nothing, and raises where an answer is not as it should be."""
    task, other = "t%d" % k, "o%d" % k
    hub.pop("b", task)
    hub.pop("c", task)
    hub.push("a", task, ["b"], "u1", {"type": "x", "text": "for b of " + task, "pad": PAD})
    hub.push("d", other, ["e"], "s1", {"type": "x", "text": "for e of " + other, "pad": PAD})
    hub.push("a", task, ["*"], "u2", {"type": "x", "text": "for all of " + task})
    hub.push("a", task, ["c", "b"], "u3", {"type": "x", "text": "for b and c of " + task})
    hub.push("a", task, ["b"], "u1", {"type": "x", "text": "again", "pad": PAD})
    text = {"u1": "for b of " + task, "u2": "for all of " + task, "u3": "for b and c of " + task,
            "s1": "for e of " + other}
    for node, at, wanted in (("b", task, ["u1", "u2", "u3"]), ("c", task, ["u2", "u3"]), ("e", other, ["s1"]),
                             ("a", task, ["u2"])):
        got = hub.pop(node, at, again=True)
        must([uuid for uuid, _ in got] == wanted, node, "of", at, "got", got, "not", wanted)
        for uuid, content in got:
            must(content["text"] == text[uuid], node, "of", at, "got as", uuid, content)
        got = hub.pop(node, at, acks=wanted, again=True)
        must(got == [], node, "of", at, "got again what it had acknowledged:", got)
    hub.node("b", "federated/task/progress", task_id=task, progress_number=50)
    url = upload(hub, task, b"bytes of " + task.encode())
    tries = iter(range(1000000))

    def fetched():
        if next(tries) == 3 and hub.faults: # as ask() does
            hub.faults.mend()
        return hub.call("GET", "/node/b" + url[url.index("/files/"):])[1] == b"bytes of " + task.encode()
    until(fetched, "the file of %s is fetched" % task)
    hub.push("a", task, ["b"], "u4", {"type": "x", "text": "left over"})
    hub.ask("DELETE", "/admin/tasks/" + task, admin=True)
    status, text = hub.call("POST", "/node/b" + API + "message/pop", json.dumps({"task_id": task, "channel": "federated"}))
    must(json.loads(text)["code"] in (404, 503, 507), "an ended task hands out", text)


def upload(hub, task, bytes_):
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="f.bin"\r\n\r\n'
    data = hub.ask("POST", "/node/a" + API + "file/upload?task_id=" + task, head + bytes_ + b"\r\n--x--\r\n",
                   "multipart/form-data; boundary=x")
    return re.search(r"http://[^\"]*", json.dumps(data)).group(0)


def look_into_hub(path):
    """What must hold of a message store, whoever has looked at it."""
    db = sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=20)
    rows = lambda sql: db.execute(sql).fetchall()
    must(rows("PRAGMA integrity_check") == [("ok",)], "the hub's store is damaged")
    must(rows("SELECT d.contract FROM deliveries d LEFT JOIN contracts c ON c.id = d.contract JOIN queues q ON q.id = d.queue "
              "LEFT JOIN contents x ON x.contract = c.id JOIN tasks t ON t.id = q.task WHERE t.ended IS NULL AND x.content IS NULL") == [],
         "a delivery is of no contract")
    must(rows("SELECT 1 FROM deliveries d JOIN queues q ON q.id = d.queue JOIN contracts c ON c.id = d.contract "
              "WHERE c.task <> q.task AND c.task <> 0") == [], "a contract is in a queue of another task")
    must(rows("SELECT q.id, length FROM queues q JOIN tasks t ON t.id = q.task WHERE t.ended IS NULL AND length <> (SELECT count(*) FROM deliveries d WHERE d.queue = q.id)")
         == [], "a queue's length is not what waits in it")
    must(rows("SELECT 1 FROM deliveries d LEFT JOIN queues q ON q.id = d.queue WHERE q.id IS NULL") == [],
         "a delivery is in no queue")
    must(rows("SELECT id FROM contracts c JOIN contents x ON x.contract = c.id WHERE broadcast = 0 AND max(pending, 1) <> "
              "(SELECT count(*) FROM deliveries d WHERE d.contract = c.id)") == [], "a contract waits for nobody")
    db.close()


def run_hub(options):
    faults = Faults(options, "hub")
    hub = Hub(options, faults)
    hub.start()

    def step(k):
        hub_step(hub, k)
        faults.mend()
        if k % 50 == 0:
            look_into_hub(os.path.join(options.folder, "hub.db"))

    taken = take_steps(options, faults, step)
    must(hub.stop() == 0, "the hub ended with", hub.process.returncode, hub.tail())
    look_into_hub(os.path.join(options.folder, "hub.db"))
    return taken


def take_steps(options, faults, step):
    """Each place of a step, from an undisturbed one's count; returns how many were disturbed."""
    step(0) # the first makes more
    before = faults.count()
    step(1)
    length = faults.count() - before
    every, places = list(range(options.first, min(options.last, length) + 1, options.step)), []
    hits = disturbed = 0
    for round_number in range(ROUNDS): # one step makes fewer calls than another, the more so beside other work
        some = every
        if len(every) > options.most:
            some = sorted(random.Random(options.seed + round_number).sample(every, options.most))
        for place in some:
            places.append(place)
            faults.arm(place)
            try:
                step(len(places) + 1)
            except Wrong as wrong:
                raise Wrong("step %d, %s call %d of %d%s: %s" % (len(places) + 1, options.of, place, length,
                                                               " and all behind it" if options.ever else "", wrong))
            faults.mend()
            disturbed += faults.hits() > hits
            hits = faults.hits()
        if disturbed * 5 >= len(places):
            break
    must(disturbed * 5 >= len(places), "only", disturbed, "of", len(places), "steps were disturbed")
    return "%d of %d places, %d disturbed, %d calls failed" % (len(places), length, disturbed, hits)


# ---- A node, and a party. ----

SUM = """
local af = require "af"
local Add = af.event("add", { n = af.integer, last = af.boolean })
local Added = af.event("added", { n = af.integer })
return af.flow {
  name = "sum", version = VERSION,
  roles = {
    counter = {
      data = function() return { sum = 0, count = 0, pad = ("p"):rep(5000) } end,
      start = "counting",
      states = { counting = { [Add] = function(party, event, from)
        party.data.sum, party.data.count = party.data.sum + event.n, party.data.count + 1
        party:send(from, Added { n = event.n })
        if event.last then return af.done { sum = party.data.sum, count = party.data.count } end
      end } },
    },
    source = { start = "s", states = { s = { may_end = true, [Added] = function() end } } },
  },
}
"""


def write_flow(options, version, text=SUM):
    folder = os.path.join(options.folder, "flows")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "sum.new"), "w") as file:
        file.write(text.replace("VERSION", str(version)))
    os.rename(os.path.join(folder, "sum.new"), os.path.join(folder, "sum.lua"))


def give(hub, task, uuid, n, last):
    hub.push("s", task, ["i"], uuid, {"type": "add", "n": n, "last": last})


def take_answers(hub, task, wanted, lives):
    """What came back to s: each n once, acknowledged as it comes."""
    got, acks = [], []

    def more():
        nonlocal acks
        lives()
        came = hub.pop("s", task, acks, wait=0 if len(got) >= len(wanted) else 1)
        acks = [uuid for uuid, _ in came]
        got.extend(content["n"] for _, content in came)
        return not came and len(got) >= len(wanted)

    until(more, lambda: "%s answers %s; so far %s" % (task, wanted, got))
    must(sorted(got) == sorted(wanted), task, "answered", got, "not", wanted)


class Node(Process):
    def __init__(self, options, hub, faults):
        super().__init__(options, "node", ["node", "--node", "i", "--bus", hub.url + "/node/i", "--flows", "flows",
                                           "--state", "state", "--no-watch", "--no-launches"], faults)

    def ctl(self, *words):
        return subprocess.run([self.options.afrun, "ctl", *words, "--state", "state"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=PATIENCE_S, cwd=self.options.folder)

    def start(self):
        super().start()
        until(lambda: self.lives() and self.ctl("status").returncode == 0, "the node answers")

    def parties(self):
        told = self.ctl("status", "--json")
        must(told.returncode == 0, "the node tells nothing:", told.stderr)
        return {party["task"]: party for party in json.loads(told.stdout)["parties"]}

    def insist(self, *words):
        """A command, until it is done; after three failures what fails is mended."""
        for tries in range(200):
            if tries == 3:
                self.faults.mend()
            told = self.ctl(*words)
            self.lives()
            if told.returncode == 0 or b"already" in told.stderr:
                return
            time.sleep(0.01)
        raise Wrong("%s: %s" % (" ".join(words), told.stderr.decode()))


PEERS = "counter=i;source=s"


def run_node(options):
    hub = Hub(options)
    hub.start()
    write_flow(options, 1)
    faults = Faults(options, "node")
    node = Node(options, hub, faults)
    node.start()
    state = {"version": 1}
    steady = ["r1", "r2", "r3"]
    for task in steady:
        node.insist("launch", "sum", "--task", task, "--role", "counter", "--peers", PEERS)

    def step(k):
        task = "t%d" % k
        node.insist("launch", "sum", "--task", task, "--role", "counter", "--peers", PEERS)
        for n in (1, 2, 3):
            give(hub, task, "g%d" % n, n, n == 3)
            give(hub, steady[n - 1], "g%d-%d" % (k, n), k, False)
        mends_at = time.monotonic() + (0.3 if options.ever else PATIENCE_S)

        def lives():
            if time.monotonic() > mends_at:
                faults.mend()
            return node.lives()

        take_answers(hub, task, [1, 2, 3], lives)
        for at in steady:
            take_answers(hub, at, [k], lives)
        if k % 2 == 0:
            reload(k)
        faults.mend()
        ended = until(lambda: [p for t, p in node.parties().items() if t == task and p["status"] == "done"],
                      task + " ends")
        told = node.ctl("trace", task).stdout
        must(ended and b'"result":{"count":3,"sum":6}' in told, task, "ended with", told[-300:])

    def reload(k):
        state["version"] += 1
        write_flow(options, state["version"])
        told = node.ctl("reload", "sum")
        if told.returncode != 0: # all as they were
            must({node.parties()[t]["version"] for t in steady} == {state["version"] - 1},
                 "a refused reload left", node.parties(), told.stderr)
            node.insist("reload", "sum")
        must({node.parties()[t]["version"] for t in steady} == {state["version"]}, "a reload left", node.parties())

    taken = take_steps(options, faults, step)
    must(node.stop(signal.SIGKILL) == -signal.SIGKILL, "the node ended")
    node.start()
    left = node.parties()
    for task in steady:
        must(left[task]["version"] == state["version"] and left[task]["status"] != "broken", "after a kill", left[task])
    must(node.stop() == 0, "the node ended with", node.process.returncode)
    look_into_node(os.path.join(options.folder, "state", "node.db"))
    hub.stop()
    return taken


def look_into_node(path):
    db = sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=20)
    must(db.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "the node's store is damaged")
    for party, seq, data in db.execute("SELECT id, seq, CAST(data AS TEXT) FROM party").fetchall():
        entries = db.execute("SELECT seq, type FROM journal WHERE party = ? ORDER BY seq", (party,)).fetchall()
        must([e[0] for e in entries] == list(range(1, seq + 1)), "party", party, "has entries", entries, "of", seq)
        must(json.loads(data).get("count", 0) == sum(e[1] == "add" for e in entries), "party", party, "counts", data, entries)
    db.close()


def run_party(options):
    hub = Hub(options)
    hub.start()
    write_flow(options, 1)
    faults = Faults(options, "party")

    def step(k):
        task = "t%d" % k
        party = Process(options, "party", ["flows/sum.lua", "--role", "counter", "--node", "i", "--task", task, "--bus",
                                           hub.url + "/node/i", "--peers", PEERS, "--state", task + ".state"], faults)
        party.start()
        for n in (1, 2, 3):
            give(hub, task, "g%d" % n, n, n == 3)
        mends_at = time.monotonic() + (0.3 if options.ever else PATIENCE_S)

        def lives():
            if time.monotonic() > mends_at:
                faults.mend()
            if party.process.poll() not in (None, 0): # it told so before it began, or it was an error
                must(party.process.returncode == 3, "a party ended with", party.process.returncode, party.tail())
                STARTED.remove(party.process)
                party.start()

        take_answers(hub, task, [1, 2, 3], lives)
        until(lambda: lives() or party.process.poll() == 0, task + " ends")
        STARTED.remove(party.process)
        db = sqlite3.connect(os.path.join(options.folder, task + ".state"))
        result = db.execute("SELECT result FROM party").fetchall()
        must(len(result) == 1 and json.loads(result[0][0]) == {"sum": 6, "count": 3}, task, "ended with", result)
        db.close()
        look_into_node(os.path.join(options.folder, task + ".state"))

    taken = take_steps(options, faults, step)
    hub.stop()
    return taken


# ---- Going on behind a kill. ----

WAITS = """
local af = require "af"
local Add = af.event("add", { n = af.integer, last = af.boolean })
local Added, Late, Tell = af.event("added", { n = af.integer }), af.event "late", af.event "tell"
return af.flow {
  name = "sum", version = VERSION,
  roles = {
    counter = { data = function() return { sum = 0, count = 0, pad = ("p"):rep(5000) } end, start = "counting", states = {
      counting = { defer = { Late }, after = { 3600, "counting" },
        [Tell] = function(party) party:send(party:nodes("source"), Added { n = -party.data.count }) end,
        [Add] = function(party, event, from)
          party.data.sum, party.data.count = party.data.sum + event.n, party.data.count + 1
          party:send(from, Added { n = event.n })
          if event.last then return "late" end
        end },
      late = { [Late] = function(party) return af.done { sum = party.data.sum, count = party.data.count } end } } },
    source = { start = "s", states = { s = { may_end = true, [Added] = function() end } } },
  },
}
"""


def nothing_waits(options):
    """All is acknowledged that was pushed to the hub."""
    db = sqlite3.connect("file:%s?mode=ro" % os.path.join(options.folder, "hub.db"), uri=True, timeout=20)
    (left,) = db.execute("SELECT count(*) FROM deliveries").fetchone()
    db.close()
    return left == 0


def run_resume(options):
    """Each step begins a node and then a party that were killed; what was sent to them meanwhile, and what they had not sent yet,
    comes once. A lack of memory that passes is waited for; what cannot use its disk says so and ends."""
    hub = Hub(options)
    hub.start()
    write_flow(options, 1, WAITS)
    faults = Faults(options, "resume")
    node = Node(options, hub, faults)
    party = Process(options, "party", ["flows/sum.lua", "--role", "counter", "--node", "i", "--task", "p", "--bus",
                                       hub.url + "/node/i", "--peers", PEERS, "--state", "p.state"], faults)
    kept, own, sums, ended = ["r1", "r2"], ["p"], {}, []

    def begin(process, mends_at):
        """Starts it; returns what is called while it is waited for."""
        Process.start(process)

        def lives():
            if time.monotonic() > mends_at:
                faults.mend()
            if process.process.poll() is not None: # its supervisor starts it again
                must(process.process.returncode == 3 and (options.of != "memory" or options.ever), process.name, "ended with",
                     process.process.returncode, process.tail())
                STARTED.remove(process.process)
                ended.append(process.name)
                Process.start(process)
        return lives

    node.start()
    party.start()
    for task in kept:
        node.insist("launch", "sum", "--task", task, "--role", "counter", "--peers", PEERS)
    for task in kept + own:
        hub.push("s", task, ["i"], "late", {"type": "late"})
        sums[task] = [0, 0]
    until(lambda: nothing_waits(options), "each defers an event")
    node.stop(signal.SIGKILL)
    party.stop(signal.SIGKILL)

    def step(k):
        mends_at = time.monotonic() + (0.3 if options.ever else PATIENCE_S)
        for process, tasks in ((node, kept), (party, own)): # one behind the other, so that calls come in one order
            for task in tasks:
                give(hub, task, "g%d" % k, k, False)
            lives = begin(process, mends_at)
            for task in tasks:
                unsent = [-sums[task][1]] if task == "r1" and k > 0 else []
                take_answers(hub, task, unsent + [k], lives)
                sums[task] = [sums[task][0] + k, sums[task][1] + 1]
        faults.mend()
        for task, at in node.parties().items():
            must(at["status"] == "waiting", task, "is", at)
        hub.process.send_signal(signal.SIGSTOP) # what the next one of r1 sends stays unsent
        told = node.ctl("send", "r1", "tell", "{}")
        node.stop(signal.SIGKILL)
        party.stop(signal.SIGKILL)
        hub.process.send_signal(signal.SIGCONT)
        must(told.returncode == 0, "no hand on r1:", told.stderr)

    taken = take_steps(options, faults, step)
    node.start()
    party.start()
    for task in kept + own:
        give(hub, task, "last", 0, True)
        take_answers(hub, task, ([-sums[task][1]] if task == "r1" else []) + [0], node.lives)
    wanted = {task: b'"result":{"count":%d,"sum":%d}' % (sums[task][1] + 1, sums[task][0]) for task in kept}
    for task in kept:
        until(lambda: wanted[task] in node.ctl("trace", task).stdout, lambda: "%s ends with %r" % (task, wanted[task]))
    until(lambda: party.process.poll() == 0, "the party ends")
    STARTED.remove(party.process)
    node.stop()
    look_into_node(os.path.join(options.folder, "state", "node.db"))
    look_into_node(os.path.join(options.folder, "p.state"))
    hub.stop()
    if options.of == "memory" and options.most > 10 and options.last == ALL:
        for process in (node, party):
            with open(process.err) as log:
                must("tried again every second" in log.read(), process.name, "never told that it waits for memory")
    return "%s; %d had to be started again" % (taken, len(ended))


# ---- Opening. ----

def run_open(options):
    """The hub and a node open what is not there, and what a killed one left."""
    faults = Faults(options, "open")
    hub = Hub(options, faults)
    keep = os.path.join(options.folder, "kept")
    os.makedirs(keep)
    results = []
    for left in (False, True):
        def step(k):
            for name in os.listdir(options.folder):
                if name.startswith("hub.db"):
                    (shutil.rmtree if os.path.isdir(os.path.join(options.folder, name)) else os.remove)(
                        os.path.join(options.folder, name))
            if left:
                for name in os.listdir(keep):
                    shutil.copy(os.path.join(keep, name), options.folder)
            Process.start(hub)
            mends_at = time.monotonic() + 0.3 # for lack of memory it would wait longer
            began = until(lambda: (time.monotonic() > mends_at and options.ever and faults.mend()) or
                          hub.process.poll() is not None or hub_answers(hub), "the hub begins, or says no")
            if hub.process.poll() is not None:
                must(hub.process.returncode == 3, "the hub ended with", hub.process.returncode, hub.tail())
                STARTED.remove(hub.process)
            else:
                faults.mend()
                hub.stop(signal.SIGKILL)
            faults.mend()
            hub.start()
            if left:
                got = hub.pop("b", "t", again=True)
                must([uuid for uuid, _ in got] == ["u%d" % i for i in range(20)], "of what was confirmed is left", got)
            else:
                hub.push("a", "t", ["b"], "u", {"type": "x"})
            hub.stop(signal.SIGKILL)
            look_into_hub(os.path.join(options.folder, "hub.db"))
            return began

        results.append(take_steps(options, faults, step))
        if not left: # for the next: a store with a log that was not taken up
            hub.start()
            hub.pop("b", "t", again=True)
            hub.pop("b", "t", acks=["u"])
            for i in range(20):
                hub.push("a", "t", ["b"], "u%d" % i, {"type": "x", "pad": PAD})
            hub.stop(signal.SIGKILL)
            for name in ("hub.db", "hub.db-wal"):
                shutil.copy(os.path.join(options.folder, name), keep)
    return "new: %s; left by a kill: %s" % tuple(results)


def hub_answers(hub):
    try:
        return hub.call("GET", "/healthz")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


# ---- Rows that are not as they should be. ----

SPOILED = [None, -1, (1 << 63) - 1, 0, 1.5, "text", "", b"\x00\xff", "x" * 100000]


def columns(path):
    db = sqlite3.connect(path)
    found = [(table, row[1]) for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
             for row in db.execute("PRAGMA table_info(%s)" % table).fetchall()
             if db.execute("SELECT count(*) FROM " + table).fetchall()[0][0] > 0]
    db.close()
    return found


def spoil(path, table, column, value, which):
    """As somebody else's program would, or a bad disk: whatever the table says of its columns. Returns whether it was done."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA writable_schema = ON")
        (sql,) = db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchall()[0]
        loose = re.sub(r"\) STRICT", ")", sql).replace(" STRICT,", "").replace("NOT NULL", "")
        loose = re.sub(r"\),? *WITHOUT ROWID", ") WITHOUT ROWID", loose)
        db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (loose, table))
        (version,) = db.execute("PRAGMA schema_version").fetchall()[0]
        db.execute("PRAGMA schema_version = %d" % (version + 1))
        db.close()
        db = sqlite3.connect(path, isolation_level=None)
        try:
            keys = [row[1] for row in db.execute("PRAGMA table_info(%s)" % table).fetchall() if row[5]] or ["rowid"]
            one = " WHERE (%s) = (SELECT %s FROM %s LIMIT 1 OFFSET 1)" % (", ".join(keys), ", ".join(keys), table)
            changed = db.execute("UPDATE OR IGNORE %s SET %s = ?%s" % (table, column, one if which else ""), (value,)).rowcount
        except sqlite3.Error:
            changed = 0
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (sql, table))
        db.execute("PRAGMA schema_version = %d" % (version + 2))
        return changed > 0
    finally:
        db.close()


def settle(path):
    """All of it in one file."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    shutil.copy(path, path + ".good")


def run_rows(options):
    hub = Hub(options)
    hub.start()
    hub_step(hub, 1)
    hub.pop("b", "r")
    for i in range(6):
        hub.push("a", "r", ["b", "c"], "u%d" % i, {"type": "x", "i": i})
    hub.push("a", "r", ["*"], "all", {"type": "x"})
    hub.pop("c", "r")
    hub.node("c", "message/ack", task_id="r", channel="federated", ack=["u0"], reject=[{"uuid": "u1", "reason": "no"}])
    upload(hub, "r", b"bytes")
    write_flow(options, 1)
    node = Node(options, hub, None)
    node.start()
    for task in ("n1", "n2", "n3"):
        must(node.ctl("launch", "sum", "--task", task, "--role", "counter", "--peers", PEERS).returncode == 0, "no launch")
        give(hub, task, "g1", 1, False)
        take_answers(hub, task, [1], node.lives)
    node.stop()
    hub.stop()
    hub_path, node_path = os.path.join(options.folder, "hub.db"), os.path.join(options.folder, "state", "node.db")
    settle(hub_path)
    settle(node_path)
    chance = random.Random(options.seed)
    cases = [(path, table, column, value, which) for path in (hub_path, node_path) for table, column in columns(path)
             for value in SPOILED for which in (False, True)]
    if len(cases) > options.most:
        cases = chance.sample(cases, options.most)
    done = 0
    for path, table, column, value, which in cases:
        shutil.copy(hub_path + ".good", hub_path)
        shutil.copy(node_path + ".good", node_path)
        age = os.path.join(options.folder, "state", "bus.age") # or the node would tell of the older hub, and wait
        if os.path.exists(age):
            os.remove(age)
        if not spoil(path, table, column, value, which):
            continue
        done += 1
        try:
            if path == hub_path:
                live_on(hub)
            else:
                live_with(hub, node)
        except (Wrong, OSError, http.client.HTTPException) as wrong:
            raise Wrong("%s.%s = %.40r in %s: %r" % (table, column, value, "one row" if which else "all rows", wrong))
    return "%d columns spoiled" % done


def live_on(hub):
    """A hub with spoiled rows: it lives, and serves a task that has nothing to do with them."""
    hub.start()
    for node in "abcd":
        for task in ("r", "t1", "new"):
            for what, body in (("message/pop", {"max": 100, "lease_seconds": 60, "holder": "h", "again": True}),
                               ("message/pop", {}), ("task/nodelist", {"task_type": 1}),
                               ("message/ack", {"ack": ["u2"], "reject": [{"uuid": "u3", "reason": "x"}]}),
                               ("message/again", {}),
                               ("message/push", {"node_id_list": ["*"], "message_title": "task_inside", "message_time": 1,
                                                 "message_content": {"type": "y"}})):
                body = dict(body, task_id=task, channel="federated")
                hub.call("POST", "/node/" + node + API + what, json.dumps(body))
    for path in ("/metrics", "/status", "/readyz", "/admin/tasks", "/admin/tasks/r"):
        hub.call("GET", path, admin=True)
    hub.call("POST", "/admin/again", json.dumps({"task_id": "r", "channel": "federated", "node_id": "c"}), admin=True)
    hub.call("DELETE", "/admin/tasks/r", admin=True)
    hub.lives()
    must(hub.stop() == 0, "the hub ended with", hub.process.returncode, hub.tail())


def live_with(hub, node):
    """A node with spoiled rows: it begins or says why not, and serves a party that has nothing to do with them."""
    hub.start()
    Process.start(node)
    until(lambda: node.process.poll() is not None or node.ctl("status").returncode == 0, "the node begins, or says no")
    if node.process.poll() is not None:
        must(node.process.returncode in (2, 3), "the node ended with", node.process.returncode, node.tail())
        STARTED.remove(node.process)
    else:
        for command in (("status", "--json"), ("trace", "n1"), ("trace", "n2"), ("reload", "sum"), ("retry", "n1"),
                        ("again", "n2"), ("stop", "n3")):
            node.ctl(*command)
        for n in (2, 3):
            for task in ("n1", "n2"):
                give(hub, task, "g%d" % n, n, n == 3)
        told = node.ctl("launch", "sum", "--task", "other", "--role", "counter", "--peers", PEERS)
        node.lives()
        must(told.returncode in (0, 3), "a launch:", told.stderr)
        if told.returncode == 0:
            give(hub, "other", "g1", 1, True)
            take_answers(hub, "other", [1], node.lives)
        node.lives()
        must(node.stop() == 0, "the node ended with", node.process.returncode, node.tail())
    must(hub.stop() == 0, "the hub ended with", hub.process.returncode)


# ---- What a power cut leaves. ----

WROTE, TRUNCATED, SYNCED, DELETED, OPENED = range(1, 6)
SECTOR = 512


def read_log(path):
    """[(what, name, offset, bytes, end)], end: where it ends in the log."""
    with open(path, "rb") as file:
        data = file.read()
    at, changes = 0, []
    while at + 32 <= len(data):
        what, offset, length, name_bytes = struct.unpack_from("4q", data, at)
        name = data[at + 32:at + 32 + name_bytes].decode()
        at += 32 + name_bytes
        content = b""
        if what == WROTE:
            content = data[at:at + length]
            at += length
        changes.append((what, name, offset, content, at))
    return changes


def apply(content, change):
    what, _, offset, data, _ = change
    if what == TRUNCATED:
        del content[offset:]
        if len(content) < offset:
            content.extend(bytes(offset - len(content)))
    elif what == WROTE:
        if len(content) < offset:
            content.extend(bytes(offset - len(content)))
        content[offset:offset + len(data)] = data


class Disk:
    """The files as they are for sure, and what may or may not be there yet."""

    def __init__(self):
        self.sure, self.open = {}, {}

    def take(self, change):
        what, name = change[0], change[1]
        if what == DELETED:
            self.sure.pop(name, None)
            self.open.pop(name, None)
        elif what == OPENED:
            self.sure.setdefault(name, bytearray())
        elif what == SYNCED:
            for earlier in self.open.pop(name, []):
                apply(self.sure.setdefault(name, bytearray()), earlier)
        else:
            self.open.setdefault(name, []).append(change)

    def image(self, chance, folder):
        """Writes one of the states that a power cut may leave."""
        for name, sure in self.sure.items():
            content, pieces = bytearray(sure), []
            for change in self.open.get(name, []):
                if change[0] != WROTE:
                    pieces.append(change)
                    continue
                _, _, offset, data, end = change
                for at in range(0, len(data), SECTOR):
                    pieces.append((WROTE, name, offset + at, data[at:at + SECTOR], end))
            how = chance.randrange(4)
            if how == 1: # in order, up to somewhere
                pieces = pieces[:chance.randint(0, len(pieces))]
            elif how == 2: # some of them
                pieces = [piece for piece in pieces if chance.random() < 0.5]
            elif how == 3: # some, the later ones rather
                pieces = [p for i, p in enumerate(pieces) if chance.random() < (i + 1) / (len(pieces) + 1)]
            for piece in pieces:
                apply(content, piece)
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)


def run_images(options):
    hub_faults, node_faults = Faults(options, "hub"), Faults(options, "node")
    hub = Hub(options, hub_faults)
    hub.start()
    write_flow(options, 1)
    node = Node(options, hub, node_faults)
    node.start()
    node.insist("launch", "sum", "--task", "r", "--role", "counter", "--peers", PEERS)
    # what was confirmed, and how far each log was then
    pushed, acked, counted = [], [], []
    for k in range(1, 41):
        hub.push("a", "t", ["b"], "u%d" % k, {"type": "x", "k": k, "pad": PAD})
        pushed.append(hub_faults.logged())
        if k > 10 and k % 2: # ten stay
            hub.pop("b", "t", again=True)
            hub.pop("b", "t", acks=["u%d" % (len(acked) + 1)])
            acked.append(hub_faults.logged())
        give(hub, "r", "g%d" % k, k, False)
        take_answers(hub, "r", [k], node.lives)
        counted.append(node_faults.logged())
    node.stop(signal.SIGKILL)
    hub.stop(signal.SIGKILL)
    chance, folder = random.Random(options.seed), os.path.join(options.folder, "image")
    made = 0
    for log, judge in ((hub_faults.log, lambda at: judge_hub(folder, at, pushed, acked)),
                       (node_faults.log, lambda at: judge_node(folder, at, counted))):
        changes = read_log(log)
        cuts = sorted(chance.randint(1, len(changes)) for _ in range(options.most // 2))
        disk, done = Disk(), 0
        for cut in cuts:
            for change in changes[done:cut]:
                disk.take(change)
            done = cut
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            disk.image(chance, folder)
            try:
                judge(changes[cut - 1][4])
            except (Wrong, sqlite3.Error) as wrong:
                raise Wrong("the image of %s behind change %d of %d: %s" % (log, cut, len(changes), wrong))
            made += 1
            if made % options.step == 0:
                open_image(options, hub, node, log == hub_faults.log)
    return "%d images" % made


def has_schema(path):
    if not os.path.exists(path):
        return False
    db = sqlite3.connect(path)
    there = db.execute("PRAGMA user_version").fetchall()[0][0]
    db.close()
    return there > 0


def judge_hub(folder, at, pushed, acked):
    path = os.path.join(folder, "hub.db")
    sure = sum(end <= at for end in pushed)
    if not has_schema(path):
        must(sure == 0, "the store is empty")
        return
    look_into_hub(path)
    db = sqlite3.connect(path)
    waits = [row[0] for row in db.execute(
        "SELECT c.uuid FROM deliveries d JOIN contracts c ON c.id = d.contract JOIN queues q ON q.id = d.queue WHERE "
        "q.node = 'b' ORDER BY d.contract")]
    db.close()
    gone = sum(end <= at for end in acked)
    numbers = [int(uuid[1:]) for uuid in waits]
    first = numbers[0] if numbers else 1
    must(numbers == list(range(first, first + len(numbers))), "there waits", waits)
    must(gone + 1 <= first <= gone + 2 or not numbers, "acknowledged are", gone, "and there waits", waits)
    must(not numbers and sure == 0 or sure <= (numbers or [0])[-1] <= sure + 1, "pushed are", sure, "and there waits", waits)


def judge_node(folder, at, counted):
    path = os.path.join(folder, "node.db")
    sure = sum(end <= at for end in counted)
    if not has_schema(path):
        must(sure == 0, "the store is empty")
        return
    look_into_node(path)
    db = sqlite3.connect(path)
    data = db.execute("SELECT CAST(data AS TEXT) FROM party").fetchall()
    db.close()
    if sure == 0 and data in ([], [("{}",)]): # it has not begun
        return
    must(data != [], "the party is not there")
    count, total = json.loads(data[0][0])["count"], json.loads(data[0][0])["sum"]
    must(sure <= count <= sure + 1 and total == count * (count + 1) // 2, "answered are", sure, "and kept is", count, total)


# ---- Handed out while the disk is waited for. ----

class Push(threading.Thread):
    """A push that may not be answered for a while: its code, None where there is no answer."""

    def __init__(self, hub, task, uuid, n):
        super().__init__(daemon=True)
        self.port, self.code = hub.port, None
        self.body = json.dumps({"task_id": task, "node_id_list": ["i"], "message_title": "task_inside", "message_uuid": uuid,
                                "message_content": {"type": "add", "n": n, "last": False}, "message_time": 1,
                                "channel": "federated"})
        self.start()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("POST", "/node/s" + API + "message/push", self.body, {"Content-Type": "application/json"})
            self.code = json.loads(connection.getresponse().read())["code"]
        except (OSError, http.client.HTTPException):
            pass


def is_kept(path, uuid):
    db = sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=20)
    kept = db.execute("SELECT count(*) FROM contracts WHERE uuid = ?", (uuid,)).fetchone()[0]
    db.close()
    return kept


def taken_by(node):
    """How many events its party has taken, and keeps."""
    return node.ctl("trace", "r").stdout.count(b'"kind":"deliver"')


def hand_out_early(options, hub, node, k):
    """Returns the push of the k-th that is not answered, but handed out and taken."""
    def waits(): # its poll, and nothing else
        return b"afrun_polls_parked 1\n" in hub.call("GET", "/metrics", admin=True)[1] and nothing_waits(options)
    until(waits, "the node waits for more")
    hub.pop("s", "r") # so does the store, then
    hub.faults.slow(1)
    push = Push(hub, "r", "g%d" % k, k)
    until(lambda: taken_by(node) == k, lambda: "%d are taken; so far %d" % (k, taken_by(node)))
    must(push.is_alive(), "a push was answered with", push.code, "before it was on the disk")
    return push


def cut_power(options, hub, k):
    """What the disk has now, k being handed out; all of it that may be there, and then the least."""
    path, folder = os.path.join(options.folder, "hub.db"), os.path.join(options.folder, "image")
    changes = read_log(hub.faults.log)
    hub.stop(signal.SIGKILL)
    disk, chance, gone = Disk(), random.Random(options.seed), 0
    for change in changes:
        disk.take(change)
    for made in range(options.most + 1):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        if made == options.most:
            disk.open = {}
        disk.image(chance, folder)
        look_into_hub(os.path.join(folder, "hub.db"))
        for n in range(1, k):
            must(is_kept(os.path.join(folder, "hub.db"), "g%d" % n) == 1, "g%d was confirmed, and is gone" % n)
        gone += not is_kept(os.path.join(folder, "hub.db"), "g%d" % k)
    must(0 < gone < options.most, "of", options.most, "power cuts", gone, "took what was handed out")
    for name in os.listdir(options.folder):
        if name.startswith("hub.db") and os.path.isfile(os.path.join(options.folder, name)):
            os.remove(os.path.join(options.folder, name))
    for name in os.listdir(folder):
        if not name.endswith("-shm"):
            shutil.copy(os.path.join(folder, name), options.folder)
    must(not is_kept(path, "g%d" % k), "the power cut took nothing")
    return gone


def run_early(options):
    hub = Hub(options, Faults(options, "hub"))
    path = os.path.join(options.folder, "hub.db")
    hub.start()
    write_flow(options, 1)
    node = Node(options, hub, Faults(options, "node"))
    node.faults.log = None
    node.start()
    node.insist("launch", "sum", "--task", "r", "--role", "counter", "--peers", PEERS)
    give(hub, "r", "g1", 1, False)
    take_answers(hub, "r", [1], node.lives)
    gone = 0
    for k, how in enumerate(("kill", "disk", "power"), 2):
        push = hand_out_early(options, hub, node, k)
        if how == "kill":
            hub.stop(signal.SIGKILL)
            must(is_kept(path, "g%d" % k) == 1, "a kill has undone what was handed out")
        elif how == "power":
            gone = cut_power(options, hub, k)
        hub.faults.slow(2 if how == "disk" else 0)
        push.join(PATIENCE_S)
        must(push.code == (503 if how == "disk" else None), "by a", how, "the push was answered with", push.code)
        if how != "disk":
            hub.connection = None
            hub.start()
        give(hub, "r", "g%d" % k, k, False) # as its sender does
        take_answers(hub, "r", [k], node.lives)
        until(lambda: nothing_waits(options), "all is acknowledged")
        must(taken_by(node) == k, "g%d" % k, "was taken twice")
        look_into_hub(path)
    must(node.stop() == 0, "the node ended with", node.process.returncode, node.tail())
    must(hub.stop() == 0, "the hub ended with", hub.process.returncode, hub.tail())
    return "%d power cuts, %d of which took what was handed out" % (options.most, gone)


def open_image(options, hub, node, is_hub):
    """The program itself opens it."""
    image, where = os.path.join(options.folder, "image"), options.folder if is_hub else node.options.folder + "/state"
    for name in os.listdir(where):
        if name.startswith("hub.db" if is_hub else "node.db") and os.path.isfile(os.path.join(where, name)):
            os.remove(os.path.join(where, name))
    for name in os.listdir(image):
        if not name.endswith("-shm"):
            shutil.copy(os.path.join(image, name), where)
    process = hub if is_hub else node
    process.faults, kept = None, process.faults
    process.start()
    process.stop(signal.SIGKILL)
    process.faults = kept


def main():
    parser = argparse.ArgumentParser()
    for name in ("what", "afrun", "shim", "folder"):
        parser.add_argument(name)
    parser.add_argument("--of", choices=sorted(KINDS), default="disk")
    parser.add_argument("--ever", action="store_true")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--last", type=int, default=ALL)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--most", type=int, default=ALL)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.afrun, options.shim = os.path.abspath(options.afrun), os.path.abspath(options.shim)
    options.folder = os.path.abspath(options.folder)
    os.makedirs(options.folder)
    runs = {"hub": run_hub, "node": run_node, "party": run_party, "resume": run_resume, "open": run_open, "rows": run_rows,
            "images": run_images,
            "early": run_early}
    try:
        print("%s: %s" % (options.what, runs[options.what](options)))
    except Wrong as wrong:
        sys.exit("faults.py %s: %s" % (options.what, wrong))
    finally:
        for process in STARTED:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
