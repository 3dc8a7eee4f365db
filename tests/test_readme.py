"""Every command and every block of code in the README works as it stands; here with fewer steps and small local files."""

import dataclasses
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROJECT
from tests.documents import FEW_STEPS, IN_CI, blocks, commands, make, said, try_command

README = (PROJECT / "README.md").read_text(encoding="utf-8")
PYTHON = blocks(README, "python")
COMMANDS = commands(README)


def test_a_misspelt_make_variable_is_named() -> None:
    words = ["make", "--dry-run", "train", "RECIPIE=gsm8k_fewshot"]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no variable RECIPIE; take RECIPE, ARGS, RUN, FROM, DATA or PYTHON" in done.stderr


def test_the_readme_has_the_commands_it_should() -> None:
    assert COMMANDS[:2] == ["make train", "make train RECIPE=gsm8k_fewshot"]
    assert set(IN_CI) < set(COMMANDS)
    ci = (PROJECT / ".ci" / "run").read_text()
    assert all(command in ci for command in IN_CI)


LONG = re.compile(r"gsm8k_\w+ ARGS|--shots 0,2,4,8|--n 100 --shots 4")  # much like shorter ones
TRIED = [pytest.param(c, marks=[pytest.mark.slow] if LONG.search(c) else []) for c in COMMANDS if c not in IN_CI]


@pytest.mark.parametrize("command", TRIED)
def test_a_command_of_the_readme(command: str, clone: Path) -> None:
    try_command(command, clone)


def test_the_python_of_the_readme_gives_what_it_says() -> None:
    names: dict[str, Any] = {}
    assert sum(said(block, names) for block in PYTHON if "RECIPE = " not in block) >= 4
    exec("from rewards import correct_answer", names)
    assert names["correct_boxed"](["\\boxed{4}", "#### 4"], answer=["4", "4"]) == [1.0, 0.0]


def test_the_recipe_of_the_readme_trains_and_can_be_resumed(clone: Path) -> None:
    (block,) = [block for block in PYTHON if "RECIPE = " in block]
    (clone / "my_task.py").write_text(block)
    printed = make(clone, ["train", "RECIPE=my_task.py", f"ARGS={FEW_STEPS} --output_dir runs/mine"])
    assert "recipe my_task: 2 cases" in printed
    (clone / "runs" / "mine" / "results.json").unlink()
    assert "going on from checkpoint-1" in make(clone, ["resume", "RUN=runs/mine"])


def test_the_readme_names_our_own_fields_and_no_file_that_is_not_there() -> None:
    from rlvr_recipes.config import RunConfig

    own = re.search(r"plus ten of ours:\n(.*?)\. Our", README, re.DOTALL)
    assert own is not None
    assert re.findall(r"`(\w+)`", own[1]) == [field.name for field in dataclasses.fields(RunConfig)]
    for link in re.findall(r"\]\(([^)]+)\)", README):
        assert (PROJECT / link).exists(), link
    tree = re.search(r"## The tree\n\n```text\n(.*?)```", README, re.DOTALL)
    assert tree is not None
    files = {
        f.name for folder in ("rewards", "rlvr_recipes", "recipes", "assets") for f in (PROJECT / folder).glob("*.py")
    }
    assert files - set(re.findall(r"\w+\.py", tree[1])) == {"__init__.py"}
    assert set(re.findall(r"\w+\.py", tree[1])) <= files
