r"""Instructions that can be checked by counting and looking, in any language: lengths, keywords, case, layout.

A row's constraints are a list such as [{"name": "words", "at_most": 50}, {"name": "no_commas"}], and each is one
function below, whose docstring is its exact definition. None looks at another, so their order does not matter. All of
them look at the same thing, what a reader sees of the answer:

- what stands behind `</think>`, where there is reasoning in tags; nothing, where it is not closed;
- without characters that show nothing (zero-width spaces, soft hyphens, direction marks, control characters, halves of
  surrogate pairs), so words cannot be hidden, split or multiplied with them;
- in Unicode's composed form (NFC), with at most 30 combining marks on a character;
- for all but `quoted`, without quotation marks around the whole answer.

A *word* is a run of letters and digits with their marks; an apostrophe (don't) joins, and in figures a dot or comma
(1,000.5); a hyphen does not. In scripts without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) each character
counts as a word, since only a dictionary could tell. A run of more than 40 letters counts once for every 40 begun.
Texts are compared without regard to case (casefold), so that every constraint can be followed in capitals.

What this does not protect from: text that keeps to the constraints and says nothing, such as a list of the keywords or
an answer to another question; words run together (fewerWords), spelt with blanks (w o r d) or as w0rd; words in an HTML
comment or a link's address. A reward for what is said belongs beside it. Sentences, paragraphs and points that stand
there twice count once towards a least number.
"""

import inspect
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from rewards import json_text
from rewards.completions import Completion, text_of
from rewards.extract import LINE_BREAKS
from rewards.verdicts import LogExtra

LEAST_WORDS = 5  # different ones, below which nothing was said and nothing is paid
LONGEST = 50_000  # characters of an answer without its reasoning; a longer one is paid nothing
PARTIAL = 0.5  # of the share of the constraints that hold, where not all do
_MOST_MARKS = 30  # on one character, as in Unicode's stream-safe format; normalizing takes their number squared

# ---------------------------------------------------------------------------------------------------- what is looked at

_INVISIBLE = {  # Unicode's default ignorable characters that `_visible` does not know by their category
    0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x2065, *range(0xFE00, 0xFE10),
    *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000),
}  # fmt: skip
_WITHOUT_SPACES = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3040, 0x30FF),
    (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F), (0x20000, 0x323AF),
)  # fmt: skip
_ENDS = "!?.…‼⁇⁈⁉؟۔।॥។៕։።፧᙮᠃᠉⸮"  # a sentence, before a blank
_ENDS_AT_ONCE = "。！？｡．"
_COMMAS = ",‚،߸፣᠂᠈⸒⸲⸴、︐︑﹐﹑，､ꓹ꘍꛵"
_APOSTROPHES = "'’ʼ＇"
_OPENING, _CLOSING = "\"“„«‹「『‘'‚｢＂", "\"”“»›」』’'‘｣＂"
_PAIRS = {
    ('"', '"'), ("“", "”"), ("„", "“"), ("„", "”"), ("«", "»"), ("»", "«"), ("‹", "›"), ("「", "」"), ("『", "』"),
    ("‘", "’"), ("'", "'"), ("｢", "｣"), ("＂", "＂"), ("”", "”"),
}  # fmt: skip
_DECORATION = " \n\t*_#>~`"
_BULLET = re.compile(r"[ \t]*[-*+•‣◦▪●–—・][ \t]+(?=\S)")
_NUMBERED = re.compile(r"[ \t]*([0-9]{1,4})[.)][ \t]+(?=\S)")


class _Translation(dict[int, Any]):
    """A table for str.translate that is worked out character by character, as they come."""

    def __init__(self, rule: Callable[[str], Any]) -> None:
        super().__init__()
        self.rule = rule

    def __missing__(self, code: int) -> Any:
        return self.setdefault(code, self.rule(chr(code)))


def _visible(character: str) -> str | None:
    category = unicodedata.category(character)
    if character == "\t" or character == "\n" or LINE_BREAKS.match(character):
        return character
    if category in ("Cc", "Cf", "Cs") or ord(character) in _INVISIBLE:
        return None
    return " " if category == "Zs" or character in "\u2800\u3164\uffa0" else character  # blanks that are no spaces


def _kind(character: str) -> str:
    """One ASCII sign for what a character is; patterns are searched in these."""
    code, category = ord(character), unicodedata.category(character)
    if character in " \t\n":
        return "\n" if character == "\n" else " "
    if category[0] == "M":
        return "m"
    if character.isalnum():
        if any(first <= code <= last for first, last in _WITHOUT_SPACES):
            return "h"
        return "d" if character.isdecimal() else "a"
    if character in _ENDS:
        return "."
    if character in _ENDS_AT_ONCE:
        return "p"
    if character in _APOSTROPHES:
        return "'"
    if character == ",":
        return ","
    return "q" if character in _CLOSING or category in ("Pe", "Pf") else "x"


_LETTERS = frozenset("adm")  # kinds that a word is made of, in scripts with spaces
_VISIBLE, _KINDS = _Translation(_visible), _Translation(_kind)
_MANY_MARKS = re.compile(f"m{{{_MOST_MARKS + 1},}}")
_WORD = re.compile(r"hm*|d{1,40}(?:[,.]d{1,40}){1,4}(?![adm])|[ad][adm]{0,39}(?:'[ad][adm]{0,39})?")
_SENTENCE_END = re.compile(r"([.p]+)['q]*")  # where it is followed by a blank, or has a p
_LONE_LETTER = re.compile(r"(?<![adm'])a(\.)(?= )")


def _kinds(text: str) -> str:
    return text.translate(_KINDS)


def _folded(text: str) -> str:
    """The text without case, and with one blank for all white space."""
    return unicodedata.normalize("NFC", " ".join(text.split()).casefold())


def _after_reasoning(completion: str) -> str:
    answer = completion.rpartition("</think>")[2]
    return "" if "<think>" in answer else answer


def _readable(text: str) -> str:
    """What a reader sees of a text."""
    text = LINE_BREAKS.sub("\n", text.translate(_VISIBLE))
    if not text.isascii():
        text = unicodedata.normalize("NFC", _with_few_marks(text))
    return text.strip()


def _with_few_marks(text: str) -> str:
    pieces, last = [], 0
    for run in _MANY_MARKS.finditer(_kinds(text)):
        pieces.append(text[last : run.start() + _MOST_MARKS])
        last = run.end()
    return "".join([*pieces, text[last:]])


class Seen:
    """A completion as a reader sees it, and what the constraints ask of it more than once."""

    def __init__(self, completion: str) -> None:
        self.answer = _after_reasoning(completion).strip(" \t\r\n")
        self.whole = _readable(self.answer)

    @cached_property
    def quoted(self) -> bool:
        text = self.whole
        if len(text) < 3 or (text[0], text[-1]) not in _PAIRS or not text[1:-1].strip():
            return False
        inner = text[1:-1].replace('\\"', "")
        if text[0] == text[-1] or {text[0], text[-1]} <= set("'‘’"):  # an apostrophe looks like a closing mark
            return text[0] in "'‘" or text[0] not in inner
        depth = 1
        for mark in re.findall(f"[{re.escape(text[0] + text[-1])}]", inner):
            depth += 1 if mark == text[0] else -1
            if depth == 0:
                return False
        return True

    @cached_property
    def text(self) -> str:
        return self.whole[1:-1].strip() if self.quoted else self.whole

    @cached_property
    def kinds(self) -> str:
        return _kinds(self.text)

    @cached_property
    def folded(self) -> str:
        return _folded(self.text)

    @cached_property
    def folded_kinds(self) -> str:
        return _kinds(self.folded)

    @cached_property
    def words(self) -> list[str]:
        return [self.text[match.start() : match.end()] for match in _WORD.finditer(self.kinds)]

    @cached_property
    def lines(self) -> list[str]:
        return [line.strip() for line in self.text.split("\n") if line.strip()]


def _has_word(text: str) -> bool:
    return _WORD.search(_kinds(text)) is not None


def _joined(phrase: str, before: str, after: str) -> bool:
    """Whether a phrase goes on in the character before or after it; all are given as kinds."""
    left = phrase[0] in _LETTERS and before in _LETTERS
    return left or (phrase[-1] in _LETTERS and after in _LETTERS) or after == "m"


def _occurrences(folded: str, kinds: str, phrase: str, inside: bool) -> int:
    """How often a folded phrase stands in a folded text, not as a part of longer words unless `inside`."""
    found, place, wanted = 0, folded.find(phrase), _kinds(phrase)
    while place >= 0:
        end = place + len(phrase)
        joined = not inside and _joined(wanted, kinds[place - 1] if place else " ", kinds[end : end + 1])
        found += not joined
        place = folded.find(phrase, place + 1 if joined else end)
    return found


# Letters of other scripts that look like Latin ones, and what is left of a letter with a stroke through it.
_LOOK_LIKE = str.maketrans(
    "авсԁеһіјкӏмոоԛрѕтухѵԝьАВСԀЕНІЈКӀМОԚРЅТУХԜαβγεικνορτυχωϲϳΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿıɡɑǀ",
    "abcdehijklmnoqpstyxvwbABCDEHIJKLMOQPSTYXWabyeiknoptuxwcjABEZHIKMNOPTYXCJigal",
)
_STROKES = re.compile("(?<=[\x00-\u052f])[\u0300-\u036f\u20d0-\u20f0]+")


def _skeleton(text: str) -> str:
    """A text as it looks, folded: look-alikes and other widths as Latin letters, without marks that no letter has."""
    look = unicodedata.normalize("NFKC", text).translate(_LOOK_LIKE)
    return _STROKES.sub("", _folded(look))


# ------------------------------------------------------------------------------------------------ what is counted
# Each gives a number, or the things themselves where a repeated one shall not count towards `at_least`.


def words(seen: Seen) -> int:
    """Words, as defined above."""
    return len(seen.words)


def different_words(seen: Seen) -> int:
    """Different words, without regard to case."""
    return len({word.casefold() for word in seen.words})


def capital_words(seen: Seen) -> int:
    """Words of two letters or more, all of them capitals."""
    return sum(word.isupper() and sum(map(str.isalpha, word)) > 1 for word in seen.words)


def characters(seen: Seen) -> int:
    """Characters between the first and the last visible one, blanks and line breaks too; combining marks not."""
    return len(seen.text) - seen.kinds.count("m")


def longest_line(seen: Seen) -> int:
    """Characters in the longest line, without combining marks."""
    return max((len(line) - line.count("m") for line in seen.kinds.split("\n")), default=0)


def lines(seen: Seen) -> int:
    """Lines with something in them."""
    return len(seen.lines)


def paragraphs(seen: Seen, separator: str = "") -> list[str]:
    """Blocks with a word in them, between blank lines, or between lines that hold only the `separator`, such as ***."""
    blocks: list[list[str]] = [[]]
    for line in seen.text.split("\n"):
        if line.strip() == separator:
            blocks.append([])
        else:
            blocks[-1].append(line)
    return [block for lines in blocks if _has_word(block := "\n".join(lines).strip())]


def sentences(seen: Seen) -> list[str]:
    """Stretches with a word in them up to a mark such as . ! ? … 。 । ؟ and any closing quotes or brackets.

    Before a blank or a line's end, that is; the marks of Chinese and Japanese need none. A dot behind a single letter
    (e.g. this, J. Smith) ends no sentence, one behind a longer abbreviation (Dr. Smith) does. A blank line and the
    start of a list's point end one without a mark, and the number of a point (1.) is none.
    """
    found: list[str] = []
    blocks: list[list[str]] = [[]]
    for line in seen.text.split("\n"):
        point = _BULLET.match(line) or _NUMBERED.match(line)
        if point is not None or not line.strip():
            blocks.append([])
        blocks[-1].append(line[point.end() :] if point is not None else line)
    for block in map("\n".join, blocks):
        kinds = _LONE_LETTER.sub("ax", _kinds(block))
        marks = _SENTENCE_END.finditer(kinds)
        ends = [mark.end() for mark in marks if "p" in mark[1] or not kinds[mark.end() : mark.end() + 1].strip()]
        for begin, end in zip([0, *ends], [*ends, len(block)], strict=True):
            if _WORD.search(kinds, begin, end):
                found.append(block[begin:end])
    return found


def bullet_points(seen: Seen) -> list[str]:
    """Lines with a word in them that begin with - * + or a bullet sign and a blank."""
    points = [(line, match) for line in seen.text.split("\n") if (match := _BULLET.match(line))]
    return [line[match.end() :] for line, match in points if _has_word(line)]


def numbered_points(seen: Seen) -> list[str]:
    """Lines with a word behind their number (1. or 1) and a blank), numbered 1, 2, 3 and so on from the first."""
    found: list[str] = []
    for line in seen.text.split("\n"):
        match = _NUMBERED.match(line)
        if match is not None and int(match[1]) == len(found) + 1 and _has_word(line[match.end() :]):
            found.append(line[match.end() :])
    return found


def sections(seen: Seen, marker: str = "Section") -> list[str]:
    """Parts headed by lines that begin with the marker and a number, 1, 2, 3 and so on, each with a word below."""
    wanted = _folded(marker)
    heading = re.compile(rf"[ *_#]*{re.escape(wanted)} ?([0-9]{{1,4}})(?![0-9])")
    found: list[list[str]] = []
    for line in seen.text.split("\n"):
        match = heading.match(_folded(line[: 2 * len(wanted) + 50]))
        if match is not None and int(match[1]) == len(found) + 1:
            found.append([])
        elif found:
            found[-1].append(line)
    return [part for lines in found if _has_word(part := "\n".join(lines))]


def placeholders(seen: Seen) -> list[str]:
    """Texts in square brackets with a word in them, such as [name]; the text of a link, [here](address), is none."""
    return [inner for inner in re.findall(r"\[([^\[\]\n]{1,100})\](?!\()", seen.text) if _has_word(inner)]


def highlights(seen: Seen) -> list[str]:
    """Texts between stars, *so* or **so**, with a word in them."""
    found = re.findall(r"(?<!\*)\*{1,2}(?=[^\s*])([^*\n]{1,300})(?<!\s)\*{1,2}(?!\*)", seen.text)
    return [inner for inner in found if _has_word(inner)]


def numbers(seen: Seen) -> int:
    """Numbers written in figures."""
    return len(re.findall(r"d+(?:[,.]d+)*", seen.kinds))


def keyword(seen: Seen, text: str, inside: bool = False) -> int:
    """How often a word or phrase occurs, without regard to case, not as a part of longer words unless `inside`.

    Give `inside` where words take endings (Korean, Turkish). Beside a character of a script without spaces it is on.
    An apostrophe ends a word here: `can't` holds `can`.
    """
    return _occurrences(seen.folded, seen.folded_kinds, _folded(text), inside)


def letter(seen: Seen, letter: str) -> int:
    """How often a letter or another single character occurs, without regard to case; é is not e."""
    return seen.text.casefold().count(letter.casefold())


# ------------------------------------------------------------------------------------------------ what is looked for


def all_lowercase(seen: Seen) -> bool:
    """There is a letter, and no capital. Scripts without capitals always follow it."""
    return any(kind in seen.kinds for kind in "ah") and not any(c.isupper() or c.istitle() for c in seen.text)


def all_uppercase(seen: Seen) -> bool:
    """There is a letter, and no small one. Scripts without capitals always follow it."""
    return any(kind in seen.kinds for kind in "ah") and not any(map(_not_capital, seen.text))


def _not_capital(character: str) -> bool:
    return character.islower() or (character.istitle() and not character.isupper())


def no_commas(seen: Seen) -> bool:
    """There is no comma of any script, and nothing that looks like one."""
    return not set(_COMMAS) & set(seen.whole)


def forbidden_characters(seen: Seen, characters: str) -> bool:
    """None of the characters occurs, nor one that is the same but for its width or style (! and ！)."""
    present = set(seen.whole) | set(unicodedata.normalize("NFKC", "".join(set(seen.whole))))
    return not present & set(unicodedata.normalize("NFC", characters))


def keywords_present(seen: Seen, texts: list[str], inside: bool = False) -> bool:
    """Every one of the words or phrases occurs, as in `keyword`."""
    return all(keyword(seen, text, inside) for text in texts)


def keywords_absent(seen: Seen, texts: list[str], inside: bool = False) -> bool:
    """None of the words or phrases occurs, as in `keyword`, nor one that looks like it: сat with a Cyrillic letter."""
    look = _skeleton(seen.whole)
    kinds = _kinds(look)
    return not any(keyword(seen, text, inside) or _occurrences(look, kinds, _skeleton(text), inside) for text in texts)


def one_of(seen: Seen, texts: list[str]) -> bool:
    """Exactly one of the words or phrases occurs, as in `keyword`, and only once."""
    return sum(keyword(seen, text) for text in texts) == 1


def starts_with(seen: Seen, text: str) -> bool:
    """The answer begins with this word or phrase, not as a part of a longer word; * _ # and quotes do not count."""
    return _begins(seen.text, text)


def ends_with(seen: Seen, text: str) -> bool:
    """The answer ends in this word or phrase; * _ and quotes do not count, nor . ! ? where the phrase has none."""
    answer, phrase = (_folded(each).strip(_DECORATION + _CLOSING) for each in (seen.text, text))
    if _kinds(phrase[-1]) not in (".", "p"):
        answer = answer.rstrip(_ENDS + _ENDS_AT_ONCE + _DECORATION + _CLOSING)
    before = _kinds(answer[: -len(phrase)][-1:])
    return answer.endswith(phrase) and not _joined(_kinds(phrase), before or " ", " ")


def paragraph_starts_with(seen: Seen, paragraph: int, text: str) -> bool:
    """The paragraph of that number, from 1, begins as in `starts_with`."""
    found = paragraphs(seen)
    return 1 <= paragraph <= len(found) and _begins(found[paragraph - 1], text)


def _begins(text: str, phrase: str) -> bool:
    folded, wanted = (_folded(each).lstrip(_DECORATION + _OPENING) for each in (text, phrase))
    after = _kinds(folded[len(wanted) : len(wanted) + 1])
    return folded.startswith(wanted) and not _joined(_kinds(wanted), " ", after or " ")


def postscript(seen: Seen, marker: str = "P.S.") -> bool:
    """The last paragraph, or a line in it, begins with the marker and has a word behind it."""
    wanted = _folded(marker)
    for line in reversed((paragraphs(seen) or [""])[-1].split("\n")):
        folded = _folded(line).lstrip(_DECORATION)
        if folded.startswith(wanted) and _has_word(folded[len(wanted) :]):
            return True
    return False


def quoted(seen: Seen) -> bool:
    """The whole answer stands in one pair of quotation marks, which is not closed before its end."""
    return seen.quoted


def title(seen: Seen) -> bool:
    """A line holds nothing but a title in double angle brackets, <<Title>>, with a word in it; * _ # do not count."""
    bare = (line.strip(_DECORATION.replace(">", "") + '"“”') for line in seen.lines)
    return any(
        line.startswith("<<") and line.endswith(">>") and not set("<>") & set(line[2:-2]) and _has_word(line)
        for line in bare
    )


_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*)\n[ \t]*```", re.DOTALL | re.IGNORECASE)


def json_only(seen: Seen) -> bool:
    """The answer as it is, seen or unseen, is one JSON object or array and nothing else, bare or in one ``` block.

    Strict JSON, as `rewards.json_text` reads it: no key twice, no NaN.
    """
    fenced = _FENCE.fullmatch(seen.answer)
    try:
        value = json_text.read(fenced[1] if fenced is not None else seen.answer, LONGEST)
    except ValueError:
        return False
    return isinstance(value, dict | list)


# ------------------------------------------------------------------------------------------------------ a row's column

CONSTRAINTS: dict[str, Callable[..., int | list[str] | bool]] = {
    function.__name__: function
    for function in (
        words, different_words, capital_words, characters, longest_line, lines, paragraphs, sentences, bullet_points,
        numbered_points, sections, placeholders, highlights, numbers, keyword, letter,
        all_lowercase, all_uppercase, no_commas, forbidden_characters, keywords_present, keywords_absent, one_of,
        starts_with, ends_with, paragraph_starts_with, postscript, quoted, title, json_only,
    )
}  # fmt: skip
_BOUNDS = ("at_least", "at_most", "exactly")
_NEVER_NONE = frozenset("words different_words characters longest_line lines paragraphs sentences".split())
_KINDS_OF_VALUES = {str: "a text", int: "a whole number", bool: "true or false", list[str]: "a list of texts"}


class Constraint(NamedTuple):
    """One constraint of a row; the bounds are of those that count."""

    name: str
    arguments: tuple[tuple[str, Any], ...]
    at_least: int = 0
    at_most: int | None = None

    def broken(self, seen: Seen) -> str | None:
        """Why it does not hold, or None."""
        found = CONSTRAINTS[self.name](seen, **dict(self.arguments))
        told = " ".join([self.name, *(f"{value!r:.60}" for _, value in self.arguments)])
        if isinstance(found, bool):
            return None if found else told
        all_of_them = found if isinstance(found, int) else len(found)
        different = found if isinstance(found, int) else len({_folded(one) for one in found})
        if different < self.at_least:
            return f"{told}: {different}, less than {self.at_least}"
        if self.at_most is not None and all_of_them > self.at_most:
            return f"{told}: {all_of_them}, more than {self.at_most}"
        return None


def _near(name: str, known: Iterable[str]) -> str:
    known = list(known)
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def _fits(value: object, kind: Any) -> bool:
    if kind == list[str]:
        return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)
    return type(value) is kind


def _one(given: object) -> Constraint:
    if not isinstance(given, dict) or not isinstance(given.get("name"), str):
        raise ValueError(f'{given!r:.100} is no constraint such as {{"name": "words", "at_most": 50}}')
    arguments = {key: value for key, value in given.items() if key != "name" and value is not None}
    name = given["name"]
    if name not in CONSTRAINTS:
        raise ValueError(f"there is no constraint {name!r:.60}; {_near(name, CONSTRAINTS)}")
    signature = inspect.signature(CONSTRAINTS[name])
    parameters = list(signature.parameters.values())[1:]
    counts = signature.return_annotation is not bool
    kinds = {one.name: one.annotation for one in parameters} | (dict.fromkeys(_BOUNDS, int) if counts else {})
    for key, value in arguments.items():
        if key not in kinds:
            raise ValueError(f"{name} has no argument {key!r:.60}; {_near(key, kinds) if kinds else 'it has none'}")
        if not _fits(value, kinds[key]):
            raise ValueError(f"{key} of {name} is {value!r:.60}; it must be {_KINDS_OF_VALUES[kinds[key]]}")
        _check_text(name, key, value)
    if missing := [one.name for one in parameters if one.default is one.empty and one.name not in arguments]:
        raise ValueError(f"{name} needs {', '.join(missing)}")
    rest = tuple((key, value) for key, value in arguments.items() if key not in _BOUNDS)
    return Constraint(name, rest, *_bounds(name, arguments)) if counts else Constraint(name, rest)


def _check_text(name: str, key: str, value: object) -> None:
    """Refuses a text that could be in no answer, or is in all of them."""
    for text in value if isinstance(value, list) else [value]:
        if not isinstance(text, str):
            continue
        if _readable(text) != unicodedata.normalize("NFC", text).strip() or not text.strip():
            raise ValueError(f"{key} of {name} is {text!r:.60}, in which nothing or not all can be seen")
        if key in ("text", "texts", "marker") and not _has_word(text):
            raise ValueError(f"{key} of {name} is {text!r:.60}; it must hold a letter or a figure")
        if key == "letter" and len(unicodedata.normalize("NFC", text)) != 1:
            raise ValueError(f"letter is {text!r:.60}; it must be one character")


def _bounds(name: str, arguments: dict[str, Any]) -> tuple[int, int | None]:
    exactly = arguments.get("exactly")
    low, high = (exactly, exactly) if exactly is not None else (arguments.get("at_least", 0), arguments.get("at_most"))
    given = [key for key in _BOUNDS if key in arguments]
    told = ", ".join(f"{key} {arguments[key]}" for key in given)
    if not given or (exactly is not None and len(given) > 1):
        raise ValueError(f"{name} needs at_least, at_most or both, or exactly; it has {told or 'none'}")
    if low < 0 or (high is not None and high < max(low, name in _NEVER_NONE)) or (low, high) == (0, None):
        raise ValueError(f"{name} with {told} holds always or never")
    return low, high


def _check_together(constraints: Sequence[Constraint]) -> None:
    """Refuses what no answer can do; not all of that is found."""
    names = {one.name for one in constraints}
    ranges: dict[Any, tuple[int, float]] = {}
    wanted: set[str] = set()
    unwanted: set[str] = set()
    for one in constraints:
        texts = [
            text
            for key, value in one.arguments
            if key in ("text", "texts", "marker")
            for text in ([value] if isinstance(value, str) else value)
        ]
        if one.name == "keywords_absent" or (one.name == "keyword" and one.at_most == 0):
            unwanted.update(map(_folded, texts))
        elif one.name != "one_of":
            wanted.update(map(_folded, texts))
        low, high = ranges.get(key := repr(one[:2]), (0, float("inf")))
        ranges[key] = max(low, one.at_least), min(high, float("inf") if one.at_most is None else one.at_most)
        if ranges[key][0] > ranges[key][1]:
            raise ValueError(f"two constraints of {one.name} leave no number between them")
    if both := wanted & unwanted:
        raise ValueError(f"{min(both)!r} is asked for and forbidden")
    if "no_commas" in names and any(set(_COMMAS) & set(text) for text in wanted):
        raise ValueError("no_commas goes with no text that has a comma")
    if {"all_lowercase", "all_uppercase"} <= names:
        raise ValueError("all_lowercase goes with no all_uppercase")


@lru_cache(maxsize=16384)
def _read(column: str) -> tuple[Constraint, ...]:
    try:
        given = json.loads(column)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"constraints {column!r:.100} are not JSON: {error}") from error
    return _listed(given)


def _listed(given: object) -> tuple[Constraint, ...]:
    if not isinstance(given, list) or not given:
        raise ValueError(f"constraints are {given!r:.100}; they must be a list with at least one")
    constraints = tuple(map(_one, given))
    _check_together(constraints)
    return constraints


def read_constraints(column: object) -> tuple[Constraint, ...]:
    """A row's constraints, from JSON text or from the list itself.

    Raises:
        ValueError: not JSON, no list, an unknown name or argument, or constraints that no answer can follow.

    >>> read_constraints('[{"name": "words", "exactly": 3}]')
    (Constraint(name='words', arguments=(), at_least=3, at_most=3),)
    >>> read_constraints([{"name": "sentence", "exactly": 3}])
    Traceback (most recent call last):
    ValueError: there is no constraint 'sentence'; did you mean sentences?
    """
    return _read(column) if isinstance(column, str) else _listed(column)


def _least_words(constraints: Sequence[Constraint], least: int) -> int:
    """Different words that an answer must have: fewer where the constraints themselves leave no room for as many."""
    for one in constraints:
        if one.at_most is not None and one.name in ("words", "different_words", "characters"):
            least = min(least, one.at_most // (12 if one.name == "characters" else 2))
        elif one.name == "json_only":
            least = 1
        elif one.name == "one_of":
            least = min(
                least,
                *(len({word.casefold() for word in Seen(text).words}) for _, texts in one.arguments for text in texts),
            )
    return max(1, least)


def broken(completion: str, constraints: Sequence[Constraint], least_words: int = LEAST_WORDS) -> list[str] | None:
    """What a completion breaks, in words; None where it says too little or too much to be looked at.

    >>> broken("Paris is the capital of France.", read_constraints([{"name": "words", "at_most": 3}]))
    ['words: 6, more than 3']
    """
    if len(_after_reasoning(completion)) > LONGEST:
        return None
    seen = Seen(completion)
    if different_words(seen) < _least_words(constraints, least_words):
        return None
    return [why for one in constraints if (why := one.broken(seen)) is not None]


def follows_constraints(
    completions: Sequence[Completion],
    constraints: Sequence[Any],
    log_extra: LogExtra | None = None,
    least_words: int = LEAST_WORDS,
    **kwargs: Any,
) -> list[float]:
    """Pays 1.0 when all constraints of the row hold, else half the share of those that do; 0.0 when nothing is said.

    So that no answer follows "no commas" by saying nothing, one with fewer than `least_words` different words is paid
    0.0, unless the row's own constraints ask for one so short. One of more than 50,000 characters is paid 0.0 too.

    Args:
        completions: one per row, texts or message lists.
        constraints: the constraints of each row: JSON text (or the list itself) of objects with `name` and arguments.
        log_extra: TRL's hook; gets the column `reason`, what is broken.
        least_words: different words, below which nothing is paid.

    Raises:
        ValueError: a row's constraints cannot be read, or no answer can follow them.

    >>> row = '[{"name": "no_commas"}, {"name": "words", "at_most": 8}]'
    >>> texts = ["Paris is the capital of France.", "Paris, on the Seine, is the capital.", "Paris.", ""]
    >>> follows_constraints(texts, constraints=[row] * 4)
    [1.0, 0.25, 0.0, 0.0]
    """
    read = [read_constraints(column) for column in constraints]
    pays, reasons = [], []
    for completion, wanted in zip(completions, read, strict=True):
        why = broken(text_of(completion), wanted, least_words)
        held = 0 if why is None else len(wanted) - len(why)
        pays.append(1.0 if held == len(wanted) else PARTIAL * held / len(wanted))
        reasons.append("too little is said, or too much" if why is None else "; ".join(why) or "all constraints hold")
    if log_extra is not None:
        log_extra("reason", reasons)
    return pays
