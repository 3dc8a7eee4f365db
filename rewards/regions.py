"""Sets of real numbers as unions of intervals: what an interval, an inequality or a union of them describes."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from rewards.evaluator import Evaluator, Undefined, symbols_of
from rewards.expressions import equivalent
from rewards.grammar import Node, NotRead

INFINITY = Node("const", (), "inf")
MINUS_INFINITY = Node("neg", (INFINITY,))


class Interval(NamedTuple):
    """From `low` to `high`; `low_in` and `high_in` say whether the ends belong to it. One point is [p, p]."""

    low: Node
    low_in: bool
    high: Node
    high_in: bool


class Region(NamedTuple):
    """Disjoint intervals in rising order, and the name of the variable where the text had one."""

    intervals: tuple[Interval, ...]
    name: str | None = None


def infinite(node: Node) -> int:
    """1 and -1 for the two infinities, 0 for what is finite."""
    if node == INFINITY:
        return 1
    if node.op == "neg":
        return -infinite(node.args[0])
    return 0


def position(node: Node) -> Any:
    """Where an end lies on the real line.

    Raises:
        NotRead: it is no real number.
    """
    evaluator = Evaluator(50, False)
    if sign := infinite(node):
        return evaluator.ctx.inf * sign
    if symbols_of(node):
        raise NotRead("an end with a letter")
    try:
        return evaluator.real(evaluator.value(node, {}))
    except Undefined:
        raise NotRead("an end that is no real number") from None


def interval(low: Node, low_in: bool, high: Node, high_in: bool) -> tuple[Interval, ...]:
    """One interval, or none when it holds no number.

    Raises:
        NotRead: the ends are no real numbers, or an infinity is said to belong to it.
    """
    if (infinite(low) and low_in) or (infinite(high) and high_in):
        raise NotRead("infinity belongs to no interval")
    first, last = position(low), position(high)
    if first > last or (first == last and not (low_in and high_in)):
        raise NotRead("an interval without a number")
    return (Interval(low, low_in, high, high_in),)


REALS = (Interval(MINUS_INFINITY, False, INFINITY, False),)


def union(parts: Iterable[Interval]) -> tuple[Interval, ...]:
    """The union, overlapping and touching intervals joined."""
    ordered = sorted(parts, key=lambda part: (position(part.low), not part.low_in))
    joined: list[Interval] = []
    for part in ordered:
        if joined:
            last = joined[-1]
            gap = position(part.low) - position(last.high)
            if gap < 0 or (gap == 0 and (part.low_in or last.high_in)):
                ends = [(position(end.high), end.high_in, end.high) for end in (last, part)]
                _, high_in, high = max(ends, key=lambda end: end[:2])
                joined[-1] = last._replace(high=high, high_in=high_in)
                continue
        joined.append(part)
    return tuple(joined)


def intersection(one: Iterable[Interval], other: Iterable[Interval]) -> tuple[Interval, ...]:
    """What belongs to both."""
    found = []
    others = list(other)
    for a in one:
        for b in others:
            ends = [(position(part.low), not part.low_in, part.low) for part in (a, b)]
            _, low_out, low = max(ends, key=lambda end: end[:2])
            ends = [(position(part.high), part.high_in, part.high) for part in (a, b)]
            _, high_in, high = min(ends, key=lambda end: end[:2])
            first, last = position(low), position(high)
            if first < last or (first == last and not low_out and high_in):
                found.append(Interval(low, not low_out, high, high_in))
    return union(found)


def complement(parts: Iterable[Interval]) -> tuple[Interval, ...]:
    """The real numbers that do not belong to it."""
    low, low_in = MINUS_INFINITY, False
    found = []
    for part in union(parts):
        if not infinite(part.low):
            first, last = position(low), position(part.low)
            if first < last or (first == last and low_in and not part.low_in):
                found.append(Interval(low, low_in, part.low, not part.low_in))
        low, low_in = part.high, not part.high_in
        if infinite(low):
            return tuple(found)
    return (*found, Interval(low, low_in, INFINITY, False))


def same_region(one: tuple[Interval, ...], other: tuple[Interval, ...]) -> bool:
    """Whether two regions have the same numbers: the same ends, which belong or do not belong to both."""
    return len(one) == len(other) and all(
        a.low_in == b.low_in and a.high_in == b.high_in and _same_end(a.low, b.low) and _same_end(a.high, b.high)
        for a, b in zip(one, other, strict=True)
    )


def _same_end(one: Node, other: Node) -> bool:
    if infinite(one) or infinite(other):
        return infinite(one) == infinite(other)
    return equivalent(one, other)
