"""Whether two expressions are the same function: exact rationals where that is enough, else many digits at many points.

Two expressions agree when they have the same value wherever both are defined in the real numbers (in the complex ones
where i occurs). Rational values are compared exactly. Irrational ones are computed to far more digits than either text
has, so that a rounded decimal never passes for the surd it approximates. Points are drawn from the two texts
themselves, so nothing can be written to fit them. Absolute values are compared under every sign they can hide.
"""

import itertools
import random
import threading
import zlib
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from rewards.evaluator import Evaluator, TooLarge, Undefined, parts_of, rational, symbols_of
from rewards.grammar import Node, NotRead, num

POINTS = 12  # where two expressions must agree
POINTS_PIECEWISE = 80  # when abs, floor, roots or the like could hide a difference
POINTS_WHOLE = 40  # where letters stand for whole numbers
FAR = 60  # at least one of which is larger
TRIES = 400
MOST_LETTERS = 12
MOST_SIGNS = 4  # of absolute values, each of which doubles the work
MOST_NESTED = 2  # of absolute values in each other
MOST_DIGITS = 4_000
MOST_JOBS = 5  # for a worker process, to compare two answers


class _Jobs(threading.local):
    """How many jobs a comparison may still give to a worker process."""

    left = MOST_JOBS


jobs = _Jobs()


def take_job() -> None:
    """Counts a job.

    Raises:
        NotRead: there have been too many.
    """
    jobs.left -= 1
    if jobs.left < 0:
        raise NotRead(f"more than {MOST_JOBS} problems to be solved")


# ------------------------------------------------------------------------------------------------------- comparison

_PIECEWISE = frozenset("abs floor ceil max min root".split())


def expand_signs(node: Node) -> tuple[Node, ...]:
    """The expression, or the two that ± stands for; ± and ∓ in one expression change together."""
    if not any(part.op in ("pm", "mp") for part in parts_of(node)):
        return (node,)
    return (_with_sign(node, 1), _with_sign(node, -1))


def _with_sign(node: Node, sign: int) -> Node:
    args = tuple(_with_sign(part, sign) for part in node.args)
    if node.op in ("pm", "mp"):
        return args[0] if (node.op == "pm") == (sign == 1) else Node("neg", args)
    return node._replace(args=args)


def equivalent(one: Node, other: Node) -> bool:
    """Whether two expressions are equal wherever both are defined.

    >>> from rewards.grammar import parse, tokens_of
    >>> pairs = [("(x+1)^2", "x^2+2x+1"), ("sqrt(x^2)", "x"), ("1.41421", "sqrt(2)")]
    >>> [equivalent(*(parse(tokens_of(text)) for text in pair)) for pair in pairs]
    [True, False, False]
    """
    if one == other or sorted_node(one) == sorted_node(other):
        return True
    compare = Comparison(one, other)
    if compare.letters and not _same_steps(one, other):
        return False
    if compare.letters and not compare.complex:
        pair = with_absolute_values(one), with_absolute_values(other)
        if max(map(_nested, pair)) > MOST_NESTED:
            raise NotRead(f"absolute values nested deeper than {MOST_NESTED}")
        if any(part.op == "call" and part.value == "abs" for node in pair for part in parts_of(node)):
            return compare.functions() and _equal_under_every_sign(*pair)
    return compare.constants() if not compare.letters else compare.functions()


_STEPS = frozenset("floor ceil gcd lcm".split())
_INVERSE = frozenset("arcsin arccos arctan".split())
_PERIODIC = frozenset("sin cos tan cot sec csc".split())


def _steps_of(node: Node) -> list[Node]:
    """The parts that jump, where points cannot tell floor(x) from floor(x + 0.001), nor arctan(tan x) from x.

    Raises:
        NotRead: one inside another.
    """
    found = []
    for part in parts_of(node):
        inside = [each.value for arg in part.args for each in parts_of(arg) if each.op == "call"]
        jumps = part.value in _STEPS or (part.value in _INVERSE and bool(_PERIODIC & set(inside)))
        if part.op == "call" and jumps and symbols_of(part):
            if any(value in _STEPS or value in _INVERSE for value in inside):
                raise NotRead("a step inside a step")
            found.append(part)
    return found


def _same_steps(one: Node, other: Node) -> bool:
    """Whether the same expressions jump in both."""
    steps = [_steps_of(node) for node in (one, other)]
    return all(
        any(mine.value == theirs.value and _same_args(mine, theirs) for theirs in others)
        for own, others in (steps, steps[::-1])
        for mine in own
    )


def _same_args(one: Node, other: Node) -> bool:
    return len(one.args) == len(other.args) and any(
        all(equivalent(mine, theirs) for mine, theirs in zip(one.args, order, strict=True))
        for order in (other.args, other.args[::-1])
    )


def sorted_node(node: Node) -> Node:
    """The expression with sums and products in one order: what only changed places is the same at once."""
    args = tuple(sorted_node(part) for part in node.args)
    return node._replace(args=tuple(sorted(args, key=repr)) if node.op in ("add", "mul") else args)


# -------------------------------------------------------------------------------------------------- absolute values


def with_absolute_values(node: Node) -> Node:
    """The expression with everything that hides a sign written as |...|: max, min, sqrt(b^2), ln(b^2)."""
    args = [with_absolute_values(part) for part in node.args]
    node = node._replace(args=tuple(args))
    if node.op == "call" and node.value in ("max", "min") and symbols_of(node):
        return _extreme(args, largest=node.value == "max")
    if node.op == "call" and node.value == "root" and (power := _even_power(args[0])) and (index := rational(args[1])):
        return _power_of_absolute(power, 1 / index)
    if node.op == "call" and node.value in ("ln", "log") and (power := _even_power(args[0])):
        return Node("mul", (num(power[1]), node._replace(args=(_absolute(power[0]), *args[1:]))))
    if node.op == "pow" and (power := _even_power(args[0])) and (exponent := rational(args[1])) is not None:
        return node if exponent.denominator == 1 else _power_of_absolute(power, exponent)
    if node.op == "call" and node.value == "abs" and symbols_of(node):
        return _absolute(args[0])
    return node


def _extreme(args: list[Node], largest: bool) -> Node:
    """The largest or smallest of expressions, by absolute values."""
    best = args[0]
    for other in args[1:]:
        gap = _absolute(Node("add", (best, Node("neg", (other,)))))
        best = Node("div", (Node("add", (best, other, gap if largest else Node("neg", (gap,)))), num(2)))
    return best


def _even_power(node: Node) -> tuple[Node, Fraction] | None:
    """Base and exponent of a power with letters and an even exponent."""
    if node.op != "pow" or not symbols_of(node.args[0]):
        return None
    exponent = rational(node.args[1])
    return (
        (node.args[0], exponent) if exponent is not None and exponent.denominator == 1 and exponent % 2 == 0 else None
    )


def _power_of_absolute(power: tuple[Node, Fraction], exponent: Fraction) -> Node:
    return Node("pow", (_absolute(power[0]), num(power[1] * exponent)))


def _absolute(node: Node) -> Node:
    """|node|, with factors taken apart."""
    if node.op in ("mul", "div"):
        return node._replace(args=tuple(_absolute(part) for part in node.args), value=None)
    if node.op == "neg":
        return _absolute(node.args[0])
    if node.op == "call" and node.value == "abs":
        return node
    if node.op == "pow" and (exponent := rational(node.args[1])) is not None and exponent.denominator == 1:
        return Node("pow", (_absolute(node.args[0]), node.args[1]))
    return Node("call", (node,), "abs")


def _nested(node: Node) -> int:
    """How deep absolute values of letters stand in each other: each level multiplies the work."""
    deepest = max(map(_nested, node.args), default=0)
    return deepest + (node.op == "call" and node.value == "abs" and bool(symbols_of(node)))


def _signs_of(*nodes: Node) -> list[Node]:
    """What stands in |...| with letters, the same up to a factor counted once.

    Raises:
        NotRead: more than `MOST_SIGNS`.
    """
    found: list[Node] = []
    for node in nodes:
        for part in parts_of(node):
            if part.op == "call" and part.value == "abs" and symbols_of(part):
                inside = part.args[0]
                if not any(inside == each or _proportional(inside, each) for each in found):
                    found.append(inside)
                if len(found) > MOST_SIGNS:
                    raise NotRead(f"more than {MOST_SIGNS} absolute values")
    return found


def _proportional(one: Node, other: Node) -> bool:
    return symbols_of(one) == symbols_of(other) and (
        ratio_is_constant(one, other) or ratio_is_constant(one, Node("div", (num(1), other)))
    )


def _signed(node: Node, signs: list[tuple[Node, int]]) -> Node:
    """The expression where what stands in |...| has known signs."""
    args = tuple(_signed(part, signs) for part in node.args)
    node = node._replace(args=args)
    if node.op != "call" or node.value != "abs" or not symbols_of(node):
        return node
    inside = args[0]
    for each, sign in signs:
        if inside == each:
            return inside if sign > 0 else Node("neg", (inside,))
    for each, sign in signs:
        if _proportional(inside, each):
            same = _same_sign(inside, each)
            return inside if (sign > 0) == same else Node("neg", (inside,))
    raise NotRead("an absolute value that was not seen")


def _same_sign(one: Node, other: Node) -> bool:
    """Whether two proportional expressions have the same sign, at the first point where that can be told."""
    letters = sorted(symbols_of(one) | symbols_of(other))
    rng = random.Random(0)
    for _ in range(TRIES):
        at = {letter: Fraction(rng.randint(-5000, 5000), 1009) for letter in letters}
        evaluator = Evaluator(60, False)
        try:
            signs = [evaluator.sign(evaluator.value(node, at)) for node in (one, other)]
        except (Undefined, TooLarge):
            continue
        if 0 not in signs:
            return signs[0] == signs[1]
    raise NotRead("signs that cannot be compared")


def _equal_under_every_sign(one: Node, other: Node) -> bool:
    """Whether two expressions agree whatever signs their absolute values hide; signs that cannot occur do not count."""
    signs = _signs_of(one, other)
    held = False
    for pattern in itertools.product((1, -1), repeat=len(signs)):
        known: list[tuple[Node, int]] = list(zip(signs, pattern, strict=True))
        pair = _signed(one, known), _signed(other, known)
        formal = Comparison(*pair)
        if formal.functions() if formal.letters else formal.constants():
            held = True  # whatever the letters are
            continue
        if not formal.points:
            continue  # defined nowhere
        there = Comparison(*pair, known)
        if there.functions():
            held = True
        elif there.points or not _impossible(known):
            return False
    return held


def _impossible(signs: list[tuple[Node, int]]) -> bool:
    """Whether no real number gives these signs, as far as algebra in one letter can prove it."""
    from rewards.solving import no_solution

    return no_solution([node if sign > 0 else Node("neg", (node,)) for node, sign in signs])


_COUNTING = frozenset("factorial binom gcd lcm".split())


def _counts(node: Node) -> frozenset[str]:
    """The letters that have to be whole numbers for a node to be defined: those of n!, and the ends of sums."""
    if node.op in ("sum", "prod"):
        return symbols_of(node.args[0]) | symbols_of(node.args[1])
    return symbols_of(node) if node.op == "call" and node.value in _COUNTING else frozenset()


class Comparison:
    """Two expressions side by side: how exactly, and where, they have to be computed."""

    def __init__(self, one: Node, other: Node, signs: Sequence[tuple[Node, int]] = ()) -> None:
        self.pair = (one, other)
        self.signs = signs  # only points where these expressions have these signs count
        self.letters = sorted(symbols_of(one) | symbols_of(other) | {n for u, _ in signs for n in symbols_of(u)})
        parts = [part for node in self.pair for part in parts_of(node)]
        numerals = [part.value for part in parts if isinstance(part.value, Fraction)]
        bits = sum(value.numerator.bit_length() + value.denominator.bit_length() for value in numerals)
        written = int(0.302 * bits) + len(numerals)
        self.digits = 60 + written
        self.complex = any(part.op == "const" and part.value == "i" for part in parts)
        self.scales = sorted({min(abs(value), Fraction(10**6)) for value in numerals if value})[:6]
        piecewise = any(part.op == "call" and part.value in _PIECEWISE for part in parts)
        self.needed = POINTS_PIECEWISE if piecewise else POINTS
        self.far: set[str] = set()  # letters for whole numbers that were large at a point
        if piecewise:
            self.scales += [Fraction(10) ** k for k in range(4)]
        self.piecewise = piecewise
        self.points = 0  # where both were defined
        self.whole = frozenset().union(*map(_counts, parts)) & {*self.letters}  # those that stand for whole numbers
        if self.whole:
            self.needed = max(self.needed, POINTS_WHOLE)
            self.around = [0, *(int(value) for value in numerals if 1 < value <= 900)]

    def constants(self) -> bool:
        for complex_ in (False, True) if not self.complex else (True,):
            try:
                return self.agree({}, complex_)
            except Undefined:
                continue
        return False

    def agree(self, at: dict[str, Fraction], complex_: bool, sure: bool = False) -> bool:
        """Whether both have one value at a point; `sure`, or without letters, with several times the digits.

        Raises:
            Undefined: one of them has none there.
        """
        evaluator = Evaluator(self.digits, complex_)
        one, other = (evaluator.value(node, at) for node in self.pair)
        if isinstance(one, Fraction) and isinstance(other, Fraction):
            return one == other
        if not self.near(evaluator, one, other):
            return False
        if at and not sure:
            return True
        # The same again with several times the digits: what only looked equal, or only looked like zero, is not.
        digits = 4 * self.digits + evaluator.spread
        if digits > MOST_DIGITS:
            raise NotRead("numbers too far apart to be compared")
        evaluator = Evaluator(digits, complex_)
        return self.near(evaluator, *(evaluator.value(node, at) for node in self.pair))

    @staticmethod
    def near(evaluator: Evaluator, one: Any, other: Any) -> bool:
        one, other = evaluator.real(one), evaluator.real(other)
        return abs(one - other) <= max(abs(one), abs(other), 1) * evaluator.ctx.mpf(10) ** -(3 * evaluator.digits // 4)

    def functions(self) -> bool:
        if len(self.letters) > MOST_LETTERS:
            raise NotRead(f"more than {MOST_LETTERS} letters")
        rng = random.Random(zlib.crc32("".join(sorted(map(repr, self.pair))).encode()))
        seen: set[tuple[Fraction, ...]] = set()
        for attempt in range(TRIES):
            point = tuple(
                self.draw(rng, attempt, attempt if place == 0 else rng.randrange(512), letter in self.whole)
                for place, letter in enumerate(self.letters)
            )
            if point in seen:
                continue
            try:
                if not self.has_signs(dict(zip(self.letters, point, strict=True))):
                    continue
                if not self.agree(dict(zip(self.letters, point, strict=True)), self.complex, not seen):
                    self.points += 1
                    return False
            except Undefined:
                continue
            except TooLarge:
                if attempt > TRIES // 4 and not seen:
                    raise
                continue
            seen.add(point)
            self.points = len(seen)
            self.far |= {letter for letter, value in zip(self.letters, point, strict=True) if value > FAR}
            if len(seen) >= self.needed:
                break
        if self.whole and seen and not self.whole <= self.far:
            raise NotRead("whole numbers too large to be compared")
        return len(seen) >= self.needed

    def has_signs(self, at: dict[str, Fraction]) -> bool:
        evaluator = Evaluator(self.digits, False)
        return all(evaluator.sign(evaluator.value(node, at)) == sign for node, sign in self.signs)

    def draw(self, rng: random.Random, attempt: int, turn: int, whole: bool) -> Fraction:
        """A coordinate: small or large, of both signs, whole now and then, and near the numbers that occur."""
        kind = turn % 8
        if whole and attempt % 8:
            # Small, as far as anything written reaches, and farther: a binomial is zero for long before it is not.
            near = rng.choice(self.around) + rng.randint(0, 9)
            return Fraction((rng.randint(0, 12), near, rng.randint(0, 30), rng.randint(FAR, 300))[attempt % 4])
        if kind == 3:
            return Fraction(rng.randint(1, 12 + attempt))
        if self.scales and (kind == 7 or (self.piecewise and kind % 2)):
            step = turn // 2 if self.piecewise else turn // 8
            side = (13, -6, 20, -13, 6, -20)[step // len(self.scales) % 6]
            return self.scales[step % len(self.scales)] * Fraction(side * 100 + rng.randint(-99, 99), 1009)
        low, high = ((0, 1), (-3, 0), (-1, 0), (0, 0), (-10, 10), (0, 3), (-100, 0), (0, 30))[kind]
        return low + (high - low) * Fraction(rng.randint(1, 1008), 1009)


def difference_is_constant(one: Node, other: Node, letter: str) -> bool:
    """Whether two expressions differ by a constant, as two antiderivatives in `letter` do."""
    shifted = Node("sym", (), letter + "'")
    moved = [_renamed(node, letter, shifted) for node in (one, other)]
    first = Node("add", (one, Node("neg", (moved[0],))))
    second = Node("add", (other, Node("neg", (moved[1],))))
    return equivalent(first, second)


def _renamed(node: Node, letter: str, new: Node) -> Node:
    if node.op == "sym" and node.value == letter:
        return new
    return node._replace(args=tuple(_renamed(part, letter, new) for part in node.args))


def ratio_is_constant(one: Node, other: Node) -> bool:
    """Whether one expression is the other times a number that is not zero: the curves one = 0 and other = 0 agree."""
    letters = sorted(symbols_of(one) | symbols_of(other))
    renamed = [_all_renamed(node, letters) for node in (one, other)]
    return (
        bool(letters)
        and not equivalent(one, num(0))
        and not equivalent(other, num(0))
        and equivalent(Node("mul", (one, renamed[1])), Node("mul", (other, renamed[0])))
    )


def _all_renamed(node: Node, letters: list[str]) -> Node:
    if node.op == "sym":
        return node._replace(value=f"{node.value}'")
    return node._replace(args=tuple(_all_renamed(part, letters) for part in node.args))
