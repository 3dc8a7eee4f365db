"""Whether two answers are the same one."""

from functools import lru_cache

from rewards.evaluator import Undefined, begin_comparison, parts_of, rational, symbols_of, undone, written_out
from rewards.expressions import MOST_JOBS, difference_is_constant, equivalent, jobs, ratio_is_constant
from rewards.grammar import LONGEST, Node, NotRead
from rewards.regions import Region, infinite, same_region
from rewards.units import same_unit
from rewards.values import (
    Based,
    Choice,
    Clock,
    Equation,
    Group,
    Inequality,
    Matrix,
    Named,
    Ratio,
    Readings,
    Rows,
    Scalar,
    System,
    Value,
    Words,
    readings,
)


def equal(answer: str | int, gold: str | int, arithmetic: bool = False) -> bool:
    """Whether two answers are the same one, exactly.

    Args:
        answer, gold: texts in LaTeX or plain writing, or numbers; which is which does not matter.
        arithmetic: also take numbers whose arithmetic was left undone, `6*7` for 42.

    >>> equal(r"\\frac{1}{2}", "0.5"), equal("0.333", "1/3"), equal("x > 3", r"(3, \\infty)")
    (True, False, True)
    """
    one, other = str(answer), str(gold)
    if one.isascii() and one.isdigit() and other.isascii() and other.isdigit() and len(one) < 16 > len(other):
        return int(one) == int(other)  # nearly every answer there is
    return max(len(one), len(other)) <= LONGEST and _equal(one, other, arithmetic)


@lru_cache(maxsize=16384)
def _equal(answer: str, gold: str, arithmetic: bool) -> bool:
    jobs.left = MOST_JOBS
    begin_comparison()
    one, other = readings(answer), readings(gold)
    if not one or not other:
        return False
    return _Agreement(arithmetic).readings(one, other)


@lru_cache(maxsize=16384)
def left_undone(answer: str, gold: str) -> bool:
    """Whether an answer leaves a number to be worked out that the gold has written out.

    `equal` is one rule for both sides, by which 2^10 is 1024; but who is asked for a number gives one.

    >>> left_undone("2^{10}", "1024"), left_undone("1.024 * 10^3", "1024"), left_undone("2^{10}", "2^{10}")
    (True, False, False)
    """
    sides = [answer, *answer.split("=")]  # 1024 = 2^{10}
    if all(map(_works, readings(gold))):
        return False
    return not any(not _works(value) for side in sides if equal(side, gold) for value in readings(side))


def _works(value: object) -> bool:
    """Whether a value holds a number without letters that is to be worked out: 2^{10}\\pi, (5!, 3)."""
    if isinstance(value, Node):
        parts = () if symbols_of(value) else parts_of(value)
        return any(not written_out(part) and rational(part) is not None for part in parts)
    return isinstance(value, tuple) and any(map(_works, value))


class _Agreement:
    """The rules by which values agree, under one policy."""

    def __init__(self, arithmetic: bool) -> None:
        self.arithmetic = arithmetic

    def readings(self, one: Readings, other: Readings) -> bool:
        """Whether a reading of one agrees with a reading of the other."""
        return any(self.values(a, b) for a in one for b in other)

    def values(self, one: Value, other: Value) -> bool:
        try:
            return self.same(one, other) or (type(one) is not type(other) and self.same(other, one))
        except (NotRead, Undefined):
            return False

    def same(self, one: Value, other: Value) -> bool:
        match one, other:
            case Scalar(), Scalar():
                return same_unit(one.unit, other.unit) and self.nodes(one.node, other.node)
            case Named(), Named():
                return one.name == other.name and self.readings(one.value, other.value)
            case Named(), Scalar() | Group() | Matrix() | Region() | Choice() | Words() | Clock() | Ratio() | Based():
                return self.readings(one.value, (other,))
            case Group(), Group():
                return self.groups(one, other)
            case System(), System():
                return len(one.parts) == len(other.parts) and all(
                    self.same(a, b) for a, b in zip(one.parts, other.parts, strict=True)
                )
            case System(), Group(kind="tuple"):
                return self.in_order([part.value for part in one.parts], other.items)
            case Group(), Named() if one.unordered:
                return one.name == other.name and self.unordered(one.items, (other.value,))
            case Equation(), Equation():
                return self.curves(one.node, other.node)
            case Equation(), Named(value=(Scalar(node=value), *_)) if not undone(value):
                return ratio_is_constant(one.node, Node("add", (Node("sym", (), other.name), Node("neg", (value,)))))
            case Region(), Region():
                names = {one.name, other.name} - {None}
                return len(names) < 2 and same_region(one.intervals, other.intervals)
            case Region(intervals=()), Group(kind="set", items=()):
                return True
            case Region(), Group() if other.unordered:
                return self.points(one, other)
            case Inequality(), Inequality() | Region():
                from rewards.solving import same_inequality

                return same_inequality(one, other)
            case Matrix(rows=left), Matrix(rows=right):
                return self.matrices(left, right)
            case Ratio(parts=left, clock=one_clock), Ratio(parts=right, clock=other_clock):
                return not (one_clock and other_clock) and self.ratios(left, right)
            case Choice() | Clock() | Based() | Words(), _:
                return one == other
        return False

    def nodes(self, one: Node, other: Node) -> bool:
        """Whether two expressions agree; numbers also in whether their arithmetic is done."""
        if one == other:
            return True
        if one.op == other.op == "num":
            return False
        if infinite(one) or infinite(other):
            return infinite(one) == infinite(other)
        if symbols_of(one) or symbols_of(other):
            return equivalent(one, other) or self.antiderivatives(one, other)
        first, second = rational(one), rational(other)
        if first is not None and second is not None and first != second:
            return False
        done = self.arithmetic or undone(one) == undone(other) or (first is None and second is None)
        return done and ((first is not None and first == second) or equivalent(one, other))

    @staticmethod
    def antiderivatives(one: Node, other: Node) -> bool:
        """Both with a constant of integration, C in one of them, in one other letter: they may differ by a constant."""
        rests = []
        for node in (one, other):
            letters = symbols_of(node)
            constants = letters & {"C", "K"}
            if len(constants) != 1 or len(letters) != 2:
                return False
            constant = Node("sym", (), next(iter(constants)))
            terms = node.args if node.op == "add" else ()
            plus = [term for term in terms if term in (constant, Node("neg", (constant,)))]
            if len(plus) != 1 or sum(part == constant for part in parts_of(node)) != 1:
                return False
            rests.append(letters - constants)
        rest, also = rests
        if rest != also or not next(iter(rest)).islower() or "C" not in symbols_of(one) | symbols_of(other):
            return False
        return difference_is_constant(one, other, next(iter(rest)))

    def groups(self, one: Group, other: Group) -> bool:
        if one.name and other.name and one.name != other.name:
            return False
        if "cases" in (one.kind, other.kind):
            return one.kind == other.kind and self.unordered(one.items, other.items)
        if (one.unordered and (other.unordered or other.kind == "list")) or (other.unordered and one.kind == "list"):
            return self.unordered(one.items, other.items)
        return one.kind == other.kind and self.in_order(one.items, other.items)

    def in_order(self, one: "list[Readings] | tuple[Readings, ...]", other: tuple[Readings, ...]) -> bool:
        return len(one) == len(other) and all(self.readings(a, b) for a, b in zip(one, other, strict=True))

    def unordered(self, one: tuple[Readings, ...], other: tuple[Readings, ...]) -> bool:
        """Whether every item of each has its like in the other, and there are as many of them."""
        one, other = tuple(dict.fromkeys(one)), tuple(dict.fromkeys(other))
        return (
            len(one) == len(other)
            and all(any(self.readings(a, b) for b in other) for a in one)
            and all(any(self.readings(a, b) for a in one) for b in other)
        )

    def points(self, region: Region, group: Group) -> bool:
        """Whether a region of single points is a set of numbers."""
        if (region.name and group.name and region.name != group.name) or len(region.intervals) != len(group.items):
            return False
        if not all(part.low == part.high for part in region.intervals):
            return False
        return self.unordered(tuple((Scalar(part.low),) for part in region.intervals), group.items)

    @staticmethod
    def curves(one: Node, other: Node) -> bool:
        if symbols_of(one) != symbols_of(other):
            return False
        if ratio_is_constant(one, other):
            return True
        from rewards.solving import same_curve

        return same_curve(one, other)

    def matrices(self, one: Rows, other: Rows) -> bool:
        return [len(row) for row in one] == [len(row) for row in other] and all(
            self.nodes(a, b) for left, right in zip(one, other, strict=True) for a, b in zip(left, right, strict=True)
        )

    @staticmethod
    def ratios(one: tuple[Node, ...], other: tuple[Node, ...]) -> bool:
        if len(one) != len(other) or any(all(rational(part) == 0 for part in parts) for parts in (one, other)):
            return False
        pairs = list(zip(one, other, strict=True))
        return all(
            equivalent(Node("mul", (a, d)), Node("mul", (c, b)))
            for place, (a, b) in enumerate(pairs)
            for c, d in pairs[:place]
        )
