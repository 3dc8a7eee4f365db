"""recipes/symbolic.py with derivatives of polynomials only: what a tiny policy can learn on a CPU in a minute."""

import random
from dataclasses import replace

from recipes import symbolic


def problem(rng: random.Random) -> dict[str, str]:
    """One row of this task, at the first difficulty."""
    while True:
        row = symbolic.problem(rng, level=1)
        if row["task"] == "differentiate":
            return row


def rows(split: str) -> list[dict[str, str]]:
    """As symbolic's; a question drawn for an earlier split is drawn again."""
    seen: set[str] = set()
    for name, (seed, size) in symbolic.SPLITS.items():
        rng, made = random.Random(seed), []
        while len(made) < size:
            row = problem(rng)
            if row["question"] not in seen:
                seen.add(row["question"])
                made.append(row)
        if name == split:
            return made
    raise KeyError(split)


RECIPE = replace(
    symbolic.RECIPE,
    model="assets/tiny_shelf",
    rows=rows,
    exemplars=symbolic.RECIPE.exemplars[:1],
    shots=1,
)
