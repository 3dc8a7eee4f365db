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
    r"(?P<sign>[-+]?)(?P<currency>\\?[$€£]?)(?P<inner>(?<![-+])[-+]?)"
    r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(?P<decimals>\.[0-9]+)?(?:/(?P<divisor>[0-9]+))?"
)
_UNIT = re.compile(r"(?:\s*(?P<percent>\\?%)|\s*(?P<symbol>[$€£])|(?P<words>(?:\s+[^\W\d_]{1,20}){1,3}))?")

# Words that are not a unit: they change the number, take it back, or offer another one.
_NOT_UNITS = frozenset(
    """or and not but maybe perhaps either about around approximately roughly almost nearly over under plus minus times
    to than is isn no wrong half quarter third dozen pair couple score gross hundred thousand million billion trillion
    percent percentage zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty
    hundreds thousands millions billions dozens x e k m b mod squared cubed factorial pi""".split()
)


@dataclass(frozen=True)
class Verdict:
    """Whether a completion is paid, what was read as its answer, and why."""

    paid: bool
    extracted: str | None
    reason: str


def parse_number(text: str) -> Fraction | None:
    """The exact value of a number in plain writing, or None when the text is not one number.

    Understood: a sign, thousands separated by commas, decimals, a/b, a percent sign (p % is p/100), a currency sign,
    up to three words after it (a unit or a counted noun), a trailing dot, and bold or math markup around it.

    >>> parse_number("1,200 dollars")
    Fraction(1200, 1)
    >>> parse_number("12 or 13") is None
    True
    >>> parse_number("10%")
    Fraction(1, 10)
    """
    text = text.strip()
    if len(text) > LONGEST_NUMBER:
        return None
    text = text.replace("−", "-").removesuffix(".").strip()
    for mark in ("**", "$"):
        if text.startswith(mark) and text.endswith(mark) and len(text) > 2 * len(mark):
            text = text[len(mark) : -len(mark)].strip()
    match = _NUMBER.match(text)
    if match is None or not (match["whole"] or match["decimals"]):
        return None
    unit = _UNIT.fullmatch(text, match.end())
    if unit is None or (unit["symbol"] and match["currency"]):
        return None
    if unit["words"] and not _NOT_UNITS.isdisjoint(unit["words"].lower().split()):
        return None
    if match["divisor"] is not None and int(match["divisor"]) == 0:
        return None
    value = Fraction((match["whole"] or "0").replace(",", "") + (match["decimals"] or ""))
    if match["divisor"] is not None:
        value /= int(match["divisor"])
    if unit["percent"]:
        value /= 100
    return -value if "-" in (match["sign"], match["inner"]) else value


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
