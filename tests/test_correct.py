"""The rewards for a right answer, as TRL calls them: what they pay, what they log, what they refuse."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

import rewards
from rewards import correct_answer, correct_choice, correct_expression, correct_number, correct_quantity, correct_set
from rewards.correct import gold_number
from rewards.extract import ANSWER_LINE, BOXED
from rlvr_recipes import gsm8k

DENOTES = [
    ("18", 18), ("six", 6), ("ten", 10), ("+18", 18), ("-18", -18), ("−18", -18), ("18.", 18), ("18.0", 18), ("018", 18), (" 18 ", 18),
    ("$18", 18), ("-$18", -18), ("$-18", -18), ("\\$18", 18), ("18$", 18), ("€18", 18), ("18 €", 18), ("$18.50", "37/2"),
    ("1,080", 1080), ("109,200,000", 109_200_000), ("1,234.50", "2469/2"), (".5", "1/2"), ("3/4", "3/4"), ("-3/4", "-3/4"),
    ("18 dollars", 18), ("18 apples", 18), ("18 Dollars", 18), ("18kg", 18), ("18 feet", 18), ("*18*", 18), ("$$18$$", 18), ("¥18", 18), ("–18", -18), ("18\u200b", 18), ("2/4", "1/2"), ("18 km.", 18), ("10%", "1/10"), ("10 %", "1/10"), ("0.5%", "1/200"),
    ("**18**", 18), ("$18$", 18), ("**$18**", 18),
]  # fmt: skip

IS_NO_NUMBER = [
    "", "-", "$", ".", "%", "maybe 12 maybe 13", "12 or 13", "12 and 13", "12, 13", "12-13", "12..13", "12 13", "x", "12 x",
    "6*2", "1,2,3", "12,34", "1234,567", "1/0", "1/2/3", "--12", "+-12", "1e3", "12 million",
    "12 dozen", "12 hundred", "12 or so", "12 maybe", "12 not", "about 12", "12 half", "12!", "12?",
    "<!-- 13 --> 12", "0x12", "1_000", "inf", "nan", "12\n13", "12\x00", "$12$13$", "12 $ 13", "9" * 61,
    "12 apples and 13 pears", "36/3", "-$-12", "$+-12", "\\12", "0,012", "12 ½", "12 ⑲", "12 Ⅻ", "12 万", "12 π", "12 per cent",
    "12 pct", "12 thirds", "12 lakhs", "12 crore", "12 bn", "12 Mio", "12m", "12k", "12 M", "12 minus", "12 less", "12 thirteens", "12 probably",
    "12 I guess", "12 nope", "12 incorrect", "12 doubled", "12 оr", "12 ｏｒ ⑲", "12 oder neunzehn", "12 times", "12 vs", "12 TENS", "12\u2028apples", "12\x0bapples", "12 percent", "12 isn't", "1٫5", "²", "12²",
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), DENOTES)
def test_a_number_in_plain_writing_has_its_exact_value(text: str, value: int | str) -> None:
    assert rewards.equal(text, str(value))
    assert not rewards.equal(text, f"{value}1")


@pytest.mark.parametrize("text", IS_NO_NUMBER)
def test_what_is_not_one_number_equals_none(text: str) -> None:
    assert not any(rewards.equal(text, gold) for gold in ("12", "-12", "13", "1"))


@pytest.mark.parametrize(
    ("completion", "gold", "paid"),
    [
        ("6 * 3 = 18\n#### 18", "18", 1.0),
        ("#### 18\n\n", "18", 1.0),
        ("####18", "18", 1.0),
        ("#### 1080", "1,080", 1.0),
        ("#### 1,080", "1080", 1.0),
        ("#### -3", "-3", 1.0),
        ("#### 18.00", "18", 1.0),
        ("#### 0.3333", "1/3", 0.0),
        ("#### 10%", "10", 0.0),
        ("#### 3", "-3", 0.0),
        ("#### 118", "18", 0.0),
        ("#### 180", "18", 0.0),
        ("#### maybe 12 maybe 13", "12", 0.0),
        ("#### 12\n#### 13", "12", 0.0),
        ("#### 13\n#### 12", "12", 0.0),
        ("#### 12 #### 12", "12", 0.0),
        ("#### 12\nNo, it is 13.", "12", 0.0),
        ("#### 12\n\nQuestion: what now?\nAnswer: 5", "12", 0.0),
        ("The answer is 12.", "12", 1.0),
        ("12", "12", 0.0),
        ("Is it #### 12", "12", 0.0),
        ("##### 12", "12", 0.0),
        ("####", "12", 0.0),
        ("#### the answer", "12", 0.0),
        ("", "12", 0.0),
        ("12 it is #### " + " " * 197 + "12", "12", 0.0),
        *[(f"#### 12{line_break}scrap that", "12", 0.0) for line_break in "\r\x0b\x0c\x1c\x85\u2028\u2029"],
        *[(f"so{line_break}#### 12", "12", 1.0) for line_break in ("\r\n", "\r", "\u2028")],
    ],
)
def test_pay(completion: str, gold: str, paid: float) -> None:
    assert correct_number([completion], answer=[gold]) == [paid]
    assert correct_number([[{"role": "assistant", "content": completion}]], answer=[gold]) == [paid]


@pytest.mark.parametrize("gold", ["", " ", "???", "10 - 2 = 8\n#### 8", "\\frac{1}{", None, True, [], float("nan")])
def test_an_unreadable_gold_is_refused_also_by_the_reward_that_reads_all_kinds(gold: object) -> None:
    with pytest.raises(ValueError, match="gold answer"):
        correct_answer(["#### 1"], answer=[gold])


def test_without_options_only_a_letter_alone_is_read() -> None:
    for said in (
        "A: cannot be, so d",
        "(A), (c)",
        "A) false",
        "(A) isn't right",
        "(a)(b)",
        "A or B",
        "(A) vs (c)",
        "A. B",
    ):
        assert correct_choice([f"\\boxed{{{said}}}"], answer=["A"]) == [0.0], said
    for said in ("A", "(a)", "A.", "\\text{(A)}", "option A"):
        assert correct_choice([f"\\boxed{{{said}}}"], answer=["A"]) == [1.0], said
    assert correct_choice(["#### 7"], answer=["B"], options=[[6, 7]]) == [1.0]
    arc = {"label": ["A", "B"], "text": ["a rock", "a tree"]}
    assert correct_choice(["#### a tree"], answer=["B"], options=[arc]) == [1.0]
    with pytest.raises(ValueError, match="not the one text"):
        correct_choice(["#### B"], answer=["B"], options=["A) 6 B) 7"])


@pytest.mark.parametrize("tolerance", ["1%", -1, 50, float("nan"), ["x"]])
def test_a_tolerance_is_a_share(tolerance) -> None:
    with pytest.raises(ValueError, match="tolerance"):
        correct_quantity(["#### 5 m"], answer=["5 m"], tolerance=tolerance)


@pytest.mark.parametrize("gold", ["", "many", "12 or 13", None, True, [], "nan", "x"])
def test_a_bad_gold_raises_and_is_named(gold: object) -> None:
    with pytest.raises(ValueError, match="gold answer"):
        correct_number(["#### 1"], answer=[gold])


def test_a_number_column_may_hold_ints() -> None:
    assert gold_number(-1234) == -1234
    assert correct_number(["#### 7"], answer=[7]) == [1.0]


def test_a_missing_gold_is_no_silent_zero() -> None:
    with pytest.raises(ValueError, match="2 completions, but 1 golds"):
        correct_number(["#### 1", "#### 2"], answer=["1"])


def test_verdicts_reach_the_log() -> None:
    told: dict[str, list[object]] = {}
    correct_number(["#### 4", "it is 4", "#### 5"], answer=["4", "4", "4"], log_extra=told.__setitem__)
    assert told["extracted"] == ["4", None, "5"]
    assert told["lenient"] == [True, True, False]
    assert told["reason"][0] == "4 = 4"
    assert told["reason"][2] == "5 is not 4"


def test_random_text_is_never_paid_and_never_raises() -> None:
    rng = random.Random(0)
    alphabet = "#### 0123456789.,-−+/$€%*()\n\\ orand<>{}=^_|&~"
    for _ in range(20_000):
        text = "".join(rng.choices(alphabet, k=rng.randint(0, 30)))
        assert correct_number([text], answer=["123456789012345"]) == [0.0]


def test_a_recipe_may_choose_which_markers_count() -> None:
    texts = ["The answer is 4.", "\\boxed{5}\n#### 4", "#### 4"]
    assert correct_answer(texts, answer=["4"] * 3) == [1.0, 0.0, 1.0]
    assert correct_answer(texts, answer=["4"] * 3, markers=(ANSWER_LINE,)) == [0.0, 1.0, 1.0]
    assert correct_answer(texts, answer=["4"] * 3, markers=(BOXED,)) == [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="markers is"):
        correct_answer(texts, answer=["4"] * 3, markers=("box",))


def test_arithmetic_left_undone_is_paid_only_on_request() -> None:
    assert correct_number(["#### 6*7"], answer=["42"]) == [0.0]
    assert correct_number(["#### 6*7"], answer=["42"], arithmetic=True) == [1.0]
    assert correct_number(["#### 6*8"], answer=["42"], arithmetic=True) == [0.0]


@pytest.mark.parametrize(
    ("reward", "gold", "right", "wrong", "no_gold"),
    [
        (correct_expression, "x^2-1", "(x+1)(x-1)", "x^2+1", "(B)..."),
        (correct_set, "{1, 2}", "2 or 1", "(1, 2)", "12"),
        (correct_choice, "B", "(b)", "C", "Bonn"),
        (correct_quantity, "5 m", "500 cm", "5", "long"),
    ],
)
def test_every_reward_pays_its_kind_and_names_a_gold_of_another(reward, gold, right, wrong, no_gold) -> None:
    assert reward([f"\\boxed{{{right}}}", f"\\boxed{{{wrong}}}"], answer=[gold] * 2) == [1.0, 0.0]
    with pytest.raises(ValueError, match="gold answer"):
        reward(["\\boxed{1}"], answer=[no_gold])


def test_an_option_is_named_by_letter_by_text_or_by_both_when_they_agree() -> None:
    options = ["Rome", "Paris", "12 cm", "12 m"]
    answers = {
        "B": 1,
        "(b)": 1,
        "Paris": 1,
        "B) Paris": 1,
        "option B": 1,
        "A) Paris": 0,
        "B or A": 0,
        "Bonn": 0,
        "E": 0,
    }
    for said, paid in answers.items():
        assert correct_choice([f"\\boxed{{{said}}}"], answer=["B"], options=[options]) == [paid], said
    assert correct_choice(["#### 12 m"], answer=[3], options=[options]) == [1.0]
    assert correct_choice(["#### B"], answer=["Paris"], options=[{"A": "Rome", "B": "Paris"}]) == [1.0]


def test_a_quantity_converts_exactly_and_its_tolerance_comes_with_the_row() -> None:
    pairs = {"5 m": ("500 cm", 1), "1 mile": ("5280 feet", 1), "36 km/h": ("10 m/s", 1), "212 °F": ("100 degrees Celsius", 1),
             "$2.50": ("250 cents", 1), "5 kg": ("5 m", 0), "1 inch": ("2.5 cm", 0), "5 €": ("$5", 0)}  # fmt: skip
    for gold, (said, paid) in pairs.items():
        assert correct_quantity([f"#### {said}"], answer=[gold]) == [paid], gold
    said = ["#### 9.8 m/s^2"] * 2
    assert correct_quantity(said, answer=["9.81 m/s^2"] * 2, tolerance=["0.01", "0.001"]) == [1.0, 0.0]


def test_every_gsm8k_gold_can_be_earned_by_its_own_solution(gsm8k_folder: Path) -> None:
    n = 0
    for file in ("train.jsonl", "test.jsonl"):
        for line in (gsm8k_folder / file).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            made = gsm8k.row(row["question"], row["answer"], file)
            assert correct_number([made["solution"]], answer=[made["answer"]]) == [1.0], row
            n += 1
    assert n == 7473 + 1319


def test_another_rows_answer_is_never_paid(gsm8k_folder: Path) -> None:
    rows = gsm8k.rows("test", str(gsm8k_folder))
    golds = [row["answer"] for row in rows]
    shifted = golds[1:] + golds[:1]
    paid = correct_number([row["solution"] for row in rows], answer=shifted)
    same = [float(gold_number(a) == gold_number(b)) for a, b in zip(golds, shifted, strict=True)]
    assert paid == same
    assert sum(same) < 30


def test_importing_rewards_is_light() -> None:
    """Nothing of what is slow to import comes with it, and the least of three imports is fast."""
    heavy = "torch trl datasets transformers sympy mpmath pint regex multiprocessing asyncio numpy".split()
    code = (
        "import sys, time; began = time.perf_counter(); import rewards; print(time.perf_counter() - began,"
        f" *[name for name in {heavy!r} if name in sys.modules])"
    )
    seconds = []
    for _ in range(3):
        words = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        assert words[1:] == []
        seconds.append(float(words[0]))
    assert min(seconds) < 0.15


def test_plain_answers_never_load_sympy() -> None:
    code = (
        "import sys; from rewards import correct_answer\n"
        "print(correct_answer(['#### 18 pens', '\\\\boxed{\\\\frac{1}{2}}', '\\\\boxed{(x+1)^2}', '\\\\boxed{x > 3}'],"
        " answer=['18', '0.5', 'x^2+2x+1', '(3, \\\\infty)']), 'sympy' in sys.modules, 'subprocess' in sys.modules)"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.split(" ") == ["[1.0,", "1.0,", "1.0,", "1.0]", "False", "False\n"]
