r"""A right answer that was worked out: not the question's own formula, and no number left as a task.

`correct_answer` compares values, and $(x+1)(x-1)$ has the value of $x^2-1$. Asked to expand, factor, simplify or
evaluate, a policy soon learns to give the question's formula back. Here that is no answer, nor is it with its terms or
factors in another order, with a zero added or a one multiplied. And where the gold is a number, functions such as sines
and logarithms, products of sums and powers of sums or of i are left to be worked out, unless the gold has some itself.

What this does not protect from: other rewritings that do less than was asked, such as $-(1-x)(1+x)$ for $(x+1)(x-1)$.
Where a row says which form is asked for, `solves_symbolic` checks that form.
"""

import re
from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from rewards.completions import Completion
from rewards.correct import correct_answer
from rewards.evaluator import parts_of, symbols_of
from rewards.extract import MARKERS
from rewards.grammar import Node
from rewards.values import Named, Scalar, Value, readings
from rewards.verdicts import LogExtra, same_length

LONGEST_QUESTION = 20_000  # characters searched for formulas
_FORMULA = re.compile(
    r"\$\$(.{1,2000}?)\$\$|\$((?:[^$\\]|\\.){1,2000})\$|\\\((.{1,2000}?)\\\)|\\\[(.{1,2000}?)\\\]", re.DOTALL
)
_RELATION = re.compile(r"[=<>,]|\\(?:leq?|geq?|neq?|equiv|approx|to)(?![a-z])")
_SPACING = re.compile(r"\\(?:left|right|[,;:!]|q?quad|displaystyle)(?![a-z])|[\s$]")


def shape(node: Node) -> Hashable:
    """A tree without the order of terms and factors, double signs, zeros added and ones multiplied.

    >>> (one,), (other,) = readings("(x+1)(x-1)"), readings("1 (x - 1)(1 + x + 0)")
    >>> isinstance(one, Scalar) and isinstance(other, Scalar) and shape(one.node) == shape(other.node)
    True
    """
    if node.op == "neg":
        inner = shape(node.args[0])
        return inner[1] if isinstance(inner, tuple) and inner[0] == "neg" else ("neg", inner)
    if node.op not in ("add", "mul"):
        return (node.op, node.value if node.op != "div" else None, *map(shape, node.args))
    idle = ("num", 0 if node.op == "add" else 1)
    parts = [part for part in map(shape, _flat(node, node.op)) if part != idle]
    return parts[0] if len(parts) == 1 else (node.op, *sorted(parts, key=repr))


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
def given(question: str) -> tuple[frozenset[str], frozenset[Hashable]]:
    """The formulas of a question and their sides, as text and as shapes; single numbers and letters only as text."""
    texts: set[str] = set()
    for match in _FORMULA.finditer(question[:LONGEST_QUESTION]):
        formula = next(group for group in match.groups() if group)
        texts.update([formula, *_RELATION.split(formula)])
    shapes = {shape(node) for text in texts for node in _nodes(text) if node.args}
    return frozenset(map(_squeezed, texts)), frozenset(shapes)


_KINDS: dict[str, str] = dict.fromkeys(("sin", "cos", "tan", "sec", "csc", "cot"), "an angle's function")
_KINDS |= dict.fromkeys(("ln", "log", "lg", "lb"), "a logarithm")


def tasks(node: Node) -> set[str]:
    """What a number leaves to be worked out: functions but roots, products and powers of sums, powers of i."""
    found = set()
    for part in parts_of(node):
        if part.op == "call" and part.value not in ("root", "exp"):
            found.add(_KINDS.get(str(part.value).removeprefix("arc"), str(part.value)))
        elif part.op == "mul" and sum(_is_sum(factor) for factor in part.args) > 1:
            found.add("a product of sums")
        elif part.op == "pow" and (_is_sum(part.args[0]) or part.args[0].value == "i"):
            found.add("a power of a sum or of i")
        elif part.op in ("sum", "prod"):
            found.add("a long sum")
    return found


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
    texts, shapes = given(question)
    golds = [*_nodes(gold)]
    answers = [*_nodes(answer)]
    if _squeezed(answer) in texts - {_squeezed(gold)}:
        return f"{answer:.80} is the question's own formula"
    if any(shape(node) in shapes - {*map(shape, golds)} for node in answers):
        return f"{answer:.80} is the question's own formula"
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
