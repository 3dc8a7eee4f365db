"""The value of an expression at a point: a fraction as long as that is exact, else a number of mpmath.

Every value is bounded in size before it is computed, so that no expression takes long or much memory.
"""

import math
import threading
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from rewards.grammar import Node, NotRead

MOST_BITS = 1 << 14  # of any exact number
MOST_TERMS = 400  # of a sum
MOST_SUMMED = 40_000  # nodes of all terms of all sums in one comparison, at 60 digits
_LARGEST = 1 << 14  # binary exponent of any real number

_local = threading.local()


def begin_comparison() -> None:
    """Sums may cost as much again."""
    _local.summed = 0


class Undefined(Exception):
    """A value outside the natural domain."""


class TooLarge(NotRead):
    """A value that nobody writes as an answer."""


def symbols_of(node: Node) -> frozenset[str]:
    """The variables of an expression."""
    if node.op == "sym":
        return frozenset([str(node.value)])
    if node.op in ("sum", "prod"):
        low, high, term = map(symbols_of, node.args)
        return low | high | (term - {str(node.value)})
    return frozenset().union(*(symbols_of(part) for part in node.args)) if node.args else frozenset()


def parts_of(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    for part in node.args:
        yield from parts_of(part)


def is_plain(node: Node) -> bool:
    """Whether a node is a numeral, with a sign at most."""
    return node.op in ("num", "mixed") or (node.op == "neg" and is_plain(node.args[0]))


def rational(node: Node) -> Fraction | None:
    """The exact value of an expression that is a rational number by arithmetic and whole powers and roots alone."""
    if node.op == "num" and isinstance(node.value, Fraction):
        return node.value
    try:
        value = Evaluator(20, False).value(node, {})
    except (Undefined, NotRead):
        return None
    return value if isinstance(value, Fraction) else None


def undone(node: Node) -> bool:
    """Whether arithmetic on plain numbers was left undone: 6*7, 40+2, 84/2; not 1/2, 2^10 or a mixed number."""
    if node.op in ("num", "mixed", "sym", "const"):
        return False
    if node.op in ("sum", "prod"):
        return not symbols_of(node)
    if node.op in ("neg", "percent", "deg"):
        return undone(node.args[0])
    if node.op == "call" and node.value in ("gcd", "lcm", "max", "min", "floor", "ceil", "abs"):
        return all(rational(part) is not None for part in node.args) or any(undone(part) for part in node.args)
    if node.op in ("add", "mul"):
        return sum(rational(part) is not None for part in node.args) > 1 or any(undone(part) for part in node.args)
    if node.op == "div":
        over, under = (rational(part) for part in node.args)
        if over is None or under is None or under == 0:
            return any(undone(part) for part in node.args)
        whole = all(is_plain(p) and rational(p).denominator == 1 for p in node.args)  # type: ignore[union-attr]
        return not whole or (node.value != "frac" and (over / under).denominator == 1)
    return any(undone(part) for part in node.args)


def written_out(node: Node) -> bool:
    """Whether a number stands there as one: 12, -1/2, 3 1/2, 5 %, 1.2 * 10^4; not 2^10, sqrt(16) or 5!."""
    if node.op in ("neg", "percent", "deg"):
        return written_out(node.args[0])
    if node.op == "div":
        return all(map(is_plain, node.args))
    if node.op == "mul" and len(node.args) == 2:
        return is_plain(node.args[0]) and node.args[1].op == "pow" and written_out(node.args[1])
    if node.op == "pow":
        return rational(node.args[0]) == 10 and is_plain(node.args[1])
    return is_plain(node)


class Evaluator:
    """Computes a tree at a point: a Fraction as long as that is exact, else a number of mpmath."""

    def __init__(self, digits: int, complex_: bool) -> None:
        self.complex = complex_
        self.digits = digits
        self.spread = 0  # binary digits by which powers and fractions reach beyond the ordinary

    @property
    def ctx(self) -> Any:
        """mpmath's context of this thread, at this precision; mpmath is imported when first needed."""
        if not hasattr(_local, "ctx"):
            from mpmath.ctx_mp import MPContext

            _local.ctx = MPContext()
        if _local.ctx.dps != self.digits:
            _local.ctx.dps = self.digits
        return _local.ctx

    def value(self, node: Node, at: dict[str, Fraction]) -> Any:
        """The value of a node.

        Raises:
            Undefined: outside the natural domain.
            NotRead: it has no value, or one out of bounds.
        """
        op = node.op
        if op == "num":
            return node.value
        if op == "sym":
            if str(node.value) not in at:
                raise NotRead(f"{node.value} has no value")
            return at[str(node.value)]
        if op == "const":
            return self.constant(str(node.value))
        if op in ("sum", "prod"):
            return self.series(node, at)
        args = [self.value(part, at) for part in node.args]
        if op == "add":
            total = args[0]
            for other in args[1:]:
                total = self.plus(total, other)
            return total
        if op == "neg":
            return -args[0]
        if op == "mul":
            total = args[0]
            for other in args[1:]:
                total = self.times(total, other)
            return total
        if op == "div":
            return self.over(*args)
        if op == "pow":
            return self.power(*args)
        if op == "mixed":
            return args[0]
        if op == "percent":
            return self.over(args[0], Fraction(100))
        if op == "deg":
            return self.real(args[0]) * self.ctx.pi / 180
        if op == "call":
            return self.bounded(self.call(str(node.value), args))
        raise NotRead(f"{op} has no value")

    def series(self, node: Node, at: dict[str, Fraction]) -> Any:
        """A sum or product, term by term."""
        low, high = (self.value(part, at) for part in node.args[:2])
        if not (isinstance(low, Fraction) and isinstance(high, Fraction) and low.denominator == high.denominator == 1):
            raise Undefined
        if high < low - 1:
            raise Undefined
        terms = int(high - low) + 1
        if terms > MOST_TERMS:
            raise TooLarge("a sum of too many terms")
        cost = terms * sum(1 for _ in parts_of(node)) * int((self.digits / 60) ** 1.5)
        _local.summed = getattr(_local, "summed", 0) + cost
        if _local.summed > MOST_SUMMED:
            raise NotRead("sums that take too long")
        total: Any = Fraction(0 if node.op == "sum" else 1)
        for number in range(int(low), int(high) + 1):
            term = self.noted(self.value(node.args[2], {**at, str(node.value): Fraction(number)}), least=0)
            total = self.plus(total, term) if node.op == "sum" else self.times(total, term)
        return total

    def constant(self, name: str) -> Any:
        if name == "pi":
            return +self.ctx.pi
        if name == "e":
            return +self.ctx.e
        if name == "i" and self.complex:
            return self.ctx.mpc(0, 1)
        raise NotRead(f"{name} is no number here")

    def real(self, value: Any) -> Any:
        """A Fraction as a number of mpmath; what is one already stays."""
        if isinstance(value, Fraction):
            return self.ctx.mpf(value.numerator) / value.denominator
        return value

    def bounded(self, value: Any) -> Any:
        if isinstance(value, Fraction):
            bits = max(value.numerator.bit_length(), value.denominator.bit_length())
            if bits > MOST_BITS:
                raise TooLarge("a number out of bounds")
            return self.noted(value, bits)
        if not self.ctx.isfinite(value):
            raise Undefined
        if value != 0 and abs(self.ctx.mag(value)) > _LARGEST:
            raise TooLarge("a number out of bounds")
        return value

    def noted(self, value: Any, bits: int | None = None, least: int = 4) -> Any:
        """The value, its size remembered: a power is never the noise that a difference can be."""
        if bits is None:
            bits = 0 if isinstance(value, Fraction) or value == 0 else abs(int(self.ctx.mag(value)))
        if bits > least:
            self.spread += bits
        return value

    def plus(self, one: Any, other: Any) -> Any:
        if isinstance(one, Fraction) and isinstance(other, Fraction):
            return self.bounded(one + other)
        return self.bounded(self.real(one) + self.real(other))

    def times(self, one: Any, other: Any) -> Any:
        if isinstance(one, Fraction) and isinstance(other, Fraction):
            return self.bounded(one * other)
        return self.bounded(self.real(one) * self.real(other))

    def over(self, one: Any, other: Any) -> Any:
        if self.is_zero(other):
            raise Undefined
        if isinstance(one, Fraction) and isinstance(other, Fraction):
            return self.bounded(one / other)
        return self.bounded(self.real(one) / self.real(other))

    def is_zero(self, value: Any) -> bool:
        if isinstance(value, Fraction):
            return value == 0
        return value == 0 or self.ctx.mag(value) < -3.3 * (self.digits - 12)

    def sign(self, value: Any) -> int:
        if self.is_zero(value):
            return 0
        if not isinstance(value, Fraction) and isinstance(value, self.ctx.mpc):
            raise Undefined
        return 1 if value > 0 else -1

    def power(self, base: Any, exponent: Any) -> Any:
        if isinstance(exponent, Fraction) and exponent.denominator == 1:
            return self.whole_power(base, exponent.numerator)
        if self.is_zero(base):
            if isinstance(exponent, self.ctx.mpc) or self.sign(exponent) <= 0:
                raise Undefined
            return Fraction(0)
        if not self.complex and self.sign(base) < 0:
            if isinstance(exponent, Fraction) and exponent.denominator % 2:
                root = self.power(-base, exponent)
                return -root if exponent.numerator % 2 else root
            raise Undefined
        if isinstance(base, Fraction) and isinstance(exponent, Fraction) and base > 0:
            root = exact_root(base, exponent.denominator)
            if root is not None:
                return self.whole_power(root, exponent.numerator)
        size = self.ctx.log(abs(self.real(base))) * self.real(exponent)
        return self.exponential(size) if not self.complex else self.complex_power(base, exponent, size)

    def complex_power(self, base: Any, exponent: Any, size: Any) -> Any:
        if abs(size) > _LARGEST / 2:
            raise TooLarge("a power out of bounds")
        return self.noted(self.bounded(self.ctx.power(self.real(base), self.real(exponent))))

    def whole_power(self, base: Any, exponent: int) -> Any:
        if exponent <= 0 and self.is_zero(base):
            raise Undefined
        if base == 0:
            return Fraction(0)
        if isinstance(base, Fraction):
            if base in (1, -1):
                return base if exponent % 2 else Fraction(1)
            bits = max(base.numerator.bit_length(), base.denominator.bit_length())
            if bits * abs(exponent) > MOST_BITS:
                raise TooLarge("a power out of bounds")
            return self.noted(base**exponent, bits * abs(exponent))
        if abs(exponent) > 4 * MOST_BITS or abs(self.ctx.mag(base) * exponent) > _LARGEST:
            raise TooLarge("a power out of bounds")
        return self.noted(self.bounded(base**exponent))

    def exponential(self, value: Any) -> Any:
        if abs(self.real(value)) > _LARGEST / 2:
            raise TooLarge("a power out of bounds")
        return self.noted(self.ctx.exp(self.real(value)))

    def call(self, name: str, args: list[Any]) -> Any:
        first = args[0]
        if name == "abs":
            return abs(first)
        if name == "root":
            return self.root(*args)
        if name == "exp":
            return self.exponential(first)
        if name in ("ln", "log"):
            return self.logarithm(args[0], args[1] if len(args) > 1 else Fraction(10) if name == "log" else None)
        if name in ("floor", "ceil"):
            return self.rounded(name, first)
        if name in ("max", "min"):
            return self.extreme(name, args)
        if name in ("gcd", "lcm"):
            return self.divisor(name, args)
        if name == "factorial":
            return self.factorial(first)
        if name == "binom":
            return self.binomial(*args)
        return self.trigonometric(name, self.real(first))

    def root(self, value: Any, index: Any) -> Any:
        if not isinstance(index, Fraction) or index.denominator != 1 or not 1 <= index <= 1000:
            if isinstance(index, Fraction) and index.denominator == 1:
                raise TooLarge("the index of a root out of bounds")
            return self.power(value, self.over(Fraction(1), index))
        if not self.complex and self.sign(value) < 0 and index % 2 == 0:
            raise Undefined
        if self.complex and isinstance(value, Fraction) and value < 0 and index % 2:
            return -self.power(-value, 1 / index)
        return self.power(value, 1 / index)

    def logarithm(self, value: Any, base: Any | None) -> Any:
        if self.is_zero(value) or (not self.complex and self.sign(value) < 0):
            raise Undefined
        result = self.ctx.log(self.real(value))
        if base is None:
            return result
        if self.is_zero(base) or (not self.complex and self.sign(base) < 0):
            raise Undefined
        if isinstance(value, Fraction) and isinstance(base, Fraction) and (exact := exact_log(value, base)) is not None:
            return exact
        return self.over(result, self.ctx.log(self.real(base)))

    def rounded(self, name: str, value: Any) -> Fraction:
        if isinstance(value, Fraction):
            return Fraction(math.floor(value) if name == "floor" else math.ceil(value))
        if isinstance(value, self.ctx.mpc):
            raise Undefined
        near = self.ctx.nint(value)
        if self.is_zero(value - near):  # whether it is the whole number itself cannot be told
            raise NotRead("a floor at a whole number")
        return Fraction(int(self.ctx.floor(value) if name == "floor" else self.ctx.ceil(value)))

    def extreme(self, name: str, args: list[Any]) -> Any:
        best = args[0]
        for other in args[1:]:
            sign = self.sign(self.plus(other, -best))
            if sign == (1 if name == "max" else -1):
                best = other
        return best

    @staticmethod
    def divisor(name: str, args: list[Any]) -> Fraction:
        if not all(isinstance(arg, Fraction) and arg.denominator == 1 for arg in args):
            raise Undefined
        return Fraction((math.gcd if name == "gcd" else math.lcm)(*(arg.numerator for arg in args)))

    def factorial(self, value: Any) -> Any:
        if self.is_zero(value):
            return Fraction(1)
        if self.sign(value) < 0:
            raise Undefined
        if self.real(value) > 1000:
            raise TooLarge("a factorial out of bounds")
        if not isinstance(value, Fraction) or value.denominator != 1:
            raise Undefined
        return Fraction(math.factorial(value.numerator))

    def binomial(self, n: Any, k: Any) -> Any:
        if not isinstance(k, Fraction) or k.denominator != 1 or k < 0 or not isinstance(n, Fraction):
            raise Undefined
        if k > 1000 or abs(n) > 10**6:
            raise TooLarge("a binomial coefficient out of bounds")
        if n.denominator == 1 and n >= 0:
            return self.bounded(Fraction(math.comb(n.numerator, k.numerator)))
        if k > 50:
            raise TooLarge("a binomial coefficient out of bounds")
        result = Fraction(1)
        for j in range(k.numerator):
            result = self.bounded(result * (n - j) / (j + 1))
        return result

    def trigonometric(self, name: str, value: Any) -> Any:
        ctx = self.ctx
        if name in ("sinh", "cosh", "tanh"):
            if abs(value) > _LARGEST / 2:
                raise TooLarge("a power out of bounds")
            self.spread += int(3 * abs(ctx.re(value)))
            return getattr(ctx, name)(value)
        if name.startswith("arc"):
            if name in ("arcsin", "arccos") and not self.complex and abs(value) > 1:
                raise Undefined
            return {"arcsin": ctx.asin, "arccos": ctx.acos, "arctan": ctx.atan}[name](value)
        if abs(value) > 10**9:
            raise TooLarge("an angle out of bounds")
        sine, cosine = ctx.sin(value), ctx.cos(value)
        pair: tuple[Any, Any] = {
            "sin": (sine, 1), "cos": (cosine, 1), "tan": (sine, cosine), "cot": (cosine, sine),
            "sec": (1, cosine), "csc": (1, sine),
        }[name]  # fmt: skip
        return pair[0] if pair[1] == 1 and name in ("sin", "cos") else self.over(ctx.mpf(1) * pair[0], pair[1])


def exact_root(value: Fraction, index: int) -> Fraction | None:
    """The root of a positive rational, where that is rational.

    >>> exact_root(Fraction(16, 9), 2), exact_root(Fraction(2), 2)
    (Fraction(4, 3), None)
    """
    if index > 64:
        return None
    parts = []
    for part in (value.numerator, value.denominator):
        if index == 2:
            root = math.isqrt(part)
        else:
            if part.bit_length() > 900:
                return None
            root = round(part ** (1 / index))
        found = next((r for r in (root - 1, root, root + 1) if r >= 0 and r**index == part), None)
        if found is None:
            return None
        parts.append(found)
    return Fraction(*parts)


def exact_log(value: Fraction, base: Fraction) -> Fraction | None:
    """The logarithm of a rational, where that is a small whole number."""
    if base == 1 or base <= 0 or value <= 0:
        return None
    guess = round(math.log(value) / math.log(base)) if max(value, base, 1 / value, 1 / base) < 10**300 else 0
    return Fraction(guess) if abs(guess) < 1000 and base**guess == value else None
