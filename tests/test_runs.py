"""A run folder tells all, is never overwritten, and is not fooled by a save that was killed."""

import json
from pathlib import Path

import pytest
import torch  # noqa: F401  a machine's GPUs are asked for only where it is loaded
import yaml

from rlvr_recipes import UserError, load_recipe
from rlvr_recipes.runs import RunFolder, git_state
from tests.conftest import PROJECT

RECIPE = load_recipe("arithmetic")
DATA = {"train": [{"question": "q", "answer": "1"}], "test": [{"question": "p", "answer": "2"}]}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder.claimed(RECIPE, 7, str(tmp_path / "run"))
    folder.create(RECIPE, {"seed": 7, "max_steps": 3}, DATA)
    return folder


def checkpoint(folder: RunFolder, step: int, complete: bool = True) -> Path:
    path = folder.checkpoints / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step, "max_steps": 30}))
    (path / "optimizer.pt").write_bytes(b"x" * 100)
    if complete:
        folder.mark_complete(path)
    return path


def test_it_holds_what_the_run_was_made_of(folder: RunFolder) -> None:
    assert (folder.path / "recipe.py").read_text() == (PROJECT / "recipes" / "arithmetic.py").read_text()
    assert yaml.safe_load((folder.path / "config.yaml").read_text()) == {"seed": 7, "max_steps": 3}
    manifest = folder.manifest
    assert manifest["seed"] == 7
    assert manifest["versions"]["trl"].startswith("1.")
    assert manifest["data"]["train"]["rows"] == 1
    assert len(manifest["data"]["train"]["sha256"]) == 64
    assert manifest["hardware"]["cores"] >= 1
    assert folder.load_recipe().name == "arithmetic"


def test_the_git_state_is_the_checkouts_and_empty_outside_one(tmp_path: Path) -> None:
    assert git_state(tmp_path) == {}
    if (PROJECT / ".git").exists():
        assert len(git_state(PROJECT)["commit"]) == 40


def test_a_new_run_never_gets_a_folder_that_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda form: "20260101-000000")
    first, second = (RunFolder.claimed(RECIPE, 42, None).path for _ in range(2))
    assert first == Path("runs/arithmetic/20260101-000000-42")
    assert second == Path("runs/arithmetic/20260101-000000-42.2")
    (tmp_path / "empty").mkdir()
    assert RunFolder.claimed(RECIPE, 42, "empty").path == Path("empty")
    (first / "x").write_text("")
    with pytest.raises(UserError, match="is not empty; no run overwrites another"):
        RunFolder.claimed(RECIPE, 42, str(first))
    for place in (first / "x", first / "x" / "y", "a\x00b"):
        with pytest.raises(UserError, match="cannot be made"):
            RunFolder.claimed(RECIPE, 42, str(place))


def test_another_folder_is_not_taken_for_a_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a run folder: recipe.py is missing"):
        RunFolder.existing(tmp_path)
    assert not RunFolder.is_one(tmp_path)


def test_the_last_whole_checkpoint_is_taken(folder: RunFolder) -> None:
    assert folder.last_checkpoint() is None
    checkpoint(folder, 9)
    second = checkpoint(folder, 10)
    unfinished = checkpoint(folder, 11, complete=False)
    assert folder.last_checkpoint() == second
    folder.mark_complete(unfinished)
    assert folder.last_checkpoint() == unfinished
    (unfinished / "optimizer.pt").write_bytes(b"x" * 99)
    assert folder.last_checkpoint() == second
    (second / "optimizer.pt").unlink()
    assert folder.last_checkpoint() == folder.checkpoints / "checkpoint-9"
    (folder.checkpoints / "checkpoint-12-copy").mkdir()
    for step, listing in enumerate(("", "[]", "null", "{}", '{"x": ', "\x00"), 20):
        (checkpoint(folder, step) / "complete.json").write_text(listing)
    (checkpoint(folder, 30) / "optimizer.pt").write_bytes(b"\0" * 100)  # the right size, as after a power cut
    assert folder.last_checkpoint() == folder.checkpoints / "checkpoint-9"


@pytest.mark.parametrize("name", ["manifest.json", "results.json", "config.yaml"])
@pytest.mark.parametrize("text", ["", "[]", "{", "null", "\x00\xff"])
def test_a_damaged_file_is_named(folder: RunFolder, name: str, text: str) -> None:
    (folder.path / name).write_text(text)
    with pytest.raises(UserError, match=f"{name} is damaged"):
        {"manifest.json": lambda: folder.manifest, "results.json": lambda: folder.results}.get(
            name, lambda: folder.values
        )()


def test_rewinding_drops_what_came_after(folder: RunFolder) -> None:
    for step in (1, 2, 3):
        folder.append_metrics({"step": step, "reward": step / 2})
        folder.write_completions(step, [{"completion": "a", "correct_number": 1.0}])
    with (folder.path / "metrics.jsonl").open("a") as file:
        file.write('5\n[]\n{"a": 1}\n{"step": 4, "rew')  # a kill in the middle of a line
    folder.rewind(2)
    assert [metrics["step"] for metrics in folder.read_metrics()] == [1, 2]
    assert sorted(f.name for f in (folder.path / "completions").iterdir()) == [
        "step_00001.parquet",
        "step_00002.parquet",
    ]


def test_other_data_than_the_run_began_with_are_refused(folder: RunFolder) -> None:
    folder.check_data(DATA)
    with pytest.raises(UserError, match="the train rows are not those"):
        folder.check_data({"train": [{"question": "q", "answer": "2"}]})


def test_precision_is_chosen_anew_on_a_machine_of_another_kind(folder: RunFolder) -> None:
    values = {"dtype": "bfloat16", "bf16": True, "use_cpu": False, "seed": 7}
    (folder.path / "config.yaml").write_text(yaml.safe_dump(values))
    here = folder.manifest["hardware"]["gpus"]
    assert folder.values_here() == values
    manifest = folder.manifest | {"hardware": {"gpus": [] if here else ["some GPU"]}}
    (folder.path / "manifest.json").write_text(json.dumps(manifest))
    assert folder.values_here() == {"seed": 7}
