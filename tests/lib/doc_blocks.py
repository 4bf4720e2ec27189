#!/usr/bin/env python3
"""Runs the blocks of code of a README: doc_blocks.py AFRUN FILE.md. A line for each: ok or not ok, then what it said.

Each fence has a language. `lua` is run in mock, and for real too if it is a flow with an end; `sh` is run by a shell,
`console` is run and compared ($ COMMAND, then its output, … for any text); `text` and others are looked at alone. What a
fragment needs stands before it in a comment, which readers do not see:

    <!-- runs within [ARGUMENT…]     lines of Lua, of which one is BLOCK; `==== NAME` begins another file:
    …                                a script goes into the same mock run
    -->
    <!-- runs as a test of FLOW -->  by `afrun test`, beside that flow
    <!-- runs at once -->            the commands of a block run beside each other; what does not end is interrupted
    <!-- saved as FILE -->           the block is a file of the page's own folder, which is empty before the first of these
    <!-- goes on -->                 it runs in that folder, by bash; what it leaves running is ended behind the last block
    <!-- not run: WHY -->

Other commands find copies of flows/, of hello.lua (the README's first flow), hasty.lua (without its `after`) and of flow.lua (sync_state.lua)."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

afrun, path = os.path.abspath(sys.argv[1]), sys.argv[2]
root = os.path.abspath(os.path.dirname(os.path.abspath(__file__)) + "/../..")
PATIENCE_S = 600
LANGUAGES = "lua sh console text ini"


def blocks(text):
    """(line, language, code, comment) of each fence."""
    comment, fence = "", None
    for number, line in enumerate(text.split("\n"), 1):
        if fence is not None:
            if line.strip() == "```":
                yield (*fence[:2], "\n".join(fence[2]) + "\n", fence[3])
                fence, comment = None, ""
            else:
                fence[2].append(line)
        elif line.startswith("```"):
            fence = (number, line[3:].strip(), [], comment if comment.endswith("-->") else "")
        elif line.startswith("<!--"):
            comment = line
        elif comment and not comment.endswith("-->"):
            comment += "\n" + line
        elif line.strip():
            comment = ""


def run(command, folder, **more):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_S,
                          stdin=subprocess.DEVNULL, **more)
    return done.returncode, done.stdout.decode()


def run_page(code, folder, environment, sessions):
    """Its session is noted: what the block leaves in the background is ended at the end."""
    with open(os.path.join(folder, ".said"), "w+b") as out:
        process = subprocess.Popen(["bash", "-ec", code], cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, start_new_session=True)
        sessions.append(process.pid)
        process.wait(timeout=PATIENCE_S)
        out.seek(0)
        return process.returncode, out.read().decode()


def end_sessions(sessions):
    for session in sessions:
        try:
            os.killpg(session, signal.SIGKILL)
        except ProcessLookupError:
            pass


def furnish(folder, first_flow):
    shutil.copytree(root + "/flows", folder + "/flows", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root + "/flows/sync_state.lua", folder + "/flow.lua")
    with open(folder + "/hello.lua", "w") as out:
        out.write(first_flow)
    with open(folder + "/hasty.lua", "w") as out: # as README says
        out.write("".join(line for line in first_flow.splitlines(True) if " after = " not in line))


def run_lua(code, comment, folder):
    files, arguments = {"block.lua": code}, []
    if comment.startswith("<!-- runs as a test of "):
        shutil.copy(os.path.join(root, comment.split()[6]), folder)
        with open(os.path.join(folder, "block_test.lua"), "w") as out:
            out.write(code)
        return run([afrun, "test", "block_test.lua"], folder)
    if comment.startswith("<!-- runs within"):
        head, _, frame = comment[:-3].partition("\n")
        arguments = head.split()[3:]
        name, files = "block.lua", {}
        for line in frame.split("\n"):
            if line.startswith("==== "):
                name = line[5:]
            else:
                files[name] = files.get(name, "") + (code if line.strip() == "BLOCK" else line + "\n")
    if 'require "af"' not in files["block.lua"]:
        files["block.lua"] = 'local af = require "af"\n' + files["block.lua"]
    for name, text in files.items():
        with open(os.path.join(folder, name), "w") as out:
            out.write(text)
    scripts = [name for name in files if name.endswith(".lua")]
    status, said = run([afrun, *scripts, "--mock", *arguments], folder)
    if status == 0 and re.search(r"^return af\.(flow|part)", files["block.lua"], re.M) and " 0 parties done" not in said:
        status, more = run([root + "/tests/lib/for_real.py", afrun, "block.lua", *arguments], folder)
        said += "for real:\n" + more
    return status, said


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def run_at_once(code, folder, environment):
    """What ends must end well; what has not ended when all others have is interrupted, and must end well or by that."""
    setup = "\n".join(line for line in code.split("\n") if line and not line.startswith("afrun "))
    commands = [line for line in code.split("\n") if line.startswith("afrun ")]
    processes, failed = [], ""
    for command in commands:
        out = open(os.path.join(folder, "%d.out" % len(processes)), "w+b")
        processes.append((command, out, subprocess.Popen(
            ["bash", "-c", setup + "\nexec " + command], cwd=folder, env=environment, stdout=out,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)))
        if command.startswith("afrun serve"):
            until = time.time() + PATIENCE_S
            while " listening at " not in open(out.name).read() and time.time() < until:
                time.sleep(0.02)
    until = time.time() + PATIENCE_S
    stay = [c for c, _, _ in processes if c.startswith("afrun serve") or " --role oracle" in c]
    while time.time() < until and any(p.poll() is None for c, _, p in processes if c not in stay):
        time.sleep(0.02)
    for command, out, process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(timeout=PATIENCE_S)
        if process.returncode != 0 and not (command.startswith("afrun serve") and process.returncode in (0, 130)):
            failed += "%s: status %d\n%s" % (command, process.returncode, open(out.name).read())
    return (1 if failed else 0), failed


def run_console(code, folder, environment):
    command, expected, failed = None, [], ""

    def compare():
        if command is None:
            return ""
        _, said = run(["bash", "-c", command], folder, env=environment)
        got = said.rstrip("\n").split("\n")
        wanted = [re.sub(r"\\ (\d+)\\ ms", r"\\ \\d+\\ ms", re.escape(line)).replace("…", ".*") for line in expected]
        if re.fullmatch("\n".join(wanted), "\n".join(got), re.S) is None:
            return "$ %s\nsaid:\n%s\n" % (command, said)
        return ""
    for line in code.rstrip("\n").split("\n"):
        if line.startswith("$ "):
            failed += compare()
            command, expected = line[2:], []
        else:
            expected.append(line)
    failed += compare()
    return (1 if failed else 0), failed


def run_blocks(page, binaries, sessions):
    with open(path) as file:
        text = file.read()
    os.symlink(afrun, binaries + "/afrun")
    page_port = free_port()
    first_flow = next(code for _, language, code, _ in blocks(open(root + "/README.md").read()) if language == "lua")
    failures = count = 0
    for line, language, code, comment in blocks(text):
        name = "%s:%d (%s)" % (os.path.relpath(path, root), line, language)
        if language not in LANGUAGES.split():
            print("not ok %s: a fence needs one of the languages %s" % (name, LANGUAGES))
            failures += 1
        if language not in ("lua", "sh", "console") or comment.startswith("<!-- not run: "):
            continue
        count += 1
        on_page = comment.startswith(("<!-- saved as ", "<!-- goes on"))
        with tempfile.TemporaryDirectory() as own:
            folder, port = (page, page_port) if on_page else (own, free_port())
            if not on_page:
                furnish(folder, first_flow)
            environment = dict(os.environ, PATH=binaries + ":" + os.environ["PATH"])
            code = code.replace("9080", port).replace("afrun serve ", "afrun serve --listen 127.0.0.1:%s " % port)
            try:
                if comment.startswith("<!-- saved as "):
                    status, said = 0, ""
                    with open(os.path.join(folder, comment.split()[3]), "w") as out:
                        out.write(code)
                elif language == "console":
                    status, said = run_console(code, folder, environment)
                elif on_page:
                    status, said = run_page(code, folder, environment, sessions)
                elif language == "lua":
                    status, said = run_lua(code, comment, folder)
                elif comment == "<!-- runs at once -->":
                    status, said = run_at_once(code, folder, environment)
                else:
                    status, said = run(["bash", "-ec", code], folder, env=environment)
            except subprocess.TimeoutExpired as over:
                status, said = 1, str(over)
        print("%s %s" % ("ok" if status == 0 else "not ok", name))
        if status != 0:
            failures += 1
            print("\n".join("  " + line for line in said.split("\n")[:40]))
    if count == 0:
        print("not ok %s has no block that runs" % path)
    return 1 if failures or count == 0 else 0


def main():
    sessions = []
    with tempfile.TemporaryDirectory() as page, tempfile.TemporaryDirectory() as binaries:
        try:
            status = run_blocks(page, binaries, sessions)
        finally:
            end_sessions(sessions)
    sys.exit(status)


main()
