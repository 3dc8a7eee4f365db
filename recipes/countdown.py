"""Countdown, 4-shot, plain text: a base model reaches a target with given numbers, each used once: `#### <expression>`.

Data      made here: 4,096 train rows, 512 validation rows, 512 test rows of 3 or 4 numbers up to 99; no puzzle in two
          splits. Or --dataset_path: a file or folder with the columns nums and target, or a hub id such as
          Jiayi-Pan/Countdown-Tasks-3to4. Its only part is train, 490,364 rows (give --train_rows too): the last 1,024
          are the test, the 512 before them validation
Policy    Qwen/Qwen2.5-0.5B (base), NF4 double quant, LoRA r16 on all linear layers; made for one 16 GB GPU
Rewards   reaches_target decides; answer_line only breaks ties early on
Expected  not yet measured: no run of this recipe has been recorded
"""

import random
from collections.abc import Sequence

from rewards import answer_line, reaches_target
from rewards.countdown import Puzzle
from rlvr_recipes import Case, Recipe, UserError, data, prompts
from rlvr_recipes.recipe import Row

SPLITS = {"test": (3, 512), "validation": (2, 512), "train": (1, 4096)}  # seed, rows; train takes what the others left
COUNTS = (3, 4)  # how many numbers a puzzle has
LARGEST = 99  # number
LARGEST_TARGET = 100
TEST_ROWS, VALIDATION_ROWS = 1024, 512  # the last rows of a train part that comes alone


def results(a: int, b: int) -> dict[str, int]:
    """What the four operations make of two numbers, where that is a positive whole number."""
    made = {"+": a + b, "-": a - b, "*": a * b, "/": a // b if a % b == 0 else 0}
    return {operation: result for operation, result in made.items() if result > 0}


def bracketed(text: str, inner: str, outer: str, right: bool) -> str:
    """An operand, in brackets where its operation `inner` would not come before the one around it."""
    loose = inner in "+-" and outer in "*/"
    return f"({text})" if inner and (loose or (right and outer in "-/")) else text


def puzzle(rng: random.Random, counts: Sequence[int], largest: int) -> tuple[list[int], int, str]:
    """Numbers, a target that is none of them, and a worked solution."""
    while True:
        numbers = [rng.randint(1, largest) for _ in range(rng.choice(counts))]
        parts, lines = [(number, str(number), "") for number in numbers], []  # value, expression, last operation
        while len(parts) > 1:
            (a, left, of_left), (b, right, of_right) = (parts.pop(rng.randrange(len(parts))) for _ in range(2))
            operation, result = rng.choice([*results(a, b).items()])
            lines.append(f"{a} {operation} {b} = {result}")
            left, right = bracketed(left, of_left, operation, False), bracketed(right, of_right, operation, True)
            parts.append((result, f"{left} {operation} {right}", operation))
        target, expression, _ = parts[0]
        if target <= LARGEST_TARGET and target not in numbers:
            return numbers, target, "\n".join([*lines, f"#### {expression}"])


def asked(numbers: Sequence[int], target: int) -> str:
    return f"Reach {target} with {', '.join(map(str, numbers))}, each used once."


def key(row: Row) -> tuple[int, ...]:
    """What makes two puzzles one."""
    return (row["target"], *sorted(row["numbers"]))


def made(split: str, counts: Sequence[int] = COUNTS, largest: int = LARGEST) -> list[Row]:
    """Rows of our own, with a `solution` beside the columns; no held-out puzzle is drawn twice or for train."""
    held_out: set[tuple[int, ...]] = set()
    for name, (seed, size) in SPLITS.items():
        rng, found = random.Random(seed), []
        while len(found) < size:
            numbers, target, solution = puzzle(rng, counts, largest)
            row = {"question": asked(numbers, target), "numbers": numbers, "target": target, "solution": solution}
            if key(row) not in held_out:
                found.append(row)
                held_out.update([key(row)] if name != "train" else [])
        if name == split:
            return found
    raise KeyError(split)


def read(record: data.Record, place: str) -> Row:
    """A row of somebody's data."""
    numbers, target = data.column(record, "nums", place), data.column(record, "target", place)
    try:
        Puzzle(numbers, target)
    except ValueError as error:
        raise UserError(f"{place}: {error}") from error
    return {"question": asked(numbers, target), "numbers": numbers, "target": target}


def rows(split: str, dataset_path: str | None = None) -> list[Row]:
    """Rows with `question`, `numbers` and `target`; our own where no data set is named."""
    if dataset_path is None:
        return made(split)
    tables = data.tables(dataset_path)
    found = {name: [read(record, place) for place, record in table] for name, table in tables.items()}
    for name, size in (("test", TEST_ROWS), ("validation", VALIDATION_ROWS)):
        if name not in found:
            found[name] = data.held_out(found["train"], "validation", size)
            found["train"] = data.held_out(found["train"], "train", size)
    held_out = {key(row) for row in [*found["validation"], *found["test"]]}
    found["train"] = [row for row in found["train"] if key(row) not in held_out]
    return found[split]


def prompt(row: Row, exemplars: prompts.Exemplars) -> str:
    return prompts.plain(exemplars, row["question"])


SOLVED = [  # numbers, target, solution
    ([3, 9, 5], 24, "3 * 5 = 15\n15 + 9 = 24\n#### 3 * 5 + 9"),
    ([40, 6, 16], 4, "40 - 16 = 24\n24 / 6 = 4\n#### (40 - 16) / 6"),
    ([7, 62, 30, 2], 53, "62 + 30 = 92\n92 / 2 = 46\n7 + 46 = 53\n#### 7 + (62 + 30) / 2"),
    ([15, 6, 33, 9], 36, "6 * 9 = 54\n54 - 33 = 21\n21 + 15 = 36\n#### 6 * 9 - 33 + 15"),
]
PUZZLE = {"numbers": [3, 9, 5], "target": 24}  # of the cases

RECIPE = Recipe(
    model="Qwen/Qwen2.5-0.5B",
    rows=rows,
    prompt=prompt,
    exemplars=[(asked(numbers, target), solution) for numbers, target, solution in SOLVED],
    shots=4,
    stop=prompts.STOP,  # a base model goes on to invent the next question
    rewards={reaches_target: 1.0, answer_line: 0.1},
    config={"max_completion_length": 96, "max_steps": 300},
    cases=[
        *[Case(text, numbers=ns, target=t, reaches_target=1.0, answer_line=1.0) for ns, t, text in SOLVED],
        Case("So it is \\boxed{9 + 5 \\times 3 = 24}.", **PUZZLE, reaches_target=1.0, answer_line=0.0),
        Case("#### 3 * 9 - 5", **PUZZLE, reaches_target=0.0, answer_line=1.0),
        Case("#### 3 * 9 - 5 = 24", **PUZZLE, reaches_target=0.0, answer_line=1.0),
        Case("#### 24", **PUZZLE, reaches_target=0.0, answer_line=1.0),
        Case("#### 3 * 5 + 9 * 5 / 5", **PUZZLE, reaches_target=0.0, answer_line=1.0),
        Case("#### 39 - 3 * 5", **PUZZLE, reaches_target=0.0, answer_line=1.0),
        Case("#### 3 * 5 + 9 or 9 * 5 - 3", **PUZZLE, reaches_target=0.0, answer_line=1.0),
        Case("#### 3 * 9 - 5\n#### 3 * 5 + 9", **PUZZLE, reaches_target=0.0, answer_line=0.0),
        Case("#### (lambda: 24)()", **PUZZLE, reaches_target=0.0, answer_line=1.0),
    ],
)
