"""The one place that knows the two shapes in which TRL hands over a completion."""

from collections.abc import Sequence
from typing import TypeAlias

Message: TypeAlias = dict[str, object]
Completion: TypeAlias = str | Sequence[Message]


def text_of(completion: Completion) -> str:
    """What the policy wrote: the text itself, or the content of the last assistant message.

    A message without text (a bare tool call) gives an empty string; content in parts gives its text parts.

    >>> text_of("#### 4")
    '#### 4'
    >>> text_of([{"role": "assistant", "content": "#### 4"}])
    '#### 4'
    >>> text_of([{"role": "assistant", "content": None}])
    ''
    """
    if isinstance(completion, str):
        return completion
    for message in reversed(completion):
        if message["role"] != "assistant":
            continue
        content = message.get("content")
        if isinstance(content, list):
            return "".join(str(part["text"]) for part in content if part.get("type") == "text")
        return content if isinstance(content, str) else ""
    return ""
