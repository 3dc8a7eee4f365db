"""JSON schemas that can be trusted with a policy's text: read once, checked, and validated within bounds.

The keywords are jsonschema's. Around them stand guards, because a schema by its nature hands patterns and recursion to
whoever writes the value: patterns run in the `regex` package with a time limit, keywords are counted, and no reference
is fetched. `format` is not checked: to JSON Schema it is a remark.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from rewards.context import Nothing
from rewards.json_text import LONGEST_GIVEN, Json, canonical, read

STEPS = 50_000  # keywords that are looked at for one completion; a count, so that a busy machine changes no verdict
SECONDS = 0.25  # of this thread's time, for the patterns among them

# They change what a schema means from where it is used, or look at patterns on paths of their own.
_NOT_READ = ("unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$dynamicAnchor", "$recursiveRef")
_TOO_LONG = "the schema takes too long to check"
_ENDLESS = "the schema refers to itself without end"


class _Budget:
    """What is left for the completion at hand."""

    def __init__(self) -> None:
        self.steps, self.seconds = STEPS, SECONDS


_BUDGET: ContextVar[_Budget | None] = ContextVar("_BUDGET", default=None)


@contextmanager
def limited() -> Iterator[None]:
    """All that schemas are asked in here shares one budget; an outer one stays in force."""
    if _BUDGET.get() is not None:
        yield
        return
    token = _BUDGET.set(_Budget())
    try:
        yield
    finally:
        _BUDGET.reset(token)


def _budget() -> _Budget:
    budget = _BUDGET.get()
    assert budget is not None
    return budget


def _spend(steps: int) -> None:
    """Takes steps from the budget.

    Raises:
        Nothing: there are not so many left.
    """
    budget = _budget()
    budget.steps -= steps
    if budget.steps < 0:
        raise Nothing(_TOO_LONG)


# ------------------------------------------------------------------------------------------------------------- patterns

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PIECE = re.compile(r"\\(.)|\[((?:\\.|[^\]\\])*)\]|\$", re.DOTALL)
_CLASSES = {"d": "0-9", "w": "A-Za-z0-9_"}  # of JavaScript, whose patterns JSON Schema uses


@lru_cache(maxsize=4096)
def pattern(text: str) -> Any:
    r"""A pattern of a schema as the `regex` package reads it, with `$`, `\d` and `\w` as JavaScript means them.

    Raises:
        ValueError: it is no regular expression.

    >>> bool(pattern(r"^\d+$").search("12")), bool(pattern(r"^\d+$").search("12\n")), bool(pattern(r"\d").search("٣"))
    (True, False, False)
    """
    import regex

    def meant(piece: re.Match[str]) -> str:
        if piece[0] == "$":
            return r"\Z"
        if piece[2] is not None:
            inside = _ESCAPED.sub(lambda escaped: _CLASSES.get(escaped[1], escaped[0]), piece[2])
            return f"[{inside}]"
        if piece[1] in "DW":
            return f"[^{_CLASSES[piece[1].lower()]}]"
        return f"[{_CLASSES[piece[1]]}]" if piece[1] in _CLASSES else piece[0]

    try:
        return regex.compile(_PIECE.sub(meant, text))
    except regex.error as error:
        raise ValueError(f"the pattern {text!r:.80} is no regular expression: {error}") from None


def _found(text: str, within: str) -> bool:
    budget, compiled = _budget(), pattern(text)
    while budget.seconds > 0:
        began = time.thread_time()
        try:
            found = compiled.search(within, timeout=budget.seconds) is not None
        except TimeoutError:  # by the clock on the wall: on a busy machine that may have been for others
            budget.seconds -= time.thread_time() - began
            continue
        budget.seconds -= min(time.thread_time() - began, SECONDS / 5)  # Python may have collected garbage in it
        return found
    raise Nothing(_TOO_LONG)


# ------------------------------------------------------------------------------------------------------------- keywords


def _guarded(keyword: Callable[..., Any]) -> Callable[..., Any]:
    def counted(validator: Any, value: Json, instance: Json, schema: Json) -> Any:
        _spend(1)
        return keyword(validator, value, instance, schema)

    return counted


def _pattern(validator: Any, value: str, instance: Json, schema: Json) -> Iterator[Any]:
    if isinstance(instance, str) and not _found(value, instance):
        yield _error()


def _pattern_properties(validator: Any, value: dict[str, Json], instance: Json, schema: Json) -> Iterator[Any]:
    for key in instance if isinstance(instance, dict) else ():
        for text in value:
            if _found(text, key):
                yield from validator.descend(instance[key], value[text], path=key, schema_path=text)


def _additional_properties(validator: Any, value: Json, instance: Json, schema: Json) -> Iterator[Any]:
    patterns = schema.get("patternProperties", {})
    for key in instance if isinstance(instance, dict) else ():
        if key not in schema.get("properties", {}) and not any(_found(text, key) for text in patterns):
            if value is False:
                yield _error(key)
            yield from validator.descend(instance[key], value, path=key)


def _unique_items(validator: Any, value: bool, instance: Json, schema: Json) -> Iterator[Any]:
    if value and isinstance(instance, list):
        _spend(_size(instance))
        if len(set(map(canonical, instance))) < len(instance):  # jsonschema's own compares all pairs
            yield _error()


def _size(value: Json) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_size, inner))


def _error(*path: str) -> Any:
    from jsonschema import ValidationError

    return ValidationError("", path=path)


_OURS = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}


@lru_cache(maxsize=8)
def _guarded_draft(draft: Any) -> Any:
    from jsonschema.validators import extend

    keywords = {name: _guarded(_OURS.get(name, keyword)) for name, keyword in draft.VALIDATORS.items()}
    return extend(draft, keywords)


# -------------------------------------------------------------------------------------------------------------- schemas


class Schema:
    """A JSON schema that was read and checked.

    Raises:
        ValueError: it is no valid schema, refers to what is not in it, or uses a keyword that is not read here.
    """

    def __init__(self, schema: dict[str, Json]) -> None:
        from jsonschema import Draft202012Validator
        from jsonschema.validators import validator_for
        from referencing import Registry
        from referencing.jsonschema import specification_with

        none: Any = None
        said = schema.get("$schema", Draft202012Validator.META_SCHEMA["$schema"])
        draft: Any = validator_for({"$schema": said}, default=none) if isinstance(said, str) else None
        if draft is None:
            raise ValueError(f"the draft {said!r:.80} is not known")
        schema = {key: value for key, value in schema.items() if key != "$schema"}  # else it would choose its validator
        _check_meta(draft, schema)
        _check_all(draft, specification_with(draft.META_SCHEMA["$schema"]), schema)
        registry: Any = Registry()  # an empty one, so nothing is fetched
        self._validator = _guarded_draft(draft)(schema, registry=registry)
        self.properties: dict[str, Json] = schema.get("properties", {})
        try:
            self.fault(None)
        except Nothing as nothing:
            raise ValueError(str(nothing)) from None

    def fault(self, value: Json) -> str | None:
        """Where a value breaks the schema; None where it does not.

        Raises:
            Nothing: that takes too long to find out, or would never end.

        >>> numbers = Schema({"type": "array", "items": {"type": "integer"}})
        >>> numbers.fault([1, 2]), numbers.fault([1, "2"])
        (None, "$[1] breaks type 'integer'")
        """
        with limited():
            try:
                error = next(self._validator.iter_errors(value), None)
            except RecursionError:
                raise Nothing(_ENDLESS) from None
        if error is None:
            return None
        return f"{error.json_path:.100} breaks {error.validator or 'false'} {error.validator_value!r:.100}"


def _check_meta(draft: Any, schema: Json) -> None:
    from jsonschema import FormatChecker, SchemaError

    try:
        draft.check_schema(schema, format_checker=FormatChecker(formats=()))  # patterns are compiled below
    except SchemaError as error:
        raise ValueError(f"{error.json_path} {error.message:.200}") from None


def _check_all(draft: Any, specification: Any, schema: Json) -> None:
    """Looks at every schema within a schema, and at all that they refer to."""
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    root = specification.create_resource(schema)
    resolver = Registry().resolver_with_root(root)
    waiting, seen = [root], set()
    while waiting:
        resource = waiting.pop()
        inner = resource.contents
        if not isinstance(inner, dict) or id(inner) in seen:
            continue
        seen.add(id(inner))
        for name in _NOT_READ:
            if name in inner:
                raise ValueError(f"{name} is not read here")
        if inner is not schema and ("$schema" in inner or isinstance(inner.get("$id", inner.get("id")), str)):
            raise ValueError("a schema within the schema has a name or draft of its own")
        for text in (*inner.get("patternProperties", ()), *([inner["pattern"]] if "pattern" in inner else ())):
            pattern(text)
        if "$ref" in inner:
            try:
                target = resolver.lookup(inner["$ref"]).contents
            except (Unresolvable, TypeError):  # a TypeError for a path into a number
                raise ValueError(f"$ref {inner['$ref']!r:.80} is not in the schema, and nothing is fetched") from None
            if id(target) not in seen:
                _check_meta(draft, target)
                waiting.append(specification.create_resource(target))
        waiting.extend(resource.subresources())


@lru_cache(maxsize=8192)
def schema_of(text: str) -> Schema:
    """The schema of a JSON text.

    Raises:
        ValueError: it is no schema that can be used; the message begins with it.

    >>> schema_of('{"type": "integer"}').fault(True)
    "$ breaks type 'integer'"
    >>> schema_of('{"type": "whole"}')
    Traceback (most recent call last):
    ...
    ValueError: schema '{"type": "whole"}': $.type 'whole' is not valid under any of the given schemas
    """
    try:
        schema = read(text, LONGEST_GIVEN)
        if not isinstance(schema, dict):
            raise ValueError("it is no JSON object")
        return Schema(schema)
    except ValueError as error:
        raise ValueError(f"schema {text!r:.200}: {error}") from None
