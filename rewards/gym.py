"""Tasks of reasoning-gym (Stojanovski et al. 2025, arXiv 2505.24760), judged by each task's own scorer, in bounds.

The scorer runs in a worker process with limits on time and memory (`rewards.gym_scoring`). What it pays in part is not
paid. Where it cannot be trusted, that is an error before training: it does not pay its own gold, it pays nonsense, or
it pays the answers of other questions.
"""

from collections.abc import Sequence
from typing import Any

from rewards.completions import Completion, text_of
from rewards.extract import TAG, extract, tagged
from rewards.verdicts import LogExtra, Verdict, same_length

INSTALL = "python -m pip install 'reasoning-gym>=0.1.25'"
SECONDS = 1.0  # a scorer may take for one completion
LONGEST = 20_000  # characters of an answer
LUCKY = 0.2  # share of other questions' golds that may be paid
_WORKER = "rewards.gym_scoring"
_tried: set[tuple[str, ...]] = set()  # rows whose golds were


def check_installed() -> None:
    """Raises a `ModuleNotFoundError` with the remedy if reasoning-gym is not installed."""
    from importlib import metadata as packages

    try:
        packages.version("reasoning-gym")  # importing it might find the recipe of that name
    except packages.PackageNotFoundError:
        raise ModuleNotFoundError(f"reasoning-gym is not installed: {INSTALL}") from None


def solves_gym_task(
    completions: Sequence[Completion],
    question: Sequence[str],
    answer: Sequence[str],
    task: Sequence[str],
    options: Sequence[str],
    metadata: Sequence[str],
    log_extra: LogExtra | None = None,
    **kwargs: Any,
) -> list[float]:
    """Pays 1.0 when the scorer of a reasoning-gym task pays the one <answer> committed to in full, else 0.0.

    Args:
        completions: one per row, texts or message lists.
        question, answer, metadata: an entry of the task as reasoning-gym made it: its gold, or an answer known to be
            right, or "" where the task gives none; metadata as a Python literal.
        task: the name of the task of each row.
        options: what the task was made with, a dict as a Python literal.
        log_extra: TRL's hook; gets the columns `extracted`, `where` and `reason`.

    Raises:
        ModuleNotFoundError: reasoning-gym is not installed.
        ValueError: a scorer fails on its own gold, or pays what is no answer.
    """
    check_installed()
    same_length(completions, question, answer)
    rows = list(zip(task, options, question, answer, metadata, strict=True))
    _try_golds(rows)
    verdicts = [_judge(text_of(completion), row) for completion, row in zip(completions, rows, strict=True)]
    if log_extra is not None:
        log_extra("extracted", [verdict.extracted for verdict in verdicts])
        log_extra("where", [verdict.where for verdict in verdicts])
        log_extra("reason", [verdict.reason for verdict in verdicts])
    return [float(verdict.paid) for verdict in verdicts]


def _judge(completion: str, row: tuple[str, ...]) -> Verdict:
    from rewards import isolate

    text = tagged(completion)
    if text is None:
        return Verdict(False, None, None, extract(completion, (TAG,)).reason)
    if len(text) > LONGEST:
        return Verdict(False, text[:100], TAG, f"the answer is longer than {LONGEST} characters")
    if not all(character.isprintable() or character in "\n\t" for character in text):
        return Verdict(False, text, TAG, "holds characters that cannot be seen")
    try:
        paid, reason = _run("score", row, text=text)
    except isolate.Refused as refused:
        return Verdict(False, text, TAG, f"the task's scorer gave up: {refused}")
    return Verdict(paid, text, TAG, reason)


def _run(job: str, row: tuple[str, ...], **more: Any) -> Any:
    from rewards import isolate  # with subprocess, which most rewards do without

    name, options, question, answer, metadata = row
    entry = {"name": name, "options": options, "question": question, "answer": answer, "metadata": metadata}
    return isolate.run(job, module=_WORKER, seconds=SECONDS, **entry, **more)


def _try_golds(rows: Sequence[tuple[str, ...]]) -> None:
    """Lets the scorer of every new row judge its gold, nonsense, and the gold of another row.

    Raises:
        ValueError: it judges them wrongly.
    """
    from rewards import isolate

    new = [row for row in dict.fromkeys(rows) if row not in _tried]
    lucky: list[tuple[str, str]] = []
    for number, row in enumerate(new):
        name, gold = row[0], row[3]
        near = new[(number + 1) % len(new)]
        strange = [near[3]] if near[0] == name and near[3] not in ("", gold) else []
        place = f"reasoning-gym task {name}, gold answer {gold!r:.80} of {row[2]!r:.80}"
        try:
            wrong, paid = _run("try_gold", row, others=strange)
        except isolate.Refused as refused:
            raise ValueError(f"{place}: its scorer failed: {refused}") from None
        if not wrong and gold and not (verdict := _judge(f"<answer>{gold}</answer>", row)).paid:
            wrong = f"it is not paid in an <answer>: {verdict.reason}"
        if wrong:
            raise ValueError(f"{place}: {wrong}, so it cannot be trusted")
        lucky += [(text, gold) for text in paid]
        if len(lucky) > 2 and len(lucky) > LUCKY * len(new):
            raise ValueError(
                f"reasoning-gym task {name}: its scorer pays answers of other questions, such as "
                f"{lucky[0][0]!r:.80} where {lucky[0][1]!r:.80} is right, so it cannot be trusted"
            )
    _tried.update(new)
