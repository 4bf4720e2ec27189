"""FedAvg by its formulas, in plain lists: the oracle of flows/fed_avg.lua's options, and of flows that average likewise.

mean(updates, weights), STEPS[name](x, mean, state), ROBUST[name](updates, x, …), epsilon(updates, noise, delta); arithmetic(x,
place, …) is what the flows do without a program. Nothing of it is taken from the flows.
"""
import math


def arithmetic(x, place, steps=1, rate=0.3, mu=0.0):
    own, start = [place, place * place, 1 / place] + [place] * len(x), x
    for _ in range(steps):
        x = [a + rate * ((b - a) - mu * (a - s)) for a, b, s in zip(x, own, start)]
    return x


def mean(updates, weights=None):
    weights = weights or [1] * len(updates)
    return [math.fsum(w * u[i] for w, u in zip(weights, updates)) / math.fsum(weights) for i in range(len(updates[0]))]


# ---- Server optimisers (Hsu et al. 2019; Reddi et al. 2021, algorithm 2): x, the round's mean, and {m, v} → the next x. ----
def adaptive(second):
    def step(x, to, state, eta=1.0, b1=0.9, b2=0.99, tau=1e-3):
        g = [b - a for a, b in zip(x, to)]
        state["m"] = [b1 * m + (1 - b1) * d for m, d in zip(state.get("m", [0.0] * len(x)), g)]
        state["v"] = [second(v, d * d, b2) for v, d in zip(state.get("v", [tau * tau] * len(x)), g)]
        return [a + eta * m / (math.sqrt(v) + tau) for a, m, v in zip(x, state["m"], state["v"])]
    return step


def avgm(x, to, state, eta=1.0, b1=0.9):
    state["m"] = [b1 * m + b - a for m, a, b in zip(state.get("m", [0.0] * len(x)), x, to)]
    return [a + eta * m for a, m in zip(x, state["m"])]


STEPS = {"avg": lambda x, to, state: to, "avgm": avgm, "adagrad": adaptive(lambda v, s, b2: v + s),
         "adam": adaptive(lambda v, s, b2: b2 * v + (1 - b2) * s),
         "yogi": adaptive(lambda v, s, b2: v - (1 - b2) * s * ((v > s) - (v < s)))}


# ---- Robust means. ----
def median_of(column):
    column, half = sorted(column), len(column) // 2
    return column[half] if len(column) % 2 else (column[half - 1] + column[half]) / 2


def columns(updates):
    return list(zip(*updates))


def far(a, b):
    return math.fsum((x - y) ** 2 for x, y in zip(a, b))


def krum_scores(updates, f):
    near = max(len(updates) - f - 2, 1)
    return [math.fsum(sorted(far(u, v) for j, v in enumerate(updates) if j != i)[:near]) for i, u in enumerate(updates)]


def krum(updates, x, f=1, m=1, clip=1.0):
    scores = krum_scores(updates, f)
    return mean([updates[i] for i in sorted(range(len(updates)), key=lambda i: (scores[i], i))[:m]])


def bulyan(updates, x, f=1, m=1, clip=1.0):
    left, chosen = list(updates), []
    while len(chosen) < len(updates) - 2 * f:
        scores = krum_scores(left, f)
        chosen.append(left.pop(scores.index(min(scores))))
    keep = len(chosen) - 2 * f
    return [math.fsum(sorted(c, key=lambda v: (abs(v - median_of(c)), v))[:keep]) / keep for c in columns(chosen)]


def norm_clip(updates, x, f=1, m=1, clip=1.0):
    def near(u):
        size = math.sqrt(far(u, x))
        return [a + (b - a) * min(1.0, clip / size) for a, b in zip(x, u)] if size else u
    return mean([near(u) for u in updates])


ROBUST = {"none": lambda updates, x, f, m, clip: mean(updates), "krum": krum, "bulyan": bulyan, "norm_clip": norm_clip,
          "median": lambda updates, x, f, m, clip: [median_of(c) for c in columns(updates)],
          "trimmed": lambda updates, x, f, m, clip: [math.fsum(sorted(c)[f:len(c) - f]) / (len(c) - 2 * f)
                                                     for c in columns(updates)]}


def epsilon(updates, noise, delta):
    """The least epsilon over all orders, by a search of its own."""
    def at(log_beyond):
        alpha = 1 + math.exp(log_beyond)
        return (2 * alpha * updates / noise ** 2 + math.log1p(-1 / alpha)
                - (math.log(delta) + math.log(alpha)) / (alpha - 1))
    best = min((at(i / 50), i / 50) for i in range(-700, 1000))[1]
    return min(at(best - 0.02 + i * 1e-5) for i in range(4001))
