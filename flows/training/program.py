"""What the training programs share: how a flow calls them, and the data that they read.

    PROGRAM first [OPTION…]                        the first parameters, to standard output
    PROGRAM rows --data FILE                       how many rows FILE has
    PROGRAM train --data FILE [--steps N] [--rate R] [--mu M] [OPTION…]
                                                   parameters from standard input, trained to standard output
    PROGRAM test --data FILE [OPTION…]             parameters from standard input, {"rows":, "loss":, "accuracy":} out

Parameters are packed doubles, little-endian, as af.vector's. FILE is CSV, a row a line, its label in the last column; a
first line that is no row of numbers is a heading. A program is a function that makes its model of the options; see
logistic.py. Python's standard library only, and a fixed order of all sums: the same data give the same bits.
"""
import argparse
import json
import struct
import sys


def read_table(path):
    """The rows of a CSV file, and their labels."""
    rows, labels = [], []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            try:
                values = [float(field) for field in line.split(",")]
            except ValueError:
                if number == 0:
                    continue
                raise ValueError("%s:%d: a field is no number" % (path, number + 1)) from None
            if rows and len(values) != len(rows[0]) + 1:
                raise ValueError("%s:%d: %d fields, expected %d" % (path, number + 1, len(values), len(rows[0]) + 1))
            rows.append(values[:-1])
            labels.append(values[-1])
    return rows, labels


def descend(model, parameters, rows, labels, steps, rate, mu):
    """Gradient descent on all rows; mu holds the parameters near to those that it began with (FedProx)."""
    start = parameters
    for _ in range(steps):
        slope = model.gradient(parameters, rows, labels)
        if mu != 0:
            slope = [g + mu * (w - w0) for g, w, w0 in zip(slope, parameters, start)]
        parameters = [w - rate * g for w, g in zip(parameters, slope)]
    return parameters


def main(make_model, describe):
    """describe(parser) declares the options of a model, make_model(options) makes it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["first", "rows", "train", "test"])
    parser.add_argument("--data")
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--mu", type=float, default=0.0)
    describe(parser)
    options = parser.parse_args()
    model = make_model(options)
    if options.what == "first":
        write(model.first())
        return
    rows, labels = read_table(options.data)
    if options.what == "rows":
        print(len(rows))
        return
    content = sys.stdin.buffer.read()
    parameters = list(struct.unpack("<%dd" % (len(content) // 8), content))
    expected = model.size(len(rows[0]))
    if len(parameters) != expected:
        sys.exit("the model has %d parameters, expected %d" % (len(parameters), expected))
    if options.what == "train":
        write(descend(model, parameters, rows, labels, options.steps, options.rate, options.mu))
    else:
        loss, right = model.judge(parameters, rows, labels)
        print(json.dumps({"rows": len(rows), "loss": loss, "accuracy": right / len(rows)}))


def write(parameters):
    sys.stdout.buffer.write(struct.pack("<%dd" % len(parameters), *parameters))
