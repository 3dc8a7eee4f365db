"""Tool calls, 3-shot, chat: an instruct model chooses tools with their arguments, or none: `[{"name": ...}, ...]`.

Data      made here: 4,096 train rows, 512 validation rows, 512 test rows with 3 to 5 of 14 tools, every third with two
          calls or with none; no request in two splits. Or --dataset_path: a folder with train and test (columns query,
          tools, answers), or a hub id such as Salesforce/xlam-function-calling-60k, whose last rows of train are test
Policy    Qwen/Qwen2.5-0.5B-Instruct, NF4 double quant, LoRA r16 on all linear layers; made for one 16 GB GPU
Rewards   correct_tool_call decides, and pays a part for the right tool and each right argument; valid_json only breaks
          ties early on
Expected  not yet measured: no run of this recipe has been recorded
"""

import json
import random
import re
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rewards import correct_tool_call, valid_json
from rlvr_recipes import Case, Recipe, UserError, data, prompts
from rlvr_recipes.recipe import Row

SPLITS = {"test": (3, 512), "validation": (2, 512), "train": (1, 4096)}  # seed, rows; train takes what the others left
HELD_OUT = 512  # rows each for validation and, where somebody's data has no test, for test
SYSTEM = (
    'Answer with JSON only: a list with one {"name": ..., "arguments": {...}} for each call that the request needs, '
    "without arguments that the request does not mention. If no tool fits, answer []."
)

NAMES = "Ada Ben Cleo Dan Eva Finn Gina Hugo Ida Jon Kim Leo Mia Ned Ola Pia".split()
CITIES = "Oslo Rome Lima Cairo Delhi Kyoto Quito Porto Turin Malmo Basel Lyon Gdansk Seoul Dakar Perth".split()
THINGS = "pens apples books cards shells coins stamps eggs cups nuts keys rings plums bells balls kites".split()
TITLES = ["Team lunch", "Dentist", "Piano lesson", "Budget review", "Book club", "Oil change", "Choir", "Science fair"]
TEXTS = ["I am running late", "The door is open", "Happy birthday", "See you at the station", "Dinner is ready"]

# What a request says of a parameter, drawn under the parameter's name.
DRAWN = {
    "city": lambda rng: rng.choice(CITIES),
    "origin": lambda rng: rng.choice(CITIES[:8]),
    "destination": lambda rng: rng.choice(CITIES[8:]),
    "recipient": lambda rng: rng.choice(NAMES),
    "artist": lambda rng: f"{rng.choice(NAMES)} {rng.choice('Brook Hill Stone Woods Marsh Lake'.split())}",
    "restaurant": lambda rng: f"Chez {rng.choice(NAMES)}",
    "title": lambda rng: rng.choice(TITLES),
    "text": lambda rng: rng.choice(TEXTS),
    "language": lambda rng: rng.choice("French Danish Swahili Korean Polish Welsh".split()),
    "date": lambda rng: f"2027-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
    "time": lambda rng: f"{rng.randint(7, 21):02}:{rng.choice(['00', '15', '30', '45'])}",
    "days": lambda rng: rng.randint(2, 10),
    "minutes": lambda rng: rng.randint(2, 90),
    "people": lambda rng: rng.randint(2, 9),
    "percent": lambda rng: rng.randint(5, 25),
    "amount": lambda rng: rng.randint(500, 50000) / 100,
    "degrees": lambda rng: rng.randint(30, 48) / 2,
    "source": lambda rng: rng.choice("USD EUR GBP".split()),
    "target": lambda rng: rng.choice("JPY INR CHF".split()),
    "unit": lambda rng: rng.choice(["celsius", "fahrenheit"]),
    "mode": lambda rng: rng.choice("bike foot train".split()),
    "room": lambda rng: rng.choice("kitchen bedroom office hall".split()),
    "code": lambda rng: str(rng.randint(10**9, 10**10 - 1)),
    "items": lambda rng: rng.sample(THINGS, rng.randint(2, 3)),
}

TEXT, WHOLE, NUMBER, TRUTH = ({"type": kind} for kind in ("string", "integer", "number", "boolean"))
UNIT = {"enum": ["celsius", "fahrenheit"], "default": "celsius"}
DATE, TIME = {**TEXT, "description": "YYYY-MM-DD"}, {**TEXT, "description": "HH:MM"}

# name: what it does, its parameters (one with a default may be left out), requests with the arguments that these imply
TOOLS: dict[str, tuple[str, dict[str, dict[str, Any]], list[tuple[str, dict[str, Any]]]]] = {
    "get_weather": (
        "Weather forecast for a city",
        {"city": TEXT, "days": {**WHOLE, "default": 1}, "unit": UNIT},
        [("What is the weather like in {city}?", {}), ("Show the {days} day forecast for {city}.", {}),
         ("How warm will it be in {city}, in {unit}?", {})],
    ),
    "convert_currency": (
        "Converts an amount of money at today's rate",
        {"amount": NUMBER, "source": TEXT, "target": TEXT},
        [("How much is {amount} {source} in {target}?", {}), ("Convert {amount} {source} to {target}.", {})],
    ),
    "set_timer": (
        "Starts a countdown",
        {"minutes": WHOLE, "label": {**TEXT, "default": ""}},
        [("Set a timer for {minutes} minutes.", {}),
         ("Set a timer for {minutes} minutes and label it tea.", {"label": "tea"})],
    ),
    "create_event": (
        "Puts an event into the calendar",
        {"title": TEXT, "date": DATE, "time": TIME, "minutes": {**WHOLE, "default": 60}},
        [('Put "{title}" into my calendar on {date} at {time}.', {}),
         ('Put "{title}" into my calendar on {date} at {time} for {minutes} minutes.', {})],
    ),
    "send_message": (
        "Sends a text message to a person",
        {"recipient": TEXT, "text": TEXT},
        [('Text {recipient} "{text}".', {}), ('Send {recipient} the message "{text}".', {})],
    ),
    "find_route": (
        "Directions over land between two cities",
        {"origin": TEXT, "destination": TEXT, "mode": {"enum": ["car", "bike", "foot", "train"], "default": "car"}},
        [("Give me driving directions from {origin} to {destination}.", {"mode": "car"}),
         ("How do I get from {origin} to {destination} by {mode}?", {})],
    ),
    "search_flights": (
        "Flights between two cities",
        {"origin": TEXT, "destination": TEXT, "date": DATE, "people": {**WHOLE, "default": 1},
         "direct": {**TRUTH, "default": False}},
        [("Find flights from {origin} to {destination} on {date}.", {}),
         ("Find direct flights from {origin} to {destination} on {date}.", {"direct": True}),
         ("Find flights for {people} people from {origin} to {destination} on {date}.", {})],
    ),
    "play_music": (
        "Plays songs of an artist",
        {"artist": TEXT, "shuffle": {**TRUTH, "default": False}},
        [("Play something by {artist}.", {}), ("Play {artist} on shuffle.", {"shuffle": True})],
    ),
    "translate": (
        "Translates a text",
        {"text": TEXT, "language": TEXT},
        [('Translate "{text}" into {language}.', {}), ('How do you say "{text}" in {language}?', {})],
    ),
    "add_to_list": (
        "Adds items to one of the user's lists",
        {"list": {"enum": ["shopping", "packing"]}, "items": {"type": "array", "items": TEXT}},
        [("Add {items} to my shopping list.", {"list": "shopping"}),
         ("Put {items} on the packing list.", {"list": "packing"})],
    ),
    "split_bill": (
        "Adds a tip to a bill and shares it",
        {"amount": NUMBER, "percent": NUMBER, "people": {**WHOLE, "default": 1}},
        [("Add a {percent}% tip to a bill of {amount}.", {}),
         ("Add a {percent}% tip to a bill of {amount} and split it among {people} people.", {})],
    ),
    "set_thermostat": (
        "Sets the temperature of a room, in degrees Celsius",
        {"room": {"enum": ["kitchen", "bedroom", "office", "hall"]}, "degrees": NUMBER},
        [("Set the {room} to {degrees} degrees.", {}), ("I want {degrees} degrees in the {room}.", {})],
    ),
    "book_table": (
        "Reserves a table in a restaurant",
        {"restaurant": TEXT, "date": DATE, "time": TIME, "people": WHOLE},
        [("Book a table for {people} at {restaurant} on {date} at {time}.", {})],
    ),
    "track_parcel": (
        "Where a parcel is",
        {"code": {**TEXT, "description": "10 digits"}},
        [("Where is my parcel {code}?", {}), ("Track parcel number {code}.", {})],
    ),
}  # fmt: skip
IDLE = [
    "My name is {name} and I collect {things}.", "Thanks, that is all for today. {name} liked the {things}.",
    "Write a limerick about {name} and some {things}.", "Why did {name} count the {things} twice?",
]  # fmt: skip


def offered(names: Sequence[str]) -> str:
    """Tools as JSON text, one on a line."""
    tools = []
    for name in names:
        description, properties, _ = TOOLS[name]
        required = [key for key, schema in properties.items() if "default" not in schema]
        parameters = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        tools.append(json.dumps({"name": name, "description": description, "parameters": parameters}))
    return "[" + ",\n".join(tools) + "]"


def request(rng: random.Random, name: str) -> tuple[str, dict[str, Any]]:
    """A request that one call of a tool fulfils, and that call."""
    template, implied = rng.choice(TOOLS[name][2])
    said = {field: DRAWN[field](rng) for _, field, _, _ in string.Formatter().parse(template) if field}
    words = {field: " and ".join(value) if isinstance(value, list) else value for field, value in said.items()}
    return template.format(**words), {"name": name, "arguments": {**said, **implied}}


def problem(rng: random.Random) -> Row:
    """A request and the tools on offer: one call, two, or none because it asks for nothing or for a tool not there."""
    kind = rng.choices(["one", "two", "idle", "missing"], [6, 2, 1, 1])[0]
    names = rng.sample(list(TOOLS), rng.randint(3, 5))
    wanted = [] if kind == "idle" else rng.choices(names, k=2 if kind == "two" else 1)
    asked_for = [request(rng, name) for name in wanted]
    question = " Also: ".join(text for text, _ in asked_for)
    if kind == "idle":
        question = rng.choice(IDLE).format(name=rng.choice(NAMES), things=rng.choice(THINGS))
    if kind == "missing":
        names, asked_for = [name for name in names if name not in wanted], []
    if len({text for text, _ in asked_for}) < len(asked_for):  # the same twice
        return problem(rng)
    return {"question": question, "tools": offered(names), "answer": json.dumps([call for _, call in asked_for])}


def made(split: str) -> list[Row]:
    """Rows of our own; a request drawn for an earlier split is drawn again."""
    seen: set[str] = set()
    for name, (seed, size) in SPLITS.items():
        rng, found = random.Random(seed), []
        while len(found) < size:
            row = problem(rng)
            if row["question"] not in seen:
                seen.add(row["question"])
                found.append(row)
        if name == split:
            return found
    raise KeyError(split)


PYTHON_TYPES = {
    "str": "string", "int": "integer", "float": "number", "bool": "boolean",
    "list": "array", "List": "array", "dict": "object", "Dict": "object",
}  # fmt: skip


def schema_of(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a tool as a JSON schema; xLAM has them as `{"city": {"type": "str, optional", ...}}`."""
    if "properties" in parameters or parameters.get("type") == "object":
        return parameters
    properties, required = {}, []
    for key, given in parameters.items():
        word = str(given.pop("type", ""))
        kind = PYTHON_TYPES.get(re.split(r"\W", word)[0])
        properties[key] = {**given, "type": kind} if kind else given
        if "optional" not in word.lower() and "default" not in given:
            required.append(key)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def read(record: data.Record, place: str) -> Row:
    """A row of somebody's data.

    Raises:
        UserError: its tools or its answer cannot be read, or it calls what its tools do not allow.
    """
    question, tools, answer = (data.column(record, name, place) for name in ("query", "tools", "answers"))
    try:
        tools = json.loads(tools) if isinstance(tools, str) else tools
        tools = [tool.get("function", tool) for tool in tools]  # in OpenAI's wrapping, or without
        tools = [{**tool, "parameters": schema_of(tool.get("parameters") or {})} for tool in tools]
        row = {
            "question": str(question),
            "tools": "[" + ",\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools) + "]",
            "answer": answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False),
        }
        correct_tool_call([""], tools=[row["tools"]], answer=[row["answer"]])
    except (AttributeError, TypeError, ValueError) as error:
        raise UserError(f"{place}: {error}") from error
    return row


def rows(split: str, dataset_path: str | None = None) -> list[Row]:
    """Rows with `question`, `tools` and `answer`, the last two as JSON text; our own where no data set is named."""
    if dataset_path is None:
        return made(split)
    if Path(dataset_path).is_dir():
        stem = "test" if split == "test" else "train"
        found = [read(record, place) for place, record in data.records(stem, dataset_path)]
        return found if split == "test" else data.held_out(found, split, HELD_OUT)
    found: list[Row] = []
    for place, record in data.records("train", dataset_path):
        try:
            found.append(read(record, place))
        except UserError:  # xLAM's answers do not always keep to the types of its tools
            if not found:
                raise
    if split == "test":
        return data.held_out(found, "validation", HELD_OUT)
    return data.held_out(data.held_out(found, "train", HELD_OUT), split, HELD_OUT)


def asked(tools: str, question: str) -> str:
    return f"Tools:\n{tools}\n\nRequest: {question}"


def prompt(row: Row, exemplars: prompts.Exemplars) -> list[dict[str, str]]:
    return prompts.chat(SYSTEM, exemplars, asked(row["tools"], row["question"]))


TOOLS_SHOWN = offered(["get_weather", "set_timer"])
BONN = '{"name": "get_weather", "arguments": {"city": "Bonn", "days": 3}}'
TIMER = '{"name": "set_timer", "arguments": {"minutes": 5}}'
ONE = {"tools": TOOLS_SHOWN, "answer": f"[{BONN}]"}
BOTH = {"tools": TOOLS_SHOWN, "answer": f"[{BONN}, {TIMER}]"}
NONE = {"tools": TOOLS_SHOWN, "answer": "[]"}
PARCEL = (
    '[{"name": "send_message", "arguments": {"recipient": "Zoe", "text": "On my way"}}, '
    '{"name": "track_parcel", "arguments": {"code": "0123456789"}}]'
)
TWO = {"tools": offered(["track_parcel", "send_message"]), "answer": PARCEL}

RECIPE = Recipe(
    model="Qwen/Qwen2.5-0.5B-Instruct",
    rows=rows,
    prompt=prompt,
    exemplars=[
        (asked(TOOLS_SHOWN, "How will the weather be in Bonn in the next 3 days?"), f"[{BONN}]"),
        (asked(TWO["tools"], 'Text Zoe "On my way". Also: Where is parcel 0123456789?'), PARCEL),
        (asked(offered(["convert_currency", "play_music"]), "Set a timer for 12 minutes."), "[]"),
    ],
    shots=3,
    rewards={correct_tool_call: 1.0, valid_json: 0.1},
    config={"max_completion_length": 160, "max_steps": 300},
    cases=[
        Case(f"[{BONN}]", **ONE, correct_tool_call=1.0, valid_json=1.0),
        Case(f"<tool_call>\n{BONN}\n</tool_call>", **ONE, correct_tool_call=1.0, valid_json=1.0),
        Case(f"I will look it up.\n```json\n{BONN}\n```", **ONE, correct_tool_call=1.0, valid_json=1.0),
        Case(BONN.replace("3", '3.0, "unit": "celsius"'), **ONE, correct_tool_call=1.0, valid_json=1.0),
        Case(f"[{TIMER}, {BONN}]", **BOTH, correct_tool_call=1.0, valid_json=1.0),
        Case(PARCEL, **TWO, correct_tool_call=1.0, valid_json=1.0),
        Case("[]", **NONE, correct_tool_call=1.0, valid_json=1.0),
        Case(f"[{TIMER}]", **BOTH, correct_tool_call=0.4, valid_json=1.0),
        Case(BONN.replace("3", '"3"'), **ONE, correct_tool_call=0.45, valid_json=1.0),
        Case(f"[{TIMER}]", **ONE, correct_tool_call=0.1, valid_json=1.0),
        Case(f"[{TIMER}]", **NONE, correct_tool_call=0.0, valid_json=1.0),
        Case("[]", **ONE, correct_tool_call=0.0, valid_json=1.0),
        Case(f"[{BONN}]\nOr rather []", **ONE, correct_tool_call=0.0, valid_json=0.0),
        Case(BONN.replace('"city"', '"city": "Rome", "city"'), **ONE, correct_tool_call=0.0, valid_json=0.0),
        Case('get_weather(city="Bonn", days=3)', **ONE, correct_tool_call=0.0, valid_json=0.0),
    ],
)
