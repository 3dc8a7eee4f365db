"""What an answer can be: a number with its unit, a set, a tuple, an interval, an equation, a matrix, a letter, words.

`readings` gives all that a text can honestly mean: `(1, 2)` is a point and an interval, `5 m` five metres and five
times m. Two texts agree when one reading of each does.
"""

import contextlib
import math
import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from rewards.evaluator import Undefined, rational, symbols_of
from rewards.expressions import equivalent, expand_signs
from rewards.grammar import LONGEST, Node, NotRead, num, parse, tidy, tokens_of, unwrap
from rewards.numerals import read_number
from rewards.regions import (
    INFINITY,
    MINUS_INFINITY,
    REALS,
    Interval,
    Region,
    complement,
    intersection,
    interval,
    union,
)
from rewards.units import CURRENCIES, Unit, read_unit

MOST_ITEMS = 40
DEEPEST = 4  # sets of tuples of ...


class Scalar(NamedTuple):
    """A number or an expression, with the unit it carries."""

    node: Node
    unit: Unit | None = None


class Group(NamedTuple):
    """Several answers, each with all that it can mean.

    `set` and `either` (of ±) are unordered; `list`, `tuple` and `bracket` ([a, b], also an interval) are ordered.
    """

    kind: str
    items: tuple["Readings", ...]
    name: str | None = None

    @property
    def unordered(self) -> bool:
        return self.kind in ("set", "either", "cases")


class Named(NamedTuple):
    """`name = value`."""

    name: str
    value: "Readings"


class System(NamedTuple):
    """Several names with their values, in order of the names."""

    parts: tuple[Named, ...]


class Equation(NamedTuple):
    """A curve: all points where `node` is zero."""

    node: Node


class Inequality(NamedTuple):
    """`node` > 0, or >= 0 where `closed`."""

    node: Node
    closed: bool


Rows: TypeAlias = tuple[tuple[Node, ...], ...]


class Matrix(NamedTuple):
    rows: Rows


class Choice(NamedTuple):
    letter: str


class Clock(NamedTuple):
    seconds: int


class Ratio(NamedTuple):
    """Proportions; `clock` where the text could be a time of day."""

    parts: tuple[Node, ...]
    clock: bool = False


class Based(NamedTuple):
    """A numeral in a base that is written beside it."""

    digits: str
    base: int


class Words(NamedTuple):
    """A text that is no mathematics; agrees with itself only."""

    text: str


Value: TypeAlias = (
    Scalar | Group | Named | System | Equation | Inequality | Region | Matrix | Choice | Clock | Ratio | Based | Words
)
Readings: TypeAlias = tuple[Value, ...]

# A day in figures is no difference and no quotient: 2021-06-01 is not 2020-05-01, though both would be 2014.
DATE = re.compile(r"\d{4}([-/])\d{1,2}\1\d{1,2}|\d{1,2}([-/])\d{1,2}\2(?:\d{4}|\d{2})", re.ASCII)
_SIMPLE = re.compile(r"\$?(-?)(\d{1,15}|[1-9]\d{0,2}(?:,\d{3}){1,4})(?:\.(\d{1,15}))?", re.ASCII)
_CHOICE = re.compile(r"(?:(?i:option|choice|answer|letter)\s+)?(?:\(\s*([A-Ja-df-hj])\s*\)|([A-Ea-d])\s*[.:)]?)")
_CLOCK = re.compile(r"(\d{1,2})(?:(?::|\.)(\d{2}))?(?::(\d{2}))?\s*(?:(a|p)\s*\.?\s*m\b\.?|(o'clock)|)", re.IGNORECASE)
_BASED = re.compile(
    r"\(?\s*([0-9A-F]+)\s*\)?\s*"
    r"(?:_\s*\{?\s*(?:\\text\s*\{\s*)?(\d{1,2}|[a-z]+)\s*\}?\s*\}?|\s+(?:in )?base (\d{1,2}|[a-z]+))"
)
_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
          "sixteen": 16, "twelve": 12}  # fmt: skip
_MATRIX = re.compile(r"\\begin\s*\{([pbvB]?matrix|array)\}(?:\s*\{[clr|]*\})?(.*)\\end\s*\{\1\}", re.DOTALL)
_CASES = re.compile(r"\\begin\s*\{(?:cases|aligned|align\*?)\}(.*)\\end\s*\{(?:cases|aligned|align\*?)\}", re.DOTALL)
_BRACKETED_ARRAY = re.compile(r"\A[\[(]\s*(\\begin\s*\{array\}.*\\end\s*\{array\})\s*[\])]\Z", re.DOTALL)
_TEXT_COMMAND = re.compile(r"\\(?:text|textrm|mbox|textbf|textit|mathrm|operatorname|emph)\s*\{([^{}]*)\}")
_REALS = re.compile(r"(?:\\mathbb\s*\{?\s*R\s*\}?|\\R|\\Re|reals?|(?:all|the|any) reals?(?: numbers?)?|real numbers?)")
_EMPTY = re.compile(r"\\emptyset|(?:the )?empty set|no (?:real )?solutions?|\\\{\s*\\\}|\{\s*\}|\\varnothing")
_INFINITE_WORDS = {"dne": "does not exist", "d.n.e": "does not exist", "undef": "undefined"}
# Words of up to three letters that could pass for a product of variables.
_SHORT_WORDS = frozenset(
    """odd yes no red sun mon tue wed thu fri sat jan feb mar apr jun jul aug sep oct nov dec dog cat
    cow hat bus car top all nor old new big add set on up god act boy girl son mom dad sea sun ice tea pen cup hen pig
    east west low few""".split()
)
_RELATIONS = ("\\le", "\\ge", "\\ne", "<", ">", "=")
_FLIPPED = {"<": ">", ">": "<", "\\le": "\\ge", "\\ge": "\\le", "=": "=", "\\ne": "\\ne"}


def readings(text: str) -> Readings:
    """All that an answer can mean; empty where it means nothing.

    >>> readings("18")
    (Scalar(node=Node(op='num', args=(), value=Fraction(18, 1)), unit=None),)
    >>> [type(value).__name__ for value in readings("(1, 2)")]
    ['Group', 'Region']
    """
    return _readings(text) if len(text) <= LONGEST else ()  # a cache must not hold on to essays


@lru_cache(maxsize=8192)
def _readings(text: str) -> Readings:
    stripped = text.strip()
    if simple := _SIMPLE.fullmatch(stripped):
        whole, decimals = int(simple[2].replace(",", "")), simple[3]
        value = Fraction(whole) + Fraction(int(decimals), 10 ** len(decimals)) if decimals else Fraction(whole)
        node = num(value) if not simple[1] else Node("neg", (num(value),))
        return (Scalar(node, Unit("dollar") if stripped[0] == "$" else None),)
    try:
        tidied = tidy(text)
    except NotRead:
        return ()
    return _attempt(tidied, 0) or _words(tidied)


def _read(text: str, depth: int) -> Readings:
    """Every reading of a tidy text."""
    if depth > DEEPEST:
        raise NotRead("sets within sets within sets")
    text = unwrap(text)
    if not text:
        return ()
    plain = " ".join(_TEXT_COMMAND.sub(r" \1 ", text).split()).strip(". ").lower()
    if _REALS.fullmatch(text) or _REALS.fullmatch(plain):
        return (Region(REALS),)
    if _EMPTY.fullmatch(text) or _EMPTY.fullmatch(plain):
        return (Region(()),)
    if DATE.fullmatch(plain):
        return (Words(plain),)
    if plain in _SHORT_WORDS or re.fullmatch(r"[NESW]{2,3}", text):
        return (Words(plain),)
    if ("]" in text or "[" in text) and not _balanced(text):
        text = _OUTWARD.sub(_turned, text)
        values = _read(text, depth) if _balanced(text) else ()
        return tuple(value for value in values if isinstance(value, Region))
    found: list[Value] = [*_special(text, depth)]
    for read in (_number, _collection, _relation, _expression):
        try:
            values = read(text, depth)
        except NotRead:
            if found:
                break
            raise
        found += [value for value in values if value not in found]
        if values:
            break
    return tuple(found)


# ]0, 6], as the French write (0, 6]: a bracket that opens to the left, or closes to the right
_OUTWARD = re.compile(r"(\])([^\[\](){}]*[,;][^\[\](){}]*)([\[\]])|(\[)([^\[\](){}]*[,;][^\[\](){}]*)(\[)")


_TURNED_OUT = re.compile(r"\[\s*\\(?:cup|cap|setminus)|\\(?:cup|cap|setminus|in)\s*\]")


def _balanced(text: str) -> bool:
    """Whether every square or round bracket that opens closes, whichever of the two it closes with."""
    depth = 0
    if _TURNED_OUT.search(text):
        return False
    for character in text:
        depth += (character in "([") - (character in ")]")
        if depth < 0:
            return False
    return depth == 0


def _turned(match: re.Match[str]) -> str:
    opening, inner, ending = (part for part in match.groups() if part is not None)
    return f"{'[' if opening == '[' else '('}{inner}{']' if ending == ']' else ')'}"


def _attempt(text: str, depth: int) -> Readings:
    try:
        return _read(text, depth)
    except NotRead:
        return ()


def _number(text: str, depth: int) -> Readings:
    found = read_number(text)
    if found is None:
        return ()
    values: list[Value] = [Scalar(*found)]
    if re.fullmatch(r"[-+]?\d+,\d+", text) and not re.search(r",\d{3}$", text):  # 3,5 can be two numbers
        values.append(Group("list", tuple((Scalar(_signed(part)),) for part in text.split(","))))
    if found[1] is not None and re.search(r"[\d}]\s*[A-Za-z]{1,2}$", text):  # 5 m can be a product
        with contextlib.suppress(NotRead):
            values.append(Scalar(parse(tokens_of(text))))
    return tuple(values)


def _signed(numeral: str) -> Node:
    node = num(int(numeral.lstrip("+-")))
    return Node("neg", (node,)) if numeral.startswith("-") else node


# ---------------------------------------------------------------------------------- letters, times, ratios, bases


def _special(text: str, depth: int) -> list[Value]:
    values: list[Value] = []
    plain = " ".join(_TEXT_COMMAND.sub(r" \1 ", text).split())
    if depth == 0 and (match := _CHOICE.fullmatch(plain)):
        values.append(Choice((match[1] or match[2]).upper()))
    clock = _clock(plain)
    if clock is not None:
        values.append(clock)
    if match := _BASED.fullmatch(
        re.sub(r"\(\s*((?:in )?base \w+)\s*\)", r"\1", " ".join(_TEXT_COMMAND.sub(r"\1", text).split()))
    ):
        base = match[2] or match[3]
        number = int(base) if base.isdigit() else _BASES.get(base, 0)
        digits = match[1]
        if 2 <= number <= 36 and digits[0].isdigit() and len(digits) < 200:
            if all(int(digit, 36) < number for digit in digits):
                values.append(Based(digits.lstrip("0") or "0", number))
            else:
                raise NotRead("digits that the base has not")
    parts = split(text, ":") if ":" in text else re.split(r"(?<=\d) to (?=\d)", plain)
    if len(parts) > 1:
        nodes = [node for part in parts for node in _scalars(part)[:1]]
        if len(nodes) == len(parts) and not any(symbols_of(node) for node in nodes):
            values.append(Ratio(tuple(nodes), clock is not None))
    return values


def _clock(text: str) -> Clock | None:
    if text.lower() in ("noon", "midnight"):
        return Clock(12 * 3600 if text.lower() == "noon" else 0)
    match = _CLOCK.fullmatch(text)
    if match is None or not ((match[2] and ":" in text) or match[4] or match[5]):
        return None
    hour, minute, second = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    if minute > 59 or second > 59 or hour > 23 or (match[4] and not 1 <= hour <= 12):
        return None
    if match[4]:
        hour = hour % 12 + (12 if match[4].lower() == "p" else 0)
    return Clock(3600 * hour + 60 * minute + second)


def _words(text: str) -> Readings:
    plain = " ".join(_TEXT_COMMAND.sub(r" \1 ", text).replace("\\ ", " ").split()).strip(" .!\"'*_`$")
    if not plain:
        return ()
    if re.fullmatch(r"[^\W\d_]+(?:[ '’-]+[^\W\d_]+)*", plain) and "\\" not in plain:
        low = plain.lower().replace("’", "'")  # words, not letters of a formula
        low = _INFINITE_WORDS.get(low, low)
        return (Words(low.removeprefix("the ")),) if len(plain) > 1 else (Words(plain),)
    if re.fullmatch(r"[\w ,.'-]+", plain) and re.search(r"[A-Za-z]{4}", plain):
        return (Words(plain.lower()),)
    return (Words(" ".join(plain.split())),)


# --------------------------------------------------------------------------------------------------------- splitting

_OPEN = ("\\{", "\\langle", "\\lfloor", "\\lceil", "\\lvert", "(", "[", "{")
_CLOSE = ("\\}", "\\rangle", "\\rfloor", "\\rceil", "\\rvert", ")", "]", "}")
_PIECE = re.compile(
    r"\\(?:begin|end)\s*\{[a-z]*\*?\}|\\(?:text|textrm|mbox|mathrm|operatorname)\s*\{([^{}]*)\}|\\[A-Za-z]+|\\.|[<>!]=|[^\\]",
    re.DOTALL,
)


def pieces(text: str) -> list[tuple[str, int, int, int]]:
    """(piece, start, end, depth of brackets) from left to right; a piece in \\text{} is what it says."""
    found, depth = [], 0
    for match in _PIECE.finditer(text):
        piece = match[0]
        if match[1] is not None:
            piece = f"\\text:{match[1].strip().lower()}"
        if piece in _CLOSE or piece.startswith("\\end"):
            depth -= 1
        found.append((piece, match.start(), match.end(), depth))
        if piece in _OPEN or piece.startswith("\\begin"):
            depth += 1
        if depth < 0 or depth > 50:
            raise NotRead("brackets that do not match")
    if depth:
        raise NotRead("brackets that do not match")
    return found


def split(text: str, separators: Sequence[str]) -> list[str]:
    """The text cut at every separator outside of brackets."""
    if not any(separator[0] in text for separator in separators):
        return [text]
    parts, last = [], 0
    for piece, start, end, depth in pieces(text):
        if depth == 0 and piece in separators:
            parts.append(text[last:start])
            last = end
    return [*parts, text[last:]]


_CONNECTOR = re.compile(r"(?<![A-Za-z\\])(?:or|and)(?![A-Za-z])")


def connected(text: str) -> tuple[str, list[str]]:
    """`or`, `and`, both or neither, and the parts between them, outside of brackets."""
    found, last, parts = set(), 0, []
    flat = pieces(text)
    index = 0
    while index < len(flat):
        piece, start, end, depth = flat[index]
        word = None
        if depth == 0:
            if piece.removeprefix("\\text:") in ("or", "and", ", or", ", and") and piece.startswith("\\"):
                word = piece.removeprefix("\\text:").removeprefix(", ")
            elif piece in ("\\lor", "\\vee", "\\land", "\\wedge"):
                word = "or" if piece in ("\\lor", "\\vee") else "and"
            elif piece in "oa" and (match := _CONNECTOR.match(text, start)):
                word, end = match[0], match.end()
        if word is not None:
            found.add(word)
            parts.append(text[last:start])
            last = end
            while index < len(flat) and flat[index][1] < end:
                index += 1
            continue
        index += 1
    kind = found.pop() if len(found) == 1 else "both" if found else ""
    return kind, [*parts, text[last:]]


# ------------------------------------------------------------------------------------------- sets, lists, regions


def _collection(text: str, depth: int) -> Readings:
    if match := _CASES.fullmatch(text):
        if "cases" in text and "&" in text:
            return (_piecewise(match[1], depth),)
        text = re.sub(r"\\\\", " , ", match[1].replace("&", " ")).strip(" ,")
    if "\\begin" in text:
        matrix = _matrix(_BRACKETED_ARRAY.sub(r"\1", text, count=1))
        if matrix is not None:
            return (matrix,)
    parts = split(text, ("\\cup", "\\bigcup")) if "\\cup" in text else re.split(r"\s+U\s+", text)
    if len(parts) > 1:
        return _union([_attempt(part, depth + 1) for part in parts])
    parts = split(text, ("\\cap",))
    if len(parts) > 1:
        regions = [_region(_attempt(part, depth + 1)) for part in parts]
        together = regions[0]
        for region in regions[1:]:
            together = Region(intersection(together.intervals, region.intervals), together.name or region.name)
        return (together,)
    kind, parts = connected(text)
    if kind:
        return _several(kind, [p for part in parts for p in split(part, (",", ";"))], depth)
    parts = split(text, ("\\setminus",))
    if len(parts) == 2:
        return _difference(*(_attempt(part, depth + 1) for part in parts))
    parts = [part.replace("\x00", ",") for part in split(_THOUSANDS.sub(_hide, text), (",", ";"))]
    if len(parts) > 1:
        return _several("", parts, depth)
    return _bracketed(text, depth)


_THOUSANDS = re.compile(r"(?<![\d,.])[1-9]\d{0,2}(?:,\d{3})+(?![\d,])")


def _hide(match: re.Match[str]) -> str:
    return match[0].replace(",", "\x00")


def _region(values: Readings) -> Region:
    for value in values:
        if isinstance(value, Region):
            return value
    for value in values:
        if isinstance(value, Group) and value.unordered:
            return Region(union(_points(value)), value.name)
    raise NotRead("no set of numbers")


def _points(group: Group) -> list[Interval]:
    points = []
    for item in group.items:
        scalar = next((value for value in item if isinstance(value, Scalar)), None)
        if scalar is None:
            raise NotRead("no set of numbers")
        points.append(Interval(scalar.node, True, scalar.node, True))
    return points


def _union(parts: list[Readings]) -> Readings:
    regions = [_region(part) for part in parts]
    names = {region.name for region in regions if region.name}
    if len(names) > 1:
        raise NotRead("a union of sets of different letters")
    together = union(part for region in regions for part in region.intervals)
    return (Region(together, names.pop() if names else None),)


def _difference(one: Readings, other: Readings) -> Readings:
    first, second = _region(one), _region(other)
    return (Region(intersection(first.intervals, complement(second.intervals)), first.name),)


def _inequalities(kind: str, items: list[Readings]) -> Region | None:
    """Solved inequalities in one letter: with `or` their union, else what satisfies all of them."""
    regions = [value for item in items for value in item if isinstance(value, Region) and value.name]
    if not regions:
        return None
    names = {region.name for region in regions}
    if len(regions) < len(items) or len(names) > 1 or kind == "both":
        raise NotRead("inequalities in several letters, or beside something else")
    if kind == "or":
        return Region(union(part for region in regions for part in region.intervals), names.pop())
    together = regions[0].intervals
    for region in regions[1:]:
        together = intersection(together, region.intervals)
    if not together:
        raise NotRead("inequalities that exclude each other")
    return Region(together, names.pop())


def _assignments(kind: str, items: list[Readings]) -> Group | System | None:
    """x = 1 or x = 2, x = 1, 2, or x = 1 and y = 2."""
    named = [next((value for value in item if isinstance(value, Named)), None) for item in items]
    found = [value for value in named if value is not None]
    if not found:
        return None
    if named[0] is not None and len(found) == 1:
        return Group("set", _flat([named[0].value, *items[1:]]), named[0].name)
    if len(found) < len(items):
        raise NotRead("an equation beside something else")
    names = {value.name for value in found}
    if len(names) == 1:
        return Group("set", _flat([value.value for value in found]), found[0].name)
    if kind == "or":
        raise NotRead("equations that are no solution")
    return System(_by_name(found))


def _several(kind: str, parts: list[str], depth: int) -> Readings:
    """What a list of answers means, with `or`, `and` or nothing between them."""
    parts = [part for part in parts if part.strip()]
    if not parts:
        raise NotRead("a list of nothing")
    if len(parts) > MOST_ITEMS:
        raise NotRead(f"more than {MOST_ITEMS} items")
    if len(parts) == 1:
        return _read(parts[0], depth + 1)
    items = [_read(part, depth + 1) for part in parts]
    if not all(items):
        raise NotRead("an item that cannot be read")
    for read in (_inequalities, _assignments):
        if value := read(kind, items):
            return (value,)
    if any(isinstance(value, Inequality | Equation) for item in items for value in item):
        raise NotRead("several relations that are no solution")
    sets = any(isinstance(value, Group) and value.kind == "either" for item in items for value in item)
    return (Group("set" if kind or sets else "list", _flat(items) if kind or sets else tuple(items)),)


def _by_name(parts: list[Named]) -> tuple[Named, ...]:
    if len({part.name for part in parts}) < len(parts):
        raise NotRead("one name with two values")
    return tuple(sorted(parts, key=lambda part: part.name))


def _flat(items: list[Readings]) -> tuple[Readings, ...]:
    """The items, with ±a opened."""
    flat: list[Readings] = []
    for item in items:
        group = next((value for value in item if isinstance(value, Group) and value.kind == "either"), None)
        flat += group.items if group is not None else [item]
    return tuple(flat)


_PAIRS = {"(": ")", "[": "]", "\\{": "\\}", "{": "}", "\\langle": "\\rangle"}


def _bracketed(text: str, depth: int) -> Readings:
    opening = next((bracket for bracket in ("\\{", "\\langle", "(", "[", "{", "<") if text.startswith(bracket)), None)
    ending = next((b for b in ("\\}", "\\rangle", ")", "]", "}", ">") if text.endswith(b)), None)
    if opening is None or ending is None:
        return ()
    inner = text[len(opening) : -len(ending)]
    try:
        flat = pieces(inner)
    except NotRead:
        return ()  # (a)(b): the first bracket does not close at the end
    if opening in ("\\{", "{") and ending in ("\\}", "}"):
        bar = next((i for i, p in enumerate(flat) if p[3] == 0 and p[0] in ("\\mid", "|", ":", "\\vert")), None)
        if bar is not None:
            return _builder(inner[: flat[bar][1]], inner[flat[bar][2] :], depth)
        if opening == "{" and not any(p[0] in (",", ";") and p[3] == 0 for p in flat) and "\\pm" not in inner:
            return ()
        members = split(inner, (",", ";"))
        if any(re.fullmatch(r"0\d\d", part) for part in members):
            raise NotRead("{1,000} can be read in two ways")
        items = [_read(part, depth + 1) for part in members]
        if len(items) > MOST_ITEMS or not all(items):
            raise NotRead("a set that cannot be read")
        return (Group("set", _flat(items)),)
    parts = split(inner, (";",)) if ";" in inner else split(inner, (",",))
    if len(parts) < 2:
        return ()
    if any(re.fullmatch(r"0\d\d", part) for part in parts):
        raise NotRead("(1,000) can be read in two ways")
    if len(parts) > MOST_ITEMS:
        raise NotRead(f"more than {MOST_ITEMS} items")
    if (opening == "<" and ending != ">") or (ending == ">" and opening != "<"):
        return ()
    if opening == "[" and all(part.strip().startswith("[") for part in parts):
        rows = tuple(tuple(_node(cell) for cell in split(part.strip()[1:-1], (",",))) for part in parts)
        return (Matrix(rows),) if len({len(row) for row in rows}) == 1 else ()
    items = tuple(_read(part, depth + 1) for part in parts)
    if not all(items):
        raise NotRead("a tuple that cannot be read")
    values: list[Value] = []
    if opening in ("(", "\\langle", "<") and _PAIRS.get(opening, ">") == ending:
        values.append(Group("tuple", items))
    elif opening == "[" and ending == "]":
        values.append(Group("list" if len(items) > 2 else "bracket", items))
    if len(parts) == 2 and opening in "([" and ending in ")]":
        ends = [next((v.node for v in item if isinstance(v, Scalar) and v.unit is None), None) for item in items]
        if ends[0] is not None and ends[1] is not None:
            try:
                values.append(Region(interval(ends[0], opening == "[", ends[1], ending == "]")))
            except NotRead:
                if any(symbols_of(end) for end in ends if end is not None) and opening + ending != "()":
                    values.append(Region((Interval(ends[0], opening == "[", ends[1], ending == "]"),)))
    return tuple(values)


def _builder(variable: str, condition: str, depth: int) -> Readings:
    """{ x : condition }"""
    name, *domain = re.split(r"\\in(?![a-z])", variable)
    name = name.strip()
    if domain and _WHOLE.fullmatch(domain[0].strip()):
        return (_whole_numbers(_read(condition, depth + 1), name),)
    if domain and not _REALS.fullmatch(domain[0].strip()):
        raise NotRead("a set from a set that is not known")
    for value in _read(condition, depth + 1):
        if isinstance(value, Region) and value.name in (name, None):
            return (Region(value.intervals, None),)
        if isinstance(value, Group | Named) and value.name == name:
            return (Group("set", value.items if isinstance(value, Group) else (value.value,)),)
    raise NotRead("a set that cannot be read")


def _piecewise(body: str, depth: int) -> Group:
    """\\begin{cases} value & condition \\\\ ... \\end{cases}"""
    pieces_: list[Readings] = []
    for row in body.strip().removesuffix("\\\\").split("\\\\"):
        value, _, condition = row.partition("&")
        condition = re.sub(r"\\text\s*\{\s*(?:if|for|when)?\s*\}|\b(?:if|for|when)\b", " ", condition).strip(" ,.;&")
        region = _region(_read(condition, depth + 1))
        pieces_.append((Group("tuple", ((Scalar(_node(value.strip(" ,.;"))),), (region,))),))
    return Group("cases", tuple(pieces_))


_WHOLE = re.compile(r"\\mathbb\s*\{?\s*Z\s*\}?")


def _whole_numbers(values: Readings, name: str) -> Group:
    """The whole numbers of a bounded region."""
    region = next((value for value in values if isinstance(value, Region) and value.name == name), None)
    if region is None:
        raise NotRead("a set that cannot be read")
    found: list[Readings] = []
    for part in region.intervals:
        low, high = rational(part.low), rational(part.high)
        if low is None or high is None or high - low > MOST_ITEMS:
            raise NotRead("too many whole numbers")
        found += [
            (Scalar(num(n)),)
            for n in range(math.ceil(low), math.floor(high) + 1)
            if (n > low or part.low_in) and (n < high or part.high_in)
        ]
    return Group("set", tuple(found))


def _matrix(text: str) -> Matrix | None:
    match = _MATRIX.fullmatch(text)
    if match is None or match[1] == "vmatrix":
        return None
    body = match[2].strip().removesuffix("\\\\").strip()
    if len(body) > 600:
        raise NotRead("a matrix out of bounds")
    rows = tuple(tuple(_node(cell) for cell in row.split("&")) for row in re.split(r"\\\\|\\cr", body))
    return Matrix(rows) if len({len(row) for row in rows}) == 1 else None


def _node(text: str) -> Node:
    for value in _read(text, DEEPEST):
        if isinstance(value, Scalar) and value.unit is None:
            return value.node
    raise NotRead("a cell that is no expression")


# ------------------------------------------------------------------------------------------------------- relations

_NAME = re.compile(
    r"(?:[A-Za-z]|\\(?!pi\b|frac|sqrt|in\b)[A-Za-z]+)(?:_\s*(?:\{[A-Za-z0-9]+\}|[A-Za-z0-9]))?'*"
    r"(?:\s*\(\s*[A-Za-z0-9, \\|+-]{1,30}\))?"
    r"|[A-Z]{2,4}|m?\s*\\angle\s*[A-Z]{1,3}|\\frac\{d[a-z]\}\{d[a-z]\}|d[a-z]/d[a-z]|[a-z]\^\{-1\}\s*\([a-z]\)"
    r"|\\(?:overline|vec|mathbf|hat|bar)\s*\{[A-Za-z]{1,3}\}|\|\s*[A-Z]{2}\s*\||[fgh]\^\{?-1\}?\s*\([a-z]\)"
)
_PROSE = re.compile(r"[A-Za-z][a-z]{2,}(?: [A-Za-z]+){0,5}")
_NOT_NAMES = frozenset("not if when either maybe perhaps unless say".split())


def name_of(text: str) -> str | None:
    """The name that the left side of `name = value` is, or None."""
    text = unwrap(text)
    text = text.strip("{} ") if text.startswith("{") else text
    if _NAME.fullmatch(text):
        return "".join(text.split())
    plain = " ".join(_TEXT_COMMAND.sub(r" \1 ", text).split())
    if _PROSE.fullmatch(plain) and not _NOT_NAMES & set(plain.lower().split()):
        return plain.lower()
    return None


def _relation(text: str, depth: int) -> Readings:
    if not any(sign in text for sign in ("=", "<", ">", "\\le", "\\ge", "\\ne", "\\in")):
        return ()
    text = text.replace("<=", "\\le ").replace(">=", "\\ge ").replace("!=", "\\ne ")
    for long, short in (("\\leqslant", "\\le"), ("\\geqslant", "\\ge"), ("\\leq", "\\le"), ("\\geq", "\\ge"),
                        ("\\neq", "\\ne"), ("\\lt", "<"), ("\\gt", ">")):  # fmt: skip
        text = re.sub(re.escape(long) + r"(?![A-Za-z])", lambda _, s=short: s + " ", text)
    signs, parts, last = [], [], 0
    for piece, start, end, level in pieces(text):
        if level == 0 and (piece in _RELATIONS or piece == "\\in"):
            signs.append(piece)
            parts.append(text[last:start])
            last = end
    parts.append(text[last:])
    if not signs:
        return ()
    if not all(part.strip() for part in parts):
        raise NotRead("a relation with one side")
    if signs == ["\\in"]:
        return _member(parts, depth)
    if set(signs) == {"="}:
        return _equal_signs(parts, depth)
    if len(signs) == 1:
        return _one_inequality(signs[0], parts[0], parts[1])
    if len(signs) == 2 and "=" not in signs and "\\ne" not in signs and "\\in" not in signs:
        return _chain(signs, parts)
    raise NotRead("a relation of a kind of its own")


def _member(parts: list[str], depth: int) -> Readings:
    name = name_of(parts[0])
    if name is None:
        raise NotRead("no name before the set")
    values: list[Value] = []
    for value in _read(parts[1], depth + 1):
        if isinstance(value, Region):
            values.append(Region(value.intervals, name))
        elif isinstance(value, Group) and value.unordered:
            values.append(Group("set", value.items, name))
    if not values:
        raise NotRead("no set after the name")
    return tuple(values)


def _equal_signs(parts: list[str], depth: int) -> Readings:
    """a = b, or a chain of which all that is a number agrees: what it concludes is its last side."""
    if names := re.fullmatch(r"\(\s*([A-Za-z](?:\s*,\s*[A-Za-z])+)\s*\)", parts[0].strip()):
        return (_system(re.split(r"\s*,\s*", names[1]), parts[1:], depth),)
    name = name_of(parts[0])
    if len(parts) == 2 and name is None and not any(symbols_of(node) for node in _scalars(parts[0])):  # 3 = x
        name = name_of(parts[1])
        parts = parts if name is None else parts[::-1]
    values: list[Value] = []
    sides = parts[1:] if name is not None else parts
    if len(sides) > 1:
        nodes = [_scalars(side) for side in sides]
        if not all(nodes):
            raise NotRead("an equation with a side that is no expression")
        if name is not None or len(sides) > 2 or not any(symbols_of(node) for side in nodes for node in side):
            if not all(_equal_nodes(side[0], nodes[-1][0]) for side in nodes[:-1]):
                raise NotRead("an equation that is not true")
            sides = sides[-1:]
    if len(sides) == 1:
        value = _read(sides[0], depth + 1)
        if not value:
            raise NotRead("nothing after the equals sign")
        if name is None:
            return value
        own = {str(node.value) for node in _scalars(parts[0]) if node.op == "sym"}
        if not any(own & symbols_of(v.node) for v in value if isinstance(v, Scalar)):
            group = next((v for v in value if isinstance(v, Group) and v.unordered), None)
            values.append(Named(name, value) if group is None else Group("set", group.items, name))
    if len(parts) == 2:
        left, right = _scalars(parts[0]), _scalars(parts[1])
        if left and right:
            node = Node("add", (left[0], Node("neg", (right[0],))))
            if len(symbols_of(node)) > (1 if values else 0):
                values.append(Equation(node))
    if not values:
        raise NotRead("an equation that is no solution")
    return tuple(values)


def _system(letters: list[str], sides: list[str], depth: int) -> System:
    """(x, y) = (1, 2)"""
    for value in _read(sides[0], depth + 1) if len(sides) == 1 else ():
        if isinstance(value, Group) and value.kind == "tuple" and len(value.items) == len(letters):
            return System(_by_name([Named(n, v) for n, v in zip(letters, value.items, strict=True)]))
    raise NotRead("names without as many values")


def _scalars(text: str) -> list[Node]:
    try:
        return [value.node for value in _read(text, DEEPEST) if isinstance(value, Scalar) and value.unit is None]
    except NotRead:
        return []


def _equal_nodes(one: Node, other: Node) -> bool:
    try:
        return equivalent(one, other)
    except (NotRead, Undefined):
        return False


def _one_inequality(sign: str, left: str, right: str) -> Readings:
    one, other = _scalars(left), _scalars(right)
    if not one or not other:
        raise NotRead("an inequality with a side that is no expression")
    a, b = one[0], other[0]
    if b.op == "sym" and not symbols_of(a):
        a, b, sign = b, a, _FLIPPED[sign]
    if a.op == "sym" and not symbols_of(b):
        return (Region(_half_line(sign, b), str(a.value)),)
    if sign == "\\ne":
        raise NotRead("an inequation that is not solved")
    node = Node("add", (a, Node("neg", (b,)))) if sign in (">", "\\ge") else Node("add", (b, Node("neg", (a,))))
    if not symbols_of(node):
        raise NotRead("an inequality between numbers")
    return (Inequality(node, sign in ("\\ge", "\\le")),)


def _half_line(sign: str, end: Node) -> tuple[Interval, ...]:
    if sign == "\\ne":
        return complement([Interval(end, True, end, True)])
    if sign in (">", "\\ge"):
        return interval(end, sign == "\\ge", INFINITY, False)
    return interval(MINUS_INFINITY, False, end, sign == "\\le")


def _chain(signs: list[str], parts: list[str]) -> Readings:
    """a < x < b"""
    if len({"<" if sign in ("<", "\\le") else ">" for sign in signs}) > 1:
        raise NotRead("a chain of inequalities in two directions")
    if signs[0] in (">", "\\ge"):
        signs, parts = [_FLIPPED[sign] for sign in signs[::-1]], parts[::-1]
    low, middle, high = (_scalars(part) for part in parts)
    if not low or not middle or not high:
        raise NotRead("an inequality with a side that is no expression")
    if middle[0].op == "sym" and not symbols_of(low[0]) and not symbols_of(high[0]):
        ends = interval(low[0], signs[0] == "\\le", high[0], signs[1] == "\\le")
        return (Region(ends, str(middle[0].value)),)
    from rewards.solving import solve_inequalities

    nodes = [Node("add", (middle[0], Node("neg", (low[0],)))), Node("add", (high[0], Node("neg", (middle[0],))))]
    region = solve_inequalities([Inequality(n, s == "\\le") for n, s in zip(nodes, signs, strict=True)])
    return (region,)


# ------------------------------------------------------------------------------------------------------ expressions

_UNIT_START = re.compile(r"\\(?:text|textrm|mathrm|mbox|rm)\s*\{|(?<=[\s}])[A-Za-z]|\\?%|\^\s*\{?\s*\\circ|[€£¥₹]")


def _expression(text: str, depth: int) -> Readings:
    unit: Unit | None = None
    currency = re.match(r"(?:\\?\$|[€£¥₹])\s*(?=\S)", text)
    if currency:
        unit = Unit(CURRENCIES[currency[0].strip()[-1]])
        text = text[currency.end() :]
    try:
        node = parse(tokens_of(text))
        return (*_scalar(node, unit), *(_measured(text) if unit is None else ()))
    except NotRead as error:
        for match in list(_UNIT_START.finditer(text))[-6:]:
            if match.start() == 0:
                continue
            found = read_unit(text[match.start() :].strip(), True)
            if found is None or (unit is not None and found[1] is not None and found[1] != unit):
                continue
            try:
                node = parse(tokens_of(text[: match.start()]))
            except NotRead:
                continue
            factor = found[0]
            if factor != 1:
                node = Node("mul", (num(factor), node)) if factor != Fraction(1, 100) else Node("percent", (node,))
            return _scalar(node, found[1] or unit)
        if _letters_only(text):
            return ()
        raise error


_MEASURED = re.compile(r"(.*[\d})i])\s+([cm]m(?:\s*\^\s*\{?[23]\}?)?)", re.DOTALL)  # kg could be k times g


def _measured(text: str) -> Readings:
    """What a number that ends in letters measures, besides the product that it can be: 36\\pi cm^3."""
    match = _MEASURED.fullmatch(text)
    unit = read_unit(match[2], True) if match is not None else None
    if match is None or unit is None or unit[1] is None or unit[0] != 1:
        return ()
    try:
        node = parse(tokens_of(match[1]))
    except NotRead:
        return ()
    return () if symbols_of(node) else _scalar(node, unit[1])


def _letters_only(text: str) -> bool:
    plain = _TEXT_COMMAND.sub(r" \1 ", text)
    return re.fullmatch(r"[^\W\d_]+(?:[\s'’.,-]+[^\W\d_]+)*", plain.strip()) is not None


def _scalar(node: Node, unit: Unit | None) -> Readings:
    if node.op == "deg" and unit is None:
        node, unit = node.args[0], Unit("degree")
    expanded = expand_signs(node)
    if len(expanded) == 1:
        return (Scalar(node, unit),)
    return (Group("either", tuple((Scalar(each, unit),) for each in expanded)),)
