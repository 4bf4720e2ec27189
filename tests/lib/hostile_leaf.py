"""Who may do everything at a leaf node, and what of that is seen in the cluster.

    hostile_leaf.py HUB-PORT LEAF-PORT

In a folder with op.pem, who hears everything at the hub; the leaf node is p1's. Prints what is let through that should
not be, or the other way round, and last of all what is heard at the leaf node."""

import socket
import ssl
import sys

TABLE = """af.T.c.p1.NODE afb.T.c.NODE afd.T.c.NODE afl.T.c.NODE afn.T.NODE.k
$JS.afrun.API.CONSUMER.CREATE.S.NODE+1.af.T.c.NODE.x $JS.afrun.API.CONSUMER.DELETE.S.NODE+1
$JS.afrun.API.CONSUMER.MSG.NEXT.S.NODE+1 $JS.ACK.S.NODE+1.1.1.1.1.0""".split()
MINE = [subject.replace("NODE", "p1") for subject in TABLE]
OTHERS = [subject.replace("NODE", node) for subject in TABLE for node in ("i", "p2", "x", "=")] + """
afu.t secret $JS.API.STREAM.INFO.S $JS.afrun.API.STREAM.DELETE.S $JS.afrun.API.STREAM.PURGE.S $JS.afrun.API.STREAM.NAMES
$JS.afrun.API.CONSUMER.CREATE.S $JS.afrun.API.CONSUMER.DURABLE.CREATE.S.p1 $SYS.REQ.SERVER.PING $KV.t.t _AF.p2.x""".split()


def plain(subject):
    return subject.replace("$JS.afrun.API", "$JS.API")


def connect(port, context=None):
    link = socket.create_connection(("127.0.0.1", port), timeout=60)
    if context:
        while link.recv(1) != b"\n":
            pass
        link = context.wrap_socket(link, server_hostname="127.0.0.1")
    link.sendall(b'CONNECT {"verbose":false,"headers":true,"lang":"c","name":"t"}\r\nSUB > 1\r\nPING\r\n')
    read = link.makefile("rb")
    while not read.readline().startswith(b"PONG"):
        pass
    return link, read


def heard(read, last, but=()):
    """Subjects, as far as the one that comes last."""
    for line in read:
        words = line.decode("utf-8", "replace").split()
        if words and words[0] in ("MSG", "HMSG") and words[1] not in but:
            yield words[1]
            if words[1] == last:
                return


def say(link, subjects):
    for subject in subjects:
        link.sendall(b"PUB %s 0\r\n\r\n" % subject.encode())


def main(hub, leaf):
    context = ssl.create_default_context(cafile="ca.pem")
    context.load_cert_chain("op.pem", "op.key")
    above, read_above = connect(int(hub), context)
    below, read_below = connect(int(leaf))
    say(below, OTHERS + MINE + ["aft.end"])
    seen = {plain(subject) for subject in heard(read_above, "aft.end")}
    for subject in OTHERS:
        if plain(subject) in seen:
            print("gets through:", subject)
    for subject in MINE[:5]:
        if subject not in seen:
            print("does not get through:", subject)
    say(above, ["secret", "af.t.c.p2.i", "afb.t.c.i", "aft.t", "_AF.p2.x", "_AF.=.x", "_INBOX.x", "_AF.p1.x"])
    for subject in heard(read_below, "_AF.p1.x", MINE + OTHERS + ["aft.end"]):
        print("heard:", subject)


main(*sys.argv[1:])
