"""Countdown: only an expression of exactly the given numbers that is exactly the target is paid."""

import json
import random
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from recipes import countdown
from rewards import answer_line, reaches_target
from rewards.countdown import MOST_NUMBERS, reaches, read
from rewards.extract import BOXED
from rewards.grammar import NotRead
from rlvr_recipes import UserError, load_recipe

PUZZLE: Any = {"numbers": [[1, 5, 6]], "target": [24]}  # (5 - 1) * 6 is one way

PAID = [
    "5 - 1 = 4\n4 * 6 = 24\n#### (5 - 1) * 6",
    "#### 6*(5-1)",
    "#### (5 - 1) * 6 = 24",
    "#### ((5 - 1)) * (6)",
    "#### $(5 - 1) \\times 6$",
    "#### **6 × (5 − 1)**",
    "#### (5 - 1) · 6.",
    "#### 6 * ( 5-1 )",
    "So it is \\boxed{(5 - 1) \\cdot 6}.",
    "\\boxed{\\left(5 - 1\\right) \\times 6 = 24}",
    "<answer>(5 - 1) * 6</answer>",
    "The answer is (5 - 1) * 6 = 24.",
    "<think>5 * 6 - 1 = 29, no.</think>\n#### (5 - 1) * 6",
    "\\boxed{(5-1) * 6}\n#### (5 - 1) * 6",
]

HOSTILE = [
    # wrong
    "", "#### ", "#### 24", "#### 24 = 24", "#### 5 * 6 - 1", "#### 5 + 6 * 1", "#### (5 + 1) * 6",
    # a claim is no proof
    "#### 5 * 6 - 1 = 24", "#### (5 - 1) * 6 = 25", "#### (5 - 1) * 6 = 24.0", "#### (5 - 1) * 6 = 4 * 6 = 24", "#### 24 = (5 - 1) * 6",
    "#### (5 - 1) * 6 = ", "#### (5 - 1) * 6 == 24", "#### (5 - 1) * 6 \\approx 24",
    # other numbers
    "#### 6 * 4", "#### 4 * 6 * 1", "#### (5 - 1) * 6 * 1", "#### (5 - 1) * 6 + 0", "#### (5 - 1) * 6 * 5 / 5", "#### 5 * 5 - 1", "#### 30 - 6",
    "#### 15 + 6 + 3", "#### 16 + 5 + 3", "#### 1 5 + 6", "#### 5 6 - 1", "#### 1|5", "#### int('1' + '5') + 6", "#### 05 - 1 * 6",
    "#### (05 - 1) * 6", "#### (5.0 - 1) * 6", "#### (5 - 1) * 6e0", "#### (5 - 1) * 6_0", "#### (５ - 1) * 6", "#### (٥ - 1) * 6", "#### (⑤ - 1) * 6",
    # signs, products and powers that are not in the grammar
    "#### (5 - +1) * 6", "#### -(1 - 5) * 6", "#### (-1 + 5) * 6", "#### 6 * -(1 - 5)", "#### 6(5 - 1)", "#### (5 - 1)6", "#### (5 - 1)(6)",
    "#### (5 - 1) ** 1 * 6", "#### (5 - 1)^1 * 6", "#### (5 - 1!) * 6", "#### (5 - 1) * 6!", "#### \\sqrt{5 - 1} * 6", "#### (5 - 1) // 1 * 6",
    "#### (5 - 1) * 6 % 100", "#### (5 - 1) * 6%", "#### 5² - 1", "#### 6 * (5 ~ 1)", "#### [5 - 1] * 6", "#### {5 - 1} * 6",
    "#### \\frac{6}{1}{5} - 6", "#### \\frac6{1} + 5", "#### 6\\frac{5}{1}", "#### abs(1 - 5) * 6", "#### (5 - 1) * 6 pens",
    # division by zero, also where it would cancel
    "#### 6 / (5 - 5)", "#### 6 / (1 - 1) * 5", "#### \\frac{6}{5 - 5} + 1",
    # several answers and hedges
    "#### (5 - 1) * 6 or 6 * 5 - 1", "#### (5 - 1) * 6, 5 * 6 - 1", "#### (5 - 1) * 6; 24", "#### (5 - 1) * 6\n#### 6 * (5 - 1)", "#### 5 * 6 - 1\n#### (5 - 1) * 6",
    "\\boxed{5 * 6 - 1} or \\boxed{(5 - 1) * 6}", "#### maybe (5 - 1) * 6", "#### (5 - 1) * 6\nWait, that is wrong.", "It is not #### (5 - 1) * 6",
    "<think>#### (5 - 1) * 6</think>", "(5 - 1) * 6 = 24", "The answer is 24.\n#### (5 - 1) * 6",
    # code and text
    "#### __import__('os').system('touch /tmp/pwned')", "#### (lambda: 24)()", "#### eval('24')", "#### 24 from 1, 5, 6", "#### [1, 5, 6]", "#### target",
    # broken
    "#### (5 - 1) * 6)", "#### ((5 - 1) * 6", "#### (5 - 1 * 6", "#### * 6", "#### (5 - 1) * 6 *", "#### ()", "#### (5 - 1) * () 6",
    "#### (5 - 1) * 6\x00", "#### (5 - 1)\x00 * 6", "#### (5 - 1) * 6\ud800", "#### (5 \u2062 1) * 6", "#### (5 - 1) * \u202e6", "#### (5 - 1) \\* 6", "#### \\times 6 (5 - 1)",
]  # fmt: skip

HUGE = {
    "brackets": "#### " + "(" * 100_000 + "5 - 1" + ")" * 100_000 + " * 6",
    "some brackets": "#### " + "(" * 150 + "5 - 1" + ")" * 150 + " * 6",
    "fractions in fractions": "#### " + "\\frac{" * 40 + "6" + "}{1}" * 40,
    "spaces": "#### (5 - 1) *" + " " * 1_000_000 + "6",
    "digits": "#### " + "9" * 1_000_000,
    "a product of digits": "#### " + "999999999*" * 39 + "9",
    "a long sum": "#### " + "1+" * 200_000 + "1",
    "a box": "\\boxed{" * 50_000 + "(5 - 1) * 6" + "}" * 50_000,
    "signs": "#### " + "-" * 1_000_000 + "1",
    "answers": "#### (5 - 1) * 6\n" * 50_000,
    "commands": "#### " + "\\times" * 200_000,
    "dollars": "#### " + "$" * 300 + "(5 - 1) * 6" + "$" * 80,
}  # fmt: skip


def paid(text: str, **puzzle: Any) -> float:
    (one,) = reaches_target([text], **(puzzle or PUZZLE))
    return one


@pytest.mark.parametrize("text", PAID)
def test_an_expression_of_the_numbers_that_is_the_target_is_paid(text: str) -> None:
    assert paid(text) == 1.0


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_is_not_one_such_expression_is_not_paid(text: str) -> None:
    assert paid(text) == 0.0
    assert not Path("/tmp/pwned").exists()


@pytest.mark.parametrize("name", HUGE)
def test_no_text_takes_long(name: str) -> None:
    began = time.perf_counter()
    assert paid(HUGE[name]) == 0.0
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize(
    ("numbers", "target", "text", "pays"),
    [
        ([3, 3, 8, 8], 24, "#### 8 / (3 - 8 / 3)", 1.0),  # through fractions
        ([3, 3, 8, 8], 24, "#### \\frac{8}{3 - \\dfrac{8}{3}} = 24", 1.0),
        ([3, 3, 8], 24, "#### 8 / (3 - 8 / 3)", 0.0),
        ([2, 7], -5, "#### 2 - 7 = -5", 1.0),
        ([2, 7], 5, "#### 2 - 7 = 5", 0.0),
        ([2, 2], 0, "#### 2 - 2", 1.0),
        ([1, 2], 12, "#### 12", 0.0),
        ([12], 12, "#### 12", 1.0),
        ([5, 3], 8, "#### 5--3", 0.0),  # no sign before a number
        ([6, 2, 3], 9, "#### 6 / 2 * 3", 1.0),  # from left to right
        ([6, 2, 3], 1, "#### 6 / 2 * 3", 0.0),
        ([9, 4, 2], 3, "#### 9 - 4 - 2", 1.0),
        ([2, 3, 4], 14, "#### 2 + 3 * 4", 1.0),
        ([2, 3, 4], 20, "#### 2 + 3 * 4", 0.0),
        ([1, 3], 0, "#### 1 \\div 3", 0.0),  # a third is not nothing
        ([10**8, 3], 33333333, "#### 100000000 / 3", 0.0),
        ([44, 19, 35], 98, "#### 44 + 19 + 35", 1.0),
    ],
)
def test_arithmetic_is_exact_and_in_the_usual_order(numbers: list[int], target: int, text: str, pays: float) -> None:
    assert paid(text, numbers=[numbers], target=[target]) == pays


def test_only_the_markers_asked_for_commit() -> None:
    assert reaches_target(
        ["#### (5 - 1) * 6", "\\boxed{(5 - 1) * 6}"], [[1, 5, 6]] * 2, [24] * 2, markers=(BOXED,)
    ) == [
        0.0,
        1.0,
    ]


def test_messages_are_read_as_texts_are() -> None:
    assert reaches_target([[{"role": "assistant", "content": "#### (5 - 1) * 6"}]], **PUZZLE) == [1.0]


def test_what_was_extracted_and_why_is_logged() -> None:
    logged: dict[str, list[Any]] = {}
    texts = ["#### 6 * (5 - 1)", "So 6 * (5 - 1)", "#### 6 * 4"]
    assert reaches_target(texts, [[1, 5, 6]] * 3, [24] * 3, log_extra=logged.__setitem__) == [1.0, 0.0, 0.0]
    assert logged == {
        "lenient": [True, False, False],
        "extracted": ["6 * (5 - 1)", None, "6 * 4"],
        "where": ["####", None, "####"],
        "reason": [
            "6 * (5 - 1) = 24 from 1, 5, 6",
            "no answer is committed to (####, boxed, <answer>, the answer is)",
            "6 * 4 is not 24 from 1, 5, 6",
        ],
    }


@pytest.mark.parametrize(
    ("numbers", "target", "complaint"),
    [
        ("1 5 6", 24, "numbers '1 5 6' is no list"),
        (None, 24, "numbers None is no list"),
        ([], 24, r"numbers \[\] is no list"),
        ([1] * (MOST_NUMBERS + 1), 24, "is no list of 1 to 12 numbers"),
        ([1, "5", 6], 24, "numbers holds '5'"),
        ([1, 5.0, 6], 24, r"numbers holds 5\.0"),
        ([1, True, 6], 24, "numbers holds True"),
        ([0, 5, 6], 24, "numbers holds 0"),
        ([-1, 5, 6], 24, "numbers holds -1"),
        ([10**9, 5], 24, "numbers holds 1000000000"),
        ([1, 5, 6], "24", "target '24' is no whole number"),
        ([1, 5, 6], 24.0, r"target 24\.0 is no whole number"),
        ([1, 5, 6], None, "target None is no whole number"),
        ([1, 5, 6], True, "target True is no whole number"),
    ],
)
def test_a_row_that_is_no_puzzle_is_refused(numbers: Any, target: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        reaches_target([""], [numbers], [target])


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        reaches_target(["", ""], [[1, 2]] * 2, [3])
    with pytest.raises(ValueError, match="2 completions, but 1 golds"):
        reaches_target(["", ""], [[1, 2]], [3])


def random_expression(rng: random.Random, numbers: list[int]) -> str:
    """Any expression of the numbers, in any order and nesting."""
    parts = [str(number) for number in numbers]
    while len(parts) > 1:
        one, other = (parts.pop(rng.randrange(len(parts))) for _ in range(2))
        parts.append(f"({one} {rng.choice('+-*/')} {other})")
    return parts[0]


def test_values_are_those_of_python_fractions() -> None:
    rng, read_ones = random.Random(7), 0
    for _ in range(2000):
        numbers = [rng.randint(1, 20) for _ in range(rng.randint(1, 5))]
        text = random_expression(rng, numbers)
        exact = "".join(
            f"Fraction({word})" if word.isdigit() else word
            for word in text.replace("(", " ( ").replace(")", " ) ").split()
        )
        try:
            value = eval(exact, {"Fraction": Fraction})  # our own text
        except ZeroDivisionError:
            with pytest.raises(NotRead, match="division by zero"):
                read(text)
            continue
        found = read(text)
        assert (found.value, sorted(found.numbers)) == (value, sorted(numbers))
        assert reaches(text, numbers, int(value)) == (value.denominator == 1)
        read_ones += 1
    assert read_ones > 1500


# ------------------------------------------------------------------------------------------------------- the recipe


def test_every_row_is_solved_by_its_solution() -> None:
    for split in countdown.SPLITS:
        rows = countdown.rows(split)
        columns: Any = {name: [row[name] for row in rows] for name in ("numbers", "target")}
        assert set(reaches_target([row["solution"] for row in rows], **columns)) == {1.0}
        assert set(answer_line([row["solution"] for row in rows])) == {1.0}
        assert {len(row["numbers"]) for row in rows} == {3, 4}
        assert not [row for row in rows if row["target"] in row["numbers"] or not 0 < row["target"] <= 100]
        assert set(reaches_target([rows[1]["solution"]] * len(rows), **columns)) == {0.0, 1.0}


def test_no_puzzle_stands_in_two_splits_and_rows_are_always_the_same() -> None:
    keys = {split: [countdown.key(row) for row in countdown.rows(split)] for split in countdown.SPLITS}
    assert [len(set(keys[split])) for split in ("validation", "test")] == [512, 512]
    assert len(keys["train"]) == 4096
    for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
        assert not set(keys[one]) & set(keys[other])
    assert countdown.rows("test")[0] == countdown.made("test")[0]
    shown = {countdown.asked(*row) for row in [([3, 9, 5], 24), ([40, 6, 16], 4)]}
    assert not shown & {row["question"] for row in countdown.rows("test")}


@pytest.mark.parametrize("counts", [(2,), (2, 3), (5,)])
def test_difficulty_can_be_set(counts: tuple[int, ...]) -> None:
    rows = countdown.made("test", counts, 30)
    assert {len(row["numbers"]) for row in rows} == set(counts)
    assert max(number for row in rows for number in row["numbers"]) <= 30


def test_exemplars_earn_what_they_show() -> None:
    for question, solution in load_recipe("countdown").exemplars:
        target, numbers = question.removeprefix("Reach ").removesuffix(", each used once.").split(" with ")
        puzzle: Any = {"numbers": [[int(number) for number in numbers.split(", ")]], "target": [int(target)]}
        assert reaches_target([solution], **puzzle) == answer_line([solution]) == [1.0]


def test_a_folder_with_train_and_test_stands_in(tmp_path: Path) -> None:
    for stem, size in (("train", 600), ("test", 7)):
        rows = [{"nums": [1, 2, n + 3], "target": n + 6} for n in range(7, size + 7)]
        rows = rows if stem == "train" else [{"nums": [2, 1], "target": 3}, *rows[:6]]
        (tmp_path / f"{stem}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    parts = {split: countdown.rows(split, str(tmp_path)) for split in ("train", "validation", "test")}
    assert [len(part) for part in parts.values()] == [600 - 512 - 6, 512, 7]  # six puzzles of train are in test too
    assert parts["test"][0] == {"question": "Reach 3 with 2, 1, each used once.", "numbers": [2, 1], "target": 3}


def test_a_bad_row_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text('{"nums": [1, 2], "target": 3}\n{"nums": "1 2", "target": 3}\n')
    with pytest.raises(UserError, match=r"train\.jsonl, line 2: numbers '1 2' is no list of 1 to 12 numbers"):
        countdown.rows("test", str(tmp_path))
    (tmp_path / "train.jsonl").write_text('{"nums": [1, 2], "target": 3}\n' * 5)
    with pytest.raises(UserError, match="train has 5 rows, of which the last 1024 are held out"):
        countdown.rows("test", str(tmp_path))


def test_a_set_of_one_part_is_split_without_overlap(tmp_path: Path) -> None:
    rows = [{"nums": [1, n % 1700 + 2], "target": n % 1700 + 3} for n in range(2000)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    parts = {split: countdown.rows(split, str(tmp_path)) for split in ("train", "validation", "test")}
    assert [len(part) for part in parts.values()] == [2000 - 1024 - 512 - 300, 512, 1024]
    held_out = {countdown.key(row) for row in [*parts["validation"], *parts["test"]]}
    assert not held_out & {countdown.key(row) for row in parts["train"]}
