"""A node that has its own permissions and tries to have contracts handed out as another's; and whom fronts take it for.

    forging.py AFRUN PORT CASE…

In a folder with f1.auth, p1.auth and evil.pem, who is a node of the tasks. Prints TAP lines without a plan. Each case tries one
way to forge contracts by i in the queue of p1; before and after it i sends one, and p1 is handed out those alone, by a front and
by a sidecar, which reads as nodes do."""

import hashlib
import json
import socket
import ssl
import sys

from sidecars import ADMIN, Service, ask, secret, tell

program, port, *wanted = sys.argv[1:]
API, BASS = "/fed-service/api/v2/", "/alpha-med/fed-bass?cmb="
ITEM = {"uuid": "forged", "title": "task_inside", "sender": "i", "time": 1, "sent": 0, "targets": ["p1"]}
LAST = {"error": {"code": 404}}  # which looks like a server's answer
tokens = {node: "token-of-%s-0123456789" % node for node in ("i", "p1", "evil")}


class Evil:
    """A bare client of the server, as the node evil."""

    def __init__(self):
        context = ssl.create_default_context(cafile="ca.pem")
        context.load_cert_chain("evil.pem", "evil.key")
        plain = socket.create_connection(("127.0.0.1", int(port)), timeout=30)
        while plain.recv(1) != b"\n":
            pass
        self.link = context.wrap_socket(plain, server_hostname="127.0.0.1")
        self.read = self.link.makefile("rb")
        self.link.sendall(b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"lang":"c"}\r\nSUB _AF.evil.> 1\r\n')

    def say(self, subject, body, headers=(), status="", raw=""):
        """Published with these headers; and what is answered."""
        head = ("NATS/1.0%s\r\n%s\r\n" % (status, "".join("%s: %s\r\n" % one for one in headers) + raw)).encode()
        body = body.encode()
        self.link.sendall(b"HPUB %s _AF.evil.1 %d %d\r\n%s\r\n" % (subject.encode(), len(head), len(head) + len(body), head + body))
        for line in self.read:
            words = line.split()
            if words[0] in (b"MSG", b"HMSG"):
                text = self.read.read(int(words[-1])).decode()
                self.read.readline()
                return json.loads(text[text.index("{"):]) if "{" in text else text
            if words[0] == b"-ERR":
                return {"error": line.decode()}
        raise SystemExit("the server has closed the connection")

    def must(self, *args, **more):
        answer = self.say(*args, **more)
        assert "error" not in answer, answer
        return answer

    def api(self, name, fields):
        return self.say("$JS.API." + name, json.dumps(fields))

    def stream(self, name, fields):
        answer = self.api("STREAM.CREATE." + name, dict(fields, name=name))
        assert "error" not in answer, answer


def headers(task, sender="i"):
    """Those that a server writes onto what it sends on, or reads out; and our own."""
    return [("Nats-Stream", "AF+%s+federated" % task), ("Nats-Subject", "af.%s.federated.p1.%s" % (task, sender)),
            ("Nats-Sequence", "1"), ("Nats-Time-Stamp", "2026-11-29T11:42:19.123Z"), ("Af", json.dumps(ITEM))]


def body(**more):
    return json.dumps(dict({"type": "forged"}, **more))


def by_headers(evil, task):
    """What says of itself what a server says of what it reads out."""
    evil.must("af.%s.federated.p1.evil" % task, body(), headers(task))
    evil.must("af.%s.federated.p1.evil" % task, body(), headers(task)[1:2] + headers(task)[4:])
    evil.must("afb.%s.federated.evil" % task, body(), [("Nats-Subject", "afb.%s.federated.i" % task)] + headers(task)[4:])


def by_status(evil, task):
    """What looks as if nothing were there."""
    evil.must("af.%s.federated.p1.evil" % task, body(), headers(task), status=" 404 Message Not Found")
    evil.must("af.%s.federated.p1.evil" % task, body(error={"code": 404}), headers(task)[4:])
    evil.must("af.%s.federated.p1.evil" % task, body(error={"code": 503, "err_code": 10059}), headers(task)[4:])


def by_republish(evil, task):
    """A stream that sends on what it takes, under another subject."""
    for number, (dest, more) in enumerate((("af.%s.federated.p1.i", 4), ("af.%s.federated.p1.i", 0), ("afb.%s.federated.i", 4))):
        name = "%s%d" % (task, number)
        evil.stream("EVIL" + name, {"subjects": ["aff.evil.%s.x" % name],
                                    "republish": {"src": "aff.evil.%s.x" % name, "dest": dest % task}})
        evil.must("aff.evil.%s.x" % name, body(), headers(task)[more:])


def by_consumer(evil, task):
    """A consumer of its own queue of another task, which hands out to that of p1."""
    evil.must("af.other.federated.evil.evil", body(), headers(task)[4:])
    for subject in ("af.%s.federated.p1.i" % task, "afb.%s.federated.i" % task):
        evil.api("CONSUMER.DELETE.AF+other+federated.evil+0", {})
        answer = evil.api("CONSUMER.CREATE.AF+other+federated.evil+0.af.other.federated.evil.*", {
            "stream_name": "AF+other+federated", "config": {
                "name": "evil+0", "deliver_subject": subject, "filter_subject": "af.other.federated.evil.*",
                "ack_policy": "explicit", "deliver_policy": "all"}})
        assert "error" not in answer, answer
        sent = ITEM["uuid"] + subject  # which it hands out before this is confirmed
        evil.must("af.other.federated.evil.evil", body(), headers(task)[4:] + [("Nats-Msg-Id", sent)])


def by_source(evil, task):
    """Streams that take what another has; a contract that says to come from one."""
    evil.stream("EVILS" + task, {"sources": [{"name": "AFB+%s+federated" % task}]})
    evil.stream("EVILM" + task, {"mirror": {"name": "AFB+%s+federated" % task}})
    evil.must("af.%s.federated.p1.evil" % task, body(), [("Nats-Stream-Source", "AF+x 1")] + headers(task)[4:])


def by_no_headers(evil, task):
    """Headers that cannot be read, so that those of the server behind them cannot, either."""
    for more in ("no colon\r\n", ": no name\r\n", "\0: x\r\n", "X: \0\r\n"):
        evil.must("af.%s.federated.p1.evil" % task, body(error={"code": 404}), headers(task)[4:], raw=more)
        evil.must("af.%s.federated.p1.evil" % task, "", headers(task), raw=more)
    name = task + "r"
    evil.stream("EVIL" + name, {"subjects": ["aff.evil.%s.x" % name],
                                "republish": {"src": "aff.evil.%s.x" % name, "dest": "af.%s.federated.p1.i" % task}})
    for more in ("no colon\r\n", "X: \0\r\n"):
        evil.must("aff.evil.%s.x" % name, body(), headers(task)[4:], raw=more)


CASES = {"by headers of its own": by_headers, "by a status of its own": by_status, "by a stream that sends on": by_republish,
         "by a consumer that hands out elsewhere": by_consumer, "by sources and mirrors": by_source,
         "by what are no headers": by_no_headers}


def push(task, node, target, content):
    answer = ask(front.url, API + "message/push", {
        "task_id": task, "channel": "federated", "node_id_list": [target], "message_title": "task_inside",
        "message_content": content, "message_time": 1}, tokens[node])
    assert answer["code"] == 0, answer


def take(task, at):
    """All that p1 is handed out, until what i has sent last."""
    got = []
    for _ in range(20):
        answer = ask(at.url, API + "message/pop", {"task_id": task, "channel": "federated", "wait_seconds": 1},
                     tokens["p1"] if at == front else None)
        if answer["code"] != 0:
            return got + [answer]
        content = answer["data"].get("message_content")
        got += [content] if content else []
        if content == LAST:
            return got
    return got + ["the last has not come"]


def make(task):
    answer = ask(front.url, "/admin/tasks", {"task_id": task, "members": [{"node_id": node, "role": "peer"} for node in tokens]}, ADMIN)
    assert answer["code"] == 0, answer
    push(task, "i", "p1", {"type": "first"})


def made_in_place(evil):
    """A stream that was there before the task's own, and takes from another one."""
    evil.stream("EVILP", {"subjects": ["aff.evil.p.x"]})
    evil.stream("AF+place+federated", {"subjects": ["af.place.federated.*.*"], "sources": [{"name": "EVILP"}]})
    members = [{"node_id": node, "role": "peer"} for node in tokens]
    assert ask(front.url, "/admin/tasks", {"task_id": "place", "members": members}, ADMIN)["code"] == 0
    answer = ask(front.url, API + "message/pop", {"task_id": "place", "channel": "federated"}, tokens["p1"])
    tell("none of afrun's" in answer["message"], "a stream that takes from others in a queue's place is refused", answer)


def forged_session(evil):
    """A login that nobody has made."""
    session = "0" * 64
    key = "=h" + hashlib.sha256(b"session-" + hashlib.sha256(session.encode()).hexdigest().encode()).hexdigest()
    evil.stream("EVILU", {"subjects": ["aff.evil.u.x"], "republish": {"src": "aff.evil.u.x", "dest": "afu." + key}})
    evil.must("aff.evil.u.x", "0" * 64 + " i", raw="X: \0\r\n")
    answer = ask(front.url, BASS + "VerifyTaskDataSetCallback", {"TaskId": "other", "VerifyResult": True}, "", session)
    tell(answer["Response"].get("Error", {}).get("Code") == "401", "a login that a stream has sent on is none", answer)


secret("tokens", "".join("%s %s\n" % (token, node) for node, token in tokens.items()))
secret("admin", ADMIN)
front = Service(program, "front", "--bus", "tls://127.0.0.1:" + port, "--config", "f1.auth", "--tokens", "tokens",
                "--admin-token", "admin", "--files", "files").start()
sidecar = Service(program, "sidecar", "--bus", "tls://127.0.0.1:" + port, "--config", "p1.auth", "--node", "p1",
                  "--state", "sidecar.db").start()
try:
    make("other")
    push("other", "i", "p1", {"type": "x"})
    who = Evil()
    for number, (title, case) in enumerate(CASES.items()):
        if wanted and title not in wanted:
            continue
        for at in (front, sidecar):
            name = "%s%d" % (at.name, number)
            make(name)
            case(who, name)
            push(name, "i", "p1", LAST)
            found = take(name, at)
            tell(found == [{"type": "first"}, LAST], "%s hands out nothing that is forged %s" % (at.name, title), found)
    made_in_place(who)
    forged_session(who)
finally:
    for each in (front, sidecar):
        each.kill()
