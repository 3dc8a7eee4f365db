"""Every recipe in recipes/: shown, checked and trained for two steps, offline."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from rlvr_recipes import check, load_recipe, show, train
from tests.conftest import PROJECT

SAMPLES = PROJECT / "recipes" / "samples"
NEEDS = {
    "reasoning_gym": (find_spec("reasoning_gym") is not None, "reasoning-gym is not installed (the extra reasoning)"),
    "code": (shutil.which("bwrap") is not None, "there is no bubblewrap (bwrap)"),
}
SHELF = [
    pytest.param(file.stem, marks=pytest.mark.skipif(file.stem in NEEDS and not NEEDS[file.stem][0],
                                                     reason=NEEDS.get(file.stem, (True, "there"))[1]))
    for file in sorted((PROJECT / "recipes").glob("*.py")) if file.stem != "__init__"
]  # fmt: skip
PARTS = ("Data ", "Policy ", "Rewards ", "Expected ")  # of a card


@pytest.fixture
def flags(request: pytest.FixtureRequest, small_gsm8k: Path, chat_model: Path) -> list[str]:
    """What a recipe needs to go without a hub."""
    name = request.node.callspec.params["name"]
    given = [] if load_recipe(name).model.startswith("assets/") else ["--model_name_or_path", str(chat_model)]
    folder = small_gsm8k if "gsm8k" in name else SAMPLES / name
    return [*given, *(["--dataset_path", str(folder)] if folder.is_dir() else [])]


@pytest.mark.parametrize("name", SHELF)
def test_a_recipe_has_a_card_and_cases_right_and_wrong(name: str) -> None:
    recipe = load_recipe(name)
    lines = recipe.path.read_text().split('"""')[1].splitlines()
    assert len(lines[0]) <= 120
    assert all(any(line.startswith(part) for line in lines) for part in PARTS)
    first = next(iter(recipe.rewards)).__name__
    pays = [case.fields[first] for case in recipe.cases if first in case.fields]
    assert len(pays) >= 4
    assert max(pays) == 1.0
    assert min(pays) < 1.0


@pytest.mark.parametrize("name", SHELF)
def test_a_recipe_is_shown(name: str, flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert show.main([name, *flags]) == 0
    printed = capsys.readouterr().out
    count = len(load_recipe(name).cases)
    assert f"{count} of {count} cases paid as they should be" in printed
    assert "is where the completion begins" in printed


@pytest.mark.parametrize("name", SHELF)
def test_nothing_speaks_against_a_recipe(
    name: str, flags: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rlvr_recipes.memory.findings", lambda *_: [])  # tests/test_memory.py
    # The byte-level policy needs more tokens than the recipe's for the same text.
    code = check.main([name, *flags, "--max_completion_length", "384"])
    printed = capsys.readouterr().out
    assert code == 0, printed
    exemplars = len(load_recipe(name).exemplars)
    assert not exemplars or f"ok  exemplars: {exemplars} of {exemplars} paid in full" in printed


LONG = ("tool_call", "extract_json")  # prompts of thousands of bytes, and the tiny policy reads bytes


@pytest.mark.parametrize(
    "name",
    [pytest.param(*each.values, marks=[*each.marks, *[pytest.mark.slow] * (each.values[0] in LONG)]) for each in SHELF],
)
def test_a_recipe_trains(name: str, flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = {"max_steps": 2, "eval_rows": 0, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1,
             "num_generations": 2, "max_completion_length": 16, "load_in_4bit": "false", "save_strategy": "no",
             "gradient_checkpointing": "false", "output_dir": "run"}  # fmt: skip
    words = [f"--{field}={value}" for field, value in small.items()]
    assert train.main([name, *flags, *words]) == 0
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 2
    assert (tmp_path / "run" / "adapter" / "adapter_model.safetensors").is_file()
