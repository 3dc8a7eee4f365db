"""The question's own formula is no answer to it, in any order of its terms; a number is not left as a task."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards import correct_answer
from rewards.worked import correct_worked_answer, left_as_task

EXPAND = "Expand $(2x - 3)(x + 5)$."
EXPANDED = "2x^2 + 7x - 15"
FACTOR = "Factor the polynomial $p(x) = x^2 - 10x + 21$."
FACTORED = "(x - 3)(x - 7)"


@pytest.mark.parametrize(
    ("question", "gold", "said", "paid"),
    [
        (EXPAND, EXPANDED, "2x^2 + 7x - 15", 1),
        (EXPAND, EXPANDED, "-15 + 7x + 2x^2", 1),
        (EXPAND, EXPANDED, "x(2x + 7) - 15", 1),  # any other form may be paid
        (EXPAND, EXPANDED, "(2x - 3)(x + 5)", 0),
        (EXPAND, EXPANDED, "(2x-3)(x+5)", 0),
        (EXPAND, EXPANDED, "(x + 5)(2x - 3)", 0),
        (EXPAND, EXPANDED, "(5 + x) \\cdot (-3 + 2x)", 0),
        (EXPAND, EXPANDED, "\\left(2x - 3\\right)\\left(x + 5\\right)", 0),
        (EXPAND, EXPANDED, "(2x - 3)(x + 5) + 0", 0),
        (EXPAND, EXPANDED, "1(2x - 3)(x + 5)", 0),
        (EXPAND, EXPANDED, "--(2x - 3)(x + 5)", 0),
        (EXPAND, EXPANDED, "y = (2x - 3)(x + 5)", 0),
        (EXPAND, EXPANDED, "\\frac{(2x - 3)(x + 5)}{1}", 0),
        (EXPAND, EXPANDED, "\\frac{x + 5}{1}(2x - 3)", 0),
        (EXPAND, EXPANDED, "(2x - 3)^1(x + 5)", 0),
        (EXPAND, EXPANDED, "(2x - 3)(x + 5) \\cdot 1^1", 0),
        (EXPAND, EXPANDED, "(2x + (-3))(x + 5)", 0),
        ("Expand $(x + y)^2$.", "x^2 + 2xy + y^2", "(x + y)(y + x)", 0),
        ("Expand $(x + y)^2$.", "x^2 + 2xy + y^2", "x \\cdot x + 2xy + y^2", 1),
        ("Write $(x + 1)(x + 1)$ as a power.", "(x + 1)^2", "(1 + x)(x + 1)", 0),
        ("Simplify $5 - 3(2x - 1)$.", "8 - 6x", "-3(2x - 1) + 5", 0),
        ("Simplify $5 - 3(2x - 1)$.", "8 - 6x", "5 + (-3)(2x - 1)", 0),
        ("Simplify $5 - 3(2x - 1)$.", "8 - 6x", "5 - (2x - 1) \\cdot 3", 0),
        ("Simplify $5 - 3(2x - 1)$.", "8 - 6x", "-6x + 8", 1),
        ("Simplify $5 - 3(2x - 1)$.", "8 - 6x", "2(4 - 3x)", 1),
        ("Simplify $\\frac{x^2}{x}$.", "x", "x", 1),
        (EXPAND, EXPANDED, "2x^2 + 7x + 15", 0),
        (FACTOR, FACTORED, "(x - 7)(x - 3)", 1),
        (FACTOR, FACTORED, "p(x) = (x - 7)(x - 3)", 1),
        (FACTOR, FACTORED, "x^2 - 10x + 21", 0),
        (FACTOR, FACTORED, "21 - 10x + x^2", 0),
        (FACTOR, FACTORED, "p(x) = x^2 - 10x + 21", 0),
        (FACTOR, FACTORED, "x \\cdot x - 10x + 21", 0),
        ("Solve $3x - 5 = 7$.", "x = 4", "x = 4", 1),
        ("Solve $3x - 5 = 7$.", "x = 4", "4 = x", 1),
        ("Solve $3x - 5 = 7$.", "x = 4", "4", 1),
        ("Solve $3x - 5 = 7$.", "x = 4", "3x = 12", 0),
        ("Solve $3x - 5 = 7$.", "x = 4", "7 = 3x - 5", 0),
        ("Solve $3x - 5 = 7$.", "x = 4", "x - 4 = 0", 0),
        ("Solve $|x - 2| \\le 5$.", "[-3, 7]", "-3 \\le x \\le 7", 1),
        ("Solve $|x - 2| \\le 5$.", "[-3, 7]", "x \\in [-3, 7]", 1),
        ("Solve $|x - 2| \\le 5$.", "[-3, 7]", "5 \\ge |x - 2|", 0),
        ("Solve $|x - 2| \\le 5$.", "-3 \\le x \\le 7", "|2 - x| \\le 5", 0),
        ("Solve $2x + 1 > 7$.", "x > 3", "3 < x", 1),
        ("Solve $2x + 1 > 7$.", "(3, \\infty)", "x > 3", 1),
        ("Solve $2x + 1 > 7$.", "(3, \\infty)", "2x > 6", 0),
        ("Solve $-5 \\le 2x + 1 < 15$.", "[-3, 7)", "-6 \\le 2x < 14", 0),
        ("Solve $-5 \\le 2x + 1 < 15$.", "[-3, 7)", "7 > x \\ge -3", 1),
        ("Where is $x^2 - 4x + 3 > 0$?", "x < 1 \\text{ or } x > 3", "x > 3 \\text{ or } x < 1", 1),
        ("Where is $x^2 - 4x + 3 > 0$?", "(-\\infty, 1) \\cup (3, \\infty)", "|x - 2| > 1", 0),
        ("How long is $AB$?", "AB = 5", "AB = 5", 1),
        ("Find the line.", "y = 2x + 1", "2x + 1 = y", 1),
        ("Find the line.", "y = 2x + 1", "y - 2x = 1", 1),
        ("Simplify \\(\\sqrt{72} + \\sqrt{50}\\).", "11\\sqrt{2}", "11\\sqrt{2}", 1),
        ("Simplify \\(\\sqrt{72} + \\sqrt{50}\\).", "11\\sqrt{2}", "\\sqrt{242}", 1),
        ("Simplify \\(\\sqrt{72} + \\sqrt{50}\\).", "11\\sqrt{2}", "\\sqrt{50} + \\sqrt{72}", 0),
        ("Compute \\[(3 + 2i)(1 - 4i).\\]", "11 - 10i", "-10i + 11", 1),
        ("Compute \\[(3 + 2i)(1 - 4i).\\]", "11 - 10i", "(3 + 2i)(1 - 4i)", 0),
        ("Simplify $\\sqrt{50}$.", "5\\sqrt{2}", "50^{1/2}", 0),
        ("Simplify $\\sqrt{50}$.", "5\\sqrt{2}", "5 \\cdot 2^{1/2}", 1),
        ("Write $2^{1/2}$ with a root.", "\\sqrt{2}", "2^{(1/2)}", 0),
        ("Write $\\sqrt{2}$ as a power.", "2^{1/2}", "2^{\\frac{1}{2}}", 1),
        ("Compute the product.", "11 - 10i", "(1 - 4i)(3 + 2i)", 0),
        ("Compute it.", "-4", "(1 + i)^4", 0),
        ("Compute $i^{2022}$.", "-1", "i \\cdot i", 0),
        ("Compute $i^{2022}$.", "-1", "e^{i\\pi}", 0),
        ("Compute $i^{2022}$.", "-1", "-1", 1),
        ("In exponential form?", "e^{i\\pi/3}", "e^{\\frac{i\\pi}{3}}", 1),
        ("Compute it.", "2 + 2\\sqrt{2}", "2(1 + \\sqrt{2})", 1),
        ("Compute it.", "(1 + \\sqrt{2})(1 + \\sqrt{3})", "(1 + \\sqrt{3})(1 + \\sqrt{2})", 1),
        ("Compute $$\\sin 150^\\circ.$$", "\\frac{1}{2}", "0.5", 1),
        ("Compute $$\\sin 150^\\circ.$$", "\\frac{1}{2}", "\\sin 150^\\circ", 0),
        ("Compute $$\\sin 150^\\circ.$$", "\\frac{1}{2}", "\\sin 30^\\circ", 0),
        ("Write it as a cosine.", "\\cos 15^\\circ", "\\sin 75^\\circ", 1),
        ("Find $\\log_2 3$ by natural logarithms.", "\\frac{\\ln 3}{\\ln 2}", "\\frac{\\ln 3}{\\ln 2}", 1),
        ("Express $0.\\overline{27}$ as a common fraction.", "\\frac{3}{11}", "\\frac{3}{11}", 1),
        ("Express $0.\\overline{27}$ as a common fraction.", "\\frac{3}{11}", "0.\\overline{27}", 0),
        ("Which of $\\frac{3}{7}$ and $\\frac{4}{9}$ is larger?", "\\frac{4}{9}", "\\frac{4}{9}", 1),
        ("A sphere has surface area $36\\pi$. Find its volume.", "36\\pi", "36 \\pi", 1),
        ("A shirt of $\\$40$ was raised and reduced. What does it cost?", "40", "40", 1),
        ("If $x + 1 = 5$, what is $x$?", "4", "x = 4", 1),
        ("What is $(0, 3)$ reflected?", "(0, -3)", "(0, -3)", 1),
        ("No formula here, and an odd $ sign.", "7", "7", 1),
    ],
)
def test_what_counts_as_worked_out(question: str, gold: str, said: str, paid: float) -> None:
    text = f"So it is $\\boxed{{{said}}}$."
    assert correct_worked_answer([text], answer=[gold], question=[question]) == [paid]
    assert correct_worked_answer([text], answer=[gold]) >= [paid]
    assert correct_answer([text], answer=[gold]) >= [paid]


def test_the_log_says_why_and_the_lenient_reading_goes_with_it() -> None:
    told: dict[str, list[Any]] = {}
    texts = ["\\boxed{(x + 5)(2x - 3)}", f"\\boxed{{{EXPANDED}}}", "no answer"]
    columns: dict[str, Any] = {"answer": [EXPANDED] * 3, "question": [EXPAND] * 3}
    assert correct_worked_answer(texts, log_extra=told.__setitem__, **columns) == [0.0, 1.0, 0.0]
    assert told["reason"][0] == "(x + 5)(2x - 3) is the question's own formula"
    assert told["lenient"] == [False, True, False]
    assert told["extracted"] == ["(x + 5)(2x - 3)", EXPANDED, None]


def test_columns_of_different_length_and_bad_golds_are_refused() -> None:
    with pytest.raises(ValueError, match="2 completions, but 2 golds and 1 values"):
        correct_worked_answer(["", ""], answer=["1", "2"], question=["q"])
    with pytest.raises(ValueError, match="gold answer '' is no answer"):
        correct_worked_answer([""], answer=[""], question=["q"])


PIECES = "x y 2 15 + - * / ^ ( ) { } \\frac \\sqrt \\sin $ = , \\left( \\right) i \\pi \ud800 \0 \\boxed{".split(" ")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30), st.lists(st.sampled_from(PIECES), max_size=30))
def test_no_answer_and_no_question_raises(answer: list[str], question: list[str]) -> None:
    text = " ".join(answer)
    assert isinstance(left_as_task(text, "x^2 - 1", " ".join(question)), str | None)
    assert correct_worked_answer(
        [f"\\boxed{{{text}}}"], answer=["123456789"], question=["$" + " ".join(question) + "$"]
    ) == [0.0]


@pytest.mark.parametrize("piece", ["$", "$x", "\\(", "$x$ ", "\\[x+1\\]", "(", "x+", "\\frac{"])
def test_long_questions_and_answers_are_read_in_time(piece: str) -> None:
    long = piece * (200_000 // len(piece))
    begin = time.perf_counter()
    left_as_task("x^2 - 1", "(x-1)(x+1)", long)
    left_as_task(long, "(x-1)(x+1)", "$x^2 - 1$")
    assert time.perf_counter() - begin < 2
