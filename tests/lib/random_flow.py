"""Makes a flow by chance, for comparing answers about it: small, with all that a state may have.

random_flow.py SEED [VERSION]    prints a flow; version 2 is another one to which version 1 may be upgraded
random_flow.py helper            prints the module that they use, random_help.lua

What handlers do is bounded: numbers wrap around, lists are short, and a party has so many sends.
"""
import random
import sys

HELPER = """local help = {}
function help.turn(d) d.n = (d.n + 1) % 3 end
function help.give(p, to, event)
  local d = p.data
  if d.b > 0 then
    d.b = d.b - 1
    p:send(to, event)
  end
end
function help.refuse(d, n)
  if d.n == n then error("refused by the helper") end
end
return help
"""
STATES, EVENTS, TIMERS = ("s0", "s1", "s2"), ("e0", "e1", "e2"), ("d0", "d1")


class Maker:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def pick(self, *choices):
        return self.rng.choice(choices)

    def chance(self, probability):
        return self.rng.random() < probability

    def event(self):
        return f"{self.pick(*EVENTS).upper()} {{ k = {self.pick('0', '1', 'd.n % 2')} }}"

    def targets(self):
        return self.pick('p:nodes("x")', 'p:nodes("y")', 'from or p:nodes("y")')

    def send(self):
        how = f"p:broadcast({self.event()})" if self.chance(0.2) else \
            f"p:send({self.targets()}, {self.event()})"
        return f"if d.b > 0 then d.b = d.b - 1 {how} end"

    def statement(self):
        return self.rng.choices([
            self.send(),
            "d.n = (d.n + 1) % 3",
            "if from then d.set[from] = true end",
            "d.last = from",
            "d.set = {}",
            "if from then table.insert(d.log, from) if #d.log > 2 then table.remove(d.log, 1) end end",
            f'p:deadline("{self.pick(*TIMERS)}", {self.pick("1", "2", "3", "nil")})',
            "help.turn(d)",
            f"help.give(p, {self.targets()}, {self.event()})",
            f"help.refuse(d, {self.pick(1, 2)})",
            'if d.n == 2 then error("refused") end',
        ], weights=(6, 2, 1, 1, 1, 1, 1, 1, 1, 0.1, 0.1))[0]

    def outcome(self):
        return self.rng.choices([
            f'return "{self.pick(*STATES)}"', "return nil", "return af.done {}", 'return af.fail "f"',
        ], weights=(5, 5, 3, 0.3))[0]

    def condition(self):
        return self.pick("d.n == 0", "d.n == 2", "d.last == nil", "d.last == from", "size(d.set) >= 2",
                         "e and e.k == 1", "#d.log == 1")

    def handler(self, event=True):
        body = " ".join(self.statement() for _ in range(self.rng.randint(0, 2)))
        if self.chance(0.3):
            body += f" if {self.condition()} then {self.statement()} {self.outcome()} end"
        given = "p, e, from" if event else "p"
        known = "local d = p.data" if event else "local d, e, from = p.data, nil, nil"
        return f"function({given}) {known} {body} {self.outcome()} end"

    def state(self, name):
        rows, how = [], {"defer": [], "ignore": []}
        if self.chance(0.5):
            body = " ".join(self.statement() for _ in range(self.rng.randint(0, 2)))
            rows.append(f"enter = function(p) local d, e, from = p.data, nil, nil {body} end")
        for event in EVENTS:
            kind = self.rng.choices(("handle", "state", "defer", "ignore", "none"),
                                    weights=(5, 0.6, 2, 2, 0.4))[0]
            if kind == "handle":
                rows.append(f"[{event.upper()}] = {self.handler()}")
            elif kind == "state":
                rows.append(f'[{event.upper()}] = "{self.pick(*STATES)}"')
            elif kind != "none":
                how[kind].append(event.upper())
        rows.extend(f"{kind} = {{ {', '.join(events)} }}" for kind, events in how.items() if events)
        if self.chance(0.4):
            rows.append(f"after = {{ {self.pick(1, 2, 3)}, {self.handler(False)} }}")
        if self.chance(0.6):
            rows.append("may_end = true")
        rows.append("timeout = { " + ", ".join(
            f"{timer} = {self.handler(False) if self.chance(0.5) else 'function() end'}"
            for timer in TIMERS) + " }")
        return f"    {name} = {{ " + ",\n      ".join(rows) + " }"

    def role(self, name, sends):
        states = ",\n".join(self.state(state) for state in STATES)
        return (f"  {name} = {{ start = \"s0\", data = function() "
                f"return {{ n = 0, set = {{}}, log = {{}}, b = {sends} }} end, states = {{\n{states} }} }}")

    def migration(self):
        """Of one version to the next, or nothing: then all stays as it is."""
        lines = []
        if self.chance(0.5):
            lines.append("data.n = (data.n + 1) % 3")
        if self.chance(0.5):
            lines.append(f'if state == "{self.pick(*STATES)}" then state = "{self.pick(*STATES)}" end')
        if self.chance(0.2):
            lines.append(f'if data.n == {self.pick(0, 1, 2)} then error("no way") end')
        if not lines:
            return ""
        return (",\n  migrate = function(old)\n    local data, state = old.data, old.state\n    "
                + "\n    ".join(lines) + "\n    return { state = state, data = data }\n  end")

    def invariant(self):
        return (f'    inv = function(w) local x, n = w:with_role("x")[1], 0\n'
                f'      for _, y in ipairs(w:with_role("y")) do if y.state == "{self.pick(*STATES)}" and '
                f'y.data.n == {self.pick(0, 1, 2)} then n = n + 1 end end\n'
                f'      return not (x.state == "{self.pick(*STATES)}" and n >= {self.pick(1, 2)}) end')

    def world(self):
        x, y = 'w:with_role("x")[1]', 'w:with_role("y")'
        return self.pick(f'{x}.state == "{self.pick(*STATES)}"', f'{x}.ended == "done"', f'{x}.ended ~= nil',
                         f'({x}.data or {{}}).n == {self.pick(0, 1, 2)}', f'{y}[1].ended ~= {y}[2].ended',
                         f'{y}[2].state == "{self.pick(*STATES)}"')

    def monitor(self):
        """Counts steps of some kinds, and breaks where it has counted enough and another comes."""
        kinds = ("start", "deliver", "state", "send", "done", "failed", "unexpected", "late", "ignore", "defer",
                 "after", "deadline", "crash", "return", "lost", "drop", "duplicate") + 4 * ("deliver", "state", "send")

        def rule(then):
            when = self.pick("true", "true", f'step.event and step.event.type == "{self.pick(*EVENTS)}"',
                             f'step.state == "{self.pick(*STATES)}"', f'step.party == "y-{self.pick(1, 2)}"',
                             f'step.timer == "{self.pick(*TIMERS)}"', self.world(), "step.to == step.party",
                             "step.from == seen.who", 'step.role == "x"')
            return f'      if step.kind == "{self.pick(*kinds)}" and ({when}) then {then} end\n'

        start = self.pick("{ n = 0 }", "{ n = 1, who = 'y-1' }",
                          'function(w) return { n = w.parties["x-1"].state and 1 or 0 } end')
        rules = [rule("seen.n = (seen.n + 1) % 3 return seen"), rule("return { n = 2, who = step.party }"),
                 rule("return { n = 1 }")]
        broken = "".join(rule(f"if seen.n == {n} then return false end") for n in self.pick((), (2,), (1, 2)))
        return (f"    m = {{ start = {start}, step = function(seen, step) local w = step.world\n{broken}"
                f"{''.join(rules)}    end }}")


def flow(seed, version, watched=True):
    maker = Maker(seed * 2 + version if version > 1 else seed * 2)
    events = "\n".join(f'local {event.upper()} = af.event("{event}", {{ k = af.integer }})'
                       for event in EVENTS)
    roles = ",\n".join(maker.role(name, maker.pick(1, 1, 2)) for name in ("x", "y"))
    invariants = f",\n  invariants = {{\n{maker.invariant()} }}" if maker.chance(0.4) else ""
    migration = maker.migration() if version > 1 else ""
    if maker.chance(0.5) and watched:
        invariants += f",\n  monitors = {{\n{maker.monitor()} }}"
    if maker.chance(0.35) and watched:
        invariants += f",\n  eventually = {{ ev = function(w) return {maker.world()} end }}"
    if maker.chance(0.35) and watched:
        invariants += (f",\n  leads_to = {{ lt = {{ function(w) return {maker.world()} end, "
                       f"function(w) return {maker.world()} end }} }}")
    return f"""local af = require "af"
local help = require "random_help"
local function size(t) local n = 0 for _ in pairs(t) do n = n + 1 end return n end
{events}
return af.flow {{ name = "random", version = {version}, mock = {{ x = 1, y = 2 }}, roles = {{
{roles} }}{invariants}{migration} }}
"""


if __name__ == "__main__":
    print(HELPER if sys.argv[1] == "helper" else flow(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1), end="")
