#!/usr/bin/env python3
"""A node whose operators are in a hurry: orders come at its control socket faster than it can do what they ask for.

hasty.py AFRUN DIR [--bus local|http|nats] [--rounds N] [--seed S] [--no-jail]

Its flow takes its time for everything: to be loaded, for an event, to look at one from outside, to migrate there and back; a handler waits
for a program, an upload, a download. Each round is an order by chance (launch, send, pause, resume, reload, rollback, stop, forget, retry …),
another version in the flows folder (some of which cannot be loaded, or do not migrate), a worker that is killed or stands still for a
moment, a client that goes away before it is answered, a service that dies, stands still, or has a task end. Now and then the node is told
to end amid all that, and is started again.

Prints how many orders were done, how many refused, and how often the node was started. Exit status 1 with a line on standard error if it
ends by itself, or otherwise than with status 0, does not answer, or answers with what is no JSON.
"""
import argparse
import json
import os
import random
import selectors
import signal
import socket
import subprocess
import time
import urllib.request

import kill_nodes
from kill_nodes import bus_of, fail, service_of

PATIENCE_S = 120
OPEN_MAX = 12 # orders that wait for their answers
TASKS = 6 # that are under way
PEERS = {"left": "left=i;right=j", "right": "right=i;left=j"}
TOKEN = "admin-token-0123456789"

FLOW = """local af = require "af"
local Tick = af.event("tick", { number = af.optional(af.integer) })
local function work(loops)
  local n = 0
  for i = 1, loops do n = n + i end
end
work(%(load)d)
function Tick.contract_to_event(contract)
  work(%(look)d)
  return Tick { number = contract.number }
end
local function migrate(old)
  work(%(migrate)d)
  %(fault)s
  return { state = old.state, data = old.data }
end
local function go_on(party)
  party:send(party:nodes("right"), Tick {})
  return "idle"
end
return af.flow {
  name = "busy", version = %(version)d, migrate = migrate, migrate_back = migrate,
  roles = {
    left = {
      data = function() return { count = 0 } end,
      start = "idle",
      states = {
        idle = {
          may_end = true,
          after = { 0.3, function(party) party.data.count = party.data.count + 1 work(%(event)d) end },
          [Tick] = function(party, event)
            work(%(event)d)
            party.data.count = party.data.count + 1
            return ({ "running", "giving", "late", "idle", "over" })[event.number or 4]
          end,
        },
        running = {
          defer = { Tick },
          enter = function(party)
            af.process.run("sleep", { args = { "0.1" } })
            return go_on(party)
          end,
        },
        giving = {
          defer = { Tick },
          enter = function(party)
            af.download(party:upload_file(af.content(("%(version)d"):rep(100000))))
            return go_on(party)
          end,
        },
        late = { defer = { Tick }, after = { 0.05, go_on } },
        over = { enter = function() return af.done(1) end },
      },
    },
    right = { start = "idle", states = { idle = { may_end = true, after = { 0.2, "idle" }, [Tick] = function() work(%(event)d) end } } },
  },
}
"""


def own_file(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(text)


class Node:
    def __init__(self, options, chance):
        self.options, self.chance = options, chance
        self.folder = options.folder
        self.flows = os.path.join(self.folder, "flows")
        self.socket = os.path.join(self.folder, "state", "control.sock")
        self.version = 0
        self.words = {} # what parties were at
        self.process = None
        self.tasks, self.ended, self.task_count = [], [], 0
        for _ in range(TASKS):
            self.add_task()
        self.selector = selectors.DefaultSelector()
        self.done = self.refused = self.starts = 0
        os.mkdir(self.flows)
        own_file(os.path.join(self.folder, "launches"), "ask busy from operator task *0,*3,*6\n")
        admin = os.path.join(self.folder, "admin")
        own_file(admin, TOKEN + "\n")
        self.service, self.url = service_of(options.bus, options, "--admin-token", admin)
        if self.service:
            self.service.start()
        self.put()

    # ---- Its life. ----

    def start(self):
        words = [self.options.afrun, "node", "--node", "i", "--bus", bus_of(self.url, "i"), "--flows", self.flows, "--state",
                 os.path.join(self.folder, "state"), "--allow-run", "sleep", "--hang", "5s", "--launches", os.path.join(self.folder, "launches")]
        with open(os.path.join(self.folder, "err"), "ab") as errors:
            self.process = subprocess.Popen(words + ["--no-jail"] * self.options.no_jail, stdout=subprocess.DEVNULL,
                                            stderr=errors, stdin=subprocess.DEVNULL)
        kill_nodes.STARTED.append(self.process)
        self.starts += 1
        end = time.monotonic() + PATIENCE_S
        while not self.ask({"cmd": "status"}):
            self.look()
            if time.monotonic() > end:
                fail("it does not answer after its start")
            time.sleep(0.02)

    def look(self):
        if self.process.poll() is not None:
            fail("the node ended by itself, with status %d" % self.process.returncode)

    def expect_end(self, order):
        """It has hung up: why?"""
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            fail("it hung up on %s" % order)
        self.look()

    def workers(self):
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/stat" % name) as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == self.process.pid:
                found.append(int(name))
        return sorted(found)

    def end(self):
        """It is told to, amid all that goes on; who waits for an answer is hung up on."""
        self.process.send_signal(self.chance.choice([signal.SIGTERM, signal.SIGINT]))
        if self.chance.random() < 0.3:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            fail("it does not end")
        if status != 0:
            fail("it ended with status %d" % status)
        self.process = None
        for key in list(self.selector.get_map().values()):
            self.drop(key.fileobj)

    # ---- What it is asked. ----

    def connect(self, order):
        channel = socket.socket(socket.AF_UNIX)
        channel.settimeout(PATIENCE_S)
        try:
            channel.connect(self.socket)
            channel.sendall(json.dumps(order).encode() + b"\n")
        except (FileNotFoundError, ConnectionError):
            channel.close()
            return None
        return channel

    def ask(self, order):
        """The answer, an object; None: nobody listens."""
        channel = self.connect(order)
        return None if channel is None else self.read(channel, order)

    def read(self, channel, order):
        text = b""
        try:
            while not text.endswith(b"\n"):
                piece = channel.recv(1 << 16)
                if not piece:
                    break
                text += piece
        except ConnectionError:
            pass
        except OSError as error:
            fail("no answer to %s: %s" % (order, error))
        channel.close()
        if not text:
            self.expect_end(order)
            return None
        try:
            answer = json.loads(text)
        except ValueError:
            fail("the answer to %s is no JSON: %.300r" % (order, text))
        self.done += answer["ok"]
        self.refused += not answer["ok"]
        return answer

    def drop(self, channel):
        self.selector.unregister(channel)
        channel.close()

    def order(self, **words):
        """Begins it; what is answered is read later, by chance never."""
        channel = self.connect(words)
        if channel is None:
            self.look()
            return
        if self.chance.random() < 0.1:
            channel.close()
            return
        self.selector.register(channel, selectors.EVENT_READ, words)
        while len(self.selector.get_map()) > OPEN_MAX:
            self.hear(PATIENCE_S)

    def hear(self, wait_s):
        ready = self.selector.select(wait_s)
        if not ready and wait_s > 0 and self.selector.get_map():
            self.look()
            fail("no answer to %s" % [key.data for key in self.selector.get_map().values()])
        for key, _ in ready:
            self.selector.unregister(key.fileobj)
            self.read(key.fileobj, key.data)

    # ---- What is done. ----

    def put(self):
        """The next version, or the same one otherwise; now and then none that can be taken."""
        kind = self.chance.random()
        loops = lambda: self.chance.choice([0, 100000, 1000000])
        self.version += kind < 0.8
        text = FLOW % {"version": self.version, "load": loops(), "look": loops(), "migrate": loops(), "event": loops(),
                       "fault": "error 'planned'" if 0.8 < kind < 0.9 else ""}
        path = os.path.join(self.flows, "busy.lua")
        if self.version > 1 and kind > 0.97:
            os.unlink(path) if os.path.exists(path) else None
            return
        with open(path + ".new", "w") as file:
            file.write(text if kind < 0.95 else text + "end")
        os.rename(path + ".new", path)

    def strike(self):
        """A worker dies, or stands still for a moment."""
        workers = self.workers()
        if not workers:
            return
        pid = self.chance.choice(workers)
        if self.chance.random() < 0.4:
            self.stand_still(pid)
            return
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def add_task(self):
        self.task_count += 1
        self.tasks.append("t%d" % self.task_count)

    def end_task(self):
        """By its admin; others know it for a while."""
        task = self.tasks.pop(self.chance.randrange(TASKS))
        self.ended = [task] + self.ended[:2]
        self.add_task()
        request = urllib.request.Request(self.url + "/admin/tasks/" + task, method="DELETE",
                                         headers={"Authorization": "Bearer " + TOKEN})
        try:
            urllib.request.urlopen(request, timeout=PATIENCE_S).read()
        except OSError:
            pass # it has just been killed, perhaps

    def strike_service(self):
        if self.service is None:
            return
        if self.chance.random() < 0.3:
            self.service.kill()
        elif self.options.bus == "http" and self.chance.random() < 0.5:
            self.end_task()
        else:
            self.stand_still(self.service.process.pid)

    def stand_still(self, pid):
        try:
            os.kill(pid, signal.SIGSTOP)
            for _ in range(self.chance.randrange(4)):
                self.act()
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass # it has ended, or somebody has killed it meanwhile

    def begin(self):
        """Starts it, with a party of each task."""
        self.start()
        self.look_around()
        for task in self.tasks:
            if task not in self.words:
                self.order(cmd="launch", flow="busy", task=task, role="left", peers=[PEERS["left"]])

    def look_around(self):
        told = self.ask({"cmd": "status"})
        if told is None:
            fail("it does not tell its status")
        self.words = {party["task"]: party["status"] for party in told["parties"]}
        self.words.update((asked["task"], "asked") for asked in told["asked"] if asked["task"] not in self.words)

    def pick(self, words):
        """A task whose party was at one of these when it was last looked, mostly; "": one that had none."""
        known = self.tasks + self.ended
        fit = [task for task in known if self.words.get(task, "") in words]
        return self.chance.choice(fit if fit and self.chance.random() < 0.8 else known)

    def act(self):
        role = self.chance.choice(["left", "left", "right"])
        number = self.chance.choice([1, 1, 2, 2, 3, 3, 4, 4, 4, 5])
        one_of, coin = self.chance.choice, lambda of: self.chance.random() < of
        runs = ("waiting", "slow", "resting", "held", "paused", "lost contact")
        rows = [
            (5, lambda: self.order(cmd="launch", flow="busy", task=self.pick([""]), role=role, peers=[PEERS[role]])),
            (2, lambda: self.order(cmd="launch", flow="busy", task=self.pick([""]))),
            (3, lambda: self.order(cmd="approve", task=self.pick(["asked"]), refuse=coin(0.3))),
            (10, lambda: self.order(cmd="send", task=self.pick(runs), event="tick", fields=json.dumps({"number": number}))),
            (3, lambda: self.order(cmd="pause", task=self.pick(runs))),
            (5, lambda: self.order(cmd="resume", task=self.pick(["paused"]))),
            (6, lambda: self.order(cmd="reload", flow="busy", wait=one_of([0, 1, 10]), dry_run=coin(0.2), restart_waiting=coin(0.4))),
            (2, lambda: self.order(cmd="rollback", flow="busy", wait=one_of([0, 1]))),
            (3, lambda: self.order(cmd="stop", task=self.pick(runs))),
            (4, lambda: self.order(cmd="forget", task=self.pick(["done", "failed", "broken"]))),
            (4, lambda: self.order(cmd="retry", task=self.pick(["held", "broken"]))),
            (1, lambda: self.order(cmd="again", task=self.pick(runs))),
            (2, lambda: self.order(cmd=one_of(["data", "trace", "log"]), task=self.pick(runs))),
            (8, self.look_around),
            (1, lambda: self.order(cmd=one_of(["support", "latencies"]))),
            (4, self.put),
            (1, lambda: self.process.send_signal(signal.SIGHUP)),
            (3, self.strike),
            (2, self.strike_service),
            (8, lambda: time.sleep(self.chance.random() * 0.2)),
        ]
        self.chance.choices([row[1] for row in rows], [row[0] for row in rows])[0]()
        self.hear(0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("afrun")
    parser.add_argument("folder")
    parser.add_argument("--bus", choices=("local", "http", "nats"), default="local")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-jail", action="store_true")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    node = Node(options, chance)
    node.begin()
    for number in range(options.rounds):
        node.act()
        if number % 100 == 99:
            node.look_around()
            node.end()
            node.begin()
    node.end()
    if node.service:
        node.service.stop()
    print(node.done, node.refused, node.starts)


main()
