"""A recipe drafted from a table of questions and answers, for `new`: what kind of answers they are, and the file."""

import json
import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rewards import answer_line, correct_answer, correct_choice, correct_expression, correct_number, correct_text
from rewards.json_text import read
from rewards.structured import correct_json, valid_json
from rlvr_recipes import data
from rlvr_recipes.data import Columns, Hub, Record
from rlvr_recipes.recipe import CHANGE, Reward, Row, UserError, nearest

QUESTIONS = "question problem prompt query input instruction text".split()
ANSWERS = "answer final_answer gold target label output response solution".split()
OPTIONS = re.compile(r"(?:option|choice)?[ _]?([a-j]|\d)", re.IGNORECASE)
TRIED = 512  # rows, spread over the table
WIDTH = 120


# ------------------------------------------------------------------------------------------------------- kind of answer

_FIGURES = re.compile(r"[\d\s().:/–-]+")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)?(?:\.\d+)?(?:\s*/\s*[1-9]\d*)?")
_COMMANDS = re.compile(r"\\[A-Za-z]+|\b(?:sin|cos|tan|cot|sec|csc|log|ln|exp|sqrt|pi|arc(?:sin|cos|tan))\b")
_CALCULATED = re.compile(r"[\d+*/^=<>_\\√π(){}\[\]]|\b[a-z]\b")


def looks_like_a_code(text: str) -> bool:
    """Whether a text is a date, a score, a telephone number or the like, with which nobody calculates.

    >>> looks_like_a_code("2020-05-01"), looks_like_a_code("02139"), looks_like_a_code("3/4"), looks_like_a_code("-0.5")
    (True, True, False, False)
    """
    return bool(_FIGURES.fullmatch(text)) and not _NUMBER.fullmatch(text)


def looks_calculated(text: str) -> bool:
    r"""Whether a text is written in figures, signs and single letters, and not in words.

    >>> looks_calculated("\\frac{1}{2}"), looks_calculated("x + 1"), looks_calculated("the cat"), looks_calculated("Co")
    (True, True, False, False)
    """
    rest = _COMMANDS.sub(" 1 ", text)
    return bool(_CALCULATED.search(rest)) and not re.search(r"[^\W\d_]{3}", rest) and not looks_like_a_code(text)


def looks_like_a_number(text: str) -> bool:
    """Whether a text is no code, and nothing in it is left to be calculated.

    >>> looks_like_a_number("-1,200"), looks_like_a_number("2 + 3")
    (True, False)
    """
    return not looks_like_a_code(text) and not re.search(r"\d\s*[-+*^×]\s*\d", text)


def is_letter(text: str) -> bool:
    """Whether a text is the letter of an option.

    >>> is_letter("(B)"), is_letter("x")
    (True, False)
    """
    return re.fullmatch(r"\(?[A-Ja-j]\)?", text) is not None


def is_object(text: str) -> bool:
    """Whether a text is a JSON object, or a list of them.

    >>> is_object('{"a": 1}'), is_object("[1, 2]"), is_object("12")
    (True, False, False)
    """
    try:
        value = read(text)
    except ValueError:
        return False
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(each, dict) for each in value))


class Kind(NamedTuple):
    """A kind of answer: the reward for it, what an answer line holds, and which answers look like it."""

    name: str
    reward: Reward
    form: str
    looks: Callable[[str], bool]


KINDS = {
    kind.name: kind
    for kind in (
        Kind("choice", correct_choice, "letter", is_letter),
        Kind("number", correct_number, "number", looks_like_a_number),
        Kind("json", correct_json, "JSON", is_object),
        Kind("expression", correct_expression, "expression", looks_calculated),
        Kind("text", correct_text, "answer", lambda text: True),
        Kind("mixed", correct_answer, "answer", lambda text: not looks_like_a_code(text)),
    )
}


def fault(kind: Kind, row: Row) -> str | None:
    """Why the reward of a kind cannot pay a row's own answer; None where it pays."""
    columns = {name: [value] for name, value in row.items()}
    if kind.name == "json":
        columns.setdefault("schema", ["{}"])
    text = row["answer"] if kind.name == "json" else f"#### {row['answer']}"
    logged: dict[str, list[str]] = {}
    try:
        (paid,) = kind.reward(completions=[text], log_extra=logged.__setitem__, **columns)
    except ValueError as error:
        return str(error)
    return None if paid == 1.0 else f"{text!r:.200} is not paid for itself: {logged['reason'][0]}"


class Share(NamedTuple):
    """How many of the tried answers are of a kind, and the first that is not, with its place."""

    fit: int
    tried: int
    unfit: str

    def __str__(self) -> str:
        return f"{1000 * self.fit // self.tried / 10:.1f}%" if self.tried else "-"


def shares(placed: Sequence[tuple[str, Row]]) -> dict[str, Share]:
    """For each kind, the share of the answers that look like it and that its reward pays."""
    tried = placed[:: max(1, len(placed) // TRIED)]
    found = {}
    for kind in KINDS.values():
        unfit = [
            f"{place}: {row['answer']!r:.80}"
            for place, row in tried
            if not kind.looks(row["answer"]) or fault(kind, row) is not None
        ]
        found[kind.name] = Share(len(tried) - len(unfit), len(tried), unfit[0] if unfit else "")
    return found


def guess(placed: Sequence[tuple[str, Row]], found: Mapping[str, Share]) -> Kind:
    """The narrowest kind that all answers are of; `mixed` where most are numbers or expressions.

    Raises:
        UserError: there is no such kind.
    """
    full = [name for name, share in found.items() if share.fit == share.tried]
    calculated = sum(looks_calculated(row["answer"]) for _, row in placed) >= len(placed) / 2
    if {"text", "mixed"} <= set(full) and calculated:
        full.remove("text")
    if full:
        return KINDS[full[0]]
    if sum("####" in row["answer"] for _, row in placed) > len(placed) / 2:
        raise UserError(
            "the answers are worked solutions with the answer behind ####, as GSM8K has them: "
            "take new NAME --from gsm8k_zeroshot, which reads such files by --dataset_path"
        )
    raise UserError(
        f"the answers are of no kind that a reward here reads; the first that is no text: {found['text'].unfit}. "
        "Mend or leave out such rows, or say --kind"
    )


# -------------------------------------------------------------------------------------------------------------- columns


def named_or_guessed(name: str | None, usual: Sequence[str], names: Sequence[str], what: str) -> str:
    """The column that was named, or the one of a usual name.

    Raises:
        UserError: there is none.
    """
    if name is not None:
        found = [each for each in names if each == name] or [each for each in names if each.strip() == name.strip()]
        if not found:
            raise UserError(f"there is no column {name}{nearest(name, names)} (found: {', '.join(names)})")
        return found[0]
    found = [each for want in usual for each in names if each.strip().casefold() == want]
    if not found:
        raise UserError(f"which column is the {what}? say --{what} NAME (found: {', '.join(names)})")
    return found[0]


def option_columns(record: Record, taken: Sequence[str]) -> str | list[str] | None:
    """Where a record has options: a column of lists, or columns such as A, B, C or option_1, option_2.

    >>> option_columns({"q": "?", "A": "1", "B": "2", "answer": "A"}, ["q", "answer"])
    ['A', 'B']
    """
    for name in ("options", "choices"):
        if name not in taken and isinstance(record.get(name), list | dict):
            return name
    numbered = {
        match[1].casefold(): name for name in record if name not in taken and (match := OPTIONS.fullmatch(name))
    }
    for first in "a10":
        several = [numbered[mark] for place in range(10) if (mark := chr(ord(first) + place)) in numbered]
        if first in numbered and len(several) >= 2:
            return several
    return None


# ------------------------------------------------------------------------------------------------------------- the file


def literal(text: str) -> str:
    r"""A text as ruff would write it in Python.

    >>> print(literal("it's so\n"), literal('say "so"'))
    "it's so\n" 'say "so"'
    """
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(f"\\{each}" if each == quote else _escaped(each) for each in text) + quote


def _escaped(character: str) -> str:
    return character if character in "'\"" else repr(character)[1:-1]


def width(line: str) -> int:
    """How wide a line is to ruff: characters of Chinese, say, are two columns wide, and accents none.

    >>> width("x = 1"), width("数 = 1")
    (5, 6)
    """
    if line.isascii():
        return len(line)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in line)
    return len(line) + wide - sum(unicodedata.combining(character) > 0 for character in line)


def pieces(text: str, indent: int) -> str:
    """A text as one literal where it fits on a line that is indented so, else as several below each other."""
    if width(literal(text)) + indent < WIDTH:
        return literal(text)
    lines = []
    while text:
        size = min(len(text), WIDTH - indent - 10)
        while width(literal(text[:size])) + indent >= WIDTH:
            size -= 1
        if size < len(text) and " " in text[size // 2 : size]:
            size = text.rindex(" ", 0, size) + 1
        lines.append(literal(text[:size]))
        text = text[size:]
    return f"\n{' ' * indent}".join(lines)


def listed(before: str, parts: Sequence[str], after: str, indent: int) -> str:
    """Parts in brackets as ruff would write them: on one line, or one a line with a comma behind the last."""
    line = " " * indent + before + ", ".join(parts) + after
    if width(line) <= WIDTH and "\n" not in line:
        return line
    rows = "".join(f"{' ' * (indent + 4)}{part},\n" for part in parts)
    return f"{' ' * indent}{before}\n{rows}{' ' * indent}{after}"


@dataclass(frozen=True)
class Draft:
    """What a drafted recipe is made of."""

    name: str
    folder: Path  # where it will stand
    source: Path | Hub
    columns: Columns
    kind: Kind
    rows: dict[str, list[Row]]

    @property
    def text(self) -> str:
        """The recipe."""
        form_reward = valid_json if self.kind.name == "json" else answer_line
        reward = self.kind.reward.__name__
        sizes = ", ".join(f"{len(rows):,} {split} rows" for split, rows in self.rows.items())
        blocks = [
            f'"""{self.name}: {CHANGE}say in a line what the policy learns.\n\n'
            f"Data      {_harmless(self.told)}: {sizes}; what is asked stands in one split only\n"
            f"Policy    {MODEL}, NF4 double quant, LoRA r16 on all linear layers\n"
            f"Rewards   {reward} decides; {form_reward.__name__} only breaks ties early on\n"
            f'Expected  not yet measured\n"""\n\n{self._imports(form_reward.__name__)}\n\n{self._constants()}',
            "def rows(split: str, dataset_path: str | None = None) -> list[data.Record]:\n" + self._rows(),
            self._prompt(),
            "RECIPE = Recipe(\n"
            f'    model="{MODEL}",\n    rows=rows,\n    prompt=prompt,\n'
            f"    exemplars=EXEMPLARS,\n    shots={len(self.shown)},\n"
            f"    rewards={{{reward}: 1.0, {form_reward.__name__}: 0.1}},\n"
            '    config={"max_completion_length": 512, "max_steps": 300},\n'
            f"    # {CHANGE}add cases of your own: what a policy might write to be paid without being right\n"
            f"    cases=[\n{self._cases(form_reward)}    ],\n)\n",
        ]
        return "\n\n\n".join(blocks)

    @property
    def told(self) -> str:
        return self.source.id if isinstance(self.source, Hub) else self.source.name

    @property
    def own_schema(self) -> bool:
        """Whether the recipe has to say a schema, since the table has none."""
        return self.kind.name == "json" and "schema" not in self.columns

    def _imports(self, form_reward: str) -> str:
        lines = ["from pathlib import Path", ""] if isinstance(self.source, Path) else []
        names = sorted([self.kind.reward.__name__, form_reward])
        lines.append(f"from rewards{'.structured' if self.kind.name == 'json' else ''} import {', '.join(names)}")
        lines.append("from rlvr_recipes import Case, Recipe, data, prompts")
        return "\n".join(lines)

    def _constants(self) -> str:
        if isinstance(self.source, Path):
            way = Path(os.path.relpath(self.source.resolve(), self.folder.resolve())).as_posix()
            lines = [f"DATA = Path(__file__).parent / {literal(way)}"]
        else:
            config = f", {literal(self.source.config)}" if self.source.config is not None else ""
            lines = [f"DATA = data.Hub({literal(self.source.id)}{config})"]
        if self.own_schema:
            lines += [f"# {CHANGE}the JSON schema of an answer", _assigned("SCHEMA", self.schema)]
        if self.kind.name == "json":
            lines.append(
                'SYSTEM = "Answer with nothing but JSON that keeps to this schema: " + SCHEMA'
                if self.own_schema
                else 'SYSTEM = "Answer with nothing but JSON that keeps to the schema of the question."'
            )
        else:
            form = f"#### <{self.kind.form}>"
            lines.append(
                f'SYSTEM = "Reason step by step. Then write the final answer on a last line of its own: {form}"'
            )
        if "options" in self.columns:
            lines.append(listed("OPTIONS = [", [literal(each) for each in self.shown[0]["options"]], "]", 0))
        lines += ["", *self._exemplars()]
        return "\n".join(lines)

    @property
    def schema(self) -> str:
        """What all answers keep to, as far as it can be told from them, as JSON."""
        values = [read(row["answer"]) for rows in self.rows.values() for row in rows]
        return json.dumps(schema_of(values), ensure_ascii=False)

    @property
    def shown(self) -> list[Row]:
        """The two train rows with the shortest questions and different answers, of the first hundred."""
        rows = sorted(self.rows["train"][:100], key=lambda row: len(row["question"]) + len(row["answer"]))
        other = next((row for row in rows if row["answer"] != rows[0]["answer"]), None)
        return [rows[0], other] if other else [rows[0]]

    def _exemplars(self) -> list[str]:
        if self.kind.name == "json":
            comment = f"# {CHANGE}write exemplars of your own: these are two of the train rows"
            solutions = [row["answer"] for row in self.shown]
        else:
            comment = f"# {CHANGE}write the steps of both, or solved problems of your own; or none, and shots=0 below"
            solutions = [f"{CHANGE}the steps\n#### {row['answer']}" for row in self.shown]
        lines = [comment, "EXEMPLARS = ["]
        for row, solution in zip(self.shown, solutions, strict=True):
            lines.append(listed("(", [pieces(asked(row), 8), pieces(solution, 8)], "),", 4))
        return [*lines, "]"]

    def _rows(self) -> str:
        columns = [f"{name}={_column(column)}" for name, column in self.columns.items()]
        arguments = ["dataset_path or DATA", "split", *columns]
        if not self.own_schema:
            return listed("return data.table(", arguments, ")", 4)
        call = listed("rows = data.table(", arguments, ")", 4)
        return f'{call}\n    return [row | {{"schema": SCHEMA}} for row in rows]'

    def _prompt(self) -> str:
        head = "def prompt(row: data.Record, exemplars: prompts.Exemplars) -> list[dict[str, str]]:\n"
        if "schema" in self.columns:
            return f"{head}    return prompts.chat(SYSTEM, exemplars, f\"{{row['question']}}\\n{{row['schema']}}\")"
        if "options" not in self.columns:
            return f'{head}    return prompts.chat(SYSTEM, exemplars, row["question"])'
        return (
            f'{head}    options = [f"({{letter}}) {{text}}" for letter, text in zip(data.LETTERS, row["options"], '
            'strict=False)]\n    return prompts.chat(SYSTEM, exemplars, "\\n".join([row["question"], *options]))'
        )

    def _cases(self, form_reward: Reward) -> str:
        """Cases that the rewards were asked about: the gold alone is paid, another answer or two of them are not."""
        gold = self.shown[0]
        other = self.shown[-1]["answer"] if len(self.shown) > 1 else None
        columns = {name: [value] for name, value in gold.items() if name != "question"}
        if self.own_schema:
            columns["schema"] = [self.schema]
        lines = []
        for text, right in completions(self.kind, gold["answer"], other):
            (paid,) = self.kind.reward(completions=[text], **columns)
            if (paid == 1.0) is not right:
                continue
            (formed,) = form_reward(completions=[text], **columns)
            said = [literal(text), f"answer={literal(gold['answer'])}"]
            said += ["options=OPTIONS"] if "options" in gold else []
            said += ["schema=SCHEMA"] if self.own_schema else []
            said += [f"schema={literal(gold['schema'])}"] if "schema" in gold else []
            said += [f"{self.kind.reward.__name__}={paid}", f"{form_reward.__name__}={formed}"]
            lines.append(listed("Case(", said, "),", 8) + "\n")
        return "".join(lines)


MODEL = "Qwen/Qwen2.5-0.5B-Instruct"


def completions(kind: Kind, gold: str, other: str | None) -> list[tuple[str, bool]]:
    """Completions for cases, and whether they are right."""
    if kind.name == "json":
        more = [(other, False), (f"{other}\n\n{gold}", False)] if other is not None else []
        return [(gold, True), *more, ("I do not know.", False)]
    more = [(f"#### {other}", False), (f"#### {gold} or {other}", False), (f"#### {other}\n#### {gold}", False)]
    return [
        (f"#### {gold}", True),
        (f"The answer is {gold}.", True),
        *(more if other is not None else []),
        ("####", False),
    ]


def asked(row: Row) -> str:
    """A row's question as the drafted prompt asks it."""
    options = [f"({letter}) {text}" for letter, text in zip(data.LETTERS, row.get("options", ()), strict=False)]
    schema = [row["schema"]] if "schema" in row else []
    return "\n".join([row["question"], *options, *schema])


def _column(column: str | Sequence[str]) -> str:
    return literal(column) if isinstance(column, str) else f"[{', '.join(map(literal, column))}]"


def _assigned(name: str, text: str) -> str:
    line = f"{name} = {literal(text)}"
    if width(line) <= WIDTH:
        return line
    inner = f"    {literal(text)}"
    return f"{name} = (\n{inner if width(inner) <= WIDTH else f'    {pieces(text, 4)}'}\n)"


def _harmless(text: str) -> str:
    """A name as it may stand in a docstring."""
    return re.sub(r"[^\w .,()/-]", "?", text)[:60]


def schema_of(values: Sequence[Any]) -> dict[str, Any]:
    """A JSON schema that all values keep to: the types they have, and of objects the keys.

    >>> schema_of([{"a": 1}, {"a": 2, "b": None}])["required"], schema_of([1, "x"])
    (['a'], {'type': ['integer', 'string']})
    """
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", type(None): "null"}
    types = sorted({names.get(type(value), "number") for value in values})
    types = [each for each in types if each != "integer" or "number" not in types]
    schema: dict[str, Any] = {"type": types[0] if len(types) == 1 else types}
    if objects := [value for value in values if isinstance(value, dict)]:
        keys = list(dict.fromkeys(key for value in objects for key in value))
        schema["properties"] = {key: schema_of([value[key] for value in objects if key in value]) for key in keys}
        schema["required"] = [key for key in keys if all(key in value for value in objects)]
        schema["additionalProperties"] = False
    if items := [item for value in values if isinstance(value, list) for item in value]:
        schema["items"] = schema_of(items)
    return schema
