"""Compares answers of `afrun check` about flows made by chance (random_flow.py).

check_random.py AFRUN FIRST COUNT    settings FIRST … FIRST + COUNT - 1; prints what differs, status 1 then

A setting is a flow and options. Without reductions states, transitions, depth and violations are those
of the brute force (explore.py), which knows no upgrades; with reductions the verdict is the same.
"""
import json
import os
import subprocess
import sys

import check_compare
import random_flow

HERE = os.path.dirname(os.path.abspath(__file__))
OPTIONS = ("", "--fifo", "--crash 1", "--lose 1", "--timeouts 1", "--drop 1", "--fifo --crash 1",
           "--duplicate 1", "--crash 1 --timeouts 1", "--crash 1 --away 0", "--crash 1 --timeouts any", "--lose 1 --timeouts 1", "--upgrade")
STATES_MAX = 30000 # of one that is compared
SAME = ("states", "transitions", "depth")


def ask(*command):
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    try:
        return json.loads(answer.stdout)
    except ValueError:
        return {"failed": f"status {answer.returncode}: {answer.stderr[-500:]}{answer.stdout[-500:]}"}


def compare(afrun, number):
    """What differs in a setting, in words; None: nothing, or it is too large to compare."""
    seed, which = divmod(number, len(OPTIONS))
    options, flow = OPTIONS[which].split(), "random_flow.lua"
    with open(flow, "w", encoding="utf-8") as out:
        out.write(random_flow.flow(seed, 1))
    if options == ["--upgrade"]:
        options.append("random_flow_2.lua")
        with open(options[1], "w", encoding="utf-8") as out:
            out.write(random_flow.flow(seed, 2))
    check = [afrun, "check", flow, *options, "--json", "--states", str(STATES_MAX)]
    plain = ask(*check, "--no-reduction")
    if "failed" in plain:
        return f"plain: {plain['failed']}"
    if not plain["exhaustive"]:
        return None
    reduced = ask(*check)
    if "failed" in reduced:
        return f"reduced: {reduced['failed']}"
    if check_compare.verdict(plain) != check_compare.verdict(reduced):
        return f"with reductions {check_compare.verdict(reduced)}, plain {check_compare.verdict(plain)}"
    if "--upgrade" in options:
        return None
    brute = ask(sys.executable, os.path.join(HERE, "explore.py"), flow, *options)
    if "failed" in brute:
        return f"brute force: {brute['failed']}"
    left, right = [[one[name] for name in SAME] + [check_compare.violations(one)]
                   for one in (plain, brute)]
    return f"plain {left}, brute force {right}" if left != right else None


def main():
    afrun, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    wrong = 0
    for number in range(first, first + count):
        differs = compare(afrun, number)
        if differs:
            wrong += 1
            print(f"setting {number} (random_flow.py {number // len(OPTIONS)}, "
                  f"{OPTIONS[number % len(OPTIONS)]}): {differs}")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
