r"""Rewards for the form of a completion, whatever its answer."""

import re
from collections.abc import Sequence
from typing import Any

from rewards.completions import Completion, text_of
from rewards.extract import BOXED, LINE_BREAKS, TAG, extract


def answer_line(completions: Sequence[Completion], **kwargs: Any) -> list[float]:
    r"""Pays 1.0 when a completion ends in its only answer line `#### ...`, right or wrong, else 0.0.

    Args:
        completions: one per row, texts or message lists.

    >>> answer_line(["2 + 2 = 4\n#### 4", "The answer is 4.", "#### 4\n#### 5"])
    [1.0, 0.0, 0.0]
    """
    return [float(ends_in_answer_line(text_of(completion))) for completion in completions]


def ends_in_answer_line(text: str) -> bool:
    """Whether the last line is the only one with `####`, at its beginning and with something after it."""
    if text.count("####") != 1:
        return False
    last = LINE_BREAKS.sub("\n", text).rstrip().rsplit("\n", 1)[-1].strip()
    answer = last.removeprefix("####").strip()
    return last.startswith("####") and bool(answer) and not answer.startswith("#") and len(answer) <= 200


def boxed_answer(completions: Sequence[Completion], **kwargs: Any) -> list[float]:
    r"""Pays 1.0 when a completion commits to exactly one `\boxed{...}`, right or wrong, else 0.0.

    Args:
        completions: one per row, texts or message lists.

    >>> boxed_answer(["So \\boxed{4}.", "So 4.", "\\boxed{4} or \\boxed{5}"])
    [1.0, 0.0, 0.0]
    """
    return [float(_one(text_of(completion), BOXED)) for completion in completions]


def answer_tags(completions: Sequence[Completion], **kwargs: Any) -> list[float]:
    r"""Pays 1.0 when a completion ends in its only `<answer>...</answer>`, right or wrong, else 0.0.

    Args:
        completions: one per row, texts or message lists.

    >>> answer_tags(["2 + 2 is <answer>4</answer>", "<answer>4", "<answer>4</answer> <answer>5</answer>"])
    [1.0, 0.0, 0.0]
    """
    texts = [text_of(completion) for completion in completions]
    return [float(text.rstrip().lower().endswith("</answer>") and _one(text, TAG)) for text in texts]


def _one(text: str, marker: str) -> bool:
    found = extract(text, (marker,))
    return found.text is not None and all(other == found.text for other in found.others)


_THINK = re.compile(r"(<think>)?(.*?)</think>(.*)\Z", re.DOTALL)


def think_then_answer(
    completions: Sequence[Completion], prompts: Sequence[Any] | None = None, **kwargs: Any
) -> list[float]:
    r"""Pays 1.0 for `<think>reasoning</think>answer` with neither of them empty, else 0.0.

    Where the prompt or the chat template has already opened `<think>`, the completion only closes it.

    Args:
        completions: one per row, texts or message lists.
        prompts: one per row; one that ends in `<think>` has opened it.

    >>> think_then_answer(["<think>2 + 2</think>4", "2 + 2</think>4", "<think>2 + 2", "<think><think>2</think>4"])
    [1.0, 1.0, 0.0, 0.0]
    """
    opened = [_opens(prompt) for prompt in prompts] if prompts is not None else [False] * len(completions)
    return [
        float(_thinks(text_of(completion), already)) for completion, already in zip(completions, opened, strict=True)
    ]


def _opens(prompt: Any) -> bool:
    text = prompt if isinstance(prompt, str) else str(prompt[-1].get("content", "")) if prompt else ""
    return text.rstrip().endswith("<think>")


def _thinks(text: str, opened: bool) -> bool:
    text = text.strip()
    if text.count("</think>") != 1 or text.count("<think>") > (0 if opened else 1):
        return False
    match = _THINK.match(text)
    return match is not None and "<think>" not in match[2] and bool(match[2].strip()) and bool(match[3].strip())


class exact_format:
    r"""A reward that pays 1.0 when the whole completion matches a pattern, else 0.0.

    Args:
        pattern: a regular expression, in the syntax of the `regex` package; `.` does not match a line break. White
            space at the end of a completion (where a base model's stop text stands) does not count.
        name: the metric's name.
        seconds: for one completion, after which it counts as no match: no completion can make a pattern hang.

    Raises:
        ValueError: the pattern is no regular expression.

    >>> two_lines = exact_format(r"[^\n]+\n#### -?\d+", name="two_lines")
    >>> two_lines(["2 + 2\n#### 4\n\n", "#### 4", "2 + 2\n#### 4\nor 5"])
    [1.0, 0.0, 0.0]
    """

    def __init__(self, pattern: str, name: str = "exact_format", seconds: float = 0.1) -> None:
        import regex

        if not isinstance(pattern, str):
            raise ValueError(f"the pattern is {pattern!r}; it must be a text")
        try:
            self.pattern = regex.compile(pattern)
        except regex.error as error:
            raise ValueError(f"the pattern {pattern!r} is no regular expression: {error}") from None
        self.__name__ = name
        self.seconds = seconds

    def __call__(self, completions: Sequence[Completion], **kwargs: Any) -> list[float]:
        return [float(self.matches(text_of(completion))) for completion in completions]

    def matches(self, text: str) -> bool:
        """Whether the whole text matches, as far as can be told in the time there is."""
        try:
            return self.pattern.fullmatch(text.rstrip(), timeout=self.seconds) is not None
        except TimeoutError:
            return False
