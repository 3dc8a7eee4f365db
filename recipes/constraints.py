"""Constraints, 0-shot, chat: an instruct model writes about a topic and keeps to one to three checkable instructions.

Data      made here: 4,096 train rows, 512 validation rows, 512 test rows; no request stands in two splits. Or
          --dataset_path: a folder or hub id with the columns question (or prompt) and constraints, a JSON list of those
          in rewards/constraints.py; or google/IFEval, to test on (its own definitions differ in detail)
Policy    Qwen/Qwen2.5-0.5B-Instruct, NF4 double quant, LoRA r16 on all linear layers; made for one 16 GB GPU
Rewards   follows_constraints decides; repetition takes a little from those who fill the page with one sentence
Expected  not yet measured: no run of this recipe has been recorded
"""

import json
import random
from typing import Any

from rewards import follows_constraints, repetition
from rewards.constraints import read_constraints
from rlvr_recipes import Case, Recipe, UserError, data, ifeval, prompts
from rlvr_recipes.command import say
from rlvr_recipes.recipe import Row

SPLITS = {"train": (1, 4096), "validation": (2, 512), "test": (3, 512)}  # seed, rows
VALIDATION_ROWS = 512  # the last rows of a train file, or the last fifth where that is less
SYSTEM = "Do what you are asked for, and keep to every instruction to the letter. Write nothing else."

FORMS = """a short story about|a letter to a friend about|a description of|a diary entry about|a speech about|
an advertisement for|a short report on|a message to a colleague about|advice for a beginner about|some thoughts on"""
TOPICS = """an old lighthouse|a lost umbrella|the first day at work|a village market|a broken clock|learning to swim|
a night train|the smell of rain|a garden in autumn|a chess game|a family recipe|a walk in the snow|the town library|
a noisy neighbor|repairing a bicycle|a long bridge|moving house|the last bus|a fishing boat|a school play|
a mountain hut|bees and honey|a birthday without guests|the sound of an organ|a letter that came late|
building a shed|a stray dog|the harvest|a museum at night|planting a tree"""
WORDS = "morning window river silence friend winter kitchen music paper bright slowly always stone journey".split()
BANNED = "very nice good thing really great important suddenly beautiful just".split()
OPENINGS = ["Nobody saw it coming", "To begin with", "On a quiet day", "Here is what I know"]
ENDINGS = ["That is all I can say", "And so it remains", "Tell me what you think", "The rest is up to you"]

# What an instruction takes hold of, so that no two get in each other's way; the constraint; how it is said.
INSTRUCTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("length", dict(name="words", at_least="{n}"), "Write at least {n} words."),
    ("length", dict(name="words", at_least="{low}", at_most="{n}"), "Use {low} to {n} words."),
    ("length", dict(name="characters", at_least=100, at_most="{many}"), "Use 100 to {many} characters and blanks."),
    ("length layout", dict(name="sentences", exactly="{few}"), "Write exactly {few} sentences."),
    ("length layout", dict(name="sentences", at_least="{few}"), "Write at least {few} different sentences."),
    ("layout", dict(name="paragraphs", exactly="{few}"), "Write {few} paragraphs with blank lines between them."),
    ("layout", dict(name="bullet_points", exactly="{few}"), "Put {few} bullet points in it, lines that begin with -."),
    ("layout", dict(name="numbered_points", exactly="{few}"), "Include a numbered list (1. 2. ...) of {few} points."),
    ("layout", dict(name="sections", exactly="{few}", marker="Part"), "Head its {few} parts Part 1, Part 2 and so on."),
    ("layout", dict(name="lines", exactly="{few}"), "Write exactly {few} lines."),
    ("words", dict(name="keywords_present", texts=["{w}", "{v}"]), "Use the words {w} and {v}."),
    ("words", dict(name="keyword", text="{w}", exactly="{few}"), "Use the word {w} exactly {few} times."),
    ("banned", dict(name="keywords_absent", texts=["{b}", "{c}"]), "Neither {b} nor {c} may occur."),
    ("commas", dict(name="no_commas"), "Do not use any commas."),
    ("marks", dict(name="forbidden_characters", characters="!?"), "Use neither exclamation nor question marks."),
    ("case", dict(name="all_lowercase"), "Do not use any capital letters."),
    ("case", dict(name="all_uppercase"), "Write everything in capital letters."),
    ("case", dict(name="capital_words", at_least="{few}"), "Write at least {few} words in capitals."),
    ("start", dict(name="starts_with", text="{opening}"), 'Begin with these words: "{opening}".'),
    ("start layout", dict(name="title"), "Put a title above it in double angle brackets, such as <<Title>>."),
    ("end", dict(name="ends_with", text="{ending}"), 'The last words must be these: "{ending}".'),
    ("end layout", dict(name="postscript"), "Add a postscript at the end that begins with P.S."),
    ("frame", dict(name="quoted"), "Put the whole answer in quotation marks."),
    ("gaps", dict(name="placeholders", at_least="{few}"), "Leave at least {few} different gaps, such as [name]."),
    ("stars", dict(name="highlights", at_least="{few}"), "Highlight at least {few} passages with stars, *like this*."),
    ("layout start end frame gaps stars commas", dict(name="json_only"), "Answer with one JSON object only."),
]


def filled(value: Any, choice: dict[str, Any]) -> Any:
    """A constraint with the chosen numbers and words in it."""
    if isinstance(value, dict):
        return {key: filled(each, choice) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, choice) for each in value]
    return choice.get(value.strip("{}"), value) if isinstance(value, str) else value


def request(rng: random.Random) -> tuple[str, list[dict[str, Any]]]:
    """One request and its constraints."""
    (w, v), (b, c) = rng.sample(WORDS, 2), rng.sample(BANNED, 2)
    said: list[str] = []
    constraints: list[dict[str, Any]] = []
    taken: set[str] = set()
    lengths = [one for one in INSTRUCTIONS if "length" in one[0]]  # so that no request is met by next to nothing
    wanted = rng.randint(1, 3)
    for holds, constraint, words in [rng.choice(lengths), *rng.sample(INSTRUCTIONS, len(INSTRUCTIONS))]:
        if len(constraints) < wanted and not taken & set(holds.split()):
            taken.update(holds.split())
            choice = dict(few=rng.randint(2, 5), low=rng.randrange(10, 30, 5), n=rng.randrange(40, 125, 5))
            choice |= dict(many=rng.randrange(200, 620, 20), w=w, v=v, b=b, c=c)
            choice |= dict(opening=rng.choice(OPENINGS), ending=rng.choice(ENDINGS))
            constraints.append(filled(constraint, choice))
            said.append(words.format(**choice))
    form, topic = (rng.choice(choices.replace("\n", "").split("|")) for choices in (FORMS, TOPICS))
    order = rng.sample(range(len(said)), len(said))
    return " ".join([f"Write {form} {topic}.", *(said[place] for place in order)]), constraints


def made(split: str) -> list[Row]:
    """Rows of our own; a request drawn for an earlier split is drawn again."""
    seen: set[str] = set()
    for name, (seed, size) in SPLITS.items():
        rng, found = random.Random(seed), []
        while len(found) < size:
            question, constraints = request(rng)
            if question not in seen:
                seen.add(question)
                found.append({"question": question, "constraints": json.dumps(constraints)})
        if name == split:
            return found
    raise KeyError(split)


def read(record: data.Record, place: str) -> Row | None:
    """A row of somebody's data; None where it asks for what no constraint of ours checks."""
    question = data.column(record, "question" if "question" in record else "prompt", place)
    if "instruction_id_list" in record:
        constraints = ifeval.constraints_of(record, place)
        return None if constraints is None else {"question": question, "constraints": json.dumps(constraints)}
    given = data.column(record, "constraints", place)
    column = given if isinstance(given, str) else json.dumps(given)
    try:
        read_constraints(column)
    except ValueError as error:
        raise UserError(f"{place}: {error}") from error
    return {"question": question, "constraints": column}


def rows(split: str, dataset_path: str | None = None) -> list[Row]:
    """Rows with `question` and `constraints`, JSON text; our own where no data set is named."""
    if dataset_path is None:
        return made(split)
    stem = "test" if split == "test" else "train"
    if dataset_path == ifeval.HUB.id and stem == "train":
        raise UserError(f"{dataset_path} is there to test on, with --split test; train on other rows")
    on_hub = dataset_path == ifeval.HUB.id
    records = data.records("train", None, ifeval.HUB) if on_hub else data.records(stem, dataset_path)
    every = [read(record, place) for place, record in records]
    found = [row for row in every if row is not None]
    if len(found) < len(every):
        say(f"{stem}: {len(every) - len(found)} of {len(every)} rows left out, which ask for what is not checked here")
    return found if stem == "test" else data.held_out(found, split, min(VALIDATION_ROWS, max(1, len(found) // 5)))


def prompt(row: Row, exemplars: prompts.Exemplars) -> list[dict[str, str]]:
    return prompts.chat(SYSTEM, exemplars, row["question"])


TWO = '[{"name": "sentences", "exactly": 2}, {"name": "no_commas"}]'
FREE = '[{"name": "keywords_absent", "texts": ["sea"]}]'
STORY = "The lamp went out at nine. Old Maren climbed the stairs with a candle."

RECIPE = Recipe(
    model="Qwen/Qwen2.5-0.5B-Instruct",
    rows=rows,
    prompt=prompt,
    rewards={follows_constraints: 1.0, repetition(): 0.2},
    config={"max_completion_length": 384, "max_steps": 300},
    cases=[
        Case(STORY, constraints=TWO, follows_constraints=1.0, repetition=0.0),
        Case(STORY, constraints=FREE, follows_constraints=1.0, repetition=0.0),
        Case(STORY.replace(" at", ", at"), constraints=TWO, follows_constraints=0.25, repetition=0.0),
        Case(f"{STORY} The sea was calm.", constraints=TWO, follows_constraints=0.25, repetition=0.0),
        Case(f"{STORY} The sea was calm.", constraints=FREE, follows_constraints=0.0, repetition=0.0),
        Case(f"{STORY} The s\u200be\u0430 was calm.", constraints=FREE, follows_constraints=0.0, repetition=0.0),
        Case("", constraints=FREE, follows_constraints=0.0, repetition=0.0),
        Case("Yes.", constraints=FREE, follows_constraints=0.0, repetition=0.0),
        Case("A lamp. A lamp.", constraints=TWO, follows_constraints=0.0, repetition=0.0),
    ],
)
