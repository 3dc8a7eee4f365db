r"""Symbolic algebra: differentiate, integrate, expand, factor, solve, simplify; verified from the problem itself.

An antiderivative is right when its derivative is the integrand, a solution when it satisfies the equation and none is
missing, a factorization when its product is the polynomial and no factor can be taken apart. What the policy wrote
becomes a tree of our bounded grammar, then exact polynomials or values at points; sympy sees rows only, as polynomials.

What counts as the asked form:

- expand: a sum of monomials, each with one coefficient and each letter once, like terms collected;
- factor: over the integers: a product of one number and of irreducible polynomials with whole coefficients that have no
  common factor, or of their powers. 2(x-1)(x+1) is; (2x-2)(x+1) is not, nor 4(x-1/2)(x+1/2);
- solve: every real solution once, in any order, rational numbers written out, others as sums and roots;
- simplify: no more operations than the gold has (`operations`);
- differentiate, integrate: any. A constant of integration, in one letter or a number, may stand there or not.

An answer must be defined wherever the problem is (`rewards.domains`), but ln x counts as an antiderivative of 1/x.
`log` is to base 10, as everywhere here. Only letters of the problem may stand in an answer.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache, partial
from typing import Any

from rewards.answers import equal
from rewards.calculus import derivative
from rewards.completions import Completion
from rewards.domains import Bases, bases_of_problem, check_bases, check_values
from rewards.evaluator import (
    Evaluator,
    Undefined,
    begin_comparison,
    parts_of,
    rational,
    symbols_of,
    undone,
    written_out,
)
from rewards.expressions import MOST_JOBS, equivalent, jobs
from rewards.extract import MARKERS
from rewards.grammar import LONGEST, Node, NotRead, num, parse, tidy, tokens_of
from rewards.polynomials import Polynomial, constant, dense, polynomial, primitive, slope
from rewards.regions import Region
from rewards.values import Group, Named, Readings, Scalar, System, Value, name_of, readings, split
from rewards.verdicts import LogExtra, pay_by, same_length

ASKED = {
    "differentiate": "the derivative of {expression} in {variable}",
    "integrate": "an antiderivative of {expression} in {variable}",
    "expand": "{expression} expanded",
    "factor": "{expression} factored over the integers",
    "solve": "all real solutions {variable} of {expression}",
    "simplify": "{expression} simplified",
}
MOST_NODES = 300  # of an answer
MOST_NODES_OUTSIDE = 80  # of an answer that is no polynomial
DEEPEST = 40
MOST_NESTED = 2  # roots, logarithms and absolute values in each other
MOST_STEPS = 4  # equals signs
MOST_ROOTS = 12
_FUNCTIONS = frozenset("sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh ln log exp abs root".split())
_OPERATIONS = frozenset("num sym const add mul div neg pow mixed".split())
_CONSTANTS = frozenset("C c K k C_1 c_1".split())  # of integration


@dataclass(frozen=True, eq=False)
class Problem:
    """A row: what is asked, of which tree, and what an answer is compared with. `problem_of` makes one of each."""

    task: str
    expression: str
    variable: str
    node: Node  # of an equation, its left side less its right side
    target: Node  # what the answer, or the derivative of an antiderivative, must be equal to
    polynomial: Polynomial | None  # the target, where it is one; of an equation, without its multiple zeros
    bases: Bases
    factors: Counter[frozenset[Any]]  # of factor: the irreducible ones
    solutions: int = 0  # of solve: how many there are,
    rational: tuple[Fraction, ...] = ()  # and those that are rational
    most: int = 0  # of simplify: operations

    @property
    def asked(self) -> str:
        return ASKED[self.task].format(expression=self.expression, variable=self.variable)


def solves_symbolic(
    completions: Sequence[Completion],
    task: Sequence[str],
    expression: Sequence[str],
    variable: Sequence[str],
    answer: Sequence[str],
    log_extra: LogExtra | None = None,
    markers: tuple[str, ...] = MARKERS,
    **kwargs: Any,
) -> list[float]:
    r"""Pays 1.0 when the one answer committed to does what is asked with the expression, in the form asked for.

    Args:
        completions: one per row, texts or message lists.
        task: what is asked in each row: differentiate, integrate, expand, factor, solve or simplify.
        expression: of what; for solve, an equation between polynomials.
        variable: the letter in which it is differentiated, integrated or solved.
        answer: an answer that is right; it says how simple simplified is, all else is verified without it.
        log_extra, markers: as in `correct_answer`.

    Raises:
        ValueError: a row cannot be read, or its own answer is not right.

    >>> rows = dict(task=["integrate"] * 3, expression=["2*x"] * 3, variable=["x"] * 3, answer=["x^2 + C"] * 3)
    >>> solves_symbolic(["#### x^2 + 7", "#### 2*x^2 + C", "#### \\int 2x dx"], **rows)
    [1.0, 0.0, 0.0]
    """
    same_length(completions, task, expression)
    problems = [problem_of(*row) for row in zip(task, expression, variable, answer, strict=True)]
    agreements = [partial(_agree, problem) for problem in problems]
    return pay_by(completions, [problem.asked for problem in problems], agreements, log_extra, markers)


def _agree(problem: Problem, answer: str, other: str) -> bool:
    """Whether an answer is what is asked for; or, of two of a completion's answers, whether they say the same."""
    if other == problem.asked:
        return not refusal(problem, answer)
    return equal(answer, other) or not (refusal(problem, answer) or refusal(problem, other))


# ----------------------------------------------------------------------------------------------------------- problems


def problem_of(task: str, expression: str, variable: str, answer: str) -> Problem:
    """A row as it is verified.

    Raises:
        ValueError: it cannot be read, or its answer is not right.
    """
    row = {"task": task, "expression": expression, "variable": variable, "answer": answer}
    for name, value in row.items():
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{_named(row)}: the {name} is no text")
    return _problem_of(**row)


def _named(row: dict[str, str]) -> str:
    return "row with " + ", ".join(f"{name} {value!r:.200}" for name, value in row.items())


@lru_cache(maxsize=16384)
def _problem_of(**row: str) -> Problem:
    task, expression, variable, answer = row.values()
    if task not in ASKED:
        raise ValueError(f"{_named(row)}: the task must be one of {', '.join(ASKED)}")
    try:
        letter = _read(variable)
        if letter.op != "sym":
            raise NotRead("the variable is no letter")
        problem = _problem(task, expression.strip(), str(letter.value))
        if task == "simplify":
            problem = replace(problem, most=_fewer(operations(_read(answer)), operations(problem.node)))
    except NotRead as error:
        raise ValueError(f"{_named(row)}: {error}") from None
    if reason := refusal(problem, answer):
        raise ValueError(f"{_named(row)}: the answer is not right: {reason}")
    return problem


def _fewer(operations: int, before: int) -> int:
    if operations >= before:
        raise NotRead("the answer is no simpler than the expression")
    return operations


def _problem(task: str, expression: str, variable: str) -> Problem:
    node = _equation(expression, variable) if task == "solve" else _read(expression)
    target = derivative(node, variable) if task == "differentiate" else node
    found = _polynomial(target)
    if found is None and task in ("expand", "factor", "solve"):
        raise NotRead("no polynomial")
    problem = Problem(
        task, expression, variable, node, target, found, bases_of_problem(variable, node, target), Counter()
    )
    if task == "factor" and found is not None:
        _, factors = _sympy(found).factor_list()
        return replace(problem, factors=Counter({_key(_from_sympy(factor)): times for factor, times in factors}))
    if task == "solve" and found is not None:
        simple = _sympy(found).sqf_part()
        roots = tuple(Fraction(str(root)) for root in simple.ground_roots())
        return replace(problem, polynomial=_from_sympy(simple), solutions=int(simple.count_roots()), rational=roots)
    return problem


def _equation(expression: str, variable: str) -> Node:
    sides = [_read(side) for side in expression.split("=")]
    if len(sides) != 2:
        raise NotRead("an equation has one equals sign")
    node = Node("add", (sides[0], Node("neg", (sides[1],))))
    if symbols_of(node) != {variable} or constant(polynomial(node)) is not None:
        raise NotRead("no equation in the variable alone")
    return node


def _polynomial(node: Node) -> Polynomial | None:
    try:
        return polynomial(node)
    except NotRead:
        return None


def _sympy(found: Polynomial) -> Any:
    """A polynomial as sympy's, in its letters in order; sympy is imported when first needed."""
    if constant(found) is not None:
        raise NotRead("a number, where a polynomial is needed")
    import sympy

    letters = sorted({letter for monomial in found for letter, _ in monomial})
    terms = {
        tuple(dict(monomial).get(letter, 0) for letter in letters): sympy.Rational(value.numerator, value.denominator)
        for monomial, value in found.items()
    }
    return sympy.Poly.from_dict(terms, *map(sympy.Symbol, letters), domain="QQ")


def _from_sympy(found: Any) -> Polynomial:
    letters = [str(letter) for letter in found.gens]
    return {
        tuple((letter, power) for letter, power in zip(letters, powers, strict=True) if power): Fraction(str(value))
        for powers, value in found.terms()
    }


def _key(found: Polynomial) -> frozenset[Any]:
    """A polynomial up to a number."""
    return frozenset(primitive(found)[1].items())


# ------------------------------------------------------------------------------------------------------------ answers


def refusal(problem: Problem, answer: str) -> str:
    """Why an answer is not right; nothing where it is.

    >>> problem = problem_of("factor", "x^2 - 1", "x", "(x-1)(x+1)")
    >>> refusal(problem, "(1+x)(x-1)"), refusal(problem, "x^2 - 1"), refusal(problem, "(x-1)(x-1)")
    ('', 'a factor that can be taken apart', 'not the same polynomial')
    """
    return _refusal(problem, answer) if len(answer) <= LONGEST else f"longer than {LONGEST} characters"


@lru_cache(maxsize=16384)
def _refusal(problem: Problem, answer: str) -> str:
    begin_comparison()
    jobs.left = MOST_JOBS
    try:
        if problem.task == "solve":
            _check_solutions(problem, answer)
        else:
            _CHECKS[problem.task](problem, _concluded(problem, answer))
    except NotRead as error:
        return str(error)
    except Undefined:
        return "not defined"
    return ""


def _read(text: str) -> Node:
    """The tree of an expression, in bounds and of operations that calculus knows.

    Raises:
        NotRead: it is none.
    """
    return _bounded(parse(tokens_of(tidy(text))))


def _bounded(node: Node) -> Node:
    count, left = 0, [(node, 0)]
    while left:
        part, depth = left.pop()
        count += 1
        if count > MOST_NODES or depth > DEEPEST:
            raise NotRead("longer or deeper than an answer is")
        known = part.value in _FUNCTIONS if part.op == "call" else part.op in _OPERATIONS
        if not known or (part.op == "const" and part.value not in ("pi", "e")):
            raise NotRead(f"{part.value or part.op} is no part of an answer")
        left += [(each, depth + 1) for each in part.args]
    return node


# what says the problem again: d/dx of an expression, the integral of one
_DERIVATIVE = re.compile(r"(?:\\frac ?\{ ?d ?\} ?\{ ?d ?([A-Za-z]) ?\}|\(? ?d ?/ ?d([A-Za-z]) ?\)?) ?(.+)")
_INTEGRAL = re.compile(r"(?:\\int|∫) ?(?![_^])(.+?) ?d ?([A-Za-z])")
_OF_INTEGRATION = re.compile(
    r",? ?\(?(?:where|with) [CcKk] is (?:an?|any|the) (?:arbitrary |real )?constant(?: of integration)?\)?\Z"
)
_EXCEPT = re.compile(r",? ?\(?(?:for |where |with |if )?([A-Za-z]) ?\\ne ?(-?\d{1,9})\)?\Z")


def _concluded(problem: Problem, answer: str) -> Node:
    """What an answer says, or what a chain of equals signs concludes that begins with the problem or a name.

    Raises:
        NotRead: it cannot be read, or a part of the chain is not true.
    """
    text = " ".join(tidy(answer).split())
    if problem.task == "integrate":
        text = _OF_INTEGRATION.sub("", text)
    elif problem.task == "simplify" and (match := _EXCEPT.search(text)) and _excluded(problem, match[1], match[2]):
        text = text[: match.start()]
    *before, last = split(text, ("=",))
    if len(before) > MOST_STEPS:
        raise NotRead(f"more than {MOST_STEPS} equals signs")
    if before and _presents(problem, before[0].strip()):
        before.pop(0)
    for side in before:
        _check_value(problem, _read(side))
    return _read(last)


def _excluded(problem: Problem, letter: str, number: str) -> bool:
    """Whether the expression has no value where a letter is this number."""
    try:
        Evaluator(30, False).value(problem.node, {letter: Fraction(number)})
    except Undefined:
        return True
    except NotRead:
        return False
    return False


def _presents(problem: Problem, side: str) -> bool:
    """Whether the left side of an equation is a name for the answer, or says what is asked."""
    name = name_of(side)
    if name is not None and name not in symbols_of(problem.node) | {problem.variable}:
        return True
    if problem.task == "differentiate" and (match := _DERIVATIVE.fullmatch(side)):
        letter, inner = match[1] or match[2], match[3]
    elif problem.task == "integrate" and (match := _INTEGRAL.fullmatch(side)):
        letter, inner = match[2], match[1]
    else:
        return False
    node = _read(inner)
    _check_parts(node)
    return letter == problem.variable and equivalent(node, problem.node)


# --------------------------------------------------------------------------------------------------------- the value


def _check_value(problem: Problem, node: Node) -> None:
    """Refuses what is not equal to what is asked for, or not defined where that is.

    Raises:
        NotRead, Undefined: it is not.
    """
    others = symbols_of(node) - symbols_of(problem.node) - {problem.variable}
    if others and not (problem.task == "integrate" and len(others) == 1 and others <= _CONSTANTS):
        raise NotRead(f"the letter {min(others)} is not in the problem")
    integral = problem.task == "integrate"
    if problem.polynomial is not None:
        found = polynomial(node)
        if (slope(found, problem.variable) if integral else found) != problem.polynomial:
            raise NotRead("not the same polynomial")
        return
    _check_parts(node)
    check_bases(node, problem.variable, problem.bases)
    check_values(node, problem.target, partly=integral)
    if not equivalent(derivative(node, problem.variable) if integral else node, problem.target):
        raise NotRead("not the same function")


def _check_parts(node: Node) -> None:
    """Refuses what takes long to compare, and factors and exponents that are zero, behind which anything can hide."""
    count, left = 0, [(node, 0)]
    while left:
        part, nested = left.pop()
        count += 1
        exponent = rational(part.args[1]) if part.op == "pow" and not symbols_of(part.args[1]) else None
        if (part.op == "call" and part.value in ("abs", "root", "ln", "log")) or (
            exponent is not None and exponent.denominator > 1
        ):
            nested += 1
        if count > MOST_NODES_OUTSIDE or nested > MOST_NESTED:
            raise NotRead("longer or deeper than an answer is")
        if part.op == "mul" and any(rational(each) == 0 for each in part.args if not symbols_of(each)):
            raise NotRead("a factor that is zero")
        if exponent == 0:
            raise NotRead("an exponent that is zero")
        left += [(each, nested) for each in part.args]


# ---------------------------------------------------------------------------------------------------------- the form


def _check_expanded(problem: Problem, node: Node) -> None:
    _check_value(problem, node)
    _check_collected(node)


def _check_collected(node: Node) -> None:
    """Refuses all but a sum of monomials that are not alike."""
    seen = set()
    terms = list(_terms(node))
    for term in terms:
        if not _is_monomial(term):
            raise NotRead("a term that is no monomial")
        (monomial,) = polynomial(term) or {None: 0}
        if monomial in seen or (monomial is None and len(terms) > 1):
            raise NotRead("like terms that are not collected")
        seen.add(monomial)


def _terms(node: Node) -> list[Node]:
    """The terms of a sum, brackets after a plus opened."""
    return [term for part in node.args for term in _terms(part)] if node.op == "add" else [node]


def _is_monomial(node: Node) -> bool:
    """Whether a term is written as one number and powers of different letters."""
    over: list[Node] = []
    under: list[Node] = []
    letters: list[str] = []
    signs = 0
    left = [node]
    while left:
        part = left.pop()
        if part.op in ("mul", "neg"):
            signs += part.op == "neg"
            left += part.args
        elif part.op == "div":
            left.append(part.args[0])
            under.append(part.args[1])
        elif part.op in ("num", "mixed"):
            over.append(part)
        elif part.op == "sym" or (part.op == "pow" and part.args[0].op == "sym" and part.args[1].op == "num"):
            letters += symbols_of(part)
        else:
            return False
    return signs < 2 and len(set(letters)) == len(letters) and _one_number(over, under)


def _one_number(over: list[Node], under: list[Node]) -> bool:
    """Whether a coefficient is written out: one numeral, over another one at most."""
    if len(over) > 1 or len(under) > 1 or any(part.op not in ("num", "mixed") for part in (*over, *under)):
        return False
    quotient = rational(Node("div", (over[0], under[0]))) if over and under else None
    return quotient is None or quotient.denominator > 1


def _check_factored(problem: Problem, node: Node) -> None:
    _check_value(problem, node)
    over: list[Node] = []
    under: list[Node] = []
    found: Counter[frozenset[Any]] = Counter()
    left = [(node, 1)]
    while left:
        part, times = left.pop()
        if part.op in ("mul", "neg"):
            left += [(each, times) for each in part.args]
        elif part.op == "div":
            left.append((part.args[0], times))
            under += [part.args[1]] * times
        elif part.op == "pow" and symbols_of(part):
            left.append((part.args[0], times * int(rational(part.args[1]) or 0)))
        elif not symbols_of(part):
            over += [part] * times
        else:
            _check_collected(part)
            content, factor = primitive(polynomial(part))
            if abs(content) != 1:
                raise NotRead("a factor with a common factor, or with fractions")
            found[_key(factor)] += times
    if not _one_number(over, under):
        raise NotRead("a number that is left to be worked out")
    if found != problem.factors:
        raise NotRead("a factor that can be taken apart")


def operations(node: Node) -> int:
    """How many operations an expression takes; signs do not count, and a difference is a sum.

    >>> [operations(parse(tokens_of(text))) for text in ("x", "-2*x + 1", "(x^2 - 1)/(x + 1)", "sin(2*x)/x")]
    [0, 2, 4, 3]
    """
    count = 0
    for part in parts_of(node):
        if part.op in ("add", "mul"):
            count += len(part.args) - 1
        elif part.op in ("div", "pow", "call"):
            count += 1
    return count


def _check_simplified(problem: Problem, node: Node) -> None:
    _check_value(problem, node)
    if (count := operations(node)) > problem.most:
        raise NotRead(f"{count} operations, where {problem.most} are enough")


_CHECKS: dict[str, Callable[[Problem, Node], None]] = {
    "differentiate": _check_value,
    "integrate": _check_value,
    "expand": _check_expanded,
    "factor": _check_factored,
    "simplify": _check_simplified,
}


# --------------------------------------------------------------------------------------------------------- solutions

_INEQUALITY = re.compile(r"[<>]|\\(?:le|ge|ne)(?![a-z])")


def _check_solutions(problem: Problem, answer: str) -> None:
    """Refuses all but a list of every solution.

    Raises:
        NotRead, Undefined: it is none, with the reason.
    """
    if _INEQUALITY.search(tidy(answer)):
        raise NotRead("an inequality")
    reasons = ["no list of numbers"]
    for value in readings(answer):
        try:
            return _check_roots(problem, _numbers(value, problem.variable))
        except NotRead as error:
            reasons.append(str(error))
    raise NotRead(reasons[-1])


def _check_roots(problem: Problem, roots: list[Node]) -> None:
    different: list[Node] = []
    for root in roots:
        if not _satisfies(problem, root):
            raise NotRead("a number that is no solution")
        if not any(_same_number(root, other) for other in different):
            different.append(root)
    if len(different) < problem.solutions:
        raise NotRead(f"{len(different)} of {problem.solutions} solutions")


def _numbers(value: Value, variable: str) -> list[Node]:
    """The numbers that an answer lists.

    Raises:
        NotRead: it lists none, or more than an answer has.
    """
    match value:
        case Region(intervals=()):
            return []
        case Scalar(node=node, unit=None):
            return [_written_out(_bounded(node))]
        case Named(name=name) if name == variable:
            return _first(value.value, variable)
        case System(parts=parts) if all(part.name.startswith(f"{variable}_") for part in parts):  # x_1 = 2, x_2 = 3
            return [node for part in parts for node in _first(part.value, variable)]
        case Group(kind="set" | "either" | "list", items=items, name=name) if name in (None, variable):
            if len(items) <= MOST_ROOTS:
                return [node for item in items for node in _first(item, variable)]
    raise NotRead("no list of numbers")


def _first(values: Readings, variable: str) -> list[Node]:
    """The numbers of the first reading that has any."""
    for value in values:
        try:
            return _numbers(value, variable)
        except NotRead:
            continue
    raise NotRead("no list of numbers")


def _written_out(node: Node) -> Node:
    if symbols_of(node):
        raise NotRead("a solution with letters")
    if rational(node) is not None and (undone(node) or not written_out(node)):
        raise NotRead("a number that is left to be worked out")
    return node


def _satisfies(problem: Problem, root: Node) -> bool:
    """Whether a real number is a zero; exactly where it is rational, else to many more digits than it is written with.

    Raises:
        Undefined: it is not real.
        NotRead: it is a rational number in disguise.
    """
    coefficients = dense(problem.polynomial or {}, problem.variable) or []
    value = rational(root)
    if value is not None:
        total = Fraction(0)
        for coefficient in reversed(coefficients):
            total = total * value + coefficient
        return total == 0
    if len(coefficients) * sum(1 for _ in parts_of(root)) > MOST_NODES:
        raise NotRead("a number longer than a solution is")
    near = Evaluator(60, False).value(root, {})
    if any(abs(near - Evaluator(60, False).real(other)) < 1e-40 for other in problem.rational):
        raise NotRead("a number that is left to be worked out")
    node = num(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        node = Node("add", (Node("mul", (node, root)), num(coefficient)))
    return equivalent(node, num(0))


def _same_number(one: Node, other: Node) -> bool:
    first, second = rational(one), rational(other)
    return first == second if first is not None or second is not None else equivalent(one, other)
