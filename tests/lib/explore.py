#!/usr/bin/env python3
"""Explores a flow by brute force: an independent witness for `afrun check`.

What a state and a transition are comes from lua-api.md and cli.md; handlers are run by a plain
lua5.4 (explore_af.lua) and remembered; nothing is reduced. Prints one JSON object with the fields
of `afrun check --json`: states, transitions, depth, violations, ends.
"""
import argparse
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PREDEFINED = ("party_failed", "notice_task_completion")
S = 10**9


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


class Lua:
    def __init__(self, path):
        self.process = subprocess.Popen(["lua5.4", os.path.join(HERE, "explore_af.lua"), path],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


# A party is a tuple: the version of the flow that it runs, phase, down (1 + the instants of timers that it has
# missed, 0: it is up), state, data, result, reason, deferred, timers.
VERSION, PHASE, DOWN, STATE, DATA, RESULT, REASON, DEFERRED, TIMERS = range(9)


class TooLarge(Exception):
    """There are more states than were asked for."""


class Violation(Exception):
    """A transition behind which nothing is explored."""

    def __init__(self, kind, role, text):
        super().__init__(text)
        self.key = (kind, role, text)


def components(ways):
    """Strongly connected ones, by Tarjan's search."""
    order, low, stack, on_stack = {}, {}, [], set()
    for root in ways:
        if root in order:
            continue
        trail = [(root, iter(ways[root]))]
        order[root] = low[root] = len(order)
        stack.append(root)
        on_stack.add(root)
        while trail:
            state, follow = trail[-1]
            target = next(follow, None)
            if target is None:
                trail.pop()
                if trail:
                    low[trail[-1][0]] = min(low[trail[-1][0]], low[state])
                if low[state] == order[state]:
                    at = stack.index(state) if stack[-1] != state else len(stack) - 1
                    part, stack = stack[at:], stack[:at]
                    on_stack.difference_update(part)
                    yield part
            elif target not in order:
                order[target] = low[target] = len(order)
                stack.append(target)
                on_stack.add(target)
                trail.append((target, iter(ways[target])))
            elif target in on_stack:
                low[state] = min(low[state], order[target])


class Explorer:
    def __init__(self, options):
        self.options = options
        self.luas = [Lua(path) for path in (options.flow, options.upgrade) if path]
        self.flows = [lua.ask(op="describe") for lua in self.luas]
        for flow in self.flows:
            if "error" in flow:
                sys.exit(flow["error"])
        self.flow = self.flows[0]
        counts = {name: role["count"] for name, role in self.flow["roles"].items()}
        counts.update({k: int(v) for k, v in (p.split("=") for p in options.parties.split(",") if p)})
        self.members = [{"id": f"{role}-{k}", "role": role} for role in sorted(counts)
                        for k in range(1, counts[role] + 1)]
        self.index = {member["id"]: i for i, member in enumerate(self.members)}
        self.args = {}
        for text in options.arg:
            name, value = text.split("=", 1)
            try:
                self.args[name] = json.loads(value)
            except ValueError:
                self.args[name] = value
        self.calls, self.views, self.watches, self.moved = {}, {}, {}, {}
        self.steps = [] # of the transition that is made, as monitors are told of it
        self.fifo = options.fifo
        budgets = [options.drop, options.duplicate, options.crash, options.lose]
        self.allow_fail = options.allow_fail or any(budgets)
        self.any = options.timeouts == "any"
        early = 0 if options.timeouts in ("quiet", "any") else int(options.timeouts)
        self.budgets = tuple(budgets + [early])

    # ---- Handlers. ----

    def role(self, member):
        return self.members[member]["role"]

    def row(self, member, party):
        return self.flows[party[VERSION]]["roles"][self.role(member)]["states"][party[STATE]]

    def call(self, member, party, **request):
        version = party[VERSION] if party else 0
        key = (version, member, party[STATE] if party else None, party[DATA] if party else None,
               canonical(request))
        if key not in self.calls:
            self.calls[key] = self.luas[version].ask(
                op="call", id=self.members[member]["id"], role=self.role(member),
                members=self.members, args=self.args, state=party[STATE] if party else None,
                data=json.loads(party[DATA]) if party else {}, **request)
        return self.calls[key]

    # ---- What monitors are told. ----

    def tell(self, kind, member, state, contract=None, before=False, timer=None):
        """contract: sender, receiver, type and content."""
        step = {"kind": kind, "party": self.members[member]["id"], "role": self.role(member),
                "state": state, "before": before, "timer": timer}
        if contract:
            step.update({"from": self.members[contract[0]]["id"],
                         "to": self.members[contract[1]]["id"], "event": json.loads(contract[3])})
        self.steps.append(step)

    def tell_end(self, member, party, effects, sends, first):
        """What a transaction has done, its sends being those from the first on."""
        for state in effects["states"]:
            self.tell("state", member, state)
        for contract in sends[first:]:
            self.tell("send", member, effects["state"], contract)
        for ended, kind in (("done", "done"), ("fail", "failed")):
            if ended in effects:
                self.tell(kind, member, effects["state"])
                for sender, kind, content in party[DEFERRED] if party else ():
                    self.tell("late", member, effects["state"], (sender, member, kind, content))

    def commit(self, member, party, effects, sends):
        """The party after a transaction; what it sends is appended to sends."""
        first = len(sends)
        after = self.committed(member, party, effects, sends)
        self.tell_end(member, party, effects, sends, first)
        return after

    def committed(self, member, party, effects, sends):
        role, version = self.role(member), party[VERSION] if party else 0
        if "error" in effects:
            raise Violation("error", role, effects["error"])
        timers = dict(party[TIMERS]) if party else {}
        if effects["entered"]:
            timers.pop("after", None)
            if "after" in effects:
                timers["after"] = 0 if self.any else round(effects["after"] * S)
        deadlines = effects["deadlines"]
        for name, seconds in (deadlines.items() if isinstance(deadlines, dict) else ()):
            timers.pop("deadline " + name, None)
            if seconds >= 0:
                timers["deadline " + name] = 0 if self.any else round(seconds * S)
        for send in effects["sends"]:
            sends.append((member, self.index[send["to"]], send["event"]["type"],
                          canonical(send["event"])))
        data, state = canonical(effects["data"]), effects["state"]
        deferred = party[DEFERRED] if party else ()
        if effects.get("done"):
            result = effects.get("result")
            return (version, "done", False, state, data, canonical(result), None, (), ())
        if "fail" in effects:
            if not self.allow_fail:
                raise Violation("failed", role, effects["fail"])
            if self.flows[version]["report_failure"]:
                told = canonical({"type": "party_failed", "reason": effects["fail"],
                                  "peer_id": self.members[member]["id"]})
                sends.extend((member, other, "party_failed", told)
                             for other in range(len(self.members)) if other != member)
            return (version, "failed", False, state, data, None, effects["fail"], (), ())
        return (version, "live", False, state, data, None, None, deferred, tuple(sorted(timers.items())))

    def disposition(self, member, party, kind):
        how = self.row(member, party)["events"]
        default = "ignored" if kind in PREDEFINED else "unexpected"
        return how.get(kind, default) if isinstance(how, dict) else default

    def handle(self, member, party, sender, kind, content, sends):
        self.tell("deliver", member, party[STATE], (sender, member, kind, content), before=True)
        effects = self.call(member, party, kind="event", event=json.loads(content),
                            **{"from": self.members[sender]["id"]})
        return self.commit(member, party, effects, sends)

    def recalled(self, member, party):
        """Where the oldest deferred event stands that the state wants now: it is taken before
        anything else, in a transaction of its own."""
        if party[PHASE] == "live":
            for i, (_, kind, _) in enumerate(party[DEFERRED]):
                if self.disposition(member, party, kind) != "deferred":
                    return i
        return None

    def recall(self, member, party, i, sends):
        sender, kind, content = party[DEFERRED][i]
        how = self.disposition(member, party, kind)
        rest = party[DEFERRED][:i] + party[DEFERRED][i + 1:]
        party = party[:DEFERRED] + (rest, party[TIMERS])
        return self.take(member, party, sender, kind, content, how, sends)

    def take(self, member, party, sender, kind, content, how, sends):
        if how == "handled":
            return self.handle(member, party, sender, kind, content, sends)
        self.tell({"deferred": "defer", "ignored": "ignore"}.get(how, how), member, party[STATE],
                  (sender, member, kind, content))
        if how == "deferred":
            return party[:DEFERRED] + (party[DEFERRED] + ((sender, kind, content),), party[TIMERS])
        if how == "unexpected":
            states = self.flows[party[VERSION]]["roles"][self.role(member)]["states"].values()
            named = any(isinstance(row["events"], dict) and
                        row["events"].get(kind, how) != how for row in states)
            where = party[STATE] if named else "every state"
            self.unexpected.append(("unexpected", self.role(member), f"{kind} in {where}"))
        return party

    def deliver(self, member, party, contract, sends):
        sender, _, kind, content = contract
        if party[PHASE] != "live":
            self.tell("late", member, party[STATE], contract)
            return party
        how = self.disposition(member, party, kind)
        return self.take(member, party, sender, kind, content, how, sends)

    # ---- States: parties, flight, budgets. ----

    def fly(self, state_parties, flight, sends):
        flight = list(flight)
        for contract in sends:
            if state_parties[contract[1]][PHASE] == "lost":
                continue
            flight.append(contract)
        # a stable sort by link keeps the order of each; without --fifo it is a multiset
        return tuple(sorted(flight, key=(lambda c: c[:2]) if self.fifo else None))

    def first(self):
        count = len(self.members)
        parties, sends = [None] * count, []
        seen, waiting = self.luas[0].ask(op="watch_start", parties=self.view(parties)).get("seen"), None
        if seen is None:
            raise Violation("monitor", None, "start")
        watch = (canonical(seen), None)
        for member in range(count):
            before, self.steps = tuple(parties), []
            self.tell("start", member, None, before=True)
            parties[member] = self.commit(member, None, self.call(member, None, kind="start"), sends)
            waiting = tuple(self.flow["watched"]["eventually"]) if member + 1 == count else None
            watch = self.watch((watch[0], waiting), before, tuple(parties))
        parties = tuple(parties)
        return (parties, self.fly(parties, (), sends), self.budgets, watch)

    def recalls(self, state):
        """Those that take up a deferred event next: contracts and timers wait, and so does time."""
        for member, party in enumerate(state[0]):
            i = self.recalled(member, party)
            if i is not None and not party[DOWN]:
                yield member, party, i

    def deliverable(self, state):
        parties, flight = state[:2]
        busy = {member for member, _, _ in self.recalls(state)}
        seen = set()
        for i, contract in enumerate(flight):
            label = contract[:2] if self.fifo else contract
            receiver = parties[contract[1]]
            if (label not in seen and not receiver[DOWN] and receiver[PHASE] != "lost" and
                    contract[1] not in busy):
                yield i, contract
            seen.add(label)

    def moves(self, state):
        return any(True for moving in (self.recalls, self.deliverable) for _ in moving(state))

    def ended(self, state):
        parties = state[0]
        return (not self.moves(state) and
                all(not p[DOWN] and (p[PHASE] != "live" or self.row(i, p)["may_end"])
                    for i, p in enumerate(parties)))

    def stuck(self, state):
        return (not self.moves(state) and
                all(not p[DOWN] for p in state[0]) and
                not any(p[PHASE] == "live" and p[TIMERS] for p in state[0]))

    def with_party(self, state, member, party, flight, sends, spent=None):
        parties = state[0][:member] + (party,) + state[0][member + 1:]
        budgets = list(state[2])
        if spent is not None:
            budgets[spent] -= 1
        return (parties, self.fly(parties, flight, sends), tuple(budgets))

    def fire(self, state, member, name, waited, spent):
        passes = waited > 0 or self.any and spent is None
        parties = tuple(
            p[:DOWN] + (p[DOWN] + (1 if p[DOWN] and passes and p[PHASE] == "live" else 0),) +
            p[STATE:TIMERS] + (tuple((n, max(0, left - waited)) for n, left in p[TIMERS]),)
            for p in state[0])
        state = (parties,) + state[1:]
        party = parties[member]
        party = party[:TIMERS] + (tuple(t for t in party[TIMERS] if t[0] != name),)
        sends = []
        if name == "after":
            self.tell("after", member, party[STATE], before=True)
            party = self.commit(member, party, self.call(member, party, kind="after"), sends)
        else:
            timeouts = self.row(member, party)["timeouts"]
            deadline = name[len("deadline "):]
            self.tell("deadline", member, party[STATE], before=True, timer=deadline)
            if isinstance(timeouts, dict) and deadline in timeouts:
                effects = self.call(member, party, kind="deadline", name=deadline)
                party = self.commit(member, party, effects, sends)
        return self.with_party(state, member, party, state[1], sends, spent)

    def timeouts(self, state):
        parties, budgets = state[0], state[2]
        busy = {member for member, _, _ in self.recalls(state)}
        up = [(m, name, left) for m, p in enumerate(parties)
              if p[PHASE] == "live" and not p[DOWN] and m not in busy for name, left in p[TIMERS]]
        if not up:
            return
        least = min(left for _, _, left in up)
        # what a party that is down has sent may not have gone out yet
        now = least == 0 or not busy and not any(not parties[contract[0]][DOWN]
                                    for _, contract in self.deliverable(state))
        if least > 0 or self.any: # who is away for so long returns first
            now = now and not any(p[PHASE] == "live" and p[DOWN] > self.options.away
                                  for p in parties)
        for member, name, left in up:
            fires = ("timeout", self.members[member]["id"], None, None, None, name.removeprefix("deadline "))
            if now and left == least:
                yield (True, lambda m=member, n=name: self.fire(state, m, n, least, None),
                       (("early",) + fires[1:]) if self.any else fires)
            elif budgets[4] > 0:
                yield (False, lambda m=member, n=name: self.fire(state, m, n, 0, 4),
                       ("early",) + fires[1:])

    def label(self, kind, member, contract=(None, None, None, None)):
        """A step by name: its kind, party, sender, type and content of its event, timer."""
        sender, _, event, content = contract
        return (kind, self.members[member]["id"], None if sender is None else self.members[sender]["id"],
                event, content, None)

    def transitions(self, state):
        """Of each whether it is nobody's fault, what makes the next state, and its label."""
        parties, flight, budgets = state[:3]
        for member, party, i in self.recalls(state):

            def recall(member=member, party=party, i=i):
                sends = []
                party = self.recall(member, party, i, sends)
                return self.with_party(state, member, party, flight, sends)

            sender, kind, content = party[DEFERRED][i]
            yield True, recall, self.label("recall", member, (sender, member, kind, content))
        for i, contract in self.deliverable(state):
            rest = flight[:i] + flight[i + 1:]
            member = contract[1]

            def deliver(contract=contract, member=member, rest=rest, spent=None):
                sends = []
                if spent is not None:
                    self.tell("duplicate", member, parties[member][STATE], contract, before=True)
                party = self.deliver(member, parties[member], contract, sends)
                return self.with_party(state, member, party, rest, sends, spent)

            yield True, deliver, self.label("deliver", member, contract)
            if budgets[0] > 0:

                def drop(contract=contract, member=member, rest=rest):
                    self.tell("drop", member, parties[member][STATE], contract)
                    return self.with_party(state, member, parties[member], rest, [], 0)

                yield False, drop, self.label("drop", member, contract)
            if budgets[1] > 0:
                yield (False, lambda d=deliver: d(rest=flight, spent=1),
                       self.label("duplicate", member, contract))
        yield from self.timeouts(state)
        for member, party in enumerate(parties):
            if party[PHASE] != "live":
                continue

            def become(kind, after, rest, spent, member=member, party=party):
                self.tell(kind, member, party[STATE])
                return self.with_party(state, member, after, rest, [], spent)

            down = party[:DOWN] + (0 if party[DOWN] else 1,) + party[DOWN + 1:]
            if party[DOWN]:
                yield (True, lambda b=become, d=down: b("return", d, flight, None),
                       self.label("return", member))
                continue
            if budgets[2] > 0:
                yield (False, lambda b=become, d=down: b("crash", d, flight, 2),
                       self.label("crash", member))
            if budgets[3] > 0:
                gone = (party[VERSION], "lost", False) + party[STATE:DEFERRED] + ((), ())
                rest = tuple(c for c in flight if c[1] != member)
                yield (False, lambda b=become, g=gone, r=rest: b("lost", g, r, 3),
                       self.label("lose", member))
            if party[VERSION] + 1 < len(self.flows):
                yield (False, lambda m=member, p=party: self.with_party(
                    state, m, self.upgrade(m, p), flight, []), self.label("reload", member))

    def migrated(self, member, party):
        """What a party of the first version becomes in the second."""
        key = (member, party[STATE], party[DATA])
        if key not in self.moved:
            self.moved[key] = self.luas[1].ask(
                op="migrate", role=self.role(member), state=party[STATE],
                data=json.loads(party[DATA]), version=self.flow["version"], args=self.args)
        return self.moved[key]

    def upgrade(self, member, party):
        moved = self.migrated(member, party)
        if "error" in moved:
            raise Violation("refused", self.role(member), party[STATE])
        timers = dict(party[TIMERS])
        if moved["state"] != party[STATE] or "after" not in moved or not self.row(member, party)["after"]:
            timers.pop("after", None)
            if "after" in moved: # it starts anew
                timers["after"] = 0 if self.any else round(moved["after"] * S)
        return (party[:VERSION] + (party[VERSION] + 1,) + party[PHASE:STATE] +
                (moved["state"], canonical(moved["data"])) + party[RESULT:TIMERS] +
                (tuple(sorted(timers.items())),))

    def view(self, parties, version=0):
        """The world as a version of the flow sees it; None is a party that has not started. None: somebody
        cannot be shown."""
        world = []
        for m, p in enumerate(parties):
            state, data = p and p[STATE], p and json.loads(p[DATA])
            if p and p[VERSION] != version:
                moved = self.migrated(m, p)
                if "error" in moved:
                    return None
                state, data = moved["state"], moved["data"]
            world.append({"id": self.members[m]["id"], "role": self.role(m), "state": state, "data": data,
                          "ended": None if p is None or p[PHASE] == "live" else p[PHASE],
                          "result": json.loads(p[RESULT]) if p and p[RESULT] else None,
                          "reason": p and p[REASON]})
        return world

    def watch(self, watch, before, after):
        """What is watched behind the steps that were told: what monitors have seen, and which
        properties wait, None where predicates are not asked yet."""
        seen, waiting = watch
        if self.flow["watched"]["monitors"]:
            request = {"seen": json.loads(seen), "before": self.view(before),
                       "after": self.view(after), "steps": self.steps}
            key = canonical(request)
            if key not in self.watches:
                self.watches[key] = self.luas[0].ask(op="watch", **request)
            if "seen" not in self.watches[key]:
                raise Violation("monitor", None, self.watches[key].get("broken"))
            seen = canonical(self.watches[key]["seen"])
        properties = self.flow["watched"]["eventually"] or self.flow["watched"]["leads_to"]
        if waiting is None or not properties:
            return (seen, waiting)
        view = self.view(after)
        key = "predicates" + canonical(view)
        if key not in self.watches:
            self.watches[key] = self.luas[0].ask(op="predicates", parties=view)
        held, waits = self.watches[key], set(waiting)
        for name, holds in dict(held["eventually"]).items():
            if holds:
                waits.discard(name)
        for name, (one, two) in dict(held["leads_to"]).items():
            if two:
                waits.discard(name)
            elif one:
                waits.add(name)
        return (seen, tuple(sorted(waits)))


    def check_invariants(self, state):
        version = max(party[VERSION] for party in state[0])
        if not self.flows[version]["invariants"]:
            return
        view = self.view(state[0], version)
        if view is None:
            return
        key = (version, canonical(view))
        if key not in self.views:
            self.views[key] = self.luas[version].ask(op="judge", parties=view)
        verdict = self.views[key]
        if verdict:
            raise Violation("invariant", None, verdict.get("broken") or verdict["error"])

    # ---- The search. ----

    def behind(self, state, step):
        """The state behind a transition, None where nothing is explored, and what is wrong by it."""
        self.unexpected, self.steps = [], []
        wrong, target, broken = [], None, None
        try:
            plain = step()
            target = plain + (state[3],)
            target = plain + (self.watch(state[3], state[0], plain[0]),)
        except Violation as violation:
            wrong.append(violation.key)
            broken = target # by a monitor: invariants are asked all the same
            target = None
        try:
            if target or broken:
                self.check_invariants(target or broken)
        except Violation as violation:
            wrong.append(violation.key)
            target = None
        return target, wrong + self.unexpected

    def run(self):
        self.unexpected, self.found = [], {}
        self.steps = []
        states, order, ways, count = {}, [], {}, 0
        cut = set() # states behind which, by nobody's fault, a violation ends the run
        try:
            first = self.first()
            self.check_invariants(first)
            states[first] = 0
            order.append(first)
        except Violation as violation:
            self.found[violation.key] = 0
        ends = 0
        for state in order:
            depth, follow = states[state], []
            if self.options.first and any(n <= depth for n in self.found.values()):
                return self.answer(states, count, ends, False)
            ways[state] = follow
            if self.ended(state):
                ends += 1
                continue
            for blameless, step, _ in self.transitions(state):
                count += 1
                target, wrong = self.behind(state, step)
                for key in wrong:
                    self.found.setdefault(key, depth + 1)
                if target is None:
                    if blameless:
                        cut.add(state)
                    continue
                if target not in states:
                    states[target] = depth + 1
                    order.append(target)
                    if len(order) > self.options.states:
                        raise TooLarge
                if blameless:
                    follow.append(target)
            if self.stuck(state):
                where = sorted({(self.role(m), p[STATE]) for m, p in enumerate(state[0])
                                if p[PHASE] == "live" and not self.row(m, p)["may_end"]})
                self.found.setdefault(("stuck", None, canonical(where)), depth)
        self.doomed(states, ways, cut)
        self.unmet(ways, cut)
        return self.answer(states, count, ends, True)

    def answer(self, states, count, ends, exhaustive):
        return {"states": len(states), "transitions": count,
                "depth": max(states.values(), default=0), "exhaustive": exhaustive, "ended": ends,
                "violations": [{"kind": k, "role": r, "text": t, "length": n}
                               for (k, r, t), n in self.found.items()]}

    def unmet(self, ways, cut):
        """Properties that wait in all of a component without a way out: there a fair run stays."""
        for part in components(ways):
            members = set(part)
            if members & cut or any(t not in members for s in part for t in ways[s]):
                continue
            for kind in ("eventually", "leads_to"):
                for name in self.flow["watched"][kind]:
                    if all(name in state[3][1] for state in part):
                        self.found.setdefault((kind, None, name), 0)

    def doomed(self, states, ways, cut):
        def reach(goal):
            before = {}
            for state, follow in ways.items():
                for target in follow:
                    before.setdefault(target, []).append(state)
            reached, todo = set(goal), list(goal)
            while todo:
                for state in before.get(todo.pop(), ()):
                    if state not in reached:
                        reached.add(state)
                        todo.append(state)
            return reached

        good = reach([s for s in states if self.ended(s)])
        bad = reach([s for s in states if not self.ended(s) and (s in cut or self.stuck(s))])
        rest = [depth for state, depth in states.items() if state not in good and state not in bad]
        if rest:
            self.found[("doomed", None, "")] = min(rest)


def explorer_of(words):
    """Of a flow and options, as words."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("flow")
    parser.add_argument("--first", action="store_true", help="stop behind the first violation")
    parser.add_argument("--parties", default="")
    parser.add_argument("--arg", action="append", default=[])
    for name in ("drop", "duplicate", "crash", "lose"):
        parser.add_argument("--" + name, type=int, default=0)
    parser.add_argument("--away", type=int, default=2)
    parser.add_argument("--timeouts", default="quiet")
    parser.add_argument("--upgrade", default="")
    parser.add_argument("--fifo", action="store_true")
    parser.add_argument("--allow-fail", action="store_true")
    parser.add_argument("--states", type=int, default=300000)
    return Explorer(parser.parse_args(words))


def explore(words):
    """The answer to a flow and options, as words."""
    explorer = explorer_of(words)
    try:
        return explorer.run()
    finally:
        for lua in explorer.luas:
            lua.end()


if __name__ == "__main__":
    sys.setrecursionlimit(10000)
    print(json.dumps(explore(sys.argv[1:])))
