"""Two fronts of a NATS server, each with a tokens file of its own: what one of them loses is refused by both.

    revocations.py AFRUN NATS-URL STORE

STORE is the server's folder. Prints TAP lines without a plan. Works in the current folder; ends all it has started."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

from sidecars import ADMIN, Service, ask, secret, tell

API, BASS = "/fed-service/api/v2/", "/alpha-med/fed-bass?cmb="
program, bus, store = sys.argv[1:]
fronts = [Service(program, "front%d" % i, "--bus", bus, "--tokens", "tokens%d" % i, "--admin-token", "admin",
                  "--files", "files%d" % i, "--audit", "audit%d" % i) for i in range(2)]


def new_token(node, file="tokens0"):
    return subprocess.run([program, "token", "new", file, node], check=True, capture_output=True, text=True).stdout.strip()


def digest_of(token):
    return hashlib.sha256(token.encode()).hexdigest()


def revoke(token, file="tokens0"):
    subprocess.run([program, "token", "revoke", file, digest_of(token)[:12]], check=True, capture_output=True)


def call(front, path, body=None, token=None, session=None):
    """The code of the answer, and all of it."""
    text = ask(front.url, path, body, token, session)
    if "Response" in text:
        return int(text["Response"].get("Error", {}).get("Code", 0)), text
    return text["code"], text


def push(front, token, target="b"):
    return call(front, API + "message/push", {
        "task_id": "t", "channel": "federated", "node_id_list": [target], "message_title": "task_inside",
        "message_content": {"type": "x"}, "message_time": 1}, token)[0]


def pop(front, token, **more):
    return call(front, API + "message/pop", dict({"task_id": "t", "channel": "federated"}, **more), token)


def dataset(front, session):
    return call(front, BASS + "VerifyTaskDataSetCallback", {"TaskId": "t", "VerifyResult": True}, session=session)[0]


def login(front, node, token):
    code, answer = call(front, BASS + "Login", {"UserName": node, "Password": token})
    assert code == 0, answer
    return answer["Response"]["Data"]["Token"]


def until(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def says(path, text):
    return text in open(path, encoding="utf-8").read()


def entries(front, token):
    """Of the audit log: revocations, by whose token."""
    with open("audit%d" % front, encoding="utf-8") as file:
        return [entry["who"] for entry in map(json.loads, file) if entry.get("what") == "revoke_token"]


def revoked_at_one(a1, a2, b):
    sessions = [login(front, "a", a1) for front in fronts]
    tell([dataset(fronts[1], one) for one in sessions] == [0, 0], "logins at both fronts are known")
    second, polled = login(fronts[1], "a", a2), []
    wait = threading.Thread(target=lambda: polled.append(pop(fronts[1], a1, wait_seconds=55)))
    wait.start()
    until(lambda: "afrun_polls_parked 1\n" in metrics(fronts[1]))
    revoke(a1)
    told = until(lambda: says("front0.err", digest_of(a1)[:12]))
    fronts[0].kill()
    tell(told, "the front whose file has lost it says that it is revoked", open("front0.err").read())
    tell(until(lambda: push(fronts[1], a1) == 401), "the other front refuses it, whose file has it")
    tell(pop(fronts[1], a1)[0] == 401, "a pop, too")
    tell([dataset(fronts[1], one) for one in sessions] == [401, 401], "logins by it have ended")
    wait.join(20)
    tell(not wait.is_alive(), "a poll that waited has ended")
    tell(push(fronts[1], b, "a") == 0 and pop(fronts[1], a2)[1]["data"].get("message_title") == "task_inside" and
         dataset(fronts[1], second) == 0, "the node's other token and its login go on, and so do others")
    tell(entries(0, a1) == ["a"] and entries(1, a1) == ["a"], "it is in the audit logs of both", (entries(0, a1), entries(1, a1)))
    fronts[1].kill()
    fronts[1].start()
    tell(push(fronts[1], a1) == 401 and push(fronts[1], a2) == 0, "a front that starts refuses it from its first answer on")
    shutil.copy("tokens1", "tokens0")
    fronts[0].start()
    tell(push(fronts[0], a1) == 401, "it stays refused where it is put back")


def metrics(front):
    request = urllib.request.Request(front.url + "/metrics", headers={"Authorization": "Bearer " + ADMIN})
    with urllib.request.urlopen(request, timeout=70) as answer:
        return answer.read().decode()


def what_is_kept(a1):
    texts = [open(os.path.join(folder, name), "rb").read() for folder, _, names in os.walk(store) for name in names]
    tell(any(digest_of(a1).encode() in text for text in texts), "the servers keep its digest")
    tell(not any(a1.encode() in text for text in texts), "and no token")


def not_revoked(b):
    """What only one file has, and what is away for a moment."""
    new = new_token("c")
    tell(until(lambda: pop(fronts[0], new)[0] == 403), "a new token is known where its file has it")
    text = open("tokens0", encoding="utf-8").read()
    reads = open("front0.err", encoding="utf-8").read().count("tokens are read again")
    secret("tokens0", "\n".join(line for line in text.split("\n") if digest_of(b) not in line))
    until(lambda: open("front0.err", encoding="utf-8").read().count("tokens are read again") > reads)
    secret("tokens0", text)
    tell(until(lambda: push(fronts[0], b, "a") == 0), "a line that is back a moment later")
    last = new_token("x")  # what is lost after it is told after it
    until(lambda: pop(fronts[0], last)[0] == 403)
    revoke(last)
    until(lambda: says("front0.err", digest_of(last)[:12]))
    codes = [pop(fronts[0], new)[0], push(fronts[0], b, "a"), push(fronts[1], b, "a")]
    tell(codes == [403, 0, 0], "and one that another file never had are not revoked", codes)


def many(b):
    """A page of a file is gone at once."""
    gone = ["sha256:%s m" % hashlib.sha256(b"%d" % i).hexdigest() for i in range(300)]
    text = open("tokens0", encoding="utf-8").read()
    for file in ("tokens0", "tokens1"):
        secret(file, open(file, encoding="utf-8").read() + "\n".join(gone) + "\n")
    until(lambda: says("front0.err", "tokens are read again: %d" % (text.count("sha256:") - 1 + len(gone))))
    secret("tokens0", text)
    tell(until(lambda: entries(1, None).count("m") == len(gone)), "three hundred are revoked at once", len(entries(1, None)))
    tell(push(fronts[1], b, "a") == 0, "and nobody else")


def no_servers(b):
    """A front that has not read them yet lets nobody in."""
    fronts[1].kill()
    os.kill(int(open("nats.pid").read()), 9)
    fronts[1].start()
    ready = []

    def ask():
        try:
            ready.append(urllib.request.urlopen(fronts[1].url + "/readyz", timeout=70).status)
        except urllib.error.HTTPError as error:
            ready.append(error.code)

    other = threading.Thread(target=ask)
    other.start()
    code, answer = pop(fronts[1], b)
    other.join()
    tell(code == 503 and ready == [503], "without the servers a front that starts says: not now", (answer, ready))


try:
    a1, a2, b = new_token("a"), new_token("a"), new_token("b")
    shutil.copy("tokens0", "tokens1")
    secret("admin", ADMIN)
    for each in fronts:
        each.start()
    assert call(fronts[0], "/admin/tasks", {"task_id": "t", "members": [
        {"node_id": node, "role": "peer"} for node in "ab"]}, ADMIN)[0] == 0
    revoked_at_one(a1, a2, b)
    what_is_kept(a1)
    not_revoked(b)
    many(b)
    no_servers(b)
finally:
    for each in fronts:
        if each.process is not None:
            each.process.kill()
            each.process.wait()
