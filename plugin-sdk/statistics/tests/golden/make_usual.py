"""Writes usual.json: the model of `usual.rs` computed by numpy and scipy, in the plainest way.

    python -m venv v && v/bin/pip install numpy scipy && v/bin/python make_usual.py
"""

import json
import pathlib

import numpy as np
import scipy
from scipy.special import gammaln
from scipy.stats import beta

DAYS = [
    [1000, 1010, 990, 1003, 1000, 995, 1001],
    [5, 90, 1, 1000, 3, 12, 7, 300],
    [2, 1, 3, 1, 1, 2, 4],
    [250_000 + 13_000 * (i * 7 % 11) for i in range(28)],
    [40],
]


def upper(days, amount):
    x = np.array(days, dtype=float)
    n, total = len(x), x.sum()
    shapes = 1 / np.geomspace(0.04, 4, 20)
    # The density of the shares of the total under a symmetric Dirichlet distribution, up to what does not depend on the shape.
    logs = gammaln(n * shapes) - n * gammaln(shapes) + (shapes - 1) * np.log(x / total).sum()
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    shapes = np.minimum(shapes, x.mean())
    return float((weights * beta.sf(amount / (amount + total), shapes, n * shapes)).sum())


cases = [
    {"days": days, "amount": round(factor * float(np.mean(days)), 3), "upper": None}
    for days in DAYS
    for factor in (0.5, 1, 2, 4, 10)
]
for case in cases:
    case["upper"] = float(f"{upper(case['days'], case['amount']):.12g}")
document = {"libraries": {"numpy": np.__version__, "scipy": scipy.__version__}, "cases": cases}
text = json.dumps(document["libraries"])
rows = ",\n".join("  " + json.dumps(case) for case in cases)
pathlib.Path(__file__).with_name("usual.json").write_text(f'{{\n "libraries": {text},\n "cases": [\n{rows}\n ]\n}}\n')
