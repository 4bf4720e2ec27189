#!/usr/bin/env python3
"""Says which files show a secret.

needles.py NEEDLE… -- FILE…     exit status 1 and a line for each place where a needle stands in a file: as it is, in
                                hexadecimal, in base64 wherever it begins, or as JSON escapes it
A needle is a Python string literal's inside: \\xff\\xfekey.
"""
import base64
import os
import sys


def forms(needle):
    yield "as it is", needle
    yield "in hexadecimal", needle.hex().encode()
    yield "in hexadecimal", needle.hex().upper().encode()
    for before in range(3):  # what stands whole in base64, wherever the needle begins in it
        text = base64.b64encode(b"\0" * before + needle)
        cut = {0: 0, 1: 2, 2: 3}[before]
        yield "in base64", text[cut : (len(needle) + before) // 3 * 4]
    yield "escaped", "".join("\\u%04x" % byte for byte in needle).encode()


def main():
    at = sys.argv.index("--")
    needles = [word.encode("latin-1").decode("unicode_escape").encode("latin-1") for word in sys.argv[1:at]]
    shown = False
    for path in sys.argv[at + 1 :]:
        if not os.path.isfile(path):
            continue
        with open(path, "rb") as file:
            content = file.read()
        for needle in needles:
            for how, form in forms(needle):
                if form in content:
                    shown = True
                    print("%s shows %r %s" % (path, needle, how))
    sys.exit(1 if shown else 0)


if __name__ == "__main__":
    main()
