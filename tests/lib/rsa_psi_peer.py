"""RSA-PSI's two sides as the platform's programs are, from the documents of its wire alone.

    rsa_psi_peer.py URL TASK NODE initiator ITEMS COLLABORATOR,…     prints the items that all have, as JSON
    rsa_psi_peer.py URL TASK NODE collaborator ITEMS [MISCHIEF]      the same

ITEMS is a JSON list. MISCHIEF: `forged`: a signature is that of another number; `short`: not all of the initiator's
set is signed.
"""
import hashlib
import json
import random
import sys

import fed_avg_peer
from fed_avg_peer import Peer

fed_avg_peer.PATIENCE = 300  # a key takes its time where the machine is busy


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def prime(chance):
    while True:
        n = chance.getrandbits(512) | 1 << 511 | 1
        if all(pow(base, n - 1, n) == 1 for base in (2, 3, 5, 7, 11)):
            return n


class Initiator(Peer):
    def run(self, items, collaborators):
        for node in collaborators:
            self.say([node], "rsa_psi_init", initiator=self.node)
        keys, factors = {}, {}
        for _ in collaborators:
            event = self.see(lambda event: event["type"] == "public_key")
            assert isinstance(event["n"], str), event
            keys[event["collaborator"]] = int(event["n"]), event["e"]
        for node, (n, e) in keys.items():
            factors[node] = {}
            for item in items:
                r = self.chance.getrandbits(128)
                factors[node][hex(pow(r, e, n) * int(sha256(item), 16) % n)] = item, r
            accepted, denied = self.offer([node], list(factors[node]))
            assert accepted == [node], denied
        self.say(["*"], "ready_for_signed_ids", initiator=self.node)
        named = {}
        for node in collaborators:
            answer = self.receive(node)
            assert sorted(answer["signed_blind_ids"].values()) == sorted(factors[node]), answer
            named[node] = {}
            for signed, blinded in answer["signed_blind_ids"].items():
                item, r = factors[node][blinded]
                n, _ = keys[node]
                name = sha256(hex(int(signed, 16) * pow(r, -1, n) % n))
                if name in answer["signed_collaborator_ids"]:
                    named[node][item] = name
        common = sorted(item for item in items if all(item in names for names in named.values()))
        for node in keys:
            accepted, denied = self.offer([node], [named[node][item] for item in common])
            assert accepted == [node], denied
        return common


class Collaborator(Peer):
    def run(self, items, mischief):
        initiator = self.see(lambda event: event["type"] == "rsa_psi_init")["initiator"]
        p, q, e = prime(self.chance), prime(self.chance), 65537
        n, d = p * q, pow(e, -1, (p - 1) * (q - 1))
        self.say([initiator], "public_key", collaborator=self.node, n=str(n), e=e)
        blinded = self.receive(initiator)
        signed = {hex(pow(int(text, 16), d, n)): text for text in blinded}
        if mischief == "forged":
            first, *_ = signed
            signed[hex(int(first, 16) ^ 1)] = signed.pop(first)
        if mischief == "short":
            signed.popitem()
        own = {sha256(hex(pow(int(sha256(item), 16), d, n))): item for item in items}
        self.see(lambda event: event["type"] == "ready_for_signed_ids")
        accepted, denied = self.offer([initiator], {"signed_blind_ids": signed, "signed_collaborator_ids": list(own)})
        assert accepted == [initiator], denied
        return sorted(own[name] for name in self.receive(initiator))


def main(url, task, node, role, items, more=None):
    peer = {"initiator": Initiator, "collaborator": Collaborator}[role](url, task, node, "json")
    peer.chance = random.Random(node)
    print(json.dumps(peer.run(json.loads(items), more.split(",") if role == "initiator" else more), ensure_ascii=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
