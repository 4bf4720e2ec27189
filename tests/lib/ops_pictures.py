#!/usr/bin/env python3
"""ops_pictures.py AFRUN FLOWS FOLDER: pictures of the pages of a node and of a service, FOLDER/node.png and FOLDER/service.png: two
nodes of a service run tasks of FLOWS, one of which is held, one paused, one waits for who has not come."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from browser import Browser

afrun, flows, folder = (os.path.abspath(word) for word in sys.argv[1:4])
place = tempfile.mkdtemp()
os.environ |= {"HOME": place, "SE_OFFLINE": "true"}
processes = []
SURVEY = """
local af = require "af"
local Ask, Answer = af.event("ask", { question = af.string }), af.event("answer", { count = af.integer })
return af.flow { name = "survey", version = 3, mock = { asker = 1, answerer = 1 }, roles = {
  asker = { start = "asking", states = { asking = {
    enter = function(party) party:send(party:nodes("answerer"), Ask { question = "how many?" }) end,
    [Answer] = function() return af.done() end } } },
  answerer = { start = "listening", states = { listening = { may_end = true,
    [Ask] = function() error("no register is mounted") end } } },
} }
"""


def start(*words):
    process = subprocess.Popen([afrun, *words], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    processes.append(process)
    return process.stdout.readline()


def ctl(node, *words):
    return subprocess.run([afrun, "ctl", *words, "--state", node], cwd=place, check=True, stdout=subprocess.PIPE, text=True).stdout


def launch(flow, task, roles, come):
    for node in come:
        role = next(role for role, nodes in roles.items() if node in nodes)
        ctl(node, "launch", flow, "--task", task, "--role", role, "--peers", ";".join(f"{role}={','.join(nodes)}" for role, nodes in roles.items()))


def until(what):
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.1)


try:
    (pathlib.Path(place) / "flows").mkdir()
    (pathlib.Path(place) / "flows/survey.lua").write_text(SURVEY, encoding="utf-8")
    shutil.copy(os.path.join(flows, "sync_state.lua"), os.path.join(place, "flows"))
    url = start("serve", "--listen", "127.0.0.1:0", "--open-tasks", "--prefix-nodes").split(" listening at ")[1].split(",")[0]
    both = ["hospital-1", "hospital-2"]
    for name in both:
        start("node", "--node", name, "--bus", f"{url}/node/{name}", "--flows", "flows", "--state", name)
    launch("survey", "survey", {"answerer": both[:1], "asker": both[1:]}, both)
    launch("sync_state", "trial-7", {"initiator": ["clinic"], "participant": both}, both)
    launch("sync_state", "trial-8", {"initiator": both[:1], "participant": [both[1], "clinic"]}, both)
    launch("sync_state", "trial-9", {"initiator": both[:1], "participant": both[1:]}, both)
    ctl(both[0], "pause", "trial-7")
    until(lambda: "  done" in ctl(both[0], "status", "trial-9") and "  held" in ctl(both[0], "status", "survey"))
    browser = Browser()
    browser.go(start("ctl", "ui", "--state", both[0]).strip())
    browser.until(lambda: len(browser.options("parties-list")) == 4)
    browser.picture(os.path.join(folder, "node.png"), 1000, 300)
    browser.go(url + "/ui/#view=task&task=trial-10")
    browser.until(lambda: "contracts have passed" in browser.text("passing"))
    launch("sync_state", "trial-10", {"initiator": both[:1], "participant": both[1:]}, both)
    browser.until(lambda: "acknowledged: notice_task_completion" in browser.text("rows"))
    browser.picture(os.path.join(folder, "service.png"), 1000, 440)
    browser.driver.quit()
finally:
    for process in reversed(processes):
        process.terminate()
        process.wait()
    shutil.rmtree(place)
