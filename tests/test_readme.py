"""Every command and every block of code in the README works as it stands; here with fewer steps and small local files."""

import dataclasses
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rlvr_recipes import load_recipe
from rlvr_recipes.difficulty import Difficulty
from rlvr_recipes.runs import fingerprint
from tests.conftest import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = [
    line.split("#")[0].strip() if not line.startswith("#") else ""
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]
IN_CI = ["make test", "make check"]  # .ci/run calls them
FEW_STEPS = (
    "--max_steps 1 --eval_rows 4 --per_device_train_batch_size 4 --gradient_accumulation_steps 1 --num_generations 4 "
    "--max_completion_length 16"
)
LOCAL = "--dataset_path my/gsm8k --model_name_or_path my/model"


@pytest.fixture
def clone(tmp_path: Path, small_gsm8k: Path, chat_model: Path) -> Path:
    """A folder like a clone, with what the README calls the user's own files."""
    if not Path(sys.prefix, "installed").exists():
        pytest.skip("make would install: this is not the .venv that `make install` made")
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "recipes", "assets"):
        (folder / name).symlink_to(PROJECT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    shutil.copytree(small_gsm8k, folder / "my" / "gsm8k")
    shutil.copytree(chat_model, folder / "my" / "model")
    (folder / "my.yaml").write_text("learning_rate: 1e-5\n")
    return folder


def make(folder: Path, words: list[str]) -> str:
    done = subprocess.run(["make", *words], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_misspelt_make_variable_is_named() -> None:
    words = ["make", "--dry-run", "train", "RECIPIE=gsm8k_fewshot"]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no variable RECIPIE; take RECIPE, ARGS, RUN or PYTHON" in done.stderr


def test_the_readme_has_the_commands_it_should() -> None:
    assert COMMANDS[:2] == ["make train", "make train RECIPE=gsm8k_fewshot"]
    assert set(IN_CI) < set(COMMANDS)
    ci = (PROJECT / ".ci" / "run").read_text()
    assert all(command in ci for command in IN_CI)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c and c not in IN_CI])
def test_a_command_of_the_readme(command: str, clone: Path) -> None:
    program, target, *settings = shlex.split(command)
    assert program == "make"
    values = dict(setting.split("=", 1) for setting in settings)
    arguments = values.get("ARGS", "")
    recipe = values.get("RECIPE", "arithmetic")
    if "gsm8k" in recipe and "--dataset_path" not in arguments:
        arguments += f" {LOCAL}"
    if "--difficulty" in arguments:
        train_rows = load_recipe(recipe).rows_of("train")
        probe = {"recipe": recipe, "model": "assets/tiny_policy"}
        rates = {fingerprint([row])[:16]: number / 16 for number, row in enumerate(train_rows[:16])}
        Difficulty(probe, rates).write(clone / "runs" / recipe / "difficulty.jsonl")
    if target == "train":
        assert "trained step 1 to 1" in make(clone, ["train", f"RECIPE={recipe}", f"ARGS={arguments} {FEW_STEPS}"])
        return
    if target == "check":
        printed = make(clone, ["check", f"RECIPE={recipe}", f"ARGS={arguments} --num_generations 4 --eval_rows 4"])
        assert "it can start from here" in printed
        return
    assert target == "eval"
    if recipe.startswith("runs/"):
        make(clone, ["train", f"ARGS={FEW_STEPS} --output_dir {recipe}"])
    few = re.sub(r"--n \d+", "", arguments) + " --n 4"
    printed = make(clone, ["eval", f"RECIPE={recipe}", f"ARGS={few} --max_completion_length 16"])
    assert re.search(r"\| +4 \| +\d+\.\d% \[", printed)


def test_the_python_of_the_readme_gives_what_it_says() -> None:
    names: dict[str, Any] = {}
    said = 0
    for block in PYTHON:
        if "RECIPE = " in block:
            continue
        exec("\n".join(line for line in block.split("\n") if "  # " not in line), names)
        for line in block.split("\n"):
            code, mark, value = line.partition("  # ")
            if mark:
                assert eval(code, names) == eval(value), line
                said += 1
    assert said >= 4
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
