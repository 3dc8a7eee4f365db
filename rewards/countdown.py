r"""Countdown: an expression of given numbers, each used exactly once, that reaches a target.

What the policy writes is read by the small grammar of this file into an exact fraction, and evaluated as nothing else.
Length, tokens and depth are bounded. What it does not know is not paid:

    expression = term {(+ | -) term}      term = factor {(* | /) factor}
    factor     = number | ( expression ) | \frac{expression}{expression}

There is no sign before a number (`5--3`, `-3 + 8`), no product without a sign (`2(3 + 4)`), no power, factorial, root,
decimal or percentage, and a number is one of the row's: `12` is not made of 1 and 2.
"""

import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from rewards.completions import Completion
from rewards.extract import MARKERS
from rewards.grammar import NotRead, unwrap
from rewards.verdicts import LogExtra, pay_by

LONGEST = 400  # characters of an expression
DEEPEST = 20  # brackets in brackets
MOST_NUMBERS = 12  # of a row
LARGEST = 10**9 - 1

_TOKEN = re.compile(
    r"\s*(?:(0|[1-9][0-9]{0,8})(?![0-9])|([-+*/=(){}×·⋅÷−])|\\(?:left|right)\s*([()])|"
    r"\\(times|cdot|div|[dt]?frac)(?![A-Za-z]))\s*",
    re.ASCII,
)
_SIGNS = {"×": "*", "·": "*", "⋅": "*", "times": "*", "cdot": "*", "÷": "/", "div": "/", "−": "-"}
_FRACTIONS = ("frac", "dfrac", "tfrac")


class Found(NamedTuple):
    """An expression without its spaces, its value, the numbers in it, and what was said after `=`."""

    text: str
    value: Fraction
    numbers: list[int]
    claimed: int | None


def read(answer: str) -> Found:
    r"""What an answer says, exactly.

    Raises:
        NotRead: it is no expression of this grammar, or divides by zero.

    >>> read("$(5 - 1) \\times 6 = 24$")
    Found(text='(5-1)*6', value=Fraction(24, 1), numbers=[5, 1, 6], claimed=24)
    """
    tokens = _tokens(answer)
    reader = _Reader(tokens)
    value = reader.expression(0)
    text = "".join(tokens[: reader.place])
    claimed = reader.claim() if reader.takes("=") else None
    if reader.place < len(tokens):
        raise NotRead(f"{tokens[reader.place]} after the expression")
    return Found(text, value, reader.numbers, claimed)


def _tokens(answer: str) -> list[str]:
    """Numbers, one sign for each operation, brackets, and `frac`."""
    if len(answer) > LONGEST:
        raise NotRead(f"longer than {LONGEST} characters")
    text, found, place = unwrap(answer), [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise NotRead(f"{text[place : place + 10]!r} is no part of an expression")
        word = next(group for group in match.groups() if group)
        found.append("frac" if word in _FRACTIONS else _SIGNS.get(word, word))
        place = match.end()
    return found


class _Reader:
    """Reads tokens from left to right and evaluates them on the way."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.place, self.numbers = tokens, 0, []

    def takes(self, *tokens: str) -> str | None:
        """The next token if it is one of these, which is then behind us."""
        if self.place == len(self.tokens) or self.tokens[self.place] not in tokens:
            return None
        self.place += 1
        return self.tokens[self.place - 1]

    def needs(self, token: str) -> None:
        if not self.takes(token):
            raise NotRead(f"no {token} where one is needed")

    def number(self) -> int:
        if self.place == len(self.tokens) or not self.tokens[self.place].isdigit():
            raise NotRead("no number where one is needed")
        self.place += 1
        return int(self.tokens[self.place - 1])

    def expression(self, depth: int) -> Fraction:
        total = self.term(depth)
        while sign := self.takes("+", "-"):
            term = self.term(depth)
            total += term if sign == "+" else -term
        return total

    def term(self, depth: int) -> Fraction:
        total = self.factor(depth)
        while sign := self.takes("*", "/"):
            factor = self.factor(depth)
            total = total * factor if sign == "*" else _quotient(total, factor)
        return total

    def factor(self, depth: int) -> Fraction:
        if depth > DEEPEST:
            raise NotRead(f"more than {DEEPEST} brackets in brackets")
        if self.takes("("):
            value = self.expression(depth + 1)
            self.needs(")")
            return value
        if self.takes("frac"):
            return _quotient(self.braced(depth + 1), self.braced(depth + 1))
        self.numbers.append(self.number())
        return Fraction(self.numbers[-1])

    def braced(self, depth: int) -> Fraction:
        self.needs("{")
        value = self.expression(depth)
        self.needs("}")
        return value

    def claim(self) -> int:
        """A whole number after `=`, the only one that may have a minus."""
        return -self.number() if self.takes("-") else self.number()


def _quotient(value: Fraction, by: Fraction) -> Fraction:
    if by == 0:
        raise NotRead("a division by zero")
    return value / by


def reaches(answer: str, numbers: Sequence[int], target: int) -> bool:
    """Whether an expression uses each of the numbers exactly once and is exactly the target.

    Args:
        answer: the expression; `= target` may follow.

    >>> reaches("(5 - 1) * 6", [1, 5, 6], 24), reaches("6 * 4", [1, 5, 6], 24), reaches("6 / (1 - 1)", [1, 1, 6], 0)
    (True, False, False)
    """
    try:
        found = read(answer)
    except NotRead:
        return False
    return found.value == target and Counter(found.numbers) == Counter(numbers) and found.claimed in (None, target)


class Puzzle:
    """A row: its numbers and its target.

    Raises:
        ValueError: no expression could solve it.

    >>> str(Puzzle([1, 5, 6], 24))
    '24 from 1, 5, 6'
    """

    def __init__(self, numbers: object, target: object) -> None:
        if type(target) is not int:
            raise ValueError(f"target {target!r:.80} is no whole number")
        if not isinstance(numbers, list | tuple) or not 1 <= len(numbers) <= MOST_NUMBERS:
            raise ValueError(f"numbers {numbers!r:.80} is no list of 1 to {MOST_NUMBERS} numbers")
        for number in numbers:
            if type(number) is not int or not 1 <= number <= LARGEST:
                raise ValueError(f"numbers holds {number!r:.80}, which is no whole number from 1 to {LARGEST:,}")
        self.numbers, self.target = numbers, target

    def __str__(self) -> str:
        return f"{self.target} from {', '.join(map(str, self.numbers))}"

    def agree(self, one: str, other: str) -> bool:
        """Whether an answer solves the puzzle, where `other` is its text; else whether two are one expression."""
        if other == str(self):
            return reaches(one, self.numbers, self.target)
        try:
            return read(one).text == read(other).text
        except NotRead:
            return False


def reaches_target(
    completions: Sequence[Completion],
    numbers: Sequence[object],
    target: Sequence[object],
    log_extra: LogExtra | None = None,
    markers: tuple[str, ...] = MARKERS,
    **kwargs: Any,
) -> list[float]:
    r"""Pays 1.0 when the one expression committed to reaches the target with each number used exactly once, else 0.0.

    `+ - * /` and brackets, also `× · ÷ −` and LaTeX's `\times \cdot \div \frac`; `= target` may follow. Two different
    expressions are two answers, even where both are right.

    Args:
        completions, log_extra, markers: as in `correct_answer`.
        numbers: the numbers of each row, a list of positive ints.
        target: the target of each row, an int.

    Raises:
        ValueError: a row's numbers or target are something else.

    >>> texts = ["5 - 1 = 4\n#### (5 - 1) * 6", "#### 6 * 4", "#### 6 * 5 - 6 * 1"]
    >>> reaches_target(texts, numbers=[[1, 5, 6]] * 3, target=[24] * 3)
    [1.0, 0.0, 0.0]
    """
    puzzles = [Puzzle(*row) for row in zip(numbers, target, strict=True)]
    return pay_by(completions, [str(one) for one in puzzles], [one.agree for one in puzzles], log_extra, markers)
