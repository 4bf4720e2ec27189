"""Keeps what the program answers to --json, for schemas.py: answers.py PROGRAM FOLDER WORD…, as answers.sh calls it, or
keep() for who runs the program itself. Signals are passed on; who kills this kills the program."""
import os
import signal
import subprocess
import sys
import tempfile


def keep(words, status, answer, folder=None):
    folder = folder or os.environ.get("AF_TEST_ANSWERS")
    if folder is None or "--json" not in words:
        return
    handle, name = tempfile.mkstemp(dir=folder)
    os.close(handle)
    for suffix, content in ((".out", answer), (".words", "\0".join(words).encode()),
                            (".status", b"%d" % status)):
        with open(name + suffix, "wb") as file:
            file.write(content)


def main():
    program, folder, *words = sys.argv[1:]
    child = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", program, *words],
                             stdout=subprocess.PIPE)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, lambda number, _: child.send_signal(number))
    answer = child.stdout.read()
    status = child.wait()
    keep(words, status, answer, folder)
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
