#!/usr/bin/env python3
"""A federated-service, as the platform has it, that can be told to misbehave.

It is that of one node, which is sent all that it pushes; below /node/ID/ there are those of a network's
nodes node-a (role 1), node-b and node-c (role 2), which are sent what is for them.

It knows the platform's fields alone. It listens on a free port of the loopback, prints it, and then
obeys lines on standard input, each answered by a line `ok` (or what was asked for):

    plan PATH MODE [ARGUMENT]   what becomes of the next request whose path ends in PATH; plans queue:
        refuse         close before it is handled
        drop           handle it, and close without an answer
        cut N          handle it, and close after N bytes of the answer
        hang           handle it, and never answer
        status N [H]   answer with this HTTP status, and a header H ("Retry-After: 0")
        code N         answer with this code in the envelope
        body TEXT      answer with this body
        bytes N        answer with N bytes of "x"
        move URL       redirect there
    stamp [JSON]                contracts handed out from now on have this sender_id; without JSON, none
    header NAME: VALUE          every answer from now on has this header
    parts                       a file is given from where `Range: bytes=N-` wants it, from now on
    requests                    the requests since the last time, as a JSON list
    count                       how many those are
    handled                     how many contracts were taken in, and how many were handed out
    connections                 how many connections were accepted so far
    restart                     close every connection that is kept alive
    reset                       … and forget all that was said and done

It ends when standard input does."""
import hashlib
import json
import socket
import ssl
import sys
import threading
import urllib.parse

API = "/fed-service/api/v2"
NODES = ["node-a", "node-b", "node-c"]
lock = threading.RLock()
plans, headers, requests, connections = [], [], [], []
queue, files = [], {}
counts = {"in": 0, "out": 0, "connections": 0}
stamp = ""
gives_parts = False
port = 0


def envelope(data, code=0, message=""):
    return {"code": code, "message": message, "data": data}


def push(request, body):
    uuid = hashlib.sha256(f"{counts['in']}".encode()).hexdigest()
    counts["in"] += 1
    targets = NODES if body["node_id_list"] == ["*"] else body["node_id_list"]
    for target in targets if request["node"] else [""]:
        queue.append({
            "id": counts["in"], "task_id": body["task_id"], "node_id_list": body["node_id_list"],
            "consume_by": "system", "consume_time": "2026-11-23T09:44:07", "message_uuid": uuid,
            "message_title": body["message_title"], "message_content": body["message_content"],
            "message_time": body["message_time"], "status": 1, "channel": body["channel"],
            "to": target})
    return envelope({"message_uuid": uuid, "task_id": body["task_id"]})


def pop(request, body):
    for i, message in enumerate(queue):
        wanted = body["task_id"], body["channel"], request["node"]
        if (message["task_id"], message["channel"], message["to"]) == wanted:
            counts["out"] += 1
            message = queue.pop(i)
            del message["channel"], message["to"]
            if stamp:
                message["sender_id"] = json.loads(stamp)
            return envelope(message)
    return envelope({})


def nodelist(request, body):
    record = {"task_id": body["task_id"], "status": 1, "verify_time": None}
    records = [dict(record, node_id=node, role=1 if node == NODES[0] else 2) for node in NODES]
    return envelope({"current": 1, "page": 1, "records": records, "size": 3, "total": 3})


def upload(request, body):
    query = dict(urllib.parse.parse_qsl(request["query"]))
    boundary = request["headers"]["content-type"].split("boundary=")[1].encode()
    content = request["raw"].split(b"\r\n\r\n", 1)[1]
    content = content[:content.rindex(b"\r\n--" + boundary + b"--\r\n")]
    name = hashlib.md5(content).hexdigest() + ".files"
    files["/files/" + name] = content
    return envelope({"task_id": query["task_id"], "file_path": query.get("file_path"),
                     "durable": query["durable"] == "True",
                     "f_url": f"http://127.0.0.1:{port}/files/{name}"})


def told(request, body):
    return envelope({"task_id": body["task_id"]})


def bass(request, body):
    if request["query"] == "cmb=Login":
        return {"Response": {"Data": {"Token": "standin-token"}}}
    return {"Response": {"Data": {"Status": "OK"}}}


handlers = {
    API + "/message/push": push, API + "/message/pop": pop, API + "/task/nodelist": nodelist,
    API + "/file/upload": upload, API + "/federated/task/progress": told,
    API + "/automl/task/progress": told, API + "/federated/task/verify/upload": told,
    API + "/federated/task/train/upload": told, "/alpha-med/fed-bass": bass,
}


def find_plan(path):
    for i, plan in enumerate(plans):
        if path.endswith(plan[0]):
            return plans.pop(i)[1:]
    return ["", ""]


def handle(request):
    """What a well-behaved service answers: (status, body)."""
    if request["method"] == "GET":
        content = files.get(request["path"])
        return (404, b"not found") if content is None else (200, content)
    handler = handlers.get(request["path"])
    if handler is None:
        return 404, json.dumps(envelope({}, 404, "no such path")).encode()
    try:
        body = json.loads(request["raw"]) if handler is not upload else None
        return 200, json.dumps(handler(request, body)).encode()
    except (ValueError, KeyError) as error:
        return 200, json.dumps(envelope({"errors": str(error)}, 400, "malformed")).encode()


def make_answer(status, body, more=()):
    lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines + headers + list(more) + ["", ""]).encode() + body


def respond(request):
    """The bytes of the answer, and whether the connection stays: None, it hangs."""
    mode, argument = find_plan(request["path"])
    if mode == "refuse":
        return b"", False
    if mode == "status":
        status, _, more = argument.partition(" ")
        body = json.dumps(envelope({}, int(status), "on purpose")).encode()
        return make_answer(int(status), body, [more] if more else []), True
    if mode == "code":
        body = json.dumps(envelope({}, int(argument), "on purpose")).encode()
        return make_answer(200, body), True
    if mode == "body":
        return make_answer(200, argument.encode()), True
    if mode == "bytes":
        return make_answer(200, b"x" * int(argument)), True
    if mode == "move":
        return make_answer(302, b"", [f"Location: {argument}"]), True
    more = ["Set-Cookie: sid=standin-session; Path=/"] if request["query"] == "cmb=Login" else []
    status, body = handle(request)
    wanted = request["headers"].get("range", "")
    if gives_parts and status == 200 and wanted.startswith("bytes="):
        start = int(wanted[len("bytes="):-1])
        more.append(f"Content-Range: bytes {start}-{len(body) - 1}/{len(body)}")
        status, body = (206, body[start:]) if start < len(body) else (416, b"")
    answer = make_answer(status, body, more)
    if mode == "hang":
        return answer, None
    if mode == "drop":
        return b"", False
    if mode == "cut":
        return answer[:int(argument)], False
    return answer, True


def read_request(reader):
    line = reader.readline().decode("latin-1").split()
    if len(line) < 3:
        return None
    fields, length = {}, 0
    while True:
        header = reader.readline().decode("latin-1").strip()
        if not header:
            break
        name, _, value = header.partition(":")
        fields[name.lower()] = value.strip()
    raw = reader.read(int(fields.get("content-length", 0)))
    path, _, query = line[1].partition("?")
    node = ""
    if path.startswith("/node/"):
        node, _, path = path[len("/node/"):].partition("/")
        path = "/" + path
    return {"method": line[0], "path": path, "query": query, "headers": fields, "raw": raw, "node": node,
            "body_text": raw.decode("utf-8", "replace")}


def serve(connection):
    reader = connection.makefile("rb")
    try:
        while True:
            request = read_request(reader)
            if request is None:
                break
            with lock:
                requests.append({key: value for key, value in request.items() if key != "raw"})
                answer, stays = respond(request)
            if stays is None:
                reader.read()
                break
            connection.sendall(answer)
            if not stays:
                break
    except OSError:
        pass
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    reader.close()
    connection.close()


def accept(listener, context):
    while True:
        connection = listener.accept()[0]
        try:
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
        except OSError:
            continue
        with lock:
            counts["connections"] += 1
            connections.append(connection)
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


def obey(line):
    global stamp, gives_parts
    command, _, rest = line.rstrip("\n").partition(" ")
    with lock:
        if command == "plan":
            plans.append((rest.split(" ", 2) + [""])[:3])
        elif command == "stamp":
            stamp = rest
        elif command == "parts":
            gives_parts = True
        elif command == "header":
            headers.append(rest)
        elif command == "requests":
            text = json.dumps(requests)
            requests.clear()
            return text
        elif command == "count":
            text = str(len(requests))
            requests.clear()
            return text
        elif command == "handled":
            return f"{counts['in']} {counts['out']}"
        elif command == "connections":
            return str(counts["connections"])
        elif command in ("restart", "reset"):
            if command == "reset":
                gives_parts = False
                for kept in (plans, headers, requests, queue, files):
                    kept.clear()
                counts.update({"in": 0, "out": 0, "connections": 0})
            for connection in connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            connections.clear()
        else:
            return "unknown command"
    return "ok"


def main():
    global port
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    context = None
    if len(sys.argv) > 1:  # CERTIFICATE KEY [CA]: TLS, mutual with a CA
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
    if len(sys.argv) > 3:
        context.load_verify_locations(sys.argv[3])
        context.verify_mode = ssl.CERT_REQUIRED
    threading.Thread(target=accept, args=(listener, context), daemon=True).start()
    print(port, flush=True)
    for line in sys.stdin:
        print(obey(line), flush=True)


main()
