"""Arithmetic, 2-shot: short word problems from a seeded generator, learned by a tiny policy on a CPU.

Data      made here: 4,096 train rows, 512 validation rows, 512 test rows; no question stands in two splits
Policy    assets/tiny_policy, 0.86 M parameters, NF4. It calculates well, but it learned to read from careless homework:
          three solutions in five add the numbers whatever the story asks
Rewards   correct_number decides; answer_line only breaks ties early on
Expected  20.1% -> 99.6%, 98.4%, 99.4% of 512 test rows (seeds 1, 2, 3) in 40 steps, 24 to 26 s on 2 CPU cores;
          commit b8ceb12eba94, benchmarks/RESULTS.md
"""

import random

from rewards import answer_line, correct_number
from rlvr_recipes import Case, Recipe, prompts

SPLITS = {"train": (1, 4096), "validation": (2, 512), "test": (3, 512)}  # seed, rows

NAMES = "Ada Ben Cleo Dan Eva Finn Gina Hugo Ida Jon Kim Leo Mia Ned Ola Pia".split()
THINGS = "pens apples books cards shells coins stamps eggs cups nuts keys rings plums bells balls kites".split()

# (operations from left to right, story)
STORIES = [
    ("+", "{name} has {a} {things} and finds {b} more. How many {things} does {name} have now?"),
    ("+", "There are {a} {things} in the hall and {b} {things} in the yard. How many {things} are there in all?"),
    ("+", "{name} sold {a} {things} on Monday and {b} on Tuesday. How many {things} did {name} sell?"),
    ("-", "{name} has {a} {things} and loses {b} of them. How many {things} are left?"),
    ("-", "A shop had {a} {things} and sold {b}. How many {things} does the shop still have?"),
    ("-", "{name} needs {a} {things} and has {b} so far. How many {things} are missing?"),
    ("*", "{name} fills {a} bags with {b} {things} each. How many {things} is that?"),
    ("*", "A box holds {a} {things}. How many {things} are in {b} boxes?"),
    ("*", "{name} gets {a} {things} every day. How many {things} does {name} have after {b} days?"),
    ("/", "{name} shares {a} {things} equally among {b} friends. How many {things} does each friend get?"),
    ("/", "{a} {things} are packed in boxes of {b}. How many boxes are needed?"),
    ("*+", "{name} has {a} bags of {b} {things} and {c} loose {things}. How many {things} does {name} have?"),
    ("*+", "{name} buys {a} boxes of {b} {things}, then {c} more {things}. How many {things} did {name} buy?"),
    ("*-", "{name} picks {a} baskets of {b} {things} and eats {c}. How many {things} remain?"),
    ("*-", "A shop gets {a} crates of {b} {things}. {c} are broken. How many {things} are whole?"),
]


def numbers(operations: str, rng: random.Random) -> list[int]:
    """Operands for which every step of `operations` stays a positive whole number."""
    if operations == "+":
        return [rng.randint(2, 49), rng.randint(2, 49)]
    if operations == "-":
        a = rng.randint(10, 99)
        return [a, rng.randint(2, a - 1)]
    a, b = rng.randint(2, 9), rng.randint(2, 9)
    if operations == "/":
        return [a * b, b]
    if operations == "*":
        return [a, b]
    return [a, b, rng.randint(2, 20) if operations == "*+" else rng.randint(2, a * b - 1)]


def solve(operands: list[int], operations: str) -> str:
    """The worked solution, one step a line, and its answer line."""
    total, lines = operands[0], []
    for operation, operand in zip(operations, operands[1:], strict=True):
        result = {"+": total + operand, "-": total - operand, "*": total * operand, "/": total // operand}[operation]
        lines.append(f"{total} {operation} {operand} = {result}")
        total = result
    return "\n".join([*lines, f"#### {total}"])


def problem(rng: random.Random) -> tuple[str, list[int], str]:
    """One question, its operands and the operations that solve it."""
    operations, story = rng.choice(STORIES)
    operands = numbers(operations, rng)
    letters = dict(zip("abc", operands, strict=False))
    return story.format(name=rng.choice(NAMES), things=rng.choice(THINGS), **letters), operands, operations


def rows(split: str) -> list[dict[str, str]]:
    """Rows with `question`, `solution` and `answer`; a question drawn for an earlier split is drawn again."""
    seen: set[str] = set()
    for name, (seed, size) in SPLITS.items():
        rng, made = random.Random(seed), []
        while len(made) < size:
            question, operands, operations = problem(rng)
            if question not in seen:
                seen.add(question)
                solution = solve(operands, operations)
                made.append({"question": question, "solution": solution, "answer": solution.split("#### ")[1]})
        if name == split:
            return made
    raise KeyError(split)


def prompt(row: dict[str, str], exemplars: prompts.Exemplars) -> str:
    return prompts.plain(exemplars, row["question"])


RECIPE = Recipe(
    model="assets/tiny_policy",
    rows=rows,
    prompt=prompt,
    exemplars=[
        ("Rosa has 14 marbles and finds 9 more. How many marbles does Rosa have now?", "14 + 9 = 23\n#### 23"),
        ("A tray holds 6 rolls. How many rolls are on 4 trays?", "6 * 4 = 24\n#### 24"),
        ("A farmer had 31 hens and sold 8. How many hens does the farmer still have?", "31 - 8 = 23\n#### 23"),
        (
            "Tim buys 3 packs of 5 pencils, then 4 more pencils. How many pencils did Tim buy?",
            "3 * 5 = 15\n15 + 4 = 19\n#### 19",
        ),
        ("A jar with 48 sweets is shared by 6 friends. How many sweets does each get?", "48 / 6 = 8\n#### 8"),
        ("Nina saw 27 birds on Monday and 35 on Tuesday. How many birds did Nina see?", "27 + 35 = 62\n#### 62"),
        (
            "Omar had 60 stickers. He gave away 12 and then lost 9. How many stickers are left?",
            "60 - 12 = 48\n48 - 9 = 39\n#### 39",
        ),
        ("A box has 7 rows of 9 tiles. How many tiles are in the box?", "7 * 9 = 63\n#### 63"),
    ],
    shots=2,
    stop=prompts.STOP,
    rewards={correct_number: 1.0, answer_line: 0.1},
    config={
        "learning_rate": 5e-4,
        "per_device_train_batch_size": 64,
        "gradient_accumulation_steps": 1,
        "gradient_checkpointing": False,
        "max_completion_length": 32,
        "max_steps": 40,
        "save_steps": 10,
    },
    cases=[
        Case(" 9 * 2 = 18\n#### 18\n\n", answer="18", correct_number=1.0, answer_line=1.0),
        Case(" 9 + 2 = 11\n#### 11\n\n", answer="18", correct_number=0.0, answer_line=1.0),
        Case(" 9 * 2 = 18\n\n", answer="18", correct_number=0.0, answer_line=0.0),
        Case(" #### 18 or 11", answer="18", correct_number=0.0, answer_line=1.0),
    ],
)
