"""Compares answers of `afrun check --json` with each other, and with explore.py's.

check_compare.py verdict REDUCED PLAIN    the same violations at the same places, by runs of the same
                                          length, the same ends, and the same that is never reached
check_compare.py first FOUND EXPLORED KIND    the shortest run, of that kind, is as long as explore.py's
Prints what differs, and ends with status 1 then.
"""
import json
import re
import sys


WORDED = ("unexpected", "refused", "stuck", "doomed") # whose text names no party of a role


NAMED = ("invariant", "monitor", "eventually", "leads_to") # whose text has a name of the flow
LASSOS = ("eventually", "leads_to") # whose length is that of a run with its loop


def violations(answer):
    return sorted((v["kind"], v["length"] if v["kind"] not in LASSOS else 0) for v in answer["violations"])


def place_of(text):
    found = re.match(r"([^ :]+\.lua:\d+):", text)
    return found and found.group(1)


def finding_of(finding, role):
    """A violation or a finding of a simulation as kind and place, which explore.py names alike."""
    kind, text = finding["kind"], finding["text"]
    if kind == "error":
        place = f"{finding['file']}:{finding['line']}" if finding.get("file") else place_of(text)
        return kind, role, place
    if kind == "unexpected":
        event, state = re.search(r"event '(\w+)'.* not expected in (?:any state|state '(\w+)')", text).groups()
        return kind, role, event, state
    if kind in NAMED:
        return kind, re.search(r"'([^']*)'", text).group(1)
    if kind == "refused":
        return kind, role, re.search(r"in state '(\w+)'", text).group(1)
    if kind == "stuck":
        return stuck_of(re.findall(r"([\w-]+) is in state '(\w+)'", text))
    return (kind,) if kind == "doomed" else (kind, role, text.rsplit("failed: ", 1)[-1])


def stuck_of(places):
    return "stuck", tuple(sorted(set(places)))


def explored(violation):
    """The same of explore.py's."""
    kind, role, text = violation["kind"], violation["role"], violation["text"]
    if kind == "error":
        return kind, role, place_of(text)
    if kind == "unexpected":
        event, state = text.split(" in ", 1)
        return kind, role, event, None if state == "every state" else state
    if kind == "stuck":
        return stuck_of(tuple(place) for place in json.loads(text))
    if kind in NAMED:
        return kind, text
    return (kind,) if kind == "doomed" else (kind, role, text)


def placed(answer):
    """Kinds, places and the least lengths of what was found, of either."""
    least = {}
    for one in answer["violations"]:
        key = finding_of(one, one["role"]) if "where" in one else explored(one)
        length = 0 if one["kind"] in LASSOS else one["length"]
        least[key] = min(length, least.get(key, length))
    return sorted(least.items(), key=repr)


def covers(known, finding):
    """Whether one of those is that finding; what no state expects is told of none."""
    return any(one == finding or (one[0] == "unexpected" and one[3] is None and one[:3] == finding[:3])
               for one, _ in known)


def verdict(answer):
    # "no way left" is told of a whole set of states, of which a run into a deeper one may be shorter
    found = sorted((v["kind"], v["where"] or "", v["text"] if v["kind"] in WORDED else "",
                    v["length"] if v["kind"] not in ("doomed",) + LASSOS else 0) for v in answer["violations"])
    return (found, answer["armed"], sorted(end["text"] for end in answer["ends"]),
            sorted((place["line"], place["what"]) for place in answer["unreached"]))


def first(found, explored, kind):
    shortest = min(found, key=lambda one: one[1], default=None)
    if shortest and shortest[0] == kind and shortest[1] == min(n for _, n in explored):
        print(f"{kind} after {shortest[1]} steps")
        return True
    print(found, "is not", explored)
    return False


def main():
    what, one, two = sys.argv[1:4]
    with open(one, encoding="utf-8") as a, open(two, encoding="utf-8") as b:
        one, two = json.load(a), json.load(b)
    if what == "first":
        sys.exit(not first(violations(one), violations(two), sys.argv[4]))
    left, right = verdict(one), verdict(two)
    same = left == right and one["exhaustive"] and two["exhaustive"]
    if not same:
        print(left, "is not", right)
    sys.exit(not same)


if __name__ == "__main__":
    main()
