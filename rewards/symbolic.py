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

An answer must be defined wherever the problem is: x(x-1)/(x-1) is not x. `log` is to base 10, as everywhere here, and
ln x counts as an antiderivative of 1/x.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, partial
from typing import Any

from rewards.answers import equal
from rewards.calculus import derivative
from rewards.completions import Completion
from rewards.evaluator import Evaluator, Undefined, begin_comparison, rational, symbols_of, undone, written_out
from rewards.expressions import MOST_JOBS, equivalent, jobs, ratio_is_constant
from rewards.extract import MARKERS
from rewards.grammar import LONGEST, Node, NotRead, num, parse, tidy, tokens_of
from rewards.polynomials import (
    Polynomial,
    constant,
    dense,
    divides_a_power,
    polynomial,
    primitive,
    slope,
    terms_of,
)
from rewards.regions import Region
from rewards.values import Group, Named, Readings, Scalar, System, name_of, readings, split
from rewards.verdicts import LogExtra, pay_by

ASKED = {
    "differentiate": "the derivative of {expression} in {variable}",
    "integrate": "an antiderivative of {expression} in {variable}",
    "expand": "{expression} expanded",
    "factor": "{expression} factored over the integers",
    "solve": "all real solutions {variable} of {expression}",
    "simplify": "{expression} simplified",
}
MOST_NODES = 300  # of an answer
DEEPEST = 60
MOST_ROOTS = 12  # of an answer
POINTS = 24  # where an answer must be defined if the problem is
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
    polynomial: Polynomial | None  # the target, where it is one
    letters: frozenset[str]
    bases: tuple[Node, ...] = ()  # what must not be zero in the problem
    factors: tuple[tuple[Any, int], ...] = ()
    solutions: int = 0
    most: int = 0  # operations

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
        answer: an answer that is right, which says how simple simplified is; the others are verified without it.
        log_extra, markers: as in `correct_answer`.

    Raises:
        ValueError: a row cannot be read, or its own answer is not right.

    >>> rows = dict(task=["integrate"] * 3, expression=["2*x"] * 3, variable=["x"] * 3, answer=["x^2 + C"] * 3)
    >>> solves_symbolic(["#### x^2 + 7", "#### 2*x^2 + C", "#### \\int 2x dx"], **rows)
    [1.0, 0.0, 0.0]
    """
    columns = [*zip(task, expression, variable, answer, strict=True)]
    problems = [problem_of(*row) for row in columns]
    agreements = [partial(_agree, problem) for problem in problems]
    return pay_by(completions, [problem.asked for problem in problems], agreements, log_extra, markers)


def _agree(problem: Problem, answer: str, other: str) -> bool:
    if other == problem.asked:
        return not refusal(problem, answer)
    return equal(answer, other) or not (refusal(problem, answer) or refusal(problem, other))


# ----------------------------------------------------------------------------------------------------------- problems


@lru_cache(maxsize=16384)
def problem_of(task: str, expression: str, variable: str, answer: str) -> Problem:
    """A row as it is verified.

    Raises:
        ValueError: it cannot be read, or its answer is not right.
    """
    row = f"row (task {task!r}, expression {expression!r}, variable {variable!r}, answer {answer!r})"
    if task not in ASKED:
        raise ValueError(f"{row}: the task must be one of {', '.join(ASKED)}")
    for name, value in (("expression", expression), ("variable", variable), ("answer", answer)):
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{row}: the {name} is no text")
    try:
        letter = _read(variable)
        if letter.op != "sym":
            raise NotRead("the variable is no letter")
        problem = _problem(task, expression.strip(), str(letter.value))
        if task == "simplify":
            problem = _with_measure(problem, _read(answer))
    except (NotRead, Undefined) as error:
        raise ValueError(f"{row}: {error}") from None
    if reason := refusal(problem, answer):
        raise ValueError(f"{row}: the answer is not right: {reason}")
    return problem


def _problem(task: str, expression: str, variable: str) -> Problem:
    if task == "solve":
        return _equation(expression, variable)
    node = target = _read(expression)
    if task == "differentiate":
        target = derivative(node, variable)
    found = None
    try:
        found = polynomial(target)
    except NotRead:
        if task in ("expand", "factor"):
            raise
    letters = symbols_of(node) | {variable}
    bases = tuple(dict.fromkeys(base for part in (node, target) for base in _bases_of(part)))
    factors = _irreducible(found) if task == "factor" and found is not None else ()
    return Problem(task, expression, variable, node, target, found, letters, bases, factors)


def _with_measure(problem: Problem, gold: Node) -> Problem:
    most = operations(gold)
    if most >= operations(problem.node):
        raise NotRead("the answer is no simpler than the expression")
    return Problem(**{**vars(problem), "most": most})


def _equation(expression: str, variable: str) -> Problem:
    sides = expression.split("=")
    if len(sides) != 2:
        raise NotRead("an equation has one equals sign")
    left, right = map(_read, sides)
    node = Node("add", (left, Node("neg", (right,))))
    found = polynomial(node)
    if dense(found, variable) is None or constant(found) is not None:
        raise NotRead("no equation in the variable alone")
    whole = _sympy(found)
    simple = _from_sympy(whole.sqf_part())
    letters, solutions = frozenset([variable]), int(whole.count_roots())
    return Problem("solve", expression, variable, node, node, simple, letters, solutions=solutions)


def _sympy(found: Polynomial) -> Any:
    """A polynomial as sympy's, in its letters in order."""
    import sympy

    letters = sorted({letter for monomial in found for letter, _ in monomial})
    places = {
        tuple(dict(monomial).get(letter, 0) for letter in letters): sympy.Rational(value.numerator, value.denominator)
        for monomial, value in found.items()
    }
    return sympy.Poly.from_dict(places, *(sympy.Symbol(letter) for letter in letters), domain="QQ")


def _from_sympy(whole: Any) -> Polynomial:
    letters = [str(letter) for letter in whole.gens]
    return {
        tuple((letter, power) for letter, power in zip(letters, powers, strict=True) if power): Fraction(str(value))
        for powers, value in whole.terms()
    }


def _irreducible(found: Polynomial) -> tuple[tuple[Any, int], ...]:
    """The irreducible factors with their multiplicities, each by its `_key`."""
    if constant(found) is not None:
        raise NotRead("a number has no factors to be found")
    _, factors = _sympy(found).factor_list()
    return tuple((_key(_from_sympy(factor)), times) for factor, times in factors)


def _key(found: Polynomial) -> frozenset[Any]:
    return frozenset(primitive(found)[1].items())


# ------------------------------------------------------------------------------------------------------------ answers


@lru_cache(maxsize=16384)
def _refusal(problem: Problem, answer: str) -> str:
    begin_comparison()
    jobs.left = MOST_JOBS
    try:
        if problem.task == "solve":
            _check_solutions(problem, readings(answer))
        else:
            _CHECKS[problem.task](problem, _concluded(problem, answer))
    except NotRead as error:
        return str(error)
    except Undefined:
        return "not defined"
    return ""


def refusal(problem: Problem, answer: str) -> str:
    """Why an answer is not right; nothing where it is.

    >>> problem = problem_of("factor", "x^2 - 1", "x", "(x-1)(x+1)")
    >>> refusal(problem, "(1+x)(x-1)"), refusal(problem, "x^2 - 1"), refusal(problem, "(x-1)(x-1)")
    ('', 'a factor that can be taken apart', 'not the same polynomial')
    """
    return _refusal(problem, answer) if len(answer) <= LONGEST else f"longer than {LONGEST} characters"


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
            raise NotRead("larger or deeper than an answer is")
        if part.op not in _OPERATIONS and not (part.op == "call" and part.value in _FUNCTIONS):
            raise NotRead(f"{part.value or part.op} is no part of an answer")
        if part.op == "const" and part.value not in ("pi", "e"):
            raise NotRead(f"{part.value} is no part of an answer")
        left += [(each, depth + 1) for each in part.args]
    return node


# what says the problem again: d/dx of an expression, the integral of one
_DERIVATIVE = re.compile(r"(?:\\frac ?\{ ?d ?\} ?\{ ?d ?([A-Za-z]) ?\}|\(? ?d ?/ ?d([A-Za-z]) ?\)?) ?(.+)")
_INTEGRAL = re.compile(r"(?:\\int|∫) ?(?![_^])(.+?) ?d ?([A-Za-z])")
_OF_INTEGRATION = re.compile(
    r",? ?\(?(?:where|with) [CcKk] is (?:an?|any|the) (?:arbitrary |real )?constant(?: of integration)?\)?\Z"
)


def _concluded(problem: Problem, answer: str) -> Node:
    """What an answer says, or a chain of equals signs that begins with the problem or a name concludes.

    Raises:
        NotRead: it cannot be read, or a part of the chain is not true.
    """
    text = " ".join(tidy(answer).split())
    if problem.task == "integrate":
        text = _OF_INTEGRATION.sub("", text)
    *before, last = split(text, ("=",))
    if before and _presents(problem, before[0].strip()):
        before.pop(0)
    for side in before:
        _check_value(problem, _read(side))
    return _read(last)


def _presents(problem: Problem, side: str) -> bool:
    """Whether the left side of an equation is a name for the answer, or says what is asked."""
    name = name_of(side)
    if name is not None and name not in problem.letters:
        return True
    if problem.task == "differentiate" and (match := _DERIVATIVE.fullmatch(side)):
        letter, inner = match[1] or match[2], match[3]
    elif problem.task == "integrate" and (match := _INTEGRAL.fullmatch(side)):
        letter, inner = match[2], match[1]
    else:
        return False
    return letter == problem.variable and equivalent(_read(inner), problem.node)


def _check_letters(problem: Problem, node: Node) -> None:
    others = symbols_of(node) - problem.letters
    if problem.task == "integrate" and len(others) == 1 and others <= _CONSTANTS:
        return
    if others:
        raise NotRead(f"the letter {min(others)} is not in the problem")


def _check_value(problem: Problem, node: Node) -> None:
    """Refuses what is not equal to what is asked for, or not defined where that is.

    Raises:
        NotRead, Undefined: it is not.
    """
    _check_letters(problem, node)
    if problem.polynomial is not None:
        found = polynomial(node)
        if (slope(found, problem.variable) if problem.task == "integrate" else found) != problem.polynomial:
            raise NotRead("not the same polynomial")
        return
    for part in _parts(node):
        if part.op == "mul" and any(rational(each) == 0 for each in part.args if not symbols_of(each)):
            raise NotRead("a factor that is zero")
        if part.op == "pow" and not symbols_of(part.args[1]) and rational(part.args[1]) == 0:
            raise NotRead("an exponent that is zero")
    for base in _bases_of(node):
        _check_base(problem, base)
    if problem.task == "integrate":
        node = derivative(node, problem.variable)
    if not equivalent(node, problem.target):
        raise NotRead("not the same function")
    if problem.task != "integrate":
        _check_domain(problem, node)


def _parts(node: Node) -> Iterator[Node]:
    left = [node]
    while left:
        yield left[-1]
        left += left.pop().args


# ------------------------------------------------------------------------------------------ where it is not defined


def _bases_of(node: Node) -> Iterator[Node]:
    """What an expression divides by, or takes the logarithm, root or tangent of, down to its factors."""
    for part in _parts(node):
        guarded: list[Node] = []
        if part.op == "div":
            guarded.append(part.args[1])
        elif part.op == "pow":
            exponent = rational(part.args[1]) if not symbols_of(part.args[1]) else None
            if exponent is None or exponent.denominator != 1 or exponent < 0:
                guarded.append(part.args[0])
        elif part.op == "call":
            inner = part.args[0]
            if part.value in ("root", "ln", "log"):
                guarded += part.args
            elif part.value in ("tan", "sec", "cot", "csc"):
                guarded.append(Node("call", (inner,), "cos" if part.value in ("tan", "sec") else "sin"))
            elif part.value in ("arcsin", "arccos"):
                guarded.append(Node("add", (num(1), Node("neg", (Node("pow", (inner, num(2))),)))))
        for each in guarded:
            yield from _factors_of(each)


def _factors_of(node: Node) -> Iterator[Node]:
    """The factors of what must not be zero; those that are never zero left out."""
    if _sign(node) == 2:
        return
    if node.op in ("mul", "div", "neg"):
        for part in node.args:
            yield from _factors_of(part)
    elif node.op == "pow" or (node.op == "call" and node.value in ("root", "abs")):
        yield from _factors_of(node.args[0])
    elif node.op == "call" and node.value in ("tan", "cot"):
        yield from (Node("call", node.args, name) for name in ("sin", "cos"))
    elif symbols_of(node):
        yield node


def _sign(node: Node) -> int:
    """2 where an expression is positive, 1 where it is at least zero, 0 where that is not plain to see."""
    op, args = node.op, node.args
    if op == "num" and isinstance(node.value, Fraction):
        return 2 if node.value > 0 else int(node.value == 0)
    if op in ("const", "mixed") or (op == "call" and node.value in ("exp", "cosh")):
        return 2
    if op == "add":
        signs = list(map(_sign, args))
        return max(signs) if min(signs) else 0
    if op in ("mul", "div"):
        return min(map(_sign, args))
    if op == "pow":
        if _sign(args[0]) == 2:
            return 2
        exponent = rational(args[1]) if not symbols_of(args[1]) else None
        return int(exponent is not None and exponent > 0 and exponent % 2 == 0)
    return int(op == "call" and node.value == "abs")


def _check_base(problem: Problem, base: Node) -> None:
    """Refuses what can be zero where nothing in the problem is."""
    try:
        found = polynomial(base)
    except NotRead:
        found = None
    one = dense(found, problem.variable) if found is not None else None
    if one is not None:
        for other in problem.bases:
            try:
                another = dense(polynomial(other), problem.variable)
            except NotRead:
                continue
            if another is not None and len(another) > 1 and divides_a_power(one, another):
                return
        if _divides_all(problem, one):
            return
    elif any(ratio_is_constant(base, other) for other in problem.bases):
        return
    raise NotRead("not defined where the problem is")


def _divides_all(problem: Problem, one: list[Fraction]) -> bool:
    """Whether the zeros of a polynomial are those of several that the problem has."""
    product = num(1)
    for other in problem.bases:
        try:
            if dense(polynomial(other), problem.variable) is not None:
                product = Node("mul", (product, other))
        except NotRead:
            continue
    another = dense(polynomial(product), problem.variable)
    return another is not None and len(another) > 1 and divides_a_power(one, another)


def _check_domain(problem: Problem, node: Node) -> None:
    """Refuses an answer that has no value at a point where the problem has one."""
    rng = random.Random(0)
    for _ in range(POINTS):
        at = {letter: Fraction(rng.randint(-6000, 6000), 1009) for letter in problem.letters}
        try:
            Evaluator(30, False).value(problem.target, at)
        except (Undefined, NotRead):
            continue
        try:
            Evaluator(30, False).value(node, at)
        except Undefined:
            raise NotRead("not defined where the problem is") from None


# -------------------------------------------------------------------------------------------------------- the forms


def _check_expanded(problem: Problem, node: Node) -> None:
    _check_value(problem, node)
    _check_collected(node)


def _check_collected(node: Node) -> None:
    """Refuses all but a sum of monomials that are not alike."""
    seen = set()
    for _, term in terms_of(node):
        found = polynomial(term) if node.op == "add" and _is_monomial(term) else None
        if found is None and not (node.op != "add" and _is_monomial(term)):
            raise NotRead("a term that is no monomial")
        monomial = next(iter(polynomial(term)), None)
        if monomial in seen or (monomial is None and node.op == "add"):
            raise NotRead("like terms that are not collected")
        seen.add(monomial)


def _is_monomial(node: Node) -> bool:
    """Whether a term is written as one number and powers of different letters."""
    over: list[Node] = []
    under: list[Node] = []
    letters: list[str] = []
    signs = 0
    left = [node]
    while left:
        part = left.pop()
        if part.op == "mul":
            left += part.args
        elif part.op == "neg":
            signs += 1
            left += part.args
        elif part.op == "div":
            left.append(part.args[0])
            under.append(part.args[1])
        elif part.op in ("num", "mixed"):
            over.append(part)
        elif part.op == "sym":
            letters.append(str(part.value))
        elif part.op == "pow" and part.args[0].op == "sym" and part.args[1].op == "num":
            letters.append(str(part.args[0].value))
        else:
            return False
    return signs < 2 and len(set(letters)) == len(letters) and _one_number(over, under)


def _one_number(over: list[Node], under: list[Node]) -> bool:
    """Whether a coefficient is written out: one numeral, over another one at most."""
    if len(over) > 1 or len(under) > 1 or any(part.op != "num" for part in under):
        return False
    values = [rational(part) for part in (*over, *under)]
    return len(values) < 2 or (values[1] != 0 and (values[0] / values[1]).denominator != 1)  # type: ignore[operator]


def _check_factored(problem: Problem, node: Node) -> None:
    _check_value(problem, node)
    over: list[Node] = []
    under: list[Node] = []
    found: Counter[Any] = Counter()
    left = [(node, 1)]
    while left:
        part, times = left.pop()
        if part.op in ("mul", "neg"):
            left += [(each, times) for each in part.args]
        elif part.op == "div":
            left.append((part.args[0], times))
            under += [part.args[1]] * times
        elif part.op == "pow" and symbols_of(part):
            exponent = rational(part.args[1])
            assert exponent is not None  # polynomial() has read it
            left.append((part.args[0], times * int(exponent)))
        elif not symbols_of(part):
            over += [part] * times
        else:
            _check_collected(part)
            content, own = primitive(polynomial(part))
            if abs(content) != 1:
                raise NotRead("a factor with a common factor, or with fractions")
            found[_key(own)] += times
    if any(part.op not in ("num", "mixed") for part in over) or not _one_number(over, under):
        raise NotRead("a number that is left to be worked out")
    if found != Counter(dict(problem.factors)):
        raise NotRead("a factor that can be taken apart")


def operations(node: Node) -> int:
    """How many operations an expression takes; signs do not count, and a difference is a sum.

    >>> [operations(parse(tokens_of(text))) for text in ("x", "-2*x + 1", "(x^2 - 1)/(x + 1)", "sin(2*x)/x")]
    [0, 2, 4, 3]
    """
    count = 0
    for part in _parts(node):
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


# -------------------------------------------------------------------------------------------------------- solutions


def _check_solutions(problem: Problem, values: Readings) -> None:
    """Refuses all but every solution.

    Raises:
        NotRead: why.
    """
    reasons = ["no list of numbers"]
    for value in values:
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


def _numbers(value: Any, variable: str) -> list[Node]:
    """The numbers that an answer lists.

    Raises:
        NotRead: it lists none, or more than an answer has.
    """
    if isinstance(value, Region) and not value.intervals:
        return []
    if isinstance(value, Named) and value.name == variable:
        return _first(value.value, variable)
    if isinstance(value, System) and all(part.name.startswith(f"{variable}_") for part in value.parts):
        return [node for part in value.parts for node in _first(part.value, variable)]
    if isinstance(value, Group) and value.kind in ("set", "either", "list") and value.name in (None, variable):
        if len(value.items) > MOST_ROOTS:
            raise NotRead(f"more than {MOST_ROOTS} numbers")
        return [node for item in value.items for node in _first(item, variable)]
    if isinstance(value, Scalar) and value.unit is None:
        return [_written_out(_bounded(value.node))]
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
    """Whether a number is a zero of the polynomial without its multiple zeros; exactly where it is rational."""
    assert problem.polynomial is not None
    coefficients = dense(problem.polynomial, problem.variable)
    assert coefficients is not None
    value = rational(root)
    if value is not None:
        total = Fraction(0)
        for coefficient in reversed(coefficients):
            total = total * value + coefficient
        return total == 0
    Evaluator(60, False).value(root, {})  # has it a real value at all?
    node = num(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        node = Node("add", (Node("mul", (node, root)), num(coefficient)))
    return equivalent(node, num(0))


def _same_number(one: Node, other: Node) -> bool:
    first, second = rational(one), rational(other)
    return first == second if first is not None or second is not None else equivalent(one, other)
