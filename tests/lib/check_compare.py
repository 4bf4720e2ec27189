"""Compares answers of `afrun check --json` with each other, and with explore.py's.

check_compare.py counts PLAIN EXPLORED    the same states, transitions, depth, violations
check_compare.py verdict REDUCED PLAIN    the same kinds of violations, none with a shorter run
check_compare.py first FOUND EXPLORED KIND    the shortest run, of that kind, is as long as explore.py's
Prints what differs, and ends with status 1 then.
"""
import json
import sys


def violations(answer):
    return sorted((v["kind"], v["length"]) for v in answer["violations"])


def kinds(answer):
    return sorted(v["kind"] for v in answer["violations"])


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
        # what changes nothing is not on its way when all are stuck: it is delivered at the end
        left, right = violations(one), violations(two)
        same = kinds(one) == kinds(two) and one["exhaustive"] and all(
            a == b or (a[0] in ("stuck", "doomed") and abs(a[1] - b[1]) <= 3)
            for a, b in zip(left, right))
    if not same:
        print(left, "is not", right)
    sys.exit(not same)


if __name__ == "__main__":
    main()
