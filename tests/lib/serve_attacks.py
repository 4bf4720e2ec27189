"""What one caller does to what all share, and how another fares meanwhile; used by e2e/serve_shares.sh.

    serve_attacks.py URL SECONDS POLLS

`a` and `b` are members of task T, `out` is of no task; each has a token `token-of-NAME-0123456789`. While an attack goes on, for so many
seconds, `a` pushes and `b` pops: nothing may be lost, and the median of their calls stays under 50 ms, or five times what it is in peace.
Prints TAP lines without a plan."""

import contextlib
import http.client
import json
import resource
import socket
import statistics
import sys
import threading
import time
import urllib.parse

PARTS = urllib.parse.urlparse(sys.argv[1])
SECONDS, POLLS = float(sys.argv[2]), int(sys.argv[3])
V2 = "/fed-service/api/v2"
BASS = "/alpha-med/fed-bass?cmb="
MIB = 1 << 20


def case(holds, name, why=""):
    print(f"{'ok' if holds else 'not ok'} {name}", flush=True)
    if not holds and why != "":
        print(f"#   {why}", flush=True)


class Caller:
    def __init__(self, node):
        self.node = node
        self.connection = http.client.HTTPConnection(PARTS.hostname, PARTS.port, timeout=60)

    def ask(self, path, body, headers=None):
        head = {"Content-Type": "application/json", "Authorization": f"Bearer token-of-{self.node}-0123456789"}
        self.connection.request("POST", path, json.dumps(body) if isinstance(body, dict) else body, {**head, **(headers or {})})
        return json.loads(self.connection.getresponse().read() or b"{}")


def begin(path, length, node=None, sent=b""):
    """A request that is not finished: its connection."""
    connection = socket.create_connection((PARTS.hostname, PARTS.port), 30)
    token = "" if node is None else f"Authorization: Bearer token-of-{node}-0123456789\r\n"
    connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{token}Content-Type: application/json\r\n"
                       f"Content-Length: {length}\r\n\r\n".encode())
    with contextlib.suppress(OSError): # it may be refused before all has come
        connection.sendall(sent)
    return connection


class Members:
    """`a` pushes numbers to `b`, which pops them, until it is told to end."""

    def __init__(self):
        self.times, self.wrong, self.next, self.over = [], [], 0, False
        self.thread = threading.Thread(target=self.run)

    def run(self):
        a, b = Caller("a"), Caller("b")
        taken = 0
        while not self.over:
            for which, call in ("push", lambda: a.ask(V2 + "/message/push", {
                    "task_id": "T", "channel": "federated", "node_id_list": ["b"], "message_title": "t",
                    "message_content": {"n": self.next}, "message_time": 1})), ("pop", lambda: b.ask(
                        V2 + "/message/pop", {"task_id": "T", "channel": "federated"})):
                began = time.monotonic()
                answer = call()
                self.times.append(time.monotonic() - began)
                if answer.get("code") != 0:
                    self.wrong.append(f"{which}: {answer}")
                elif which == "push":
                    self.next += 1
                elif answer["data"].get("message_content", {}).get("n") != taken:
                    self.wrong.append(f"pop gave {answer['data']}, not {taken}")
                else:
                    taken += 1
            time.sleep(0.01)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()


def in_peace():
    with Members() as members:
        time.sleep(1)
    return statistics.median(members.times)


PEACE = in_peace()


def during(name, attack):
    """The attack is a generator: it makes a step at each call, and says at its end what it got."""
    with Members() as members:
        ends, steps = time.monotonic() + SECONDS, 0
        with contextlib.ExitStack() as open_ones:
            work = attack(open_ones)
            while time.monotonic() < ends or steps == 0:
                if next(work, "over") == "over":
                    time.sleep(max(0, ends - time.monotonic()))
                steps += 1
            work.close()
    median = statistics.median(members.times)
    case(not members.wrong and members.next > 0, f"{name}: members lose nothing", members.wrong[:3])
    case(median < max(0.05, 5 * PEACE), f"{name}: members are served in 50 ms", f"{median * 1e3:.1f} ms, {PEACE * 1e3:.1f} in peace")


def hold_logins(open_ones):
    """Whoever is not known holds no memory."""
    for _ in range(20):
        open_ones.enter_context(begin(BASS + "Login", 16 * MIB, None, b" " * MIB))
        yield


def hold_bodies(open_ones):
    """A node with a token has its share of what all bodies may take."""
    for _ in range(20):
        open_ones.enter_context(begin(V2 + "/message/push", 16 * MIB - 1, "out", b" " * (13 * MIB)))
        yield


def log_in(_):
    other = Caller("out")
    while True:
        other.ask(BASS + "Login", {"UserName": "out", "Password": "token-of-out-0123456789"})
        yield


def park(open_ones):
    body = json.dumps({"task_id": "O", "channel": "federated", "wait_seconds": 60}).encode()
    for _ in range(POLLS):
        open_ones.enter_context(begin(V2 + "/message/pop", len(body), "out", body))
        yield


def upload(_):
    other = Caller("out")
    form = (b'--b\r\nContent-Disposition: form-data; name="File"; filename="x"\r\n\r\n%s\r\n--b--\r\n')
    count = 0
    while True:
        count += 1
        other.ask(BASS + "UploadFile", form % (str(count).encode() + b"x" * MIB), {"Content-Type": "multipart/form-data; boundary=b"})
        yield


def fill_launches(_):
    other = Caller("out")
    while True:
        answer = other.ask(V2 + "/message/push", {"task_id": "afrun:launches", "channel": "launch", "messages": [
            {"node_id_list": ["b"], "message_title": "launch", "message_content": {"type": "x"}, "message_time": 1}] * 1000})
        assert answer["code"] == 400, answer["code"]
        yield


def login_of(node):
    return Caller(node).ask(BASS + "Login", {"UserName": node, "Password": f"token-of-{node}-0123456789"})["Response"]["Data"]["Token"]


def is_logged_in(node, session):
    answer = Caller(node).ask(BASS + "VerifyTaskDataSetCallback", {"TaskId": "T", "VerifyResult": True, "CauseOfFailure": None},
                              {"token": session})
    return "Error" not in answer["Response"]


def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    first, earlier = login_of("a"), login_of("b")
    for name, attack in (("logins that never end", hold_logins), ("requests that never end", hold_bodies), ("logins", log_in),
                         ("polls that wait", park), ("bundles", upload), ("launches", fill_launches)):
        during(name, attack)
    for _ in range(1100):
        login_of("out")
    case(is_logged_in("a", first) and is_logged_in("b", earlier), "1,100 logins of one node end no other's")
    with contextlib.ExitStack() as open_ones:
        for _ in park(open_ones):
            pass
        began = time.monotonic()
        answer = Caller("b").ask(V2 + "/message/pop", {"task_id": "T", "channel": "federated", "wait_seconds": 2})
        waited = time.monotonic() - began
        case(answer["code"] == 0 and waited > 1.5, f"{POLLS} polls of one node end no other's", f"{waited:.2f} s: {answer}")


main()
