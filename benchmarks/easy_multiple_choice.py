"""recipes/multiple_choice.py with two of its kinds of question, answered by the text of an option.

That is what a tiny policy can learn on a CPU in a minute. One that was pre-trained on letters found the right option,
and then named any letter.
"""

import random
from dataclasses import replace

from recipes import multiple_choice
from rlvr_recipes.recipe import Row

KINDS = (multiple_choice.largest_or_smallest, multiple_choice.odd_or_even)


def problem(rng: random.Random) -> Row:
    """One row, with a letter drawn for its right option; the solution ends with the option itself."""
    question, right, options, why = rng.choice(KINDS)(rng)
    rng.shuffle(options)
    place = rng.randrange(len(options) + 1)
    options.insert(place, right)
    letter = multiple_choice.LETTERS[place]
    return {"question": question, "options": options, "answer": letter, "solution": f"{why}\n#### {right}"}


def key(row: Row) -> tuple[str, ...]:
    """What makes two questions one: the options count, their order does not."""
    return (row["question"], *sorted(row["options"]))


def rows(split: str) -> list[Row]:
    """As multiple_choice's; a question drawn for an earlier split is drawn again."""
    seen: set[tuple[str, ...]] = set()
    for name, (seed, size) in multiple_choice.SPLITS.items():
        rng, made = random.Random(seed), []
        while len(made) < size:
            row = problem(rng)
            if key(row) not in seen:
                seen.add(key(row))
                made.append(row)
        if name == split:
            return made
    raise KeyError(split)


RECIPE = replace(
    multiple_choice.RECIPE,
    model="assets/tiny_shelf",
    rows=rows,
    exemplars=(),  # theirs end with a letter
    shots=0,
)
