"""Two fronts of a NATS server behind a name that leads each request to the other one, one of them killed now and then.

    fronts.py AFRUN NATS-URL COUNT KILLS

Prints TAP lines without a plan. Works in the current folder; ends all it has started."""

import json
import sys
import threading
import time
import urllib.error
import urllib.request

from sidecars import ADMIN, Service, secret, tell

API = "/fed-service/api/v2/"
program, bus, count, kills = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
tokens = {node: "token-of-%s-0123456789" % node for node in "abcx"}
secret("tokens", "".join("%s %s\n" % (token, node) for node, token in tokens.items()))
secret("admin", ADMIN)
fronts = [Service(program, "front%d" % i, "--bus", bus, "--tokens", "tokens", "--admin-token", "admin",
                  "--files", "files%d" % i) for i in range(2)]


class Away(Exception):
    pass


def call(front, path, body=None, token=None, method="POST", headers=()):
    """The answer as an object, or its bytes; Away: there was none, or not now."""
    request = urllib.request.Request(front.url + path, method=method,
                                     data=None if body is None else json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", "Bearer " + token)
    for name, value in headers:
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=70) as answer:
            text = answer.read()
    except urllib.error.HTTPError as error:
        text = error.read()
    except OSError as error:
        raise Away(error) from None
    if not text.startswith(b"{"):
        return text
    answer = json.loads(text)
    if answer.get("code") == 503:
        raise Away(answer["message"])
    return answer


turn = [0]


def by_turns(path, body, node):
    """Each request at the other front; where that one is away, at the next."""
    end = time.monotonic() + 100
    while True:
        turn[0] += 1
        try:
            return call(fronts[turn[0] % 2], path, body, tokens[node])
        except Away as why:
            if "holder" in body:
                body["again"] = True  # the answer that is lost may have held something
            if time.monotonic() > end:
                raise SystemExit("not ok - a front answers: %s" % why) from None
            time.sleep(0.02)


def push(task, sender, target, number):
    answer = by_turns(API + "message/push", {
        "task_id": task, "channel": "federated", "node_id_list": [target], "message_title": "task_inside",
        "message_content": {"type": "x", "by": sender, "n": number}, "message_time": 1,
        "message_uuid": "%s-%d" % (sender, number)}, sender)
    assert answer["code"] == 0, answer


def take(task, node, **more):
    answer = by_turns(API + "message/pop", dict({"task_id": task, "channel": "federated"}, **more), node)
    assert answer["code"] == 0, answer
    return answer["data"]


def in_order(got):
    """Of each sender all numbers, in order, once."""
    seen = {"a": [], "c": []}
    for content in got:
        seen[content["by"]].append(content["n"])
    return all(numbers == list(range(count)) for numbers in seen.values()), seen


def killer(stop):
    for i in range(kills):
        if stop.wait(0.7):
            return
        front = fronts[i % 2]
        front.process.kill()
        front.process.wait()
        front.start()


def run(task, receive):
    stop = threading.Event()
    threads = [threading.Thread(target=lambda s=sender: [push(task, s, "b", n) for n in range(count)])
               for sender in "ac"] + [threading.Thread(target=killer, args=(stop,))]
    for thread in threads:
        thread.start()
    got, again = receive(task)
    stop.set()
    for thread in threads:
        thread.join()
    ok, seen = in_order(got)
    return ok and not take(task, "b"), again, seen


def plainly(task):
    """As the platform's client polls; what a front that was killed had not noted comes once more."""
    got, uuids, again, end = [], set(), 0, time.monotonic() + 300
    while len(got) < 2 * count and time.monotonic() < end:
        data = take(task, "b")
        if not data:
            time.sleep(0.02)
        elif data["message_uuid"] in uuids:
            again += 1
        else:
            uuids.add(data["message_uuid"])
            got.append(data["message_content"])
    return got, again


def leased(task):
    """With leases: acknowledged by the other front than that which has handed it out."""
    got, uuids, again, done, end = [], set(), 0, [], time.monotonic() + 300
    while len(got) < 2 * count and time.monotonic() < end:
        data = take(task, "b", lease_seconds=30, holder="party@1", max=20, wait_seconds=1, ack=done)
        done = []
        for message in data["messages"]:
            if message["message_uuid"] in uuids:
                again += 1
            else:
                got.append(message["message_content"])
                uuids.add(message["message_uuid"])
            done.append(message["message_uuid"])
    answer = by_turns(API + "message/ack", {"task_id": task, "channel": "federated", "ack": done, "release": True,
                                            "holder": "party@1"}, "b")
    assert answer["code"] == 0, answer
    return got, again


def contracts():
    for task in ("plain", "leased"):
        answer = call(fronts[0], "/admin/tasks", {"task_id": task, "members": [
            {"node_id": node, "role": "peer"} for node in "abc"]}, ADMIN)
        assert answer["code"] == 0, answer
    for task, receive in (("plain", plainly), ("leased", leased)):
        ok, again, seen = run(task, receive)
        tell(ok, "%s: all come in order, once, while fronts are killed" % task, seen)
        tell(again <= kills * (1 if task == "plain" else 20), "%s: no more than was in hand comes again" % task, again)


def bundle(front, session, text):
    request = urllib.request.Request(front.url + "/alpha-med/fed-bass?cmb=UploadFile", method="POST", data=(
        b'--x\r\nContent-Disposition: form-data; name="File"; filename="f"\r\n\r\n' + text + b"\r\n--x--\r\n"))
    request.add_header("Content-Type", "multipart/form-data; boundary=x")
    request.add_header("token", session)
    with urllib.request.urlopen(request, timeout=70) as answer:
        return json.loads(answer.read())["Response"]["Data"]["FileKey"]


def what_fronts_share():
    bass = "/alpha-med/fed-bass?cmb="
    answer = call(fronts[0], bass + "Login", {"UserName": "a", "Password": tokens["a"]})
    session = answer["Response"]["Data"]["Token"]
    key = bundle(fronts[0], session, b'{"afrun_launch":1,"flow":"fed_avg.lua","args":[]}')
    launch = {"TaskId": "plain", "ProgramObject": key}
    answer = call(fronts[1], bass + "StartCalculationTaskRunning", launch, headers=[("token", session)])
    tell(answer["Response"]["Data"].get("Status") == "OK", "a login at one front is known at the other", answer)
    told = call(fronts[0], API + "message/pop", {"task_id": "afrun:launches", "channel": "launch"}, tokens["b"])
    tell(told["data"].get("message_content", {}).get("flow") == "fed_avg.lua",
         "what was uploaded at one is launched at the other", told)
    answer = call(fronts[1], bass + "StartCalculationTaskRunning", launch, headers=[("token", "0" * 64)])
    tell(answer["Response"].get("Error", {}).get("Code") == "401", "a login that nobody has made is known at none", answer)
    secret("tokens", "".join("%s %s\n" % (tokens[node], node) for node in "bcx"))
    end = time.monotonic() + 30
    while time.monotonic() < end:
        answer = call(fronts[1], bass + "StartCalculationTaskRunning", launch, headers=[("token", session)])
        if "Error" in answer["Response"]:
            break
        time.sleep(0.1)
    tell(answer["Response"].get("Error", {}).get("Code") == "401", "it ends with its token", answer)


def files():
    text = b"--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"m.zip\"\r\n\r\nbytes\r\n--x--\r\n"
    request = urllib.request.Request(fronts[0].url + API + "file/upload?task_id=plain&durable=False", data=text)
    request.add_header("Content-Type", "multipart/form-data; boundary=x")
    request.add_header("Authorization", "Bearer " + tokens["b"])
    with urllib.request.urlopen(request, timeout=70) as answer:
        url = json.loads(answer.read())["data"]["f_url"]
    body = {"task_id": "leased", "channel": "federated", "node_id_list": ["c"], "message_title": "task_inside",
            "message_content": {"type": "file", "url": url}, "message_time": 1}
    assert call(fronts[0], API + "message/push", body, tokens["b"])["code"] == 0
    data = call(fronts[1], API + "message/pop", {"task_id": "leased", "channel": "federated"}, tokens["c"])["data"]
    theirs = data["message_content"]["url"]
    tell(theirs == url.replace(fronts[0].url, fronts[1].url), "a file's URL is that of the front which is asked", theirs)
    path = theirs[len(fronts[1].url):]
    tell(call(fronts[1], path, token=tokens["c"], method="GET") == b"bytes", "the file comes from the other front")
    for task in ("plain", "leased"):
        answer = call(fronts[1], path.replace("/plain/", "/%s/" % task), token=tokens["x"], method="GET")
        tell(answer["code"] == 403, "who is outside of task %s does not get it" % task, answer)
    answer = call(fronts[1], path.replace("/plain/", "/leased/"), token=tokens["c"], method="GET")
    tell(answer["code"] == 404, "nor is it one of another task", answer)


def status():
    """What one front has handed out, another tells of."""
    body = {"task_id": "leased", "channel": "federated", "node_id_list": ["c"], "message_title": "task_inside",
            "message_content": {"type": "kept"}, "message_time": 1}
    for _ in range(3):
        assert call(fronts[0], API + "message/push", body, tokens["b"])["code"] == 0
    pop = {"task_id": "leased", "channel": "federated", "lease_seconds": 30, "holder": "party@1", "max": 2}
    assert len(call(fronts[0], API + "message/pop", pop, tokens["c"])["data"]["messages"]) == 2
    task = call(fronts[1], "/admin/tasks/leased", token=ADMIN, method="GET")["data"]["tasks"][0]
    queue = [one for one in task["queues"] if one["node_id"] == "c"]
    tell([(one["length"], one["leased"]) for one in queue] == [(3, 2)], "another front tells what is handed out", queue)


def identities():
    """Each endpoint, by who may not: nothing else is asked of the bus then."""
    node = {"task_id": "plain", "channel": "federated"}
    rows = {"message/pop": node, "message/ack": dict(node, ack=[]), "message/again": node, "task/nodelist": node,
            "message/push": dict(node, node_id_list=["b"], message_title="t", message_content={}, message_time=1),
            "fed/network/node/detail": dict(node, node_id="b"), "federated/task/progress": dict(node, progress_number=1),
            "federated/task/train/upload": dict(node, f_url="u", file_type="py")}
    wrong = []
    for front in fronts:
        for path, body in rows.items():
            for token, code in ((None, 401), ("wrong", 401), (ADMIN, 401), (tokens["x"], 403)):
                answer = call(front, API + path, body, token)
                if answer["code"] != code:
                    wrong.append((path, token, answer))
        for method, path in (("POST", "/admin/tasks"), ("GET", "/admin/tasks"), ("GET", "/admin/tasks/plain"),
                             ("DELETE", "/admin/tasks/plain"), ("POST", "/admin/again"), ("POST", "/admin/backup")):
            for token, code in ((None, 401), ("wrong", 401), (tokens["b"], 403)):
                answer = call(front, path, {} if method == "POST" else None, token, method)
                if answer["code"] != code:
                    wrong.append((path, token, answer))
    tell(not wrong, "each endpoint refuses who may not call it", wrong)


try:
    for each in fronts:
        each.start()
    contracts()
    what_fronts_share()
    files()
    status()
    identities()
    answer = call(fronts[1], "/admin/tasks/plain", token=ADMIN, method="DELETE")
    tell(answer["code"] == 0, "a task is ended at any front", answer)
    answer = by_turns(API + "message/pop", {"task_id": "plain", "channel": "federated"}, "b")
    tell(answer["code"] == 404, "and at all", answer)
finally:
    for each in fronts:
        if each.process is not None:
            each.process.kill()
            each.process.wait()
