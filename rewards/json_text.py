"""Strict JSON: the value of a text, when two values are one, and the value that a completion commits to.

A text is read by the letter of RFC 8259 and within bounds. What Python's json lets pass is refused: a key that stands
twice, NaN and Infinity, numbers out of a double's range, half of a surrogate pair. Numbers are exact.
"""

import json
import re
from collections.abc import Hashable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

from rewards.context import Nothing, check_before, listed

Json: TypeAlias = Any  # None, bool, int, Fraction, str, list of Json, dict from str to Json

LONGEST = 20_000  # characters of a JSON text that a policy wrote
LONGEST_GIVEN = 500_000  # of one that describes its task
DEEPEST = 64  # lists and objects in each other
LONGEST_COMPLETION = 200_000  # characters, reasoning included
_LONGEST_NUMBER = 400  # characters
_LARGEST_EXPONENT = 308  # of a double

TOOL_CALL = "<tool_call>"
FENCE = "```"
WHOLE = "whole"


# ------------------------------------------------------------------------------------------------------- one JSON text

_STRING = re.compile(r'"(?:[^"\\]+|\\.?)*+"?', re.DOTALL)  # also one that does not end: the search stays linear
_BRACKETS = re.compile(r"[\[\]{}]")
_EXPONENT = re.compile(r"[eE][+-]?0*(\d*)\Z")


def read(text: str, longest: int = LONGEST) -> Json:
    r"""The value of a JSON text; its numbers are int or, where they are not whole, Fraction.

    Args:
        text: with white space around it, or none.
        longest: how many characters it may have.

    Raises:
        ValueError: it is no JSON, means different things to different readers, or is beyond our bounds.

    >>> read('{"a": [1, 1.0, 0.1]}')
    {'a': [1, 1, Fraction(1, 10)]}
    >>> read('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ...
    ValueError: the key 'a' stands twice
    """
    if len(text) > longest:
        raise ValueError(f"JSON of more than {longest:,} characters")
    if _depth(text) > DEEPEST:  # before Python's json, which recurses
        raise ValueError(f"JSON of more than {DEEPEST} levels")
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error.msg} at character {error.pos}") from None
    try:
        text.encode()
        if "\\u" in text:
            "".join(_texts(value)).encode()
    except UnicodeEncodeError:
        raise ValueError("half of a surrogate pair is no text") from None
    return value


def _depth(text: str) -> int:
    """How deep lists and objects stand in each other; brackets in strings do not count."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return 0
    deepest = depth = 0
    for bracket in _BRACKETS.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made: dict[str, Json] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"the key {key!a:.80} stands twice")
        made[key] = value
    return made


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise ValueError(f"a number of more than {_LONGEST_NUMBER} digits")
    return int(digits)


def _number(digits: str) -> int | Fraction:
    exponent = _EXPONENT.search(digits)
    if len(digits) > _LONGEST_NUMBER or (exponent and int(exponent[1][:4] or 0) > _LARGEST_EXPONENT):
        raise ValueError(f"the number {digits:.40} is out of range")
    value = Fraction(digits)
    return value.numerator if value.denominator == 1 else value


def _constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)


def _texts(value: Json) -> Iterator[str]:
    """All strings of a value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)


def canonical(value: Json) -> Hashable:
    """A form in which two values are equal exactly where JSON says that they are.

    1 and 1.0 are one number, as JSON Schema has it, while 1, "1" and true are three values. The order of an object's
    keys means nothing, that of a list does; strings are compared letter by letter.

    >>> canonical(read('{"a": 1, "b": 1.0}')) == canonical(read('{"b": 1, "a": 1e0}'))
    True
    >>> canonical(read("[1]")) == canonical(read("[true]")), canonical(read("[]")) == canonical(read("{}"))
    (False, False)
    """
    if isinstance(value, bool):
        return bool, value  # for Python, True == 1
    if isinstance(value, list):
        return tuple(map(canonical, value))
    if isinstance(value, dict):
        return frozenset((key, canonical(item)) for key, item in value.items())
    return value


# ------------------------------------------------------------------------------------------------- what is committed to


class Committed(NamedTuple):
    """The values that a completion commits to, as they are written, and where: several are tool calls."""

    values: list[Json]
    text: str
    where: str


_ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<end_of_turn>", "</s>", "<eos>")
_MOST_ENDS = 8
_FENCE_LINE = re.compile(r"^ {0,3}```([^\n]*)$", re.MULTILINE)
_TOOL_TAG = re.compile(r"<(/?)tool_call>")
_ONE_LINE = re.compile(r"^ {0,3}```(?:json)? *([{\[][^\n]*[}\]]) *```[ \r]*$", re.MULTILINE)
_MOST_BLOCKS = 64
_LONGEST_REMARKS = 300  # characters
_SENTENCE_ENDS = re.compile(r"[.!](?=\s|\Z)|\n")
_POLITE = re.compile(
    r"(?:i )?hope (?:this|that|it) helps|is there anything else i can (?:help|assist) you with\?|"
    r"(?:please )?(?:let me know|feel free to ask) if (?=you |there |anything )",
    re.IGNORECASE,
)
# Sentences of these words alone say that the JSON is there; of no value in it, and that it is not.
_REMARKS = frozenset(
    listed("""
    this that the it its a an is are here in from of to for and as by on with
    json object list tool call calls function structure format schema text data request details fields values
    information contains includes represents follows matches fits adheres conforms complies corresponds meets
    extracted filled given provided specified required requested based according you your all
    need have any anything else more further help assistance questions
    """)
)


def committed(completion: str) -> Committed:
    r"""The one JSON value that a completion commits to, or its tool calls.

    The text after the reasoning, or all of it in `<answer>`, is JSON, which a colon may announce, or holds a block of
    code marked as `json` or not at all, or `<tool_call>...</tool_call>`. Prose may stand before these, if there are no
    brackets in it and it leaves no doubt of what follows (`rewards.context`); only polite and idle words may follow.
    Several blocks of code must hold one value.

    Raises:
        Nothing: there is no such value, or more than one.

    >>> committed('Here you are:\n```json\n{"a": 1}\n```').values
    [{'a': 1}]
    >>> committed('{"a": 1} or {"a": 2}').values
    Traceback (most recent call last):
    ...
    rewards.context.Nothing: no JSON: Extra data at character 9
    """
    if len(completion) > LONGEST_COMPLETION:
        raise Nothing(f"more than {LONGEST_COMPLETION:,} characters")
    text = _without_tags(_after_reasoning(_without_end(completion)))
    if not text:
        raise Nothing("there is no answer")
    try:
        return Committed([read(text)], text, WHOLE)
    except ValueError as error:
        reason = str(error)
    if TOOL_CALL in text:
        return _from_blocks(text, _tool_calls(text), TOOL_CALL)
    if FENCE in text:
        text = _ONE_LINE.sub(r"```json\n\1\n```", text)
        return _from_blocks(text, _fenced(text), FENCE)
    return _from_blocks(text, [_announced(text, reason)], WHOLE)


def _without_end(text: str) -> str:
    """The text without the marks that end a turn."""
    for _ in range(_MOST_ENDS):
        text = text.rstrip()
        if not text.endswith(_ENDS):
            break
        text = text[: text.rindex("<")]
    return text


def _after_reasoning(text: str) -> str:
    """What stands after `</think>`; all of it where there is no reasoning in tags."""
    reasoning, closed, rest = text.partition("</think>")
    if not closed:
        if text.lstrip().startswith("<think>"):
            raise Nothing("the reasoning is not closed")
        return text.strip()
    if "<think>" in rest or "</think>" in rest or reasoning.count("<think>") > 1:
        raise Nothing("nested or repeated reasoning tags")
    if "<think>" in reasoning and not reasoning.lstrip().startswith("<think>"):
        raise Nothing("something stands before the reasoning")
    return rest.strip()


def _without_tags(text: str) -> str:
    """What stands in the one `<answer>` that is all of a text; else the text."""
    inside = text.removeprefix("<answer>").removesuffix("</answer>")
    whole = len(text) - len(inside) == len("<answer></answer>")
    return inside.strip() if whole and "<answer>" not in inside and "</answer>" not in inside else text


class _Block(NamedTuple):
    start: int  # of its opening mark
    inside: str
    end: int


def _tool_calls(text: str) -> list[_Block]:
    tags = list(_TOOL_TAG.finditer(text))
    if [tag[1] for tag in tags] != ["", "/"] * (len(tags) // 2):
        raise Nothing("tool_call tags that are nested or not closed")
    return [
        _Block(opened.start(), text[opened.end() : closed.start()], closed.end())
        for opened, closed in zip(tags[::2], tags[1::2], strict=True)
    ]


def _fenced(text: str) -> list[_Block]:
    fences = list(_FENCE_LINE.finditer(text))
    if len(fences) % 2:
        raise Nothing("a block of code that is not closed, or not on lines of its own")
    for opened, closed in zip(fences[::2], fences[1::2], strict=True):
        if opened[1].strip().lower() not in ("json", "") or closed[1].strip():
            raise Nothing("a block of code that is not JSON")
    return [
        _Block(opened.start(), text[opened.end() : closed.start()], closed.end())
        for opened, closed in zip(fences[::2], fences[1::2], strict=True)
    ]


def _announced(text: str, reason: str) -> _Block:
    """From the first bracket to the last, where a colon or nothing stands before and other lines follow or none."""
    places = [bracket.start() for bracket in _BRACKETS.finditer(text)]
    if not places:
        raise Nothing(reason)
    start, end = places[0], places[-1] + 1
    before, after = text[:start].rstrip("* \r\n"), text[end:]
    if not (before or after) or (before and before[-1] != ":") or (after and after.lstrip(" \r")[:1] != "\n"):
        raise Nothing(reason)
    return _Block(start, text[start:end], end)


def _from_blocks(text: str, blocks: list[_Block], where: str) -> Committed:
    if not blocks or len(blocks) > _MOST_BLOCKS:
        raise Nothing(f"{len(blocks)} blocks")
    _check_remarks(text[blocks[-1].end :])
    end = 0
    for block in blocks:
        _check_prose(text[end : block.start])
        end = block.end
    try:
        values = [read(block.inside) for block in blocks]
    except ValueError as error:
        raise Nothing(str(error)) from None
    if where == FENCE:
        if len(set(map(canonical, values))) > 1:
            raise Nothing("two different values")
        del values[1:]
    return Committed(values, "\n".join(block.inside.strip() for block in blocks[: len(values)]), where)


def _check_prose(prose: str) -> None:
    """What stands before a block leaves no doubt of it."""
    if _BRACKETS.search(prose):
        raise Nothing("brackets beside the JSON")
    if prose.strip():
        leading = " ".join(prose.split()) + " "  # what is said on the lines before a block is said of it
        check_before(leading, len(leading), said=True)


def check_beside_calls(text: str) -> None:
    """What an assistant's message says beside its calls is reasoning, and prose that leaves no doubt of them.

    Raises:
        Nothing: it says something else.
    """
    _check_prose(_after_reasoning(_without_end(text[:LONGEST_COMPLETION])))


def _check_remarks(tail: str) -> None:
    """What follows the JSON is polite, or says only that it is there."""
    if len(tail.rstrip()) > _LONGEST_REMARKS:
        raise Nothing("text goes on after the JSON")
    for sentence in _SENTENCE_ENDS.split(tail):
        words = _POLITE.sub("", sentence.strip(), count=1).lower().replace(",", " ").split()
        if strange := [word for word in words if word not in _REMARKS]:
            raise Nothing(f"{strange[0]!a:.40} after the JSON")


def loosely(completion: str) -> Json:
    """The value from the first bracket after the reasoning to the last: for reports, never for pay.

    Raises:
        ValueError: that is no JSON.

    >>> loosely('It is [1, 2], I think.')
    [1, 2]
    """
    text = completion[-LONGEST_COMPLETION:].rpartition("</think>")[2]
    starts = [place for place in (text.find("{"), text.find("[")) if place >= 0]
    return read(text[min(starts, default=0) : max(text.rfind("}"), text.rfind("]")) + 1])
