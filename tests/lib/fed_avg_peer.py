"""FedAvg's two sides as the platform's programs are, from the documents of its wire alone.

    fed_avg_peer.py URL TASK NODE aggregator COUNT ROUNDS FORMAT            prints the parameters at the end
    fed_avg_peer.py URL TASK NODE participant PLACE FORMAT [MISCHIEF]       prints how it went

It knows the platform's fields only. COUNT participants are waited for; PLACE is what a participant's training goes
towards. FORMAT: vector or json. MISCHIEF: `short` and `nan` are offered as a result in the first round; `gone`: it
ends after it has said that it is there.
"""
import json
import os
import struct
import sys
import time

from plain_client import PlainClient

PATIENCE = 60


def encode(values, form):
    return json.dumps(values).encode() if form == "json" else struct.pack("<%dd" % len(values), *values)


def decode(content, form):
    return json.loads(content) if form == "json" else list(struct.unpack("<%dd" % (len(content) // 8), content))


class Peer:
    def __init__(self, url, task, node, form):
        self.client, self.node, self.form = PlainClient(url, task), node, form
        self.waiting = []  # events that nobody has asked for yet
        self.received = set()  # sessions: an offer may come again, where its answer took long

    def say(self, targets, kind, **fields):
        self.client.push(targets, dict(fields, type=kind))

    def see(self, wanted, otherwise=lambda event: False):
        """The first event for which wanted(event) is true; otherwise(event) may take others."""
        end = time.monotonic() + PATIENCE
        pause = 0.02
        while time.monotonic() < end:
            for i, event in enumerate(self.waiting):
                if wanted(event):
                    return self.waiting.pop(i)
            data = self.client.pop()
            if data is None:
                time.sleep(pause)
            elif not self.accept_again(data["message_content"]) and not otherwise(data["message_content"]):
                self.waiting.append(data["message_content"])
        raise TimeoutError("%s waits in vain; left: %s" % (self.node, self.waiting))

    def offer(self, targets, values):
        """The data channel's sending side: who has accepted, and why the others have not."""
        session = os.urandom(16).hex()
        url = self.client.upload(encode(values, self.form))
        self.say(targets, "apply_sf_sending_data", session_id=session, source=self.node, target=targets, file_url=url)
        accepted, denied = [], {}
        while len(accepted) + len(denied) < len(targets):
            event = self.see(lambda event: event.get("session_id") == session, self.answer)
            if event["type"] == "deny_sending_data":
                denied[event["rejecter"]] = event["cause"]
            else:
                accepted.append(event["receiver"])
        return accepted, denied

    def receive(self, source):
        event = self.see(lambda event: event["type"] == "apply_sf_sending_data" and event["source"] == source and
                         event["session_id"] not in self.received, self.answer)
        content = self.client.download(event["file_url"])
        self.received.add(event["session_id"])
        self.accept_again(event)
        return decode(content, self.form)

    def accept_again(self, event):
        """Answers an offer whose content is here; false where it is none."""
        if event["type"] != "apply_sf_sending_data" or event["session_id"] not in self.received:
            return False
        self.say([event["source"]], "accept_sf_sending_data", session_id=event["session_id"], receiver=self.node)
        return True

    def answer(self, event):
        return False


class Aggregator(Peer):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.present, self.round = set(), 1

    def answer(self, event):
        if event["type"] == "checkin" and event["peer_id"] != self.node:
            self.present.add(event["peer_id"])
            self.say([event["peer_id"]], "checkin_response", round=self.round, aggregator=self.node,
                     nonce=event["nonce"])
            return True
        return event["type"] in ("sync_state", "start_round", "ready_for_aggregation", "close_round")  # own copies

    def run(self, count, rounds):
        self.gather(count)
        parameters = [0.0, 0.0, 0.0]
        for self.round in range(1, rounds + 1):
            self.say(["*"], "sync_state", round=self.round, aggregator=self.node)
            calculators = set()
            while len(calculators) < count:
                calculators.add(self.see(lambda event: event["type"] == "sync_state_response" and
                                         event["round"] == self.round, self.answer)["peer_id"])
            calculators = sorted(calculators)
            self.say(["*"], "start_round", round=self.round, calculators=calculators, aggregator=self.node)
            accepted, denied = self.offer(calculators, parameters)
            assert sorted(accepted) == calculators, denied
            self.say(["*"], "ready_for_aggregation", round=self.round)
            updates = {peer: self.receive(peer) for peer in calculators}
            parameters = [sum(updates[peer][i] for peer in calculators) / count for i in range(3)]
            self.say(["*"], "close_round", round=self.round)
        self.say(["*"], "finish_task")
        for kind in ("report", "model"):
            url = self.client.upload(encode(parameters, self.form), durable=True)
            self.client.push([self.node], {"type": "task_file_upload", "file_type": kind, "file_url": url},
                             title="task_file_upload")
        self.client.push(["*"], {"type": "notice_task_completion", "result": True}, title="task_finish")
        print(json.dumps(parameters))

    def gather(self, count):
        end = time.monotonic() + PATIENCE
        while len(self.present) < count:
            data = self.client.pop()
            if data is None:
                assert time.monotonic() < end, "too few have checked in"
                time.sleep(0.02)
            elif not self.answer(data["message_content"]):
                self.waiting.append(data["message_content"])


class Finished(Exception):
    """The aggregator has said that all is over, wherever this participant stood."""


class Participant(Peer):
    def run(self, place, mischief):
        told = []
        try:
            self.take_part(place, mischief, told)
        except Finished:
            print("; ".join(told) or "too late")

    def take_part(self, place, mischief, told):
        nonce = os.urandom(16).hex()
        self.say(["*"], "checkin", peer_id=self.node, nonce=nonce)
        hello = self.see(lambda event: event["type"] == "checkin_response" and event["nonce"] == nonce, self.answer)
        aggregator = hello["aggregator"]
        own, this = [place, place * place, 1 / place], 0
        while True:
            last = this
            this = self.see(lambda event: event["type"] == "sync_state" and event["round"] > last, self.answer)["round"]
            self.say([aggregator], "sync_state_response", round=this, peer_id=self.node)
            if mischief == "gone":
                raise Finished
            start = self.see(lambda event: event["type"] == "start_round" and event["round"] == this, self.answer)
            if self.node not in start["calculators"]:
                continue
            values = self.receive(aggregator)
            values = [value + 0.3 * (mine - value) for value, mine in zip(values, own)]
            self.see(lambda event: event["type"] == "ready_for_aggregation" and event["round"] == this, self.answer)
            if mischief:
                values = values[:2] if mischief == "short" else [values[0], float("nan"), values[2]]
            _, denied = self.offer([aggregator], values)
            mischief = None
            told.append(denied.get(aggregator) or "counted")
            self.see(lambda event: event["type"] == "close_round" and event["round"] == this, self.answer)

    def answer(self, event):
        if event["type"] == "finish_task":
            raise Finished
        return event["type"] in ("checkin", "notice_task_completion", "task_file_upload", "reset_round")


def main(url, task, node, role, first, second, *more):
    if role == "aggregator":
        Aggregator(url, task, node, more[0]).run(int(first), int(second))
    else:
        Participant(url, task, node, second).run(int(first), more[0] if more else None)


if __name__ == "__main__":
    main(*sys.argv[1:])
