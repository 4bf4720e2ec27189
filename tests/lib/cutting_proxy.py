"""A proxy that cuts connections: cutting_proxy.py TARGET_PORT PHASE,PHASE,…

Prints its own port. The first request to come through takes the first phase, and so on, round and
round:

    pass           nothing is cut
    before         the connection is closed before anything is forwarded
    half-request   half of the request reaches the service
    answer         the service handles the request; its answer is dropped
    half-answer    half of the answer reaches the client
    keep-events    nothing is cut, but what is answered as events does not reach the client
    cut-events     nothing is cut, but of what is answered as events the head alone reaches it
"""
import itertools
import socket
import sys
import threading

target, phases = int(sys.argv[1]), itertools.cycle(sys.argv[2].split(","))
lock = threading.Lock()


def read_message(stream):
    """One HTTP message, or nothing at its end: the bytes as they came."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return b""
        head += line
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head + stream.read(length)


def serve(client):
    server = None
    try:
        requests = client.makefile("rb")
        while True:
            request = read_message(requests)
            if not request:
                return
            with lock:
                phase = next(phases)
            if phase == "before":
                return
            if server is None:
                server = socket.create_connection(("127.0.0.1", target))
                answers = server.makefile("rb")
            if phase == "half-request":
                server.sendall(request[: len(request) // 2])
                return
            server.sendall(request)
            answer = read_message(answers)
            if phase == "answer" or not answer:
                return
            if phase.endswith("-events") and b"text/event-stream" in answer.split(b"\r\n\r\n")[0]:
                if phase == "cut-events":
                    client.sendall(answer)
                    return
                answers.read()
                return
            if phase == "half-answer":
                client.sendall(answer[: len(answer) // 2])
                return
            client.sendall(answer)
    except OSError:
        pass
    finally:
        for end in (client, server):
            if end is not None:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                end.close()


listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", 0))
listener.listen(64)
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
