"""The rewards for a right answer. `correct_answer` is the one to take first; the others also say what kind the gold is.

All of them pay 1.0 when the one answer that a completion commits to is the gold, else 0.0. A recipe that asks for one
form only says so in three lines:

    def correct_boxed(completions, answer, **kwargs):
        return correct_answer(completions, answer, markers=(BOXED,), **kwargs)
"""

import math
import numbers
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

from rewards.answers import equal
from rewards.completions import Completion
from rewards.evaluator import rational
from rewards.extract import MARKERS
from rewards.regions import Region
from rewards.values import DATE, Equation, Group, Inequality, Matrix, Named, Readings, Scalar, System, Words, readings
from rewards.verdicts import LogExtra, pay


def gold_text(gold: object, reward: str) -> str:
    """A gold as text.

    Raises:
        ValueError: it is no text or number, or one that no completion could be paid for.
    """
    if isinstance(gold, numbers.Real) and not isinstance(gold, bool) and math.isfinite(gold):
        return str(gold)
    if isinstance(gold, str) and "\n" not in gold.strip() and "####" not in gold and readings(gold):
        unread = all(isinstance(value, Words) and not _TEXT.search(value.text) for value in readings(gold))
        if not unread and gold.count("{") == gold.count("}"):
            return gold
    raise ValueError(f"gold answer {gold!r} is no answer that could be read; {reward} needs one such as '12'")


_DECIMAL_COMMA = re.compile(r"\d,(?!\d{2,3}(?!\d))|(?<!\d)0,|\d,\d{2}\Z")
_TEXT = re.compile(rf"[^\W\d_]|^(?:{DATE.pattern})$")


def gold_readings(gold: object, reward: str, asked: str, fits: Callable[[Readings], bool]) -> str:
    """A gold as text, when its readings fit the reward.

    Raises:
        ValueError: they do not.
    """
    text = gold_text(gold, reward)
    if not fits(readings(text)):
        raise ValueError(f"gold answer {gold!r} is not {asked}")
    return text


def gold_number(gold: object) -> Fraction:
    """The exact value of a gold answer that is a number.

    Raises:
        ValueError: it is not.

    >>> gold_number("-1,234")
    Fraction(-1234, 1)
    """
    ambiguous = isinstance(gold, str) and _DECIMAL_COMMA.search(gold)  # 1,00 and 0,018: written by whom?
    if isinstance(gold, str | numbers.Real) and not isinstance(gold, bool) and not ambiguous:
        for value in readings(str(gold)):
            if isinstance(value, Scalar) and (number := rational(value.node)) is not None:
                return number
    raise ValueError(f"gold answer {gold!r} is not a number; correct_number needs one such as '12', '-3' or '1,200'")


def correct_answer(
    completions: Sequence[Completion],
    answer: Sequence[object],
    log_extra: LogExtra | None = None,
    markers: tuple[str, ...] = MARKERS,
    arithmetic: bool = False,
    **kwargs: Any,
) -> list[float]:
    r"""Pays 1.0 when the one answer committed to is the gold, of whatever kind the gold is, else 0.0.

    Numbers, expressions, equations, sets, tuples, intervals, matrices, option letters and words.

    Args:
        completions: one per row, texts or message lists.
        answer: the gold of each row.
        log_extra: TRL's hook; gets the columns `extracted`, `where`, `reason`, and `lenient`: whether the gold is what
            a lenient reader would take for the answer, which is reported beside the reward and never paid.
        markers: what commits to an answer, some of `rewards.extract.MARKERS`.
        arithmetic: also pay numbers whose arithmetic was left undone, `6*7` for 42.

    Raises:
        ValueError: a gold is empty or no text.

    >>> golds = ["x^2 - 1", "(B)", "\\frac{1}{2}"]
    >>> correct_answer(["So \\boxed{(x+1)(x-1)}.", "The answer is C.", "#### 0.5 or 0.6"], answer=golds)
    [1.0, 0.0, 0.0]
    """
    golds = [gold_text(gold, "correct_answer") for gold in answer]
    return pay(completions, golds, log_extra, markers, partial(equal, arithmetic=arithmetic) if arithmetic else equal)


def correct_number(
    completions: Sequence[Completion],
    answer: Sequence[object],
    log_extra: LogExtra | None = None,
    markers: tuple[str, ...] = MARKERS,
    arithmetic: bool = False,
    **kwargs: Any,
) -> list[float]:
    r"""Pays 1.0 when the one answer committed to is exactly the gold number, else 0.0.

    Args:
        completions, log_extra, markers, arithmetic: as in `correct_answer`.
        answer: the gold of each row, a number.

    Raises:
        ValueError: a gold is not a number.

    >>> correct_number(["1 + 1 = 2\n#### 2 pens", "#### 3", "It is 2, or 3.\n#### 2 or 3"], answer=["2", "2", "2"])
    [1.0, 0.0, 0.0]
    """
    for gold in answer:
        gold_number(gold)
    return correct_answer(completions, answer, log_extra, markers, arithmetic)


def correct_expression(
    completions: Sequence[Completion],
    answer: Sequence[object],
    log_extra: LogExtra | None = None,
    markers: tuple[str, ...] = MARKERS,
    arithmetic: bool = False,
    **kwargs: Any,
) -> list[float]:
    r"""Pays 1.0 when the one answer committed to is the same function, number or curve as the gold, else 0.0.

    Args:
        completions, log_extra, markers, arithmetic: as in `correct_answer`.
        answer: the gold of each row: an expression, an equation or a matrix.

    Raises:
        ValueError: a gold is none of these.

    >>> golds = ["\\frac{\\sqrt{2}}{2}"] * 3
    >>> correct_expression(["\\boxed{1/\\sqrt{2}}", "\\boxed{\\sqrt{2}}", "\\boxed{0.7071}"], answer=golds)
    [1.0, 0.0, 0.0]
    """
    kinds = Scalar | Equation | Named | Matrix | Inequality
    for gold in answer:
        gold_readings(gold, "correct_expression", "an expression", lambda all_: any(isinstance(v, kinds) for v in all_))
    return correct_answer(completions, answer, log_extra, markers, arithmetic)


def correct_set(
    completions: Sequence[Completion],
    answer: Sequence[object],
    log_extra: LogExtra | None = None,
    markers: tuple[str, ...] = MARKERS,
    arithmetic: bool = False,
    **kwargs: Any,
) -> list[float]:
    r"""Pays 1.0 when the one answer committed to is the gold set, list, tuple or interval, else 0.0.

    Args:
        completions, log_extra, markers, arithmetic: as in `correct_answer`.
        answer: the gold of each row.

    Raises:
        ValueError: a gold is none of these.

    >>> golds = ["\\{1, 2\\}", "(1, 2)", "[0, \\infty)"]
    >>> correct_set(["\\boxed{x = 2 \\text{ or } x = 1}", "\\boxed{(2, 1)}", "\\boxed{x > 0}"], answer=golds)
    [1.0, 0.0, 0.0]
    """
    kinds = Group | Region | System
    for gold in answer:
        gold_readings(
            gold, "correct_set", "a set, list or interval", lambda all_: any(isinstance(v, kinds) for v in all_)
        )
    return correct_answer(completions, answer, log_extra, markers, arithmetic)
