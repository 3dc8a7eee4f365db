"""Polynomials with rational coefficients, read off a tree of the bounded grammar: exact, bounded in size and work."""

import math
from collections import Counter
from fractions import Fraction
from typing import TypeAlias

from rewards.grammar import Node, NotRead

HIGHEST = 60  # exponent
MOST_WORK = 5_000  # coefficients multiplied for one polynomial
MOST_BITS = 1_024  # of a coefficient
MOST_DIVIDED = 12  # degree of what divides

Monomial: TypeAlias = tuple[tuple[str, int], ...]  # letters in order, each with its exponent
Polynomial: TypeAlias = dict[Monomial, Fraction]  # no coefficient is zero


def polynomial(node: Node) -> Polynomial:
    """The polynomial that a tree is, whatever its form.

    Raises:
        NotRead: it is none, has a factor that is zero, or is out of bounds.

    >>> from rewards.grammar import parse, tokens_of
    >>> polynomial(parse(tokens_of("(x+1)(x-1)/2")))
    {(('x', 2),): Fraction(1, 2), (): Fraction(-1, 2)}
    """
    return _Reader().read(node)


class _Reader:
    """Multiplies out, and counts what that takes."""

    def __init__(self) -> None:
        self.work = 0

    def read(self, node: Node) -> Polynomial:
        op = node.op
        if op in ("num", "mixed"):
            value = node.value if op == "num" else node.args[0].value
            assert isinstance(value, Fraction)
            return {(): value} if value else {}
        if op == "sym":
            return {((str(node.value), 1),): Fraction(1)}
        if op == "neg":
            return {monomial: -value for monomial, value in self.read(node.args[0]).items()}
        if op == "add":
            return added(*map(self.read, node.args))
        if op == "mul":
            total = {(): Fraction(1)}
            for part in node.args:
                total = self.multiplied(total, self.read(part))
            return total
        if op == "div":
            over, under = map(self.read, node.args)
            if constant(under) is None or not under:
                raise NotRead("a division by what is no number")
            return self.multiplied(over, {(): 1 / under[()]})
        if op == "pow":
            return self.power(*map(self.read, node.args))
        raise NotRead(f"{node.value or op} is in no polynomial")

    def multiplied(self, one: Polynomial, other: Polynomial) -> Polynomial:
        if not one or not other:
            raise NotRead("a factor that is zero")
        self.work += len(one) * len(other)
        if self.work > MOST_WORK:
            raise NotRead("a polynomial out of bounds")
        product: Polynomial = {}
        for monomial, a in one.items():
            for another, b in other.items():
                both = _joined(monomial, another)
                product[both] = product.get(both, Fraction(0)) + a * b
        for value in product.values():
            if max(value.numerator.bit_length(), value.denominator.bit_length()) > MOST_BITS:
                raise NotRead("a number out of bounds")
        return {monomial: value for monomial, value in product.items() if value}

    def power(self, base: Polynomial, exponent: Polynomial) -> Polynomial:
        times = constant(exponent)
        if times is None or times.denominator != 1 or not 0 < abs(times) <= HIGHEST or not base:
            raise NotRead("an exponent that no polynomial has")
        if times < 0:
            if constant(base) is None:
                raise NotRead("a division by what is no number")
            base = {(): 1 / base[()]}
        result = base
        for _ in range(abs(int(times)) - 1):
            result = self.multiplied(result, base)
        return result


def _joined(one: Monomial, other: Monomial) -> Monomial:
    if not one or not other:
        return one or other
    exponents = Counter(dict(one))
    exponents.update(dict(other))
    if max(exponents.values()) > HIGHEST:
        raise NotRead("an exponent out of bounds")
    return tuple(sorted(exponents.items()))


def added(*summands: Polynomial) -> Polynomial:
    """The sum of polynomials."""
    total: Polynomial = {}
    for summand in summands:
        for monomial, value in summand.items():
            total[monomial] = total.get(monomial, Fraction(0)) + value
    return {monomial: value for monomial, value in total.items() if value}


def constant(polynomial: Polynomial) -> Fraction | None:
    """The number that a polynomial is, or None where a letter is in it."""
    return polynomial.get((), Fraction(0)) if polynomial.keys() <= {()} else None


def slope(polynomial: Polynomial, letter: str) -> Polynomial:
    """The derivative with respect to a letter.

    >>> slope({(("x", 3),): Fraction(1), (("x", 1),): Fraction(5)}, "x")
    {(('x', 2),): Fraction(3, 1), (): Fraction(5, 1)}
    """
    result: Polynomial = {}
    for monomial, value in polynomial.items():
        exponents = dict(monomial)
        if exponent := exponents.pop(letter, 0):
            if exponent > 1:
                exponents[letter] = exponent - 1
            result[tuple(sorted(exponents.items()))] = value * exponent
    return result


def primitive(polynomial: Polynomial) -> tuple[Fraction, Polynomial]:
    """A number, and the polynomial with whole coefficients without a common factor, the first of them positive.

    >>> primitive({(("x", 1),): Fraction(-2), (): Fraction(4)})
    (Fraction(-2, 1), {(('x', 1),): Fraction(1, 1), (): Fraction(-2, 1)})
    """
    values = list(polynomial.values())
    content = Fraction(
        math.gcd(*(value.numerator for value in values)), math.lcm(*(value.denominator for value in values))
    )
    if polynomial[max(polynomial)] < 0:
        content = -content
    return content, {monomial: value / content for monomial, value in polynomial.items()}


# ------------------------------------------------------------------------------------------- in one letter, as a list


def dense(polynomial: Polynomial, letter: str) -> list[Fraction] | None:
    """The coefficients from the lowest on; None where another letter is in it."""
    if any(other != letter for monomial in polynomial for other, _ in monomial):
        return None
    places = {dict(monomial).get(letter, 0): value for monomial, value in polynomial.items()}
    return [places.get(place, Fraction(0)) for place in range(max(places, default=-1) + 1)]


def divides_a_power(one: list[Fraction], other: list[Fraction]) -> bool:
    """Whether every zero of `one`, real or not, is a zero of `other`: `one` divides a power of `other`.

    >>> divides_a_power([Fraction(1), Fraction(2), Fraction(1)], [Fraction(-1), Fraction(0), Fraction(1)])
    True
    """
    degree = len(one) - 1
    if degree < 1 or degree > MOST_DIVIDED:
        return degree == 0
    rest = _remainder(other, one)
    result = rest
    for _ in range(math.ceil(math.log2(degree)) if degree > 1 else 0):
        result = _remainder(times(result, result), one)
    return not result


def times(one: list[Fraction], other: list[Fraction]) -> list[Fraction]:
    """The product of two polynomials in one letter."""
    product = [Fraction(0)] * max(0, len(one) + len(other) - 1)
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            product[i + j] += a * b
    return product


def _remainder(one: list[Fraction], other: list[Fraction]) -> list[Fraction]:
    rest = list(one)
    while len(rest) >= len(other):
        factor = rest[-1] / other[-1]
        shift = len(rest) - len(other)
        for place, value in enumerate(other):
            rest[shift + place] -= factor * value
        while rest and not rest[-1]:
            rest.pop()
    return rest
