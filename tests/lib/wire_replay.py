"""Replays captured requests of the platform's client against a service, and compares the shape of
each answer field by field. Prints TAP lines without a plan; used by e2e/serve_wire.sh.

    wire_replay.py REQUESTS.json URL NODE SHARED-FOLDER

A shape: every field of the captured answer must be there, with the same type; a string that was not
empty must not be empty; task_id, codes and what was sent must come back as they are."""

import json
import sys
import urllib.error
import urllib.request

SAME = {"task_id", "file_path", "durable", "code", "message", "status", "message_title", "Status",
        "message_content", "message_time", "node_id_list", "consume_by"}
NULLABLE = {"verify_time", "start_time", "end_time"}


def compare(expected, got, where="answer"):
    """The differences, as sentences."""
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return ["%s: expected an object, got %r" % (where, got)]
        if not expected and got:
            return ["%s: expected {}, got %r" % (where, got)]
        found = []
        for key, value in expected.items():
            if key not in got:
                found.append("%s.%s is missing" % (where, key))
            elif key in SAME:
                if value != got[key]:
                    found.append("%s.%s: expected %r, got %r" % (where, key, value, got[key]))
            elif not (key in NULLABLE and got[key] is None):
                found += compare(value, got[key], where + "." + key)
        return found
    if isinstance(expected, list):
        if not isinstance(got, list) or len(got) < 1:
            return ["%s: expected a list, got %r" % (where, got)]
        return [line for i, item in enumerate(got) for line in compare(expected[0], item, "%s[%d]" % (where, i))]
    if type(expected) is not type(got) or (isinstance(expected, str) and expected and not got):
        return ["%s: expected something like %r, got %r" % (where, expected, got)]
    return []


class Replay:
    def __init__(self, url, node, folder):
        self.url, self.node, self.folder = url, node, folder
        self.session = self.cookie = "SESSION"
        self.uploaded = None

    def send(self, method, path, query, headers, body):
        request = urllib.request.Request(self.url + path + ("?" + query if query else ""),
                                         data=body if method == "POST" else None, method=method)
        for name, value in headers.items():
            request.add_header(name, value.replace("SESSION", self.session))
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    def prepare(self, sample):
        """What must have happened before."""
        if sample["name"] == "pop_message":
            item = sample["response"]["data"]
            body = {name: item[name] for name in ("task_id", "message_title", "message_content", "message_time")}
            body.update(node_id_list=[self.node], channel="federated")
            item["node_id_list"] = [self.node]
            self.send("POST", "/fed-service/api/v2/message/push", "", {"content-type": "application/json"},
                      json.dumps(body).encode())
        if sample["name"] == "file_download":
            sample["path"] = self.uploaded[len(self.url):]
        if sample["name"] == "file_upload_path_only":
            sample["query"] = sample["query"].replace("%2Fdata%2F", self.folder.replace("/", "%2F") + "%2F")
            sample["response"]["data"]["file_path"] = self.folder + "/report.zip"
        if sample["name"].startswith("task_nodelist") or sample["name"] == "fed_network_node_detail":
            task = json.loads(sample["body"])["task_id"]  # the node joins it
            self.send("POST", "/fed-service/api/v2/message/pop", "", {"content-type": "application/json"},
                      json.dumps({"task_id": task, "channel": "federated"}).encode())

    def run(self, sample):
        self.prepare(sample)
        status, headers, text = self.send(sample["method"], sample["path"], sample["query"], sample["headers"],
                                          sample["body"].encode())
        headers = {name.lower(): value for name, value in headers.items()}
        wrong = [] if status == sample["status"] else ["status %d" % status]
        if headers.get("afrun-service") != "1":
            wrong.append("no header Afrun-Service")
        if sample["name"] == "file_download":
            return wrong + ([] if text == b"report bytes" else ["got %r" % text])
        if headers.get("content-type") != "application/json":
            wrong.append("content type %s" % headers.get("content-type"))
        answer = json.loads(text)
        wrong += compare(sample["response"], answer)
        if sample["name"] == "bass_login" and not wrong:
            self.session = answer["Response"]["Data"]["Token"]
            if "sid=" + self.session not in headers.get("set-cookie", ""):
                wrong.append("the session is no cookie")
        if "f_url" in (answer.get("data") or {}):
            self.uploaded = answer["data"]["f_url"]
        return wrong


def main(requests, url, node, folder):
    with open(requests, encoding="utf-8") as file:
        samples = json.load(file)
    replay = Replay(url, node, folder)
    order = {"bass_login": 0, "file_download": 2}
    for sample in sorted(samples, key=lambda s: order.get(s["name"], 1)):
        wrong = replay.run(sample)
        print("%s %s" % ("not ok" if wrong else "ok", sample["name"].replace(".", "_")))
        for line in wrong:
            print("#   " + line)


if __name__ == "__main__":
    main(*sys.argv[1:])
