"""Rewards for the form of a completion, whatever its answer."""

from collections.abc import Sequence
from typing import Any

from rewards.completions import Completion, text_of
from rewards.extract import from_answer_line


def answer_line(completions: Sequence[Completion], **kwargs: Any) -> list[float]:
    """Pays 1.0 when a completion ends in its only answer line `#### ...`, right or wrong, else 0.0.

    Args:
        completions: one per row, texts or message lists.

    >>> answer_line(["2 + 2 = 4\\n#### 4", "The answer is 4.", "#### 4\\n#### 5"])
    [1.0, 0.0, 0.0]
    """
    return [float(from_answer_line(text_of(completion)).text is not None) for completion in completions]
