"""The numbers of psi/rsa.lua: RSA as the platform's programs compute it, with Python's standard library alone.

    rsa.py WHAT       an object in JSON from standard input, one to standard output

    key               bits, seed -> n (decimal), e, p and q (hexadecimal)
    blind             n, e, seed, items -> blind: the items' hashes, each times a random number to the power of e
    sign              n, e, p, q, blind, items -> answer: what goes to the initiator, as text; own: its hash for each item
    match             n, e, seed, items, answer -> own: for each item its hash where the answer has it, else ""

All that is random comes from the seed, 32 bytes in hexadecimal: who runs it again says the same again. What another
party has sent wrong is told by a line on standard error, and status 3.
"""
import hashlib
import json
import math
import sys

E = 65537
SMALL_PRIMES = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, math.isqrt(n) + 1, 2))]


class Wrong(Exception):
    """What another party has sent is not as it should be."""


def draw(seed, what, bits):
    """A number of so many bits, which only who has the seed can tell."""
    stream = hashlib.shake_256(("%s %s" % (seed, what)).encode()).digest((bits + 7) // 8)
    return int.from_bytes(stream, "big") >> (-bits % 8)


def is_prime(n, seed):
    """By Miller and Rabin, with 40 bases."""
    if any(n % prime == 0 for prime in SMALL_PRIMES):
        return False
    shift = ((n - 1) & (1 - n)).bit_length() - 1
    for i in range(40):
        x = pow(2 + draw(seed, "base %d" % i, n.bit_length() + 64) % (n - 3), n >> shift, n)
        if x in (1, n - 1):
            continue
        for _ in range(shift - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def prime_of(seed, name, bits):
    """The two highest bits are set, so that a product of two has all its bits."""
    for i in range(1 << 20):
        n = draw(seed, "%s %d" % (name, i), bits) | 3 << (bits - 2) | 1
        if math.gcd(n - 1, E) == 1 and is_prime(n, seed):
            return n
    raise AssertionError("no prime")


def hashed(item):
    return int(hashlib.sha256(item.encode()).hexdigest(), 16)


def hash_of_signature(signature):
    return hashlib.sha256(hex(signature).encode()).hexdigest()


def factor(given, i):
    """The random number of an item; with it goes its inverse."""
    n = int(given["n"])
    for again in range(100):
        r = draw(given["seed"], "factor %d %d" % (i, again), n.bit_length() + 64) % n
        if math.gcd(r, n) == 1:
            return r
    raise Wrong("the public key has small factors")


def number_of(text):
    try:
        return int(text, 16)
    except (TypeError, ValueError):
        raise Wrong("%.40r is no hexadecimal number" % (text,)) from None


def list_of(value, kind):
    if not isinstance(value, kind):
        raise Wrong("a %s is missing" % ("list" if kind is list else "table"))
    return value


def parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        raise Wrong("what was sent is no JSON") from None


def key(given):
    half = given["bits"] // 2
    p, q = prime_of(given["seed"], "p", half), prime_of(given["seed"], "q", given["bits"] - half)
    return {"n": str(p * q), "e": E, "p": "%x" % p, "q": "%x" % q}


def blind(given):
    n, e = int(given["n"]), given["e"]
    return {"blind": json.dumps(sorted(hex(pow(factor(given, i), e, n) * hashed(item) % n)
                                       for i, item in enumerate(given["items"])))}


def sign(given):
    p, q = int(given["p"], 16), int(given["q"], 16)
    n, d = p * q, pow(given["e"], -1, (p - 1) * (q - 1))
    dp, dq, inverse = d % (p - 1), d % (q - 1), pow(q, -1, p)

    def signature(x):  # by the Chinese remainder theorem
        a, b = pow(x, dp, p), pow(x, dq, q)
        return b + (a - b) * inverse % p * q

    signed = {}
    for text in list_of(parsed(given["blind"]), list):
        x = number_of(text)
        if not 0 <= x < n:
            raise Wrong("a number is not below the key's n")
        signed[hex(signature(x))] = text
    own = [hash_of_signature(signature(hashed(item))) for item in given["items"]]
    return {"answer": json.dumps({"signed_blind_ids": signed, "signed_collaborator_ids": sorted(own)}), "own": own}


def match(given):
    n, e = int(given["n"]), given["e"]
    answer = list_of(parsed(given["answer"]), dict)
    signed = {number_of(blinded): number_of(text)
              for text, blinded in list_of(answer.get("signed_blind_ids"), dict).items()}
    try:
        theirs = set(list_of(answer.get("signed_collaborator_ids"), list))
    except TypeError:
        raise Wrong("an entry of its set is no text") from None
    own = []
    for i, item in enumerate(given["items"]):
        r = factor(given, i)
        signature = signed.get(pow(r, e, n) * hashed(item) % n)
        if signature is None:
            raise Wrong("not all of my set is signed")
        signature = signature * pow(r, -1, n) % n
        if pow(signature, e, n) != hashed(item):
            raise Wrong("a signature is wrong")
        name = hash_of_signature(signature)
        own.append(name if name in theirs else "")
    return {"own": own}


if __name__ == "__main__":
    try:
        print(json.dumps({"key": key, "blind": blind, "sign": sign, "match": match}[sys.argv[1]](json.load(sys.stdin))))
    except Wrong as why:
        print(why, file=sys.stderr)
        sys.exit(3)
