"""Pushes until the service is gone, and writes down each uuid that was confirmed.

    push_until.py URL PUSHERS FILE

Each pusher is a node of its own, and pushes numbered messages to node `sink` of task R, one at a time."""

import http.client
import json
import sys
import threading
import urllib.parse


def push(address, number, confirmed):
    connection = http.client.HTTPConnection(*address, timeout=30)
    path = "/node/p%d/fed-service/api/v2/message/push" % number
    for i in range(100000):
        uuid = "p%d-%d" % (number, i)
        body = json.dumps({"task_id": "R", "channel": "federated", "node_id_list": ["sink"], "message_title": "t",
                           "message_content": {"from": number, "i": i}, "message_time": 1, "message_uuid": uuid})
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return
        if answer["code"] == 0:
            confirmed.append(uuid)


def main(url, pushers, path):
    parts = urllib.parse.urlparse(url)
    confirmed = []
    threads = [threading.Thread(target=push, args=((parts.hostname, parts.port), i, confirmed))
               for i in range(int(pushers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(uuid + "\n" for uuid in confirmed)


if __name__ == "__main__":
    main(*sys.argv[1:])
