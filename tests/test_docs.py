"""What docs/ says is so: its code gives the values beside it, its tables are TRL's and our own, its commands work."""

import ast
import importlib
import itertools
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from transformers import AutoModelForCausalLM
from trl import GRPOConfig, GRPOTrainer

from rewards import code, correct_number, judge, structured
from rlvr_recipes import load_recipe
from rlvr_recipes.config import DEFAULTS
from rlvr_recipes.refusals import CHOICES
from tests.conftest import PROJECT, TINY
from tests.documents import FEW_STEPS, blocks, commands, said, try_command

DOCS = {path.stem: path.read_text(encoding="utf-8") for path in sorted((PROJECT / "docs").glob("*.md"))}
WALKED = ("writing_a_recipe",)  # from its first block to its last, in one folder
PYTHON = {name: found for name, text in DOCS.items() if (found := blocks(text, "python")) and name not in WALKED}
GRPO = DOCS["how_grpo_works"]


@pytest.mark.parametrize("name", PYTHON)
def test_the_python_of_a_document_gives_what_it_says(name: str) -> None:
    names: dict[str, Any] = {}
    assert sum(said(block, names) for block in PYTHON[name]) > 0


def test_every_block_of_a_document_is_run_or_shows_what_was_printed() -> None:
    kinds = {name: set(re.findall(r"^```(\w*)\n", text, re.MULTILINE)) - {""} for name, text in DOCS.items()}
    assert kinds.pop("elsewhere") == {"py"}  # tests/test_elsewhere.py
    assert kinds.pop("writing_a_recipe") == {"python", "sh", "yaml", "text"}
    assert set().union(*kinds.values()) == {"python", "sh", "text"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [each for name, text in DOCS.items() if name not in WALKED for each in commands(text)]
)
def test_a_command_of_a_document(command: str, clone: Path) -> None:
    try_command(command, clone)


@pytest.mark.parametrize("name", DOCS)
def test_a_document_names_no_file_that_is_not_there(name: str) -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", DOCS[name]):
        assert (PROJECT / "docs" / link).exists(), link


def table(text: str, first: str) -> list[list[str]]:
    """The rows of the Markdown table whose header begins with a cell."""
    lines = text[text.index(f"| {first} |") :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


# -------------------------------------------------------------------------------------------------- writing a recipe

WALK = re.findall(r"^```(\w+)\n(.*?)^```", DOCS["writing_a_recipe"], re.DOTALL | re.MULTILINE)
GPU = "make train RECIPE=my_problems.py"


def lines_of(file: Path, name: str) -> list[str]:
    """The lines of a function in a file."""
    text = file.read_text()
    (found,) = [each for each in ast.parse(text).body if isinstance(each, ast.FunctionDef) and each.name == name]
    return text.splitlines()[found.lineno - 1 : found.end_lineno]


def walk(clone: Path) -> Iterator[tuple[str, str, set[str]]]:
    """Does what the document says, in a folder like a clone.

    Yields:
        Each command, what it printed, and the lines that the document shows of it.
    """
    for (language, block), (after, shown) in itertools.pairwise([*WALK, ("", "")]):
        if language == "python" and "RECIPE = " in block:
            assert set(lines_of(clone / "my_problems.py", "rows")) <= set(block.splitlines())
            (clone / "my_problems.py").write_text(block)
        elif language == "python":
            subprocess.run([sys.executable, "-c", block], cwd=clone, check=True)
            assert (clone / "problems.csv").read_text().startswith(shown)
        elif language == "yaml":
            (clone / "tiny.yaml").write_text(block)
        for command in commands(f"```sh\n{block}```") if language == "sh" else ():
            words = shlex.split(command)
            if command == GPU:  # there is none, and no hub
                words.append(f"ARGS=--config tiny.yaml {FEW_STEPS}")
            done = subprocess.run(words, cwd=clone, capture_output=True, text=True, timeout=500)
            assert done.returncode == 0, done.stdout + done.stderr
            yield command, done.stdout, set(shown.splitlines()) if after == "text" else set()


def test_a_table_becomes_a_draft_that_is_shown_but_not_trained(clone: Path) -> None:
    for command, printed, shown in itertools.islice(walk(clone), 2):
        assert shown
        assert shown <= set(printed.splitlines()), command
    (first, *_) = load_recipe(str(clone / "my_problems.py")).unwritten()
    assert f"\nBAD {first}\n" in DOCS["writing_a_recipe"]


@pytest.mark.slow
def test_from_a_table_to_a_trained_policy_and_its_report(clone: Path) -> None:
    for command, printed, shown in walk(clone):
        if "--probe" in command:  # what is sampled may differ where sums are rounded in another order
            assert {line for line in shown if line.startswith("ok") and "GRPO" not in line} <= set(printed.splitlines())
            assert "it can start from here" in printed
        if "--output_dir" in command:
            told = re.findall(r"^\| (?:before|after) training +\| +30 \| +(\S+)% \[", printed, re.MULTILINE)
            assert float(told[0]) < 5
            assert float(told[1]) > 80
            step = json.loads((clone / "runs" / "first" / "metrics.jsonl").read_text().splitlines()[0])
            for row in table(GRPO, "metric"):
                for name in re.findall(r"`([^`]+)`", row[0]):
                    name = name.replace("<name>", "correct_number").replace("...", "region_mean")
                    assert (name in step) == (name != "kl"), name
    assert (clone / "runs" / "first" / "report.html").stat().st_size > 1e6
    assert (clone / "my_sums.py").is_file()


# ---------------------------------------------------------------------------------------------------- how GRPO works


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> GRPOTrainer:
    """TRL's own, with groups of four and two micro-batches."""
    config = GRPOConfig(
        output_dir=str(tmp_path_factory.mktemp("grpo")), use_cpu=True, bf16=False, per_device_train_batch_size=2,
        gradient_accumulation_steps=6, num_generations=4, max_completion_length=2, report_to="none",
    )  # fmt: skip
    rows = datasets.Dataset.from_list([{"prompt": "1 + 1 =", "answer": "2"}] * 12)
    made = GRPOTrainer(model=str(TINY), args=config, reward_funcs=[correct_number], train_dataset=rows)
    made.model.train()
    return made


@pytest.mark.parametrize("scale", CHOICES["scale_rewards"])
def test_the_advantages_of_the_example_are_trls(trainer: Any, monkeypatch: pytest.MonkeyPatch, scale: str) -> None:
    names: dict[str, Any] = {}
    said(next(block for block in PYTHON["how_grpo_works"] if "def advantages" in block), names)
    paid = torch.tensor([names[group] for group in ("one_right", "one_without_line", "all_right")]).reshape(-1, 1)
    monkeypatch.setattr(trainer, "scale_rewards", scale)
    monkeypatch.setattr(trainer, "_calculate_rewards", lambda *_: paid)
    made = trainer._generate_and_score_completions([{"prompt": "1 + 1 =", "answer": "2"}] * 12)["advantages"]
    assert torch.allclose(made, torch.tensor(names["advantages"](scale)).flatten(), atol=6e-4)


def weights(trainer: Any, loss_type: str, ratio: float = 1.0, level: str = "token") -> list[float]:
    """What TRL's loss gives one token of each completion of the example, by its gradient."""
    trainer.loss_type, trainer.importance_sampling_level = loss_type, level
    trainer.max_completion_length, trainer.args.steps_per_generation = 16, 2
    trainer.current_gradient_accumulation_steps = 2
    found = []
    for lengths in ((2, 2), (4, 8)):
        mask = (torch.arange(8) < torch.tensor(lengths)[:, None]).long()
        logps = torch.full(mask.shape, -1.0, requires_grad=True)
        trainer._get_per_token_logps_and_entropies = lambda *_, now=logps, **__: (now, torch.zeros_like(now), None)
        given = {
            "prompt_ids": torch.ones(2, 1), "prompt_mask": torch.ones(2, 1), "completion_ids": mask,
            "completion_mask": mask, "advantages": torch.ones(2), "num_items_in_batch": torch.tensor(16),
            "old_per_token_logps": logps.detach() - torch.tensor(ratio).log(),
        }  # fmt: skip
        trainer._compute_loss(trainer.model, given).backward()
        assert logps.grad is not None
        assert torch.allclose(logps.grad * (1 - mask), torch.zeros(()))
        found += [-row[0].item() for row in logps.grad]
    return found


@pytest.fixture
def own(trainer: Any) -> Iterator[Any]:
    """The trainer, as it was afterwards."""
    before = dict(vars(trainer)), trainer.args.steps_per_generation
    yield trainer
    vars(trainer).clear()
    vars(trainer).update(before[0])
    trainer.args.steps_per_generation = before[1]


LOSSES = table(GRPO, "`loss_type`")


def test_the_table_of_losses_has_all_of_trls() -> None:
    assert {row[0].strip("`") for row in LOSSES} == set(CHOICES["loss_type"])
    assert len(LOSSES) == len(CHOICES["loss_type"])


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row[0])
def test_a_loss_weighs_tokens_as_its_row_says(own: Any, row: list[str]) -> None:
    own.epsilon_high = 5.0 if row[0] == "`cispo`" else 0.2
    told = [float(each) for each in row[2].split()]
    assert weights(own, row[0].strip("`")) == pytest.approx(told, abs=5e-5)


def test_the_sequences_ratio_gives_the_same_gradient_on_policy(own: Any) -> None:
    for name in ("grpo", "luspo", "dapo"):
        assert weights(own, name, level="sequence") == pytest.approx(weights(own, name))


@pytest.mark.parametrize("row", LOSSES, ids=lambda row: row[0])
def test_only_the_losses_that_clip_silence_a_token_that_has_risen(own: Any, row: list[str]) -> None:
    own.epsilon_high = 5.0 if row[0] == "`cispo`" else 0.2
    silent = weights(own, row[0].strip("`"), ratio=1.3) == [0.0] * 4
    assert silent == row[3].startswith("clips r")


def test_cispos_bound_is_of_the_ratio_itself(own: Any) -> None:
    own.epsilon_high = 0.2
    assert weights(own, "cispo") == pytest.approx([0.2 / 16] * 4)


def test_the_defaults_of_the_table_are_ours_and_trls() -> None:
    theirs = {field.name: field.default for field in fields(GRPOConfig)}
    for name, ours, trls, _ in table(GRPO, "field"):
        name = name.strip("`")
        assert (str(DEFAULTS.get(name, theirs[name])), str(theirs[name])) == (ours, trls), name


# -------------------------------------------------------------------------------------------------- designing rewards


def test_the_groups_of_tricks_are_those_of_the_cases() -> None:
    text = (PROJECT / "tests" / "cases" / "completions.jsonl").read_text(encoding="utf-8")
    rows = table(DOCS["designing_rewards"], "trick")
    named = [name for row in rows[:-1] for name in re.findall(r"`(\w+)`", row[2])]
    assert len(named) >= 15
    for name in named:
        assert f'"group": "{name}"' in text
    assert rows[-1][2] == "`tests/cases/hostile.py`"


def test_none_of_the_tricks_is_paid() -> None:
    for _, example, group in table(DOCS["designing_rewards"], "trick"):
        texts, gold = re.findall(r"`([^`]+)`", example), "18"
        if group == "`rounding`":
            texts, gold = [f"#### {texts[0]}"], texts[1]
        assert texts
        assert not judge("\n".join(texts), gold).paid, example


def test_partial_pay_is_what_the_table_says() -> None:
    told = {name.strip("`"): parts for name, parts, _ in table(DOCS["designing_rewards"], "reward")}
    ours = {
        "passes_tests": [code.COMPILES, round(code.DEFINES, 2), code.SHOWN, code.HIDDEN],
        "correct_json": [structured.VALID, structured.FIELDS],
        "correct_tool_call": [structured.VALID, structured.NAME, structured.ARGUMENTS],
    }
    assert {name: [float(each) for each in re.findall(r"0\.\d+", parts)] for name, parts in told.items()} == ours


def test_none_counts_as_nothing_in_a_sum_and_leaves_out_what_nobody_judges(
    trainer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    nan = float("nan")
    paid = torch.tensor([[1.0, 1.0], [nan, 1.0], [nan, nan], [0.0, 0.0]])
    monkeypatch.setattr(trainer, "scale_rewards", "none")
    monkeypatch.setattr(trainer, "reward_weights", torch.tensor([1.0, 0.1]))
    monkeypatch.setattr(trainer, "_calculate_rewards", lambda *_: paid)
    made = trainer._generate_and_score_completions([{"prompt": "1 + 1 =", "answer": "2"}] * 4)["advantages"]
    assert made.tolist() == pytest.approx([0.7, -0.3, 0.0, -0.4])


# -------------------------------------------------------------------------------------------------- choosing a model


@pytest.fixture
def memory_table(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script."""
    monkeypatch.syspath_prepend(str(PROJECT / "benchmarks"))
    return importlib.import_module("memory_table")


def test_the_shapes_of_the_memory_table_have_the_published_number_of_parameters(memory_table: Any) -> None:
    for size, (_, billions) in memory_table.SHAPES.items():
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(memory_table.shape(size))
        assert model.num_parameters() / 1e9 == pytest.approx(billions, abs=0.006)


MEMORY = table(DOCS["choosing_models"], "shape")
TRIED = [MEMORY[number] for number in (0, 9, 16, 23)]


@pytest.mark.slow
@pytest.mark.parametrize("told", TRIED)
def test_a_line_of_the_memory_table_is_what_the_script_prints(memory_table: Any, told: list[str]) -> None:
    size, trained, length = told[0].removeprefix("Qwen2.5-"), told[1], int(told[2].replace(",", ""))
    assert memory_table.row(size, trained, length) == told


def test_the_memory_table_is_whole(memory_table: Any) -> None:
    assert len(MEMORY) == len(memory_table.SHAPES) * len(memory_table.TRAINED) * len(memory_table.LENGTHS)
