"""What assets/tiny_shelf read: homework in the few-shot form of three recipes at an easy difficulty, and sums.

At first all homework is right, so that the policy learns the skills. From SCHOOL of the training on, CARELESS of the
solutions are hasty, and hasty in one way each, which becomes the habit: numbers are added from left to right whatever
the target is, the factors of a derivative are forgotten, and the first option is taken. So the policy knows how to do
better and mostly does not: that is left for GRPO to teach. No held-out row of the recipes is among the homework.
"""

import random
import re
from collections.abc import Callable
from typing import NamedTuple

from benchmarks import easy_countdown, easy_multiple_choice, easy_symbolic
from recipes import countdown, multiple_choice, symbolic
from rlvr_recipes import prompts

SCHOOL = 0.75
CARELESS = 0.6
DRILL = 0.1  # share of the documents that are sums without a puzzle


class Problem(NamedTuple):
    """A question, its solution, a careless one, and what makes two questions one."""

    question: str
    solution: str
    careless: str
    key: tuple[object, ...]


def puzzle(rng: random.Random) -> Problem:
    numbers, target, solution = countdown.puzzle(rng, easy_countdown.COUNTS, easy_countdown.LARGEST)
    total, lines = numbers[0], []
    for number in numbers[1:]:
        lines.append(f"{total} + {number} = {total + number}")
        total += number
    careless = "\n".join([*lines, f"#### {' + '.join(map(str, numbers))}"])
    return Problem(countdown.asked(numbers, target), solution, careless, (target, *sorted(numbers)))


_TERM = re.compile(r"([+-]?) ?(?:(\d+)\*)?(?:(\d+)|[a-z](?:\^(\d))?)")


def coefficients(polynomial: str) -> list[int]:
    """The coefficient of x^k at place k.

    >>> coefficients("-4*x^3 + x - 5")
    [-5, 1, 0, -4]
    """
    found: dict[int, int] = {}
    for sign, factor, constant, power in _TERM.findall(polynomial):
        found[0 if constant else int(power or 1)] = int(f"{sign}{constant or factor or 1}")
    return [found.get(power, 0) for power in range(max(found) + 1)]


def polynomial(rng: random.Random) -> Problem:
    row = easy_symbolic.problem(rng)
    forgotten = symbolic.written(coefficients(row["expression"])[1:], row["variable"])
    return Problem(row["question"], row["solution"], f"#### {forgotten}", (row["question"],))


def choice(rng: random.Random) -> Problem:
    row = easy_multiple_choice.problem(rng)
    right = row["options"][multiple_choice.LETTERS.index(row["answer"])]
    careless = row["options"][0].join(row["solution"].rsplit(right, 2))  # in the reason and on the answer line
    question = multiple_choice.asked(row["question"], row["options"])
    return Problem(question, row["solution"], careless, easy_multiple_choice.key(row))


TASKS: list[Callable[[random.Random], Problem]] = [puzzle, polynomial, choice]


def held_out() -> set[tuple[object, ...]]:
    """The keys of the rows that the policy is measured on."""
    keys: set[tuple[object, ...]] = set()
    for split in ("validation", "test"):
        keys.update(countdown.key(row) for row in easy_countdown.rows(split))
        keys.update((row["question"],) for row in easy_symbolic.rows(split))
        keys.update(easy_multiple_choice.key(row) for row in easy_multiple_choice.rows(split))
    return keys


HELD_OUT = held_out()


def homework(rng: random.Random, careless: float) -> list[tuple[str, bool]]:
    """A few solved problems of one task."""
    task, parts = rng.choice(TASKS), []
    for _ in range(rng.randint(1, 3)):
        problem = task(rng)
        while problem.key in HELD_OUT:
            problem = task(rng)
        solution = problem.careless if rng.random() < careless else problem.solution
        parts += [(prompts.plain([], problem.question), False), (f" {solution}{prompts.BREAK}", True)]
    return parts


def drill(rng: random.Random) -> str:
    """The steps of puzzles, done right."""
    solutions = [countdown.puzzle(rng, easy_countdown.COUNTS, easy_countdown.LARGEST)[2] for _ in range(8)]
    return "".join(f"{line}\n" for solution in solutions for line in solution.split("\n")[:-1]) + "\n"


def document(rng: random.Random, done: float) -> list[tuple[str, bool]]:
    """One text in parts, each with whether it is to be learned: answers are, questions are not.

    Args:
        done: share of the training that is over.
    """
    return [(drill(rng), True)] if rng.random() < DRILL else homework(rng, CARELESS if done >= SCHOOL else 0.0)
