#!/usr/bin/env python3
"""Five nodes whose parties talk without pause, while a bundle of three modules is replaced on each again
and again, in a layout of its own.

bundle_reloads.py AFRUN DIR RELOADS [--seed S]

Each module carries its version, one of them is required by a handler alone, and each step sends all three.
On `folder` a folder is renamed away and another put there; on `switch` a link moves; on `archive` a .afb is
renamed over; on `map` a ConfigMap's `..data` moves; on `slow` a folder is written file by file, in any order.
Prints how many reloads there were, how many steps, and how many versions have sent something. Exit status 1
with a line on standard error if a journal has a step of two versions, or one that goes back.
"""
import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import threading
import time

from kill_nodes import Node, Process, fail, free_port

PATIENCE_S = 60
FLOW = """local af = require "af"
local first = require "first"
local second = require "parts.second"
local Beat = af.event("beat", { flow = af.integer, first = af.integer, second = af.integer, third = af.integer })
local function beat(party)
  local third = require "parts.third"
  local to = party:nodes("walker")
  party:send(to[party.data.at % #to + 1], Beat { flow = VERSION, first = first.version, second = second.version, third = third.version })
  party.data.at = party.data.at + 1
end
return af.flow {
  name = "trio", version = VERSION,
  roles = { walker = {
    start = "walking", data = function() return { at = 0 } end,
    states = { walking = {
      enter = beat,
      [Beat] = function() end,
      after = { 0.02, "walking" },
    } },
  } },
}
"""


class Layout:
    """How a node's flows folder gets the next version; `new` is a bundle's folder."""

    def __init__(self, name, root, chance):
        self.name, self.chance = name, chance
        self.flows = os.path.join(root, name + ".flows")
        self.place = os.path.join(self.flows, "trio")
        self.root = os.path.join(root, name + ".releases")
        os.makedirs(self.flows)
        os.makedirs(self.root)
        if name == "switch":
            os.symlink(os.path.join("..", name + ".releases", "current"), self.place)

    def put(self, new, version):
        getattr(self, self.name)(new, version)

    def folder(self, new, version):
        copy = os.path.join(self.root, str(version))
        shutil.copytree(new, copy)
        if os.path.exists(self.place):
            os.rename(self.place, copy + ".before")
        os.rename(copy, self.place)

    def link(self, target, link):
        os.symlink(target, link + ".new")
        os.rename(link + ".new", link)

    def switch(self, new, version):
        shutil.copytree(new, os.path.join(self.root, str(version)))
        self.link(str(version), os.path.join(self.root, "current"))

    def archive(self, new, version):
        copy = os.path.join(self.root, "trio.afb")
        shutil.copy(new + ".afb", copy)
        os.rename(copy, self.place + ".afb")

    def map(self, new, version):
        os.makedirs(self.place, exist_ok=True)
        shutil.copytree(new, os.path.join(self.place, "..%d" % version))
        self.link("..%d" % version, os.path.join(self.place, "..data"))
        for entry in os.listdir(new):
            if not os.path.lexists(os.path.join(self.place, entry)):
                os.symlink(os.path.join("..data", entry), os.path.join(self.place, entry))
        if version > 2:
            shutil.rmtree(os.path.join(self.place, "..%d" % (version - 2)))

    def slow(self, new, _):
        files = [os.path.relpath(os.path.join(at, name), new)
                 for at, _, names in os.walk(new) for name in names]
        self.chance.shuffle(files)
        pause = self.chance.randrange(1, len(files)) # some of it is there when the node looks
        for i, name in enumerate(files):
            time.sleep(0.4 if i == pause else 0)
            os.makedirs(os.path.dirname(os.path.join(self.place, name)), exist_ok=True)
            shutil.copy(os.path.join(new, name), os.path.join(self.place, name))


def make(options, version):
    source = os.path.join(options.folder, "source")
    new = os.path.join(options.folder, "made", str(version))
    os.makedirs(os.path.join(source, "parts"), exist_ok=True)
    os.makedirs(os.path.dirname(new), exist_ok=True)
    for path, text in (("trio.lua", FLOW.replace("VERSION", str(version))),
                       ("first.lua", "return { version = %d }\n" % version),
                       ("parts/second.lua", "return { version = %d }\n" % version),
                       ("parts/third.lua", "return { version = %d }\n" % version)):
        with open(os.path.join(source, path), "w") as file:
            file.write(text)
    for out in (new, new + ".afb"):
        subprocess.run([options.afrun, "bundle", os.path.join(source, "trio.lua"), "-o", out],
                       check=True, stdout=subprocess.DEVNULL)
    return new


def look_at(name, path, versions):
    """A party's journal: what each step sent. Returns how many steps there were."""
    steps, last = 0, 0
    with sqlite3.connect(path) as db:
        rows = db.execute("SELECT sends FROM journal WHERE sends IS NOT NULL ORDER BY seq").fetchall()
    for (sends,) in rows:
        for send in json.loads(sends):
            content = send["content"]
            found = [content[key] for key in ("flow", "first", "second", "third")]
            if len(set(found)) != 1:
                fail("%s: a step is of more than one version: %s" % (name, found))
            if found[0] < last:
                fail("%s: goes back from %d to %d" % (name, last, found[0]))
            last = found[0]
            versions.add(last)
            steps += 1
    return steps


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("afrun")
    parser.add_argument("folder")
    parser.add_argument("reloads", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-jail", action="store_true")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    layouts = [Layout(name, options.folder, chance)
               for name in ("folder", "switch", "archive", "map", "slow")]
    port = free_port()
    serve = Process("serve", [options.afrun, "serve", "--listen", "127.0.0.1:%d" % port, "--bus",
                              "local:" + os.path.join(options.folder, "serve.db"), "--open-tasks",
                              "--prefix-nodes"], options.folder)
    nodes = [Node(options, layout.name, "walker", "http://127.0.0.1:%d" % port, layout.flows)
             for layout in layouts]
    serve.start()
    new = make(options, 1)
    for layout, node in zip(layouts, nodes):
        layout.put(new, 1)
        node.start()
    peers = "walker=" + ",".join(node.name for node in nodes)
    until = time.monotonic() + PATIENCE_S
    for node in nodes:
        while node.ctl("launch", "trio", "--task", "t", "--role", "walker", "--peers", peers).returncode != 0:
            if time.monotonic() > until:
                fail("%s: is not launched" % node.name)
            time.sleep(0.05)
    for version in range(2, options.reloads + 2):
        new = make(options, version)
        puts = [threading.Thread(target=layout.put, args=(new, version)) for layout in layouts]
        for put in puts:
            put.start()
        for put in puts:
            put.join()
        until = time.monotonic() + PATIENCE_S
        for node in nodes:
            while (node.party() or {}).get("version") != version:
                if time.monotonic() > until:
                    fail("%s does not come to version %d: %s" % (node.name, version, node.ctl("status", "--json").stdout))
                time.sleep(0.02)
        shutil.rmtree(os.path.join(options.folder, "made"))
    for process in nodes + [serve]:
        process.stop()
    versions = set()
    steps = sum(look_at(node.name, os.path.join(node.state, "node.db"), versions) for node in nodes)
    print(options.reloads, steps, len(versions))


main()
