"""Keeps what the program answered to --json, as answers.sh does, for who runs the program itself."""
import os
import tempfile


def keep(words, status, answer):
    folder = os.environ.get("AF_TEST_ANSWERS")
    if folder is None or "--json" not in words:
        return
    handle, name = tempfile.mkstemp(dir=folder)
    os.close(handle)
    for suffix, content in ((".out", answer), (".words", "\0".join(words).encode()),
                            (".status", b"%d" % status)):
        with open(name + suffix, "wb") as file:
            file.write(content)
