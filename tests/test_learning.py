"""The offline recipe learns: whole runs, as `make train` makes them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_arithmetic_learns_within_150_seconds(seed: int, tmp_path: Path, command: Callable[..., Any]) -> None:
    command("train", "arithmetic", "--seed", seed, "--output_dir", tmp_path / "run")
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    before, after = results["before"], results["after"]
    assert before["n"] == after["n"] == 512
    assert before["accuracy"]["value"] < 0.40
    assert after["accuracy"]["value"] > 0.85
    assert after["lenient"] - before["lenient"] > 0.5  # right answers, not form
    assert results["train"]["seconds"] <= 150
    assert '"alarms"' not in (tmp_path / "run" / "metrics.jsonl").read_text()
