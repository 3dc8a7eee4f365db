"""Records of a data set, from local files or from the hub, each with its place for error messages.

A file is JSON lines, CSV with a header line, or parquet. A folder has one file per split, named as the split or as the
hub names its parquet files.
"""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

from rlvr_recipes.recipe import UserError

FORMATS = (".jsonl", ".parquet", ".csv")
Record: TypeAlias = dict[str, Any]
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
    try:
        yield from {".parquet": _from_parquet, ".csv": _from_csv, ".jsonl": _from_jsonl}[file.suffix](file)
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not UTF-8 text: {error}") from error
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from error


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


def _from_hub(hub: Hub, split: str, told: str) -> Iterator[tuple[str, Record]]:
    import datasets

    try:
        data = datasets.load_dataset(hub.id, hub.config, split=split)
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(
            f"{told or hub.id} could not be loaded from the hub ({error}); "
            f"without a network give --dataset_path DIR with train and test as jsonl, parquet or csv"
        ) from error
    for number, record in enumerate(data, 1):
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
            f"train has {len(rows)} rows, of which the last {size} are held out for validation: none is left"
        )
    return list(rows[-size:] if split == "validation" else rows[:-size])
