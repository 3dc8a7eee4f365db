"""Numerals: digits in the writing of several countries, fractions, powers of ten, and numbers in words."""

import re
from fractions import Fraction

from rewards.grammar import LARGEST_EXPONENT, LONGEST_NUMERAL, Node, NotRead, num, tidy
from rewards.units import CURRENCIES, SCALES, TAIL, Unit, read_unit

_DIGITS = (
    re.compile(r"\d+|\d*\.\d+|\d+\."),  # 1234.5
    re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?"),  # 1,234,567.8
    re.compile(r"[1-9]\d{0,1}(?:,\d{2})+,\d{3}(?:\.\d+)?"),  # 12,34,567
    re.compile(r"[1-9]\d{0,2}(?: \d{3})+(?:\.\d+)?"),  # 1 234 567.8
    re.compile(r"[1-9]\d{0,2}(?:'\d{3})+(?:\.\d+)?"),  # 1'234'567.8
    re.compile(r"[1-9]\d{0,2}(?:_\d{3})+(?:\.\d+)?"),  # 1_234_567.8
)
_COMMA = (  # a decimal comma, where it cannot be anything else
    re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+,\d+|[1-9]\d{0,2}(?:\.\d{3}){2,}"),  # 1.234.567,8
    re.compile(r"[1-9]\d{0,2}(?: \d{3})+,\d+"),  # 1 234,5
    re.compile(r"\d+,(?:\d{1,2}|\d{4,})|0,\d+"),  # 3,5
)
_RATE = re.compile(r"\s*/\s*\S|\s+(?:per|an?|every|each)\s+(?!cent\b)\S")
_CODES = {"dollar": "USD", "euro": "EUR", "pound_sterling": "GBP", "yen": "JPY", "rupee": "INR"}
_NUMERAL = r"\d[\d.,_' ]*(?<![.,_' ])|\.\d+"
_FRACTION = (
    r"(?:\\[dtc]?frac\s*\{\s*(?P<o1>\d+)\s*\}\s*\{\s*(?P<u1>\d+)\s*\}|\\[dtc]?frac\s*(?P<o2>\d)\s*(?P<u2>\d)(?!\d)"
    r"|\\[dtc]?frac\s*(?P<o3>\d)\s*\{\s*(?P<u3>\d+)\s*\})"
)
_NUMBER = re.compile(
    r"(?P<sign>[-+](?! )|(?:minus|negative)\s+)?\s*"
    r"(?P<currency>(?:(?:US|us)?\\?\$|[€£¥₹]|(?:USD|EUR|GBP)\s)\s*)?(?P<inner>-)?"
    rf"(?:(?P<mixed>\d{{1,9}})(?:\s+|(?=\\))(?:(?P<o4>\d{{1,9}})\s*/\s*(?P<u4>\d{{1,9}})(?![\d/])|{_FRACTION})"
    rf"|(?P<whole>{_NUMERAL})(?:\s*/\s*(?P<u5>\d{{1,60}})(?![\d/.]))?"
    rf"|{_FRACTION.replace('(?P<o', '(?P<p').replace('(?P<u', '(?P<q')})"
    r"(?P<power>(?:\s*(?:\\times|\\cdot|\*|x|X|×)\s*10\s*(?:\^|\*\*)\s*"
    r"(?:\{\s*(?P<e1>[-+]?\d{1,4})\s*\}|(?P<e2>[-+]?\d{1,4})|\((?P<e3>-?\d{1,4})\)))|[eE](?P<e4>[-+]?\d{1,4})(?![\w.]))?"
)


def decimal(text: str, commas: bool = True) -> Fraction | None:
    """The value of a numeral, or None where the text is none or could be two.

    >>> decimal("1,234,567.5"), decimal("1.234.567,5"), decimal("3,5")
    (Fraction(2469135, 2), Fraction(2469135, 2), Fraction(7, 2))
    >>> decimal("1,23,4") is None
    True
    """
    for form in _DIGITS:
        if form.fullmatch(text):
            return Fraction(re.sub(r"[,_' ]", "", text).rstrip("."))
    for form in _COMMA if commas else ():
        if form.fullmatch(text):
            return Fraction(text.replace(".", "").replace(" ", "").replace(",", "."))
    return None


def read_number(text: str) -> tuple[Node, Unit | None] | None:
    """The number that a tidy text is, with its unit; None where it is none in plain writing.

    A division left as it is stays a `div` node, so that the caller can tell 36/3 from 12.

    >>> read_number("1,200 dollars")
    (Node(op='num', args=(), value=Fraction(1200, 1)), Unit(name='dollar', words=frozenset()))
    >>> read_number("12 or 13") is None
    True
    """
    if len(text) > LONGEST_NUMERAL:
        return None
    match = _NUMBER.match(text)
    if match is None:
        return _read_words(text)
    node = _node(match)
    if node is None or (match["sign"] and match["inner"]):
        return None
    rest = text[match.end() :]
    spaced = rest.startswith((" ", "\\", "-")) and not rest.startswith(("\\%", "\\$"))
    unit: Unit | None = None
    currency = _currency(match["currency"])
    if currency and (_RATE.match(rest) or TAIL.match(rest)):  # $5/kg, $18 an hour, $54 in total
        rest, spaced, currency = f" {_CODES[currency]}{rest}", True, None
    if rest.strip():
        if rest.startswith("-"):  # a 12-inch ruler
            rest = " " + rest[1:] if re.match(r"-[a-z]{2}", rest) else rest
        if not rest.startswith(" ") and re.match(r"[A-Za-z]", rest) is not None and match["whole"] is None:
            return None
        found = read_unit(rest.strip(), spaced)
        if found is None:
            return None
        factor, unit = found
        node = node if factor == 1 else _scaled(node, factor)
        if node is None:
            return None
    if currency:
        if unit is not None and unit.name != currency:
            return None
        if unit is not None and rest.strip()[:1] in "$€£¥₹\\":
            return None
        unit = Unit(currency)
    if (match["sign"] or "").strip() in ("-", "minus", "negative") or match["inner"]:
        node = Node("neg", (node,))
    return node, unit


def _currency(sign: str | None) -> str | None:
    """The currency of a sign or code before the number."""
    if sign is None:
        return None
    code = {"US$": "dollar", "USD": "dollar", "EUR": "euro", "GBP": "pound_sterling"}.get(sign.strip().upper())
    return code or CURRENCIES[sign.strip()[-1]]


def figures(text: str) -> tuple[int, int] | None:
    """The fewest and the most significant figures of the numeral that a tidy text begins with; None for other numbers.

    Zeros that end a whole number may be significant or not: 1200 has two to four figures, 1.20e3 has three.

    >>> figures("0.0120 m"), figures("1200 m"), figures("1.20e3 m"), figures("$1,234.50"), figures("7/2 m")
    ((3, 3), (2, 4), (3, 3), (6, 6), None)
    """
    match = _NUMBER.match(text) if len(text) <= LONGEST_NUMERAL else None
    value = decimal(match["whole"]) if match is not None and match["whole"] and not match["u5"] else None
    if match is None or not value:
        return None
    digits = re.sub(r"\D", "", match["whole"]).lstrip("0")
    vague = int(digits) == value and not match["power"]
    return len(digits.rstrip("0")) if vague else len(digits), len(digits)


def _scaled(node: Node, factor: Fraction) -> Node | None:
    if node.op in ("num", "mixed"):
        value = node.value if node.op == "num" else node.args[0].value
        assert isinstance(value, Fraction)
        return num(value * factor)
    return Node("percent", (node,)) if factor == Fraction(1, 100) else None


def _node(match: re.Match[str]) -> Node | None:
    power = next((match[g] for g in ("e1", "e2", "e3", "e4") if match[g] is not None), None)
    if match["mixed"] is not None:
        over = next((match[g] for g in ("o4", "o1", "o2", "o3") if match[g] is not None), "0")
        under = next((match[g] for g in ("u4", "u1", "u2", "u3") if match[g] is not None), "0")
        if not 0 < int(over) < int(under) or power is not None:
            return None
        return num(int(match["mixed"]) + Fraction(int(over), int(under)))
    if match["whole"] is None:
        over = next(match[g] for g in ("p1", "p2", "p3") if match[g] is not None)
        under = next(match[g] for g in ("q1", "q2", "q3") if match[g] is not None)
        if power is not None or len(over + under) > LONGEST_NUMERAL:
            return None
        return Node("div", (num(int(over)), num(int(under))), "frac") if int(under) else None
    value = decimal(match["whole"])
    if value is None:
        return None
    if match["u5"] is not None:
        if power is not None or not int(match["u5"]):
            return None
        return Node("div", (num(value), num(int(match["u5"]))))
    if power is None:
        return num(value)
    return num(value * Fraction(10) ** int(power)) if abs(int(power)) <= LARGEST_EXPONENT else None


# ------------------------------------------------------------------------------------------------------------ words

_ONES = {
    word: n
    for n, word in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
        seventeen eighteen nineteen""".split()
    )
}
_TENS = {
    word: 10 * n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
}
_PARTS = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4,
    "fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "seventh": 7, "sevenths": 7, "eighth": 8, "eighths": 8,
    "ninth": 9, "ninths": 9, "tenth": 10, "tenths": 10, "hundredth": 100, "hundredths": 100,
}  # fmt: skip


def _read_words(text: str) -> tuple[Node, Unit | None] | None:
    sign, text = (-1, text[1:]) if re.match(r"-[a-zA-Z]", text) else (1, text)
    text = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text.lower())
    words = re.sub(r"\b(thousand|million|billion),(?= )", r"\1", text).split()
    if words and words[0] in ("minus", "negative"):
        if sign < 0:
            return None
        sign, words = -1, words[1:]
    value, used = in_words(words)
    if value is None:
        return None
    node = num(sign * value)
    if used == len(words):
        return node, None
    found = read_unit(" ".join(words[used:]))
    if found is None:
        return None
    scaled = _scaled(node, found[0])
    return (scaled, found[1]) if scaled is not None else None


def in_words(words: list[str]) -> tuple[Fraction | None, int]:
    """The number that the first words say, and how many words that took.

    >>> in_words("two thousand and twelve pens".split())
    (Fraction(2012, 1), 4)
    >>> in_words(["two", "thirds"]), in_words(["one", "and", "a", "half"])
    ((Fraction(2, 3), 2), (Fraction(3, 2), 4))
    """
    at, total, last = 0, 0, 10**18
    found = False
    while at < len(words):
        start = at
        if found and words[at] == "and":
            at += 1
        group, at = _below_thousand(words, at)
        if group is None:
            at = start
            break
        scale = 1
        if at < len(words) and words[at] in ("thousand", "million", "billion", "trillion"):
            scale = SCALES[words[at]]
            at += 1
        if scale >= last:
            return None, 0
        total, last, found = total + group * scale, scale, True
        if scale == 1:
            break
    if not found:
        if words[:2] in (["a", "half"], ["a", "third"], ["a", "quarter"]):
            return Fraction(1, _PARTS[words[1]]), 2
        return (Fraction(12), 2) if words[:2] == ["a", "dozen"] else (None, 0)
    if at < len(words) and words[at] in _PARTS and total > 0:
        return Fraction(total, _PARTS[words[at]]), at + 1
    if words[at : at + 1] == ["and"]:
        part, used = in_words(words[at + 1 :])
        if part is not None and 0 < part < 1:
            return total + part, at + 1 + used
    return Fraction(total), at


def _below_thousand(words: list[str], at: int) -> tuple[int | None, int]:
    value, at = _below_hundred(words, at)
    if value and at < len(words) and words[at] == "hundred":
        at += 1
        start = at
        if words[at : at + 1] == ["and"]:
            at += 1
        rest, after = _below_hundred(words, at)
        return (100 * value, start) if rest is None else (100 * value + rest, after)
    return value, at


def _below_hundred(words: list[str], at: int) -> tuple[int | None, int]:
    word = words[at] if at < len(words) else ""
    if word in _TENS:
        ones = _ONES.get(words[at + 1] if at + 1 < len(words) else "", 0)
        return (_TENS[word] + ones, at + 2) if 0 < ones < 10 else (_TENS[word], at + 1)
    return (_ONES[word], at + 1) if word in _ONES else (None, at)


def read_plain(text: str) -> tuple[Node, Unit | None] | None:
    """`read_number` of a text that is not tidy yet."""
    try:
        return read_number(tidy(text))
    except NotRead:
        return None
