"""Compares what `afrun check --explore` offers with what a brute force (explore.py) looks at without reductions.

explore_walk.py AFRUN FIRST COUNT STEPS    settings FIRST … FIRST + COUNT - 1 of check_random.py: flows made by chance, and options;
                                           of each a random walk of at most so many steps

At each state on the way the steps that are offered are those of the brute force: kind, party, event with its content, timer;
and so is by which of them something goes wrong, and behind which nothing is explored.
"""
import concurrent.futures
import json
import os
import random
import subprocess
import sys
import tempfile

import check_random
import explore
import random_flow


def offered(answer):
    """Of each step that is offered, by its label: whether something goes wrong by it, whether it is the last, its words."""
    return {(step["kind"], step["party"], step["from"], step["event"],
             None if step["content"] is None else explore.canonical(step["content"]), step["timer"]):
            (step["wrong"] is not None, step["last"], step["words"]) for step in answer["steps"]}


def looked_at(explorer, state):
    """The same of the brute force, with the state behind it in place of the words."""
    found = {}
    if state is None or explorer.ended(state):
        return found
    for _, step, label in explorer.transitions(state):
        target, wrong = explorer.behind(state, step)
        if any(kind == "refused" for kind, _, _ in wrong):
            target = state # the party stays as it was
        found[label] = (bool(wrong), target is None, target)
    return found


def first_of(explorer):
    """The first state, None where something is wrong with it behind which nothing is explored."""
    try:
        state = explorer.first()
        explorer.check_invariants(state)
        return state
    except explore.Violation:
        return None


def walk(afrun, flow, options, rng, steps):
    """How many states were compared, and what differs, in words: None if nothing does."""
    explorer = explore.explorer_of([flow, *options])
    explorer.unexpected = []
    path, states = [], 0
    try:
        state = first_of(explorer)
        while True:
            done = subprocess.run([afrun, "check", flow, *options, "--explore", json.dumps(path), "--json"],
                                  capture_output=True, text=True, timeout=120, check=False)
            answer = json.loads(done.stdout)
            if "error" in answer:
                return states, f"{json.dumps(path)}: {answer['error']}"
            ours, theirs = offered(answer), looked_at(explorer, state)
            states += 1
            differ = [f"{label}: {ours.get(label, (None, None))[:2]}, brute force {theirs.get(label, (None, None))[:2]}"
                      for label in ours.keys() | theirs.keys() if ours.get(label, ())[:2] != theirs.get(label, ())[:2]]
            if differ:
                return states, f"behind {json.dumps(path)}: {'; '.join(sorted(differ))}"
            on = sorted((label for label, one in theirs.items() if not one[1]), key=str)
            if not on or states > steps:
                return states, None
            label = rng.choice(on)
            path += ours[label][2]
            state = theirs[label][2]
    finally:
        for lua in explorer.luas:
            lua.end()


def one(afrun, number, steps):
    options, _, _, upgrade = check_random.setting(number)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        os.chdir(folder)
        try:
            names = {"random_flow.lua": random_flow.flow(number // 3, 1, not upgrade), "random_help.lua": random_flow.HELPER}
            if upgrade:
                names["random_flow_2.lua"] = random_flow.flow(number // 3, 2, False)
            for name, text in names.items():
                with open(name, "w", encoding="utf-8") as out:
                    out.write(text)
            states, differs = walk(afrun, "random_flow.lua", options, random.Random(number), steps)
        finally:
            os.chdir("..")
    return states, differs and f"setting {number} (random_flow.py {number // 3}, {' '.join(options)}): {differs}"


def main():
    afrun, first, count, steps = sys.argv[1], *map(int, sys.argv[2:5])
    states = wrong = 0
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        for compared, differs in pool.map(one, [afrun] * count, range(first, first + count), [steps] * count):
            states += compared
            wrong += differs is not None
            if differs:
                print(differs, flush=True)
    print(f"{count} flows, {states} states compared")
    sys.exit(wrong > 0 or states < 2 * count)


if __name__ == "__main__":
    main()
