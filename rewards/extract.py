"""Where the final answer stands in a completion.

An answer counts only where the policy commits to it: on the last line, after the only `####` of the completion.
An answer line in the middle of the text, a second one, or a hedge after the marker commits to nothing.
"""

import re
from dataclasses import dataclass

MARKER = "####"
LONGEST_ANSWER = 200  # characters; a longer "answer" is an essay or an attack
_NUMBER = re.compile(r"(?:(?<![\w)])[-−])?[$€£]?[0-9][0-9,]*(?:\.[0-9]+)?")
_BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"  # all that a reader would see as a new line
_TAIL = 10_000  # characters searched for a last number


@dataclass(frozen=True)
class Extracted:
    """What stands where the answer should be; `text` is None when nothing does, and `reason` says why."""

    text: str | None
    reason: str


def from_answer_line(completion: str) -> Extracted:
    """The text after `####` on the last line of a completion.

    >>> from_answer_line("3 * 4 = 12\\n#### 12").text
    '12'
    >>> from_answer_line("The answer is 12.").reason
    'no answer line: #### does not occur'
    >>> from_answer_line("#### 12\\nor rather\\n#### 13").reason
    '2 answer lines, one is asked for'
    """
    found = completion.count(MARKER)
    if found == 0:
        return Extracted(None, f"no answer line: {MARKER} does not occur")
    if found > 1:
        return Extracted(None, f"{found} answer lines, one is asked for")
    text = completion.rstrip()
    start = max(text.rfind(line_break) for line_break in _BREAKS) + 1
    if len(text) - start > LONGEST_ANSWER:
        return Extracted(None, f"the last line is longer than {LONGEST_ANSWER} characters")
    last_line = text[start:].strip()
    if not last_line.startswith(MARKER):
        return Extracted(None, "the answer line is not the last line")
    answer = last_line.removeprefix(MARKER).strip()
    if not answer or answer.startswith("#"):
        return Extracted(None, "the answer line is empty")
    return Extracted(answer, "answer line")


def last_number(completion: str) -> str | None:
    """The last number anywhere in the text: the lenient reading, for reports beside the strict one, never for pay.

    >>> last_number("He has 3 + 4 = 7 pens.")
    '7'
    >>> last_number("It costs -$1,200.50 in all")
    '-$1,200.50'
    """
    found = _NUMBER.findall(completion[-_TAIL:])
    return found[-1].rstrip(",") if found else None
