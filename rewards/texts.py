"""Answers that are plain text, compared letter for letter: names, dates, codes, labels."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from rewards.completions import Completion
from rewards.extract import ANSWER_LINE, MARKERS
from rewards.grammar import LONGEST
from rewards.verdicts import LogExtra, judge, pay

_WRAPPED = re.compile(r"\\(?:text|textbf|textit|emph|mathrm|mathbf|textrm|mbox)\s*\{([^{}]*)\}")
_PAIRS = {"*": "*", "_": "_", "`": "`", '"': '"', "'": "'", "«": "»", "‹": "›", "$": "$"}
_QUOTES = str.maketrans(dict.fromkeys("“”„", '"') | dict.fromkeys("‘’‚ʼ", "'"))
_INVISIBLE = " \n\t\u200b\u2060\ufeff"
_MOST_PAIRS = 8
_INNER_CAPITAL = re.compile(r"[^\W\d_A-Z][A-Z]|[A-Z]{2}[a-z]|\d")


def plain(text: str) -> str:
    r"""A text without what only dresses it: emphasis or quotes around it, a full stop, white space.

    >>> plain("**Paris**."), plain("\\text{New  York}"), plain("A*"), plain("5!")
    ('Paris', 'New York', 'A*', '5!')
    """
    text = _WRAPPED.sub(r"\1", text.strip(_INVISIBLE).translate(_QUOTES))
    text = " ".join(unicodedata.normalize("NFC", text).split())
    for _ in range(_MOST_PAIRS):
        if len(text) > 1 and text.endswith(".") and not text.endswith(".."):
            text = text[:-1]
        elif len(text) > 2 and _PAIRS.get(text[0]) == text[-1]:
            text = text[1:-1].strip()
    return text


def same_text(one: str, other: str) -> bool:
    """Whether two texts are the same. Case counts in short texts and in codes, but for their first letter.

    >>> same_text("paris.", "Paris"), same_text("no", "No"), same_text("CO", "Co"), same_text("2021-6-1", "2020-5-1")
    (True, True, False, False)
    """
    if max(len(one), len(other)) > LONGEST:
        return False
    one, other = plain(one), plain(other)
    if sum(map(str.isalpha, other)) <= 2 or _INNER_CAPITAL.search(one) or _INNER_CAPITAL.search(other):
        return one[:1].casefold() + one[1:] == other[:1].casefold() + other[1:]
    return one.casefold() == other.casefold()


@lru_cache(4096)
def gold_text(gold: object) -> str:
    """A gold as text.

    Raises:
        ValueError: it is no text, or one that could not be read from an answer line.
    """
    if isinstance(gold, str) and plain(gold):
        verdict = judge(f"{ANSWER_LINE} {gold}", gold, (ANSWER_LINE,), same_text)
        if verdict.paid:
            return gold
        raise ValueError(f"gold answer {gold!r:.100} could not be read from an answer line: {verdict.reason:.200}")
    raise ValueError(f"gold answer {gold!r:.100} is no text; correct_text needs one such as 'Paris'")


def correct_text(
    completions: Sequence[Completion],
    answer: Sequence[object],
    log_extra: LogExtra | None = None,
    markers: tuple[str, ...] = MARKERS,
    **kwargs: Any,
) -> list[float]:
    r"""Pays 1.0 when the one answer committed to is the gold text, word for word, else 0.0.

    Nothing is calculated: `2014` is not `2020-05-01`, and `1/2` is not `0.5`. For numbers take `correct_number`, and
    `correct_answer` for golds of several kinds.

    Args:
        completions, log_extra, markers: as in `correct_answer`.
        answer: the gold of each row, on one line.

    Raises:
        ValueError: a gold is empty, no text, or could not be read from an answer line.

    >>> correct_text(["#### paris", "#### Paris, France", "#### Paris or Rome"], answer=["Paris"] * 3)
    [1.0, 0.0, 0.0]
    """
    return pay(completions, [gold_text(gold) for gold in answer], log_extra, markers, same_text)
