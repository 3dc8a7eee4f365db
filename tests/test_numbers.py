"""correct_number pays exactly the right answers, wherever a policy might try to be paid for others."""

import json
import random
import time
from fractions import Fraction
from pathlib import Path

import pytest

from rewards import correct_number
from rewards.numbers import gold_number, judge_number, parse_number
from rlvr_recipes import gsm8k

DENOTES = [
    ("18", 18), ("+18", 18), ("-18", -18), ("−18", -18), ("18.", 18), ("18.0", 18), ("018", 18), (" 18 ", 18),
    ("$18", 18), ("-$18", -18), ("$-18", -18), ("\\$18", 18), ("18$", 18), ("€18", 18), ("18 €", 18), ("$18.50", "37/2"),
    ("1,080", 1080), ("109,200,000", 109_200_000), ("1,234.50", "2469/2"), (".5", "1/2"), ("3/4", "3/4"), ("-3/4", "-3/4"),
    ("18 dollars", 18), ("18 apples", 18), ("18 Dollars", 18), ("18kg", 18), ("18 feet", 18), ("*18*", 18), ("$$18$$", 18), ("¥18", 18), ("–18", -18), ("18\u200b", 18), ("2/4", "1/2"), ("18 km.", 18), ("10%", "1/10"), ("10 %", "1/10"), ("0.5%", "1/200"),
    ("**18**", 18), ("$18$", 18), ("**$18**", 18),
]  # fmt: skip

IS_NO_NUMBER = [
    "", "-", "$", ".", "%", "maybe 12 maybe 13", "12 or 13", "12 and 13", "12, 13", "12-13", "12..13", "12 13", "x", "12 x",
    "x = 12", "6*2", "12 = 12", "1,2,3", "12,34", "1234,567", "1/0", "1/2/3", "--12", "+-12", "- 12", "1e3", "12 million",
    "12 dozen", "12 hundred", "12 or so", "12 maybe", "12 not", "about 12", "12 half", "(12)", "[12]", "{12}", "12!", "12?",
    "<!-- 13 --> 12", "0x12", "1_000", "inf", "nan", "12\n13", "12\x00", "$12$13$", "12 $ 13", "\\boxed{12}", "9" * 61,
    "twelve", "12 apples and 13 pears", "12 red apples", "36/3", "-$-12", "$+-12", "\\12", "0,012", "12 ½", "12 ⑲", "12 Ⅻ", "12 万", "12 π", "12 per cent",
    "12 pct", "12 thirds", "12 lakhs", "12 crore", "12 bn", "12 Mio", "12 m", "12m", "12k", "12 M", "12 minus", "12 less", "12 thirteens", "12 probably",
    "12 I guess", "12 nope", "12 incorrect", "12 doubled", "12 оr", "12 ｏｒ ⑲", "12 oder neunzehn", "12 times", "12 vs", "12 TENS", "12\u2028apples", "12\x0bapples", "12 percent", "12 isn't", "1٫5", "²", "12²",
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), DENOTES)
def test_a_number_in_plain_writing_has_its_exact_value(text: str, value: int | str) -> None:
    assert parse_number(text) == Fraction(value)


@pytest.mark.parametrize("text", IS_NO_NUMBER)
def test_what_is_not_one_number_has_no_value(text: str) -> None:
    assert parse_number(text) is None


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
        ("The answer is 12.", "12", 0.0),
        ("12", "12", 0.0),
        ("Is it #### 12", "12", 0.0),
        ("##### 12", "12", 0.0),
        ("####", "12", 0.0),
        ("#### the answer", "12", 0.0),
        ("", "12", 0.0),
        ("12 it is #### " + " " * 197 + "12", "12", 0.0),
        ("####" + " " * 300 + "12", "12", 0.0),
        *[(f"#### 12{line_break}scrap that", "12", 0.0) for line_break in "\r\x0b\x0c\x1c\x85\u2028\u2029"],
        *[(f"so{line_break}#### 12", "12", 1.0) for line_break in ("\r\n", "\r", "\u2028")],
    ],
)
def test_pay(completion: str, gold: str, paid: float) -> None:
    assert correct_number([completion], answer=[gold]) == [paid]
    assert correct_number([[{"role": "assistant", "content": completion}]], answer=[gold]) == [paid]


@pytest.mark.parametrize("gold", ["", "twelve", "12 or 13", None, 1.5, True, [], "nan"])
def test_a_bad_gold_raises_and_is_named(gold: object) -> None:
    with pytest.raises(ValueError, match="gold answer"):
        correct_number(["#### 1"], answer=[gold])


def test_a_number_column_may_hold_ints() -> None:
    assert gold_number(-1234) == -1234
    assert correct_number(["#### 7"], answer=[7]) == [1.0]


def test_a_missing_gold_is_no_silent_zero() -> None:
    with pytest.raises(ValueError, match="shorter|longer"):
        correct_number(["#### 1", "#### 2"], answer=["1"])


def test_verdicts_reach_the_log() -> None:
    told: dict[str, list[object]] = {}
    correct_number(["#### 4", "it is 4", "#### 5"], answer=["4", "4", "4"], log_extra=told.__setitem__)
    assert told["extracted"] == ["4", None, "5"]
    assert told["lenient"] == [True, True, False]
    assert told["reason"][0] == "4 = 4"
    assert told["reason"][2] == "5 is not 4"


@pytest.mark.parametrize(
    "completion",
    [
        "#### " + "9" * 1_000_000,
        "#" * 1_000_000,
        "#### " + "1," * 500_000,
        "#### " + "(" * 1_000_000,
        "\n" * 1_000_000 + "#### 1",
        "#### 1" + " " * 1_000_000 + "x",
        "#### 9**9**9**9**9",
        "#### __import__('os').system('false')",
        "#### 1\x00",
        "#### \ud800",
        ("a" * 50 + " ") * 20_000,
        "1" * 1_000_000,
        "#### 1/" + "9" * 55,
    ],
)
def test_hostile_text_is_refused_within_a_second(completion: str) -> None:
    began = time.perf_counter()
    told: dict[str, list[object]] = {}
    paid = correct_number([completion], answer=["2"], log_extra=told.__setitem__)
    assert paid == [0.0]
    assert time.perf_counter() - began < 1


def test_random_text_is_never_paid_and_never_raises() -> None:
    rng = random.Random(0)
    alphabet = "#### 0123456789.,-−+/$€%*()\n\\ orand"
    for _ in range(20_000):
        text = "".join(rng.choices(alphabet, k=rng.randint(0, 30)))
        assert not judge_number(text, "123456789012345").paid


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
