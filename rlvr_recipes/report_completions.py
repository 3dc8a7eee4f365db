"""Completions for the report: in pieces that the page unpacks as they are looked at, within a budget of bytes.

A page with 100,000 completions stays quick since it holds them compressed and unpacks only those it shows; what filters
need, a few numbers per completion, stands in an index of its own.
"""

import base64
import gzip
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

from rewards.completions import text_of
from rlvr_recipes.recipe import Prompt
from rlvr_recipes.scores import Record

PIECE = 256 * 1024  # characters of JSON in one
LOOKED_AT = 12  # steps that tell how many bytes all of them would take
JSON = dict[str, Any]


def packed(value: Any) -> str:
    """JSON, compressed, as text that can stand in a page whatever it holds."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str)
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), 6, mtime=0)).decode("ascii")


def number(value: Any) -> float | None:
    """A finite number to five digits, or None: JSON has no other."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(f"{value:.5g}")


def in_pieces(units: Iterable[tuple[int, Any]]) -> tuple[list[str], list[int]]:
    """Packs units, each with its size, into pieces; and the number of units in each."""
    pieces: list[str] = []
    counts: list[int] = []
    held: list[Any] = []
    size = 0
    for length, unit in units:
        held.append(unit)
        size += length
        if size >= PIECE:
            pieces.append(packed(held))
            counts.append(len(held))
            held, size = [], 0
    if held:
        pieces.append(packed(held))
        counts.append(len(held))
    return pieces, counts


def evenly(count: int, share: float) -> Iterator[bool]:
    """Which of so many to keep, so that the kept ones lie evenly among all.

    >>> list(evenly(6, 0.5))
    [False, True, False, True, False, True]
    """
    return (math.floor((i + 1) * share) > math.floor(i * share) for i in range(count))


# ------------------------------------------------------------------------------------------------------- of training


@dataclass(frozen=True)
class Browsable:
    """What the page's browser gets of one run and source."""

    index: JSON
    pieces: list[str]

    @cached_property
    def packed_index(self) -> str:
        return packed(self.index)

    @property
    def size(self) -> int:
        return len(self.packed_index) + sum(map(len, self.pieces))


@dataclass(frozen=True)
class Steps:
    """The completions of a run's steps, as its parquet files hold them.

    Args:
        rewards: names of the rewards, the one that decides first.
        group: completions of one prompt in a step; None where the configuration does not say.
    """

    files: Sequence[Path]
    rewards: Sequence[str]
    group: int | None
    damaged: list[str] = field(default_factory=list)  # names of the files that cannot be read

    def read(self, file: Path, columns: Sequence[str] | None = None) -> list[JSON]:
        """The completions of a step, or some columns of them; none where the file is damaged."""
        import pyarrow
        import pyarrow.parquet

        try:
            with pyarrow.parquet.ParquetFile(file) as content:
                there = content.schema_arrow.names
                if not {"prompt", "completion"} <= set(there):
                    raise pyarrow.ArrowInvalid("columns are missing")
                names = there if columns is None else [name for name in columns if name in there]
                rows = content.read(columns=names).to_pylist()
            if not all(isinstance(row.get(name, ""), str | list) for row in rows for name in ("prompt", "completion")):
                raise pyarrow.ArrowInvalid("a text is none")
            return rows
        except (OSError, pyarrow.ArrowException):
            if file.name not in self.damaged:
                self.damaged.append(file.name)
            return []

    def groups(self, file: Path) -> Iterator[list[JSON]]:
        """The completions of a step by prompt."""
        rows = self.read(file)
        for _, same in groupby(rows, key=lambda row: row["prompt"]):
            together = list(same)
            size = self.group or len(together)
            yield from (together[i : i + size] for i in range(0, len(together), size))

    def prefix(self) -> list[list[str]]:
        """What all prompts begin with, as (role, text) parts."""
        prompts = (row["prompt"] for file in self.files for row in self.read(file, ["prompt"]))
        return common(parts(prompt) for prompt, _ in groupby(prompts))

    def browsable(self, budget: int) -> Browsable:
        """All of them, or as many whole groups, evenly over the steps, as fit into so many bytes."""
        prefix = self.prefix()
        share = min(1.0, 0.95 * budget / max(self._estimate(prefix), 1))
        while (made := self._pack(self.files, prefix, share)).size > budget:
            share *= 0.9 * budget / made.size
        return made

    def _estimate(self, prefix: list[list[str]]) -> float:
        """Bytes of all completions packed, by some steps' ones."""
        looked = self.files[:: max(1, len(self.files) // LOOKED_AT)]
        return self._pack(looked, prefix, 1.0).size * len(self.files) / len(looked) if looked else 0.0

    def _pack(self, files: Sequence[Path], prefix: list[list[str]], share: float) -> Browsable:
        numbers: dict[str, list[Any]] = {name: [] for name in ("step", "place", "size", "reward", "lenient", "cut_off")}
        pays: dict[str, list[float | None]] = {name: [] for name in self.rewards}
        total = seen = 0

        def units() -> Iterator[tuple[int, Any]]:
            nonlocal total, seen
            for file in files:
                for place, group in enumerate(self.groups(file), 1):
                    total += len(group)
                    seen += 1
                    if math.floor(seen * share) == math.floor((seen - 1) * share):
                        continue
                    numbers["step"].append(step_of(file))
                    numbers["place"].append(place)
                    numbers["size"].append(len(group))
                    for row in group:
                        numbers["reward"].append(number(row.get("reward")))
                        numbers["lenient"].append(_truth(row.get("lenient")))
                        numbers["cut_off"].append(int(bool(row.get("cut_off"))))
                        for name in self.rewards:
                            pays[name].append(number(row.get(name)))
                    told = [said(row) for row in group]
                    unit = [own(parts(group[0]["prompt"]), prefix), columns_of(group[0].get("columns")), told]
                    yield sum(len(one[0]) + 80 for one in told) + 200, unit

        pieces, counts = in_pieces(units())
        index = {**numbers, "pays": pays, "counts": counts, "total": total, "prefix": prefix}
        return Browsable(index, pieces)


def step_of(file: Path) -> int:
    """The step of a file of completions.

    >>> step_of(Path("completions/step_00012.parquet"))
    12
    """
    return int(file.stem.removeprefix("step_"))


def said(row: Mapping[str, Any]) -> list[Any]:
    """A completion's text, what was read as its answer, by which marker, why it was paid or not, and its length."""
    completion = row["completion"]
    text = completion if isinstance(completion, str) else text_of(completion or [])
    told = [None if row.get(name) is None else str(row[name]) for name in ("extracted", "where", "reason")]
    return [text, *told, row.get("tokens") if isinstance(row.get("tokens"), int) else None]


def columns_of(stored: Any) -> JSON | None:
    """The data row's columns from the text that a step's file holds; None where it has none."""
    try:
        found = json.loads(stored) if isinstance(stored, str) else stored
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def parts(prompt: Prompt) -> list[list[str]]:
    """A prompt as (role, text) parts; plain text has no role."""
    if isinstance(prompt, str):
        return [["", prompt]]
    return [[str(message["role"]), str(message.get("content") or "")] for message in prompt]


def common(prompts: Iterable[list[list[str]]]) -> list[list[str]]:
    r"""What prompts begin with: whole messages, then text up to an empty line; always less than any of them.

    >>> common([[["", "Q: 1\n\nQ: 2?"]], [["", "Q: 1\n\nQ: 20?"]]])
    [['', 'Q: 1\n\n']]
    """
    found: list[list[str]] | None = None
    for prompt in prompts:
        if found is None:
            found = prompt
        elif not _begins(prompt, found):
            same = next(i for i, (a, b) in enumerate(zip_longest(found, prompt)) if a != b)
            ends = found[same : same + 1], prompt[same : same + 1]
            found = found[:same]
            if all(ends) and ends[0][0][0] == ends[1][0][0]:
                found.append([ends[0][0][0], os.path.commonprefix([ends[0][0][1], ends[1][0][1]])])  # noqa: RUF071  texts, not paths
    if not found:
        return []
    *whole, (role, text) = found
    kept = text[: text.rstrip().rfind("\n\n") + 2] if "\n\n" in text.rstrip() else ""
    return [*whole, [role, kept]] if kept else whole


def _begins(prompt: list[list[str]], prefix: list[list[str]]) -> bool:
    """Whether a prompt begins with the prefix, whose last part may be the beginning of one."""
    if not prefix:
        return True
    last = len(prefix) - 1
    if prompt[:last] != prefix[:last] or len(prompt) <= last:
        return False
    return prompt[last][0] == prefix[last][0] and prompt[last][1].startswith(prefix[last][1])


def own(prompt: list[list[str]], prefix: list[list[str]]) -> list[list[str]]:
    """A prompt without what all begin with."""
    if not prefix:
        return prompt
    last = len(prefix) - 1
    if prompt[last] == prefix[last]:
        return prompt[last + 1 :]
    role, text = prompt[last]
    return [[role, text.removeprefix(prefix[last][1])], *prompt[last + 1 :]]


# ------------------------------------------------------------------------------------------------- of held-out problems


def held_out(
    before: Sequence[Record], after: Sequence[Record], rows: Sequence[JSON], rewards: Sequence[str], budget: int
) -> Browsable:
    """Problems with the completion before training and after it; flipped ones first where not all fit.

    Args:
        before, after: records of the two evaluations; either may be empty.
        rows: the data rows, by number; empty where nobody wrote them down.
    """
    sides = [{(record["row"], record.get("sample", 0)): record for record in records} for records in (before, after)]
    first = rewards[0]
    places = sorted(sides[0].keys() | sides[1].keys())

    def paid(side: int, place: tuple[int, int]) -> int | None:
        return int(sides[side][place][first] == 1.0) if place in sides[side] else None

    flipped = {place for place in places if paid(0, place) is not None and paid(1, place) == 1 - (paid(0, place) or 0)}

    def pack(shown: Sequence[tuple[int, int]]) -> Browsable:
        def told(side: int, place: tuple[int, int]) -> list[Any] | None:
            record = sides[side].get(place)
            if record is None:
                return None
            return [*said(record), int(bool(record.get("cut_off"))), [number(record.get(name)) for name in rewards]]

        units = [
            (400, [rows[row] if row < len(rows) else None, told(0, (row, sample)), told(1, (row, sample))])
            for row, sample in shown
        ]
        sized = [(sum(len(one[0]) for one in unit[1:] if one) + length, unit) for length, unit in units]
        pieces, counts = in_pieces(sized)
        numbers: dict[str, list[Any]] = {
            "row": [row for row, _ in shown],
            **{when: [paid(side, place) for place in shown] for side, when in enumerate(("before", "after"))},
            **{
                f"lenient_{when}": [_truth(sides[side].get(place, {}).get("lenient")) for place in shown]
                for side, when in enumerate(("before", "after"))
            },
        }
        return Browsable({**numbers, "counts": counts, "total": len(places), "flipped": len(flipped)}, pieces)

    made = pack(places)
    shares = [1.0, 1.0]  # of the others, then of the flipped
    for kind in (0, 1):
        while made.size > budget and shares[kind]:
            shares[kind] *= 0.9 * budget / made.size
            shares[kind] = shares[kind] if shares[kind] > 0.01 else 0.0
            chosen: list[tuple[int, int]] = []
            for share, some in zip(shares, (set(places) - flipped, flipped), strict=True):
                chosen += [place for place, keep in zip(sorted(some), evenly(len(some), share), strict=True) if keep]
            made = pack(sorted(chosen))
    return made


def _truth(value: Any) -> int | None:
    return None if value is None else int(bool(value))
