"""Rows of any reasoning-gym task: python -m rlvr_recipes.gym TASK OPTIONS SEED SIZES FILE

They are made in a process of their own: some tasks order things by hash, which only a fixed PYTHONHASHSEED makes the
same in every run, and a generator leaves nothing behind here.
"""

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from rewards.gym import check_installed
from rlvr_recipes.recipe import Row, UserError, check_split, nearest

_KNOWN = ("possible_answer", "example_answer", "example_correct_answer")  # where a task without a gold shows an answer
_TRIES = 4  # draws per row that is wanted, as questions repeat


def rows(split: str, task: str, options: Mapping[str, Any], sizes: Mapping[str, int], seed: int = 1) -> list[Row]:
    """The rows of a split; no question stands in two of them.

    Args:
        split: "train", "validation" or "test".
        task: the name of a reasoning-gym task.
        options: what it is made with, fields of its configuration such as `{"max_animals": 3}`.
        sizes: rows of each split.
        seed: of all of them.

    Raises:
        UserError: no such task or option, or too few different questions.
    """
    check_split(split)
    try:
        check_installed()
    except ModuleNotFoundError as error:
        raise UserError(str(error)) from None
    return list(_made(task, repr(dict(options)), tuple(sizes.items()), seed)[split])


@lru_cache(maxsize=2)
def _made(task: str, options: str, sizes: tuple[tuple[str, int], ...], seed: int) -> dict[str, list[Row]]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rows.json")
        done = subprocess.run(
            [sys.executable, "-m", "rlvr_recipes.gym", task, options, str(seed), json.dumps(dict(sizes)), str(file)],
            env={**os.environ, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"},
            stdout=subprocess.DEVNULL,  # some generators print
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if not file.exists():
            raise UserError(
                f"reasoning-gym task {task}: {(done.stderr.strip().splitlines() or ['it made no rows'])[-1]}"
            )
        made = json.loads(file.read_text(encoding="utf-8"))
    if "error" in made:
        raise UserError(made["error"])
    return made


def plain(value: Any) -> Any:
    """A value of the builtin types only, as a literal can hold it.

    Raises:
        ValueError: it is of another type.

    >>> plain({1: ("a", [None, 2.5])})
    {1: ('a', [None, 2.5])}
    """
    if isinstance(value, dict):
        return {plain(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        kind = next(kind for kind in (list, tuple, set) if isinstance(value, kind))
        return kind(plain(inner) for inner in value)
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):  # of which other libraries derive types of their own
        if isinstance(value, kind):
            return kind(value)
    raise ValueError(f"an entry holds a {type(value).__name__}, which no literal can")


def row(entry: Mapping[str, Any], task: str, options: str) -> Row:
    """An entry of reasoning-gym as a row, all of whose columns are texts."""
    gold, metadata = entry["answer"], plain(entry["metadata"])
    if gold is None:
        gold = next((metadata[name] for name in _KNOWN if name in metadata), "")
    literal = repr(metadata)
    if ast.literal_eval(literal) != metadata:
        raise ValueError("an entry's metadata is not what its literal says")
    gold = gold if isinstance(gold, str) else json.dumps(gold)
    shown = {"solution": f"<answer>{gold}</answer>"} if gold else {}
    asked = {"question": str(entry["question"]), "answer": gold, "task": task, "options": options, "metadata": literal}
    return {**asked, **shown}


def make(task: str, options: str, seed: int, sizes: Mapping[str, int]) -> dict[str, Any]:
    """The rows of every split, or `{"error": ...}`, what the user must know instead."""
    from reasoning_gym.factory import DATASETS, create_dataset

    if task not in DATASETS:
        return {
            "error": f"reasoning-gym has no task {task}{nearest(task, DATASETS)} (it has {', '.join(sorted(DATASETS))})"
        }
    total = sum(sizes.values())
    try:
        entries = create_dataset(task, seed=seed, size=_TRIES * total, **ast.literal_eval(options))
    except (AssertionError, TypeError, ValueError) as error:  # what configurations raise
        return {"error": f"reasoning-gym task {task} with {options}: {type(error).__name__}: {error}"}
    found: dict[str, Row] = {}
    for number in range(_TRIES * total):
        if len(found) == total:
            break
        entry = entries[number]
        if entry["answer"] == "":
            continue  # right to say nothing, which no <answer> can
        made = row(entry, task, options)
        found.setdefault(made["question"], made)
    if len(found) < total:
        return {
            "error": f"reasoning-gym task {task} made only {len(found)} different questions in {_TRIES * total} draws; "
            f"the splits need {total}: {', '.join(f'{name} {size}' for name, size in sizes.items())}"
        }
    each = iter(found.values())
    return {name: [next(each) for _ in range(size)] for name, size in sizes.items()}


def main(words: Sequence[str]) -> None:
    """Writes the rows to a file."""
    task, options, seed, sizes, file = words
    Path(file).write_text(json.dumps(make(task, options, int(seed), json.loads(sizes))), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
