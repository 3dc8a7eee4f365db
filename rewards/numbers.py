"""Exact numbers: what a text denotes, and the reward for a completion whose answer line holds the right one."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from rewards.completions import Completion, text_of
from rewards.extract import from_answer_line, last_number

LONGEST_NUMBER = 60  # characters

_NUMBER = re.compile(
    r"(?P<sign>[-+]?)(?P<currency>(?:\\?[$€£¥])?)(?P<inner>[-+]?)"
    r"(?P<whole>[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)?(?P<decimals>\.[0-9]+)?(?:/(?P<divisor>[0-9]+))?"
)
_UNIT = re.compile(
    r"(?:[ \t\xa0]*(?:(?P<percent>\\?%)|(?P<symbol>[$€£¥])|(?P<word>(?<=[ \t\xa0])[A-Za-z]+|[a-z]{1,3})))?"
)
_MINUS = str.maketrans({"−": "-", "–": "-", "\u200b": None, "\ufeff": None})

# What may follow a number: a unit from this list, or one plural noun. Not m, k, b, M: they may be million or thousand.
_UNITS = frozenset(
    """kg g mg km cm mm ml l lb lbs oz ft mph kph h hr hrs min sec usd eur gbp dollar cent euro pound foot feet inch
    meter metre mile yard liter litre gram kilogram ounce gallon hour minute second day week month year degree person
    people child children man men woman women mouse mice fish sheep deer tooth teeth""".split()
)
# Words in -s that are not a counted noun: they change the number, take it back, or offer another one.
_NOT_NOUNS = frozenset(
    """minus plus less vs versus perhaps unless is was as its this thus yes always guess guesses times pairs couples
    dozens scores grosses tens hundreds thousands millions billions trillions quadrillions zillions lakhs crores
    myriads halves thirds quarters fourths fifths sixths sevenths eighths ninths tenths hundredths thousandths
    millionths percents
    negatives opposites doubles triples squares cubes roots bps pips mins bps zeros ones twos threes fours fives sixes
    sevens eights nines elevens twelves thirteens fourteens fifteens sixteens seventeens eighteens nineteens twenties
    thirties forties fifties sixties seventies eighties nineties""".split()
)


@dataclass(frozen=True)
class Verdict:
    """Whether a completion is paid, what was read as its answer, and why."""

    paid: bool
    extracted: str | None
    reason: str


def parse_number(text: str) -> Fraction | None:
    """The exact value of a number in plain writing, or None when the text is not one number.

    Understood: a sign, thousands separated by commas, decimals, a fraction a/b that is no division left undone, a
    percent sign (p % is p/100), a currency sign, one word after it (a common unit or a plural noun), a trailing dot,
    and bold or math markup around it.

    >>> parse_number("1,200 dollars")
    Fraction(1200, 1)
    >>> parse_number("12 or 13") is None
    True
    >>> parse_number("10%")
    Fraction(1, 10)
    """
    if len(text) > LONGEST_NUMBER:
        return None
    text = text.translate(_MINUS).strip().removesuffix(".").strip()
    for mark in ("**", "*", "$$", "$"):
        if text.startswith(mark) and text.endswith(mark) and len(text) > 2 * len(mark):
            text = text[len(mark) : -len(mark)].strip()
    match = _NUMBER.match(text)
    if match is None or not (match["whole"] or match["decimals"]) or (match["sign"] and match["inner"]):
        return None
    unit = _UNIT.fullmatch(text, match.end())
    if unit is None or (unit["symbol"] and match["currency"]) or not _is_unit(unit["word"]):
        return None
    value = Fraction((match["whole"] or "0").replace(",", "") + (match["decimals"] or ""))
    if match["divisor"] is not None:
        divisor = int(match["divisor"])
        if divisor == 0 or (value / divisor).denominator == 1:
            return None
        value /= divisor
    if unit["percent"]:
        value /= 100
    return -value if "-" in (match["sign"], match["inner"]) else value


def _is_unit(word: str | None) -> bool:
    """Whether a word after a number leaves the number as it is."""
    if word is None or word.lower() in _UNITS:
        return True
    noun = word.lower()
    return len(noun) > 3 and word in (noun, noun.capitalize()) and noun.endswith("s") and noun not in _NOT_NOUNS


def gold_number(gold: object) -> Fraction:
    """The exact value of a gold answer.

    Raises:
        ValueError: the gold is not a number.

    >>> gold_number("-1,234")
    Fraction(-1234, 1)
    """
    value = parse_number(str(gold)) if isinstance(gold, str | int) and not isinstance(gold, bool) else None
    if value is None:
        raise ValueError(
            f"gold answer {gold!r} is not a number; correct_number needs one such as '12', '-3' or '1,200'"
        )
    return value


def judge_number(completion: str, gold: object) -> Verdict:
    """Whether the answer line of a completion holds exactly the gold number.

    >>> judge_number("6 * 3 = 18\\n#### 18 pens", "18")
    Verdict(paid=True, extracted='18 pens', reason='18 pens = 18')
    >>> judge_number("#### maybe 12 maybe 13", "12").reason
    'maybe 12 maybe 13 is not one number'
    """
    expected = gold_number(gold)
    answer = from_answer_line(completion)
    if answer.text is None:
        return Verdict(False, None, answer.reason)
    value = parse_number(answer.text)
    if value is None:
        return Verdict(False, answer.text, f"{answer.text} is not one number")
    equal = value == expected
    return Verdict(equal, answer.text, f"{answer.text} {'=' if equal else 'is not'} {gold}")


def correct_number(
    completions: Sequence[Completion],
    answer: Sequence[object],
    log_extra: Callable[[str, list[Any]], None] | None = None,
    **kwargs: Any,
) -> list[float]:
    """Pays 1.0 when the last line is `#### N` and N is exactly the gold number, else 0.0.

    Args:
        completions: one per row, texts or message lists.
        answer: the gold of each row, a number in plain writing.
        log_extra: TRL's hook; gets the columns `extracted`, `reason`, and `lenient`: whether the last number anywhere
            in the text is the gold, which is reported beside the reward and never paid.

    Raises:
        ValueError: a gold is not a number.

    >>> correct_number(["1 + 1 = 2\\n#### 2", "#### 3", "It is 2, or 3.\\n#### 2 or 3"], answer=["2", "2", "2"])
    [1.0, 0.0, 0.0]
    """
    texts = [text_of(completion) for completion in completions]
    verdicts = [judge_number(text, gold) for text, gold in zip(texts, answer, strict=True)]
    if log_extra is not None:
        lasts = [parse_number(last_number(text) or "") for text in texts]
        log_extra("lenient", [last == gold_number(gold) for last, gold in zip(lasts, answer, strict=True)])
        log_extra("extracted", [verdict.extracted for verdict in verdicts])
        log_extra("reason", [verdict.reason for verdict in verdicts])
    return [float(verdict.paid) for verdict in verdicts]
