"""Boosted trees of all rows in one place: the oracle of flows/hist_boost.lua, which reads the formulas for itself.

    central_trees.py DEPTH BINS TREES FILE…    rows of CSV files, the label last; prints the trees as JSON
"""
import json
import math
import sys

UNIT, RATE, REGULAR = 2**20, 0.3, 1.0


def sigma(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def leaf(g, h):
    return -RATE * (g / UNIT) / (h / UNIT + REGULAR)


def gain(g, h):
    return (g / UNIT) * (g / UNIT) / (h / UNIT + REGULAR)


class Node:
    """Rows (their places), split in two again and again, down to a depth."""

    def __init__(self, rows, depth, data):
        bins, slopes, seconds, count = data
        g, h = sum(slopes[r] for r in rows), sum(seconds[r] for r in rows)
        self.split, best = (0, 0), 0.0
        self.leaves = [leaf(g, h), 0.0]
        left_rows, right_rows = rows, []
        for feature in range(len(bins[0])):
            order = [[] for _ in range(count)]
            for r in rows:
                order[bins[r][feature]].append(r)
            left = []
            for b in range(count - 1):
                left = left + order[b]
                if not left or len(left) == len(rows):
                    continue
                g1, h1 = sum(slopes[r] for r in left), sum(seconds[r] for r in left)
                more = gain(g1, h1) + gain(g - g1, h - h1) - gain(g, h)
                if more > best:
                    best, self.split = more, (feature + 1, b)
                    self.leaves = [leaf(g1, h1), leaf(g - g1, h - h1)]
                    inside = set(left)
                    left_rows, right_rows = left, [r for r in rows if r not in inside]
        self.rows = (left_rows, right_rows)
        self.children = [Node(part, depth - 1, data) for part in self.rows] if depth > 1 else []

    def levels(self):
        level = [self]
        while level:
            yield level
            level = [child for node in level for child in node.children]


def main():
    depth, count, trees = (int(word) for word in sys.argv[1:4])
    rows = [[float(x) for x in line.split(",")] for name in sys.argv[4:] for line in open(name)]
    features = range(len(rows[0]) - 1)
    low, high = [min(r[i] for r in rows) for i in features], [max(r[i] for r in rows) for i in features]
    bins = [[min(count - 1, math.floor((r[i] - low[i]) / (high[i] - low[i]) * count)) for i in features] for r in rows]
    scores, forest = [0.0] * len(rows), []
    for _ in range(trees):
        chances = [sigma(z) for z in scores]
        slopes = [math.floor((p - r[-1]) * UNIT + 0.5) for p, r in zip(chances, rows)]
        seconds = [math.floor(p * (1 - p) * UNIT + 0.5) for p in chances]
        levels = list(Node(list(range(len(rows))), depth, (bins, slopes, seconds, count)).levels())
        for node in levels[-1]:
            for value, part in zip(node.leaves, node.rows):
                for r in part:
                    scores[r] += value
        forest.append({"leaves": [value for node in levels[-1] for value in node.leaves],
                       "splits": [{"feature": node.split[0], "bin": node.split[1]} for level in levels for node in level]})
    right = sum((z > 0) == (r[-1] == 1) for z, r in zip(scores, rows))
    print(json.dumps({"trees": forest, "right": right, "rows": len(rows)}))


if __name__ == "__main__":
    main()
