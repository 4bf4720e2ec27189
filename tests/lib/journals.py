"""What the journals of kept parties must show: each contract was taken once, and each that was sent
was sent once and came to all who were to have it. What a party that has secrets sent is sealed: of that it is known
only that it was taken once."""
import json
import sqlite3


def rows_of(path):
    with sqlite3.connect(path) as db:
        return list(db.execute(
            "SELECT seq, kind, hex(uuid), sender, sends FROM journal ORDER BY seq"))


def taken_by(name, rows, fail):
    if [row[0] for row in rows] != list(range(1, len(rows) + 1)):
        fail("%s: its journal has a gap" % name)
    taken, deferred = set(), set()
    for _, kind, uuid, sender, _ in rows:
        if kind == "defer":
            deferred.add(uuid)
        elif uuid:
            if uuid in taken:
                fail("%s: took %s from %s twice" % (name, uuid, sender))
            taken.add(uuid)
    return taken | deferred


def check(parties, fail):
    """parties: (name, store, how many contracts came too late for it or None: not known)."""
    journals = {name: rows_of(path) for name, path, _ in parties}
    taken = {name: taken_by(name, rows, fail) for name, rows in journals.items()}
    sent = {}
    for name, rows in journals.items():
        for row in rows:
            for send in json.loads(row[4]) if row[4] and row[4][:1] in ("[", b"[") else []:
                uuid = send["uuid"].replace("-", "").upper()
                if uuid in sent:
                    fail("%s sent %s twice" % (name, uuid))
                sent[uuid] = send["to"]
    for name, _, late in parties:
        missing = sum(1 for uuid, to in sent.items() if name in to and uuid not in taken[name])
        if late is not None and missing > late:
            fail("%s: %d contracts never came" % (name, missing - late))
