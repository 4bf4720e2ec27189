"""Compares answers of `afrun check --json` with each other, and with explore.py's.

check_compare.py counts PLAIN EXPLORED    the same states, transitions, depth, violations
check_compare.py verdict REDUCED PLAIN    the same violations at the same places, by runs of the same
                                          length, the same ends, and the same that is never reached
check_compare.py first FOUND EXPLORED KIND    the shortest run, of that kind, is as long as explore.py's
Prints what differs, and ends with status 1 then.
"""
import json
import sys


WORDED = ("unexpected", "refused", "stuck", "doomed") # whose text names no party of a role


LASSOS = ("eventually", "leads_to") # whose length is that of a run with its loop


def violations(answer):
    return sorted((v["kind"], v["length"] if v["kind"] not in LASSOS else 0) for v in answer["violations"])


def verdict(answer):
    # "no way left" is told of a whole set of states, of which a run into a deeper one may be shorter
    found = sorted((v["kind"], v["where"] or "", v["text"] if v["kind"] in WORDED else "",
                    v["length"] if v["kind"] not in ("doomed",) + LASSOS else 0) for v in answer["violations"])
    return (found, sorted(end["text"] for end in answer["ends"]),
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
    if what == "counts":
        names = ("states", "transitions", "depth", "exhaustive")
        left = [one[name] for name in names] + [violations(one)]
        right = [two[name] for name in names] + [violations(two)]
        same = left == right
    else:
        left, right = verdict(one), verdict(two)
        same = left == right and one["exhaustive"] and two["exhaustive"]
    if not same:
        print(left, "is not", right)
    sys.exit(not same)


if __name__ == "__main__":
    main()
