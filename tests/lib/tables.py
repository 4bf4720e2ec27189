"""Data for tests: what Debian's python3-sklearn ships, standardised, and dealt out to the parties of a task.

    tables.py NAME FOLDER [--parties ID,…] [--shares N,…] [--sorted] [--rows N]

NAME: breast_cancer, iris, digits. Writes FOLDER/all.csv, and FOLDER/ID.csv for each party: equal shares of the rows, or
in the ratio of --shares; dealt out like cards, or --sorted by their label, so that each party has few of them. --rows: the
first so many alone. Every column has mean 0 and deviation 1 over all rows; the label is the last.
"""
import argparse
import gzip
import math
import os

FOLDER = "/usr/lib/python3/dist-packages/sklearn/datasets/data"


def load(name):
    path = os.path.join(FOLDER, name + ".csv")
    read = open if os.path.exists(path) else gzip.open
    with read(path if read is open else path + ".gz", "rt") as lines:
        rows = [line.split(",") for line in lines]
    if not rows[0][-1].strip().replace(".", "").isdigit() or rows[0][0] == str(len(rows) - 1):
        rows = rows[1:]
    return [[float(field) for field in row] for row in rows]


def standardise(rows):
    for i in range(len(rows[0]) - 1):
        column = [row[i] for row in rows]
        mean = math.fsum(column) / len(column)
        deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in column) / len(column)) or 1.0
        for row in rows:
            row[i] = (row[i] - mean) / deviation
    return rows


def deal(rows, shares, by_label):
    """Lists of rows, in the ratio of shares."""
    if by_label:
        rows, parts, begin = sorted(rows, key=lambda row: row[-1]), [], 0
        for i in range(len(shares)):
            end = len(rows) * sum(shares[:i + 1]) // sum(shares)
            parts.append(rows[begin:end])
            begin = end
        return parts
    turns = [i for i, share in enumerate(shares) for _ in range(share)]
    parts = [[] for _ in shares]
    for i, row in enumerate(rows):
        parts[turns[i % len(turns)]].append(row)
    return parts


def write(path, rows):
    with open(path, "w", encoding="utf-8") as out:
        out.writelines(",".join(repr(field) for field in row) + "\n" for row in rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("folder")
    parser.add_argument("--parties", default="")
    parser.add_argument("--shares", default="")
    parser.add_argument("--sorted", action="store_true")
    parser.add_argument("--rows", type=int)
    options = parser.parse_args()
    rows = standardise(load(options.name)[:options.rows])
    os.makedirs(options.folder, exist_ok=True)
    write(os.path.join(options.folder, "all.csv"), rows)
    if not options.parties:
        return
    parties = options.parties.split(",")
    shares = [int(share) for share in options.shares.split(",")] if options.shares else [1] * len(parties)
    for party, part in zip(parties, deal(rows, shares, options.sorted)):
        write(os.path.join(options.folder, party + ".csv"), part)


if __name__ == "__main__":
    main()
