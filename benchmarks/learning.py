"""A training run as one row of a table: accuracy before and after, and what it took."""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HEADER = "seed,run,accuracy before,lenient,form,accuracy after,lenient,form,reward in training,last 10 steps,training s"


def run(recipe: str, seed: int, words: Sequence[str], folder: Path) -> dict[str, Any]:
    """The results of `python -m rlvr_recipes.train RECIPE --seed SEED WORDS`, which are also in the folder."""
    command = [sys.executable, "-m", "rlvr_recipes.train", recipe, "--seed", str(seed), *words]
    subprocess.run([*command, "--output_dir", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return json.loads((folder / "results.json").read_text())


def row(seed: int, name: str, results: dict[str, Any], folder: Path) -> list[str]:
    """A row of the table under `HEADER`."""
    cells = [str(seed), name]
    for when in ("before", "after"):
        low, high = results[when]["accuracy"]["interval"]
        cells += [
            f"{results[when]['accuracy']['value']:.1%} [{low:.1%}, {high:.1%}]",
            f"{results[when]['lenient']:.1%}",
            f"{results[when]['rewards']['answer_line']:.1%}",
        ]
    rewards = [json.loads(line)["reward"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    means = [f"{statistics.mean(rewards):.3f}", f"{statistics.mean(rewards[-10:]):.3f}"]
    return [*cells, *means, f"{results['train']['seconds']:.0f}"]


def rose(results: dict[str, Any]) -> bool:
    """Whether the 95 % interval of the accuracy after training lies above the one before."""
    return results["after"]["accuracy"]["interval"][0] > results["before"]["accuracy"]["interval"][1]
