"""Multiple choice, 4-shot, plain text: a base model reasons in a line and answers on a last line `#### <letter>`.

Data      made here: 4,096 train rows, 512 validation rows, 512 test rows; no question stands in two splits, and every
          letter is right equally often. Or --dataset_path: a folder with train and test (columns question, options,
          answer), or a hub id such as allenai/ai2_arc
Policy    Qwen/Qwen2.5-0.5B (base), NF4 double quant, LoRA r16 on all linear layers; made for one 16 GB GPU
Rewards   correct_choice decides; answer_line only breaks ties early on
Expected  not yet measured: no run of this recipe has been recorded
"""

import random
from typing import TypeAlias

from rewards import answer_line, correct_choice
from rewards.choices import by_letter, gold_letter
from rlvr_recipes import Case, Recipe, UserError, data, prompts
from rlvr_recipes.recipe import Row

SPLITS = {"train": (1, 4096), "validation": (2, 512), "test": (3, 512)}  # seed, rows
ARC = data.Hub("allenai/ai2_arc", "ARC-Challenge")
VALIDATION_ROWS = 128  # the last rows of a train file, or the last fifth where that is less
Problem: TypeAlias = tuple[str, str, list[str], str]  # question, right option, wrong ones, why it is right
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

WORDS = """apple bread chair dress eagle flame grape house inkwell jacket knife lemon music night olive plant queen
river storm table uncle violin window yard zebra ant bridge cloud door engine forest garden hill island juice kitten
lamp moon needle ocean paper quilt roof spoon train umbrella valley winter yellow zipper""".split()


def largest_or_smallest(rng: random.Random) -> Problem:
    values, name = rng.sample(range(2, 100), 4), rng.choice(["largest", "smallest"])
    values.sort(reverse=name == "largest")
    right, *wrong = map(str, values)
    return f"Which number is the {name}?", right, wrong, f"The {name} is {right}."


def odd_or_even(rng: random.Random) -> Problem:
    name, rest = rng.choice([("even", 0), ("odd", 1)])
    right = 2 * rng.randint(1, 48) + rest
    wrong = [2 * half + 1 - rest for half in rng.sample(range(1, 49), 3)]
    return f"Which number is {name}?", str(right), [*map(str, wrong)], f"Only {right} is {name}."


def sequence(rng: random.Random) -> Problem:
    step, hidden = rng.choice([-1, 1]) * rng.randint(2, 9), rng.randint(1, 3)
    first = rng.randint(2, 60) + max(0, -3 * step)
    values = [first + place * step for place in range(4)]
    right, before = values[hidden], values[hidden - 1]
    near = {right + 1, right - 1, right + 2, right - 2, right + 10, right + step, right - step} - {right}
    wrong = rng.sample(sorted(value for value in near if value > 0), 3)
    shown = ", ".join("?" if place == hidden else str(value) for place, value in enumerate(values))
    why = f"{before} {'-' if step < 0 else '+'} {abs(step)} = {right}"
    return f"Which number is missing: {shown}", str(right), [*map(str, wrong)], why


def alphabet(rng: random.Random) -> Problem:
    first, name = rng.choice([(True, "first"), (False, "last")])
    right, *wrong = map(str, sorted(rng.sample(WORDS, 4), reverse=not first))
    return f"Which word comes {name} in the alphabet?", right, wrong, f"The {name} is {right}."


def problem(rng: random.Random) -> Problem:
    return rng.choice([largest_or_smallest, odd_or_even, sequence, alphabet])(rng)


def made(split: str) -> list[Row]:
    """Rows of our own with a `solution` beside the columns; a question drawn for an earlier split is drawn again."""
    seen: set[str] = set()
    for name, (seed, size) in SPLITS.items():
        rng, found = random.Random(seed), []
        letters = [*LETTERS[:4]] * (size // 4)
        rng.shuffle(letters)
        while letters:
            question, right, options, why = problem(rng)
            key = question if ":" in question else f"{question} {sorted([right, *options])}"
            if key not in seen:
                seen.add(key)
                rng.shuffle(options)
                letter = letters.pop()
                options.insert(LETTERS.index(letter), right)
                solution = f"{why}\n#### {letter}"
                found.append({"question": question, "options": options, "answer": letter, "solution": solution})
        if name == split:
            return found
    raise KeyError(split)


def read(record: data.Record, place: str) -> Row:
    """A row of somebody's data; the options get our letters whatever theirs are called."""
    question = data.column(record, "question", place)
    given = data.column(record, "choices" if "choices" in record else "options", place)
    gold = data.column(record, "answerKey" if "answerKey" in record else "answer", place)
    try:
        options = by_letter(given)
        place_of_gold = [*options].index(gold_letter(gold, given))
    except ValueError as error:
        raise UserError(f"{place}: {error}") from error
    if not isinstance(question, str):
        raise UserError(f"{place}: the question is {question!r:.80}, no text")
    if not 2 <= len(options) <= len(LETTERS):
        raise UserError(f"{place}: a question needs 2 to {len(LETTERS)} options; there are {len(options)}")
    if not all(text.strip() for text in options.values()):
        raise UserError(f"{place}: an option is empty")
    return {"question": question, "options": [*options.values()], "answer": LETTERS[place_of_gold]}


def rows(split: str, dataset_path: str | None = None) -> list[Row]:
    """Rows with `question`, `options` and `answer`, a letter; our own where no data set is named."""
    if dataset_path is None:
        return made(split)
    stem = "test" if split == "test" else "train"
    records = data.records(stem, None, ARC) if dataset_path == ARC.id else data.records(stem, dataset_path)
    found = [read(record, place) for place, record in records]
    return found if stem == "test" else data.held_out(found, split, min(VALIDATION_ROWS, max(1, len(found) // 5)))


def asked(question: str, options: list[str]) -> str:
    lines = [f"{letter}) {text}" for letter, text in zip(LETTERS, options, strict=False)]
    return "\n".join([question, *lines])


def prompt(row: Row, exemplars: prompts.Exemplars) -> str:
    return prompts.plain(exemplars, asked(row["question"], row["options"]))


EXEMPLARS = [
    (asked("Which number is the largest?", ["40", "8", "73", "61"]), "The largest is 73.\n#### C"),
    (asked("Which number is missing: 5, 9, ?, 17", ["13", "12", "14", "21"]), "9 + 4 = 13\n#### A"),
    (asked("Which word comes first in the alphabet?", ["onion", "stone", "nest", "egg"]), "The first is egg.\n#### D"),
    (asked("Which number is odd?", ["52", "19", "6", "80"]), "Only 19 is odd.\n#### B"),
]  # fmt: skip
CITIES = ["Rome", "Paris", "Bonn", "Oslo"]

RECIPE = Recipe(
    model="Qwen/Qwen2.5-0.5B",
    rows=rows,
    prompt=prompt,
    exemplars=EXEMPLARS,
    shots=4,
    stop=prompts.STOP,  # a base model goes on to invent the next question
    rewards={correct_choice: 1.0, answer_line: 0.1},
    config={"max_completion_length": 64, "max_steps": 200},
    cases=[
        Case(" It is Paris.\n#### B\n\n", answer="B", options=CITIES, correct_choice=1.0, answer_line=1.0),
        Case(" #### (b) Paris", answer="B", options=CITIES, correct_choice=1.0, answer_line=1.0),
        Case(" The answer is Paris.", answer="B", options=CITIES, correct_choice=1.0, answer_line=0.0),
        Case(" It is Rome.\n#### A\n\n", answer="B", options=CITIES, correct_choice=0.0, answer_line=1.0),
        Case(" #### A) Paris", answer="B", options=CITIES, correct_choice=0.0, answer_line=1.0),
        Case(" #### A or B", answer="B", options=CITIES, correct_choice=0.0, answer_line=1.0),
        Case(" #### A\n#### B\n#### C\n#### D", answer="D", options=CITIES, correct_choice=0.0, answer_line=0.0),
        Case(" #### B\nNo, A.", answer="B", options=CITIES, correct_choice=0.0, answer_line=0.0),
        Case(" Paris is in France.", answer="B", options=CITIES, correct_choice=0.0, answer_line=0.0),
    ],
)
