"""`correct_text` pays the gold text, word for word, and nothing that is calculated from it or hedges about it."""

import time

import pytest

from rewards import correct_text

PAID = [
    ("#### Paris", "Paris"),
    ("It is in France.\n#### paris", "Paris"),
    ("The answer is **Paris**.", "Paris"),
    ("\\boxed{\\text{New York}}", "New York"),
    ("<answer>“Rio de  Janeiro”</answer>", "Rio de Janeiro"),
    ("#### YES", "yes"),
    ("#### no", "No"),
    ("#### 2020-05-01", "2020-05-01"),
    ("#### 555-1234", "555-1234"),
    ("#### salt and pepper", "salt and pepper"),
    ("#### this or that", "this or that"),
    ("#### not enough information", "not enough information"),
    ("#### C++", "C++"),
    ("#### cafe\u0301", "caf\u00e9"),
    ("#### O\u2019Brien", "O'Brien"),
    ("#### O'Brien", "O\u2019Brien"),
    ("#### \u00abParis\u00bb", "Paris"),
    ("#### \u201eParis\u201c", "Paris"),
    ("#### hCl", "HCl"),
    ("#### Paris\u200b", "Paris"),
    ("\\boxed{\\textit{Paris}}", "Paris"),
    ("#### ALBERT EINSTEIN", "Albert Einstein"),
]
UNPAID = [
    ("#### Rome", "Paris"),
    ("#### Paris or Rome", "Paris"),
    ("#### Paris, Rome", "Paris"),
    ("#### Rome\n#### Paris", "Paris"),
    ("#### not Paris", "Paris"),
    ("#### Paris\nNo, it is Rome.", "Paris"),
    ("Paris", "Paris"),
    ("<think>The answer is Paris.</think>", "Paris"),
    ("#### Paris, France", "Paris"),
    ("#### 2014", "2020-05-01"),
    ("#### 2021-06-01", "2020-05-01"),
    ("#### -679", "555-1234"),
    ("#### 0.5", "1/2"),
    ("#### 2139", "02139"),
    ("#### CO", "Co"),
    ("#### A", "A*"),
    ("#### 5", "5!"),
    ("#### getname", "getName"),
    ("#### hcl", "HCl"),
    ("#### Pa\u200bris", "Paris"),
    ("#### HCL", "HCl"),
    ("#### 5'", '5"'),
    ("#### X7GH2K", "x7Gh2K"),
    ("#### that or this", "this or that"),
    ("####", "Paris"),
    ("", "Paris"),
]
HOSTILE = [
    "#### " + "a" * 10**6,
    "\\text{" * 10**5,
    "#### " + "*" * 10**6,
    "#### \ud800",
    "\x00#### \x00",
    "#### " + "Paris " * 10**5,
    "#### " + "*" * 10**5 + "Rome",
    "#### " + "_ " * 10**5 + "Rome",
    "#### a" + "\u0301\u0316" * 10**5,
]


@pytest.mark.parametrize(("text", "gold"), PAID)
def test_the_gold_text_is_paid_however_it_is_dressed(text: str, gold: str) -> None:
    assert correct_text([text], answer=[gold]) == [1.0]
    assert correct_text([[{"role": "assistant", "content": text}]], answer=[gold]) == [1.0]


@pytest.mark.parametrize(("text", "gold"), UNPAID)
def test_another_text_or_a_hedge_is_not(text: str, gold: str) -> None:
    assert correct_text([text], answer=[gold]) == [0.0]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_completion_raises_or_hangs(text: str) -> None:
    begun = time.process_time()
    assert correct_text([text], answer=["Paris"], log_extra=lambda column, values: None) == [0.0]
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("gold", ["", " ", 5, None, "two\nlines", "#### x"])
def test_a_gold_that_could_not_be_paid_raises(gold: object) -> None:
    with pytest.raises(ValueError, match="gold answer"):
        correct_text(["#### x"], answer=[gold])


def test_what_was_read_and_why_is_logged() -> None:
    logged: dict[str, list[object]] = {}
    correct_text(["#### Rome"], answer=["Paris"], log_extra=logged.__setitem__)
    assert logged["extracted"] == ["Rome"]
    assert logged["reason"] == ["Rome is not Paris"]
    assert logged["where"] == ["####"]
