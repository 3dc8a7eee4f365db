"""The MATH recipe: its sample problems are right, its golds are read as they are meant, and none is lost in silence."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sympy import (
    FiniteSet,
    I,
    Integer,
    Interval,
    Matrix,
    Poly,
    Rational,
    atan2,
    binomial,
    diff,
    divisor_count,
    expand,
    factor,
    factorial,
    gcd,
    interpolate,
    latex,
    lcm,
    multiplicity,
    oo,
    pi,
    primerange,
    radsimp,
    sin,
    solve,
    sqrt,
    summation,
    sympify,
    tan,
)
from sympy.abc import a, b, k, x, y
from sympy.calculus.util import minimum

from rewards import correct_answer
from rewards.worked import correct_worked_answer
from rlvr_recipes import UserError, load_recipe, selftest

SAMPLES = Path(__file__).parents[1] / "recipes" / "samples" / "math"
RECIPE = load_recipe("math")

# How each sample problem begins, and its answer, worked out by sympy from what the problem says.
TRAIN = [
    ('If $3x - 7 = 20$, what is $x$?', lambda: solve(3*x - 7 - 20, x)[0]),
    ('Expand $(2x - 3)(x + 5)$.', lambda: expand((2*x - 3)*(x + 5))),
    ('What is the slope of the line $4x + 6y =', lambda: diff(solve(4*x + 6*y - 9, y)[0], x)),
    ('What are the solutions of $x^2 - 5x - 14', lambda: FiniteSet(*solve(x**2 - 5*x - 14, x))),
    ('Simplify $\\sqrt{72} + \\sqrt{50}$.', lambda: sqrt(72) + sqrt(50)),
    ('Rationalize the denominator of $\\frac{6}', lambda: radsimp(6/(3 - sqrt(3)))),
    ('For which real numbers $x$ is $2x - 5 < ', lambda: Interval(-1, 6, False, True)),
    ('A function is given by $f(x) = x^2 - 4x ', lambda: (x**2 - 4*x + 1).subs(x, -3)),
    ('The sum of two numbers is $11$ and their', lambda: 11**2 - 2*24),
    ('Compute the sum of the first $20$ terms ', lambda: summation(5 + 3*k, (k, 0, 19))),
    ('Express $0.\\overline{27}$ as a common fr', lambda: Rational(27, 99)),
    ('Find the largest real number $c$ such th', lambda: minimum(x**2 + 6*x + 14, x)),
    ('What is $\\frac{2}{3} + \\frac{5}{6}$? Exp', lambda: Rational(2, 3) + Rational(5, 6)),
    ('What is $35\\%$ of $240$?', lambda: Rational(35, 100)*240),
    ('A recipe for $6$ people needs $450$ gram', lambda: Rational(450, 6)*10),
    ('The mean of five numbers is $14$. Four o', lambda: 5*14 - 9 - 12 - 15 - 20),
    ('Write $2^3 \\cdot 5^4$ as an integer.', lambda: 2**3 * 5**4),
    ('What is the greatest common divisor of $', lambda: gcd(84, 132)),
    ('What is the remainder when $7^{10}$ is d', lambda: Integer(7)**10 % 11),
    ('How many positive divisors does $360$ ha', lambda: divisor_count(360)),
    ('Write the base-ten number $100$ in base ', lambda: '202_7' if int('202', 7) == 100 else None),
    ('What is the units digit of $3^{47}$?', lambda: Integer(3)**47 % 10),
    ('Find the smallest positive integer that ', lambda: min(n for n in range(1, 36) if n % 5 == 2 and n % 7 == 3)),
    ('How many ways are there to choose a comm', lambda: binomial(8, 3)),
    ('Two fair dice are rolled. What is the pr', lambda: Rational(sum(a + b == 8 for a in range(1, 7) for b in range(1, 7)), 36)),
    ('In how many ways can the letters of the ', lambda: factorial(5)/(factorial(2)*factorial(2))),
    ('A fair coin is tossed $5$ times. What is', lambda: binomial(5, 3)/Integer(2)**5),
    ('What is the coefficient of $x^3$ in $(x ', lambda: Poly((x + 2)**6, x).coeff_monomial(x**3)),
    ('A right triangle has legs $5$ and $12$. ', lambda: sqrt(5**2 + 12**2)),
    ('What is the area of a circle with diamet', lambda: pi*Rational(14, 2)**2),
    ('Each interior angle of a regular polygon', lambda: Integer(360)/(180 - 140)),
    ('An equilateral triangle has side length ', lambda: sqrt(3)/4*36),
    ('What is the midpoint of the segment from', lambda: (Rational(3 + 7, 2), Rational(-2 + 6, 2))),
    ('A cone has radius $3$ and height $8$. Wh', lambda: Rational(1, 3)*pi*9*8),
    ('Evaluate $(3 + 2i)(1 - 4i)$.', lambda: expand((3 + 2*I)*(1 - 4*I))),
    ('Find the remainder when $x^4 - 2x^2 + x ', lambda: (x**4 - 2*x**2 + x + 3).subs(x, 2)),
    ('Solve $\\log_2 (x - 1) + \\log_2 (x + 1) =', lambda: max(solve(x**2 - 1 - 8, x))),
    ('Compute $\\sin 150^\\circ$.', lambda: sin(5*pi/6)),
    ('Let $\\mathbf{A} = \\begin{pmatrix} 2 & 1 ', lambda: Matrix([[2, 1], [0, 3]])**2),
    ('Convert the point $(0, 3)$ from rectangu', lambda: (sqrt(0 + 9), atan2(3, 0))),
]  # fmt: skip

TEST = [
    ('If $\\frac{x}{4} + 3 = 10$, what is $x$?', lambda: solve(x/4 + 3 - 10, x)[0]),
    ('Factor $x^2 - 10x + 21$.', lambda: factor(x**2 - 10*x + 21)),
    ('Find the equation of the line through $(', lambda: 'y = ' + latex(interpolate([(0, -4), (2, 2)], x))),
    ('What is the range of $f(x) = 4 - x^2$ ov', lambda: Interval(-oo, 4)),
    ('Simplify $\\frac{12a^5 b^2}{18 a^2 b}$.', lambda: 12*a**5*b**2/(18*a**2*b)),
    ('What is $7 - 3 \\cdot (2 - 6)$?', lambda: 7 - 3*(2 - 6)),
    ('Which of $\\frac{3}{7}$, $\\frac{4}{9}$, $', lambda: max(Rational(3, 7), Rational(4, 9), Rational(5, 12))),
    ('A shirt costs $\\$40$. Its price rises by', lambda: 40*Rational(5, 4)*Rational(4, 5)),
    ('What is the least common multiple of $18', lambda: lcm(18, 24)),
    ('What is the sum of all prime numbers bet', lambda: sum(primerange(20, 40))),
    ('How many zeros are at the end of $50!$?', lambda: multiplicity(10, factorial(50))),
    ('A bag holds $4$ red and $6$ blue marbles', lambda: binomial(4, 2)/binomial(10, 2)),
    ('How many three-digit numbers have only o', lambda: sum(len(set(str(n))) == 3 and set(str(n)) <= set('13579') for n in range(100, 1000))),
    ('A square has diagonal $10$. What is its ', lambda: (10/sqrt(2))**2),
    ('A sphere has surface area $36\\pi$. What ', lambda: Rational(4, 3)*pi*3**3),
    ('Two angles of a triangle measure $47^\\ci', lambda: 180 - 47 - 68),
    ('Find all complex numbers $z$ with $z^2 +', lambda: FiniteSet(*solve(x**2 + 2*x + 5, x))),
    ('Evaluate the infinite geometric series $', lambda: summation(6*Rational(1, 3)**k, (k, 0, oo))),
    ('Find the cross product of $\\begin{pmatri', lambda: Matrix([1, 0, 2]).cross(Matrix([3, 1, 0]))),
    ('Compute $\\tan \\frac{5\\pi}{6}$.', lambda: tan(5*pi/6)),
]  # fmt: skip


def written(answer: object) -> str:
    """What sympy worked out, as LaTeX."""
    if isinstance(answer, str):
        return answer
    if isinstance(answer, tuple):
        return f"({', '.join(map(latex, answer))})"
    return latex(sympify(answer), mat_str="pmatrix", mat_delim="")


@pytest.mark.parametrize(("stem", "answers"), [("train", TRAIN), ("test", TEST)])
def test_every_sample_problem_has_the_answer_that_sympy_finds(
    stem: str, answers: list[tuple[str, Callable[[], object]]]
) -> None:
    problems = [json.loads(line) for line in (SAMPLES / f"{stem}.jsonl").read_text().splitlines()]
    assert len(problems) == {"train": 40, "test": 20}[stem]
    for problem, (beginning, answer) in zip(problems, answers, strict=True):
        assert problem["problem"].startswith(beginning)
        expected = written(answer())
        assert correct_answer([problem["solution"]], answer=[expected]) == [1.0], (problem["solution"], expected)


def test_the_sample_rows_pass_the_recipes_own_checks() -> None:
    RECIPE.check_cases()
    questions = []
    for split, size in (("train", 32), ("validation", 8), ("test", 20)):
        rows = RECIPE.rows_of(split, str(SAMPLES))
        assert len(rows) == size
        RECIPE.check_rows(rows, split)
        assert all(found.good for found in [*selftest.exemplars(RECIPE, rows), *selftest.golds(RECIPE, rows, split)])
        questions += [row["question"] for row in rows]
    assert len(set(questions)) == 60
    assert not set(questions) & {question for question, _ in RECIPE.exemplars}


def write(folder: Path, *rows: dict[str, Any], stem: str = "test") -> str:
    (folder / f"{stem}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder)


@pytest.mark.parametrize(
    ("solution", "gold"),
    [
        (r"so $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"$\boxed{\text{(C)}}$", r"\text{(C)}"),
        (r"$\boxed{\{1, 2\}}$", r"\{1, 2\}"),
        (r"$\boxed 7$.", "7"),
        (r"\fbox{7}", "7"),
        ("$\\boxed{\\begin{pmatrix} 1 \\\\\n 2 \\end{pmatrix}}$", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
        (r"First $\boxed{5}$, and again $\boxed{ 5 }$.", "5"),
    ],
)
def test_the_gold_is_what_stands_in_the_box(tmp_path: Path, solution: str, gold: str) -> None:
    rows = RECIPE.rows_of("test", write(tmp_path, {"problem": "q", "solution": solution}))
    assert rows == [{"question": "q", "solution": solution, "answer": gold}]


def test_no_sample_question_holds_its_own_answer_but_where_that_is_the_gold() -> None:
    for split in ("train", "validation", "test"):
        for row in RECIPE.rows_of(split, str(SAMPLES)):
            formulas = re.findall(r"\$((?:[^$\\]|\\.)+)\$", row["question"])
            texts = [f"\\boxed{{{formula}}}" for formula in formulas if formula != row["answer"]]
            columns: dict[str, Any] = {name: [row[name]] * len(texts) for name in ("answer", "question")}
            assert correct_worked_answer(texts, **columns) == [0.0] * len(texts), row["question"]
            assert correct_worked_answer([row["solution"]], [row["answer"]], [row["question"]]) == [1.0]


def test_an_answer_column_goes_before_the_solution(tmp_path: Path) -> None:
    given = [
        {"answer": "\\frac{1}{2}", "solution": "Half."},
        {"answer": 70},
        {"answer": None, "solution": r"\boxed{3}"},
    ]
    rows = RECIPE.rows_of("test", write(tmp_path, *[{"problem": "q", **one} for one in given]))
    assert [row["answer"] for row in rows] == ["\\frac{1}{2}", "70", "3"]
    assert [row["solution"] for row in rows] == ["Half.", "", r"\boxed{3}"]


GOOD = {"problem": "What is $2 + 5$?", "solution": r"$\boxed{7}$"}


@pytest.mark.parametrize(
    ("solution", "told"),
    [
        ("It is 7.", "no one box in the solution"),
        (r"$\boxed{7}$ or $\boxed{8}$", "no one box in the solution"),
        (r"$\boxed{7$", "no one box in the solution"),
        (r"$\boxed 72$", "no one box in the solution"),
        (r"$\boxed", "no one box in the solution"),
        (r"$\boxed{}$", "line 3: "),
        (r"$\boxed{???}$", r"line 3: \?\?\?"),
        (r"$\boxed{" + "1+" * 3000 + "1}$", r"line 3: 1\+1"),
    ],
)
def test_rows_whose_gold_cannot_be_read_are_left_out_and_counted_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], solution: str, told: str
) -> None:
    recipe = load_recipe("math")
    folder = write(tmp_path, *[GOOD] * 2, {"problem": "q", "solution": solution}, *[GOOD] * 37)
    for _ in range(2):
        assert len(recipe.rows_of("test", folder)) == 39
    out = capsys.readouterr().out
    assert out.startswith("test: 1 of 40 rows left out, whose gold cannot be read, such as ")
    assert out.count("\n") == 1
    assert len(out) < 400
    with pytest.raises(UserError, match=rf"test: 1 of 3 rows left out.*test\.jsonl.*{told}"):
        recipe.rows_of("test", write(tmp_path, *[GOOD] * 2, {"problem": "q", "solution": solution}))


def test_other_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 1: no column problem; found question"):
        RECIPE.rows_of("test", write(tmp_path, {"question": "q"}))


@pytest.mark.parametrize(
    ("question", "solution", "paid", "unpaid"),
    [
        (
            "Find all roots, separated by commas.",
            r"\boxed{-2, 7}",
            ["7, -2", "-2, 7", r"\{7,-2\}"],
            ["7", "7, 2", "7, -2, 3"],
        ),
        (
            "Enter all the values of $a$, separated by commas.",
            r"\boxed{1, \sqrt{2}}",
            [r"\sqrt{2}, 1"],
            ["1", r"(1, \sqrt{2})"],
        ),
        ("List all of them from least to greatest, separated by commas.", r"\boxed{-2, 7}", ["-2, 7"], ["7, -2"]),
        ("Find $a$ and $b$, separated by a comma.", r"\boxed{-2, 7}", ["-2, 7"], ["7, -2"]),
        ("Find all points, separated by commas.", r"\boxed{(1, 2)}", ["(1, 2)"], ["(2, 1)", "1, 2"]),
        ("Find all zeros, separated by commas.", r"\boxed{1, 1, 2}", ["1, 1, 2"], ["1, 2"]),
        ("Find all populations, separated by commas.", r"\boxed{1,200}", ["1200"], ["200, 1"]),
    ],
)
def test_a_list_of_all_solutions_may_stand_in_any_order(
    tmp_path: Path, question: str, solution: str, paid: list[str], unpaid: list[str]
) -> None:
    (row,) = RECIPE.rows_of("test", write(tmp_path, {"problem": question, "solution": solution}))
    for answers, pay in ((paid, 1.0), (unpaid, 0.0)):
        for answer in answers:
            assert correct_answer([f"$\\boxed{{{answer}}}$"], answer=[row["answer"]]) == [pay], answer


LOADS = """
import sys
from rlvr_recipes.recipe import load_recipe
recipe = load_recipe(sys.argv[1])
import cmath, fractions, math, random, statistics
assert math.pi > 3 and statistics.mean([1, 2]) == 1.5 and random.random() < 1
assert "recipes" not in math.__spec__.origin and recipe.name == "math"
from rewards import correct_answer
assert correct_answer(["\\\\boxed{x>3}"], answer=["x - 3 > 0"]) == [1.0]  # in a worker process
"""


def test_a_recipe_called_math_does_not_hide_pythons_math(tmp_path: Path) -> None:
    (tmp_path / "math.py").write_bytes(RECIPE.path.read_bytes())
    for name in ("math", str(tmp_path / "math.py")):
        subprocess.run([sys.executable, "-c", LOADS, name], check=True, timeout=60)
