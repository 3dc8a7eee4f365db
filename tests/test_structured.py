"""JSON answers and tool calls: what is paid in full, in part and not at all, and that nothing hangs or raises."""

import itertools
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recipes import extract_json, tool_call
from rewards import correct_json, correct_tool_call, matches_schema, schemas, valid_json
from rewards.context import Nothing
from rewards.json_text import DEEPEST, LONGEST, canonical, committed, loosely, read
from rewards.schemas import Schema, pattern, schema_of
from rlvr_recipes.recipe import UserError, load_recipe

SECONDS = 1.5  # for one completion, on a busy machine; most take a ten-thousandth of it

TOOLS = json.dumps([
    {"name": "weather", "description": "Forecast", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1, "default": 1}, "unit": {"enum": ["c", "f"]}},
        "required": ["city"], "additionalProperties": False}},
    {"type": "function", "function": {"name": "pay", "parameters": {
        "type": "object", "properties": {"to": {"type": "string"}, "amount": {"type": "number"}, "tags": {"type": "array", "items": {"type": "string"}}, "urgent": {"type": "boolean"}},
        "required": ["to", "amount"]}}},
    {"name": "now"},
])  # fmt: skip
ROME = '{"name": "weather", "arguments": {"city": "Rome", "days": 3}}'
OSLO = '{"name": "weather", "arguments": {"city": "Oslo"}}'
PAY = '{"name": "pay", "arguments": {"to": "Ida", "amount": 2.5, "tags": ["a", "b"], "urgent": true}}'
NOW = '{"name": "now", "arguments": {}}'


def call(name: str, **arguments: Any) -> str:
    return json.dumps({"name": name, "arguments": arguments})


def paid(completion: Any, answer: str, tools: str = TOOLS) -> float:
    return correct_tool_call([completion], tools=[tools], answer=[answer])[0]


# (gold, completion): paid in full
RIGHT = [
    (ROME, ROME), (f"[{ROME}]", ROME), (ROME, f"[{ROME}]"), (ROME, f"  \n{ROME}\n\n"),
    (ROME, f"<tool_call>\n{ROME}\n</tool_call>"), (ROME, f"<tool_call>{ROME}</tool_call>\n"),
    (ROME, f"```json\n{ROME}\n```"), (ROME, f"```JSON\n[{ROME}]\n```\n"), (ROME, f"```\n{ROME}\n```"),
    (ROME, f"```json\r\n{ROME}\r\n```"), (ROME, f"Here is the call:\n```json\n{ROME}\n```"),
    (ROME, f"The user wants a forecast for Rome, so I call `weather`.\n\n```json\n{ROME}\n```"),
    (ROME, f"I will look that up.\n<tool_call>\n{ROME}\n</tool_call>"),
    # announced, and followed by what leaves it as it is
    (ROME, f"Call: {ROME}"), (ROME, f"Sure! Here is the call:\n\n{ROME}"), (ROME, f"**Call:**\n{ROME}"), (ROME, f"Based on the tools provided, here is the call:\n{ROME}"), (ROME, f"Based on the provided tools, I call:\n```json\n{ROME}\n```"), (ROME, f"```json {ROME} ```"), (ROME, f"Here:\n```{ROME}```"),
    (ROME, f"<answer>{ROME}</answer>"), (ROME, f"<think>Rome.</think>\n<answer>\n```json\n{ROME}\n```\n</answer>"), (ROME, f"<answer>\n<tool_call>{ROME}</tool_call>\n</answer>\n"),
    (ROME, f"```json\n{ROME}\n```\nI hope this helps!"), (ROME, f"Call:\n{ROME}\n\nI hope this helps!"), (ROME, f"<tool_call>{ROME}</tool_call>\nHope this helps."),
    (ROME, f"```json\n{ROME}\n```\n\nThis JSON object follows the schema you provided. Let me know if you need anything else!"),
    (ROME, f"{ROME}\n\nThis is the call for the given request, based on the tool provided.\nIs there anything else I can help you with?"),
    (ROME, f"<think>Rome or Oslo? Rome.</think>\n{ROME}"), (ROME, f"Rome, I think.</think>{ROME}"),
    (ROME, f"<think>{OSLO}</think><tool_call>{ROME}</tool_call>"), (ROME, f"{ROME}<|im_end|>"), (ROME, f"{ROME}</s>\n"),
    (ROME, call("weather", days=3, city="Rome")), (ROME, call("weather", city="Rome", days=3.0)), (ROME, ROME.replace("3", "3e0")),
    (ROME, ROME.replace("Rome", "R\\u006fme")), (ROME, json.dumps(json.loads(ROME), indent=4)),
    (ROME, f"```json\n{ROME}\n```\n```json\n{ROME}\n```"),  # said twice, one value
    (OSLO, call("weather", city="Oslo", days=1)), (call("weather", city="Oslo", days=1), OSLO),  # the default
    (PAY, PAY), (PAY, PAY.replace("2.5", "2.50")), (PAY, PAY.replace("2.5", "25e-1")), (PAY, PAY.replace("2.5", "0.25E1")),
    (call("pay", to="Ida", amount=0.1), '{"name": "pay", "arguments": {"to": "Ida", "amount": 0.10}}'),
    (call("pay", to="é", amount=1), '{"name": "pay", "arguments": {"to": "é", "amount": 1}}'),
    (call("pay", to="😀", amount=1), '{"name": "pay", "arguments": {"to": "\\ud83d\\ude00", "amount": 1}}'),
    (call("pay", to="{[<tool_call>```", amount=1), call("pay", to="{[<tool_call>```", amount=1)),
    (call("pay", to="", amount=-1), call("pay", to="", amount=-1.0)),
    (NOW, NOW), ("[]", "[]"), ("[]", "```json\n[]\n```"), ("[]", "None of them fits.\n```json\n[]\n```"), ("[]", "<think>None fits.</think>[]"),
    (f"[{ROME}, {OSLO}]", f"[{OSLO}, {ROME}]"), (f"[{ROME}, {PAY}]", f"[{ROME}, {PAY}]"),
    (f"[{ROME}, {OSLO}]", f"<tool_call>{ROME}</tool_call>\n<tool_call>{OSLO}</tool_call>"), (f"[{ROME}, {OSLO}]", f"First Rome:\n<tool_call>{ROME}</tool_call>\nThen Oslo:\n<tool_call>{OSLO}</tool_call>"), (f"[{ROME}, {ROME}]", f"[{ROME}, {ROME}]"),
]  # fmt: skip

# (gold, completion, pay): wrong in something, and paid for the rest
PARTLY = [
    (ROME, call("weather", city="Oslo", days=3), 0.55), (ROME, OSLO, 0.3), (ROME, call("weather", city="Rome"), 0.55),
    (ROME, call("weather", city="Rome", days=3, unit="c"), 0.6333), (ROME, call("weather", city="rome", days=3), 0.55),
    (ROME, call("weather", city="Rome ", days=3), 0.55), (ROME, call("weather", city="Rоme", days=3), 0.55),
    (ROME, call("weather", city="Rome", days="3"), 0.45), (ROME, call("weather", city="Rome", days=True), 0.45),
    (ROME, call("weather", city="Rome", days=3, country="IT"), 0.5333), (ROME, call("weather", city=["Rome"], days=3), 0.45),
    (ROME, call("weather", city="Rome", days=3.0000001), 0.45), (ROME, call("weather"), 0.2), (ROME, call("weather", city="Rome", days=None), 0.45),
    (ROME, NOW, 0.1), (ROME, call("pay", to="Ida", amount=3), 0.1), (ROME, call("now", city="Rome", days=3), 0.0),
    (ROME, call("Weather", city="Rome", days=3), 0.0), (ROME, call("forecast", city="Rome", days=3), 0.0), (ROME, call("weather ", city="Rome", days=3), 0.0),
    (PAY, PAY.replace('["a", "b"]', '["b", "a"]'), 0.675), (PAY, PAY.replace('["a", "b"]', '["a", "b", "b"]'), 0.675), (PAY, PAY.replace("true", "1"), 0.575),
    (PAY, PAY.replace("true", '"true"'), 0.575), (PAY, PAY.replace("2.5", "2.4999999999999999999"), 0.675), (PAY, PAY.replace("2.5", '"2.5"'), 0.575),
    (call("pay", to="é", amount=1), call("pay", to="e\u0301", amount=1), 0.55), (call("pay", to="1", amount=1), call("pay", to=1, amount=1), 0.45),
    (f"[{ROME}, {OSLO}]", ROME, 0.4), (f"[{ROME}, {OSLO}]", f"[{ROME}, {ROME}]", 0.55), (ROME, f"[{ROME}, {OSLO}]", 0.4), (ROME, f"[{ROME}, {ROME}]", 0.4),
    (ROME, f"<tool_call>{ROME}</tool_call><tool_call>{OSLO}</tool_call>", 0.4), (ROME, f"[{ROME}, {PAY}, {NOW}, {OSLO}]", 0.2), (f"[{ROME}, {PAY}]", f"[{OSLO}]", 0.15),
    (f"[{PAY}, {ROME}]", f"[{NOW}, {ROME}]", 0.45),
]  # fmt: skip

# (gold, completion): nothing is committed to, or nothing of it is right
WRONG = [
    # no JSON, or JSON only to a careless reader
    (ROME, ""), (ROME, " \n"), (ROME, "weather(city='Rome', days=3)"), (ROME, "I would call weather for Rome."), (ROME, ROME.replace('"', "'")), (ROME, ROME[:-1]), (ROME, ROME + "}"),
    (ROME, ROME.replace("}}", ",}}")), (ROME, f"[{ROME},]"), (ROME, f"// the call\n{ROME}"), (ROME, f"{ROME} // the call"), (ROME, ROME.replace("3", "3 /* days */")), (ROME, ROME.replace("3", "03")),
    (ROME, ROME.replace("3", "+3")), (ROME, ROME.replace("3", "0x3")), (ROME, ROME.replace("3", "３")), (ROME, ROME.replace("3", "NaN")), (ROME, ROME.replace("3", "Infinity")), (ROME, ROME.replace("3", "-Infinity")), (ROME, ROME.replace("3", "1e999")),
    (ROME, ROME.replace("3", "1e-99999999999")), (ROME, ROME.replace("3", "3_0")), (ROME, ROME.replace("3", "9" * 5000)), (ROME, ROME.replace("Rome", "Ro\nme")), (ROME, ROME.replace("Rome", "Rome\x00")), (ROME, ROME.replace("Rome", "\\ud800")),
    (ROME, ROME.replace("Rome", "\ud800")), (ROME, ROME.replace("Rome", "\\udc00\\ud800")), (ROME, ROME.replace("city", "ci\\ud800ty")), (ROME, f"\ufeff{ROME}"), (ROME, f"{ROME}\x00"), (ROME, ROME.replace(" ", "\xa0")),
    # two things at once
    (ROME, ROME.replace('"city"', '"city": "Oslo", "city"')), (ROME, ROME.replace('"name"', '"name": "pay", "name"')), (ROME, ROME.replace("}}", '}, "arguments": {"city": "Oslo"}}')), (ROME, ROME.replace('"city"', '"c\\u0069ty": "Oslo", "city"')),
    (ROME, f"{ROME}{OSLO}"), (ROME, f"{ROME}\n{ROME}"), (ROME, f"{ROME} or {OSLO}"), (ROME, f"```json\n{OSLO}\n```\n```json\n{ROME}\n```"), (ROME, f"```json\n{ROME}\n{OSLO}\n```"),
    (ROME, f"```json\n{ROME}\n```\nor\n```json\n{OSLO}\n```"), (ROME, f"{OSLO}\n```json\n{ROME}\n```"), (ROME, f"{OSLO} is wrong.\n```json\n{ROME}\n```"), (ROME, f"{OSLO}<tool_call>{ROME}</tool_call>"), (ROME, f"<tool_call>{OSLO}\n{ROME}</tool_call>"),
    (ROME, f"<tool_call>{ROME}</tool_call> or <tool_call>{ROME}</tool_call>"), (ROME, f"```json\n{ROME}\n```\n<tool_call>{ROME}</tool_call>"), (ROME, f"<tool_call>[{ROME}]</tool_call>"),
    # hedged, or taken back
    (ROME, f"Maybe this:\n```json\n{ROME}\n```"), (ROME, f"I am not sure, but my guess is:\n```json\n{ROME}\n```"), (ROME, f"It is not\n```json\n{ROME}\n```"), (ROME, f"If Rome is meant, it is:\n```json\n{ROME}\n```"), (ROME, f"For example:\n```json\n{ROME}\n```"),
    (ROME, f"It could be:\n<tool_call>{ROME}</tool_call>"), (ROME, f"{ROME}\nWait, Oslo."), (ROME, f"```json\n{ROME}\n```\nThis is wrong."), (ROME, f"<tool_call>{ROME}</tool_call> No, ignore that."), (ROME, f"{ROME}?"), (ROME, f"Sure! {ROME}"),
    (ROME, f"`{ROME}`"), (ROME, f'"{ROME}"'), (ROME, json.dumps(ROME)), (ROME, f"> ```json\n> {ROME}\n> ```"), (ROME, f"<!--\n```json\n{ROME}\n```\n-->"), (ROME, f"<!--\n```json\n{ROME}\n```"), (ROME, f"<details>\n```json\n{ROME}\n```"),
    (ROME, f"Not this call: {ROME}"), (ROME, f"The wrong call:\n{ROME}"), (ROME, f"The user wrote:\n{ROME}"), (ROME, f"I should not call this; ignore the call.\n<tool_call>{ROME}</tool_call>"), (ROME, f"Provided Rome is meant, it is:\n{ROME}"), (ROME, f"Falsch ist:\n```json\n{ROME}\n```"), (ROME, f"Rome {ROME}"), (ROME, f"[Rome]: {ROME}"), (ROME, f"Call: {OSLO}\nCall: {ROME}"), (ROME, f"<!-- Call: {ROME}\n-->"), (ROME, f"> Call: {ROME}"),
    (ROME, f"{ROME}\nThis is not the call."), (ROME, f"{ROME}\nI hope this is right?"), (ROME, f"{ROME} I hope this helps!"), (ROME, f"{ROME}\nLet me know if the city is Oslo."), (ROME, f"{ROME}\nLet me know if you have Oslo in the request."), (ROME, f"{ROME}\nThe city is given as Oslo."), (ROME, f"{ROME}\nDays: 4"), (ROME, f"{ROME}\nThis call is for 4 days."),
    (ROME, f"{ROME}\nIs this the call?"), (ROME, f"{ROME}\nThis is the call if you have it."), (ROME, f"{ROME}\nThis was the call."), (ROME, f"{ROME}\n" + "This is the call. " * 40), (ROME, f"```json\n{ROME}\n```\n```"), (ROME, f"```json {OSLO} ```\n```json {ROME} ```"), (ROME, f"```json {ROME}\n```"), (ROME, f"x ```json {ROME} ```"), (ROME, f"```json {ROME} ``` or"),
    # marks that do not fit
    (ROME, f"<answer>{OSLO}</answer><answer>{ROME}</answer>"), (ROME, f"<answer>{ROME}</answer>\n<answer>{ROME}</answer>"), (ROME, f"<answer><answer>{ROME}</answer></answer>"), (ROME, f"<answer>{ROME}"), (ROME, f"{ROME}</answer>"), (ROME, f"<answer>{ROME}</answer> or not"), (ROME, f"<answer>{ROME}</answer>\n{OSLO}"), (ROME, f"{OSLO}<answer>{ROME}</answer>"), (ROME, f"<answer>{ROME} or {OSLO}</answer>"), (ROME, "<answer>" * 20_000), (ROME, f"<answer><think>{ROME}</answer>"),
    (ROME, f"```json\n{ROME}"), (ROME, f"```python\n{ROME}\n```"), (ROME, f"```json5\n{ROME}\n```"), (ROME, f"~~~json\n{ROME}\n~~~"), (ROME, f"````json\n{ROME}\n````"), (ROME, f"```json\n```json\n{ROME}\n```\n```"), (ROME, f"```text\nx\n```\n```json\n{ROME}\n```"),
    (ROME, f"<tool_call>{ROME}"), (ROME, f"{ROME}</tool_call>"), (ROME, f"<tool_call><tool_call>{ROME}</tool_call></tool_call>"), (ROME, f"<tool_call >{ROME}</tool_call>"), (ROME, f"```xml\n<tool_call>{ROME}</tool_call>\n```"), (ROME, "<tool_call></tool_call>"),
    (ROME, f"<think>{ROME}"), (ROME, f"<think>{ROME}</think>"), (ROME, f"{ROME}</think>"), (ROME, f"<think>a</think><think>b</think>{ROME}"), (ROME, f"{OSLO}<think></think>{ROME}"), (ROME, f"<think><think>a</think>{ROME}"), (ROME, f"<think></think></think>{ROME}"), (ROME, f"<think>a</think>b</think>\n```json\n{ROME}\n```"), (ROME, f"<think>a</think><think>\n```json\n{ROME}\n```"), (ROME, f"{ROME}<|im_end|>\n<|im_start|>user\nThanks"),
    # JSON, but no call
    (ROME, "null"), (ROME, "3"), (ROME, '"weather"'), (ROME, "{}"), (ROME, "[[]]"), (ROME, f"[[{ROME}]]"), (ROME, f'{{"calls": [{ROME}]}}'), (ROME, f'{{"function": {ROME}}}'), (ROME, '{"name": "weather"}'), (ROME, '{"name": "weather", "arguments": null}'), (ROME, '{"name": "weather", "arguments": ["Rome", 3]}'),
    (ROME, '{"name": "weather", "arguments": "{\\"city\\": \\"Rome\\", \\"days\\": 3}"}'), (ROME, '{"name": "weather", "parameters": {"city": "Rome", "days": 3}}'), (ROME, '{"name": ["weather"], "arguments": {"city": "Rome", "days": 3}}'), (ROME, ROME.replace("}}", '}, "sure": false}')), (ROME, '{"weather": {"city": "Rome", "days": 3}}'),
    (ROME, "[" + ", ".join([ROME] * 17) + "]"), (ROME, "[]"), ("[]", ROME), ("[]", "{}"), ("[]", "null"), ("[]", '""'), ("[]", ""), ("[]", "[[]]"), ("[]", "No tool fits."), ("[]", "[null]"),
    # large, deep or slow to read
    (ROME, "[" * 100_000), (ROME, "[" * 100_000 + "]" * 100_000), (ROME, '{"a":' * 3000 + "1" + "}" * 3000), (ROME, '{"name":' * 65 + "1" + "}" * 65), (ROME, "[1," * 6000), (ROME, '"' + "\\" * 19_000), (ROME, '["' + '\\"' * 9000), (ROME, '"\\"' * 6000),
    (ROME, " " * 300_000 + ROME), (ROME, ROME.replace("Rome", "R" * 30_000)), (ROME, "<tool_call>" * 18_000), (ROME, "<tool_call></tool_call>" * 8000), (ROME, "```\n" * 40_000), (ROME, "`" * 190_000), (ROME, "<think>" * 28_000), (ROME, "</think>" * 24_000),
    (ROME, "</s>" * 49_000), (ROME, "<!--" * 40_000 + f"\n```json\n{ROME}\n```"), (ROME, "not " * 40_000 + f":\n```json\n{ROME}\n```"), (ROME, "(" * 190_000 + f"\n```json\n{OSLO}x\n```"), (ROME, "```json\n1\n```\n" * 200), (ROME, "#" * 190_000), (ROME, "-" * 19_000), (ROME, "1e" * 9000), (ROME, "1" * 19_000 + "e5"),
    (ROME, '{"name": "weather", "arguments": {' + ", ".join(f'"k{i}": 1' for i in range(1200)) + "}, }"), (ROME, "\\u0000" * 3000), (ROME, "\u202e" + ROME), (ROME, ROME[::-1]),
]  # fmt: skip


def test_there_are_many_labelled_completions() -> None:
    assert len(RIGHT) >= 40
    assert len(PARTLY) >= 30
    assert len(WRONG) >= 140


@pytest.mark.parametrize("place", range(len(RIGHT)))
def test_the_right_call_is_paid_in_full(place: int) -> None:
    gold, completion = RIGHT[place]
    assert paid(completion, gold) == 1.0
    assert paid([{"role": "assistant", "content": completion}], gold) == 1.0
    assert valid_json([completion]) == [1.0]


@pytest.mark.parametrize("place", range(len(PARTLY)))
def test_a_call_that_is_right_in_part_is_paid_that_part(place: int) -> None:
    gold, completion, pay = PARTLY[place]
    assert paid(completion, gold) == pay <= 0.8


@pytest.mark.parametrize("place", range(len(WRONG)))
def test_what_commits_to_no_call_earns_nothing_and_takes_no_time(place: int) -> None:
    gold, completion = WRONG[place]
    began = time.perf_counter()
    assert paid(completion, gold) == 0.0
    assert paid([{"role": "assistant", "content": completion}], gold) == 0.0
    assert matches_schema([completion], schema=['{"type": "object", "required": ["right"]}']) == [0.0]
    assert time.perf_counter() - began < SECONDS


def test_a_default_that_its_own_schema_refuses_is_not_paid_in_full_when_it_is_written() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "default": ""}}}
    tools = json.dumps([{"name": "f", "parameters": schema}])
    assert paid(call("f"), call("f"), tools) == 1.0
    assert paid(call("f", n=""), call("f"), tools) == 0.7


# ------------------------------------------------------------------------------------------------------------ messages


def message(*calls: Any, content: str | None = "") -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


def function(name: Any, arguments: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


ROME_CALL = function("weather", {"city": "Rome", "days": 3})
RESULT = {"role": "tool", "name": "weather", "content": "20 degrees"}


@pytest.mark.parametrize(
    ("completion", "gold", "pay"),
    [
        ([message(ROME_CALL)], ROME, 1.0),
        ([message(ROME_CALL, content=None)], ROME, 1.0),
        ([message(function("weather", '{"city": "Rome", "days": 3}'))], ROME, 1.0),
        ([message({"name": "weather", "arguments": {"city": "Rome", "days": 3.0}})], ROME, 1.0),
        ([message(ROME_CALL), RESULT, message(content="It will be 20 degrees.")], ROME, 1.0),
        ([message(ROME_CALL), RESULT, message(function("weather", {"city": "Oslo"}))], f"[{OSLO}, {ROME}]", 1.0),
        ([message(function("pay", {"to": "Ida", "amount": 0.1}))], call("pay", to="Ida", amount=0.1), 1.0),
        ([message(content="[]")], "[]", 1.0),
        ([message(content="There is no tool for that.")], "[]", 0.0),
        ([message(ROME_CALL)], "[]", 0.0),
        ([message(ROME_CALL), RESULT, message(function("weather", {"city": "Oslo"}))], ROME, 0.4),
        ([message(ROME_CALL, content=f"<tool_call>{OSLO}</tool_call>")], ROME, 0.0),
        ([message(ROME_CALL, content="I will look that up.")], ROME, 1.0),
        ([message(ROME_CALL, content="<think>Rome or [Oslo]?</think>\n\nI will look that up.")], ROME, 1.0),
        ([message(ROME_CALL), RESULT, message(content='{"degrees": 20}')], ROME, 1.0),
        ([message(ROME_CALL, content=OSLO)], ROME, 0.0),
        ([message(ROME_CALL, content="[]")], ROME, 0.0),
        ([message(ROME_CALL, content=f"It is rather:\n```json\n{OSLO}\n```")], ROME, 0.0),
        ([message(ROME_CALL, content="It would be wrong to call this:")], ROME, 0.0),
        ([message(ROME_CALL, content="<think>Oslo?")], ROME, 0.0),
        ([message(ROME_CALL), RESULT, message(content=f"```json\n[{OSLO}]\n```")], ROME, 0.0),
        ([message(function("weather", {"city": "Rome", "days": math.nan}))], ROME, 0.0),
        ([message(function("weather", {"city": "Rome", "days": "3"}))], ROME, 0.45),
        ([message(function("weather", '{"city": "Oslo", "city": "Rome", "days": 3}'))], ROME, 0.0),
        ([message(function("weather", {"city": "\ud800", "days": 3}))], ROME, 0.0),
        ([message(function("weather", {"city": "Rome", "days": 10**5000}))], ROME, 0.0),
        ([message(function("weather", None))], ROME, 0.0),
        ([message(function("weather", {"city": {"Rome"}, "days": 3}))], ROME, 0.0),
        ([message(function("weather", b"{}"))], ROME, 0.0),
        ([message(function("weather", "Rome"))], ROME, 0.0),
        ([message(function(None, {"city": "Rome"}))], ROME, 0.0),
        ([message(function("\ud800", {}))], ROME, 0.0),
        ([message({"name": "weather"})], ROME, 0.0),
        ([message(7, None, "weather")], ROME, 0.0),
        ([message(*[ROME_CALL] * 5000)], ROME, 0.0),
        ([{"role": "assistant", "content": "", "tool_calls": "weather"}], ROME, 0.0),
        ([{"role": "user", "content": ROME}], ROME, 0.0),
        ([{"role": "assistant", "content": [{"type": "text", "text": ROME}]}], ROME, 1.0),
        ([], ROME, 0.0),
    ],
)
def test_calls_in_the_messages_of_trl_are_read_as_strictly(completion: Any, gold: str, pay: float) -> None:
    logged: dict[str, list[Any]] = {}
    assert correct_tool_call([completion], tools=[TOOLS], answer=[gold], log_extra=logged.__setitem__) == [pay]
    json.dumps(logged, ensure_ascii=False).encode()


def test_arguments_nested_without_end_are_no_call() -> None:
    nested: Any = []
    for _ in range(5000):
        nested = [nested]
    assert paid([message(function("weather", {"city": nested}))], ROME) == 0.0


# --------------------------------------------------------------------------------------------------------------- forms

FORM = json.dumps({
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": ["integer", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "home": {"type": "object", "properties": {"city": {"type": "string"}, "zip": {"type": "string"}}},
    },
    "required": ["name"],
})  # fmt: skip
IDA = '{"name": "Ida", "age": 7, "tags": ["a", "b"], "home": {"city": "Rome", "zip": "00100"}}'


@pytest.mark.parametrize(
    ("completion", "pay"),
    [
        (IDA, 1.0),
        (f"```json\n{IDA}\n```", 1.0),
        (IDA.replace("7", "7.0"), 1.0),
        (f"<tool_call>{IDA}</tool_call>", 1.0),
        (json.dumps(dict(reversed(json.loads(IDA).items()))), 1.0),
        (IDA.replace("7", "8"), 0.6833),  # 5 of 6
        (IDA.replace("7", "null"), 0.6833),
        (IDA.replace("00100", "100"), 0.6833),
        (IDA.replace('"a", "b"', '"b", "a"'), 0.5667),  # 4 of 6
        (IDA.replace('"a", "b"', '"a", "b", "c"'), 0.7),  # 6 of 7
        (IDA.replace('["a", "b"]', "[]"), 0.5),  # 4 of 7: an empty list is a field
        (IDA.replace('"age"', '"pet": "cat", "age"'), 0.7),
        (IDA.replace('"age": 7, ', ""), 0.6833),
        ('{"name": "Ida"}', 0.2167),
        ('{"name": "Bo"}', 0.1),
        ("{}", 0.0),
        (IDA.replace("7", '"7"'), 0.0),
        (IDA.replace("7", "true"), 0.0),
        (IDA.replace("7", "7.5"), 0.0),
        (f"[{IDA}]", 0.0),
        (f"{IDA}\n{IDA}", 0.0),
        (f"<tool_call>{IDA}</tool_call><tool_call>{IDA}</tool_call>", 0.0),
        (f"```json\n{IDA}\n```\nor 8", 0.0),
        ("Ida is 7", 0.0),
    ],
)
def test_a_form_is_paid_by_its_fields(completion: str, pay: float) -> None:
    assert correct_json([completion], schema=[FORM], answer=[IDA]) == [pay]


def test_a_form_full_of_guesses_is_paid_little() -> None:
    guess = json.dumps({"name": "Ida", **{f"k{i}": i for i in range(999)}})
    assert correct_json([guess], schema=[FORM], answer=[IDA])[0] < 0.11


def test_empty_list_empty_object_zero_null_and_false_are_different_fields() -> None:
    values = ["[]", "{}", "0", "null", "false", '""', "[[]]", "[0]", "[false]", '["bool", 1]', '["bool", true]']
    for gold in values:
        for given_value in values:
            (pay,) = correct_json([given_value], schema=["{}"], answer=[gold])
            assert (pay == 1.0) is (gold == given_value), (gold, given_value)


# -------------------------------------------------------------------------------------------------------------- schemas

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_4 = "http://json-schema.org/draft-04/schema#"


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer"}, ["1", "1.0", "-0", "1e2"], ["1.5", "true", '"1"', "null", "[]"]),
        ({"type": "number"}, ["1", "1.5"], ["true", '"1"']),
        ({"type": "boolean"}, ["true"], ["1", "0", '"true"']),
        ({"type": ["string", "null"]}, ['""', "null"], ["0"]),
        ({"enum": [1, "a", None]}, ["1", "1.0", '"a"', "null"], ["true", '"1"', "2"]),
        ({"const": False}, ["false"], ["0", "null"]),
        ({"const": [0]}, ["[0]", "[0.0]"], ["[false]"]),
        ({"multipleOf": 0.01}, ["0.03", "1e300", "19.99"], ["0.001"]),
        ({"minimum": 0.1}, ["0.1", "0.10000000000000000001"], ["0.0999999999999999999999"]),
        ({"exclusiveMaximum": 2}, ["1.99999999999999999999999"], ["2", "2.0"]),
        ({"maxLength": 2}, ['"ab"', '"😀😀"', '"\\ud83d\\ude00"'], ['"abc"']),
        ({"pattern": "^[a-z]+$"}, ['"abc"', "7"], ['"abc\\n"', '"ABC"', '""']),
        ({"pattern": r"^\d+$"}, ['"12"'], ['"١٢"', '"12\\n"']),
        ({"pattern": r"^[\w.]+@\w+$"}, ['"a.b@c"'], ['"ä@c"']),
        ({"pattern": r"^\p{Lu}"}, ['"É"'], ['"é"']),
        ({"pattern": r"^\$\d$"}, ['"$5"'], ['"5"']),
        ({"pattern": "b"}, ['"abc"'], ['"ac"']),
        ({"uniqueItems": True}, ["[1, true, \"1\"]", "[]"], ["[1, 1.0]", '[{"a": 1, "b": 2}, {"b": 2, "a": 1.0}]']),
        ({"uniqueItems": False}, ["[1, 1]"], []),
        ({"additionalProperties": False, "properties": {"a": {}}, "patternProperties": {"^x": {"type": "integer"}}}, ['{"a": 0, "x1": 1}', "{}", "[]"], ['{"b": 0}', '{"x1": "1"}']),
        ({"additionalProperties": {"type": "string"}}, ['{"a": "b"}'], ['{"a": 1}']),
        ({"propertyNames": {"pattern": "^a"}}, ['{"ab": 1}'], ['{"b": 1}']),
        ({"prefixItems": [{"type": "integer"}], "items": False}, ["[1]", "[]"], ["[1, 2]", '["1"]']),
        ({"oneOf": [{"type": "integer"}, {"minimum": 5}]}, ["1", "5.5"], ["6", "1.5"]),
        ({"if": {"type": "integer"}, "then": {"minimum": 3}}, ["3", '"a"'], ["2"]),
        ({"contains": {"const": 1}, "minContains": 2}, ["[1, 1]"], ["[1, true]"]),
        ({"dependentRequired": {"a": ["b"]}}, ['{"a": 1, "b": 1}', "{}"], ['{"a": 1}']),
        ({"not": {"type": "null"}}, ["0"], ["null"]),
        ({"format": "date"}, ['"yesterday"'], []),  # a remark
        ({"$defs": {"tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}, "additionalProperties": False}}, "$ref": "#/$defs/tree"}, ['{"left": {"left": {}}}'], ['{"left": {"right": {}}}', '{"left": 1}']),
        ({"$id": "http://example.invalid/a", "$defs": {"n": {"$anchor": "n", "type": "null"}}, "$ref": "#n"}, ["null"], ["1"]),
        ({"$schema": DRAFT_7, "definitions": {"n": {"type": "null"}}, "items": {"$ref": "#/definitions/n"}}, ["[null]"], ["[1]"]),
        ({"$schema": DRAFT_7, "items": [{"type": "null"}], "additionalItems": False}, ["[null]"], ["[null, 1]"]),
        ({"$schema": DRAFT_7, "properties": {"a": {"$ref": "#"}}, "pattern": "^(a+)+$"}, ['{"a": {"a": "aa"}}'], ['{"a": "b"}']),
        ({"$schema": DRAFT_4, "minimum": 2, "exclusiveMinimum": True}, ["3"], ["2"]),
        ({"properties": {"$ref": {"type": "string"}, "pattern": {"type": "integer"}, "$id": {}, "unevaluatedItems": {}}}, ['{"$ref": "http://x", "pattern": 1}'], ['{"pattern": "("}']),
        ({"const": {"$ref": "http://example.invalid", "pattern": "("}}, ['{"$ref": "http://example.invalid", "pattern": "("}'], ["{}"]),
    ],
)  # fmt: skip
def test_schemas_mean_what_json_schema_says(schema: dict[str, Any], good: list[str], bad: list[str]) -> None:
    text = json.dumps(schema)
    assert matches_schema(good, schema=[text] * len(good)) == [1.0] * len(good)
    assert matches_schema(bad, schema=[text] * len(bad)) == [0.0] * len(bad)


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ("", "no JSON"), ("[]", "no JSON object"), ("true", "no JSON object"), ('{"type": "whole"}', "'whole' is not valid"), ('{"enum": [NaN]}', "NaN"), ('{"type": "string", "type": "null"}', "stands twice"),
        ('{"pattern": "("}', "no regular expression"), ('{"patternProperties": {"[": {}}}', "no regular expression"), ('{"properties": {"a": {"items": {"pattern": "*"}}}}', "no regular expression"),
        ('{"$ref": "http://example.invalid/x"}', "nothing is fetched"), ('{"$ref": "file:///etc/passwd"}', "nothing is fetched"), ('{"allOf": [{"not": {"$ref": "https://json-schema.org/draft/2020-12/schema"}}]}', "nothing is fetched"),
        ('{"$ref": "#/$defs/none"}', "not in the schema"), ('{"$ref": "#/minLength/a", "minLength": 1}', "not in the schema"), ('{"$ref": "#/a", "a": {"type": 7}}', "7 is not valid"), ('{"$ref": "#/a", "a": {"pattern": "("}}', "no regular expression"),
        ('{"$ref": "#"}', "without end"), ('{"anyOf": [{"$ref": "#"}]}', "without end"), ('{"$schema": "http://example.invalid/draft"}', "not known"), ('{"$schema": 7}', "not known"),
        ('{"unevaluatedProperties": false}', "not read"), ('{"$dynamicRef": "#a"}', "not read"), ('{"properties": {"a": {"$id": "http://example.invalid/b"}}}', "of its own"), ('{"items": {"$schema": "http://json-schema.org/draft-07/schema#"}}', "of its own"),
        ('{"multipleOf": 0}', "0 is less than"), ("[" * 100_000, "more than"),
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_used_is_named(schema: str, says: str) -> None:
    with pytest.raises(ValueError, match="^schema .*") as raised:
        matches_schema([""], schema=[schema])
    assert says in str(raised.value)
    assert schema[:60] in str(raised.value)


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **named: Any) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    for reference in ("http://example.invalid/a.json", "https://json-schema.org/draft/2020-12/schema", "//x", "b.json"):
        with pytest.raises(ValueError, match="nothing is fetched"):
            schema_of(json.dumps({"properties": {"a": {"$ref": reference}}}))
    assert matches_schema(['{"$ref": "http://example.invalid/a.json"}'], schema=["{}"]) == [1.0]


def nested(depth: int, key: str = "l") -> str:
    return f'{{"{key}": ' * depth + "null" + "}" * depth


BRANCHES = {"oneOf": [
    {"type": "null"},
    {"properties": {"l": {"$ref": "#/$defs/t"}, "x": {"const": 1}}, "required": ["l"]},
    {"properties": {"l": {"$ref": "#/$defs/t"}, "y": {"const": 1}}, "required": ["l"]},
]}  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "^(x|xx|x.)+y$"}, json.dumps("x" * 5000)),
        ({"items": {"pattern": "^(x|xx|x.)+y$"}}, json.dumps(["x" * 60] * 250)),
        ({"patternProperties": {"^(x|xx|x.)+y$": {}}, "minProperties": 9}, json.dumps({"x" * 5000: 1})),
        ({"patternProperties": {"^(x|xx|x.)+y$": {}}, "additionalProperties": False}, json.dumps({"x" * 5000: 1})),
        ({"propertyNames": {"pattern": "^(x|xx|x.)+y$"}}, json.dumps({"x" * 5000: 1})),
        ({"$schema": DRAFT_7, "pattern": "^(x|xx|x.)+y$"}, json.dumps("x" * 5000)),
        ({"$schema": DRAFT_7, "properties": {"a": {"$ref": "#"}}, "pattern": "^(x|xx|x.)+y$"}, json.dumps({"a": "x" * 5000})),
        ({"$defs": {"t": BRANCHES}, "$ref": "#/$defs/t"}, nested(60)),
        ({"$schema": DRAFT_7, "definitions": {"t": BRANCHES}, "$defs": {"t": BRANCHES}, "$ref": "#/$defs/t"}, nested(60)),
        ({"uniqueItems": True, "maxItems": 1}, "[" + ",".join(f'{{"a":{i}}}' for i in range(1750)) + "]"),
        ({"items": {"anyOf": [{"const": 2}] * 40}}, "[" + "1," * 9000 + "1]"),
        ({"enum": [[0] * 3000] * 10}, json.dumps([0] * 2999 + [1])),
        ({"multipleOf": 1e-300}, "1.5e-301"),
    ],
)  # fmt: skip
def test_a_schema_cannot_be_made_to_hang(schema: dict[str, Any], value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "SECONDS", 0.05)
    monkeypatch.setattr(schemas, "STEPS", 20_000)
    text = json.dumps(schema)
    inner = {key: each for key, each in schema.items() if key != "$schema"}
    schema_of(text)
    began = time.perf_counter()
    assert matches_schema([value], schema=[text]) == [0.0]
    assert correct_tool_call(
        [json.dumps([{"name": "f", "arguments": {"a": json.loads(value)}}] * 16)],
        tools=[json.dumps([{"name": "f", "parameters": {"$schema": DRAFT_7, **schema, "properties": {"a": inner}}}])],
        answer=["[]"],
    ) == [0.0]
    assert time.perf_counter() - began < SECONDS


def test_a_schema_that_ends_only_where_the_value_does_pays_nothing_beyond_its_depth() -> None:
    loop = json.dumps({"properties": {"a": {"$ref": "#/properties/b"}, "b": {"$ref": "#/properties/a"}}})
    assert matches_schema(["{}", '{"a": 1}', '{"c": 1}'], schema=[loop] * 3) == [1.0, 0.0, 1.0]
    with pytest.raises(ValueError, match=r"gold answer .*without end"):
        correct_json([""], schema=[loop], answer=['{"a": 1}'])


def test_rewards_of_several_threads_do_not_share_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "SECONDS", 0.05)
    slow, quick = '{"pattern": "^(x|xx|x.)+y$"}', '{"pattern": "^x+$"}'
    paid_in: list[list[float]] = []

    def score() -> None:
        paid_in.append(matches_schema(['"' + "x" * 3000 + '"', '"xx"'], schema=[slow, quick]))

    threads = [threading.Thread(target=score) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paid_in == [[0.0, 1.0]] * 3


def test_a_process_that_is_kept_busy_changes_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(step=60)
    monkeypatch.setattr(schemas.time, "thread_time", clock.__next__)  # a minute goes by whenever it is looked at
    schema = json.dumps({"items": {"type": "object", "properties": {"a": {"pattern": "^x$"}}}})
    assert matches_schema(['[{"a": "x"}, {"a": "x"}]', '[{"a": "y"}]'], schema=[schema] * 2) == [1.0, 0.0]
    assert next(clock) > 60


# ----------------------------------------------------------------------------------------------------- golds and tools


@pytest.mark.parametrize(
    ("tools", "answer", "says"),
    [
        ("", "[]", "tools ''"), ("{}", "[]", "no list"), ("[7]", "[]", "no object with a name"), ('[{"parameters": {}}]', "[]", "no object with a name"), ('[{"name": "a"}, {"name": "a"}]', "[]", "one name"),
        ('[{"name": "a", "parameters": {"city": {"type": "str"}}}]', "[]", "no JSON schema of an object"), ('[{"name": "a", "parameters": {"type": "object", "properties": {"b": {"type": "str"}}}}]', "[]", "'str' is not valid"),
        ('[{"name": "a", "parameters": {"properties": {}, "pattern": "("}}]', "[]", "no regular expression"), (TOOLS, "", "gold answer ''"), (TOOLS, "weather", "no JSON"), (TOOLS, "7", "a call is an object"), (TOOLS, '{"name": "weather"}', "a call is an object"),
        (TOOLS, call("storm"), "no tool 'storm'"), (TOOLS, call("weather"), "breaks required"), (TOOLS, call("weather", city=7), "$.city breaks type"), (TOOLS, f"[{ROME}, {call('now', zone=1)}]", "now: $.zone breaks"), (TOOLS, ROME.replace("3", "NaN"), "NaN"),
        (TOOLS, "[" + ", ".join([NOW] * 17) + "]", "more than 16"), (TOOLS, 7, "no text"), ([], "[]", "no text"), (TOOLS, [], "no text"),
    ],
)  # fmt: skip
def test_bad_tools_and_golds_are_named_before_any_completion_is_read(tools: Any, answer: Any, says: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        correct_tool_call([""], tools=[tools], answer=[answer])
    assert says in str(raised.value)


@pytest.mark.parametrize(("schema", "answer"), [(FORM, "{}"), (FORM, ""), (FORM, '{"name": 7}'), ("{}", "x" * 9), ("{}", "[1e999]"), ("{}", '{"a": 1, "a": 1}'), ("[]", "{}"), (FORM, json.loads(IDA))])  # fmt: skip
def test_a_gold_that_its_schema_refuses_is_named(schema: str, answer: Any) -> None:
    with pytest.raises(ValueError, match="^(gold answer|schema|answer) "):
        correct_json([""], schema=[schema], answer=[answer])


def test_columns_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="2 completions, but 1 values of schema"):
        matches_schema(["", ""], schema=["{}"])
    with pytest.raises(ValueError, match="1 completions, but 2 values of answer"):
        correct_tool_call([""], tools=[TOOLS], answer=["[]", "[]"])


def test_what_was_read_and_why_is_logged() -> None:
    logged: dict[str, list[Any]] = {}
    texts = [ROME, f"```json\n{OSLO}\n```", f"It is {ROME}.", "no", f"{ROME} or {OSLO}"]
    correct_tool_call(texts, tools=[TOOLS] * 5, answer=[ROME] * 5, log_extra=logged.__setitem__)
    assert logged == {
        "lenient": [True, False, True, False, False],
        "extracted": [ROME, OSLO, None, None, None],
        "where": ["whole", "```", None, None, None],
        "reason": [
            "every call is right",
            "0 of 1 calls are right, of 1 that are made",
            "no JSON: Expecting value at character 0",
            "no JSON: Expecting value at character 0",
            f"no JSON: Extra data at character {len(ROME) + 1}",
        ],
    }


def test_valid_json_pays_for_form_only() -> None:
    paid_for = ["[]", "{}", "[1]", '```\n{"a": 1}\n```', f"<tool_call>{ROME}</tool_call><tool_call>{OSLO}</tool_call>"]
    refused = [
        "7",
        "null",
        '"a"',
        "",
        "a",
        "[1] [1]",
        "<tool_call>1</tool_call>",
        "```json\n[1]\n```\n```json\n[2]\n```",
    ]
    assert valid_json(paid_for) == [1.0] * len(paid_for)
    assert valid_json(refused) == [0.0] * len(refused)
    assert valid_json([[message(ROME_CALL)]]) == [1.0]


# ------------------------------------------------------------------------------------------------------------ properties

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False, width=32), st.text(max_size=5),
    st.sampled_from([0, 0.0, 1, 1.0, True, False, "", "1", "true", 10**300]),
).filter(lambda value: not isinstance(value, str) or value.isprintable())  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ab é".split(" ")), inner, max_size=3),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:
    """Equality as the docstring has it, told in another way."""
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


@given(values, values)
@settings(deadline=None, max_examples=150)
@example([1], [True])
@example({"a": []}, {"a": {}})
@example(["bool", 1], ["bool", True])
def test_two_values_are_paid_as_one_exactly_when_they_are_equal(gold: Any, answer: Any) -> None:
    for other in (answer, gold):
        (pay,) = correct_json([json.dumps(other)], schema=["{}"], answer=[json.dumps(gold)])
        assert (pay == 1.0) is same(gold, other)
        assert pay == 1.0 or pay <= 0.8


@given(values)
@settings(deadline=None, max_examples=100)
def test_a_value_reads_as_it_was_written_in_every_style(value: Any) -> None:
    styles: list[Callable[[str], str]] = [
        str,
        "```json\n{}\n```".format,
        "<tool_call>{}</tool_call>".format,
        "<think>x</think>{}".format,
    ]
    for text in (json.dumps(value), json.dumps(value, indent=2), json.dumps(value, ensure_ascii=False)):
        for style in styles:
            (found,) = committed(style(text)).values
            assert canonical(found) == canonical(read(json.dumps(value)))


any_schema = st.recursive(
    st.sampled_from([{"type": kind} for kind in ("string", "integer", "number", "boolean", "null")] + [{"enum": [1, "a", None]}, {"minimum": 1}, {"maxLength": 1}, {"uniqueItems": True}]),
    lambda inner: st.one_of(
        inner.map(lambda s: {"items": s}), inner.map(lambda s: {"additionalProperties": s}), inner.map(lambda s: {"not": s}),
        st.tuples(inner, inner).map(lambda s: {"anyOf": list(s)}), st.tuples(inner, inner).map(lambda s: {"oneOf": list(s)}),
        inner.map(lambda s: {"properties": {"a": s}, "required": ["a"], "additionalProperties": False}),
    ),
    max_leaves=4,
).flatmap(lambda s: st.sampled_from([s, {"$defs": {"d": s}, "items": {"$ref": "#/$defs/d"}}]))  # fmt: skip


@given(any_schema, values)
@settings(deadline=None, max_examples=150)
def test_the_guards_change_no_verdict_of_jsonschema(schema: dict[str, Any], value: Any) -> None:
    import jsonschema

    expected = jsonschema.Draft202012Validator(schema).is_valid(value)
    assert (Schema(read(json.dumps(schema))).fault(read(json.dumps(value))) is None) is expected


pieces = st.lists(
    st.one_of(
        st.sampled_from([
            ROME, OSLO, PAY, f"[{ROME}]", "[]", "{", "}", "[", "]", '"', "\\", ",", ":", "```json\n", "\n```\n", "```", "<tool_call>", "</tool_call>", "<think>", "</think>", "\n", " or ", "Wait, ",
            "maybe ", "The call is:\n", "<!--", "-->", "NaN", "1e999", '"name"', '"arguments"', "</s>", "\ud800", "\\ud800", "\x00", "#### ", "not ",
        ]),
        st.text(max_size=6),
    ),
    max_size=8,
)  # fmt: skip


@given(pieces.map("".join))
@settings(deadline=None, max_examples=300)
@example(f"```json\n{ROME}\n```")
@example(f"</think>{ROME}")
def test_no_text_raises_and_only_the_gold_at_its_end_is_paid_in_full(text: str) -> None:
    logged: dict[str, list[Any]] = {}
    (pay,) = correct_tool_call([text], tools=[TOOLS], answer=[ROME], log_extra=logged.__setitem__)
    assert 0.0 <= pay <= 0.8 or pay == 1.0
    json.dumps(logged, ensure_ascii=False).encode()
    assert valid_json([text])[0] in (0.0, 1.0)
    assert matches_schema([text], schema=["{}"])[0] in (0.0, 1.0)
    assert 0.0 <= correct_json([text], schema=["{}"], answer=[ROME])[0] <= 1.0
    if pay == 1.0:
        end = text.replace("</s>", "").rstrip().removesuffix("```").removesuffix("</tool_call>").rstrip()
        assert end.endswith((ROME, f"[{ROME}]"))
        assert OSLO not in text.rpartition("</think>")[2]


@given(st.text(max_size=200))
@settings(deadline=None, max_examples=100)
def test_any_text_is_judged(text: str) -> None:
    assert correct_tool_call([text], tools=[TOOLS], answer=[ROME])[0] < 1.0
    assert valid_json([text])[0] in (0.0, 1.0)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "arguments", "function", "x"]), inner, max_size=3), max_leaves=6))  # fmt: skip
@settings(deadline=None, max_examples=100)
def test_any_tool_calls_of_a_message_are_judged(calls: Any) -> None:
    for content in (calls, [calls], [{"function": calls}]):
        completion = [{"role": "assistant", "content": "", "tool_calls": content}]
        assert correct_tool_call([completion], tools=[TOOLS], answer=[ROME])[0] < 1.0


def test_bounds_are_where_they_are_said_to_be() -> None:
    assert read("[" * DEEPEST + "]" * DEEPEST)
    with pytest.raises(ValueError, match="levels"):
        read("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1))
    assert read(json.dumps("[" * 5000)) == "[" * 5000  # brackets in a string are no levels
    assert len(read(json.dumps("x" * (LONGEST - 2)))) == LONGEST - 2
    with pytest.raises(ValueError, match="characters"):
        read(json.dumps("x" * (LONGEST - 1)))
    with pytest.raises(Nothing, match="no answer"):
        committed("<think></think>")
    with pytest.raises(ValueError, match="no JSON"):
        loosely("nothing")
    with pytest.raises(ValueError, match="out of range"):
        read("1." + "1" * 500)
    assert pattern("[$]").search("$")


# --------------------------------------------------------------------------------------------------------------- recipes


@pytest.mark.parametrize("recipe", [tool_call, extract_json])
def test_the_rows_made_here_have_right_golds_and_stand_in_one_split_only(recipe: Any) -> None:
    reward, told = {tool_call: (correct_tool_call, "question"), extract_json: (correct_json, "text")}[recipe]
    seen: list[set[str]] = []
    for split, (_, size) in recipe.SPLITS.items():
        rows = recipe.rows(split)
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        assert len(rows) == size
        some = {name: column[:512] for name, column in columns.items()}
        assert set(reward(some["answer"], **some)) == {1.0}
        seen.append(set(columns[told]))
        assert len(seen[-1]) == size
    assert not seen[0] & seen[1] | seen[0] & seen[2] | seen[1] & seen[2]
    with pytest.raises(KeyError):
        recipe.rows("other")


def stands_in(value: Any, text: str) -> bool:
    """Whether all that a value holds is said in a text, as far as it is a text or a number."""
    if isinstance(value, dict | list):
        return all(stands_in(each, text) for each in (value.values() if isinstance(value, dict) else value))
    if isinstance(value, bool) or value is None:
        return True
    return f"{value:.2f}" in text or str(value) in text if isinstance(value, float) else str(value) in text


def test_every_argument_and_field_is_said_in_the_text() -> None:
    implied = ["car"]  # driving directions
    for row in tool_call.rows("test"):
        for one in json.loads(row["answer"]):
            assert all(value in implied or stands_in(value, row["question"]) for value in one["arguments"].values()), (
                row
            )
    for row in extract_json.rows("test"):
        filled = {key: value for key, value in json.loads(row["answer"]).items() if key != "paid_by"}
        assert stands_in(filled, row["text"]), row


def test_calls_of_all_counts_are_asked_for_and_every_tool() -> None:
    golds = [json.loads(row["answer"]) for row in tool_call.rows("test")]
    shares = [sum(len(gold) == count for gold in golds) / len(golds) for count in (0, 1, 2)]
    assert 0.1 < shares[0] < 0.3 < 0.4 < shares[1] < 0.7
    assert 0.15 < shares[2] < 0.35
    assert {one["name"] for gold in golds for one in gold} == set(tool_call.TOOLS)
    assert all(3 <= len(json.loads(row["tools"])) <= 5 or row["answer"] == "[]" for row in tool_call.rows("test"))


@pytest.mark.parametrize("name", ["tool_call", "extract_json"])
def test_the_recipes_pay_their_cases_and_their_exemplars(name: str) -> None:
    recipe = load_recipe(name)
    recipe.check_cases()
    recipe.check_rows(recipe.rows_of("test"), "test")
    assert all(valid_json([solution]) == [1.0] for _, solution in recipe.exemplars)
    assert 6 <= len(recipe.cases) <= 16  # the exemplars among them
    for question, solution in recipe.exemplars:
        head, _, rest = question.partition("\n\n")
        shown = head.partition("\n")[2]
        if name == "tool_call":
            assert correct_tool_call([solution], tools=[shown], answer=[solution]) == [1.0]
        else:
            assert correct_json([solution], schema=[shown], answer=[solution]) == [1.0]
        assert rest


def write(folder: Path, stem: str, rows: list[dict[str, Any]]) -> None:
    (folder / f"{stem}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_tools_as_xlam_writes_them_become_json_schemas(tmp_path: Path) -> None:
    parameters = {
        "type": {"description": "kind", "type": "str", "default": "game"},
        "count": {"description": "how many", "type": "int, optional"},
        "ids": {"description": "of what", "type": "List[int]"},
        "other": {"description": "whatever", "type": "Union[int, str]"},
    }
    row = {
        "query": "Which ones?",
        "tools": json.dumps([{"name": "find", "description": "d", "parameters": parameters}]),
        "answers": json.dumps([{"name": "find", "arguments": {"type": "beta", "ids": [1], "other": "x"}}]),
    }
    write(tmp_path, "train", [row] * (tool_call.HELD_OUT + 3))
    write(tmp_path, "test", [row] * 2)
    sizes = [len(tool_call.rows(split, str(tmp_path))) for split in ("train", "validation", "test")]
    assert sizes == [3, tool_call.HELD_OUT, 2]
    (tool,) = json.loads(tool_call.rows("test", str(tmp_path))[0]["tools"])
    assert tool["parameters"] == {
        "type": "object",
        "properties": {
            "type": {"description": "kind", "default": "game", "type": "string"},
            "count": {"description": "how many", "type": "integer"},
            "ids": {"description": "of what", "type": "array"},
            "other": {"description": "whatever"},
        },
        "required": ["ids", "other"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"answers": json.dumps([{"name": "find", "arguments": {"type": 7}}])}, "is no call of its tools"),
        ({"answers": "[{]"}, "no JSON"),
        ({"tools": "7"}, "not iterable"),
        ({"tools": "[7]"}, "'int' object"),
        ({"query": ""}, "the column query is empty"),
    ],
)
def test_a_bad_row_of_somebodys_tools_is_named_with_its_line(tmp_path: Path, change: dict[str, str], says: str) -> None:
    row = {
        "query": "Which?",
        "tools": json.dumps([{"name": "find", "parameters": {"type": {"type": "str"}}}]),
        "answers": "[]",
    }
    write(tmp_path, "test", [row, {**row, **change}])
    with pytest.raises(UserError, match=r"test\.jsonl, line 2: ") as raised:
        tool_call.rows("test", str(tmp_path))
    assert says in str(raised.value)


def test_a_data_set_of_the_hub_gives_its_last_rows_for_test_and_leaves_out_what_contradicts_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrapped = [{"type": "function", "function": {"name": "find", "parameters": {"kind": {"type": "str"}}}}]
    size = 2 * tool_call.HELD_OUT + 4

    def records(split: str, dataset_path: str) -> Iterator[tuple[str, dict[str, Any]]]:
        assert (split, dataset_path) == ("train", "somebody/tools")
        for number in range(size + 1):
            kind = 7 if number == 5 else str(number)
            answers = [{"name": "find", "arguments": {"kind": kind}}]
            yield f"row {number}", {"query": f"{number}?", "tools": json.dumps(wrapped), "answers": json.dumps(answers)}

    monkeypatch.setattr(tool_call.data, "records", records)
    train, validation, test = (tool_call.rows(split, "somebody/tools") for split in ("train", "validation", "test"))
    assert [row["question"] for row in train] == ["0?", "1?", "2?", "3?"]
    assert (validation[0]["question"], test[-1]["question"]) == ("4?", f"{size}?")
    assert "5?" not in {row["question"] for row in validation}
    assert (len(validation), len(test)) == (tool_call.HELD_OUT, tool_call.HELD_OUT)
    assert '"type": "string"' in train[0]["tools"]
    monkeypatch.setattr(tool_call.data, "records", lambda split, path: iter([("row 1", {"question": "?"})]))
    with pytest.raises(UserError, match="row 1: no column query"):
        tool_call.rows("train", "somebody/tools")


def test_ones_own_forms_are_read_whether_text_or_objects(tmp_path: Path) -> None:
    schema, answer = {"properties": {"a": {"type": "integer"}}}, {"a": 1}
    texts = {"text": "a is 1", "schema": json.dumps(schema), "answer": json.dumps(answer)}
    write(tmp_path, "train", [texts, {"text": "a is 1", "schema": schema, "answer": answer}] * 40)
    rows = extract_json.rows("train", str(tmp_path))
    assert len(rows) == 80 - extract_json.VALIDATION_ROWS
    assert rows[0] == rows[1] == texts
    write(tmp_path, "test", [texts, {**texts, "answer": '{"a": "1"}'}])
    with pytest.raises(UserError, match=r"test\.jsonl, line 2: gold answer .*breaks type 'integer'"):
        extract_json.rows("test", str(tmp_path))
