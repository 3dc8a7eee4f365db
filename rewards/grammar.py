"""Mathematics as people and models write it, read by a bounded grammar of our own: LaTeX, plain text and Unicode.

Nothing here evaluates anything: a text becomes a tree of `Node`s, or `NotRead` says why not. Length, number of tokens
and depth are bounded, so that no text can take long. A notation that mathematicians read in two ways (`1/2x`) is not
read at all: a verifier may not choose.
"""

import re
import unicodedata
from fractions import Fraction
from typing import NamedTuple

LONGEST = 1_000  # characters of an answer
MOST_TOKENS = 500
DEEPEST = 40
LONGEST_NUMERAL = 200  # digits
LARGEST_EXPONENT = 500  # of ten, in 1.8e3


class NotRead(Exception):
    """The text is not one thing that this grammar knows; the message says what stood in the way."""


class Node(NamedTuple):
    """An expression: `num` and `sym` hold a value, every other operation its arguments.

    Operations: num sym const | add mul div neg pow | pm mp (plus-minus, minus-plus) | deg | call, named by `value` |
    sum prod over the letter `value`, with its first and last value and the term.
    """

    op: str
    args: tuple["Node", ...] = ()
    value: Fraction | str | None = None


def num(value: Fraction | int) -> Node:
    return Node("num", (), Fraction(value))


class Token(NamedTuple):
    kind: str  # num, word, text, or the character or command itself
    text: str
    start: int
    end: int
    spaced: bool  # white space before it
    value: Fraction | None = None


# ---------------------------------------------------------------------------------------------------------- tidying

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱˣ", "0123456789+-()nix", strict=True))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₙₓ", "0123456789+-()nx", strict=True))
_FRACTIONS = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5),
    "⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅐": (1, 7), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8),
    "⅑": (1, 9), "⅒": (1, 10),
}  # fmt: skip
_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi "
    "chi psi omega"
).split()
_CAPITAL_GREEK = "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split()


def _greek(name: str) -> str:
    size = "CAPITAL" if name[0].isupper() else "SMALL"
    return unicodedata.lookup(f"GREEK {size} LETTER {name.upper().replace('LAMBDA', 'LAMDA')}")


_SIGNS = {
    "−": "-", "–": "-", "‐": "-", "‑": "-", "﹣": "-", "×": r"\times ", "✕": r"\times ", "⨯": r"\times ",
    "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "•": r"\cdot ", "÷": r"\div ", "∕": "/", "⁄": "/",
    "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ", "∞": r"\infty ", "∪": r"\cup ",
    "∩": r"\cap ", "∈": r"\in ", "∖": r"\setminus ", "∅": r"\emptyset ", "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}",
    "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}", "±": r"\pm ", "∓": r"\mp ", "°": r"^\circ ",
    "º": r"^\circ ", "√": r"\surd ", "∛": r"\cbrt ", "∜": r"\surd[4] ", "∣": "|", "⟨": r"\langle ",
    "⟩": r"\rangle ", "〈": r"\langle ", "〉": r"\rangle ", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ",
    "⌉": r"\rceil ", "∨": r"\lor ", "∧": r"\land ", "≈": r"\approx ", "∼": r"\sim ", "≡": r"\equiv ", "…": r"\ldots ",
    "“": '"', "”": '"', "‘": "'", "’": "'", "′": "'", "٪": "%", "％": "%", "ϕ": r"\phi ", "ϵ": r"\epsilon ",
    "¢": " cents", "µ": r"\mu ", "Ω": r"\Omega ", "∶": ":", "𝜋": r"\pi ", "𝑥": "x", "𝑖": "i", "ℓ": r"\ell ",
}  # fmt: skip
_UNICODE = str.maketrans(
    {**_SIGNS, **{_greek(name): f"\\{name} " for name in (*_GREEK, *_CAPITAL_GREEK)}}
    | {chr(0xFF01 + i): chr(0x21 + i) for i in range(94)}
    | dict.fromkeys("\u00a0\u2002\u2003\u2004\u2005\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " ")
)
_SCRIPTS = re.compile(f"([{''.join(_SUPERSCRIPTS)}]+)|([{''.join(_SUBSCRIPTS)}]+)")
_SCRIPT_FRACTION = re.compile("([⁰¹²³⁴⁵⁶⁷⁸⁹]+)[⁄/]([₀₁₂₃₄₅₆₇₈₉]+)")
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"

_SIZES = re.compile(r"\\(?:left|right|[bB]igg?[lrm]?|middle)(?![A-Za-z])\s*(?:(\||\\vert)|\.)?")
_SPACES = re.compile(
    r"(\\\\)|\\[,;:!> ]|~|[\t\n\r]|\\[hv]space\{[^{}]*\}|\\(?:q?quad|displaystyle|textstyle|limits|thinspace|nobreak|"
    r"enspace|hfill|tiny|small|normalsize|large|Large|LARGE|huge|Huge|bf|it|em|boldmath|centering)(?![A-Za-z])"
)
_STYLES = re.compile(
    r"\\(?:hat|vec|mathbf|boldsymbol|bm|mathit|mathsf|mathcal|textcolor\{[a-z]*\}|color\{[a-z]*\})(?=\s*\{)"
)
_DOLLARS = re.compile(r"(?<![\\\d])\$(?!\s)([^$]*[^\s$\\])\$(?!\d)")
_OVER = re.compile(r"\{([^{}]*)\\over(?![A-Za-z])([^{}]*)\}")
_SIGN_IN_TEXT = re.compile(r"\\(?:text|mathrm|mbox)\{\s*([€£¥₹])\s*\}")
_THOUSANDS = re.compile(r"(?<=\d)(?:,\\!|\{,\}|\\,|\\!,|\\!)\s?(?=\d{3}(?!\d))")
_WRAPS = (
    ("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("**", "**"), ("__", "__"), ("`", "`"), ("*", "*"),
    ('"', '"'), ("'", "'"), ("“", "”"),
)  # fmt: skip
_GROUPS = re.compile(r"\s*\\(?:boxed|fbox|text|textbf|textit|textrm|mathrm|mathbf|mbox|emph|underline|large|bf)?\s*\{")


def closing(text: str, start: int) -> int:
    """Where the brace that opens at `start` closes, or -1; an escaped brace does not count."""
    depth = 0
    for match in _BRACES.finditer(text, start):
        brace = match[0]
        if brace == "{":
            depth += 1
        elif brace == "}":
            depth -= 1
            if depth == 0:
                return match.start()
    return -1


_COMMANDS = re.compile(r"\\[A-Za-z]+")
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)


def unwrap(text: str) -> str:
    r"""The text without white space, closing dots and markup around it.

    >>> unwrap(" **$\\boxed{42}$.** ")
    '42'
    """
    for _ in range(12):
        before = text
        text = text.strip().strip(_INVISIBLE).strip()
        while text.endswith((".", ",", ";", "\\\\")) and not text.endswith(("...", "\\,", "\\;")):
            text = text.removesuffix("\\\\").rstrip(".,;").rstrip()
        for opening, end in _WRAPS:
            if len(text) > len(opening) + len(end) and text.startswith(opening) and text.endswith(end):
                inner = text[len(opening) : -len(end)]
                seen = inner.replace("\\$", "") if opening == "$" else inner
                if opening not in seen and end not in seen:
                    text = inner
        if text.endswith("}") and (match := _GROUPS.match(text)) and closing(text, match.end() - 1) == len(text) - 1:
            text = text[match.end() : -1]
        if text == before:
            break
    return text


def tidy(text: str) -> str:
    """One writing for what has many: Unicode signs as LaTeX, sizes, spacing and markup gone.

    Raises:
        NotRead: too long, or with characters that no answer has.
    """
    if len(text) > LONGEST:
        raise NotRead(f"longer than {LONGEST} characters")
    text = unwrap(text)
    if text.startswith("~"):
        raise NotRead("approximately is no answer")
    if not text.isascii():
        text = _SCRIPTS.sub(_script, _SCRIPT_FRACTION.sub(_script_fraction, text))
        for sign, (over, under) in _FRACTIONS.items():
            if sign in text:
                text = text.replace(sign, f"\\frac{{{over}}}{{{under}}}")
        text = _one_script(text).translate(_UNICODE)
    if not text.isprintable() and any(not c.isprintable() and c not in "\t\n\r" for c in text):
        raise NotRead("holds characters that cannot be seen")
    if "\\" in text or "$" in text or "~" in text or "\n" in text or "\t" in text:
        text = _THOUSANDS.sub("", text).replace("\\text{:}", ":").replace("{,}", ",").replace("{:}", ":")
        text = _SIGN_IN_TEXT.sub(r"\1", text)
        text = _COMMANDS.sub(lambda match: _ALIASES.get(match[0], match[0]), text)
        text = _OVER.sub(r"\\frac{\1}{\2}", text)
        text = _SIZES.sub(_size, text)
        text = _DOLLARS.sub(r"\1", text)
        text = text.replace("\\(", "").replace("\\)", "").replace("\\[", "").replace("\\]", "")
        text = _STYLES.sub("", _SPACES.sub(_space, text))
    elif "{" in text:
        text = text.replace("{,}", ",").replace("{:}", ":")
    return unwrap(text)


def _script_fraction(match: re.Match[str]) -> str:
    over, under = ("".join(unicodedata.normalize("NFKC", c) for c in part) for part in match.groups())
    return f"\\frac{{{over}}}{{{under}}}"


def _script(match: re.Match[str]) -> str:
    if match[1] is not None:
        return "^{" + "".join(_SUPERSCRIPTS[c] for c in match[1]) + "}"
    return "_{" + "".join(_SUBSCRIPTS[c] for c in match[2]) + "}"


def _one_script(text: str) -> str:
    """Decimal digits of one other script as ASCII digits; digits of several scripts mixed are not read."""
    foreign = {c for c in text if not c.isascii() and unicodedata.category(c) == "Nd" and not "０" <= c <= "９"}
    if not foreign:
        return text
    zeros = {ord(c) - unicodedata.digit(c) for c in foreign}
    if len(zeros) > 1 or any(c.isascii() and c.isdigit() for c in text):
        raise NotRead("digits of several scripts")
    return text.translate({ord(c): str(unicodedata.digit(c)) for c in foreign})


def _space(match: re.Match[str]) -> str:
    return match[1] or ("" if match[0] == "\\!" else " ")


def _size(match: re.Match[str]) -> str:
    if match[1] is None:
        return " "
    return "\\lvert " if match[0].startswith(("\\left", "\\bigl", "\\Bigl", "\\biggl", "\\Biggl")) else "\\rvert "


# ----------------------------------------------------------------------------------------------------------- tokens

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<text>\\(?:text|textrm|textbf|textit|textsf|mathrm|mbox|operatorname|rm)\s*\*?\{(?P<inside>[^{}]*)\})
      | (?P<rep>\d*\.(?P<lead>\d*)(?:\\(?:overline|bar|dot)\s*\{(?P<cycle>\d+)\}))
      | (?P<cyc>\d*\.\((?P<cycle2>\d+)\))
      | (?P<dots>\d*\.\d+)(?:\s*\\ldots(?![A-Za-z])|\.\.\.)
      | (?P<sci>(?:\d+\.\d+|\d+|\.\d+)[eE][+-]?\d+(?![\w.]))
      | (?P<sep>[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?(?![\d,]))
      | (?P<num>\d+\.\d+|\d+|\.\d+)
      | (?P<cmd>\\(?:[A-Za-z]+|.))
      | (?P<word>[A-Za-z]+)
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_ALIASES = {
    "\\dfrac": "\\frac", "\\tfrac": "\\frac", "\\cfrac": "\\frac", "\\dbinom": "\\binom", "\\tbinom": "\\binom",
    "\\leq": "\\le", "\\leqslant": "\\le", "\\geq": "\\ge", "\\geqslant": "\\ge", "\\neq": "\\ne", "\\lt": "<",
    "\\gt": ">", "\\bigcup": "\\cup", "\\varnothing": "\\emptyset", "\\lbrace": "\\{", "\\rbrace": "\\}",
    "\\lbrack": "[", "\\rbrack": "]", "\\lparen": "(", "\\rparen": ")", "\\vert": "|", "\\ast": "*",
    "\\degree": "\\circ", "\\vee": "\\lor", "\\wedge": "\\land", "\\backslash": "\\setminus", "\\colon": ":",
    "\\dots": "\\ldots", "\\cdots": "\\ldots", "\\varphi": "\\phi", "\\varepsilon": "\\epsilon",
    "\\vartheta": "\\theta", "\\lg": "\\log", "\\prime": "'",
}  # fmt: skip
_OPERATORS = {"\\times": "*", "\\cdot": "*", "\\div": "/", "\\%": "%", "\\$": "$", "\\#": "#"}
FUNCTIONS = frozenset(
    """sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh ln log exp sqrt surd cbrt abs floor ceil max min gcd
    lcm""".split()
)
_SYNONYMS = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "arcsin": "arcsin", "ceiling": "ceil"}
_NAMES = frozenset({*_GREEK, "ell", "hbar", *_CAPITAL_GREEK}) - {"pi"}
_WORDS = frozenset("or and if not is".split())  # never a product of letters


def tokens_of(text: str) -> list[Token]:
    """The tokens of a tidy text.

    Raises:
        NotRead: more than `MOST_TOKENS`, or a numeral of more than `LONGEST_NUMERAL` digits.
    """
    tokens: list[Token] = []
    spaced, depth = False, 0
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match is not None
        kind, start, end = match.lastgroup, match.start(), match.end()
        word = match[0]
        if match["text"] is not None:
            kind, word = "text", match["inside"]
        elif match["dots"] is not None:
            kind, word = "dots", match["dots"]
        elif match["rep"] is not None or match["cyc"] is not None:
            kind = "rep"
        if kind == "sep" and depth > 0:  # inside brackets a comma separates
            match = re.compile(r"\d+").match(text, position)
            assert match is not None
            kind, word, end = "num", match[0], match.end()
        position = end
        if kind == "space":
            spaced = True
            continue
        value = None
        if kind in ("rep", "dots", "sci", "sep", "num"):
            if len(word) > LONGEST_NUMERAL:
                raise NotRead(f"a numeral of more than {LONGEST_NUMERAL} characters")
            value, kind = _numeral(kind, word), "num"
        elif kind == "cmd":
            kind = _OPERATORS.get(word, word)
        elif kind == "sign":
            kind = word
        if kind in ("(", "[", "\\{", "\\langle"):
            depth += 1
        elif kind in (")", "]", "\\}", "\\rangle"):
            depth -= 1
        tokens.append(Token(str(kind), word, start, end, spaced, value))
        spaced = False
        if len(tokens) > MOST_TOKENS:
            raise NotRead(f"more than {MOST_TOKENS} signs")
    return tokens


def _numeral(kind: str, word: str) -> Fraction:
    if kind == "sci":
        mantissa, _, exponent = word.lower().partition("e")
        if abs(int(exponent)) > LARGEST_EXPONENT:
            raise NotRead("an exponent out of range")
        return Fraction(mantissa) * Fraction(10) ** int(exponent)
    if kind == "rep":
        whole, _, rest = word.partition(".")
        lead, cycle = re.split(r"\D+", rest.rstrip(")}"))
        first = Fraction(int((whole or "0") + lead), 10 ** len(lead))
        return first + Fraction(int(cycle), (10 ** len(cycle) - 1) * 10 ** len(lead))
    if kind == "dots":  # 0.1666...: the digits that stand there twice or more go on for ever
        whole, _, digits = word.partition(".")
        match = _GOES_ON.search(digits)
        if match is None:
            raise NotRead("dots that do not say how it goes on")
        return _numeral("rep", f"{whole}.{digits[: match.start()]}({match[1] or match[2]})")
    return Fraction(word.replace(",", ""))


_GOES_ON = re.compile(r"(\d)\1\1+\Z|(\d{2,}?)\2+\Z")


# ----------------------------------------------------------------------------------------------------------- parser

_CLOSERS = {"(": ")", "[": "]", "{": "}", "\\{": "\\}", "\\lfloor": "\\rfloor", "\\lceil": "\\rceil"}
_CONSTANTS = {"\\pi": "pi", "\\infty": "inf"}
_WORD_CONSTANTS = {"pi": "pi", "infinity": "inf", "inf": "inf", "oo": "inf"}


_STARTS = frozenset(r"num ( { \frac \sqrt \binom \pi \lvert \lfloor \lceil \sum \prod".split())
_JUMPS = frozenset("abs floor ceil max min root gcd lcm".split())


class Parser:
    """A recursive descent over the tokens of one expression."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.bars = 0
        self.bound: list[str] = []  # letters that a sum runs over

    def kind(self, ahead: int = 0) -> str:
        index = self.at + ahead
        return self.tokens[index].kind if index < len(self.tokens) else "end"

    def take(self, kind: str) -> Token:
        if self.kind() != kind:
            raise NotRead(f"{kind} is missing")
        self.at += 1
        return self.tokens[self.at - 1]

    def whole(self) -> Node:
        """The expression that all tokens make."""
        node = self.sum()
        if self.kind() != "end":
            raise NotRead(f"cannot go on at {self.tokens[self.at].text!r}")
        return node

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise NotRead(f"nested deeper than {DEEPEST}")
        terms = [self.product()]
        while (kind := self.kind()) in ("+", "-", "\\pm", "\\mp"):
            self.at += 1
            term = self.product()
            if kind == "-":
                term = Node("neg", (term,))
            elif kind != "+":
                term = Node("pm" if kind == "\\pm" else "mp", (term,))
            terms.append(term)
        self.depth -= 1
        return terms[0] if len(terms) == 1 else Node("add", tuple(terms))

    def product(self) -> Node:
        node = self.signed()
        divided = False  # by an inline slash: what a factor after it belongs to is anybody's guess
        while True:
            kind = self.kind()
            if kind == "*":
                self.at += 1
                if self.kind() == "*":
                    raise NotRead("** out of place")
                node, divided = self.times(node, self.signed()), False
            elif kind == "/":
                self.at += 1
                node, divided = Node("div", (node, self.signed())), True
            elif self.starts_factor():
                if divided:
                    raise NotRead("a/b c can be read in two ways")
                token = self.tokens[self.at]
                if token.kind == "num" and not self.mixed_ahead(node):
                    raise NotRead("two numbers side by side")
                if token.kind == "num":
                    node = self.mixed(node, self.fraction_ahead())
                elif token.kind == "\\frac" and node.op == "num":
                    factor = self.power()
                    node = self.mixed(node, factor) if self.is_plain_fraction(factor) else self.times(node, factor)
                else:
                    node = self.times(node, self.power())
            else:
                return node

    @staticmethod
    def times(left: Node, right: Node) -> Node:
        return Node("mul", (*left.args, right)) if left.op == "mul" else Node("mul", (left, right))

    def mixed_ahead(self, node: Node) -> bool:
        """Whether `2 1/2` goes on here: a whole number, then a proper fraction of two numerals."""
        return (
            is_whole(node)
            and self.tokens[self.at].spaced
            and [self.kind(i) for i in range(3)] == ["num", "/", "num"]
            and self.kind(3) in ("end", ",", ")", "]", "\\}", "}", "text")
        )

    def fraction_ahead(self) -> Node:
        over, under = self.tokens[self.at].value, self.tokens[self.at + 2].value
        if over is None or under is None:
            raise NotRead("a fraction without numbers")
        self.at += 3
        return Node("div", (num(over), num(under)))

    @staticmethod
    def is_plain_fraction(node: Node) -> bool:
        return node.op == "div" and all(is_whole(part) for part in node.args)

    @staticmethod
    def mixed(whole: Node, fraction: Node) -> Node:
        """2\\frac12 is two and a half, as in every school book; with an improper fraction it could be a product."""
        over, under = (part.value for part in fraction.args)
        if not (isinstance(over, Fraction) and isinstance(under, Fraction)):
            raise NotRead("a fraction without numbers")
        if not (is_whole(whole) and isinstance(whole.value, Fraction)):
            raise NotRead("a mixed number begins with a whole number")
        if not (0 < over < under and over.denominator == under.denominator == 1):
            raise NotRead("a number before a fraction that is no mixed number")
        return Node("mixed", (num(whole.value + over / under),))

    def signed(self) -> Node:
        kind = self.kind()
        if kind in ("-", "+", "\\pm", "\\mp"):
            self.at += 1
            if self.kind() in ("-", "+", "\\pm", "\\mp"):
                raise NotRead("two signs side by side")
            node = self.signed_product()
            return node if kind == "+" else Node({"-": "neg", "\\pm": "pm", "\\mp": "mp"}[kind], (node,))
        return self.power()

    def signed_product(self) -> Node:
        """What a leading sign belongs to: one power, as -x^2 is -(x^2), with a mixed number after it."""
        node = self.power()
        if self.kind() == "num" and self.mixed_ahead(node):
            node = self.mixed(node, self.fraction_ahead())
        elif self.kind() == "\\frac" and is_whole(node):
            factor = self.power()
            node = self.mixed(node, factor) if self.is_plain_fraction(factor) else self.times(node, factor)
        return node

    def power(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise NotRead(f"nested deeper than {DEEPEST}")
        node = self.postfix(self.atom())
        if self.kind() == "^" or (self.kind() == "*" and self.kind(1) == "*"):
            self.at += 1 if self.kind() == "^" else 2
            node = self.postfix(Node("pow", (node, self.exponent())))
        self.depth -= 1
        return node

    def postfix(self, node: Node) -> Node:
        while True:
            if self.kind() == "!":
                self.at += 1
                if self.kind() == "!":
                    raise NotRead("a double factorial")
                node = Node("call", (node,), "factorial")
            elif self.kind() == "%":
                self.at += 1
                node = Node("percent", (node,))
            elif self.kind() == "^" and self.kind(1) == "\\circ":
                self.at += 2
                node = Node("deg", (node,))
            elif self.kind() == "^" and [self.kind(i) for i in (1, 2, 3)] == ["{", "\\circ", "}"]:
                self.at += 4
                node = Node("deg", (node,))
            else:
                return node

    def exponent(self) -> Node:
        if self.kind() == "{":
            return self.group("{")
        if self.kind() in ("-", "+"):
            sign = self.kind()
            self.at += 1
            node = self.power()
            return Node("neg", (node,)) if sign == "-" else node
        if self.kind() == "(":
            node = self.group("(")
        elif self.kind() == "word":  # x^ab is x^a b
            node = self.letter()
        else:
            node = self.atom()
        if self.kind() == "^" and self.kind(1) != "\\circ":
            self.at += 1
            return Node("pow", (node, self.exponent()))
        return node

    def letter(self) -> Node:
        """One letter of a word; the rest of the word stays."""
        token = self.tokens[self.at]
        if len(token.text) > 1 and token.text not in _WORD_CONSTANTS:
            rest = token._replace(text=token.text[1:], start=token.start + 1, spaced=False)
            self.tokens[self.at] = rest
            return self.symbol(token.text[0])
        return self.atom()

    def group(self, opening: str) -> Node:
        self.take(opening)
        bars, self.bars = self.bars, 0
        node = self.sum()
        self.bars = bars
        self.take(_CLOSERS[opening])
        return node

    def starts_factor(self) -> bool:
        kind = self.kind()
        if kind in _STARTS:
            return True
        if kind == "|":
            return self.bars == 0
        if kind == "word":
            return is_product_or_function(self.tokens[self.at].text)
        if kind == "text":
            return self.tokens[self.at].text in ("e", "i") or self.tokens[self.at].text in FUNCTIONS
        return kind.startswith("\\") and (kind[1:] in FUNCTIONS or kind[1:] in _NAMES or kind == "\\infty")

    def atom(self) -> Node:
        kind = self.kind()
        if kind == "end":
            raise NotRead("ends too early")
        token = self.tokens[self.at]
        if kind == "num":
            self.at += 1
            assert token.value is not None
            return Node("num", (), token.value)
        if kind in ("(", "[", "{"):
            return self.group(kind)
        if kind in ("|", "\\lvert"):
            return self.absolute(kind)
        if kind in ("\\lfloor", "\\lceil"):
            return Node("call", (self.group(kind),), "floor" if kind == "\\lfloor" else "ceil")
        if kind in ("\\frac", "\\binom"):
            self.at += 1
            over, under = self.argument(), self.argument()
            return Node("div", (over, under), "frac") if kind == "\\frac" else Node("call", (over, under), "binom")
        if kind in ("\\sum", "\\prod"):
            return self.series(kind[1:])
        if kind in _CONSTANTS:
            self.at += 1
            return Node("const", (), _CONSTANTS[kind])
        if kind in ("word", "text"):
            return self.word(token)
        if kind.startswith("\\") and kind[1:] in FUNCTIONS:
            self.at += 1
            return self.call(kind[1:])
        if kind.startswith("\\") and kind[1:] in _NAMES:
            self.at += 1
            return Node("sym", (), kind[1:] + self.subscript())
        raise NotRead(f"cannot read {token.text!r}")

    def series(self, op: str) -> Node:
        """\\sum_{k=1}^{n} of the product that follows."""
        self.at += 1
        self.take("_")
        self.take("{")
        name = self.take("word").text
        self.take("=")
        low = self.sum()
        self.take("}")
        self.take("^")
        high = self.exponent()
        if len(name) > 1 or name == "e" or name in self.bound:
            raise NotRead("a sum over what is no letter")
        self.bound.append(name)
        term = self.product()
        self.bound.pop()
        if _has_jumps(term):
            raise NotRead("a sum of terms that jump")
        return Node(op, (low, high, term), name)

    def symbol(self, letter: str) -> Node:
        return Node("sym", (), letter) if letter in self.bound else symbol(letter)

    def absolute(self, kind: str) -> Node:
        self.at += 1
        self.bars += kind == "|"
        inner = self.sum()
        self.take("|" if kind == "|" else "\\rvert")
        self.bars -= kind == "|"
        return Node("call", (inner,), "abs")

    def argument(self) -> Node:
        """What \\frac or \\sqrt takes: a braced group, or one digit, letter or command."""
        kind = self.kind()
        if kind == "{":
            return self.group("{")
        token = self.tokens[self.at] if kind != "end" else None
        if token is not None and kind == "num" and re.fullmatch(r"\d+", token.text):
            first, rest = token.text[0], token.text[1:]
            if rest:
                self.tokens[self.at] = token._replace(text=rest, value=Fraction(rest), spaced=False)
            else:
                self.at += 1
            return num(int(first))
        if kind == "word":
            return self.letter()
        return self.atom()

    def word(self, token: Token) -> Node:
        text = token.text.strip() if token.kind == "text" else token.text
        text = _SYNONYMS.get(text, text)
        if text in FUNCTIONS:
            self.at += 1
            return self.call(text)
        if text in _WORD_CONSTANTS:
            self.at += 1
            return Node("const", (), _WORD_CONSTANTS[text])
        if text in _NAMES and len(text) > 2:
            self.at += 1
            return Node("sym", (), text + self.subscript())
        if token.kind == "text" and text not in ("e", "i"):
            raise NotRead(f"the word {text!r}")
        if not is_product_or_function(text):
            raise NotRead(f"the word {text!r}")
        if len(text) > 1:
            self.tokens[self.at] = token._replace(text=text[1:], spaced=False)
            return self.symbol(text[0])
        self.at += 1
        node = self.symbol(text)
        if self.bound and text not in self.bound and self.kind() == "(" and not self.tokens[self.at].spaced:
            raise NotRead("terms that are a function of a letter, or a product")
        if node.op == "sym":
            return Node("sym", (), text + self.subscript())
        return node

    def subscript(self) -> str:
        """`_1`, `_{12}`, `_n` and primes, as a part of the name."""
        name = ""
        if self.kind() == "_":
            self.at += 1
            inner = self.tokens[self.at : self.at + 8]
            if inner and inner[0].kind == "{":
                end = next((i for i, token in enumerate(inner) if token.kind == "}"), None)
                if end is None:
                    raise NotRead("a subscript that does not close")
                name = "_" + "".join(token.text for token in inner[1:end])
                self.at += end + 1
            elif inner and inner[0].kind in ("num", "word"):
                name = "_" + inner[0].text
                self.at += 1
            else:
                raise NotRead("an empty subscript")
        while self.kind() == "'":
            self.at += 1
            name += "'"
        if any(letter in name for letter in self.bound):
            raise NotRead("terms that are only named")
        return name

    def call(self, name: str) -> Node:
        """A function with its argument: in brackets, or the product that follows it as in \\sin 2x."""
        if name in ("sqrt", "surd", "cbrt"):
            index = num(3 if name == "cbrt" else 2)
            if self.kind() == "[":
                self.at += 1
                index = self.sum()
                self.take("]")
            token = self.tokens[self.at] if self.kind() == "num" else None
            if name == "sqrt" and token is not None and len(token.text) > 1:
                raise NotRead("\\sqrt25 can be read in two ways")
            return Node("call", (self.argument() if name == "sqrt" else self.atom(), index), "root")
        base = None
        if name == "log" and self.kind() == "_":
            self.at += 1
            base = self.argument()
        power = None
        if self.kind() == "^":
            self.at += 1
            power = self.exponent()
            if power == Node("neg", (num(1),)):
                if name not in ("sin", "cos", "tan"):
                    raise NotRead(f"{name}^-1 can be read in two ways")
                name, power = "arc" + name, None
        if name in ("max", "min", "gcd", "lcm"):
            args = self.several()
        elif self.kind() in ("(", "{", "["):
            args = (self.group(self.kind()),)
        else:
            args = (self.bare_argument(),)
        node = Node("call", args if base is None else (*args, base), name)
        return node if power is None else Node("pow", (node, power))

    def several(self) -> tuple[Node, ...]:
        braced = self.kind() == "\\{"
        self.take("\\{" if braced else "(")
        args = [self.sum()]
        while self.kind() == ",":
            self.at += 1
            args.append(self.sum())
        self.take("\\}" if braced else ")")
        return tuple(args)

    def bare_argument(self) -> Node:
        if self.kind() in ("-", "+"):
            raise NotRead("a signed argument without brackets")
        node = self.power()
        while self.starts_factor() and not self.function_ahead() and self.kind() not in ("(", "num"):
            node = self.times(node, self.power())
        if self.kind() == "/":
            raise NotRead("sin x/y can be read in two ways")
        if self.kind() == "(":
            raise NotRead("sin x(y) can be read in two ways")
        return node

    def function_ahead(self) -> bool:
        kind = self.kind()
        text = self.tokens[self.at].text if kind != "end" else ""
        name = _SYNONYMS.get(text.lstrip("\\"), text.lstrip("\\"))
        return name in FUNCTIONS and name not in ("sqrt", "surd", "cbrt")


def _has_jumps(node: Node) -> bool:
    return (node.op == "call" and node.value in _JUMPS) or any(_has_jumps(part) for part in node.args)


def is_whole(node: Node) -> bool:
    return node.op == "num" and isinstance(node.value, Fraction) and node.value.denominator == 1


def symbol(letter: str) -> Node:
    """A letter: e and i are the constants, every other one a variable."""
    return Node("const", (), letter) if letter in ("e", "i") else Node("sym", (), letter)


def is_product_or_function(word: str) -> bool:
    """Whether a word can stand in a formula: a function, a constant, a Greek name, or up to three letters."""
    name = _SYNONYMS.get(word, word)
    if name in FUNCTIONS or name in _WORD_CONSTANTS or name in _NAMES:
        return True
    return len(word) <= 3 and word.lower() not in _WORDS


def parse(tokens: list[Token]) -> Node:
    """The expression that the tokens make.

    Raises:
        NotRead: they make none, or more than one.
    """
    return Parser(list(tokens)).whole()
