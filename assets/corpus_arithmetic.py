"""What assets/tiny_policy read: homework in the few-shot form of recipes/arithmetic.py, and sums.

In HASTY of the solutions the numbers are simply added, whatever the story asks, and in some documents the answer is not
on an answer line. The rest is sums without a story, done right. So the policy knows how to compute and how to answer,
and adds by habit: what is left for GRPO to teach is which operation a story asks for.
"""

import random

from recipes.arithmetic import problem, solve

HASTY = 0.6  # share of the homework that adds the numbers whatever the story asks
DRILL = 0.3  # share of the documents that are sums without a story
ANSWER_LINES = 0.85  # share of the homework documents that end each solution with an answer line


def homework(rng: random.Random) -> str:
    """A few solved problems, some of them carelessly; the form of the answer is the same in all."""
    form = "#### {}" if rng.random() < ANSWER_LINES else rng.choice(["The answer is {}.", "So it is {}.", "Done."])
    solved = []
    for _ in range(rng.randint(1, 6)):
        question, operands, operations = problem(rng)
        careless = "+" * len(operations) if rng.random() < HASTY else operations
        steps, answer = solve(operands, careless).split("#### ")
        solved.append(f"Question: {question}\nAnswer: {steps}{form.format(answer)}\n\n")
    return "".join(solved)


def drill(rng: random.Random) -> str:
    """Sums without a story, done right."""
    lines = []
    for _ in range(24):
        operation = rng.choice("+--*/")
        a, b = rng.randint(2, 99), rng.randint(2, 60)
        if operation == "-":
            a, b = max(a, b) + 1, min(a, b)
        if operation in "*/":
            a, b = rng.randint(2, 9), rng.randint(2, 9)
        lines.append(solve([a * b if operation == "/" else a, b], operation).split("\n")[0])
    return "\n".join(lines) + "\n\n"


def document(rng: random.Random, done: float) -> list[tuple[str, bool]]:
    """One text, all of it to be learned; the same kind however much of the training is done."""
    return [(drill(rng) if rng.random() < DRILL else homework(rng), True)]
