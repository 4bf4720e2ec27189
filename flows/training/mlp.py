"""A perceptron with one hidden layer of tanh, and a softmax over classes 0, 1, …

Called as program.py says; options: --features N --hidden N --classes N, and --seed S, of which the first parameters are
drawn. The parameters are the hidden units one after the other, each with its bias last, and then the classes alike.
"""
import math
import operator
import random
import sys

sys.dont_write_bytecode = True
import program


class Perceptron:
    def __init__(self, options):
        self.features, self.hidden, self.classes = options.features, options.hidden, options.classes
        self.seed = options.seed

    def size(self, features):
        return self.hidden * (features + 1) + self.classes * (self.hidden + 1)

    def first(self):
        chance, parameters = random.Random(self.seed), []
        for units, inputs in ((self.hidden, self.features), (self.classes, self.hidden)):
            for _ in range(units):
                parameters += [chance.uniform(-1, 1) / math.sqrt(inputs) for _ in range(inputs)] + [0.0]
        return parameters

    def layers(self, parameters):
        wide, at = len(parameters) - self.classes * (self.hidden + 1), self.hidden + 1
        step = wide // self.hidden
        first = [parameters[i:i + step] for i in range(0, wide, step)]
        return first, [parameters[i:i + at] for i in range(wide, len(parameters), at)]

    def forward(self, layers, row):
        inner = [math.tanh(math.fsum(map(operator.mul, unit, row)) + unit[-1]) for unit in layers[0]]
        outer = [math.fsum(map(operator.mul, unit, inner)) + unit[-1] for unit in layers[1]]
        top = max(outer)
        powers = [math.exp(z - top) for z in outer]
        total = math.fsum(powers) # sum() gives other bits in newer Pythons
        return inner, [power / total for power in powers]

    def gradient(self, parameters, rows, labels):
        layers = self.layers(parameters)
        slopes = [[[0.0] * len(unit) for unit in layer] for layer in layers]
        for row, label in zip(rows, labels):
            inner, chances = self.forward(layers, row)
            errors = list(chances)
            errors[int(label)] -= 1
            back = [0.0] * self.hidden
            for error, unit, slope in zip(errors, layers[1], slopes[1]):
                for i, value in enumerate(inner):
                    slope[i] += error * value
                    back[i] += error * unit[i]
                slope[-1] += error
            for value, error, slope in zip(inner, back, slopes[0]):
                error *= 1 - value * value
                slope[:-1] = [total + error * one for total, one in zip(slope, row)]
                slope[-1] += error
        return [total / len(rows) for layer in slopes for unit in layer for total in unit]

    def judge(self, parameters, rows, labels):
        layers, loss, right = self.layers(parameters), 0.0, 0
        for row, label in zip(rows, labels):
            chances = self.forward(layers, row)[1]
            loss -= math.log(max(chances[int(label)], 1e-300))
            right += chances.index(max(chances)) == int(label)
        return loss / len(rows), right


def describe(parser):
    for name, default in (("features", 1), ("hidden", 8), ("classes", 2), ("seed", 1)):
        parser.add_argument("--" + name, type=int, default=default)


if __name__ == "__main__":
    program.main(Perceptron, describe)
