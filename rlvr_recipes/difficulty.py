"""How often a policy is right on each row, as a probe found it: `check --save_difficulty` writes it, training reads it.

The file has a line about the probe, then one per row: {"row": the first 16 digits of its fingerprint, "pass_rate": ...}
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlvr_recipes.recipe import Recipe, Row, UserError
from rlvr_recipes.runs import fingerprint, write_whole

if TYPE_CHECKING:
    from rlvr_recipes.config import Config


@dataclass(frozen=True)
class Difficulty:
    """Pass rates by row."""

    probe: dict[str, Any]  # the policy and the prompt they are of
    rates: Mapping[str, float]

    @classmethod
    def of(
        cls, records: Sequence[Mapping[str, Any]], rows: Sequence[Row], recipe: Recipe, config: "Config", shots: int
    ) -> "Difficulty":
        """The share of each row's completions that the first reward pays in full."""
        first = next(iter(recipe.rewards)).__name__
        paid: dict[str, list[bool]] = {}
        for record in records:
            paid.setdefault(fingerprint([rows[record["row"]]])[:16], []).append(record[first] == 1.0)
        return cls(_circumstances(recipe, config, shots), {row: sum(each) / len(each) for row, each in paid.items()})

    @classmethod
    def read(cls, file: Path) -> "Difficulty":
        """What was written before.

        Raises:
            UserError: it is not there, or is damaged.
        """
        try:
            first, *lines = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
            return cls(first["probe"], {line["row"]: float(line["pass_rate"]) for line in lines})
        except OSError as error:
            cure = "write it with check --probe N --save_difficulty, or name another by --difficulty_file"
            raise UserError(f"there are no pass rates in {file} ({error.strerror}); {cure}") from error
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(f"{file} is damaged: {error!r:.100}") from error

    def beside(self, file: Path) -> "Difficulty":
        """These and those that a file holds of other rows, if there is one.

        Raises:
            UserError: it holds those of another probe, or no such file can be written.
        """
        if not file.exists():
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"there can be no file {file}: {error.strerror}") from error
            return self
        before = Difficulty.read(file)
        if differing := [name for name, value in self.probe.items() if before.probe.get(name) != value]:
            raise UserError(f"{file} holds a probe with another {', '.join(differing)}; name another file")
        return Difficulty(self.probe, {**before.rates, **self.rates})

    def write(self, file: Path) -> "Difficulty":
        """Adds these to those of the same probe of other rows; returns all."""
        whole = self.beside(file)
        lines = [{"probe": whole.probe}, *({"row": row, "pass_rate": rate} for row, rate in whole.rates.items())]
        write_whole(file, "".join(json.dumps(line) + "\n" for line in lines))
        return whole

    def __str__(self) -> str:
        rates = list(self.rates.values())
        between = sum(0.1 <= rate <= 0.9 for rate in rates)
        never, always = rates.count(0.0), rates.count(1.0)
        return f"{len(rates):,} rows: {never:,} never right, {always:,} always, {between:,} in 0.1:0.9"


def _circumstances(recipe: Recipe, config: "Config", shots: int) -> dict[str, Any]:
    """What pass rates depend on beside the rows."""
    grpo: Any = config.grpo
    return {
        "recipe": recipe.name,
        "reward": next(iter(recipe.rewards)).__name__,
        "model": config.model_name,
        "shots": shots,
        "samples": grpo.num_generations,
        "temperature": grpo.temperature,
        "max_completion_length": grpo.max_completion_length,
    }


def default_file(recipe: Recipe) -> Path:
    """Where the pass rates of a recipe's rows are if nobody says."""
    return Path("runs") / recipe.name / "difficulty.jsonl"


def bounds(given: str) -> tuple[float, float]:
    """The two shares of `LOW:HIGH`.

    >>> bounds("0.1:0.9")
    (0.1, 0.9)
    """
    low, colon, high = given.partition(":")
    try:
        found = float(low), float(high)
    except ValueError:
        found = (1.0, 0.0)
    if not colon or not 0.0 <= found[0] <= found[1] <= 1.0:
        raise UserError(f"difficulty is LOW:HIGH with 0 <= LOW <= HIGH <= 1, such as 0.1:0.9, not {given!r}")
    return found


def within(rows: Sequence[Row], given: str, file: Path, recipe: Recipe, config: "Config") -> tuple[list[Row], str]:
    """The rows whose pass rate lies in `given`, LOW:HIGH, both included; and what to tell of it.

    Raises:
        UserError: the file is of another recipe, first reward or model, or none of the rows are left.
    """
    low, high = bounds(given)
    known = Difficulty.read(file)
    asked = _circumstances(recipe, config, len(recipe.exemplars_shown(config.run.shots)))
    for name in ("recipe", "reward", "model"):
        if known.probe.get(name) != asked[name]:
            raise UserError(f"{file} is of the {name} {known.probe.get(name)}, not {asked[name]}; probe again")
    rates = [known.rates.get(fingerprint([row])[:16]) for row in rows]
    kept = [row for row, rate in zip(rows, rates, strict=True) if rate is not None and low <= rate <= high]
    unknown = rates.count(None)
    told = f"difficulty {given}: {len(kept):,} of {len(rows):,} train rows" + (
        f"; {unknown:,} were never probed and are left out" if unknown else ""
    )
    others = [
        f"{name} {known.probe.get(name)}, not {asked[name]}"
        for name in ("shots", "temperature", "max_completion_length")
        if known.probe.get(name) != asked[name]
    ]
    told += f"; the pass rates are of {', '.join(others)}" if others else ""
    if not kept:
        raise UserError(f"{told}; widen it, or probe more rows")
    return kept, told
