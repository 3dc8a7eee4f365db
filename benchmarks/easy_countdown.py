"""recipes/countdown.py with 2 or 3 numbers up to 20: what a tiny policy can learn on a CPU in a minute."""

from dataclasses import replace

from recipes import countdown
from rlvr_recipes.recipe import Row

COUNTS, LARGEST = (2, 3), 20


def rows(split: str) -> list[Row]:
    return countdown.made(split, COUNTS, LARGEST)


RECIPE = replace(
    countdown.RECIPE,
    model="assets/tiny_shelf",
    rows=rows,
    exemplars=countdown.RECIPE.exemplars[:1],
    shots=1,
)
