"""Shares of a secret and its public key on ristretto255, by RFC 9496 and in plain integers: the oracle of flows/dkg.lua.

    ristretto.py THRESHOLD    reads lines of `PLACE SHARE` and one of `public KEY`, in hexadecimal; tells whether they fit

Choices of so many shares are tried, 50 of them at most.
"""
import itertools
import sys

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P) # of -1


def inverse_root(x):
    """1 / sqrt(x), not negative; of 0 it is 0."""
    r = pow(x, 3, P) * pow(pow(x, 7, P), (P - 5) // 8, P) % P
    if r * r * x % P not in (0, 1):
        r = r * ROOT % P
    return P - r if r & 1 else r


def add(a, b):
    """Two points of the curve -x^2 + y^2 = 1 + d x^2 y^2, extended."""
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    m, n = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * D * t1 * t2 % P, 2 * z1 * z2 % P
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point, scalar = add(point, point), scalar >> 1
    return total


def base():
    y = 4 * pow(5, -1, P) % P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = square * inverse_root(square) % P
    x = P - x if x & 1 else x
    return x, y, 1, x * y % P


def encode(point):
    x, y, z, t = point
    u, v = (z + y) * (z - y) % P, x * y % P
    root = inverse_root(u * v * v % P)
    one, two = root * u % P, root * v % P
    back = one * two * t % P
    inverse = two
    if t * back % P & 1:
        x, y = y * ROOT % P, x * ROOT % P
        inverse = one * inverse_root((-1 - D) % P) % P
    if x * back % P & 1:
        y = -y
    s = inverse * (z - y) % P
    return (P - s if s & 1 else s).to_bytes(32, "little")


def secret_of(shares):
    total = 0
    for i, share in shares:
        over = under = 1
        for j, _ in shares:
            if j != i:
                over, under = over * j % ORDER, under * (j - i) % ORDER
        total += share * over * pow(under, -1, ORDER)
    return total % ORDER


def main():
    threshold, shares, public = int(sys.argv[1]), [], None
    for line in sys.stdin:
        name, value = line.split()
        value = bytes.fromhex(value)
        if name == "public":
            public = value
        else:
            shares.append((int(name), int.from_bytes(value, "little")))
    choices = list(itertools.islice(itertools.combinations(shares, threshold), 50))
    right = sum(encode(multiply(secret_of(some), base())) == public for some in choices)
    print("%d of %d choices of %d shares make the secret of the key" % (right, len(choices), threshold))


if __name__ == "__main__":
    main()
