"""Few-shot prompts: k solved exemplars and the question, as plain text for base models or as chat turns."""

from collections.abc import Sequence
from typing import TypeAlias

Exemplars: TypeAlias = Sequence[tuple[str, str]]  # (question, solution)

BREAK = "\n\n"  # between exemplars; so a base model that has answered writes it next
STOP = (
    BREAK,
    "\nQuestion:",
)  # ends a completion of `plain`: the answer is over, or the next question is being invented


def plain(exemplars: Exemplars, question: str) -> str:
    """Plain text for a base model, which continues the pattern.

    >>> print(plain([("1 + 1?", "#### 2")], "2 + 2?"))
    Question: 1 + 1?
    Answer: #### 2
    <BLANKLINE>
    Question: 2 + 2?
    Answer:
    """
    solved = [f"Question: {q}\nAnswer: {a}{BREAK}" for q, a in exemplars]
    return "".join(solved) + f"Question: {question}\nAnswer:"


def chat(system: str, exemplars: Exemplars, question: str) -> list[dict[str, str]]:
    """Chat turns for an instruct model: each exemplar is a user turn and the assistant's answer to it.

    >>> [message["role"] for message in chat("Be exact.", [("1 + 1?", "#### 2")], "2 + 2?")]
    ['system', 'user', 'assistant', 'user']
    """
    messages = [{"role": "system", "content": system}] if system else []
    for asked, answered in exemplars:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return [*messages, {"role": "user", "content": question}]
