"""Plain clients of two machines, each through its sidecar to a hub with TLS and tokens.

    sidecars.py AFRUN TLS-FOLDER rows                every row of the interface
    sidecars.py AFRUN TLS-FOLDER hub KILLS           contracts both ways, while the hub is killed
    sidecars.py AFRUN TLS-FOLDER sender KILLS        … while the sender's sidecar is
    sidecars.py AFRUN TLS-FOLDER receiver KILLS      … while the receiver's sidecar is
    sidecars.py AFRUN TLS-FOLDER rows KILLS          every row, again and again, while the hub is killed

Prints TAP lines without a plan. Works in the current folder; ends all it has started."""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

from plain_client import PlainClient, ServiceError

ADMIN = "admin-token-0123456789"
failures = 0
held = set()


def tell(passed, name, why=""):
    """What is done again, as often as there is time, is told again only where it fails."""
    global failures
    if passed and name in held:
        return
    if passed:
        held.add(name)
    failures += not passed
    print("%s - %s" % ("ok" if passed else "not ok", name))
    if not passed:
        for line in str(why).splitlines()[:30]:
            print("#   " + line)
    sys.stdout.flush()


def secret(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


class Service:
    """A process of `afrun serve`, at the same address each time."""

    def __init__(self, program, name, *options):
        self.program, self.name, self.options, self.address = program, name, options, "127.0.0.1:0"
        self.process = self.url = None

    def start(self):
        for _ in range(50):  # the port may be held for a moment by who has been killed
            with open(self.name + ".err", "ab") as errors:
                self.process = subprocess.Popen(
                    [self.program, "serve", "--listen", self.address, *self.options],
                    stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, text=True)
            found = re.search(r"listening at (https?://([^ ]+)),", self.process.stdout.readline())
            if found:
                self.url, self.address = found.group(1), found.group(2)
                return self
            self.process.wait()
            time.sleep(0.1)
        raise SystemExit("%s does not start: %s" % (self.name, open(self.name + ".err").read()))

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.terminate()
        status = self.process.wait(30)
        self.process.stdout.close()
        return status


def ask(url, path, fields, token=None, session=None):
    """What a service answers to a POST, whatever its status; by a token, or a session of the task manager's."""
    request = urllib.request.Request(url + path, data=json.dumps(fields).encode())
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", "Bearer " + token)
    if session:
        request.add_header("token", session)
    try:
        with urllib.request.urlopen(request, timeout=70) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return json.loads(error.read())


class Client(PlainClient):
    """With the calls of the task manager."""

    def bass(self, call, fields=None, body=None, content_type="application/json"):
        session = getattr(self, "session", None)
        if session is None and call != "Login":
            self.session = session = self.bass("Login", {"UserName": "user", "Password": "pw", "Captcha": "xxxx"})["Token"]
        request = json.dumps(fields).encode() if body is None else body
        text = self.request("POST", "%s/alpha-med/fed-bass?cmb=%s" % (self.url, call), request, content_type)
        answer = json.loads(text)["Response"]
        if not answer["Data"]:
            raise ServiceError("bass", answer)
        return answer["Data"]

    def upload_bundle(self, content):
        body = (b'--bundle\r\nContent-Disposition: form-data; name="File"; filename="b.zip"\r\n\r\n' + content +
                b"\r\n--bundle--\r\n")
        return self.bass("UploadFile", body=body, content_type="multipart/form-data; boundary=bundle")["FileKey"]

    def upload_result(self, receiver, kind, content):
        """As the platform's upload_model and upload_metric_report: a file, then who has it."""
        url = self.upload(content, kind + ".zip", durable=True)
        self.push([receiver], {"type": "task_file_upload", "file_type": kind, "file_url": url}, "task_file_upload")
        return url

    def events(self, count, seconds=60):
        """The next contents, in their order."""
        end, found = time.monotonic() + seconds, []
        while len(found) < count and time.monotonic() < end:
            event = self.pop()
            if event is None:
                time.sleep(0.01)
            else:
                found.append(event["message_content"])
        return found


class World:
    def __init__(self, program, tls):
        secret("tokens", "token-of-a-0123456789 a\ntoken-of-b-0123456789 b\n")
        secret("admin", ADMIN + "\n")
        with open(os.path.join(tls, "server.key"), encoding="utf-8") as key:
            secret("server.key", key.read())
        self.hub = Service(program, "hub", "--bus", "local:hub.db", "--tokens", "tokens", "--admin-token", "admin",
                           "--tls-cert", os.path.join(tls, "server.pem"), "--tls-key", "server.key").start()
        self.tls = tls
        self.admin("POST", "/admin/tasks", {"task_id": "T", "members": [
            {"node_id": "a", "role": "initiator"}, {"node_id": "b", "role": "participant"}]})
        self.sidecars = {}
        for node in "ab":
            secret(node + ".conf", "token = token-of-%s-0123456789\nca = %s\n" % (node, os.path.join(tls, "ca.pem")))
            self.sidecars[node] = Service(program, node, "--bus", self.hub.url, "--node", node, "--config",
                                          node + ".conf", "--state", node + ".db", "--hold", "200ms").start()
        self.a, self.b = (Client(self.sidecars[node].url, "T") for node in "ab")

    def launched(self):
        """Whether node b is told to launch what a has launched by a bundle."""
        shown = self.admin("GET", "/admin/tasks")["tasks"]
        queues = [queue for task in shown if task["task_id"] == "afrun:launches" for queue in task["queues"]]
        return [queue["node_id"] for queue in queues if queue["length"] > 0]

    def admin(self, method, path, fields=None):
        command = ["curl", "-sS", "--cacert", os.path.join(self.tls, "ca.pem"), "-X", method,
                   "-H", "Authorization: Bearer " + ADMIN, "-H", "Content-Type: application/json",
                   self.hub.url + path]
        if fields is not None:
            command += ["-d", json.dumps(fields)]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["data"]

    def end(self):
        for service in [*self.sidecars.values(), self.hub]:
            status = service.stop()
            tell(status == 0, "%s ends well" % service.name, status)


# ---- The interface, row by row. ----

def again(function):
    """What the platform's clients do by hand: a call that failed as the hub was away, once more."""
    end = time.monotonic() + 60
    while True:
        try:
            return function()
        except (ServiceError, OSError) as problem:
            if time.monotonic() > end:
                raise SystemExit("not ok - a call goes well at last: %s" % problem) from None
            time.sleep(0.1)


def do_rows(world, number):
    a, b = world.a, world.b
    marks = {"n": number}
    tell(again(a.nodelist) == [("a", 1), ("b", 2)], "query_nodes")
    tell(bool(again(lambda: b.bass("VerifyTaskDataSetCallback",
                                   {"TaskId": "T", "VerifyResult": True, "CauseOfFailure": None}))), "notify_dataset_state")
    key = again(lambda: a.upload_bundle(b'{"afrun_launch":1,"flow":"some.lua","args":["n=%d"]}' % number))
    tell(again(lambda: a.bass("StartCalculationTaskRunning", {"TaskId": "T", "ProgramObject": key}))["Status"] == "OK",
         "launch_task")
    again(lambda: b.progress(number % 101))
    content = os.urandom(100000)
    url = again(lambda: a.upload(content, "f.bin"))
    tell(url.startswith(a.url + "/files/T/" + hashlib.sha256(content).hexdigest()),
         "upload_file gives an URL of the sidecar", url)
    tell(again(lambda: a.download(url)) == content, "which the client can fetch")

    received = []
    receiver = threading.Thread(target=lambda: received.append(b.receive_data("b", "a", 60)))
    receiver.start()
    accepted = a.send_data("a", "b", b"data %d" % number, 60)
    receiver.join()
    tell(accepted == "b" and received == [b"data %d" % number], "apply_sending_data and accept_sending_data", received)
    session = "0123456789abcdef" * 2
    b.push(["a"], {"type": "deny_sending_data", "session_id": session, "rejecter": "b", "cause": None})
    tell(a.events(1) == [{"type": "deny_sending_data", "session_id": session, "rejecter": "b", "cause": None}],
         "deny_sending_data")

    for i in range(3):
        a.push(["b"], {"type": "own", "i": i, **marks})
    tell([event["i"] for event in b.events(3)] == [0, 1, 2], "contract_events, with own events")
    model = again(lambda: b.upload_result("a", "model", b"model %d" % number))
    told = a.events(1)
    tell(told and told[0]["file_type"] == "model" and told[0]["file_url"].startswith(a.url) and
         again(lambda: a.download(told[0]["file_url"])) == b"model %d" % number,
         "upload_task_achivement, whose file the receiver fetches from its own sidecar", told)
    again(lambda: b.call("/federated/task/train/upload", {"task_id": "T", "f_url": model, "file_type": "pickle"}))
    a.push(["*"], {"type": "notice_task_completion", "result": True}, "task_finish")
    for name, client in (("a", a), ("b", b)):
        tell(client.events(1) == [{"type": "notice_task_completion", "result": True}], "notify_task_completion to " + name)


def rows(world, kills):
    if kills == 0:
        do_rows(world, 0)
    else:
        over = threading.Event()

        def kill():
            for _ in range(kills):
                world.hub.kill()
                world.hub.start()
                if over.wait(0.7):
                    return
        killer = threading.Thread(target=kill)
        killer.start()
        number = 0
        while number == 0 or killer.is_alive():
            do_rows(world, number)
            number += 1
        over.set()
        killer.join()
    shown = world.admin("GET", "/admin/tasks/T")["tasks"][0]
    text = json.dumps(shown["notes"])
    for kind in ("dataset", "launch", "result", "completion"):
        tell('"kind": "%s"' % kind in text, "the hub knows of it: %s" % kind, text)
    tell(world.sidecars["a"].url not in text and world.hub.url + "/files/T/" in text,
         "the hub's notes name its own files", text)
    tell(world.launched() == ["a", "b"], "and tells the nodes of the launch by its bundle", world.launched())
    tell(any("progress" in member for member in shown["members"]), "and the progress", shown)


# ---- Contracts, and kills. ----

class Stream:
    """Numbers from one client to the other."""

    def __init__(self, source, target, name, count):
        self.source, self.target, self.name, self.count = source, target, name, count
        self.confirmed, self.unknown, self.refused, self.received = [], [], [], []
        self.is_over = False
        self.allowed = threading.Semaphore(0)

    def push_all(self):
        for i in range(self.count):
            self.allowed.acquire()
            try:
                self.source.push([self.name], {"type": "number", "i": i})
                self.confirmed.append(i)
            except ServiceError as problem:
                self.refused.append("%d: %s" % (i, problem))
            except OSError:
                self.unknown.append(i)
                time.sleep(0.02)

    def pop_all(self):
        """Until all that was confirmed is there, and nothing comes behind it; or nothing comes at all."""
        last = time.monotonic()
        while True:
            try:
                event = self.target.pop()
            except (ServiceError, OSError):
                time.sleep(0.02)
                continue
            if event is not None:
                self.received.append(event["message_content"]["i"])
                last = time.monotonic()
            elif self.is_over:
                missing = set(self.confirmed) - set(self.received)
                if time.monotonic() > last + (60 if missing else 0.5):
                    return


def judge(stream, may_repeat):
    seen, firsts = set(), []
    for i in stream.received:
        if i not in seen:
            firsts.append(i)
        seen.add(i)
    repeats = len(stream.received) - len(firsts)
    name = "to %s: " % stream.name
    tell(not stream.refused, name + "no push is refused", stream.refused[:5])
    tell(len(stream.confirmed) > stream.count // 2, name + "most pushes are confirmed", len(stream.confirmed))
    lost = sorted(set(stream.confirmed) - seen)
    tell(not lost, name + "none of %d is lost" % len(stream.confirmed), lost)
    tell(repeats <= may_repeat, name + "none is doubled", "%d repeats, %d kills" % (repeats, may_repeat))
    tell(firsts == sorted(firsts), name + "they are in order", firsts)


def kill_while(world, victim, kills):
    each = 40 # contracts from one kill to the next, and as many on their way
    streams = [Stream(world.a, world.b, "b", each * (kills + 1))]
    if victim is world.hub:
        streams.append(Stream(world.b, world.a, "a", each * (kills + 1)))
    pushers = [threading.Thread(target=stream.push_all) for stream in streams]
    poppers = [threading.Thread(target=stream.pop_all) for stream in streams]
    for thread in pushers + poppers:
        thread.start()
    for done in range(kills + 1):
        for stream in streams:
            stream.allowed.release(each)
        end = time.monotonic() + 60
        while done < kills and len(streams[0].received) < each * done + each // 4 and time.monotonic() < end:
            time.sleep(0.001)
        if done < kills:
            victim.kill()
            victim.start()
    for thread in pushers:
        thread.join()
    for stream in streams:
        stream.is_over = True
    for thread in poppers:
        thread.join()
    for stream in streams:
        judge(stream, 0 if victim is not world.sidecars["b"] else kills)
    for node, service in world.sidecars.items():
        shown = json.loads(world.a.request("GET", service.url + "/status"))["data"]["outbox"]
        tell(shown["contracts"] == 0 and shown["dead_letters"] == 0 and shown["hub_reachable"],
             "the outbox of %s is empty" % node, shown)


def main(program, tls, what, kills="0"):
    world = World(program, os.path.abspath(tls))
    try:
        if what == "rows":
            rows(world, int(kills))
        else:
            kill_while(world, {"hub": world.hub, "sender": world.sidecars["a"],
                               "receiver": world.sidecars["b"]}[what], int(kills))
    finally:
        world.end()
    raise SystemExit(failures > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
