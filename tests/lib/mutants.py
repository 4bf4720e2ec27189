#!/usr/bin/env python3
"""Whether the tests can fail: small mistakes are planted in the C sources, one at a time, and each
must make a test of its folder fail.

    mutants.py [--count N] [--seed N] [--jobs N] [--folder F]… [--again FILE] [--list]

The mistakes are a fixed sample over all folders, by the seed. Each is built in a copy of the
checkout and meets the tests of its folder (TESTS below) that run its line, quick ones first, until
one fails; where none of them does, a few others of make test; one that no test runs survives at once. What all pass is tried by the unit tests of the
sanitize build, too, and by the test that looks for lost memory, as make test does. A test must fail
twice, since one that waits may fail by itself.

Which lines a test runs, and how long it takes, is seen once, without a mistake, and kept in
build/mutants/seen until the checkout or the test is another; what fails there is left out, and told.

What does not compile, or makes no other program, is drawn anew. Survivors are listed with their
place and the line as it was and as it is. Exit status 0 if at least 85 of 100 were killed.

The idea, and its words, are mutation analysis: DeMillo, Lipton and Sayward, "Hints on test data
selection", 1978."""

import argparse
import collections
import concurrent.futures
import hashlib
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]

# What make test would run for a folder, of tests/e2e and tests/regress, beside LEAKS and the unit
# tests that stand in tests/unit/FOLDER.
TESTS = {
    "audit": "audit_node audit nats_revoke launches",
    "base": "state sync_state determinism log names metrics failed_run store_another store_backup descriptors "
            "dead_letters",
    "json": "sync_state serve_hostile json lists poison state replay first_fault",
    "loop": "sync_state process live_local waits interrupt signals",
    "http": "live_serve serve_hostile serve_tls serve_slow serve_framing serve_events platform serve_names "
            "serve_shares serve_tls_reload descriptors",
    "code": "reload node_trust bundle watch module_lines",
    "script": "live_calls process sync_state args data_channel reach single_node notebook work waits large_data "
              "dot_for_colon over_time platform",
    "trace": "replay schedule sync_state stepping secrets journal_replay dead_letters",
    "worker": "node node_faults attacks step_limits node_memory lower_limits descriptors_on_their_way bundle",
    "bus": "live_local live_serve nats platform sidecar dead_letters nats_node latency_model command_lines",
    "bus/local": "live_local serve_isolation serve_restart faults_service dead_letters serve_upkeep serve_admin "
                 "plain_contents store_versions hub_size",
    "bus/nats": "nats nats_node nats_config nats_fronts nats_revoke move",
    "bus/sidecar": "sidecar sidecar_kills sidecar_files",
    "bus/http": "live_serve platform faults_connection dead_letters live_calls",
    "store": "state node reload keep store_older store_versions damaged_timers",
    "party": "sync_state determinism state upgrade reload hand keep waits parts mixed_versions step_limits",
    "run": "state live_local live_calls node journal_replay data_channel reach dead_letters",
    "sim": "sync_state notebook schedule upgrade determinism bugs failed_run idle_faults latency_model work ways "
           "over_time single_node step_limits",
    "check": "check protocols check_counts check_told check_reductions check_explore bugs over_time invariant_reads "
             "waits work data_channel parts",
    "live": "live_local live_calls state notebook reload hand keep journal_replay mixed_versions store_older "
            "event_over_reload hand_over_break",
    "node": "node node_launch reload node_faults hand launches audit_node node_ui node_trust nats_node retried_twice "
            "retry_in_trial stop_in_trial reload_at_end asked_at_end keep serve_upkeep descriptors",
    "serve": "serve_wire serve_admin serve_isolation platform live_plain serve_events serve_quotas serve_names "
             "serve_shares serve_upkeep serve_guesses serve_hostile serve_tls_reload metrics token audit "
             "dead_letters launches nats_fronts",
    "cli": "args failed_run replay check interrupt node command_lines names manual chart_states chart_page new bundle "
           "token audit_node nats_config move tests watch ways stepping schedule studio check_told reference output "
           "signals log lint bugs journal_replay store_backup live_local node_ui hand launches json metrics reload reach",
    "bindings": "library bad_input sync_state attacks upgrade vectors secrets step_limits first_fault parts lists "
                "over_time waits keep module_lines counted_calls dkg psi tests check_told lua_faults wild_arguments "
                "hidden_progress invariant_reads shared_instance deep_nesting no_line stepping large_tables "
                "mistakes",
}
LEAKS = "tests/e2e/leaks.sh" # of all folders
COUNTS = "build/coverage/counts"
OTHERS = 5 # tests of other folders, for a line that none of its folder's runs
TOGETHER_S = 240 # what the tests that a mistake meets may take without it; slower ones are left out

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
    """All mistakes in an order that the seed draws: each by its own text, so that the sample stays as it is
    where another line changes."""
    found, same = [], collections.Counter()
    for path in sorted(TOP.glob("runtime/**/*.c")) + sorted(TOP.glob("bindings/*.c")):
        if folder_of(path) not in folders or path.name == "child_probe.c":
            continue
        lines = path.read_text().split("\n")
        for number, new in places(path):
            old = lines[number].strip()
            what = f"{seed} {path.relative_to(TOP)} {old} {new.strip()}"
            same[what] += 1
            found.append((hashlib.sha256(f"{what} {same[what]}".encode()).digest(), path, number, old, new))
    return [mistake for _, *mistake in sorted(found)]


def among(mistakes, told):
    """Those that survived in a run: of the same text in a file, the one whose line is the nearest."""
    found = []
    for name, number, old, new in re.findall(r"^survives: (\S+):(\d+) .*\n  - (.*)\n  \+ (.*)$", told, re.M):
        same = [mistake for mistake in mistakes if (str(mistake[0].relative_to(TOP)), mistake[2], mistake[3].strip()) == (name, old, new)]
        found += sorted(same, key=lambda mistake: abs(mistake[1] + 1 - int(number)))[:1]
    return found


def tests_of(folder):
    units = [path for up in (folder, *filter(None, [folder.rpartition("/")[0]]))
             for path in sorted((TOP / "tests/unit" / up).glob("test_*.c"))]
    others = [next(TOP.glob(f"tests/[er]*/{name}.sh")) for name in TESTS[folder].split()]
    return [str(path.relative_to(TOP)) for path in units + others] + [LEAKS]


def builds_of(file):
    """In which a test is run, and what of it is to be made, beside the program, which some units run, too."""
    target = file.removesuffix(".c") if file.endswith(".c") else "afrun"
    return {mode: f"build/{mode}/{target}" for mode in ("coverage", "sanitize")
            if mode == "coverage" or file.endswith(".c") or file == LEAKS}


class Copy:
    """A copy of the checkout, built once so that it counts (make coverage); mistakes come and go in it."""

    def __init__(self, at):
        self.at = at
        names = subprocess.run(["git", "ls-files", "-zco", "--exclude-standard"], cwd=TOP, check=True,
                               capture_output=True).stdout.decode().split("\0")
        all_but_tests = hashlib.sha256()
        for name in sorted(filter(lambda name: name and (TOP / name).is_file(), names)):
            (at / name).parent.mkdir(parents=True, exist_ok=True)
            content = (TOP / name).read_bytes()
            if not (at / name).exists() or (at / name).read_bytes() != content:
                shutil.copy2(TOP / name, at / name)
                os.utime(at / name)
            if not re.match(r"tests/(unit|e2e|regress|lua|README)|.*\.md$|tests/lib/mutants.py", name):
                all_but_tests.update(f"{name} {len(content)} ".encode() + content)
        self.digest = all_but_tests.digest()
        if not self.make("coverage", "all", "units"):
            sys.exit(f"mutants: the checkout cannot be built: make MODE=coverage in {at}")

    def make(self, mode, *targets):
        targets = [*targets] if mode == "release" else [f"build/{mode}/afrun", *targets]
        return subprocess.run(["make", "-s", "JOBS=1", f"MODE={mode}", "CFLAGS=-O2", *targets], cwd=self.at,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def passes(self, file, limit_s, mode="coverage", to_its_end=False):
        """Whether a test passes in time; it is ended at the first case that does not."""
        shutil.rmtree(self.at / COUNTS, ignore_errors=True) # of another program, which this one would complain of
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            environment = {**os.environ, "AFRUN": str(self.at / "build" / mode / "afrun"), "TMPDIR": scratch,
                           "CMOCKA_MESSAGE_OUTPUT": "TAP", "ASAN_OPTIONS": "detect_leaks=1:exitcode=99",
                           "LUA_PATH": "scripts/?.lua;scripts/?/init.lua;tests/lib/?.lua;;"}
            environment.pop("AF_TEST_LONG", None)
            command = [builds_of(file)[mode]] if file.endswith(".c") else ["bash", file]
            test = subprocess.Popen(command, cwd=self.at, env=environment, stdin=subprocess.DEVNULL, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
                                    start_new_session=True)
            timer = threading.Timer(limit_s, self.end, [test])
            timer.start()
            failed = False
            for line in test.stdout:
                failed = failed or line.startswith("not ok") and "# SKIP" not in line
                if failed and not to_its_end:
                    break
            timer.cancel()
            self.end(test)
            test.stdout.close()
            return not failed and test.wait() == 0

    def end(self, test):
        """Ends a test, with all that its programs have left running."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(test.pid, number)
                test.wait(1)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(process / "exe").startswith(f"{self.at}/"):
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:
                pass

    def look_at(self, file):
        """What a test does where nothing is wrong: {"passes", "seconds", "lines": {a source: those that it runs}}."""
        key = hashlib.sha256(self.digest + (self.at / file).read_bytes()).hexdigest()[:24]
        kept = TOP / "build" / "mutants" / "seen" / f"{file.replace('/', '.')}.{key}"
        if kept.exists():
            return json.loads(kept.read_text())
        begun = time.monotonic()
        seen = {"passes": self.passes(file, 600, to_its_end=True), "seconds": time.monotonic() - begun, "lines": {}}
        seen["passes"] = seen["passes"] or self.passes(file, 600)
        merged = self.at / "build/coverage/merged"
        subprocess.run(["llvm-profdata", "merge", "-sparse", *(self.at / COUNTS).glob("*"), "-o", merged], check=True)
        counted = ["build/coverage/afrun", "--object", builds_of(file)["coverage"]]
        told = subprocess.run(["llvm-cov", "export", "--format=lcov", f"--instr-profile={merged}", *counted],
                              cwd=self.at, check=True, capture_output=True, text=True).stdout
        for line in told.split("\n"):
            if line.startswith("SF:"):
                lines = seen["lines"].setdefault(os.path.relpath(line[3:], self.at), {})
            elif line.startswith("DA:"):
                number, count = line[3:].split(",")
                lines[number] = count != "0"
        for mode, target in list(builds_of(file).items())[1:]:
            seen["passes"] = seen["passes"] and self.make(mode, target) and self.passes(file, 600, mode)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(seen))
        return seen

    def try_mistake(self, path, number, new, seen):
        """None: it makes no other program; else whether a test fails by it, and which, or why none does."""
        name = str(path.relative_to(TOP))
        target, folder, object = self.at / name, folder_of(path), f"build/release/{name.removesuffix('.c')}.o"
        # A line without code of its own (of a table, a macro) is run by whoever runs its file.
        def run_it(files):
            lines = {file: seen[file]["lines"].get(name, {}) for file in files if seen[file]["passes"]}
            return [file for file, of in lines.items() if of.get(str(number + 1), any(of.values()))]
        runs = run_it(tests_of(folder))
        if not set(runs) - {LEAKS}: # others of make test do, perhaps
            runs += sorted(set(run_it(seen)) - set(runs), key=lambda file: seen[file]["seconds"])[:OTHERS]
        runs.sort(key=lambda file: seen[file]["seconds"])
        together = itertools.accumulate(seen[file]["seconds"] for file in runs)
        tries = [("coverage", file) for file, seconds in zip(runs, together) if file != LEAKS and seconds < TOGETHER_S]
        tries += [("sanitize", file) for file in runs if "sanitize" in builds_of(file)]
        text = target.read_text()
        lines = text.split("\n")
        lines[number] = new
        target.write_text("\n".join(lines))
        try:
            if not self.make("coverage", "all"):
                return None
            for mode, file in tries:
                limit_s = 10 + seen[file]["seconds"] * (3 if mode == "coverage" else 10)
                if self.make(mode, builds_of(file)[mode]) and not any(
                        self.passes(file, limit_s, mode) for _ in range(2)):
                    return True, f"{file} ({mode})".removesuffix(" (coverage)")
            self.make("release", object)
            machine_code = (self.at / object).read_bytes()
        finally:
            target.write_text(text)
        self.make("release", object)
        same = machine_code == (self.at / object).read_bytes()
        return None if same else (False, f"{len(runs)} tests run it" if runs else "no test runs it")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=3, help="one more than there are processors: tests wait")
    parser.add_argument("--folder", action="append", choices=sorted(TESTS))
    parser.add_argument("--again", metavar="FILE", help="only what survived in the run that printed FILE")
    parser.add_argument("--list", action="store_true", help="only list the mistakes")
    options = parser.parse_args()

    mistakes = draw(options.seed, options.folder or TESTS)
    if options.again:
        mistakes = among(mistakes, open(options.again).read())
        options.folder = sorted({folder_of(path) for path, *_ in mistakes})
    if options.list:
        for path, line, _, new in mistakes[:options.count]:
            print(f"{path.relative_to(TOP)}:{line + 1}  {new.strip()}")
        return 0
    lock, queue, done = threading.Lock(), iter(mistakes), []
    left = [options.count]
    files = sorted({file for folder in options.folder or TESTS for file in tests_of(folder)})
    copies, seen, unseen = [], {}, list(files)

    def prepare(number):
        copy = Copy(TOP / "build" / "mutants" / str(number))
        copies.append(copy)
        while unseen:
            file = unseen.pop()
            seen[file] = copy.look_at(file)
            if not seen[file]["passes"]:
                print(f"left out, as it fails without a mistake: {file}", flush=True)

    def work(copy):
        while True:
            with lock:
                path, line, old, new = next(queue, (None,) * 4) if left[0] > 0 else (None,) * 4
                if path is None:
                    return
                left[0] -= 1
            verdict = copy.try_mistake(path, line, new, seen)
            with lock:
                if verdict is None:
                    left[0] += 1
                    continue
                killed, why = verdict
                place = f"{path.relative_to(TOP)}:{line + 1}"
                done.append((folder_of(path), killed, place, f"{why}\n  - {old}\n  + {new.strip()}"))
                print(f"{len(done):4}  {'killed  ' if killed else 'survives'}  {place}  {why}", flush=True)

    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(prepare, range(options.jobs)))
        print(f"{len(files)} tests were looked at, {(time.monotonic() - begun) / 60:.0f} min", flush=True)
        list(pool.map(work, copies))
    print("\nfolder        killed  of")
    for folder in sorted({folder for folder, *_ in done}):
        of_folder = [killed for name, killed, *_ in done if name == folder]
        print(f"{folder:12}  {sum(of_folder):6}  {len(of_folder):2}")
    for _, killed, place, what in sorted(done):
        if not killed:
            print(f"\nsurvives: {place}  {what}")
    dead, total = sum(killed for _, killed, *_ in done), len(done)
    print(f"\nseed {options.seed}: {dead} of {total} mistakes were found, {100 * dead / max(total, 1):.0f} %, "
          f"{(time.monotonic() - begun) / 60:.0f} min")
    return 0 if dead >= 0.85 * total else 1


if __name__ == "__main__":
    sys.exit(main())
