"""Compares answers of `afrun check` with those of a brute force (explore.py), and with what the simulator finds.

check_random.py AFRUN FIRST COUNT SEEDS STATES    settings FIRST … FIRST + COUNT - 1, each a flow made by chance
                                                  (random_flow.py) and options, where it has no more states;
                                                  of every fourth SEEDS runs of --mock
check_random.py AFRUN --list FILE                 settings as they stand there: a flow and options, a line each

Prints what differs, and ends with status 1 then. Without reductions states, transitions, depth and violations are those
of the brute force: their kinds, their places, the lengths of the shortest runs. With reductions the verdict is the same. Each
counterexample is run again by the simulator; what its random runs come to within the bounds has been found.
"""
import concurrent.futures
import json
import os
import random
import subprocess
import sys
import tempfile

import check_compare
import explore
import random_flow

# Options of check, of a simulation that stays within them (mostly), and what that counts of them.
FAULTS = (("--drop 1", "--drop 0.1", "dropped"),
          ("--duplicate 1", "--duplicate 0.1", "duplicated"),
          ("--crash 1", "--crash x:0.1 --crash y:0.1 --down 1s..3s", "crashes"),
          ("--crash 1 --away 0", None, None),
          ("--crash 2 --away 1", None, None),
          ("--crash 1 --lose 1", None, None),
          ("--crash 1 --timeouts 1", None, None),
          ("--crash 1 --timeouts any", "--crash x:0.1 --crash y:0.1 --down 1s..3s --latency 1ms..5s", "crashes"),
          ("--lose 1", "--lose y:1", "lost"),
          ("--lose 1 --timeouts 1", None, None),
          ("--drop 1 --duplicate 1", None, None),
          ("--timeouts 1", None, None),
          ("--timeouts any", "--latency 1ms..5s", None),
          ("", "", None))
SAME = ("states", "transitions", "depth")
ENDING = ("error", "failed", "invariant", "monitor", "refused") # behind which a check looks no further


def ask(*command):
    """The answer, and what went to standard error."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    try:
        return json.loads(done.stdout), done.stderr
    except ValueError:
        return {"unanswered": f"status {done.returncode}: {done.stderr[-500:]}{done.stdout[-500:]}"}, ""


def compare(afrun, flow, options, states_max, jobs=1):
    """The plain answer, and what differs, in words: None if nothing does. No answer: it is too large.
    Of the search with reductions and the plain one, each has the number of threads that the other has not: 1 or 2."""
    check = [afrun, "check", flow, *options, "--json", "--states", str(states_max)]
    with tempfile.TemporaryDirectory() as folder:
        trace = os.path.join(folder, "run.jsonl")
        plain, warnings = ask(*check, "--jobs", str(3 - jobs), "--no-reduction", "--trace", trace)
        if "unanswered" in plain:
            return None, f"plain: {plain['unanswered']}"
        if not plain["exhaustive"]:
            return None, None
        if plain["violations"]:
            named = [flow] if "/" in flow else [] # else it is found here, as a second version is
            replay = subprocess.run([afrun, "replay", trace, *named], capture_output=True, text=True, check=False)
            if replay.returncode != 0:
                return plain, f"the counterexample does not replay: {(replay.stdout + replay.stderr).strip()}"
    reduced, more = ask(*check, "--jobs", str(jobs))
    if "unanswered" in reduced:
        return plain, f"reduced: {reduced['unanswered']}"
    if "mistake of ours" in warnings + more:
        return plain, f"a counterexample is none to the simulator: {warnings}{more}"
    if check_compare.verdict(plain) != check_compare.verdict(reduced):
        return plain, f"with reductions {check_compare.verdict(reduced)}, plain {check_compare.verdict(plain)}"
    brute = explore.explore([flow, *options])
    left, right = [[one[name] for name in SAME] + [check_compare.placed(one)] for one in (plain, brute)]
    return plain, f"plain {left}, brute force {right}" if left != right else None


# ---- What the simulator finds. ----

def found_in(run):
    """What a run has found that a check must have found, too: its findings up to one that ends the run."""
    for finding in run["findings"]:
        if finding["kind"] in check_compare.LASSOS and run["outcome"] != "until":
            yield check_compare.finding_of(finding, None)
        if finding["kind"] == "stuck" and run["outcome"] == "stuck":
            yield check_compare.stuck_of((one["party"].rsplit("-", 1)[0], one["waits_for"]["state"])
                                         for one in run["findings"] if one["kind"] == "stuck")
            return
        if finding["kind"] in ENDING + ("unexpected",):
            role = finding["party"].rsplit("-", 1)[0] if finding["party"] else None
            yield check_compare.finding_of(finding, role)
        if finding["kind"] in ENDING:
            return


def sampled(afrun, flow, options, simulated, counted, seeds, known):
    """What the simulator finds in so many runs, and the check has not: of each way in which runs failed, the one
    with the fewest faults."""
    run = [afrun, flow, "--mock", *simulated, "--until", "40s", "--json"]
    many, _ = ask(*run, "--runs", str(seeds))
    if "unanswered" in many or many["kind"] == "error":
        return f"--mock: {many}"
    for way in many["ways"]:
        seed = way["least_faults_seed"]
        one, _ = ask(*run, "--seed", str(seed))
        if "unanswered" in one:
            return f"--mock: {one['unanswered']}"
        if counted is None or one[counted] <= 1:
            for finding in found_in(one):
                if not check_compare.covers(known, finding):
                    return f"seed {seed} of {' '.join(simulated)} finds {finding}, check {options}: {known}"
    return None


# ---- Settings. ----

def setting(number):
    """Options of a check, and of a simulation within them; what that counts of them; whether there is an upgrade."""
    rng = random.Random(number)
    options, simulated, counted = rng.choice(FAULTS)
    options = options.split()
    simulated = None if simulated is None else simulated.split()
    if rng.random() < 0.3:
        options.append("--fifo")
        simulated = simulated and simulated + ["--fifo"]
    upgrade = rng.random() < 0.3
    if upgrade:
        options += ["--upgrade", "random_flow_2.lua"]
        simulated = None if simulated is None else simulated + options[-2:]
    return options, simulated, counted, upgrade


def one_setting(afrun, number, seeds, states_max):
    options, simulated, counted, upgrade = setting(number)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        os.chdir(folder)
        try:
            names = {"random_flow.lua": random_flow.flow(number // 3, 1, not upgrade), "random_help.lua": random_flow.HELPER}
            if upgrade:
                names["random_flow_2.lua"] = random_flow.flow(number // 3, 2, False)
            for name, text in names.items():
                with open(name, "w", encoding="utf-8") as out:
                    out.write(text)
            plain, differs = compare(afrun, "random_flow.lua", options, states_max, 1 + number % 2)
            if plain and not differs and simulated is not None and number % 4 == 0 and seeds > 0:
                away = ["--away", "20"] if "--crash" in options else []
                longer, _ = ask(afrun, "check", "random_flow.lua", *options, *away, "--json", "--jobs", "1",
                                "--states", str(10 * states_max))
                if longer.get("exhaustive"):
                    differs = sampled(afrun, "random_flow.lua", options, simulated, counted, seeds,
                                      check_compare.placed(longer))
        finally:
            os.chdir("..")
    return plain, differs, f"setting {number} (random_flow.py {number // 3}, {' '.join(options)})"


def listed(afrun, line, _, states_max):
    plain, differs = compare(afrun, line[0], line[1:], states_max)
    return plain, differs or (None if plain else "it is too large"), " ".join(line)


def main():
    afrun = sys.argv[1]
    if sys.argv[2] == "--list":
        with open(sys.argv[3], encoding="utf-8") as lines:
            work, settings, limits = listed, [line.split() for line in lines], (0, 10**6)
    else:
        first, count = int(sys.argv[2]), int(sys.argv[3])
        work, settings, limits = one_setting, range(first, first + count), tuple(map(int, sys.argv[4:6]))
    wrong, counts = 0, {"compared": 0, "violations": 0}
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        given = [[one] * len(settings) for one in (afrun, *limits)]
        for plain, differs, what in pool.map(work, given[0], settings, *given[1:]):
            wrong += differs is not None
            counts["compared"] += plain is not None
            counts["violations"] += len(plain["violations"]) if plain else 0
            if differs or work is listed:
                print(f"{what}: {differs}" if differs else f"{what}: {plain['states']} states, "
                      f"{plain['transitions']} transitions, {len(plain['violations'])} violations", flush=True)
    print(f"{counts['compared']} compared, {counts['violations']} violations")
    sys.exit(wrong > 0 or counts["compared"] < 0.8 * len(settings))


if __name__ == "__main__":
    main()
