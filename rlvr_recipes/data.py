"""Records of a data set, from local files or from the hub, each with its place for error messages.

A file is JSON lines, CSV with a header line, or parquet. A folder has one file per split, named as the split or as the
hub names its parquet files. `table` makes rows of any of them.
"""

import csv
import decimal
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

from rewards.choices import by_letter, gold_letter
from rlvr_recipes.hub import go_offline_if_unreachable
from rlvr_recipes.recipe import SPLITS, Row, UserError, check_split, nearest

FORMATS = (".jsonl", ".parquet", ".csv")
Record: TypeAlias = dict[str, Any]
Columns: TypeAlias = Mapping[str, str | Sequence[str]]
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_T = TypeVar("_T")


class Hub(NamedTuple):
    """A data set on the Hugging Face hub: its id, and the name of one of its configurations where it has several."""

    id: str
    config: str | None = None


def _from_parquet(file: Path) -> Iterator[tuple[str, Record]]:
    import pyarrow
    import pyarrow.parquet

    try:
        records = pyarrow.parquet.read_table(file).to_pylist()
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: not a sound parquet file: {error}") from error
    yield from ((f"{file}, row {number}", record) for number, record in enumerate(records, 1))


def _from_csv(file: Path) -> Iterator[tuple[str, Record]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, strict=True)
        try:
            names = list(reader.fieldnames or [])
            if len(set(names)) < len(names):
                raise UserError(f"{file}, line 1: a column stands there twice: {', '.join(names)}")
            if len(names) == 1 and re.search(r"\w[;\t]\w", names[0]):
                raise UserError(f"{file}, line 1: {names[0]!r} is one cell; cells are divided by commas")
            for record in reader:
                place = f"{file}, line {reader.line_num}"
                if None in record or None in record.values():
                    raise UserError(f"{place}: not as many cells as columns; a cell with a comma needs quotes")
                yield place, dict(record)
        except csv.Error as error:
            raise UserError(f"{file}, after line {reader.line_num}: not CSV: {error}") from error


def _once(pairs: list[tuple[str, object]]) -> Record:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a key stands there twice")
    return dict(pairs)


def _from_jsonl(file: Path) -> Iterator[tuple[str, Record]]:
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            place = f"{file}, line {number}"
            try:
                record = json.loads(line, object_pairs_hook=_once)
            except (ValueError, RecursionError) as error:
                raise UserError(f"{place}: not JSON: {error}") from error
            if not isinstance(record, dict):
                raise UserError(f"{place}: a row must be a JSON object, column -> value")
            yield place, record


def read(file: Path) -> Iterator[tuple[str, Record]]:
    """Each record of a jsonl, csv or parquet file with its place in it.

    Raises:
        UserError: a file or a line that is broken.
    """
    readers = {".parquet": _from_parquet, ".csv": _from_csv, ".jsonl": _from_jsonl}
    if file.suffix.lower() not in readers:
        raise UserError(f"{file}: a file of rows is one of {', '.join(readers)}; write it as one of these")
    try:
        yield from readers[file.suffix.lower()](file)
    except UnicodeDecodeError as error:
        raise UserError(f"{file}{_undecoded(file)}: not UTF-8 text: {error.reason}") from error
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from error


def _undecoded(file: Path) -> str:
    """Where the first bytes of a file stand that are no UTF-8 text."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return (
                    f", line {number}, after {line[max(0, error.start - 20) : error.start].decode(errors='replace')!r}"
                )
    return ""


def file_of(folder: Path, stem: str) -> Path:
    """The one file of a split in a folder: `train.jsonl`, or `train-00000-of-00001.parquet` as the hub names it."""
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file() and file.suffix in FORMATS)
    except OSError as error:
        raise UserError(
            f"--dataset_path {str(folder)[:200]} is not a folder that can be read: {error.strerror}"
        ) from error
    found = [file for file in files if re.split(r"[-.]", file.name)[0] == stem]
    if len(found) != 1:
        what = "has no" if not found else f"has {len(found)} files for"
        raise UserError(f"{folder} {what} {stem}; give it one {stem}.jsonl, {stem}.parquet or {stem}.csv")
    return found[0]


def _loaded(hub: Hub, split: str | None, told: str) -> Any:
    """A split of a data set, or all of them by name."""
    import datasets

    go_offline_if_unreachable()
    try:
        return datasets.load_dataset(hub.id, hub.config, split=split)
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(
            f"{told or hub.id} could not be loaded from the hub ({error}); "
            f"without a network take a folder (--dataset_path DIR) with train and test as jsonl, parquet or csv; "
            "recipes/samples has some for math and code"
        ) from error


def _from_hub(hub: Hub, split: str, told: str) -> Iterator[tuple[str, Record]]:
    for number, record in enumerate(_loaded(hub, split, told), 1):
        yield f"{hub.id} {split}, row {number}", dict(record)


def records(split: str, dataset_path: str | None = None, hub: Hub | None = None) -> Iterator[tuple[str, Record]]:
    """Each record of a split with its place.

    Args:
        split: the stem of the file, or the hub's name of the split.
        dataset_path: a folder with a file per split, or another data set's hub id. None: `hub`.
        hub: where the records come from if nothing is said.

    Raises:
        UserError: nothing is there, or it is broken, with its place.
    """
    told = ""
    if dataset_path is not None and not Path(dataset_path[:4096]).exists() and _HUB_ID.fullmatch(dataset_path):
        told, hub, dataset_path = f"{dataset_path} is no folder here, and as a data set it", Hub(dataset_path), None
    if dataset_path is not None:
        return read(file_of(Path(dataset_path), split))
    if hub is None:
        raise UserError("there is no data set on the hub for this; give --dataset_path DIR")
    return _from_hub(hub, split, told)


def column(record: Record, name: str, place: str) -> Any:
    """One cell of a record.

    Raises:
        UserError: there is no such column, or nothing in it.

    >>> column({"question": "2 + 2?"}, "question", "my.csv, line 2")
    '2 + 2?'
    """
    if name not in record:
        raise UserError(f"{place}: no column {name}; found {', '.join(map(str, record))}")
    if record[name] is None or record[name] == "":
        raise UserError(f"{place}: the column {name} is empty")
    return record[name]


def held_out(rows: Sequence[_T], split: str, size: int) -> list[_T]:
    """ "validation" is the last `size` rows of a train file, whatever the seed, and "train" is all before them.

    Raises:
        UserError: none would be left to train on.

    >>> held_out([1, 2, 3], "train", 1), held_out([1, 2, 3], "validation", 1)
    ([1, 2], [3])
    """
    if len(rows) <= size:
        raise UserError(
            f"train has {len(rows)} rows, of which the last {size} are held out for validation: none is left; "
            f"give it more than {size}"
        )
    return list(rows[-size:] if split == "validation" else rows[:-size])


def source_of(given: str, config: str | None = None) -> Path | Hub:
    """The file or folder of that name, or else a data set on the hub.

    Raises:
        UserError: there is no such file, and a hub id it is not.
    """
    if Path(given[:4096]).exists():
        if config is not None:
            raise UserError(
                f"{given} is a file or folder here, which has no configurations as a data set on the hub has"
            )
        return Path(given)
    if not _HUB_ID.fullmatch(given) or Path(given).suffix.lower() in FORMATS:
        beside = Path(given[:4096]).parent
        near = nearest(Path(given).name, [each.name for each in beside.iterdir()] if beside.is_dir() else ())
        raise UserError(f"there is no file or folder {given[:200]}{near}")
    return Hub(given, config)


def tables(source: str | Path | Hub) -> dict[str, list[tuple[str, Record]]]:
    """The records of a source by split, each with its place; those of a single file are all `train`."""
    if isinstance(source, str):
        source = source_of(source)
    if isinstance(source, Hub):
        loaded = _loaded(
            source, None, "" if source.config else f"{source.id} is no file or folder here, and as a data set it"
        )
        if "train" not in loaded:
            raise UserError(f"{source.id} has no split train; found {', '.join(loaded)}")
        return {
            split: [
                (f"{source.id} {split}, row {number}", dict(record)) for number, record in enumerate(loaded[split], 1)
            ]
            for split in SPLITS
            if split in loaded
        }
    if not source.is_dir():
        return {"train": list(read(source))}
    stems = {re.split(r"[-.]", file.name)[0] for file in source.iterdir() if file.suffix in FORMATS}
    return {split: list(read(file_of(source, split))) for split in SPLITS if split in {"train", *stems}}


_KINDS = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}


def _cell(record: Record, name: str, place: str, kinds: dict[str, str]) -> Any:
    """A cell as the policy and the rewards can read it: a text, or a list of texts.

    Args:
        kinds: what the column's cells have been so far; all must be of one kind.
    """
    value = column(record, name, place)
    if isinstance(value, decimal.Decimal):
        value = float(value) if value % 1 else int(value)
    kind = _KINDS.get(type(value))
    if kind is None:
        raise UserError(f"{place}: the column {name} holds a {type(value).__name__}; write it as text")
    if kinds.setdefault(name, kind) != kind:
        raise UserError(f"{place}: the column {name} holds {kind}, in the rows before {kinds[name]}")
    if isinstance(value, list) and value and all(isinstance(each, str | int | float) for each in value):
        return [str(each) for each in value]
    if isinstance(value, dict) and value.keys() == {"label", "text"}:  # options as ARC has them
        return value
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{place}: the column {name} holds {value}")
    text = str(value).lower() if isinstance(value, bool) else str(value).strip()
    if not text:
        raise UserError(f"{place}: the column {name} is empty")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{place}: the column {name} holds half of a surrogate pair, which is no text") from error
    return text


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _choice(record: Record, answer: str, options: str | Sequence[str], place: str, kinds: dict[str, str]) -> Row:
    """The options of a row in order, and the letter of the right one."""
    if isinstance(options, str):
        given = _cell(record, options, place, kinds)
    else:
        filled = [name for name in options if record.get(name) not in (None, "")]
        given = [_cell(record, name, place, kinds) for name in options[: max(len(filled), 2)]]
    gold = record[answer] if isinstance(record.get(answer), int) else _cell(record, answer, place, kinds)
    try:
        texts = by_letter(given)
        named = None if isinstance(options, str) else _named(gold, options, given)
        letter = LETTERS[[*texts].index(gold_letter(gold, given)) if named is None else named]
    except (ValueError, IndexError) as error:
        raise UserError(f"{place}: the column {answer}: {error}") from error
    return {"options": [*texts.values()], "answer": letter}


def _named(gold: Any, options: Sequence[str], texts: Sequence[str]) -> int | None:
    """Which of several columns of options a gold names, by the column's name or its last letter or digit.

    Raises:
        ValueError: it is the text of another option too.

    >>> _named("option_2", ["option_1", "option_2"], ["x", "y"]), _named("2", ["option_1", "option_2"], ["x", "y"])
    (1, 1)
    """
    told = str(gold).casefold()
    found = [
        place for place, name in enumerate(options[: len(texts)]) if told in (name.casefold(), name[-1:].casefold())
    ]
    if len(found) != 1:
        return None
    if any(text == str(gold) for place, text in enumerate(texts) if place != found[0]):
        raise ValueError(f"gold answer {gold!r} names the option {options[found[0]]} and is the text of another")
    return found[0]


def row(record: Record, place: str, kinds: dict[str, str], columns: Columns) -> Row:
    """A record as a row, see `table`.

    Args:
        kinds: what each column of the records has held so far.
        columns: column of the row -> column of the record.

    Raises:
        UserError: a cell is missing, empty, or of another kind than those before, with its place.
    """
    choice = _choice(record, str(columns["answer"]), columns["options"], place, kinds) if "options" in columns else {}
    return {
        name: choice[name] if name in choice else _cell(record, str(columns[name]), place, kinds) for name in columns
    }


def splits(records: Mapping[str, Sequence[tuple[str, Record]]], columns: Columns, told: str) -> dict[str, list[Row]]:
    """The rows of train, validation and test, see `table`."""
    rows: dict[str, list[Row]] = {}
    for name, each in records.items():
        kinds: dict[str, str] = {}
        rows[name] = [row(record, place, kinds, columns) for place, record in each]
    total = len(rows["train"])
    for name in ("test", "validation"):
        if name not in rows:
            tenth = max(1, total // 10)
            if len(rows["train"]) <= tenth:
                raise UserError(f"{told} has {total} rows, too few for train, validation and test")
            rows[name], rows["train"] = rows["train"][-tenth:], rows["train"][:-tenth]
    seen: set[str] = set()
    for name in reversed(SPLITS):
        asked = [_asked(each) for each in rows[name]]
        rows[name] = [each for each, key in zip(rows[name], asked, strict=True) if key not in seen]
        if not rows[name]:
            raise UserError(f"{told}: no {name} row is left: what they ask is asked in a later split too")
        seen.update(asked)
    return {split: rows[split] for split in SPLITS}


def _asked(row: Row) -> str:
    """What a row asks, to tell whether two rows ask the same."""
    return " ".join(json.dumps({name: value for name, value in row.items() if name != "answer"}).split())


def table(source: str | Path | Hub, split: str, question: str, answer: str, **others: str | Sequence[str]) -> list[Row]:
    """The rows of a split, as texts, with columns named as rewards name them.

    Where there is no test file, the last tenth of the train rows is the test split, and where there is no validation
    file, the tenth before it is that, in the order of the file. What is asked in a later split too is left out of the
    earlier one.

    Args:
        source: a file, a folder with a train file and perhaps others, or a data set on the hub.
        split: "train", "validation" or "test".
        question, answer: the columns of the source that hold them.
        others: further columns of the rows, and where the source has them. `options` is a column of lists, or several
            columns; then `answer` becomes the letter of the right one.

    Raises:
        UserError: a file that is missing or broken, a cell that is empty or of another kind than those before, with
            its place; or too few rows for three splits.
    """
    check_split(split)
    told = source.id if isinstance(source, Hub) else str(source)
    return splits(tables(source), {"question": question, "answer": answer, **others}, told)[split]
