"""What README.md and docs/ say is tried as it stands: their blocks of Python, and their commands with fewer steps."""

import ast
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rlvr_recipes import load_recipe
from rlvr_recipes.difficulty import Difficulty
from rlvr_recipes.runs import fingerprint

IN_CI = ["make test", "make check"]  # .ci/run calls them
FEW_STEPS = (
    "--max_steps 1 --eval_rows 4 --per_device_train_batch_size 4 --gradient_accumulation_steps 1 --num_generations 4 "
    "--max_completion_length 16"
)
LOCAL = "--dataset_path my/gsm8k --model_name_or_path my/model"


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language in a Markdown text."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(text: str) -> list[str]:
    """The lines of the sh blocks in a Markdown text, without their remarks."""
    lines = "".join(blocks(text, "sh")).splitlines()
    return [command for line in lines if (command := re.split(r"(?:^|\s)#\s", line)[0].strip())]


def said(block: str, names: dict[str, Any]) -> int:
    """Runs a block, and compares each `expression  # value` with its value, or with `# raises Kind: text`.

    Args:
        names: what the blocks before have defined, and this one defines.

    Returns:
        How many such lines there were.
    """
    lines, found = block.splitlines(), 0
    for statement in ast.parse(block).body:
        assert statement.end_lineno is not None
        last = lines[statement.end_lineno - 1].encode()[statement.end_col_offset :].decode()
        value = last.partition("  # ")[2]
        if not isinstance(statement, ast.Expr) or not value:
            exec(compile(ast.Module([statement], []), "<block>", "exec"), names)
            continue
        code = compile(ast.Expression(statement.value), "<block>", "eval")
        found += 1
        if value.startswith("raises "):
            kind, _, text = value.removeprefix("raises ").partition(": ")
            with pytest.raises(eval(kind, names), match=re.escape(text)):
                eval(code, names)
        else:
            made = eval(code, names)
            assert made == eval(value, names), f"{ast.unparse(statement)} is {made!r}"
    return found


def make(folder: Path, words: list[str]) -> str:
    """What a make target prints, which must succeed."""
    done = subprocess.run(["make", *words], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def try_command(command: str, clone: Path) -> None:
    """Runs a `make` command of a document with fewer steps and rows, and looks whether it did what it is for."""
    program, target, *settings = shlex.split(command)
    assert program == "make"
    values = dict(setting.split("=", 1) for setting in settings)
    arguments = values.get("ARGS", "")
    recipe = values.get("RECIPE", "arithmetic")
    if "gsm8k" in recipe and "--dataset_path" not in arguments:
        arguments += f" {LOCAL}"
    if "--difficulty" in arguments:
        train_rows = load_recipe(recipe).rows_of("train")
        probe = {"recipe": recipe, "reward": "correct_number", "model": "assets/tiny_policy"}
        rates = {fingerprint([row])[:16]: number / 16 for number, row in enumerate(train_rows[:16])}
        Difficulty(probe, rates).write(clone / "runs" / recipe / "difficulty.jsonl")
    if target in ("new", "show"):
        make(clone, [target, *settings])
        return
    if target == "train":
        assert "trained step 1 to 1" in make(clone, ["train", f"RECIPE={recipe}", f"ARGS={arguments} {FEW_STEPS}"])
        return
    if target == "check":
        printed = make(clone, ["check", f"RECIPE={recipe}", f"ARGS={arguments} --num_generations 4 --eval_rows 4"])
        assert ("it can start from here" if "--probe" in arguments else "nothing found that would spoil") in printed
        return
    assert target == "eval"
    if recipe.startswith("runs/"):
        make(clone, ["train", f"ARGS={FEW_STEPS} --output_dir {recipe}"])
    few = re.sub(r"--n \d+", "", arguments) + " --n 4"
    printed = make(clone, ["eval", f"RECIPE={recipe}", f"ARGS={few} --max_completion_length 16"])
    assert re.search(r"\| +4 \| +\d+\.\d% \[", printed)
