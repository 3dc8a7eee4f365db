"""Rewards for answers in JSON: values that keep to a schema, forms filled from a text, and calls of tools.

What a completion commits to is read by `rewards.json_text`, schemas by `rewards.schemas`. A column that holds JSON
holds it as text, since a column of a data set has one type.

Values are equal as JSON has it: 1 and 1.0 are one number; 1, "1" and true are three values; the order of keys means
nothing, that of a list does; strings are compared letter by letter.
"""

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeAlias

from rewards.completions import Completion, Message, text_of
from rewards.context import Nothing
from rewards.json_text import (
    LONGEST_GIVEN,
    TOOL_CALL,
    WHOLE,
    Committed,
    Json,
    canonical,
    check_beside_calls,
    committed,
    loosely,
    read,
)
from rewards.schemas import Schema, limited, schema_of
from rewards.verdicts import LogExtra

# What is not right in full earns these parts, which add up to 0.8.
VALID = 0.1  # it keeps to the schema
NAME = 0.2  # the right tool
ARGUMENTS = 0.5  # times the share of the arguments that are right
FIELDS = 0.7  # times the share of the fields that are right

MESSAGE = "tool_calls"  # where TRL and transformers put the calls of an assistant's message
MOST_CALLS = 16

Grade: TypeAlias = tuple[float, str]  # pay, reason


# ------------------------------------------------------------------------------------------------------------- grading


class Graded(NamedTuple):
    """What a completion earns, what was read as its answer, where it stood, and why."""

    paid: float
    extracted: str | None
    where: str | None
    reason: str


def _column(values: Sequence[object], name: str, completions: Sequence[object]) -> list[str]:
    """A column of JSON texts, one for each completion."""
    if len(values) != len(completions):
        raise ValueError(f"{len(completions)} completions, but {len(values)} values of {name}")
    for value in values:
        if not isinstance(value, str):
            raise ValueError(f"{name} {value!r:.200} is no text; give JSON as text, by json.dumps")
    return [str(value) for value in values]


def _pay(
    completions: Sequence[Completion],
    graders: Sequence[Callable[[Committed], Grade]],
    log_extra: LogExtra | None,
    decides: bool = False,
) -> list[float]:
    """Each row's pay, by its own grader; those that decide whether an answer is right log a lenient reading too."""
    rows = list(zip(completions, graders, strict=True))
    graded = [_graded(completion, grader) for completion, grader in rows]
    if log_extra is not None:
        if decides:
            pairs = zip(graded, rows, strict=True)
            log_extra("lenient", [one.paid == 1.0 or (one.where is None and _lenient(*row)) for one, row in pairs])
        log_extra("extracted", [one.extracted for one in graded])
        log_extra("where", [one.where for one in graded])
        log_extra("reason", [one.reason for one in graded])
    return [one.paid for one in graded]


def _graded(completion: Completion, grader: Callable[[Committed], Grade]) -> Graded:
    try:
        found = _said(completion)
    except Nothing as nothing:
        return Graded(0.0, None, None, str(nothing))
    try:
        with limited():
            paid, reason = grader(found)
    except Nothing as nothing:
        paid, reason = 0.0, str(nothing)
    return Graded(round(paid, 4), found.text, found.where, reason)


def _lenient(completion: Completion, grader: Callable[[Committed], Grade]) -> bool:
    """Whether what a lenient reader takes for the answer is right; for reports, never for pay."""
    try:
        with limited():
            return grader(Committed([loosely(text_of(completion))], "", WHOLE))[0] == 1.0
    except (Nothing, ValueError):
        return False


def _said(completion: Completion) -> Committed:
    """What a completion commits to: the calls in its messages if there are any, else what its text does."""
    if isinstance(completion, str):
        return committed(completion)
    turns = [message for message in completion if message["role"] == "assistant"]
    calls = [call for message in turns for call in _calls_in(message)]
    if not calls:
        return committed(text_of(completion))
    for message in turns:
        text = text_of([message])
        if TOOL_CALL in text or _is_calls(text):
            raise Nothing("calls in the messages and in their text")
        if _calls_in(message):
            check_beside_calls(text)
    read_calls = [_from_message(call) for call in calls[: MOST_CALLS + 1]]
    return Committed([value for value, _ in read_calls], "\n".join(text for _, text in read_calls), MESSAGE)


def _is_calls(text: str) -> bool:
    try:
        _calls(committed(text))
    except Nothing:
        return False
    return True


def _calls_in(message: Message) -> list[Json]:
    calls = message.get("tool_calls")
    return calls if isinstance(calls, list) else []


def _from_message(call: Json) -> tuple[Json, str]:
    """A call in the shape that models write it in, its arguments read as strictly as theirs, and as text."""
    function = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(function, dict) or not {"name", "arguments"} <= function.keys():
        raise Nothing("a tool call without name or arguments")
    name, arguments = function["name"], function["arguments"]
    try:
        if not isinstance(arguments, str):  # parsed by somebody, who may have let NaN pass
            arguments = json.dumps(arguments)
        return {"name": name, "arguments": read(arguments)}, f"{name!a:.100} {arguments}"
    except (TypeError, ValueError, RecursionError) as error:  # what no JSON can hold, too
        raise Nothing(str(error)) from None


def _one(found: Committed) -> Json:
    if len(found.values) != 1:
        raise Nothing(f"{len(found.values)} tool calls, which are no one value")
    return found.values[0]


# ------------------------------------------------------------------------------------------------------ form and schema


def valid_json(completions: Sequence[Completion], **kwargs: Any) -> list[float]:
    r"""Pays 1.0 when a completion commits to one JSON object or list, or to tool calls, right or wrong, else 0.0.

    Args:
        completions: one per row, texts or message lists.

    >>> valid_json(['{"a": 1}', "It is 1.", '{"a": 1, "a": 2}', '```json\n[1]\n```\nWait, [2].'])
    [1.0, 0.0, 0.0, 0.0]
    """

    def grade(found: Committed) -> Grade:
        return float(all(isinstance(value, dict | list) for value in found.values)), ""

    return _pay(completions, [grade] * len(completions), None)


def matches_schema(
    completions: Sequence[Completion], schema: Sequence[str], log_extra: LogExtra | None = None, **kwargs: Any
) -> list[float]:
    r"""Pays 1.0 when the one JSON value committed to keeps to the row's schema, whatever else it says, else 0.0.

    Args:
        completions: one per row, texts or message lists.
        schema: the JSON schema of each row, as JSON text. No reference to elsewhere is fetched; `format` is not
            checked; `unevaluated*` and dynamic references are not read.
        log_extra: TRL's hook; gets the columns `extracted`, `where`, `reason`.

    Raises:
        ValueError: a schema is none, or cannot be used.

    >>> schema = '{"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}'
    >>> matches_schema(['{"age": 7}', '{"age": "7"}', '{"age": 7} or {"age": 8}'], schema=[schema] * 3)
    [1.0, 0.0, 0.0]
    """
    schemas = [schema_of(text) for text in _column(schema, "schema", completions)]
    return _pay(completions, [partial(_grade_schema, one) for one in schemas], log_extra)


def _grade_schema(schema: Schema, found: Committed) -> Grade:
    fault = schema.fault(_one(found))
    return (1.0, "keeps to the schema") if fault is None else (0.0, fault)


# --------------------------------------------------------------------------------------------------------------- forms


def correct_json(
    completions: Sequence[Completion],
    schema: Sequence[str],
    answer: Sequence[str],
    log_extra: LogExtra | None = None,
    **kwargs: Any,
) -> list[float]:
    r"""Pays 1.0 when the one JSON value committed to is the gold, in every field; less than 0.8 for a part of it.

    A value that breaks the schema earns nothing. One that keeps to it earns 0.1, and 0.7 times the share of fields
    that are right, of all that stand in the value or in the gold: a field too many counts as a wrong one. A field is
    whatever holds no others, and items of lists are fields by their place.

    Args:
        completions: one per row, texts or message lists.
        schema: as in `matches_schema`.
        answer: the gold of each row, as JSON text.
        log_extra: TRL's hook; gets the columns `extracted`, `where`, `reason`, and `lenient`: whether the gold is what
            a lenient reader would take for the answer.

    Raises:
        ValueError: a schema cannot be used, or a gold is no JSON or breaks its schema.

    >>> schema = '{"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}'
    >>> texts = ['{"age": 7, "name": "Ida"}', '{"name": "Ida", "age": "7"}', '{"name": "Ida", "age": 8}']
    >>> correct_json(texts, schema=[schema] * 3, answer=['{"name": "Ida", "age": 7}'] * 3)
    [1.0, 0.0, 0.45]
    """
    schemas = _column(schema, "schema", completions)
    golds = _column(answer, "answer", completions)
    forms = [_form(one, gold) for one, gold in zip(schemas, golds, strict=True)]
    return _pay(completions, [partial(_grade_form, *form) for form in forms], log_extra, decides=True)


@lru_cache(maxsize=8192)
def _form(schema_text: str, answer: str) -> tuple[Schema, Json]:
    """The schema and the gold of a row."""
    schema = schema_of(schema_text)
    try:
        gold = read(answer)
        fault = schema.fault(gold)
    except (ValueError, Nothing) as error:
        raise ValueError(f"gold answer {answer!r:.200}: {error}") from None
    if fault is not None:
        raise ValueError(f"gold answer {answer!r:.200} is not what its schema asks for: {fault}")
    return schema, gold


def _grade_form(schema: Schema, gold: Json, found: Committed) -> Grade:
    value = _one(found)
    if (fault := schema.fault(value)) is not None:
        return 0.0, fault
    if canonical(value) == canonical(gold):
        return 1.0, "every field is right"
    given, asked = dict(_fields(value)), dict(_fields(gold))
    right, total = len(given.items() & asked.items()), len(given.keys() | asked.keys())
    return VALID + FIELDS * right / total, f"{right} of {total} fields are right"


def _fields(value: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Hashable, Hashable]]:
    """Path and value of all that holds nothing else: texts, numbers, and empty lists and objects."""
    if isinstance(value, dict | list) and value:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _fields(item, (*path, key))
    else:
        yield path, canonical(value)


# --------------------------------------------------------------------------------------------------------------- tools


class Call(NamedTuple):
    """A tool's name and the arguments it is called with."""

    name: str
    arguments: dict[str, Json]


class Tool(NamedTuple):
    """The schema of a tool's arguments, and what it takes for those that are left out."""

    schema: Schema
    defaults: dict[str, Json]


def correct_tool_call(
    completions: Sequence[Completion],
    tools: Sequence[str],
    answer: Sequence[str],
    log_extra: LogExtra | None = None,
    **kwargs: Any,
) -> list[float]:
    r"""Pays 1.0 when exactly the gold tools are called, each with exactly the gold arguments; at most 0.8 otherwise.

    A call is `{"name": ..., "arguments": {...}}`, and several stand in a list, or each in its own `<tool_call>`, or in
    `tool_calls` of the assistant's messages; in what order means nothing. No call is the empty list, `[]`. An argument
    that is left out has the default of the tool's schema. A call that is not the gold one earns 0.1 if its arguments
    keep to the tool's schema, and, if it is the right tool, 0.2 and 0.5 times the share of its arguments that are
    right; several share what there is to earn, and one too many counts as a wrong one. Where no tool fits, any call
    earns nothing.

    Args:
        completions: one per row, texts or message lists.
        tools: what each row offers, as JSON text: a list of `{"name": ..., "parameters": <JSON schema>}`, or of
            `{"type": "function", "function": ...}` around these, as for a chat template.
        answer: the gold of each row, as JSON text: a list of calls, or one.
        log_extra: as in `correct_json`.

    Raises:
        ValueError: tools that are none, or a gold that calls one that is not offered or breaks its schema.

    >>> tools = '[{"name": "add", "parameters": {"properties": {"a": {"type": "integer"}, "b": {"default": 1}}}}]'
    >>> texts = ['{"name": "add", "arguments": {"a": 2, "b": 1}}', '[{"name": "add", "arguments": {"a": "2"}}]', "[]"]
    >>> correct_tool_call(texts, tools=[tools] * 3, answer=['[{"name": "add", "arguments": {"a": 2}}]'] * 3)
    [1.0, 0.2, 0.0]
    """
    offered = _column(tools, "tools", completions)
    golds = _column(answer, "answer", completions)
    asked = [_asked(one, gold) for one, gold in zip(offered, golds, strict=True)]
    return _pay(completions, [partial(_grade_calls, *one) for one in asked], log_extra, decides=True)


@lru_cache(maxsize=4096)
def tools_of(text: str) -> dict[str, Tool]:
    """The tools of a JSON text, by name.

    Raises:
        ValueError: they are not as `correct_tool_call` says.

    >>> tools_of('[{"type": "function", "function": {"name": "now"}}]')["now"].schema.fault({"zone": "CET"})
    '$.zone breaks additionalProperties False'
    """
    try:
        if not isinstance(read(text, LONGEST_GIVEN), list):
            raise ValueError("they are no list")
        named = [_tool(tool) for tool in json.loads(text)]
        if len(tools := dict(named)) < len(named):
            raise ValueError("two have one name")
    except ValueError as error:
        raise ValueError(f"tools {text!r:.200}: {error}") from None
    return tools


def _tool(offered: Json) -> tuple[str, Tool]:
    function = offered.get("function", offered) if isinstance(offered, dict) else None
    if not isinstance(function, dict) or not isinstance(name := function.get("name"), str):
        raise ValueError("one is no object with a name")
    parameters = function.get("parameters") or {"properties": {}, "additionalProperties": False}
    if not isinstance(parameters, dict) or ("properties" not in parameters and parameters.get("type") != "object"):
        raise ValueError(f"the parameters of {name!r:.80} are no JSON schema of an object")
    schema = schema_of(json.dumps(parameters))  # many rows offer one tool, and reading a schema takes a while
    known = {key: each for key, each in schema.properties.items() if isinstance(each, dict)}
    return name, Tool(schema, {key: each["default"] for key, each in known.items() if "default" in each})


@lru_cache(maxsize=8192)
def _asked(tools_text: str, answer: str) -> tuple[dict[str, Tool], list[Call]]:
    """The tools and the gold calls of a row."""
    tools = tools_of(tools_text)
    try:
        calls = _calls(Committed([read(answer)], answer, WHOLE))
        faults = [_fault(call, tools) for call in calls]
    except (ValueError, Nothing) as error:
        raise ValueError(f"gold answer {answer!r:.200}: {error}") from None
    for fault in faults:
        if fault is not None:
            raise ValueError(f"gold answer {answer!r:.200} is no call of its tools: {fault}")
    return tools, calls


def _calls(found: Committed) -> list[Call]:
    """The calls that a completion consists of.

    Raises:
        Nothing: it is something else.
    """
    values = found.values
    if found.where not in (TOOL_CALL, MESSAGE) and isinstance(values[0], list):
        values = values[0]
    if len(values) > MOST_CALLS:
        raise Nothing(f"more than {MOST_CALLS} calls")
    for value in values:
        if not isinstance(value, dict) or value.keys() != {"name", "arguments"}:
            raise Nothing("a call is an object with name and arguments, and nothing else")
        if not isinstance(value["name"], str) or not isinstance(value["arguments"], dict):
            raise Nothing("the name is no text, or the arguments are no object")
    return [Call(**value) for value in values]


def _fault(call: Call, tools: dict[str, Tool]) -> str | None:
    if call.name not in tools:
        return f"no tool {call.name!a:.80} is offered"
    fault = tools[call.name].schema.fault(call.arguments)
    return fault and f"{call.name}: {fault}"


def _grade_calls(tools: dict[str, Tool], gold: list[Call], found: Committed) -> Grade:
    given = _calls(found)
    faults = [_fault(call, tools) for call in given]
    if not any(faults) and _counted(given, tools) == _counted(gold, tools):
        return 1.0, "every call is right"
    if not gold or not given:
        return 0.0, "no tool fits, and one is called" if given else "no tool is called"
    pairs = [(i, j) for i in range(len(given)) for j in range(len(gold))]
    points = {(i, j): _points(given[i], faults[i] is None, gold[j], tools) for i, j in pairs}
    total, taken, met = 0.0, set(), set()
    for i, j in sorted(pairs, key=points.__getitem__, reverse=True):  # each call stands for at most one that is wanted
        if i not in taken and j not in met:
            total += points[i, j]
            taken.add(i)
            met.add(j)
    right = (_counted(given, tools) & _counted(gold, tools)).total()
    told = f"{right} of {len(gold)} calls are right, of {len(given)} that are made"
    return total / max(len(given), len(gold)), next(filter(None, faults), told)


def _counted(calls: list[Call], tools: dict[str, Tool]) -> Counter[Hashable]:
    """How often each call is made, those that mean the same taken together."""
    return Counter((call.name, canonical(_filled(call, tools))) for call in calls)


def _filled(call: Call, tools: dict[str, Tool]) -> dict[str, Json]:
    """The arguments that a tool gets to see."""
    return {**tools[call.name].defaults, **call.arguments} if call.name in tools else call.arguments


def _points(call: Call, valid: bool, want: Call, tools: dict[str, Tool]) -> float:
    """What a call earns for one that is wanted, where not all are right."""
    points = VALID if valid else 0.0
    if call.name != want.name:
        return points
    given, asked = _filled(call, tools), _filled(want, tools)
    keys = call.arguments.keys() | want.arguments.keys()
    right = [key for key in keys & given.keys() & asked.keys() if canonical(given[key]) == canonical(asked[key])]
    return points + NAME + ARGUMENTS * (len(right) / len(keys) if keys else 1.0)
