"""Logistic regression of two classes, 0 and 1: a weight for each feature, and then one for all rows.

Called as program.py says; option: --features N, how many, for the first parameters (which are zeros).
"""
import math
import sys

sys.dont_write_bytecode = True
import program


class Logistic:
    def __init__(self, features):
        self.features = features

    def first(self):
        return [0.0] * (self.features + 1)

    def size(self, features):
        return features + 1

    def margin(self, parameters, row):
        total = parameters[-1]
        for weight, value in zip(parameters, row):
            total += weight * value
        return total

    def gradient(self, parameters, rows, labels):
        slope = [0.0] * len(parameters)
        for row, label in zip(rows, labels):
            error = chance_of(self.margin(parameters, row)) - label
            for i, value in enumerate(row):
                slope[i] += error * value
            slope[-1] += error
        return [total / len(rows) for total in slope]

    def judge(self, parameters, rows, labels):
        loss, right = 0.0, 0
        for row, label in zip(rows, labels):
            z = self.margin(parameters, row)
            loss += max(z, 0.0) - z * label + math.log1p(math.exp(-abs(z)))
            right += (z > 0) == (label == 1)
        return loss / len(rows), right


def chance_of(z):
    """The logistic function, without an overflow."""
    if z >= 0:
        return 1 / (1 + math.exp(-z))
    power = math.exp(z)
    return power / (1 + power)


if __name__ == "__main__":
    program.main(lambda options: Logistic(options.features),
                 lambda parser: parser.add_argument("--features", type=int, default=1))
