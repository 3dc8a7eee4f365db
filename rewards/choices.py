"""Multiple choice: an option letter, with or without the text of the option."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from rewards.answers import equal
from rewards.completions import Completion, text_of
from rewards.extract import MARKERS
from rewards.grammar import NotRead, tidy
from rewards.verdicts import LogExtra, pay_by, same_length

Options: TypeAlias = Sequence[str] | Mapping[str, Any]

_TEXT = re.compile(r"\\(?:text|textbf|textit|emph|mathrm|mathbf|textrm|mbox)\s*\{([^{}]*)\}")
_LETTER = re.compile(
    r"(?:(?i:option|choice|answer|letter)\s+)?(?:[(\[]\s*([A-Za-z1-9])\s*[)\]]|([A-Za-z](?![A-Za-z])|[1-9](?!\w)))(.*)",
    re.DOTALL,
)
_LETTER_BEHIND = re.compile(r"(.*\S)\s+[(\[]\s*([A-Za-z1-9])\s*[)\]]", re.DOTALL)
_BETWEEN = re.compile(r"(?:([.:)]+)|,|[-—](?=\s))?\s*")  # a letter and its text; -3 keeps its sign


def letter_of(answer: str, options: Options | None = None) -> str | None:
    r"""The option letter that an answer names, or None where it names none, or letter and text disagree.

    Where options are called 1, 2, 3, their texts may be numbers too: a figure that names one option by its label and
    another by its text names none.

    Args:
        answer: what the completion commits to.
        options: the texts of the options, in order or by letter; then the text alone names an option too.

    >>> letter_of("(b)"), letter_of("\\text{B}"), letter_of("B or C"), letter_of("Paris", ["Rome", "Paris"])
    ('B', 'B', None, 'B')
    >>> letter_of("(A) Paris", ["Rome", "Paris"]) is None
    True
    """
    texts = by_letter(options)
    try:
        plain = " ".join(_TEXT.sub(r" \1 ", tidy(answer)).split())
    except NotRead:
        return None
    label = None
    if match := _LETTER.fullmatch(plain):
        letter, rest = (match[1] or match[2]).upper(), match[3].strip()
        alone = not rest.strip(".:) ")
        if not texts:
            return letter if letter.isalpha() and alone else None
        if letter in texts and not alone and _goes_with(rest, letter, texts):
            return letter
        label = letter if letter in texts and alone else None
        if label is not None and label.isalpha():
            return label
    if (match := _LETTER_BEHIND.fullmatch(plain)) and (letter := match[2].upper()) in texts:
        return letter if _goes_with(match[1], letter, texts) else None
    named = [letter for letter, text in texts.items() if equal(answer, text)]
    if label is not None:
        return label if named in ([], [label]) else None
    return named[0] if len(named) == 1 else None


def _goes_with(beside: str, letter: str, texts: Mapping[str, str]) -> bool:
    """Whether what stands beside a letter is its text; `B, A` is two letters even where the text of B is A."""
    between = _BETWEEN.match(beside)
    assert between is not None
    said, text = beside[between.end() :], texts[letter]
    if said.startswith("(") and said.endswith(")") and not equal(said, text):
        said = said[1:-1].strip()
    return equal(said, text) and (between[1] is not None or said.strip("()[] ").upper() not in texts)


def _in_one_sentence(completion: str, options: Options | None) -> str:
    """The completion with `B) Paris` for `B. Paris`, so that no sentence ends between a letter and its text."""
    texts = [(letter, text.strip()) for letter, text in by_letter(options).items() if text.strip()]
    either = "|".join(rf"{re.escape(letter)}\)?\. (?={re.escape(text)}(?!\w))" for letter, text in texts)
    return re.sub(rf"(?<!\w)(?:{either})", _with_bracket, completion) if texts else completion


def _with_bracket(match: re.Match[str]) -> str:
    return match[0].removesuffix(". ").removesuffix(")") + ") "


def by_letter(options: Options | None) -> dict[str, str]:
    """The options as letter -> text: from a list, a dict by letter, or a dict of lists `label` and `text` as in ARC.

    In a dict, a letter without a text is an option that other rows have.

    Raises:
        ValueError: they are one text, or two have one letter.

    >>> by_letter({"label": ["1", "2"], "text": ["a rock", "a tree"]})
    {'1': 'a rock', '2': 'a tree'}
    """
    if options is None:
        return {}
    if isinstance(options, str):
        raise ValueError(f"options of a row are a list of texts or a dict by letter, not the one text {options!r:.80}")
    if isinstance(options, Mapping):
        arc = set(options) == {"label", "text"}
        pairs = list(zip(options["label"], options["text"], strict=True) if arc else options.items())
        found = {str(letter).strip("(). ").upper(): str(text) for letter, text in pairs if text is not None}
        if len(found) < sum(text is not None for _, text in pairs):
            raise ValueError(f"two options of a row have one letter: {', '.join(str(letter) for letter, _ in pairs)}")
        return found
    return {chr(ord("A") + place): str(text) for place, text in enumerate(options)}


def gold_letter(gold: object, options: Options | None = None) -> str:
    """The letter of a gold: the letter itself, its place in the options, or the text of one of them.

    Raises:
        ValueError: it names no option, or a number might be a place as well as what an option is called.
    """
    texts = by_letter(options)
    letter = None
    if isinstance(gold, str):
        letter = gold if gold in texts else letter_of(gold, options)
    elif isinstance(gold, int) and not isinstance(gold, bool) and 0 <= gold < len(texts):
        if any(label.isdigit() for label in texts):
            raise ValueError(f"gold answer {gold} may be a place or a label of {', '.join(texts)}; give it as text")
        letter = list(texts)[gold]
    if letter is None:
        known = ", ".join(f"{letter} {text!r:.30}" for letter, text in texts.items())
        raise ValueError(
            f"gold answer {gold!r} names no option; correct_choice needs a letter such as 'B'"
            + (f", one of {known}" if known else " (the row has no column options)")
        )
    return letter


def correct_choice(
    completions: Sequence[Completion],
    answer: Sequence[object],
    options: Sequence[Options] | None = None,
    log_extra: LogExtra | None = None,
    markers: tuple[str, ...] = MARKERS,
    **kwargs: Any,
) -> list[float]:
    r"""Pays 1.0 when the one answer committed to is the gold option, by letter or by its text, else 0.0.

    Args:
        completions, log_extra, markers: as in `correct_answer`.
        answer: the gold of each row: a letter, the text of an option, or its place (0 is A).
        options: the options of each row: a list, a dict by letter or digit, or ARC's dict of `label` and `text`.
            Without this column only a letter alone is read.

    Raises:
        ValueError: a gold names no option.

    >>> texts = ["\\boxed{\\text{(b)}}", "The answer is B or C.", "#### A) Paris"]
    >>> correct_choice(texts, answer=["B"] * 3, options=[["Rome", "Paris", "Bonn"]] * 3)
    [1.0, 0.0, 0.0]
    """
    rows = options if options is not None else [None] * len(completions)
    same_length(completions, answer, rows)
    letters = [gold_letter(gold, row) for gold, row in zip(answer, rows, strict=True)]
    golds = [
        f"{letter}) {by_letter(row)[letter]}" if letter.isdigit() else letter
        for letter, row in zip(letters, rows, strict=True)
    ]

    def agreement(row: Options | None):
        return lambda one, other: letter_of(one, row) is not None and letter_of(one, row) == letter_of(other, row)

    texts = [_in_one_sentence(text_of(completion), row) for completion, row in zip(completions, rows, strict=True)]
    return pay_by(texts, golds, [agreement(row) for row in rows], log_extra, markers)
