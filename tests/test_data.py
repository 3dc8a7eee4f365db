"""Where records come from: the hub, another data set on it, or files."""

from pathlib import Path
from typing import Any

import pytest

from rlvr_recipes import UserError, data

HUB = data.Hub("some/set", "main")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was asked of a hub that has two records."""
    import datasets

    seen: list[tuple[Any, ...]] = []

    def load(name: str, config: str | None, split: str) -> list[dict[str, int]]:
        seen.append((name, config, split))
        return [{"a": 1}, {"a": 2}]

    monkeypatch.setattr(datasets, "load_dataset", load)
    return seen


def test_a_recipes_own_data_set_or_another_of_the_hub(asked: list[tuple[Any, ...]]) -> None:
    assert list(data.records("train", None, HUB)) == [
        ("some/set train, row 1", {"a": 1}),
        ("some/set train, row 2", {"a": 2}),
    ]
    list(data.records("test", "other/set", HUB))
    assert asked == [("some/set", "main", "train"), ("other/set", None, "test")]
    with pytest.raises(UserError, match="give --dataset_path DIR"):
        data.records("train")


def test_a_folder_comes_before_a_data_set_of_that_name(
    asked: list[tuple[Any, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "other" / "set"
    folder.mkdir(parents=True)
    (folder / "train-00000-of-00001.jsonl").write_text('{"a": 3}\n')
    ((place, record),) = data.records("train", "other/set", HUB)
    assert place.endswith("train-00000-of-00001.jsonl, line 1")
    assert record == {"a": 3}
    assert not asked


def test_a_path_that_is_neither_says_both(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def unreachable(*_: Any, **__: Any) -> None:
        raise ConnectionError("offline")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(UserError, match=r"my/data is no folder here, and as a data set it could not be loaded from"):
        list(data.records("train", "my/data", HUB))
    with pytest.raises(UserError, match="my/deeper/data is not a folder"):
        list(data.records("train", "my/deeper/data", HUB))
