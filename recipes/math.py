r"""MATH, 4-shot, chat: an instruct model solves competition problems and puts the answer in `\boxed{}`.

Data      DigitalLearningGmbH/MATH-lighteval: 7,500 train rows, of which the last 512 are the validation rows, and 5,000
          test rows; those whose gold correct_answer cannot read are left out and counted. Or --dataset_path: a folder
          or hub id with the columns problem and solution (or answer), such as recipes/samples/math (40 and 20 rows,
          made for this project) or HuggingFaceH4/MATH-500 (test only)
Policy    Qwen/Qwen2.5-0.5B-Instruct, NF4 double quant, LoRA r16 on all linear layers; made for one 16 GB GPU
Rewards   correct_worked_answer decides, for golds of every kind; the question's own formula is no answer to it.
          boxed_answer only breaks ties early on
Expected  not yet measured: no run of this recipe has been recorded
"""

import re

from rewards import boxed_answer, correct_answer, correct_worked_answer
from rewards.grammar import closing
from rlvr_recipes import Case, Recipe, UserError, data, prompts
from rlvr_recipes.command import say
from rlvr_recipes.recipe import Row

HUB = data.Hub("DigitalLearningGmbH/MATH-lighteval")
VALIDATION_ROWS = 512  # the last rows of train, or the last fifth where that is less
MOST_LEFT_OUT = 0.05  # share of rows without a gold that can be read; with more it is another kind of data
SYSTEM = "Reason step by step, and put the final answer within \\boxed{}."
BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*")
ASKED_FOR_ALL = re.compile(r"\ball\b[^.]*\bseparated by (?:a )?commas?\b", re.IGNORECASE)
ORDERED = re.compile(
    r"\border|\b(?:least|greatest|smallest|largest|increasing|decreasing|respectively)\b", re.IGNORECASE
)
_told: set[str] = set()

EXEMPLARS = [
    ("What is the sum of the solutions of $x^2 - 9x + 8 = 0$?",
     "The solutions are $1$ and $8$, since $(x - 1)(x - 8) = x^2 - 9x + 8$.\n\nThe answer is $\\boxed{9}$."),
    ("A bag holds $3$ red and $5$ green marbles. Two are drawn without replacement. What is the probability that both "
     "are green? Express your answer as a common fraction.",
     "The first is green with probability $\\frac{5}{8}$, the second then with $\\frac{4}{7}$. "
     "The product is $\\frac{20}{56} = \\frac{5}{14}$.\n\nThe answer is $\\boxed{\\frac{5}{14}}$."),
    ("Solve $|x - 2| \\le 5$. Give the answer in interval notation.",
     "The distance of $x$ from $2$ is at most $5$, so $-3 \\le x \\le 7$.\n\nThe answer is $\\boxed{[-3, 7]}$."),
    ("A rectangle has sides $2$ and $6$. How long is its diagonal?",
     "By the Pythagorean theorem it is $\\sqrt{2^2 + 6^2} = \\sqrt{40} = 2\\sqrt{10}$.\n\n"
     "The answer is $\\boxed{2\\sqrt{10}}$."),
]  # fmt: skip


def gold_of(solution: str) -> str | None:
    r"""What stands in the box of a solution, or None where there is no box, or two say different things.

    >>> gold_of(r"so $x = \boxed{\frac{1}{2}}$."), gold_of(r"$\boxed 7$"), gold_of(r"$\boxed{1}$ and $\boxed{2}$")
    ('\\frac{1}{2}', '7', None)
    """
    golds = set()
    for box in BOX.finditer(solution):
        token = solution[box.end() : box.end() + 1]
        end = closing(solution, box.end()) if token == "{" else box.end() + 1
        if end < 0 or not token or (token != "{" and solution[end : end + 1].isalnum()):
            return None
        golds.add(" ".join(solution[box.end() + (token == "{") : end].split()))
    return golds.pop() if len(golds) == 1 else None


def pays(answer: str, gold: str) -> bool:
    try:
        return correct_answer([f"\\boxed{{{answer}}}"], answer=[gold]) == [1.0]
    except ValueError:  # a gold that cannot be read
        return False


def as_asked(question: str, gold: str) -> str:
    r"""A list as a set, where the question asks for all of something and says nothing of an order.

    >>> as_asked("Find all roots, separated by commas.", "1, 2"), as_asked("Find the point.", "(1, 2)")
    ('\\{1, 2\\}', '(1, 2)')
    """
    items = gold.replace(" ", "").split(",")
    several = len(items) > 1 and len(set(items)) == len(items)
    listed = several and ASKED_FOR_ALL.search(question) and not ORDERED.search(question)
    as_set = f"\\{{{gold}\\}}"
    return as_set if listed and pays(gold, as_set) else gold


def rows(split: str, dataset_path: str | None = None) -> list[Row]:
    """Rows with `question`, `solution` and `answer`, without those whose gold cannot be read.

    Raises:
        UserError: a missing column, a file that is broken, or more rows without a gold than `MOST_LEFT_OUT`.
    """
    stem = "test" if split == "test" else "train"
    made, left_out = [], []
    for place, record in data.records(stem, dataset_path, HUB):
        question = str(data.column(record, "problem", place))
        if record.get("answer") in (None, ""):
            solution = str(data.column(record, "solution", place))
            gold = gold_of(solution)
        else:
            solution, gold = str(record.get("solution") or ""), " ".join(str(record["answer"]).split())
        if gold is None or not pays(gold, gold):
            left_out.append(f"{place}: {'no one box in the solution' if gold is None else gold:.100}")
        else:
            made.append(
                {"question": question.strip(), "solution": solution.strip(), "answer": as_asked(question, gold)}
            )
    if left_out:
        text = f"{stem}: {len(left_out)} of {len(made) + len(left_out)} rows left out, whose gold cannot be read"
        if len(left_out) > MOST_LEFT_OUT * (len(made) + len(left_out)):
            raise UserError(f"{text}, such as {left_out[0]}")
        if text not in _told:
            say(f"{text}, such as {left_out[0]}")
            _told.add(text)
    return made if stem == "test" else data.held_out(made, split, min(VALIDATION_ROWS, max(1, len(made) // 5)))


def prompt(row: Row, exemplars: prompts.Exemplars) -> list[dict[str, str]]:
    return prompts.chat(SYSTEM, exemplars, row["question"])


GIVEN = "\\frac{6}{3 - \\sqrt{3}}"
RATIONALIZED = {"question": f"Rationalize the denominator of ${GIVEN}$.", "answer": "3 + \\sqrt{3}"}

RECIPE = Recipe(
    model="Qwen/Qwen2.5-0.5B-Instruct",
    rows=rows,
    prompt=prompt,
    exemplars=EXEMPLARS,
    shots=4,
    rewards={correct_worked_answer: 1.0, boxed_answer: 0.1},
    config={"max_completion_length": 1024, "max_steps": 300},
    cases=[
        Case("$\\boxed{3 + \\sqrt{3}}$", **RATIONALIZED, correct_worked_answer=1.0, boxed_answer=1.0),
        Case(f"$\\boxed{{{GIVEN}}}$", **RATIONALIZED, correct_worked_answer=0.0, boxed_answer=1.0),
        Case("So it is $\\boxed{\\frac{1}{2}}$.", answer="\\frac{1}{2}", correct_worked_answer=1.0, boxed_answer=1.0),
        Case("So $x = \\boxed{0.5}$.", answer="\\frac12", correct_worked_answer=1.0, boxed_answer=1.0),
        Case("$\\boxed{(x + 1)(x - 1)}$", answer="x^2 - 1", correct_worked_answer=1.0, boxed_answer=1.0),
        Case("$\\boxed{7, -2}$", answer="\\{-2, 7\\}", correct_worked_answer=1.0, boxed_answer=1.0),
        Case("$\\boxed{x < 3}$", answer="(-\\infty, 3)", correct_worked_answer=1.0, boxed_answer=1.0),
        Case("The answer is 12.", answer="12", correct_worked_answer=1.0, boxed_answer=0.0),
        Case("$\\boxed{\\frac{2}{1}}$", answer="\\frac{1}{2}", correct_worked_answer=0.0, boxed_answer=1.0),
        Case("$\\boxed{(2, 1)}$", answer="(1, 2)", correct_worked_answer=0.0, boxed_answer=1.0),
        Case("$\\boxed{3}$ or $\\boxed{4}$", answer="4", correct_worked_answer=0.0, boxed_answer=0.0),
        Case("$\\boxed{3 \\text{ or } 4}$", answer="4", correct_worked_answer=0.0, boxed_answer=1.0),
        Case("$\\boxed{9^{9^{9^{9}}}}$", answer="4", correct_worked_answer=0.0, boxed_answer=1.0),
        Case("<think>$\\boxed{4}$", answer="4", correct_worked_answer=0.0, boxed_answer=0.0),
    ],
)
