"""Clients that are in no hurry; used by e2e/serve_slow.sh. Prints TAP lines without a plan.

    slow_clients.py URL HALF-OPEN PARKED [long]

HALF-OPEN connections send the beginning of a request and then nothing; meanwhile others must be
served. PARKED polls wait, and are all woken by one broadcast. `long` also waits until clients that
send a byte now and then are cut off."""

import json
import resource
import socket
import sys
import time
import urllib.parse

BASE = "/fed-service/api/v2"


def case(holds, name, why=""):
    print("%s %s" % ("ok" if holds else "not ok", name))
    if not holds and why != "":
        print("#   %s" % (why,))


class Service:
    def __init__(self, url):
        parts = urllib.parse.urlparse(url)
        self.address = (parts.hostname, parts.port)

    def connect(self):
        return socket.create_connection(self.address, 30)

    @staticmethod
    def post(node, path, fields):
        body = json.dumps(fields).encode()
        return ("POST /node/%s%s%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                % (node, BASE, path, len(body))).encode() + body

    @staticmethod
    def hear(s):
        text = b""
        while b"\r\n\r\n" not in text:
            data = s.recv(65536)
            if not data:
                return None
            text += data
        head, body = text.split(b"\r\n\r\n", 1)
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += s.recv(65536)
        return json.loads(body)

    def ask(self, node, path, fields):
        with self.connect() as s:
            s.sendall(self.post(node, path, fields))
            return self.hear(s)

    def metric(self, name, prefix="afrun_"):
        with self.connect() as s:
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            text = b""
            while True:
                data = s.recv(65536)
                if not data:
                    break
                text += data
        for line in text.decode().split("\n"):
            if line.startswith("%s%s " % (prefix, name)):
                return int(float(line.split(" ")[1]))
        return None

    def await_metric(self, name, value, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.metric(name) == value:
                return True
            time.sleep(0.05)
        return False


def push(node_list, content):
    return {"task_id": "T", "node_id_list": node_list, "message_title": "t", "message_content": content,
            "message_time": 1, "channel": "federated"}


def half_open(service, count):
    begun = [service.connect() for _ in range(count)]
    for i, s in enumerate(begun):
        try:
            s.sendall([b"", b"POST", service.post("n", "/message/pop", {})[:60]][i % 3])
        except OSError:
            pass  # it was closed already to make room
    worst = 0
    for _ in range(20):
        start = time.monotonic()
        answer = service.ask("n", "/message/pop", {"task_id": "T", "channel": "federated"})
        worst = max(worst, time.monotonic() - start)
        if answer is None or answer["code"] != 0:
            case(False, "others are served", answer)
            break
    else:
        case(True, "others are served")
    case(worst < 5, "… soon", "%.3f s" % worst)
    for s in begun:
        s.close()
    case(service.await_metric("connections", 1), "they are forgotten when they leave")


def parked(service, count):
    nodes = ["p%d" % i for i in range(count)]
    waiting = [service.connect() for _ in nodes]
    poll = {"task_id": "T", "channel": "federated", "wait_seconds": 60, "max": 10, "lease_seconds": 60}
    for node, s in zip(nodes, waiting):
        s.sendall(service.post(node, "/message/pop", poll))
    case(service.await_metric("polls_parked", count), "all polls wait")
    print("# %.0f MB" % (service.metric("resident_memory_bytes", "process_") / 1e6))
    answer = service.ask("n", "/message/push", push(["*"], {"type": "wake"}))
    case(answer["code"] == 0, "one message wakes them", answer)
    woken = sum(1 for s in waiting if service.hear(s)["data"]["messages"])
    case(woken == count, "… all of them", woken)
    for node, s in zip(nodes, waiting):
        s.sendall(service.post(node, "/message/pop", poll))
    case(service.await_metric("polls_parked", count), "they wait again")
    for s in waiting:
        s.close()
    case(service.await_metric("polls_parked", 0, 10), "when they leave nobody waits any more")


def dribble(service):
    """A byte now and then keeps no connection open."""
    header, body = service.connect(), service.connect()
    body.sendall(service.post("n", "/message/push", push(["n"], {}))[:-40])
    for s in (header, body):
        s.settimeout(1)
    cut = {}
    start = time.monotonic()
    while len(cut) < 2 and time.monotonic() < start + 90:
        for name, s in (("header", header), ("body", body)):
            if name not in cut:
                try:
                    s.sendall(b"x")
                    if s.recv(100) == b"":
                        cut[name] = time.monotonic() - start
                except socket.timeout:
                    pass
                except OSError:
                    cut[name] = time.monotonic() - start
    case(25 < cut.get("header", 0) < 50, "slow headers are cut off", cut)
    case(25 < cut.get("body", 0) < 50, "slow bodies are cut off", cut)


def main(url, half_open_count, parked_count, *rest):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    service = Service(url)
    half_open(service, min(int(half_open_count), limit - 100))
    parked(service, min(int(parked_count), limit - 100))
    if rest:
        dribble(service)


if __name__ == "__main__":
    main(*sys.argv[1:])
