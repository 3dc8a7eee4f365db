"""Begins a recipe of your own: python -m rlvr_recipes.new NAME --from RECIPE, or NAME --data FILE

--from copies a recipe and marks the places to change; the copy cannot be trained before it has cases of its own.
--data reads a table of questions and answers (CSV, JSON lines, parquet, a folder with train and test, or a hub id),
says what kind of answers they are, and drafts a recipe whose rewards fit them.

    python -m rlvr_recipes.new my_task --from gsm8k_fewshot
    python -m rlvr_recipes.new my_task --data my.csv --question q --answer a
    python -m rlvr_recipes.new tasks/my_quiz --data quiz.jsonl --options A B C D
"""

import argparse
import importlib.machinery
import keyword
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import recipes
from rlvr_recipes import command, data, drafted
from rlvr_recipes.command import say
from rlvr_recipes.copied import marked
from rlvr_recipes.recipe import Row, UserError, load_recipe, nearest

NARROWER = 0.9  # a kind that so many answers are of is worth a look at the others


def target(given: str) -> Path:
    """The file of a new recipe.

    Raises:
        UserError: there is one already, or the name would get into the way of another module or recipe.
    """
    path = Path(given) if given.endswith(".py") else Path(f"{given}.py")
    name = path.name.removesuffix(".py")
    if not name.isidentifier() or keyword.iskeyword(name):
        near = re.sub(r"\W", "_", name)
        better = f"; take {near}" if near.isidentifier() and not keyword.iskeyword(near) else ""
        raise UserError(f"{name!r} is no name for a module: letters, digits and _{better}")
    if path.exists():
        raise UserError(f"{path} is there already; nothing was written")
    if not path.parent.is_dir():
        raise UserError(f"there is no folder {path.parent}; make it first")
    if any((Path(folder) / path.name).is_file() for folder in ("recipes", *recipes.__path__)):
        raise UserError(f"there is a recipe {name} already, and runs go by the name; take another, such as my_{name}")
    if is_taken(name):
        raise UserError(f"{name}.py would hide the module {name} from programs here; take another, such as my_{name}")
    return path


def is_taken(name: str) -> bool:
    """Whether a module of that name is Python's own, this project's, or installed.

    >>> is_taken("random"), is_taken("datasets"), is_taken("my_task")
    (True, True, False)
    """
    if name in {"__main__", "recipes", "rewards", "rlvr_recipes", *sys.stdlib_module_names}:
        return True
    installed = [each for each in sys.path if Path(each).is_relative_to(sys.prefix)]
    return importlib.machinery.PathFinder.find_spec(name, installed) is not None


def write(path: Path, text: str) -> None:
    """Writes a file that is not there, and sees that it can be loaded; else it leaves none."""
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    try:
        load_recipe(str(path))
    except UserError as error:
        path.unlink()
        raise UserError(f"the new recipe would not work there, so nothing was written: {error}") from error


def copy(path: Path, source: str) -> None:
    """Writes a copy of a recipe with the places to change marked."""
    original = load_recipe(source).path
    write(path, marked(original.read_text(encoding="utf-8"), str(original)))
    say(f"{path}: a copy of {original}, with every place to change marked by CHANGE")


def draft(path: Path, own: argparse.Namespace) -> None:
    """Writes a recipe for a table of questions and answers, and says what it found in it."""
    source = data.source_of(own.data, own.hub_config)
    told = source.id if isinstance(source, data.Hub) else str(source)
    tables = data.tables(source)
    records = [each for split in tables.values() for each in split]
    if not records:
        raise UserError(f"{told} has no rows")
    columns = columns_of(records[0][1], own)
    try:
        placed = rows_of(records, columns)
    except UserError as error:
        if own.options or own.kind or "options" not in columns:
            raise
        say(f"{told}: no options are taken from {columns.pop('options')!r}, since then {error}")
        placed = rows_of(records, columns)
    say(f"{told}: {len(placed):,} rows; {', '.join(f'{name} from {column!r}' for name, column in columns.items())}")
    kind = kind_of(placed, own.kind)
    if kind.name != "json":
        columns.pop("schema", None)
    for place, row in placed:
        if (fault := drafted.fault(kind, row)) is not None:
            raise UserError(f"{place}: {fault}")
    rows = data.splits(tables, columns, told)
    made = drafted.Draft(path.stem, path.parent, source, columns, kind, rows)
    write(path, made.text)
    sizes = ", ".join(f"{len(rows[split]):,} {split}" for split in rows)
    left = len(placed) - sum(map(len, rows.values()))
    say(f"rows: {sizes}" + (f"; {left:,} left out, for what they ask stands in another split" if left else ""))
    if not tables.keys() - {"train"}:
        say("the splits go by the order of the rows: where they are sorted, shuffle them first")
    say(f"{path}: written; its answers are taken as {kind.name}, by {kind.reward.__name__}; see what is marked CHANGE")


def columns_of(record: data.Record, own: argparse.Namespace) -> dict[str, str | Sequence[str]]:
    """Where a table has what a row needs, as told or by usual names."""
    names = [str(name) for name in record]
    question = drafted.named_or_guessed(own.question, drafted.QUESTIONS, names, "question")
    answer = drafted.named_or_guessed(own.answer, drafted.ANSWERS, names, "answer")
    if question == answer:
        raise UserError(f"question and answer are one column, {question}")
    columns: dict[str, str | Sequence[str]] = {"question": question, "answer": answer}
    told = [drafted.named_or_guessed(name, (), names, "options") for name in own.options or ()]
    options = (told[0] if len(told) == 1 else told) or drafted.option_columns(record, [question, answer])
    if options is not None and own.kind in (None, "choice"):
        columns["options"] = options
    elif "schema" in names and own.kind in (None, "json"):
        columns["schema"] = "schema"
    return columns


def rows_of(records: Sequence[tuple[str, data.Record]], columns: data.Columns) -> list[tuple[str, Row]]:
    """The rows of all records, each with its place."""
    kinds: dict[str, str] = {}
    return [(place, data.row(record, place, kinds, columns)) for place, record in records]


def kind_of(placed: Sequence[tuple[str, Row]], name: str | None) -> drafted.Kind:
    """The kind of the answers, as told or as guessed, with a line on what they look like."""
    if name is not None:
        return drafted.KINDS[name]
    shares = drafted.shares(placed)
    tried = next(iter(shares.values())).tried
    of = f" (of {tried:,} tried)" if tried < len(placed) else ""
    say(f"answers{of}: {', '.join(f'{name} {share}' for name, share in shares.items())}")
    kind = drafted.guess(placed, shares)
    for other, share in shares.items():
        if NARROWER * share.tried <= share.fit < share.tried and other not in ("text", "mixed"):
            say(f"{share.tried - share.fit:,} of them are no {other}, the first {share.unfit}")
    return kind


def main(argv: Sequence[str]) -> int:
    """The command."""
    parser = command.Parser("new", __doc__, "NAME (--from RECIPE | --data FILE [--question COLUMN] [--answer COLUMN])")
    parser.add_argument("name", help="of the recipe, or the path of its file; nothing is overwritten")
    parser.add_argument("--from", dest="source", metavar="RECIPE", help="name or path of the recipe to copy")
    parser.add_argument("--data", metavar="FILE", help="CSV, JSON lines, parquet, folder or hub id")
    parser.add_argument("--hub_config", metavar="NAME", help="of a data set on the hub that has several")
    parser.add_argument("--question", metavar="COLUMN", help="where the question stands; else a usual name")
    parser.add_argument("--answer", metavar="COLUMN", help="where the answer stands; else a usual name")
    parser.add_argument("--options", metavar="COLUMN", nargs="+", help="a column of lists, or one for each option")
    parser.add_argument("--kind", metavar="KIND", help="of the answers: number, expression, choice, text, json, mixed")
    own, unknown = parser.parse_known_args(argv)
    if unknown:
        raise UserError(f"there is no option {unknown[0]}{nearest(unknown[0], parser.options)}")
    path = target(own.name)
    if (own.source is None) == (own.data is None):
        both = ", not both" if own.data is not None else ""
        raise UserError(f"say what the recipe begins from: --from RECIPE, or --data FILE{both}")
    if own.source is not None:
        said = [name for name in ("hub_config", "question", "answer", "options", "kind") if vars(own)[name] is not None]
        if said:
            raise UserError(f"--{said[0]} goes with --data")
        copy(path, own.source)
    else:
        known = drafted.KINDS
        if own.kind is not None and own.kind not in known:
            raise UserError(f"there is no kind {own.kind}{nearest(own.kind, known)} (known: {', '.join(known)})")
        draft(path, own)
    for step in ("show", "check", "train"):
        say(f"  {command.line(step, path)}")
    return 0


if __name__ == "__main__":
    command.run(main)
