"""Runs that are repeated until enough has happened to them: how much fits into one is the machine's affair."""
import json
import os
import sys


def until_enough(folder, play, counts, is_enough, most=20, same=True):
    """Calls play(folder of the run, counts so far) → (results, counts of the run), each run in a folder of
    its own, until is_enough(counts), at most so many. All must have the same results, unless they are drawn
    (same=False). Returns the last ones and the counts."""
    first = None
    for run in range(1, most + 1):
        place = os.path.join(folder, str(run))
        os.mkdir(place)
        results, more = play(place, counts)
        counts = [a + b for a, b in zip(counts, more)]
        if same and first is not None and results != first:
            sys.exit("run %d: another result: %s" % (run, json.dumps(results, sort_keys=True)))
        first = results
        if is_enough(counts):
            return results, counts
    return sys.exit("only %s in %d runs" % (counts, most))
