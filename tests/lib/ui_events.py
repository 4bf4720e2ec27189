"""ui_events.py URL COOKIE CASE: what a service tells pages that follow it (GET /ui/events), read as bytes. Asserts what the case says."""
import http.client
import json
import socket
import sys
import time
import urllib.parse

url, cookie, case = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2], sys.argv[3]


class Stream:
    def __init__(self, path="/ui/events", **headers):
        self.socket = socket.create_connection((url.hostname, url.port), timeout=60)
        lines = [f"GET {path} HTTP/1.1", f"Host: {url.netloc}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
        if cookie:
            lines.append("Cookie: " + cookie)
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.answer = http.client.HTTPResponse(self.socket)
        self.answer.begin()
        self.status = self.answer.status

    def event(self):
        """The next one, as (name, data); ("", None) of a comment; None at its end."""
        lines = []
        while True:
            line = self.answer.readline()
            if not line:
                return None
            if line == b"\n":
                break
            lines.append(line.decode().rstrip("\n"))
        if lines == [":"]:
            return "", None
        assert lines[0].startswith("event: ") and all(line.startswith("data: ") for line in lines[1:]), lines
        text = "\n".join(line[6:] for line in lines[1:])
        return lines[0][7:], text if lines[0] == "event: metrics" else json.loads(text)["data"]

    def events(self, last="metrics"):
        """All up to the one of that name."""
        told = []
        while not told or told[-1][0] != last:
            told.append(self.event())
            assert told[-1] is not None, "the stream has ended"
        return told

    def close(self):
        self.answer.close()
        self.socket.close()


def get(path):
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
    answer = connection.getresponse()
    text = answer.read()
    return text.decode() if answer.getheader("Content-Type").startswith("text/plain") else json.loads(text)["data"]


def push(node, to, kind="query", task="T"):
    body = {"task_id": task, "channel": "federated", "node_id_list": [to], "message_title": "task_inside", "message_content": {"type": kind}, "message_time": 1}
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    connection.request("POST", f"/node/{node}/fed-service/api/v2/message/push", json.dumps(body), {"Content-Type": "application/json"})
    assert json.load(connection.getresponse())["code"] == 0


def streams_used():
    return get("/ui/status")["quotas"]["streams"]["used"]


def until(what):
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def tells():
    """What is told is what the paths of the same names answer; then what is news, and of a task what passes, in its order, once."""
    stream = Stream("/ui/events?task=T&audit=1")
    assert stream.status == 200 and stream.answer.getheader("Content-Type") == "text/event-stream"
    first = dict(stream.events("audit"))
    assert list(first) == ["status", "tasks", "live", "metrics", "audit"], list(first)
    for name in ("status", "tasks", "live", "audit"):
        asked = get("/ui/" + name)
        assert asked.keys() <= first[name].keys(), name
    assert first["live"]["task_id"] == "T" and "afrun_requests_total" in first["metrics"]
    seen = first["live"]["next"]
    for i in range(30):
        push("a", "b", f"kind-{i}")
    kinds, counts = [], []
    while len(kinds) < 30:
        name, data = stream.event()
        if name == "live" and "contracts" in data:
            assert all(one["n"] == seen + i for i, one in enumerate(data["contracts"])), data
            seen = data["next"]
            kinds += [one["type"] for one in data["contracts"] if one["what"] == "pushed"]
        elif name == "status":
            counts.append(data["pushed"])
    assert kinds == [f"kind-{i}" for i in range(30)], kinds
    while not counts or counts[-1] < 30:
        name, data = stream.event()
        if name == "status":
            counts.append(data["pushed"])
    for i in range(2):
        push("a", "b")
    later = Stream(f"/ui/events?task=T&after={seen}")
    assert [one["n"] for one in dict(later.events())["live"]["contracts"]] == [seen, seen + 1]


def length(told):
    return next(task for task in told["tasks"]["tasks"] if task["task_id"] == "T")["queues"][0]["length"]


def rests():
    """Nothing is news: nothing is told, but a comment. A contract that waits grows older meanwhile, and a connection stands."""
    stream = Stream()
    first = dict(stream.events())
    assert length(first) == 1
    told = stream.event()
    while told[0] != "":  # the call that has begun it, and what came just before
        assert told[0] in ("status", "tasks", "live", "metrics"), told
        told = stream.event()
    push("a", "b")
    while length(told := dict(stream.events())) != 2:  # it has connected, and then it was taken
        assert length(told) == 1, told


def shares():
    """Of four streams an address has as many as are left for others; who leaves frees its own, and how it leaves does not matter."""
    own = [Stream(), Stream()]
    refused = Stream()
    assert [one.status for one in own] == [200, 200] and refused.status == 503
    assert json.loads(refused.answer.read())["code"] == 503
    other = Stream(X_Forwarded_For="192.0.2.1")
    assert other.status == 200 and Stream(X_Forwarded_For="192.0.2.1").status == 503
    assert streams_used() == 3
    own[0].close()
    own[1].socket.shutdown(socket.SHUT_WR)
    until(lambda: streams_used() == 1)
    other.close()
    until(lambda: streams_used() == 0)
    assert get("/ui/status")["connections"] <= 3


def ends():
    """It is told so, and then whoever waits has its end: what follows the stream is done outside."""
    streams = [Stream(), Stream("/ui/events?task=T")]
    for stream in streams:
        assert stream.status == 200
        stream.events()
    print("follows", flush=True)
    for stream in streams:
        while stream.event() is not None:
            pass


{"tells": tells, "rests": rests, "shares": shares, "ends": ends}[case]()
