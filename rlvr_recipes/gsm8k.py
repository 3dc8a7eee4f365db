"""GSM8K (Cobbe et al. 2021, arXiv 2110.14168): grade-school word problems, from the hub or from local files.

A row of the data ends its solution with `#### <number>` and carries calculator notes: `48/2 = <<48/2=24>>24`. The notes
are cut out and the number is the gold.
"""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

from rewards.correct import gold_number
from rlvr_recipes.recipe import Row, UserError, check_split

HUB_ID, HUB_CONFIG = "openai/gsm8k", "main"
VALIDATION_ROWS = 512  # the last rows of train, whatever the seed
_FORMATS = (".jsonl", ".parquet", ".csv")
_NOTE = re.compile(r"<<[^<>]*>>")


def clean_solution(solution: str) -> str:
    """A solution without its calculator notes.

    >>> clean_solution("48/2 = <<48/2=24>>24 clips\\n#### 24")
    '48/2 = 24 clips\\n#### 24'
    """
    return _NOTE.sub("", solution)


def row(question: object, answer: object, place: str) -> Row:
    """One cleaned row: `question`, `solution`, and `answer`, the gold number as it is written.

    Raises:
        UserError: an empty question, no `####`, or a gold that is not a number, with its place.

    >>> row("2 + 2?", "2 + 2 = <<2+2=4>>4\\n#### 4", "my.jsonl, line 1")
    {'question': '2 + 2?', 'solution': '2 + 2 = 4\\n#### 4', 'answer': '4'}
    """
    if not isinstance(question, str) or not question.strip():
        raise UserError(f"{place}: the question is empty")
    if not isinstance(answer, str) or answer.count("####") != 1:
        raise UserError(f"{place}: the answer must hold one '####' with the final number after it")
    gold = answer.partition("####")[2].strip()
    try:
        gold_number(gold)
        (question + answer).encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{place}: half of a surrogate pair, which is no text: {error.reason}") from error
    except ValueError as error:
        raise UserError(f"{place}: {error}") from error
    return {"question": question.strip(), "solution": clean_solution(answer).strip(), "answer": gold}


def _from_parquet(file: Path) -> Iterator[tuple[str, dict[str, object]]]:
    import pyarrow
    import pyarrow.parquet

    try:
        records = pyarrow.parquet.read_table(file).to_pylist()
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: not a sound parquet file: {error}") from error
    yield from ((f"{file}, row {number}", record) for number, record in enumerate(records, 1))


def _from_csv(file: Path) -> Iterator[tuple[str, dict[str, object]]]:
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


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a key stands there twice")
    return dict(pairs)


def _from_jsonl(file: Path) -> Iterator[tuple[str, dict[str, object]]]:
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
                raise UserError(f"{place}: a row must be a JSON object with question and answer")
            yield place, record


def _records(file: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Each record of a jsonl, csv or parquet file with its place in it."""
    try:
        yield from {".parquet": _from_parquet, ".csv": _from_csv, ".jsonl": _from_jsonl}[file.suffix](file)
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not UTF-8 text: {error}") from error
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from error


def _file(folder: Path, stem: str) -> Path:
    """The one file of a split in a folder: `train.jsonl`, or `train-00000-of-00001.parquet` as the hub names it."""
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file() and file.suffix in _FORMATS)
    except OSError as error:
        raise UserError(
            f"--dataset_path {str(folder)[:200]} is not a folder that can be read: {error.strerror}"
        ) from error
    found = [file for file in files if re.split(r"[-.]", file.name)[0] == stem]
    if len(found) != 1:
        what = "has no" if not found else f"has {len(found)} files for"
        raise UserError(f"{folder} {what} {stem}; give it one {stem}.jsonl, {stem}.parquet or {stem}.csv")
    return found[0]


def _from_hub(stem: str) -> Iterator[tuple[str, dict[str, object]]]:
    import datasets

    try:
        data = datasets.load_dataset(HUB_ID, HUB_CONFIG, split=stem)
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"{HUB_ID} could not be loaded from the hub ({error}); "
            f"without a network give --dataset_path DIR with train and test as jsonl, parquet or csv"
        ) from error
    for number, record in enumerate(data, 1):
        yield f"{HUB_ID} {stem}, row {number}", dict(record)


def rows(split: str, dataset_path: str | None = None) -> list[Row]:
    """The cleaned rows of a split. "validation" is the last 512 rows of the train file, and "train" is all before them.

    Args:
        split: "train", "validation" or "test".
        dataset_path: a folder with a train and a test file; None takes openai/gsm8k from the hub.

    Raises:
        UserError: a file that is missing or broken, or a bad row, with its place.
    """
    check_split(split)
    stem = "test" if split == "test" else "train"
    records = _from_hub(stem) if dataset_path is None else _records(_file(Path(dataset_path), stem))
    made: list[Row] = []
    for place, record in records:
        if missing := {"question", "answer"} - record.keys():
            raise UserError(f"{place}: no column {' and '.join(sorted(missing))}; found {', '.join(map(str, record))}")
        made.append(row(record["question"], record["answer"], place))
    if stem == "test":
        return made
    if len(made) <= VALIDATION_ROWS:
        raise UserError(
            f"train has {len(made)} rows, of which the last {VALIDATION_ROWS} are held out for validation: none is left"
        )
    return made[-VALIDATION_ROWS:] if split == "validation" else made[:-VALIDATION_ROWS]
