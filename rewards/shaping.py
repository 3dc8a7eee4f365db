"""Rewards that shape what is written, not whether it is right. No recipe of ours uses one by default."""

import re
from collections.abc import Sequence
from typing import Any

from rewards.completions import Completion, text_of


class soft_overlong:
    """A penalty for completions that come near the limit: 0.0, then down to -1.0 over the last `cache` tokens.

    Source: DAPO, equation 13 (arXiv 2503.14476).

    Args:
        max_length: tokens at which the penalty is full.
        cache: tokens before that over which it grows.

    Raises:
        ValueError: `cache` is not between 1 and `max_length`.

    >>> penalty = soft_overlong(max_length=10, cache=4)
    >>> penalty(["a", "b", "c"], completion_ids=[[1] * 6, [1] * 8, [1] * 10])
    [0.0, -0.5, -1.0]
    """

    def __init__(self, max_length: int, cache: int) -> None:
        if not 0 < cache <= max_length:
            raise ValueError(f"cache is {cache}; it must be between 1 and max_length ({max_length})")
        self.__name__ = "soft_overlong"
        self.max_length = max_length
        self.cache = cache

    def __call__(
        self, completions: Sequence[Completion], completion_ids: Sequence[Sequence[int]], **kwargs: Any
    ) -> list[float]:
        free = self.max_length - self.cache
        return [max(-1.0, min(0.0, (free - len(ids)) / self.cache)) for ids in completion_ids]


class repetition:
    """A penalty for saying things again: minus the share of word n-grams that occurred before, times `most`.

    Source: Demystifying Long Chain-of-Thought Reasoning, appendix (arXiv 2502.03373).

    Args:
        n: words in an n-gram.
        most: the penalty of a text that is nothing but repetition.

    Raises:
        ValueError: `n` or `most` is not positive.

    >>> penalty = repetition(n=2)
    >>> penalty(["one two three", "ha ha ha ha ha", "short"])
    [0.0, -0.75, 0.0]
    """

    def __init__(self, n: int = 3, most: float = 1.0) -> None:
        if n < 1 or most <= 0:
            raise ValueError(f"n is {n} and most is {most}; both must be positive")
        self.__name__ = "repetition"
        self.n = n
        self.most = most

    def __call__(self, completions: Sequence[Completion], **kwargs: Any) -> list[float]:
        return [self.penalty(text_of(completion)) for completion in completions]

    def penalty(self, text: str) -> float:
        """The penalty of one text, in [-most, 0]."""
        words = re.findall(r"\S+", text.lower())
        total = len(words) - self.n + 1
        if total < 1:
            return 0.0
        different = len({tuple(words[place : place + self.n]) for place in range(total)})
        return -self.most * (1 - different / total) if different < total else 0.0
