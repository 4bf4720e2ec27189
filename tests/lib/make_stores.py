#!/usr/bin/env python3
"""Makes the files of tests/data/stores that a program of some version leaves.

make_stores.py AFRUN DIR     DIR/messages-VERSION.db.gz and DIR/parties-VERSION.db.gz, by that program;
                             DIR/parties-VERSION.key: what its party keeps, and its secrets, are sealed by it

The first ones come from programs that were built from older commits. parties-4-secret is of one that knew no secrets, with a
field of that name in its party's data.
"""
import gzip
import http.client
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time

FLOW = """local af = require "af"
local Add = af.event("add", { n = af.integer { secret = true } })
return af.flow {
  name = "sum", version = 1,
  roles = {
    counter = {
      data = function() return { sum = 0, count = 0 } end,
      start = "counting",
      states = { counting = { [Add] = function(party, event)
        if party.data.last and party:kept(party.data.last) ~= "secret " .. party.data.sum then error "another secret" end
        party.data.sum, party.data.count = party.data.sum + event.n, party.data.count + 1
        party.data.last = party:keep("secret " .. party.data.sum)
        if party.data.secret and party.data.secret.sum ~= "\\xff" .. party.data.sum - event.n then error "yet another" end
        party.data.secret = { sum = "\\xff" .. party.data.sum }
        if party.data.count == 3 then return af.done { sum = party.data.sum } end
      end } },
    },
    source = { start = "giving", states = { giving = { enter = function(party)
      for n = 1, 2 do party:send("i", Add { n = n }) end
      return af.done()
    end } } },
  },
}
"""

LATER = """local af = require "af"
return af.flow { name = "later", version = 1, mock = { r = 1 }, roles = {
  r = { start = "s", states = { s = { enter = function() return af.done() end } } } } }
"""


def ask(port, node, what, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/node/%s/fed-service/api/v2/%s" % (node, what),
                       json.dumps(dict(body, task_id="t", channel="federated")), {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    if answer["code"] != 0:
        print(what, answer, file=sys.stderr)


def pack(path, name):
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = DELETE")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    db.execute("VACUUM")
    db.close()
    with open(path, "rb") as file, gzip.GzipFile("%s-%d.db.gz" % (name, version), "wb", 9, mtime=0) as packed:
        packed.write(file.read())


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        if time.monotonic() > end:
            sys.exit("it takes too long")
        time.sleep(0.05)


def make_messages(afrun):
    with open("serve.out", "w") as out:
        service = subprocess.Popen([afrun, "serve", "--listen", "127.0.0.1:0", "--bus", "local:hub.db", "--open-tasks",
                                    "--prefix-nodes"], stdout=out)
    said = lambda: re.search(r"127\.0\.0\.1:(\d+)", open("serve.out").read())
    until(said)
    port = int(said().group(1))

    def push(uuid, targets, text):
        ask(port, "a", "message/push", {"node_id_list": targets, "message_title": "task_inside", "message_time": 1,
                                        "message_uuid": uuid, "message_content": {"type": "x", "text": text}})

    push("u1", ["b"], "the first")
    push("u2", ["b", "c"], "the second")
    push("u3", ["*"], "for all")
    push("u4", ["b"], "the last")
    ask(port, "b", "message/pop", {"max": 1, "lease_seconds": 60, "holder": "h"})
    ask(port, "b", "message/ack", {"holder": "h", "ack": ["u1"]})
    ask(port, "b", "message/ack", {"holder": "h", "ack": [], "reject": [{"uuid": "u4", "reason": "cannot be read"}]})
    ask(port, "b", "federated/task/progress", {"progress_number": 50})
    service.terminate()
    service.wait()
    pack("hub.db", "messages")


def make_parties(afrun):
    os.makedirs("flows")
    with open("flows/sum.lua", "w") as file:
        file.write(FLOW)
    peers = "counter=i;source=s"
    subprocess.run([afrun, "flows/sum.lua", "--role", "source", "--node", "s", "--task", "t", "--bus", "local:bus.db",
                    "--peers", peers, "-q"], timeout=20, check=True)
    with open("flows/later.lua", "w") as file:
        file.write(LATER)
    with open("rules", "w") as file:
        file.write("allow sum from operator\nask * from operator\n")
    os.chmod("rules", 0o600)
    node = subprocess.Popen([afrun, "node", "--node", "i", "--bus", "local:bus.db", "--flows", "flows", "--state", "state",
                             "--launches", "rules"])
    until(lambda: subprocess.run([afrun, "ctl", "status", "--state", "state"], capture_output=True).returncode == 0)
    subprocess.run([afrun, "ctl", "launch", "sum", "--task", "t", "--role", "counter", "--peers", peers, "--state",
                    "state"], check=True)
    subprocess.run([afrun, "ctl", "launch", "later", "--task", "w", "--role", "r", "--peers", "r=i", "--state", "state"],
                   check=True)
    until(lambda: b'"verdict":"fine"' in subprocess.run([afrun, "ctl", "status", "--json", "--state", "state"],
                                                        capture_output=True).stdout)
    until(lambda: sqlite3.connect("bus.db").execute("SELECT count(*) FROM deliveries").fetchone()[0] == 0)
    node.terminate()
    node.wait()
    pack("state/node.db", "parties")
    (version,) = sqlite3.connect("state/node.db").execute("PRAGMA user_version").fetchone()
    shutil.copy("state/node.db.key", "parties-%d.key" % version)


def main():
    afrun = os.path.abspath(sys.argv[1])
    os.makedirs(sys.argv[2])
    os.chdir(sys.argv[2])
    make_messages(afrun)
    make_parties(afrun)


if __name__ == "__main__":
    main()
