r"""A right answer that was worked out: not the question's own formula, and no number left as a task.

`correct_answer` compares values, and $(x+1)(x-1)$ has the value of $x^2-1$. Asked to expand, factor, simplify or
evaluate, a policy soon learns to give the question's formula back. Here that is no answer, nor is it with its terms or
factors in another order, with a zero added or a one multiplied, with its roots or repeated factors written as powers.
Where the gold is a solution, $x = 4$ or $[0, 1]$, a relation still to be solved is none, such as $3x = 12$. And where
the gold is a number, functions such as sines and logarithms, products of sums, powers of sums and of or to i are left
to be worked out, unless the gold has some itself.

What this does not protect from: other rewritings that do less than was asked, such as $-(1-x)(1+x)$ for $(x+1)(x-1)$.
Where a row says which form is asked for, `solves_symbolic` checks that form.
"""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import Any, TypeAlias

from rewards.completions import Completion
from rewards.correct import correct_answer
from rewards.evaluator import parts_of, symbols_of
from rewards.extract import MARKERS
from rewards.grammar import Node
from rewards.regions import Region
from rewards.values import Named, Scalar, Value, readings
from rewards.verdicts import LogExtra, same_length

Shape: TypeAlias = tuple[Any, ...]

LONGEST_QUESTION = 20_000  # characters searched for formulas
_FORMULA = re.compile(
    r"\$\$(.{1,2000}?)\$\$|\$((?:[^$\\]|\\.){1,2000})\$|\\\((.{1,2000}?)\\\)|\\\[(.{1,2000}?)\\\]", re.DOTALL
)
_RELATION = re.compile(r"[=<>,]|\\(?:leq?|geq?|neq?|equiv|approx|to)(?![a-z])")
_SPACING = re.compile(r"\\(?:left|right|[,;:!]|q?quad|displaystyle)(?![a-z])|[\s$]")
_ZERO, _ONE = ("num", Fraction(0)), ("num", Fraction(1))


def shape(node: Node, powers: bool = False) -> Shape:
    """A tree without the order of terms and factors, signs within products, zeros added and ones multiplied.

    With `powers`, roots and repeated factors are powers.

    >>> (one,), (other,) = readings("(x+1)(x-1)"), readings("1 (x - 1)(1 + x + 0)")
    >>> isinstance(one, Scalar) and isinstance(other, Scalar) and shape(one.node) == shape(other.node)
    True
    """
    if node.op in ("add", "mul"):
        parts = [shape(part, powers) for part in _flat(node, node.op)]
        return _product(parts, powers) if node.op == "mul" else _joined("add", [p for p in parts if p != _ZERO])
    args = [shape(part, powers) for part in node.args]
    if node.op == "neg":
        return _signed(*_sign(args[0]), -1)
    if node.op == "div":
        (over, first), (under, second) = map(_sign, args)
        return _signed(over if under == _ONE else ("div", None, over, under), first * second)
    if node.op == "pow" and args[1] == _ONE:
        return args[0]
    if powers and node.op == "call" and node.value == "root":
        return ("pow", None, args[0], ("div", None, _ONE, args[1]))
    return (node.op, node.value, *args)


def _product(parts: list[Shape], powers: bool) -> Shape:
    signed = [_sign(part) for part in parts]
    factors = [factor for part, _ in signed for factor in (part[1:] if part[0] == "mul" else [part])]
    if powers:
        exponents: dict[Shape, Fraction] = {}
        for factor in factors:
            base, exponent = factor, Fraction(1)
            if factor[0] == "pow" and factor[3][0] == "num":
                base, exponent = factor[2], factor[3][1]
            exponents[base] = exponents.get(base, Fraction(0)) + exponent
        factors = [base if power == 1 else ("pow", None, base, ("num", power)) for base, power in exponents.items()]
    return _signed(_joined("mul", [factor for factor in factors if factor != _ONE]), prod(sign for _, sign in signed))


def _joined(op: str, parts: list[Shape]) -> Shape:
    return parts[0] if len(parts) == 1 else (op, *sorted(parts, key=repr))


def _sign(part: Shape) -> tuple[Shape, int]:
    return (part[1], -1) if part[0] == "neg" else (part, 1)


def _signed(part: Shape, *signs: int) -> Shape:
    return part if prod(signs) > 0 else ("neg", part)


def _forms(node: Node) -> set[tuple[bool, Shape]]:
    """A tree's shape with and without `powers`: what agrees in either is one formula."""
    return {(powers, shape(node, powers)) for powers in (False, True)}


def _flat(node: Node, op: str) -> Iterator[Node]:
    for part in node.args:
        if part.op == op:
            yield from _flat(part, op)
        else:
            yield part


def _nodes(text: str) -> Iterator[Node]:
    """The trees of a text that is an expression, or the name of one."""
    values: list[Value] = [*readings(text)]
    for value in values:
        if isinstance(value, Named):
            values += value.value
        elif isinstance(value, Scalar):
            yield value.node


def _squeezed(text: str) -> str:
    return _SPACING.sub("", text)


@lru_cache(maxsize=4096)
def given(question: str) -> tuple[frozenset[str], frozenset[tuple[bool, Shape]]]:
    """The formulas of a question and their sides, as text and as shapes; single numbers and letters only as text."""
    texts: set[str] = set()
    for match in _FORMULA.finditer(question[:LONGEST_QUESTION]):
        formula = next(group for group in match.groups() if group)
        texts.update([formula, *_RELATION.split(formula)])
    forms = {form for text in texts for node in _nodes(text) if node.args for form in _forms(node)}
    return frozenset(map(_squeezed, texts)), frozenset(forms)


_KINDS: dict[str, str] = dict.fromkeys(("sin", "cos", "tan", "sec", "csc", "cot"), "an angle's function")
_KINDS |= dict.fromkeys(("ln", "log", "lg", "lb"), "a logarithm")


def tasks(node: Node) -> set[str]:
    """What a number leaves to be worked out: functions but roots, products and powers of sums, powers of or to i."""
    found = set()
    for part in parts_of(node):
        if part.op == "call" and part.value not in ("root", "exp"):
            found.add(_KINDS.get(str(part.value).removeprefix("arc"), str(part.value)))
        elif part.op == "mul" and sum(_is_sum(factor) for factor in part.args) > 1:
            found.add("a product of sums")
        elif part.op == "mul" and sum(factor.value == "i" for factor in _flat(part, "mul")) > 1:
            found.add("a product of i")
        elif part.op == "pow" and (_is_sum(part.args[0]) or part.args[0].value == "i"):
            found.add("a power of a sum or of i")
        elif part.op in ("pow", "call") and any(below.value == "i" for below in parts_of(part.args[-1])):
            found.add("an exponential of i")
        elif part.op in ("sum", "prod"):
            found.add("a long sum")
    return found


def _unsolved(text: str) -> bool:
    """Whether a side of a relation has a letter that does not stand alone: 3x = 12, |x - 2| < 5, y = 2x."""
    return any(symbols_of(node) and node.args for side in _RELATION.split(text) for node in _nodes(side))


def _is_sum(node: Node) -> bool:
    return node.op == "add" or (node.op == "neg" and _is_sum(node.args[0]))


@lru_cache(maxsize=16384)
def left_as_task(answer: str, gold: str, question: str) -> str | None:
    r"""Why a right answer is not worked out, or None.

    >>> left_as_task("(x-1)(x+1)", "x^2 - 1", "Expand $(x+1)(x-1)$.")
    "(x-1)(x+1) is the question's own formula"
    >>> left_as_task("-1 + x^2", "x^2 - 1", "Expand $(x+1)(x-1)$.") is None
    True
    """
    texts, forms = given(question)
    golds = [*_nodes(gold)]
    answers = [*_nodes(answer)]
    if _squeezed(answer) in texts - {_squeezed(gold)}:
        return f"{answer:.80} is the question's own formula"
    others = forms.difference(*map(_forms, golds))
    if any(others & _forms(node) for node in answers):
        return f"{answer:.80} is the question's own formula"
    solved = any(isinstance(value, Named | Region) for value in readings(gold))
    if solved and _unsolved(answer) and not _unsolved(gold):
        return f"{answer:.80} is left to be solved"
    allowed = {task for node in golds for task in tasks(node)}
    if golds and not any(map(symbols_of, golds)):
        for node in answers:
            if left := tasks(node) - allowed:
                return f"{answer:.80} is left to be worked out ({min(left)})"
    return None


def correct_worked_answer(
    completions: Sequence[Completion],
    answer: Sequence[object],
    question: Sequence[str] | None = None,
    log_extra: LogExtra | None = None,
    markers: tuple[str, ...] = MARKERS,
    **kwargs: Any,
) -> list[float]:
    r"""Pays 1.0 when `correct_answer` does, and the answer is not the question's own formula or a task left, else 0.0.

    Args:
        completions, answer, log_extra, markers: as in `correct_answer`.
        question: of each row, with its formulas between dollars, `\( \)` or `\[ \]`; without it none are compared.

    Raises:
        ValueError: a gold is empty or no text.

    >>> texts = ["\\boxed{2x^2 + 7x - 15}", "\\boxed{(2x - 3)(x + 5)}", "\\boxed{(5 + x)(2x - 3)}"]
    >>> correct_worked_answer(texts, answer=["2x^2 + 7x - 15"] * 3, question=["Expand $(2x - 3)(x + 5)$."] * 3)
    [1.0, 0.0, 0.0]
    """
    told: dict[str, list[Any]] = {}
    pays = correct_answer(completions, answer, told.__setitem__, markers)
    questions = question if question is not None else [""] * len(completions)
    same_length(completions, answer, questions)
    for place, (gold, asked) in enumerate(zip(answer, questions, strict=True)):
        if pays[place] and (why := left_as_task(told["extracted"][place], str(gold), asked)):
            pays[place] = 0.0
            told["reason"][place], told["lenient"][place] = why, False
    if log_extra is not None:
        for column, values in told.items():
            log_extra(column, values)
    return pays
