"""What training in one place gives: the oracle of flows that train. Its own reading of the formulas, not of flows/training.

central.train(rows, w, steps, rate, mu=0, near=None) → w;  central.judge(rows, w) → (loss, accuracy). A row is its features,
then its label, 0 or 1; w has a weight for each feature, then one for all rows.
"""
import math


def read(path):
    with open(path) as lines:
        return [[float(field) for field in line.split(",")] for line in lines]


def z_of(row, w):
    return math.fsum([w[-1]] + [a * b for a, b in zip(row[:-1], w)])


def sigma(z):
    return 0.5 * (1 + math.tanh(z / 2))


def slope(rows, w):
    wrong = [sigma(z_of(row, w)) - row[-1] for row in rows]
    features = len(w) - 1
    return [math.fsum(e * row[i] for e, row in zip(wrong, rows)) / len(rows) for i in range(features)] + \
        [math.fsum(wrong) / len(rows)]


def train(rows, w, steps, rate, mu=0.0, near=None):
    for _ in range(steps):
        g = slope(rows, w)
        w = [x - rate * (d + (mu * (x - n) if mu else 0.0)) for x, d, n in zip(w, g, near or w)]
    return w


def judge(rows, w):
    losses, right = [], 0
    for row in rows:
        z = z_of(row, w)
        losses.append(math.log1p(math.exp(z)) - row[-1] * z if z < 30 else z * (1 - row[-1]))
        right += (z > 0) == (row[-1] == 1)
    return math.fsum(losses) / len(rows), right / len(rows)
