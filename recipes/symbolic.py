"""Symbolic algebra, 6-shot: differentiate, integrate, expand, factor, solve, simplify; answered as `#### <expression>`.

Data      made here at a set DIFFICULTY: 4,096 train rows, 512 validation rows, 512 test rows; no question in two splits
Policy    Qwen/Qwen2.5-0.5B (base), NF4 double quant, LoRA r16 on all linear layers; made for one 16 GB GPU
Rewards   solves_symbolic decides, by doing the problem backwards or again, not by the text of the gold; answer_line
          only breaks ties early on
Expected  not yet measured: no GPU run of this recipe has been recorded
"""

import random
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from rewards import answer_line, solves_symbolic
from rlvr_recipes import Case, Recipe, prompts

DIFFICULTY = 1  # 1: polynomials of small degree; 2: products, powers, fractions, surds; 3: also sin, cos, e^x, ln x
TASKS = ("differentiate", "integrate", "expand", "factor", "solve", "simplify")  # leave out what is not to be learned
SPLITS = {"train": (1, 4096), "validation": (2, 512), "test": (3, 512)}  # seed, rows

QUESTIONS = {
    "differentiate": "Differentiate with respect to {x}: {expression}",
    "integrate": "Integrate with respect to {x}: {expression}",
    "expand": "Expand: {expression}",
    "factor": "Factor completely over the integers: {expression}",
    "solve": "Find all real solutions {x}: {expression}",
    "simplify": "Simplify: {expression}",
}
Polynomial: TypeAlias = list[int] | list[Fraction]  # the coefficient of x^k at place k
Problem: TypeAlias = tuple[str, str, str]  # expression, a step between or nothing, answer


def written(coefficients: Sequence[int | Fraction], x: str) -> str:
    """A polynomial as text, its highest power first: `3*x^2 - x + 5`."""
    terms = []
    for power, coefficient in reversed(list(enumerate(coefficients))):
        if coefficient:
            factors = [str(abs(coefficient))] if abs(coefficient) != 1 or power == 0 else []
            factors += [x if power == 1 else f"{x}^{power}"] if power else []
            terms += ["-" if coefficient < 0 else "+", "*".join(factors)]
    return ("-" if terms[0] == "-" else "") + " ".join(terms[1:]) if terms else "0"


def product(*factors: Polynomial) -> list[int]:
    """The coefficients of a product."""
    total = [1]
    for factor in factors:
        longer = [0] * (len(total) + len(factor) - 1)
        for i, a in enumerate(total):
            for j, b in enumerate(factor):
                longer[i + j] += int(a * b)
        total = longer
    return total


def drawn(rng: random.Random, degree: int, largest: int) -> list[int]:
    """A polynomial of just this degree with coefficients up to `largest`."""
    return [*(rng.randint(-largest, largest) for _ in range(degree)), rng.choice([-1, 1]) * rng.randint(1, largest)]


def linear(rng: random.Random, steepest: int = 1) -> list[int]:
    """a*x + b without a common factor, b not 0."""
    return rng.choice([[b, a] for a in range(1, steepest + 1) for b in range(-9, 10) if b and (b % a or a == 1)])


def joined(terms: list[str]) -> str:
    """Terms as a sum: `3*x`, `-4` give `3*x - 4`."""
    return " + ".join(terms).replace("+ -", "- ")


def factored(content: int, factors: Sequence[list[int]], x: str) -> str:
    """`2*(x + 1)^2*(x - 3)`"""
    different = [factor for place, factor in enumerate(factors) if factor not in factors[:place]]
    parts = [] if content in (1, -1) else [str(abs(content))]
    for factor in different:
        base = x if factor == [0, 1] else f"({written(factor, x)})"
        parts.append(base if factors.count(factor) == 1 else f"{base}^{factors.count(factor)}")
    return ("-" if content < 0 else "") + "*".join(parts)


def differentiate(rng: random.Random, x: str, level: int) -> Problem:
    if level == 3:
        return by_sympy(rng, "differentiate", x)
    if level == 2 and rng.random() < 0.5:
        one, other = drawn(rng, 2, 5), drawn(rng, 1, 5)
        whole, expression = product(one, other), f"({written(one, x)})*({written(other, x)})"
    else:
        whole = drawn(rng, rng.randint(1, 3) if level == 1 else rng.randint(3, 6), 9)
        expression = written(whole, x)
    slopes = [power * coefficient for power, coefficient in enumerate(whole)][1:]
    return expression, written(whole, x) if expression != written(whole, x) else "", written(slopes, x)


def integrate(rng: random.Random, x: str, level: int) -> Problem:
    if level == 3:
        return by_sympy(rng, "integrate", x)
    if level == 1:
        area: list[Fraction] = [Fraction(c) for c in [0, *drawn(rng, rng.randint(1, 2), 5)]]
    else:
        area = [Fraction(0), *(Fraction(c, power) for power, c in enumerate(drawn(rng, rng.randint(2, 4), 9), 1))]
    slopes = [power * coefficient for power, coefficient in enumerate(area)][1:]
    return written(slopes, x), "", f"{written(area, x)} + C"


def expand(rng: random.Random, x: str, level: int) -> Problem:
    one, other = linear(rng, 3), linear(rng, 3)
    if level == 1:
        crossed = [written([0] * (i + j) + [a * b], x) for i, a in ((1, one[1]), (0, one[0])) for j, b in
                   ((1, other[1]), (0, other[0]))]  # fmt: skip
        return f"({written(one, x)})*({written(other, x)})", joined(crossed), written(product(one, other), x)
    if rng.random() < 0.5:
        power = rng.randint(2, level + 1)
        return f"({written(one, x)})^{power}", "", written(product(*[one] * power), x)
    third = drawn(rng, level - 1, 5)
    expression = f"({written(one, x)})*({written(other, x)})*({written(third, x)})"
    return (
        expression,
        f"({written(product(one, other), x)})*({written(third, x)})",
        written(product(one, other, third), x),
    )


def roots(rng: random.Random, level: int) -> tuple[int, list[list[int]]]:
    """A number and linear factors."""
    content = rng.choice([1, 1, 1, 2, 3])
    return content, [linear(rng, level) for _ in range(max(2, level))]


def factor(rng: random.Random, x: str, level: int) -> Problem:
    content, factors = roots(rng, level)
    if level > 1 and rng.random() < 0.3:
        factors[0] = [rng.choice([1, 2, 3, 5, 7]), 0, 1]  # x^2 + c, which stays as it is
    step = f"{content}*({written(product(*factors), x)})" if content > 1 else ""
    return written(product([content], *factors), x), step, factored(content, factors, x)


def solve(rng: random.Random, x: str, level: int) -> Problem:
    if level == 1 and rng.random() < 0.5:
        root, a, c = rng.randint(-9, 9), rng.randint(2, 9), rng.choice([-3, -2, -1, 0, 0, 0, 1])
        b = rng.randint(-20, 20)
        left, right = [b, a], [(a - c) * root + b, c]
        return (
            f"{written(left, x)} = {written(right, x)}",
            f"{written([0, a - c], x)} = {(a - c) * root}",
            f"{x} = {root}",
        )
    if level > 1 and rng.random() < 0.3:
        middle, under = rng.randint(-5, 5), rng.choice([2, 3, 5, 6, 7, 10, 11])
        start = f"{middle} " if middle else ""
        found = [f"{x} = {start}{sign}{' ' if middle else ''}sqrt({under})" for sign in ("-", "+" if middle else "")]
        return f"{written([middle**2 - under, -2 * middle, 1], x)} = 0", "", ", ".join(found)
    content, factors = roots(rng, level)
    found = sorted({Fraction(-b, a) for b, a in factors})
    steps = f"{factored(content, factors, x)} = 0"
    return f"{written(product([content], *factors), x)} = 0", steps, ", ".join(f"{x} = {root}" for root in found)


def simplify(rng: random.Random, x: str, level: int) -> Problem:
    if level == 3:
        return by_sympy(rng, "simplify", x)
    if level == 1:
        a, (c, b) = rng.randint(2, 9), drawn(rng, 1, 9)
        inner = linear(rng)
        opened = [written([0, a], x), str(a * inner[0]), written([0, b], x), *([str(c)] if c else [])]
        return (
            joined([f"{a}*({written(inner, x)})", *opened[2:]]),
            joined(opened),
            written([a * inner[0] + c, a + b], x),
        )
    one, other, shared = linear(rng), linear(rng), linear(rng)
    while len({tuple(one), tuple(other), tuple(shared)}) < 3:
        one, other, shared = linear(rng), linear(rng), linear(rng)
    over, under = written(product(one, shared), x), written(product(other, shared), x)
    steps = f"({written(one, x)})*({written(shared, x)})/(({written(other, x)})*({written(shared, x)}))"
    return f"({over})/({under})", steps, f"({written(one, x)})/({written(other, x)})"


def by_sympy(rng: random.Random, task: str, x: str) -> Problem:
    """Problems with functions, which sympy differentiates."""
    import sympy

    letter = sympy.Symbol(x, real=True)

    def text(expression: object) -> str:
        return sympy.sstr(expression).replace("**", "^").replace("log(", "ln(")

    def of(coefficients: Sequence[int]) -> sympy.Expr:
        return sympy.Add(*(coefficient * letter**power for power, coefficient in enumerate(coefficients)))

    a, b = rng.sample(range(2, 9), 2)
    f, g = rng.sample([sympy.sin, sympy.cos, sympy.exp], 2)
    whole = of(drawn(rng, rng.randint(1, 2), 5))
    if task == "simplify":
        inner = written([0, a], x)
        sine, cosine = f"sin({inner})", f"cos({inner})"
        return rng.choice([
            (f"({text(whole)})*({sine}^2 + {cosine}^2)", "", text(whole)),
            (f"exp({inner})*exp({written([0, b], x)})", "", f"exp({written([0, a + b], x)})"),
            (f"({text(sympy.expand(b * whole))})*{sine}/({b}*{cosine})", "", f"({text(whole)})*tan({inner})"),
            (f"ln(exp({text(b * whole)}))/{b}", "", text(whole)),
        ])  # fmt: skip
    inner = a * letter + rng.randint(-5, 5)
    if task == "differentiate":
        made = rng.choice([
            whole * f(inner), b * f(inner) + g(b * letter), f(whole), f(inner) ** 2, f(inner) / (letter + b),
            sympy.log(letter**2 + b) + whole, sympy.sqrt(letter**2 + b), whole * sympy.log(letter),
        ])  # fmt: skip
        return text(made), "", text(sympy.diff(made, letter))
    area = rng.choice([
        b * f(inner), whole * sympy.exp(a * letter), letter * sympy.sin(a * letter) * b, b * sympy.log(letter**2 + a),
        sympy.exp(b * letter) + whole * letter, f(a * letter) + b * g(b * letter), letter * sympy.log(letter) * b,
    ])  # fmt: skip
    return text(sympy.expand(sympy.diff(area, letter), power_exp=False)), "", f"{text(area)} + C"


def problem(rng: random.Random, level: int = DIFFICULTY) -> dict[str, str]:
    """One row of a task and a letter drawn at random."""
    task, x = rng.choice(TASKS), rng.choice("xyt")
    makers = {"differentiate": differentiate, "integrate": integrate, "expand": expand, "factor": factor,
              "solve": solve, "simplify": simplify}  # fmt: skip
    expression, step, answer = makers[task](rng, x, level)
    return row_of(task, expression, x, f"{step}\n#### {answer}".lstrip("\n"))


def row_of(task: str, expression: str, x: str, solution: str) -> dict[str, str]:
    """One row; `task`, `expression` and `variable` say what is asked, and `answer` is how `solution` ends."""
    return {
        "question": QUESTIONS[task].format(x=x, expression=expression),
        "solution": solution,
        "answer": solution.split("#### ")[1],
        "task": task,
        "expression": expression,
        "variable": x,
    }


@lru_cache(maxsize=1)
def all_rows() -> dict[str, list[dict[str, str]]]:
    """The rows of every split; a question that is an exemplar's or stands in an earlier split is drawn again."""
    seen = {row["question"] for row in SOLVED}
    made: dict[str, list[dict[str, str]]] = {}
    for split, (seed, size) in SPLITS.items():
        rng, made[split] = random.Random(seed), []
        while len(made[split]) < size:
            row = problem(rng)
            if row["question"] not in seen:
                seen.add(row["question"])
                made[split].append(row)
    return made


def rows(split: str) -> list[dict[str, str]]:
    """The rows of a split, as `row_of` makes them."""
    return all_rows()[split]


def prompt(row: dict[str, str], exemplars: prompts.Exemplars) -> str:
    return prompts.plain(exemplars, row["question"])


SOLVED = [
    row_of("differentiate", "4*x^3 - 6*x + 2", "x", "#### 12*x^2 - 6"),
    row_of("expand", "(2*y - 5)*(y + 3)", "y", "2*y^2 + 6*y - 5*y - 15\n#### 2*y^2 + y - 15"),
    row_of("factor", "2*t^2 - 2*t - 24", "t", "2*(t^2 - t - 12)\n#### 2*(t + 3)*(t - 4)"),
    row_of("solve", "x^2 + 3*x - 10 = 0", "x", "(x - 2)*(x + 5) = 0\n#### x = -5, x = 2"),
    row_of("integrate", "9*t^2 - 4*t", "t", "#### 3*t^3 - 2*t^2 + C"),
    row_of("simplify", "3*(y + 4) - 5*y - 1", "y", "3*y + 12 - 5*y - 1\n#### -2*y + 11"),
]
DERIVATIVE, EXPANSION, FACTORS, ROOTS, INTEGRAL, SUM = SOLVED

RECIPE = Recipe(
    model="Qwen/Qwen2.5-0.5B",
    rows=rows,
    prompt=prompt,
    exemplars=[(row["question"], row["solution"]) for row in SOLVED],
    shots=6,
    stop=prompts.STOP,  # a base model goes on to invent the next question
    rewards={solves_symbolic: 1.0, answer_line: 0.1},
    config={"max_completion_length": 96, "max_steps": 300},
    cases=[
        *[Case(row["solution"], **row, solves_symbolic=1.0, answer_line=1.0) for row in SOLVED],
        Case(" #### 12x² - 6", **DERIVATIVE, solves_symbolic=1.0, answer_line=1.0),
        Case(" #### 12*x^2 - 6 + C", **DERIVATIVE, solves_symbolic=0.0, answer_line=1.0),
        Case(" The answer is t^2(3t - 2) + 7.", **INTEGRAL, solves_symbolic=1.0, answer_line=0.0),
        Case(" #### \\int (9*t^2 - 4*t) dt", **INTEGRAL, solves_symbolic=0.0, answer_line=1.0),
        Case(" #### 2*y^2 + 6*y - 5*y - 15", **EXPANSION, solves_symbolic=0.0, answer_line=1.0),
        Case(" #### -2(4 - t)(t + 3)", **FACTORS, solves_symbolic=1.0, answer_line=1.0),
        Case(" #### (2*t + 6)*(t - 4)", **FACTORS, solves_symbolic=0.0, answer_line=1.0),
        Case(" #### x = 2 or x = -5", **ROOTS, solves_symbolic=1.0, answer_line=1.0),
        Case(" #### x = 2", **ROOTS, solves_symbolic=0.0, answer_line=1.0),
        Case(" #### x = -5, x = 2, x = 5", **ROOTS, solves_symbolic=0.0, answer_line=1.0),
        Case(" #### 3*(y + 4) - 5*y - 1", **SUM, solves_symbolic=0.0, answer_line=1.0),
    ],
)
