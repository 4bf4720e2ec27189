#!/usr/bin/env python3
"""Requests that two readers could cut in two ways, and their plain neighbours: framing.py PORT

Each line of output is a case: `refused`, if the answer is one 400 and the connection ended;
`answered N` for N answers on a connection that stays open.
"""
import socket
import sys

PORT = int(sys.argv[1])
BODY = "{}"
HIDDEN = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKS = "2\r\n{}\r\n0\r\n\r\n"
LENGTH = "Content-Length: 2\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"

# name, fields, body
FIELDS = [
    ("a length", LENGTH, BODY),
    ("chunks", CHUNKED, CHUNKS),
    ("blanks behind a coding", "Transfer-Encoding: chunked \t\r\n", CHUNKS),
    ("an empty field", "X-Empty:\r\n" + LENGTH, BODY),
    ("blanks around a value", "X-Blank: \t a b \t\r\n" + LENGTH, BODY),
    ("a field that stands twice", "X-Twice: a\r\nX-Twice: b\r\n" + LENGTH, BODY),
    ("two lengths, the small one first", LENGTH + f"Content-Length: {2 + len(HIDDEN)}\r\n", BODY),
    ("two lengths, the large one first", f"Content-Length: {2 + len(HIDDEN)}\r\n" + LENGTH, BODY),
    ("one length twice", LENGTH + LENGTH, BODY),
    ("a length beside chunks", "Content-Length: 7\r\n" + CHUNKED, CHUNKS),
    ("chunks beside a length", CHUNKED + "Content-Length: 7\r\n", CHUNKS),
    ("two codings", CHUNKED + "Transfer-Encoding: identity\r\n", CHUNKS),
    ("a coding that is not known", "Transfer-Encoding: xchunked\r\n", CHUNKS),
    ("a list of codings", "Transfer-Encoding: gzip, chunked\r\n", CHUNKS),
    ("no coding", LENGTH + "Transfer-Encoding: identity\r\n", BODY),
    ("a signed length", "Content-Length: +2\r\n", BODY),
    ("a list of lengths", "Content-Length: 2, 2\r\n", BODY),
    ("a hexadecimal length", "Content-Length: 0x2\r\n", BODY),
    ("a blank before the colon", "Content-Length : 2\r\n", BODY),
    ("a blank before the colon of a coding", "Transfer-Encoding : chunked\r\n" + LENGTH, BODY),
    ("a tab in a name", "X\tY: 1\r\n" + LENGTH, BODY),
    ("a name with brackets", "X(Y): 1\r\n" + LENGTH, BODY),
    ("a length in the next line", "Content-Length:\r\n 2\r\n", BODY),
    ("a field that goes on", "X-Long: a\r\n b\r\n" + LENGTH, BODY),
    ("a second host", "Host: other\r\n" + LENGTH, BODY),
    ("a line that ends by LF", "X-Feed: a\n" + LENGTH, BODY),
    ("a size of a chunk with junk", CHUNKED, "2Z\r\n{}\r\n0\r\n\r\n"),
]


def send(request):
    """What comes back: the answers' statuses, and whether the connection ended."""
    with socket.create_connection(("127.0.0.1", PORT), 10) as connection:
        connection.settimeout(0.7)
        connection.sendall(request.encode("latin1"))
        got = b""
        try:
            while piece := connection.recv(65536):
                got += piece
            return got, True
        except TimeoutError:
            return got, False


def tell(name, request):
    got, ended = send(request)
    if got.startswith(b"HTTP/1.1 400 ") and ended and b"\r\nAfrun-Service:" not in got:
        print(f"{name}: refused")
    else:
        print(f"{name}: answered {got.count(b'HTTP/1.1 ')}{' and ended' if ended else ''}")


for name, fields, body in FIELDS:
    tell(name, "POST /node/a/fed-service/api/v2/message/pop HTTP/1.1\r\nHost: localhost\r\n"
         f"Content-Type: application/json\r\n{fields}\r\n{body}{HIDDEN}")
tell("a request of lines that end by LF", "GET /healthz HTTP/1.1\nHost: localhost\n\n")
tell("no host", "GET /healthz HTTP/1.1\r\n\r\n")
tell("a CR within a line", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\rHost: y\r\n\r\n")
