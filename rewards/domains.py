"""Where an expression has no value, compared between an answer and its problem: x(x-1)/(x-1) is not x.

What an expression divides by, or takes the root, logarithm or tangent of, is taken down to its factors, its *bases*.
Every base of an answer must be one of the problem's; polynomials in one letter are compared by their zeros, exactly.
So an answer that hides something behind a zero is refused, and with it a right one in an odd form now and then.
"""

import random
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from rewards.evaluator import Evaluator, Undefined, parts_of, rational, symbols_of
from rewards.expressions import ratio_is_constant
from rewards.grammar import Node, NotRead, num
from rewards.polynomials import dense, divides_a_power, polynomial, times

MOST_BASES = 12  # of an answer
POINTS = 24  # where an answer must have a value if the problem has one
# where each is zero or has no value
_ZEROS = {"tan": ("sin", "cos"), "cot": ("sin", "cos"), "sec": ("cos",), "csc": ("sin",)}
_GUARDED = {"tan": "cos", "sec": "cos", "cot": "sin", "csc": "sin"}


class Bases(NamedTuple):
    """What must not be zero in a problem: a polynomial in its letter, from the lowest coefficient on, and the rest."""

    zeros: tuple[Fraction, ...]
    others: tuple[Node, ...]


def bases_of_problem(letter: str, *nodes: Node) -> Bases:
    """The bases of a problem's expressions, as answers are compared with them."""
    zeros: list[Fraction] = [Fraction(1)]
    others = []
    for base in dict.fromkeys(base for node in nodes for base in _bases(node)):
        if (found := _in_one_letter(base, letter)) is not None:
            zeros = times(zeros, found)
        else:
            others.append(base)
    return Bases(tuple(zeros), tuple(others))


def check_bases(node: Node, letter: str, problem: Bases) -> None:
    """Refuses an expression with a base that the problem has not.

    Raises:
        NotRead: it has one, or more than an answer has.

    >>> from rewards.grammar import parse, tokens_of
    >>> of = lambda text: parse(tokens_of(text))
    >>> problem = bases_of_problem("x", of("1/(x^2-1)"))
    >>> check_bases(of("ln((x-1)/(x+1))"), "x", problem)
    >>> check_bases(of("ln(x)"), "x", problem)
    Traceback (most recent call last):
    rewards.grammar.NotRead: not defined where the problem is
    """
    bases = list(dict.fromkeys(_bases(node)))
    if len(bases) > MOST_BASES:
        raise NotRead("more denominators, logarithms and roots than an answer has")
    for base in bases:
        found = _in_one_letter(base, letter)
        if found is not None:
            known = divides_a_power(found, list(problem.zeros))
        else:
            known = any(ratio_is_constant(base, other) for other in problem.others)
        if not known:
            raise NotRead("not defined where the problem is")


def check_values(node: Node, target: Node, partly: bool) -> None:
    """Refuses an expression without a value at a point where the other has one; `partly`, at all such points.

    Raises:
        NotRead: it is so.
    """
    rng = random.Random(0)
    letters = sorted(symbols_of(node) | symbols_of(target))
    defined = []
    for _ in range(POINTS):
        at = {letter: Fraction(rng.randint(-6000, 6000), 1009) for letter in letters}
        try:
            Evaluator(30, False).value(target, at)
        except (Undefined, NotRead):
            continue
        try:
            Evaluator(30, False).value(node, at)
            defined.append(True)
        except Undefined:
            defined.append(False)
    if defined and not (any(defined) if partly else all(defined)):
        raise NotRead("not defined where the problem is")


def _in_one_letter(base: Node, letter: str) -> list[Fraction] | None:
    try:
        return dense(polynomial(base), letter)
    except NotRead:
        return None


def _bases(node: Node) -> Iterator[Node]:
    """The bases of an expression and all its parts."""
    for part in parts_of(node):
        guarded: tuple[Node, ...] = ()
        if part.op == "div":
            guarded = part.args[1:]
        elif part.op == "pow":
            exponent = rational(part.args[1]) if not symbols_of(part.args[1]) else None
            if exponent is None or exponent.denominator != 1 or exponent < 0:
                guarded = part.args[:1]
        elif part.op == "call" and part.value in ("root", "ln", "log"):
            guarded = part.args
        elif part.op == "call" and part.value in _GUARDED:
            guarded = (Node("call", part.args, _GUARDED[str(part.value)]),)
        elif part.op == "call" and part.value in ("arcsin", "arccos"):
            guarded = (Node("add", (num(1), Node("neg", (Node("pow", (part.args[0], num(2))),)))),)
        for each in guarded:
            yield from _factors(each)


def _factors(node: Node) -> Iterator[Node]:
    """The factors of what must not be zero, but for those that never are."""
    if _sign(node) == 2:
        return
    if node.op in ("mul", "div", "neg"):
        for part in node.args:
            yield from _factors(part)
    elif node.op == "pow" or (node.op == "call" and node.value in ("root", "abs")):
        yield from _factors(node.args[0])
    elif node.op == "call" and node.value in _ZEROS:
        yield from (Node("call", node.args, name) for name in _ZEROS[str(node.value)])
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
        return int(exponent is not None and exponent > 0 and exponent.denominator == 1 and exponent % 2 == 0)
    return int(op == "call" and node.value == "abs")
