#!/usr/bin/env python3
"""Whether what is left out is what its text says: defaults.py AFRUN DATA PART. A line for each: ok or not ok, and why.

PART is `options`, `services` or `keys`: DATA/PART.txt has the rows, whose columns its head describes. A row says what is
run without an option or key, how its default is given, and another value: the first two come to the same, to the byte, and
the third does not, so that the row can fail. `-` for one that cannot be given. A name with a reason has no default. What
is compared is all that can be seen of a run: status, both outputs, the files that it has left. Each option of the
program's help, and each key of the library's stub that may be absent, has a row or a reason; a default that help or stub
states in figures is that of its row."""
import fnmatch
import gzip
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

afrun, data, part = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3]
root = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../..")
version = subprocess.run([afrun, "--version"], stdout=subprocess.PIPE, check=True).stdout.decode().split()[1]
PATIENCE_S = 120
failures = 0


def tell(fine, name, why=""):
    global failures
    failures += not fine
    print(("ok " if fine else "not ok ") + name)
    if not fine:
        print("\n".join("  " + line for line in why.split("\n")[:60]))
    sys.stdout.flush()


def rows(name):
    with open(os.path.join(data, name)) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.startswith("#"):
                yield number, line.rstrip("\n")


def read_table(name):
    """Rows by their names, and the reasons of those that have no default."""
    table, none = {}, {}
    for number, line in rows(name):
        fields = [field.strip() for field in line.split(" | ")]
        if len(fields) == 1:
            left, colon, why = line.partition(": ")
            assert colon and why, "%s:%d: neither a row nor a reason" % (name, number)
            for path in re.findall(r"tests/e2e/\w+\.sh", why):
                assert os.path.exists(os.path.join(root, path)), "%s:%d: there is no %s" % (name, number, path)
            none[left] = why
        else:
            assert fields[0] not in table, "%s:%d: a row twice" % (name, number)
            table[fields[0]] = fields[1:]
    return table, none


# ---- What one run comes to. ----

def plain(text):
    """Without how long it took, and what the file of a flow hashes to: the one that is given stands in it."""
    text = re.sub(r'("elapsed_ms":|"seconds":)[0-9.e+-]+', r"\1_", text)
    text = re.sub(r'"(hash|options)":\[[^]]*\]', r'"\1":[]', text)
    text = re.sub(r"virtual, [0-9.]+ m?s", "virtual, _", text)
    return re.sub(r"\b[0-9.]+ m?s( wall|;|$)", r"_\1", text, flags=re.M)


def left_in(folder, given):
    """What is there that was not; of a store its name alone, for it has times."""
    found = []
    for at, _, files in sorted(os.walk(folder)):
        found.append(os.path.relpath(at, folder))
        for path in (os.path.join(at, name) for name in sorted(files)):
            with open("/dev/null" if ".db" in path or not os.path.isfile(path) else path, "rb") as file:
                what = "%s: %r" % (os.path.relpath(path, folder), file.read())
            found += [] if what in given else [what]
    return "\n".join(found)


def outcome_of(commands, files, around=None):
    """Runs them in a folder of its own with copies of the files; all that can be seen of the last, as one text."""
    folder = tempfile.mkdtemp()
    try:
        for path in files:
            shutil.copy(path, folder)
        given = left_in(folder, "").split("\n")
        told = around(folder) if around else None
        for command in commands:
            done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=PATIENCE_S, env=dict(os.environ, AFRUN_CONTROL="node.sock"))
        text = "status %d\n%s\n%s\n%s" % (done.returncode, done.stdout.decode(errors="replace"),
                                          done.stderr.decode(errors="replace"), left_in(folder, given))
        return plain((text + "\nasked: " + told() if told else text).replace(folder, "FOLDER"))
    finally:
        shutil.rmtree(folder)


def compare(name, without, given, other):
    if given is not None and without != given:
        tell(False, name, "with the default given it is otherwise.\nwithout:\n%s\nwith:\n%s" % (without, given))
    elif other is not None and without == other:
        tell(False, name, "another value changes nothing, so that this row cannot fail:\n" + without)
    else:
        tell(True, name)


# ---- Options of commands that end. ----

def help_of(page):
    text = subprocess.run([afrun, "help", *page.split()], stdout=subprocess.PIPE, check=True).stdout.decode()
    options = {}
    for row in re.split(r"\n(?= +(?:-., )?--)|\n\n", text):
        found = re.match(r"\s*(?:(-.), )?(--[a-z-]+)(?: (\S+))?(?:\s+(.*))?$", row, re.S)
        if found:
            options[found[2]] = (found[3], " ".join((found[4] or "").split()))
    return options


def all_options():
    pages = subprocess.run([afrun, "--man", "list"], stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")
    for page in filter(None, pages):
        for option, (argument, text) in help_of(page).items():
            yield page, option, argument, text


class Node:
    """In place of a node: answers what a command asks, and says what that was."""

    def __init__(self, folder):
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(os.path.join(folder, "node.sock"))
        self.server.listen()
        self.asked = b""
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        try:
            link, _ = self.server.accept()
        except OSError:
            return
        with link:
            while not self.asked.endswith(b"\n"):
                piece = link.recv(65536)
                if not piece:
                    break
                self.asked += piece
            link.sendall(b'{"ok":false,"kind":"flow","message":"there is no such party"}\n')

    def __call__(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.server.close()
        return self.asked.decode()


class Port:
    """Holds the port at which a service listens if nothing is said: it ends, and says which it was."""

    def __init__(self, _):
        self.server = socket.socket()
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.server.bind(("127.0.0.1", 9080))
            self.server.listen()
        except OSError:
            pass # another has it

    def __call__(self):
        self.server.close()
        return ""


def rows_of(table, name):
    """Those of this name; else the first pattern that it matches."""
    return [row for row in table if row.split(" #")[0] == name] or \
        [row for row in table if fnmatch.fnmatchcase(name, row)][:1]


def copy_flows(folder):
    names = [name for name in os.listdir(data) if name.endswith(".lua")]
    return [shutil.copy(os.path.join(data, name), folder) for name in names]


def make_files(folder):
    """What the commands of options.txt find: the flows, traces of two, stores of a node, a service and a sidecar."""
    files = copy_flows(folder)

    def make(name, *arguments):
        subprocess.run([afrun, *arguments, name], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       timeout=PATIENCE_S)
        files.append(os.path.join(folder, name))
    make("plain.jsonl", "plain.lua", "--mock", "--trace")
    make("long.jsonl", "long.lua", "--mock", "--until", "6000h", "--trace")
    held = Port(folder) # it ends at once, and leaves its outbox
    make("outbox.db", "serve", "--node", "n", "--bus", "http://127.0.0.1:1", "--state")
    held()
    files.append(shutil.copy(os.path.join(root, "tests/data/stores/parties-5.key"), os.path.join(folder, "parties-5.db.key")))
    os.chmod(files[-1], 0o600)
    for name in ("parties-5.db", "messages-3.db"):
        files.append(os.path.join(folder, name))
        with gzip.open(os.path.join(root, "tests/data/stores", name + ".gz")) as packed:
            with open(files[-1], "wb") as out:
                out.write(packed.read())
    return files


def words_of(page, base, more):
    """A row's arguments as commands: what is given goes to each."""
    text = more.replace("VERSION", version)
    return [[afrun, *page.split(), *shlex.split(one), *shlex.split(text)] for one in base.split("&&")]


def test_options():
    table, none = read_table("options.txt")
    bases = {"@" + row[5:]: fields[0] for row, fields in table.items() if row.startswith("base ")}
    table = {row: fields for row, fields in table.items() if not row.startswith("base ")}
    services = read_table("services.txt")[0]
    folder, names, met, seen = tempfile.mkdtemp(), [], set(), {}
    files = make_files(folder)
    for page, option, argument, text in all_options():
        name = "%s %s" % (page, option)
        names.append(name)
        found = rows_of(table, name)
        reasons = [] if found and "*" not in found[0] else rows_of(none, name)
        met.update(found, reasons)
        if not found or name in services:
            # A flag that is not given is off, and no one can give that.
            fine = reasons or name in services or (argument is None and "default" not in text)
            if not fine:
                tell(False, "%s has a row, or a reason why it has none" % name, "'%s': add it to options.txt" % text)
        stated = re.search(r"default:? ([0-9][^\s;),]*)", text)
        if stated and found and not reasons:
            tell(any(stated[1] in table[row][1].split() for row in found), "%s: help says %s" % (name, stated[1]),
                 "and not by its row of options.txt")
        for row in [] if reasons else found:
            base, default, other = table[row]
            first, blank, rest = base.partition(" ")
            base = bases.get(first, first) + blank + rest
            around = Node if page.startswith("ctl") else Port if page == "serve" else None
            if (page, base) not in seen:
                seen[page, base] = outcome_of(words_of(page, base, ""), files, around)
            given, changed = (None if field == "-" else outcome_of(words_of(page, base, field), files, around)
                              for field in (default, other))
            compare("%s%s: %s if it is not given" % (name, row[len(name):] if " #" in row else "", default),
                    seen[page, base], given, changed)
    tell(len(names) > 200, "these were %d options" % len(names))
    for row in sorted({*table, *none} - met):
        tell(False, "%s is an option" % row, "no command has it; take the row out of options.txt")
    shutil.rmtree(folder)


# ---- Services: what they say of their settings. ----

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def number_of(stated, unit):
    """A default as help says it, in the unit of the setting."""
    found = re.fullmatch(r"([0-9.]+)([a-z]*)", stated)
    assert found, "'%s' is no number" % stated
    if unit == "mib":
        return float(found[1]) * 2 ** 20
    return float(found[1]) * UNITS.get(found[2] or "s") / UNITS[unit]


def stated_default(page, option):
    text = help_of(page)[option][1]
    found = re.search(r"default:? ([^);]+?)\)", text)
    return found and found[1]


def wait_for(what, process, said):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = what()
        if found is not None:
            return found
        assert process.poll() is None, "it ended:\n" + open(said).read()
        time.sleep(0.02)
    raise AssertionError("nothing in time:\n" + open(said).read())


def settings_of(page, options, folder):
    """Starts the service with these options, reads its settings and which files it has, and ends it."""
    said = os.path.join(folder, "said")
    with open(said, "w") as out:
        process = subprocess.Popen([afrun, page, *options], cwd=folder, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        if page == "serve":
            def url():
                found = re.search(r"listening at (http\S+),", open(said).read())
                return found and found[1]
            with urllib.request.urlopen(wait_for(url, process, said) + "/status", timeout=PATIENCE_S) as answer:
                return json.load(answer)["data"]["settings"]
        paths = [os.path.join(folder, path) for path in ("state/control.sock", "other.sock")]

        def status():
            path = next(filter(os.path.exists, paths), None)
            if path is None:
                return None
            done = subprocess.run([afrun, "ctl", "status", "--json", "--control", path], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, timeout=PATIENCE_S)
            return dict(json.loads(done.stdout)["settings"], files=left_in(folder, "")) if done.returncode == 0 else None
        return wait_for(status, process, said)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


BASES = {
    "serve": ["--node", "n", "--open-tasks", "--listen", "127.0.0.1:0"],
    "node": ["--node", "n", "--bus", "local:bus.db", "--flows", "flows", "--state", "state", "--no-watch"],
}


def test_services():
    """Rows are of this shape: `serve --keep-files | keep_files_s | s | 24h | 1h`."""
    table = read_table("services.txt")[0]
    for page, base in BASES.items():
        of = {row.split()[1]: fields for row, fields in table.items() if row.startswith(page + " ")}
        found = []
        for place in (None, 2, 3, "file"):
            folder = tempfile.mkdtemp()
            os.mkdir(os.path.join(folder, "flows"))
            options = []
            if place == "file": # the other values, by a file
                with open(os.path.join(folder, "config"), "w") as out:
                    os.fchmod(out.fileno(), 0o600)
                    out.writelines("%s = %s\n" % (option[2:], fields[3]) for option, fields in of.items())
                options = ["--config", "config"]
            elif place is not None:
                options = [word for option, fields in of.items() for word in (option, fields[place])]
            try:
                found.append(settings_of(page, base + options, folder))
            finally:
                shutil.rmtree(folder)
        for option, (setting, unit, default, _) in of.items():
            name = "%s %s: %s if it is not given" % (page, option, default)
            without, given, changed, by_file = (settings.get(setting) for settings in found)
            tell(changed == by_file or unit == "text", "%s %s is taken from a file, too" % (page, option), "%r" % by_file)
            stated = stated_default(page, option)
            if unit == "text":
                tell(stated is not None and without == given != changed, name, "%r" % ((stated, without, given, changed),))
            else:
                tell(stated == default and without == given == number_of(stated, unit) and changed != without, name,
                     "help says %r, it does %r; given: %r; another: %r" % (stated, without, given, changed))


# ---- Keys. ----

def optional_keys():
    """What may be absent, of the stub, and what is said of it: CLASS.FIELD, FUNCTION(ARGUMENT), FUNCTION(ARGUMENT).KEY, TYPE.KEY."""
    of, arguments, kind = "", [], ""
    with open(os.path.join(root, "scripts/af/_meta/af.lua")) as lines:
        for line in lines:
            found = re.match(r"---@class ([\w.]+)", line)
            of = found[1] if found else of
            found = re.match(r"---@field (\w+)\? ", line)
            if found:
                yield "%s.%s" % (of, found[1]), line
            found = re.match(r"---@param (\w+)(\??) (.*)", line)
            if found:
                arguments.append(found.groups())
            found = re.match(r"---@type (.*)", line)
            kind = found[1] if found else kind
            found = re.match(r"function ([\w.:]+)\(", line)
            for argument, mark, text in arguments if found else []:
                inside = re.findall(r"(\w+)\?:", text.split("  ")[0])
                if mark and not inside:
                    yield "%s(%s)" % (found[1], argument), text
                for key in inside:
                    said = re.search(r"\b%s(: absent: | in bytes; absent: | in seconds \(| of its output \()(.*)" % key, text)
                    yield "%s(%s).%s" % (found[1], argument, key), "absent: " + said[2] if said else ""
            if found:
                arguments = []
            found = re.match(r"(af\.\w+) = ", line)
            if found:
                yield from (("%s.%s" % (found[1], key), "") for key in re.findall(r"(\w+)\?:", kind))
                kind = ""


def flow_outcome(name, text, arguments):
    """What running a flow with this text comes to, those that it may name beside it."""
    folder = tempfile.mkdtemp()
    try:
        files = copy_flows(folder)
        with open(os.path.join(folder, name), "w") as out:
            out.write(text)
        return outcome_of([[afrun, *(name if word == "FILE" else word for word in arguments)]], files)
    finally:
        shutil.rmtree(folder)


CALLS = """local af = require "af"
local function show(value)
  if type(value) ~= "table" then
    if type(value) ~= "string" then return tostring(value) end
    return value:find("[^%%g ]") and af.crypto.hex(value) or value
  end
  local parts = {}
  for key, item in pairs(value) do parts[#parts + 1] = tostring(key) .. "=" .. show(item) end
  return "{" .. table.concat(parts, " ") .. "}"
end
local function row(call)
  local found = table.pack(pcall(call))
  for i = 1, found.n do found[i] = show(found[i]) end
  print("row", table.concat(found, " "))
end
local v, w, x = af.vector.pack { 1, 2, 3 }, af.vector.pack { 5, 7, 9 }, af.vector.pack { 0.1, 0.7, 0.3 }
local q = af.vector.quantise(x, { bits = 24, clip = 8 })
local key = ("k"):rep(32)
af.mock_context({ id = "n1", nodes = { "n1", "n2" } }, function()
local contractor = af.TaskMessageContractor("t")
%s
end)
"""


def check_names(known, table, none):
    """Each key has a row or a reason, each row a key; and what is stated in figures stands in the row."""
    met = set()
    for name, text in known.items():
        reasons, fields = rows_of(none, name), table.get(name)
        met.update([name], reasons)
        stated = re.search(r"(?:absent|absent or 0): ([0-9]+)( MiB)?", text)
        number = str(int(stated[1]) << (20 if stated[2] else 0)) if stated else None
        if fields is None and not reasons:
            tell(False, "%s has a row, or a reason why it has none" % name, "'%s': add it to keys.txt" % text.strip())
        elif stated:
            tell(re.search(r"\b%s\b" % number, " ".join(fields or [])), "%s: it is said to be %s" % (name, number),
                 "and not by its row of keys.txt")
    tell(len(known) > 150, "these were %d keys and arguments" % len(known))
    for name in sorted({*table, *none} - met):
        tell(False, "%s may be absent" % name, "the stub says nothing of it; take the row out of keys.txt")


def test_calls(calls):
    """All of them in one script."""
    lines = ["row(function() return %s end)" % call for fields in calls.values() for call in fields if call != "-"]
    folder = tempfile.mkdtemp()
    with open(os.path.join(folder, "calls.lua"), "w") as out:
        out.write(CALLS % "\n".join(lines))
    done = subprocess.run([afrun, "calls.lua", "--mock"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=PATIENCE_S)
    shutil.rmtree(folder)
    said = done.stdout.decode(errors="replace")
    answers = re.findall(r"^.*?row\t?\s*(.*)$", said, re.M)
    if len(answers) != len(lines):
        tell(False, "the calls of keys.txt are made", said)
        return
    answers = iter(answers)
    for name, fields in calls.items():
        without, *others = (None if call == "-" else next(answers) for call in fields)
        if without.startswith("false"):
            tell(False, name, "the call fails: " + without)
        else:
            compare("%s: without it as with the default" % name, without, *others)


def test_flows(table):
    flows, seen = {}, {}
    for name in sorted(os.listdir(data)):
        if name.endswith(".lua"):
            with open(os.path.join(data, name)) as file:
                flows[name] = file.read()
    for row, fields in table.items():
        marker, (default, other, without) = "--[[%s]]" % row, (fields + [""])[:3]
        name = next((name for name in flows if marker in flows[name]), None)
        if name is None:
            tell(False, row, "no flow of %s has %s" % (data, marker))
            continue
        text = flows[name]
        arguments = re.match(r"-- afrun (.*)", text)[1].split()
        if (name, without) not in seen:
            seen[name, without] = flow_outcome(name, text.replace(marker, without) if without else text, arguments)
        given, changed = (None if field == "-" else flow_outcome(name, text.replace(marker, field), arguments)
                          for field in (default, other))
        compare("%s: without it as with %s" % (row, default), seen[name, without], given, changed)


def test_keys():
    table, none = read_table("keys.txt")
    calls = {row.partition(" = ")[0]: [row.partition(" = ")[2], *fields] for row, fields in table.items() if " = " in row}
    table = {row: fields for row, fields in table.items() if " = " not in row}
    check_names(dict(optional_keys()), {**calls, **table}, none)
    test_calls(calls)
    test_flows(table)


{"options": test_options, "services": test_services, "keys": test_keys}[part]()
sys.exit(1 if failures else 0)
