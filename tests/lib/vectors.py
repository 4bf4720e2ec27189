#!/usr/bin/env python3
"""Compares what tests/data/api/vector_results.lua printed with what Python makes of the same numbers.

vectors.py FILE: exit status 1 with a line on standard error where they differ: bit for bit where sums are
made in one order, within 1e-12 where a square root is in it.
"""
import math
import re
import struct
import sys


def read(path):
    found = {}
    for line in open(path, encoding="utf-8"):
        match = re.search(r"(\w+) ((?:[0-9a-f]{2})+)$", line.strip())
        if match:
            found[match.group(1)] = bytes.fromhex(match.group(2))
    return found


def doubles(data):
    return list(struct.unpack("<%dd" % (len(data) // 8), data))


def total(numbers):
    out = numbers[0]
    for number in numbers[1:]:
        out = out + number
    return out


def columns(vectors, f):
    return [f(list(column)) for column in zip(*vectors)]


def middle(numbers, cut):
    rest = sorted(numbers)[cut:len(numbers) - cut]
    out = 0.0
    for number in rest:
        out += number
    return out / len(rest)


def squares(a, b):
    out = 0.0
    for x, y in zip(a, b):
        out += (x - y) * (x - y)
    return out


def weighted(numbers, weights):
    out = 0.0
    for number, weight in zip(numbers, weights):
        out += weight * number
    return out / total(weights)


def krum(vectors, faulty, chosen):
    scores = []
    for i, one in enumerate(vectors):
        others = sorted(squares(one, other) for j, other in enumerate(vectors) if j != i)
        scores.append((sum(others[:len(vectors) - faulty - 2]), i))
    return [i for _, i in sorted(scores)[:chosen]]


def main():
    found = read(sys.argv[1])
    v = [doubles(found["in%d" % i]) for i in range(1, 8)]
    norm = math.sqrt(total([x * x for x in v[0]]))
    chosen = krum(v, 2, 3)
    ones = [1.0] * 7
    edges = [-2, -1, 0, 0.5, 3]
    exact = {
        "add": [a + b for a, b in zip(v[0], v[1])],
        "sub": [a - b for a, b in zip(v[0], v[1])],
        "scale": [a * 0.3 for a in v[0]],
        "axpy": [a * 0.3 + b for a, b in zip(v[0], v[1])],
        "sum": columns(v, total),
        "mean": columns(v, lambda c: weighted(c, ones)),
        "weighted": columns(v, lambda c: weighted(c, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])),
        "median": columns(v, lambda c: middle(c, 3)),
        "trimmed": columns(v, lambda c: middle(c, 2)),
        "krum": columns([v[i] for i in chosen], lambda c: weighted(c, [1.0] * 3)),
        "chosen": [float(i + 1) for i in chosen],
        "histogram": [float(sum(low <= x < high or (high == 3 and x == 3) for x in v[0]))
                      for low, high in zip(edges, edges[1:])],
    }
    near = {
        "clip": [x * min(1, 1.5 / norm) for x in v[0]],
        "dot": [total([a * b for a, b in zip(v[0], v[1])]), math.sqrt(total([x * x for x in v[2]]))],
        "distances": [math.sqrt(squares(v[1], other)) for other in v],
    }
    wrong = [name for name, value in exact.items() if doubles(found[name]) != value]
    for name, value in near.items():
        got = doubles(found[name])
        if len(got) != len(value) or any(abs(a - b) > 1e-12 * max(1, abs(b)) for a, b in zip(got, value)):
            wrong.append(name)
    whole = struct.unpack("<%dq" % len(v[0]), found["quantised"])
    if list(whole) != [round(max(-2, min(2, x)) * 2 ** 20) for x in v[0]]:
        wrong.append("quantised")
    if wrong:
        sys.exit("other results: " + ", ".join(wrong))


main()
