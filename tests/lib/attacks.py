"""Has the nodes `strict` and `patient` run attacks, beside innocent parties that must go on.

    python3 attacks.py ROWS ROUNDS    in the folder of the nodes' states, NODE.state

ROWS are lines of attacks.lua. ROUNDS is the output of who asks the innocents, a line `round N` for
each time that both have answered. Prints for each attack its name, a tab, and "ok" or what was wrong;
at last the longest time in which no round was over.
"""
import json
import os
import re
import socket
import sys
import time

AT_A_TIME = 4
PATIENCE_S = 240  # three hangs of 30 s each, in the sanitize build
FOR_EVER_S = 0.5  # that what never ends is left to it


def ask(node, **request):
    """One request of `afrun ctl`."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_S)
        connection.connect(f"{node}.state/control.sock")
        connection.sendall(json.dumps(request).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            some = connection.recv(65536)
            if not some:
                break
            answer += some
    return json.loads(answer)


class Rounds:
    """What is known of the innocents."""

    def __init__(self, path):
        self.path, self.at, self.count = path, 0, 0
        self.last, self.longest = time.monotonic(), 0.0

    def look(self):
        with open(self.path, "rb") as file:
            file.seek(self.at)
            text = file.read()
        found = re.findall(rb"round (\d+)\n", text)
        if found:
            self.at += text.rindex(b"\n") + 1
            self.count = int(found[-1])
            now = time.monotonic()
            self.longest, self.last = max(self.longest, now - self.last), now
        return self.count

    def go_on(self):
        """Whether a round that begins from now on ends."""
        wanted = self.look() + 2
        return until(lambda: self.look() >= wanted)


def until(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


class Attack:
    def __init__(self, line):
        self.name, self.node, self.ends, self.victim, self.text = line.rstrip("\n").split("\t")
        self.problem = None
        self.began = 0.0

    def peers(self):
        if self.victim == "-":
            return [f"attacker={self.node}"]
        return [f"attacker={self.node}", f"victim={self.victim}", "third=third"]

    def launch(self):
        roles = [(self.node, "attacker")]
        if self.victim != "-":
            roles.insert(0, (self.victim, "victim"))
        for node, role in roles:
            answer = ask(node, cmd="launch", flow=self.name, task=self.name, role=role,
                         peers=self.peers(), args=[])
            if not answer["ok"]:
                break
        self.began = time.monotonic()
        if answer["ok"] and self.ends == "refused":
            self.problem = "it was launched"
        elif not answer["ok"] and self.ends != "refused":
            self.problem = f"it could not be launched: {answer['why']}"
        elif not answer["ok"] and self.text not in answer["why"]:
            self.problem = f"it was refused with: {answer['why']}"

    def status(self, node):
        return ask(node, cmd="status", task=self.name)["parties"][0]

    def is_over(self):
        if self.ends == "stopped":
            return time.monotonic() > self.began + FOR_EVER_S
        return self.status(self.node)["status"] in ("held", "failed", "done", "broken")

    def is_told(self, error):
        """A sanitize build may be so slow that its watchdog comes before the instructions' end."""
        slow = "sanitize" in os.environ.get("AFRUN", "") and "instructions" in self.text
        return self.text in error or (slow and "hung for 30 s" in error)

    def check(self):
        if self.problem or self.ends == "refused":
            return
        if not until(self.is_over):
            self.problem = f"it is not over: {self.status(self.node)}"
            return
        wanted = self.ends
        if wanted == "stopped":
            wanted = "failed"
            before = self.status(self.node)["status"]
            if before not in ("waiting", "slow", "resting"):
                self.problem = f"it was {before} before it was stopped: {self.status(self.node)}"
                return
            ask(self.node, cmd="stop", task=self.name)
            until(lambda: self.status(self.node)["status"] == "failed")
        found = self.status(self.node)
        if found["status"] != wanted or not self.is_told(found["error"] or ""):
            self.problem = f"it is {found['status']}: {(found['error'] or '')[:300]}"
        if self.victim != "-":
            if not until(lambda: self.status(self.victim)["status"] in ("held", "failed", "done")):
                self.problem = "its victim is not over"
            victim = self.status(self.victim)
            if victim["status"] != "done":
                self.problem = f"its victim is {victim['status']}: {victim['error']}"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        attacks = [Attack(line) for line in file]
    rounds = Rounds(sys.argv[2])
    attacks.sort(key=lambda attack: attack.node, reverse=True)  # the long ones first, together
    while attacks:
        batch = [attack for attack in attacks[:AT_A_TIME] if attack.node == attacks[0].node]
        del attacks[:len(batch)]
        for attack in batch:
            attack.launch()
        for attack in batch:
            attack.check()
        go_on = rounds.go_on()
        for attack in batch:
            if not go_on:
                attack.problem = f"the innocents do not go on; {attack.problem or 'else well'}"
            print(f"{attack.name}\t{attack.problem or 'ok'}", flush=True)
    print(f"longest\t{rounds.longest:.1f}")


main()
