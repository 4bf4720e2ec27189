#!/usr/bin/env python3
"""Whether the tests can fail: small mistakes are planted in the C sources, one at a time, and each
must make a test of its folder fail.

    mutants.py [--count N] [--seed N] [--jobs N] [--folder F]… [--list]

The mistakes are a fixed sample over all folders, by the seed. Each is built in a copy of the
checkout and meets the tests of its folder (TESTS below), quick ones first, until one fails. What
does not compile is drawn anew. Survivors are listed with their place and the line as it was and as
it is. Exit status 0 if at least 85 of 100 were killed.

The idea, and its words, are mutation analysis: DeMillo, Lipton and Sayward, "Hints on test data
selection", 1978."""

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import threading

TOP = pathlib.Path(__file__).resolve().parents[2]

# What make test would run for a folder, beside the unit tests that stand in tests/unit/FOLDER.
TESTS = {
    "base": ["e2e/state", "e2e/sync_state", "e2e/determinism"],
    "json": ["e2e/sync_state", "e2e/serve_hostile"],
    "loop": ["e2e/sync_state", "e2e/process", "e2e/live_local"],
    "http": ["e2e/live_serve", "e2e/serve_hostile", "e2e/serve_tls", "e2e/serve_slow"],
    "code": ["e2e/reload", "e2e/node_trust"],
    "script": ["e2e/live_calls", "e2e/process", "e2e/sync_state", "e2e/args"],
    "trace": ["e2e/replay", "e2e/schedule", "e2e/sync_state"],
    "worker": ["e2e/node", "e2e/node_faults", "e2e/attacks"],
    "bus": ["e2e/live_local", "e2e/live_serve"],
    "bus/local": ["e2e/live_local", "e2e/serve_isolation", "e2e/serve_restart", "e2e/faults_service"],
    "bus/sidecar": ["e2e/sidecar", "e2e/sidecar_kills", "e2e/sidecar_files"],
    "bus/http": ["e2e/live_serve", "e2e/platform", "e2e/faults_connection"],
    "store": ["e2e/state", "e2e/node", "e2e/reload"],
    "party": ["e2e/sync_state", "e2e/determinism", "e2e/state", "e2e/upgrade", "e2e/reload"],
    "run": ["e2e/state", "e2e/live_local", "e2e/live_calls", "e2e/node"],
    "sim": ["e2e/sync_state", "e2e/notebook", "e2e/schedule", "e2e/upgrade", "e2e/determinism"],
    "check": ["e2e/check", "e2e/protocols", "e2e/check_counts"],
    "live": ["e2e/live_local", "e2e/state", "e2e/notebook", "e2e/reload"],
    "node": ["e2e/node", "e2e/node_launch", "e2e/reload", "e2e/node_faults"],
    "serve": ["e2e/serve_wire", "e2e/serve_admin", "e2e/serve_isolation", "e2e/platform", "e2e/live_plain"],
    "cli": ["e2e/args", "e2e/failed_run", "e2e/replay", "e2e/check", "e2e/interrupt", "e2e/node"],
    "bindings": ["e2e/library", "e2e/bad_input", "e2e/sync_state", "e2e/attacks", "e2e/upgrade"],
}

# Each: what is looked for in a line without comments and strings, and what stands there instead.
MISTAKES = [
    (r" == ", " != "), (r" != ", " == "),
    (r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "),
    (r" && ", " || "), (r" \|\| ", " && "),
    (r" \+ ", " - "), (r" - ", " + "),
    (r" \+= ", " -= "), (r"\+\+;", "--;"),
    (r"\btrue\b", "false"), (r"\bfalse\b", "true"),
    (r"\breturn 0;", "return -1;"), (r"\breturn -1;", "return 0;"),
    (r"\bif \((?!!)(\w[^()&|]*(?:\([^()]*\))?)\)$", r"if (!(\1))"),
    (r"^( +)(?:break|continue);$", r"\1;"),
    (r"^( +)[a-z_]+\([^;{}]*\);$", r"\1;"),       # a call that is not made
    (r"^( +)[a-z_>.\[\]-]+ = [^;{}]*;$", r"\1;"), # an assignment that is not made
]


def code_of(line):
    """The line without what no mistake may touch, of the same length."""
    line = re.sub(r'"(?:\\.|[^"\\])*"', lambda m: '"' + "·" * (len(m.group()) - 2) + '"', line)
    line = re.sub(r"'(?:\\.|[^'\\])'", lambda m: "'" + "·" * (len(m.group()) - 2) + "'", line)
    return re.sub(r"/\*.*?(\*/|$)", lambda m: "·" * len(m.group()), line)


def places(path):
    """Each place of a file at which a mistake can be planted: (line number, the new line)."""
    in_comment = False
    for number, line in enumerate(path.read_text().split("\n")):
        if in_comment or line.lstrip().startswith(("/*", "*")):
            in_comment = "*/" not in line
            continue
        code = code_of(line)
        in_comment = "/*" in line and "*/" not in line[line.index("/*"):]
        if not line.startswith(" ") or re.search(r"assert|af_log|AF_FAILURE|progress", code):
            continue
        for pattern, by in MISTAKES:
            for found in re.finditer(pattern, code):
                start, end = found.span()
                new = re.sub(pattern, by, line[start:end]) if "·" not in code[start:end] else None
                if new is None or new == line[start:end]:
                    continue
                yield number, line[:start] + new + line[end:]


def folder_of(path):
    relative = path.relative_to(TOP)
    return "bindings" if relative.parts[0] == "bindings" else "/".join(relative.parts[1:-1])


def draw(seed, folders):
    """All mistakes in an order that the seed draws, the folders by turns as their sizes go."""
    rng = random.Random(hashlib.sha256(str(seed).encode()).digest())
    files = sorted(TOP.glob("runtime/**/*.c")) + sorted(TOP.glob("bindings/*.c"))
    found = []
    for path in files:
        if folder_of(path) in folders and path.name != "child_probe.c":
            found += [(path, number, new) for number, new in places(path)]
    rng.shuffle(found)
    return found


class Copy:
    """A copy of the checkout, built once; mistakes come and go in it."""

    def __init__(self, at):
        self.at = at
        at.mkdir(parents=True, exist_ok=True)
        names = subprocess.run(["git", "ls-files", "-zco", "--exclude-standard"], cwd=TOP, check=True,
                               capture_output=True).stdout.decode().split("\0")
        for name in filter(None, names):
            (at / name).parent.mkdir(parents=True, exist_ok=True)
            if not (at / name).exists() or (at / name).read_bytes() != (TOP / name).read_bytes():
                shutil.copy2(TOP / name, at / name)
        self.make("all", "units")

    def make(self, *targets):
        return subprocess.run(["make", "-s", "JOBS=1", "MODE=release", *targets], cwd=self.at,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def test(self, file):
        environment = {**os.environ, "AF_TEST_TIMEOUT_S": "100", "AF_TEST_JOBS": "1"}
        environment.pop("AF_TEST_LONG", None)
        modes = {**environment, "AF_TEST_MODES": "release"}
        return subprocess.run(["tests/lib/run.sh", file], cwd=self.at, env=modes,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def try_mistake(self, path, number, new):
        """None: it does not compile; else the test that fails by it, or "" where all pass."""
        name = path.relative_to(TOP)
        target, folder = self.at / name, folder_of(path)
        text = target.read_text()
        lines = text.split("\n")
        lines[number] = new
        target.write_text("\n".join(lines))
        try:
            units = sorted((self.at / "tests/unit" / folder).glob("test_*.c"))
            built = [f"build/release/{unit.relative_to(self.at).with_suffix('')}" for unit in units]
            if not self.make("all", *built):
                return None
            files = [str(unit.relative_to(self.at)) for unit in units]
            files += [f"tests/{test}.sh" for test in TESTS[folder]]
            return next((file for file in files if not self.test(file)), "")
        finally:
            target.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", action="append", choices=sorted(TESTS))
    parser.add_argument("--list", action="store_true", help="only list the mistakes")
    options = parser.parse_args()

    queue = iter(draw(options.seed, options.folder or TESTS))
    lock, killed, survivors, left = threading.Lock(), {}, [], [options.count]

    def work(number):
        copy = None if options.list else Copy(TOP / "build" / "mutants" / str(number))
        while True:
            with lock:
                if left[0] == 0:
                    return
                left[0] -= 1
                path, line, new = next(queue, (None, 0, ""))
                if path is None:
                    return
            place = f"{path.relative_to(TOP)}:{line + 1}"
            old = path.read_text().split("\n")[line].strip()
            killer = "-" if options.list else copy.try_mistake(path, line, new)
            with lock:
                if killer is None:
                    left[0] += 1
                    continue
                folder = folder_of(path)
                done = killed.setdefault(folder, [0, 0])
                done[killer != ""] += 1
                if killer == "":
                    survivors.append((place, old, new.strip()))
                total = sum(map(sum, killed.values()))
                print(f"{total:4}  {'survives' if killer == '' else 'killed  '}  {place}  {killer}", flush=True)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(work, range(options.jobs)))
    if options.list:
        return 0
    print("\nfolder        killed  of")
    for folder, (alive, dead) in sorted(killed.items()):
        print(f"{folder:12}  {dead:6}  {alive + dead:2}")
    for place, old, new in sorted(survivors):
        print(f"\nsurvives: {place}\n  - {old}\n  + {new}")
    dead, total = sum(d for _, d in killed.values()), sum(map(sum, killed.values()))
    print(f"\nseed {options.seed}: {dead} of {total} mistakes were found, {100 * dead / max(total, 1):.0f} %")
    return 0 if dead >= 0.85 * total else 1


if __name__ == "__main__":
    sys.exit(main())
