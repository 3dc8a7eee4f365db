"""From a completion and a gold to a verdict, and from verdicts to what TRL wants of a reward function."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from rewards.answers import equal, left_undone
from rewards.completions import Completion, text_of
from rewards.extract import MARKERS, candidates, extract

LogExtra: TypeAlias = Callable[[str, list[Any]], None]


class Verdict(NamedTuple):
    """Whether a completion is paid, what was read as its answer, by which marker, and why."""

    paid: bool
    extracted: str | None
    where: str | None
    reason: str


def judge(
    completion: str,
    gold: str | int,
    markers: tuple[str, ...] = MARKERS,
    agree: Callable[[str, str], bool] = equal,
) -> Verdict:
    r"""Whether the one answer that a completion commits to is the gold.

    Args:
        completion: what the policy wrote.
        gold: the right answer.
        markers: what commits to an answer, some of `rewards.extract.MARKERS`.
        agree: when two answers are the same.

    >>> judge("6 * 3 = 18\n#### 18 pens", "18")
    Verdict(paid=True, extracted='18 pens', where='####', reason='18 pens = 18')
    >>> judge("\\boxed{12} or \\boxed{13}", "12").reason
    "'or' before the answer"
    """
    gold = str(gold)
    found = extract(completion, markers)
    if found.text is None:
        return Verdict(False, None, None, found.reason)
    for other in found.others:
        if not agree(other, found.text) and not agree(other.rpartition("=")[2], found.text):
            reason = f"two different answers: {other:.80} and {found.text:.80}"
            return Verdict(False, found.text, found.where, reason)
    paid = agree(found.text, gold)
    if paid and agree is equal and not found.text.isalnum() and left_undone(found.text, gold):
        return Verdict(False, found.text, found.where, f"{found.text:.200} is left to be worked out")
    if paid and found.unit and not any(character.isalpha() or character in "$€£" for character in found.text):
        paid = agree(f"{found.text} {found.unit}", gold)
    return Verdict(paid, found.text, found.where, f"{found.text:.200} {'=' if paid else 'is not'} {gold}")


def lenient(completion: str, gold: str, agree: Callable[[str, str], bool] = equal) -> bool:
    """Whether what a lenient reader takes for the answer is the gold; for reports, never for pay.

    >>> lenient("He has 3 + 4 = 7 pens.", "7")
    True
    """
    return any(agree(candidate, gold) for candidate in candidates(completion))


def same_length(completions: Sequence[object], golds: Sequence[object], others: Sequence[object]) -> None:
    """Refuses columns of different length."""
    if not len(completions) == len(golds) == len(others):
        raise ValueError(f"{len(completions)} completions, but {len(golds)} golds and {len(others)} values beside them")


def pay(
    completions: Sequence[Completion],
    golds: Sequence[str],
    log_extra: LogExtra | None,
    markers: tuple[str, ...],
    agree: Callable[[str, str], bool] = equal,
) -> list[float]:
    """1.0 or 0.0 for every completion; verdicts and the lenient reading go to TRL's `log_extra`."""
    return pay_by(completions, golds, [agree] * len(completions), log_extra, markers)


def pay_by(
    completions: Sequence[Completion],
    golds: Sequence[str],
    agreements: Sequence[Callable[[str, str], bool]],
    log_extra: LogExtra | None,
    markers: tuple[str, ...],
) -> list[float]:
    """`pay` with an agreement of its own for every row."""
    same_length(completions, golds, agreements)
    rows = [(text_of(c), gold, agree) for c, gold, agree in zip(completions, golds, agreements, strict=True)]
    verdicts = [judge(text, gold, markers, agree) for text, gold, agree in rows]
    if log_extra is not None:
        pairs = zip(verdicts, rows, strict=True)
        log_extra("lenient", [verdict.paid or lenient(*row) for verdict, row in pairs])
        log_extra("extracted", [verdict.extracted for verdict in verdicts])
        log_extra("where", [verdict.where for verdict in verdicts])
        log_extra("reason", [verdict.reason for verdict in verdicts])
    return [float(verdict.paid) for verdict in verdicts]
