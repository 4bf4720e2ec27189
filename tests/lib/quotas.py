"""Uses up what callers share at a service with small quotas; used by e2e/serve_quotas.sh.

    quotas.py URL small|requests

`a` and `b` are members of task T, `out` is of none. Prints TAP lines without a plan."""

import http.client
import json
import socket
import sys
import time
import urllib.parse

PARTS = urllib.parse.urlparse(sys.argv[1])
V2 = "/fed-service/api/v2"
BASS = "/alpha-med/fed-bass?cmb="
FORM = b'--b\r\nContent-Disposition: form-data; name="%s"; filename="x.bin"\r\n\r\n%s\r\n--b--\r\n'
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}


def case(holds, name, why=""):
    print(f"{'ok' if holds else 'not ok'} {name}", flush=True)
    if not holds:
        print(f"#   {why}", flush=True)


def ask(node, path, body, headers=None):
    connection = http.client.HTTPConnection(PARTS.hostname, PARTS.port, timeout=30)
    token = "admin-token-0123456789" if node == "admin" else f"token-of-{node}-0123456789"
    head = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    connection.request("POST", path, json.dumps(body) if isinstance(body, dict) else body, {**head, **(headers or {})})
    answer = json.loads(connection.getresponse().read() or b"{}")
    connection.close()
    return answer


def begin(path, length, node, sent=b""):
    """A request that is not finished: its connection."""
    connection = socket.create_connection((PARTS.hostname, PARTS.port), 30)
    connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer token-of-{node}-0123456789\r\n"
                       f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n".encode() + sent)
    return connection


def push(node, to, text="", channel="federated"):
    return ask(node, V2 + "/message/push", {"task_id": "T", "channel": channel, "node_id_list": [to], "message_title": "t",
                                            "message_content": {"x": text}, "message_time": 1})


def bundle(node, byte, size=1000000):
    return ask(node, BASS + "UploadFile", FORM % (b"File", byte * size), MULTIPART)["Response"]


def upload(node, byte, size=1000000):
    return ask(node, V2 + "/file/upload?task_id=T", FORM % (b"files", byte * size), MULTIPART)


def is_refused(call):
    """A large body is refused before it is read, and its connection closed."""
    try:
        return call()
    except OSError:
        return True


def poll(node):
    body = json.dumps({"task_id": "T", "channel": "none", "wait_seconds": 60}).encode()
    connection = begin(V2 + "/message/pop", len(body), node, body)
    connection.settimeout(0.7)
    try:
        connection.recv(65536)
    except TimeoutError:
        return connection
    return None


def small():
    ask("admin", "/admin/tasks", {"task_id": "T", "members": [{"node_id": "a"}, {"node_id": "b"}]})
    waiting = [poll("a") for _ in range(3)]
    case([c is not None for c in waiting] == [True, True, False], "polls: of four two of a node may wait", waiting)
    other = poll("b")
    case(other is not None, "… and one of another", other)
    for connection in waiting + [other]:
        if connection:
            connection.close()

    answers = [push("a", "b")["code"] for _ in range(4)]
    case(answers == [0, 0, 0, 507], "queue: three contracts wait, the fourth is refused", answers)
    case(push("a", "b", channel="other")["code"] == 0, "… but not in another channel")

    case(push("a", "b", "x" * 400000, "large")["code"] == 0, "bodies: what is small enough is taken")
    case(push("a", "b", "x" * 700000, "large")["code"] == 503, "… and of 1 MiB a node may have half")

    answers = [upload("a", b"%d" % i)["code"] for i in range(3)]
    case(answers == [0, 0, 507], "files: of four a node may have half", answers)
    case(upload("b", b"b")["code"] == 0, "… and another some of the rest")

    keys = [bundle("out", b"%d" % i)["Data"]["FileKey"] for i in range(5)]
    case(len(set(keys)) == 5, "bundles: any number may be sent", keys)
    case(is_refused(lambda: "Error" in bundle("out", b"x", 4000000)), "… but none that is larger than the quota")
    case(bundle("out", b"4")["Data"]["FileKey"] == keys[4], "… and the same again is the same")
    case("Error" not in bundle("a", b"y"), "… another node's have room of their own")

    tokens = [ask(node, BASS + "Login", {"UserName": node, "Password": f"token-of-{node}-0123456789"})["Response"]["Data"]["Token"]
              for node in ("a", "b", "b", "b", "b")]
    known = ["Error" not in ask("a", BASS + "VerifyTaskDataSetCallback", {"TaskId": "T", "VerifyResult": True, "CauseOfFailure": None},
                                {"token": token})["Response"] for token in tokens]
    case(known[0] and not known[1], "logins: who has its share loses its own oldest", known)

    held = [begin(V2 + "/message/push", 1000, "out", b" ") for _ in range(20)]
    case(push("a", "b", channel="third")["code"] == 0, "connections: twenty requests of a node are under way, and others are served")
    late = begin(V2 + "/message/push", 1000, "out", b" " * 1000)
    told = late.recv(65536)
    case(b"503" in told, "… one more of forty is refused", told)
    for connection in held + [late]:
        connection.close()


def requests():
    def times(node, count):
        began = time.monotonic()
        for _ in range(count):
            ask(node, V2 + "/message/pop", {"task_id": "T", "channel": "none"})
        return time.monotonic() - began

    quick = times("b", 5)
    slow = times("out", 50)
    case(slow > 0.8, "fifty requests of a node take a second where forty may begin in one", slow)
    other = times("b", 5)
    case(other < max(0.2, 5 * quick), "… while another's begin at once", (quick, other))


{"small": small, "requests": requests}[sys.argv[2]]()
