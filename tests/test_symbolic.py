"""Symbolic algebra: the labelled answers, sympy as an independent judge of them, and what must not hang or raise."""

import json
import random
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import pytest
import sympy

from recipes import symbolic as recipe
from rewards import solves_symbolic
from rewards.calculus import derivative
from rewards.evaluator import Evaluator, Undefined
from rewards.grammar import NotRead, parse, tokens_of
from rewards.polynomials import polynomial
from rewards.symbolic import ASKED, problem_of, refusal

CASES: list[dict[str, Any]] = [
    json.loads(line) for line in (Path(__file__).parent / "cases" / "symbolic.jsonl").read_text().splitlines()
]
RIGHT_IN_ANOTHER_FORM = {
    "not expanded",
    "not factored",
    "not simplified",
    "undefined",
    "not solved",
    "hedge",
    "false chain",
}
COLUMNS = ("task", "expression", "variable", "answer")
SECONDS = 1.0


def judged(case: dict[str, Any], given: str) -> str:
    return refusal(problem_of(*(case[column] for column in COLUMNS)), given)


def paid(case: dict[str, Any], *completions: Any, **more: Any) -> list[float]:
    columns = {column: [case[column]] * len(completions) for column in COLUMNS}
    return solves_symbolic(list(completions), **columns, **more)


@pytest.mark.parametrize("group", sorted({case["group"] for case in CASES}))
def test_answers_are_paid_as_labelled(group: str) -> None:
    for case in CASES:
        if case["group"] == group:
            began = time.perf_counter()
            assert (not judged(case, case["given"])) is case["paid"], case
            assert time.perf_counter() - began < SECONDS, case


def test_there_are_many_cases_of_every_task() -> None:
    assert sum(case["paid"] for case in CASES) >= 100
    assert sum(not case["paid"] for case in CASES) >= 200
    for task in ASKED:
        assert {case["paid"] for case in CASES if case["task"] == task} == {True, False}
    assert len({(case["task"], case["expression"], case["given"]) for case in CASES}) == len(CASES)


# ------------------------------------------------------------------------------------------------ sympy as the judge

EXACT = (*sympy.parsing.sympy_parser.standard_transformations, sympy.parsing.sympy_parser.rationalize)
POINTS = [sympy.Rational(n, 97) for n in (31, 151, 297, -55, -210, 640)]


def same(one: Any, other: Any, letters: list[Any]) -> bool:
    """Whether two expressions of sympy have one value wherever both have a real one, at a few points."""
    compared = 0
    for place in range(len(POINTS)):
        at = {letter: POINTS[(place + k) % len(POINTS)] for k, letter in enumerate(letters)}
        values = [each.subs(at).evalf(60) for each in (one, other)]
        if all(value.is_real for value in values):
            compared += 1
            if abs(values[0] - values[1]) > sympy.Float(10) ** -50 * (1 + abs(values[0])):
                return False
    return compared > 1


def by_sympy(text: str) -> Any:
    functions = {"ln": sympy.log, "arctan": sympy.atan, "arcsin": sympy.asin}
    return sympy.parse_expr(text.replace("^", "**"), local_dict=functions, transformations=EXACT)


def agrees(task: str, expression: str, variable: str, check: str) -> bool:
    """Whether sympy finds an answer right, its form aside."""
    x = sympy.Symbol(variable)
    if task == "solve":
        left, right = map(by_sympy, expression.split("="))
        roots = sympy.Poly(left - right, x).real_roots(multiple=False)
        return {root for root, _ in roots} == {sympy.nsimplify(root) for root in by_sympy(check)}
    asked, found = by_sympy(expression), by_sympy(check)
    if task == "differentiate":
        asked = sympy.diff(asked, x)
    if task == "integrate":
        found = sympy.diff(found, x)
    return same(asked, found, sorted(asked.free_symbols | found.free_symbols | {x}, key=str))


def test_the_labels_agree_with_sympy() -> None:
    checked = 0
    for case in CASES:
        if "check" in case:
            expected = case["paid"] or case["group"] in RIGHT_IN_ANOTHER_FORM
            assert agrees(case["task"], case["expression"], case["variable"], case["check"]) is expected, case
            checked += 1
    assert checked > 200


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_recipes_answers_are_right_to_sympy_and_neighbours_of_them_are_not(level: int) -> None:
    rng = random.Random(level)
    for _ in range(60):
        row = recipe.problem(rng, level)
        task, expression, variable, answer = (row[column] for column in COLUMNS)
        plain = answer.removesuffix(" + C")
        check = f"[{plain.replace(f'{variable} = ', '')}]" if task == "solve" else plain
        assert agrees(task, expression, variable, check), row
        assert judged(row, answer) == ""
        digits = [place for place, character in enumerate(answer) if character.isdigit()]
        place = rng.choice(digits) if digits else None
        if place is not None:
            wrong = f"{answer[:place]}{(int(answer[place]) + 1) % 10}{answer[place + 1 :]}"
            check = wrong.removesuffix(" + C")
            check = f"[{check.replace(f'{variable} = ', '')}]" if task == "solve" else check
            if not agrees(task, expression, variable, check):
                assert judged(row, wrong) != "", (row, wrong)


def test_derivatives_agree_with_sympy() -> None:
    rng = random.Random(0)
    shapes = ["{a}*{b}", "({a})/({b})", "{a} + {b}", "sin({a})", "cos({a})", "tan({a})", "exp({a})", "ln({a})", "({a})^3",
              "sqrt({a})", "arctan({a})", "({a})^({b})", "2^({a})", "{a} - {b}", "arcsin({a})", "x", "x", "3", "x^2"]  # fmt: skip

    def text(depth: int) -> str:
        shape = rng.choice(shapes if depth else shapes[-4:])
        return shape.format(a=text(depth - 1), b=text(depth - 1)) if "{" in shape else shape

    compared = 0
    for _ in range(150):
        written = text(2)
        node = derivative(parse(tokens_of(written)), "x")
        slope = sympy.lambdify(sympy.Symbol("x"), sympy.diff(by_sympy(written), sympy.Symbol("x")), "mpmath")
        for point in (Fraction(31, 97), Fraction(151, 97), Fraction(-55, 97)):
            try:
                value = Evaluator(40, False).value(node, {"x": point})
            except (Undefined, NotRead):
                continue
            with mpmath.workdps(40):
                expected = slope(mpmath.mpf(point.numerator) / point.denominator)
                found = mpmath.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value
                assert abs(found - expected) <= mpmath.mpf(10) ** -20 * (1 + abs(expected)), (written, point)
            compared += 1
    assert compared > 150


def test_polynomials_agree_with_sympy() -> None:
    rng = random.Random(1)
    for _ in range(40):
        factors = [
            f"({rng.choice([-7, -2, 1, 3, 8])}*x^{rng.randint(1, 3)} + {rng.randint(1, 9)}*y - 1/{rng.randint(2, 5)})"
            for _ in range(3)
        ]
        written = f"{factors[0]}^2*{factors[1]} - {factors[2]}"
        expected = sympy.Poly(by_sympy(written), *sympy.symbols("x y")).as_dict()
        found = {
            tuple(dict(monomial).get(letter, 0) for letter in "xy"): sympy.Rational(value.numerator, value.denominator)
            for monomial, value in polynomial(parse(tokens_of(written))).items()
        }
        assert found == expected


# -------------------------------------------------------------------------------------------------------- completions

DERIVATIVE: dict[str, Any] = {
    "task": "differentiate",
    "expression": "x^3 - 5*x",
    "variable": "x",
    "answer": "3*x^2 - 5",
}
ROOTS: dict[str, Any] = {"task": "solve", "expression": "x^2 - 5*x + 6 = 0", "variable": "x", "answer": "x = 2, x = 3"}


def test_what_is_wrong_is_paid_in_no_form_and_what_is_right_in_most() -> None:
    missed = []
    for case in CASES:
        given = case["given"]
        forms = [f"So it is this.\n#### {given}", f"We find \\boxed{{{given}}}.", f"<answer>{given}</answer>"]
        found = paid(case, *forms)
        if not case["paid"]:
            assert found == [0.0] * 3, case
        elif found != [1.0] * 3:
            missed.append((given, found))
    assert len(missed) <= 0.03 * sum(case["paid"] for case in CASES), missed


@pytest.mark.parametrize(
    "completion",
    [
        "#### 3x^2\n#### 3x^2 - 5",
        "#### 3x^2 - 5\n#### 3x^2",
        "\\boxed{3x^2 - 5} or \\boxed{3x^2}",
        "#### 3x^2 - 5, or 3x^2 + 5",
        "#### either 3x^2 - 5 or 6x",
        "The answer is 3x^2 - 5. No, it is 6x.\n#### 6x",
        "I think it is 3x^2 - 5 but I am not sure.",
        "3x^2 - 5",
        "<think>\\boxed{3x^2 - 5}</think>",
        "#### the derivative of x^3 - 5*x in x",
        "#### not 3x^2 - 5",
        "#### x^3 - 5*x",
        "",
    ],
)
def test_a_completion_that_does_not_commit_to_the_answer_is_not_paid(completion: str) -> None:
    assert paid(DERIVATIVE, completion) == [0.0]


def test_messages_are_read_and_verdicts_are_logged() -> None:
    logged: dict[str, list[Any]] = {}
    completions = [
        [{"role": "assistant", "content": "x = 2 or x = 3\n#### 2, 3"}],
        [{"role": "assistant", "content": "#### 2"}],
    ]
    assert paid(ROOTS, *completions, log_extra=logged.__setitem__) == [1.0, 0.0]
    assert logged["extracted"] == ["2, 3", "2"]
    assert logged["where"] == ["####", "####"]
    assert logged["reason"][1] == "2 is not all real solutions x of x^2 - 5*x + 6 = 0"
    assert logged["lenient"] == [True, False]


# --------------------------------------------------------------------------------------------------------------- rows


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("derive", "x^2", "x", "2*x"), "the task must be one of"),
        (("differentiate", "", "x", "2*x"), "the expression is no text"),
        (("differentiate", "x^2", "x", None), "the answer is no text"),
        (("differentiate", "x^2", ["x"], "2*x"), "the variable is no text"),
        (("differentiate", "x^2", "2", "2*x"), "the variable is no letter"),
        (("differentiate", "x^^2", "x", "2*x"), "cannot read"),
        (("differentiate", "x^2", "x", "3*x"), "the answer is not right: not the same polynomial"),
        (("differentiate", "floor(x)", "x", "0"), "no part of an answer"),
        (("integrate", "2*x", "x", "x^3"), "the answer is not right"),
        (("expand", "1/x", "x", "1/x"), "no polynomial"),
        (("expand", "(x+1)^2", "x", "(x+1)^2"), "no monomial"),
        (("factor", "x^2 - 1", "x", "x^2 - 1"), "a factor that can be taken apart"),
        (("factor", "12", "x", "12"), "a number, where a polynomial is needed"),
        (("solve", "x^2 - 1", "x", "x = 1"), "one equals sign"),
        (("solve", "x^2 = y", "x", "x = 1"), "the variable alone"),
        (("solve", "sin(x) = 0", "x", "x = 0"), "in no polynomial"),
        (("solve", "x = x", "x", "x = 0"), "the variable alone"),
        (("solve", "x^2 = 1", "x", "x = 1"), "1 of 2 solutions"),
        (("simplify", "x + 1", "x", "x + 1"), "no simpler"),
        (("simplify", "2*x + x", "x", "4*x"), "not the same polynomial"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_verified_is_named(row: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as error:
        paid(dict(zip(COLUMNS, row, strict=True)), "")
    assert repr(row[1]) in str(error.value)


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="2 completions"):
        solves_symbolic(["", ""], ["expand"], ["x*x"], ["x"], ["x^2"])


# ------------------------------------------------------------------------------------------------- time and recursion


def test_answers_are_judged_without_sympy(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = {id(case): problem_of(*(case[column] for column in COLUMNS)) for case in CASES}
    for name in [name for name in sys.modules if name.split(".")[0] == "sympy"]:
        monkeypatch.setitem(sys.modules, name, None)
    for case in CASES:
        given = f" {case['given']} "  # not as it stands in the cache
        assert (not refusal(problems[id(case)], given)) is case["paid"], case


def test_long_and_deep_answers_take_no_longer_than_a_moment() -> None:
    sums = "".join(f"+sin({k}*sqrt(x))-sin({k}*sqrt(x))" for k in range(1, 4))
    slow = {
        ("integrate", "1/x", "x", "ln(x)"): [
            f"ln(x){sums}", "sqrt(" * 9 + "x" + ")" * 9, "+".join(["ln(x)*sqrt(x)"] * 18) + "+ln(-x)", "ln(" * 19 + "x" + ")" * 19,
            "*".join(["ln(x)"] * 12) + "*ln(-x)",
        ],
        ("expand", "(x+1)^2", "x", "x^2+2*x+1"): [
            "(x+1)^60", "((x+1)^9+1)^6", "(1.234567891234567x+7.65432123456789/3.1415926535)^59", "*".join(["(x+y+1)"] * 70),
            "((x/7+y/11+1/13)^7+1)^3", "*".join(["(x+1)"] * 70), "x^2+2x+1" + "+1-1" * 100,
        ],
        ("differentiate", "tan(x)", "x", "1/cos(x)^2"): [
            "1+tan(x)^2" + "".join(f"+sec(x)^{k}-sec(x)^{k}" for k in range(2, 7)), "x^x^x^x^x^x^x", "e^(" * 18 + "x" + ")" * 18,
            "\\frac{" * 45 + "x" + "}{2}" * 45, "1/cos(x)^2=" * 60 + "1/cos(x)^2", "x/" * 240 + "x",
        ],
        ("simplify", "sqrt(x^2)*1*1", "x", "|x|"): [
            "|" * 40 + "x" + "|" * 40, "abs(" * 7 + "x" + ")" * 7, "sqrt(" * 6 + "x^2" + ")^2" * 6,
            "|x|+|x-1|-|x-1|+|x+1|-|x+1|+|x+2|-|x+2|+|x-3|-|x-3|",
        ],
        ("solve", "x^2 - 2*x - 4 = 0", "x", "1-sqrt(5), 1+sqrt(5)"): [
            ", ".join(["1+sqrt(5)+sqrt(7)-sqrt(7)", "1-sqrt(5)"] * 6), "1+sqrt(5)" + "+sqrt(7)-sqrt(7)" * 20, "x^2<4, x^2<5",
            ", ".join(f"1+sqrt(5)+sqrt({k})-sqrt({k})" for k in range(6, 17)), "sqrt(" * 18 + "4" + ")" * 18, "5" + "%" * 400,
        ],
    }  # fmt: skip
    for row, texts in slow.items():
        problem = problem_of(*row)
        for text in texts:
            began = time.perf_counter()
            refusal(problem, text)
            assert time.perf_counter() - began < SECONDS, text


def test_mangled_answers_neither_raise_nor_hang() -> None:
    rng = random.Random(2)
    given = [case["given"] for case in CASES if len(case["given"]) < 100]
    pieces = [
        *"()[]{}^_+-*/=,.|!%'\"$&~<>\\ \n\t0123456789xyeiCd",
        "\\frac",
        "\\sqrt",
        "\\ln|",
        "ln(",
        "\\int",
        "±",
        "∞",
        "\0",
    ]
    problems = [problem_of(*(case[column] for column in COLUMNS)) for case in CASES[:: len(CASES) // 40]]
    slowest = 0.0
    for _ in range(1500):
        text = list(rng.choice(given))
        for _ in range(rng.randint(1, 5)):
            text[rng.randrange(len(text) + 1) : rng.randrange(len(text) + 1)] = rng.choice(pieces)
        began = time.perf_counter()
        assert isinstance(refusal(rng.choice(problems), "".join(text)), str)
        slowest = max(slowest, time.perf_counter() - began)
    assert slowest < SECONDS


# ------------------------------------------------------------------------------------------------------------- recipe


def test_no_question_stands_twice_and_every_task_in_every_split() -> None:
    splits = {split: recipe.rows(split) for split in recipe.SPLITS}
    questions = [row["question"] for rows in splits.values() for row in rows]
    assert not set(questions) & {question for question, _ in recipe.RECIPE.exemplars}
    assert len(set(questions)) == len(questions) == sum(size for _, size in recipe.SPLITS.values())
    for rows in splits.values():
        assert {row["task"] for row in rows} == set(recipe.TASKS)
        assert all(row["solution"].split("#### ")[1] == row["answer"] for row in rows)
