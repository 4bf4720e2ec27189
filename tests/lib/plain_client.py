"""A client that knows the platform's fields and nothing of ours, with the standard library only.

As a program, for tests written in bash:

    plain_client.py URL TASK push TARGET,… CONTENT     prints the message's uuid
    plain_client.py URL TASK pop                       prints the content, or nothing
    plain_client.py URL TASK wait SECONDS              polls until there is one
    plain_client.py URL TASK nodelist                  prints `node role` lines
    plain_client.py URL TASK upload FILE               prints the URL
    plain_client.py URL TASK download URL              writes the bytes to standard output
    plain_client.py URL TASK send SOURCE TARGET TEXT   the data channel: offers TEXT, waits for its acceptance
    plain_client.py URL TASK send_file SOURCE TARGET FILE   … a file
    plain_client.py URL TASK receive NODE SOURCE       … accepts it, and prints what it fetched

URL is the service's address, as far as its base path. A token, if there is one, is taken from the
environment's PLAIN_TOKEN.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

BASE = "/fed-service/api/v2"


class ServiceError(Exception):
    def __init__(self, code, message, data=None):
        super().__init__("code %s: %s %s" % (code, message, data or ""))
        self.code = code


class PlainClient:
    def __init__(self, url, task, channel="federated", token=None):
        self.url = url.rstrip("/")
        self.task = task
        self.channel = channel
        self.token = token

    def request(self, method, url, body=None, content_type=None):
        request = urllib.request.Request(url, data=body, method=method)
        request.add_header("accept", "application/json")
        if content_type:
            request.add_header("content-type", content_type)
        if self.token:
            request.add_header("Authorization", "Bearer " + self.token)
        try:
            with urllib.request.urlopen(request, timeout=70) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise ServiceError(error.code, error.read().decode("utf-8", "replace")) from None

    def call(self, path, fields):
        """What the platform's client takes: an object, its code exactly 0, its data an object."""
        text = self.request("POST", self.url + BASE + path, json.dumps(fields).encode(), "application/json")
        return self.take(json.loads(text))

    @staticmethod
    def take(answer):
        if not isinstance(answer, dict) or type(answer.get("code")) is not int:
            raise ServiceError("none", "no envelope: %r" % (answer,))
        if answer["code"] != 0:
            raise ServiceError(answer["code"], answer.get("message"), answer.get("data"))
        if not isinstance(answer.get("data"), dict):
            raise ServiceError("none", "no data")
        return answer["data"]

    def push(self, targets, content, title="task_inside"):
        data = self.call("/message/push", {
            "task_id": self.task, "node_id_list": targets, "message_title": title,
            "message_content": content, "message_time": int(time.time()), "channel": self.channel})
        assert data["task_id"] == self.task, data
        assert isinstance(data["message_uuid"], str) and data["message_uuid"], data
        return data["message_uuid"]

    def pop(self):
        """One contract, consumed; None if there is none."""
        data = self.call("/message/pop", {"task_id": self.task, "channel": self.channel})
        if not data:
            return None
        assert isinstance(data["message_content"], dict), data
        return data

    def wait(self, seconds, type_name=None):
        """Polls until a contract (of this type) comes; others are passed over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            data = self.pop()
            if data is None:
                time.sleep(0.05)
            elif type_name in (None, data["message_content"].get("type")):
                return data
        raise TimeoutError("no contract in %s s" % seconds)

    def nodelist(self):
        data = self.call("/task/nodelist", {"task_id": self.task, "task_type": 1})
        return [(record["node_id"], record["role"]) for record in data["records"]]

    def progress(self, percent):
        return self.call("/federated/task/progress", {"task_id": self.task, "progress_number": percent})

    def upload(self, content, name="files", durable=False):
        boundary = "plainclientboundary%d" % os.getpid()
        body = (("--%s\r\nContent-Disposition: form-data; name=\"files\"; filename=\"%s\"\r\n\r\n"
                 % (boundary, name)).encode() + content + ("\r\n--%s--\r\n" % boundary).encode())
        url = "%s%s/file/upload?task_id=%s&durable=%s" % (self.url, BASE, self.task, durable)
        text = self.request("POST", url, body, "multipart/form-data; boundary=" + boundary)
        return self.take(json.loads(text))["f_url"]

    def download(self, url):
        return self.request("GET", url)

    # ---- The shared-file data channel. ----

    def send_data(self, source, target, content, seconds=30):
        session = os.urandom(16).hex()
        self.push([target], {"type": "apply_sf_sending_data", "session_id": session, "source": source,
                             "target": [target], "file_url": self.upload(content)})
        while True:
            event = self.wait(seconds)["message_content"]
            if event.get("session_id") == session:
                if event["type"] == "deny_sending_data":
                    raise ServiceError("denied", event["cause"])
                assert event["type"] == "accept_sf_sending_data", event
                return event["receiver"]

    def receive_data(self, node, source, seconds=30):
        while True:
            event = self.wait(seconds, "apply_sf_sending_data")["message_content"]
            if event["source"] != source:
                self.push([event["source"]], {"type": "deny_sending_data", "session_id": event["session_id"],
                                              "rejecter": node, "cause": "another source is expected"})
                continue
            content = self.download(event["file_url"])
            self.push([source], {"type": "accept_sf_sending_data", "session_id": event["session_id"],
                                 "receiver": node})
            return content


def main(url, task, command, *args):
    client = PlainClient(url, task, token=os.environ.get("PLAIN_TOKEN"))
    if command == "push":
        print(client.push(args[0].split(","), json.loads(args[1])))
    elif command in ("pop", "wait"):
        data = client.pop() if command == "pop" else client.wait(float(args[0]))
        if data:
            print(json.dumps(data["message_content"], sort_keys=True))
    elif command == "nodelist":
        for node, role in client.nodelist():
            print(node, role)
    elif command == "upload":
        with open(args[0], "rb") as file:
            print(client.upload(file.read(), os.path.basename(args[0])))
    elif command == "download":
        sys.stdout.buffer.write(client.download(args[0]))
    elif command == "send":
        print(client.send_data(args[0], args[1], args[2].encode()))
    elif command == "send_file":
        with open(args[2], "rb") as file:
            print(client.send_data(args[0], args[1], file.read()))
    elif command == "receive":
        sys.stdout.buffer.write(client.receive_data(args[0], args[1]))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    try:
        main(*sys.argv[1:])
    except (ServiceError, TimeoutError) as problem:
        raise SystemExit("plain_client: %s" % problem)
