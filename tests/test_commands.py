"""The commands as a user meets them: what they print, what they write, how they stop and go on."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import torch
from safetensors.torch import load_file

from rlvr_recipes import UserError, train
from rlvr_recipes import eval as eval_
from tests.conftest import PROJECT, TINY

Command = Callable[..., subprocess.CompletedProcess[str]]
# Three steps are an epoch here, so eight reach into the third.
SMALL = (
    "arithmetic", "--train_rows", 6, "--per_device_train_batch_size", 8, "--num_generations", 4, "--max_steps", 8,
    "--save_steps", 1, "--eval_rows", 24, "--max_completion_length", 24, "--learning_rate", "3e-3",
)  # fmt: skip
TIMES = {"step_time", "tokens_per_second"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run that nobody disturbed, and what it printed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    done = subprocess.run(
        [sys.executable, "-m", "rlvr_recipes.train", *map(str, SMALL), "--output_dir", str(folder)],
        cwd=folder.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def metrics(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in TIMES} for line in lines]


def assert_same_run(one: Path, other: Path) -> None:
    assert metrics(one) == metrics(other)
    weights = [load_file(folder / "adapter" / "adapter_model.safetensors") for folder in (one, other)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    for file in sorted((one / "completions").iterdir()):
        assert pyarrow.parquet.read_table(file).equals(pyarrow.parquet.read_table(other / "completions" / file.name))
    for name in ("before.jsonl", "after.jsonl"):
        assert (one / "evaluation" / name).read_text() == (other / "evaluation" / name).read_text()


def test_a_run_leaves_everything_in_its_folder(finished: tuple[Path, str]) -> None:
    folder, printed = finished
    names = {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}
    assert {
        "recipe.py", "config.yaml", "manifest.json", "metrics.jsonl", "results.json", "evaluation/before.jsonl",
        "evaluation/after.jsonl", "adapter/adapter_model.safetensors", "completions/step_00008.parquet",
        "checkpoints/checkpoint-8/complete.json",
    } <= names  # fmt: skip
    assert [step["step"] for step in metrics(folder)] == list(range(1, 9))
    results = json.loads((folder / "results.json").read_text())
    before = [json.loads(line) for line in (folder / "evaluation" / "before.jsonl").read_text().splitlines()]
    assert [row["row"] for row in before] == list(range(24))
    assert results["before"]["correct"] == sum(row["correct_number"] for row in before)
    low, high = results["before"]["accuracy"]["interval"]
    assert low < results["before"]["accuracy"]["value"] < high
    for words in ("accuracy (correct_number) [95 %]", "form (answer_line)", "lenient", "before training", "|  n |"):
        assert words in printed
    assert "more right answers" in printed
    pictured = f"{100 * results['after']['accuracy']['value']:.1f}%"
    assert pictured in printed


def test_a_log_file_gets_whole_lines(command: Command) -> None:
    done = command("train", *SMALL, "--max_steps", 1, "--eval_rows", 0)
    assert "\r" not in done.stdout + done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("step ")]
    for words in ("step 1/1 | reward ", "accuracy ", "dead groups ", "cut off ", "tokens/s", "left"):
        assert words in line


def stopped(number: signal.Signals, folder: Path, step: int, words: Sequence[object], **environment: str) -> str:
    """What a run printed that got a signal after a step."""
    given = [sys.executable, "-m", "rlvr_recipes.train", *map(str, words), "--output_dir", str(folder)]
    process = subprocess.Popen(
        given,
        cwd=folder.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment,
    )
    while not (folder / "metrics.jsonl").exists() or len((folder / "metrics.jsonl").read_text().splitlines()) < step:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number)
    return printed


@pytest.mark.parametrize(
    "number",
    [signal.SIGKILL, *(pytest.param(each, marks=pytest.mark.slow) for each in (signal.SIGINT, signal.SIGTERM))],
)
def test_a_run_that_was_stopped_goes_on_bit_for_bit(
    number: signal.Signals, finished: tuple[Path, str], tmp_path: Path, command: Command
) -> None:
    folder = tmp_path / "run"
    printed = stopped(number, folder, 4, SMALL)
    assert len(metrics(folder)) < 8
    if number != signal.SIGKILL:
        assert f"python -m rlvr_recipes.train --resume {folder}" in printed
    done = command("train", "--resume", folder)
    assert "going on from checkpoint-" in done.stdout
    assert_same_run(finished[0], folder)


@pytest.mark.slow
def test_a_run_of_the_usual_size_goes_on_bit_for_bit_with_two_threads(tmp_path: Path, command: Command) -> None:
    words = ("arithmetic", "--max_steps", 12, "--save_steps", 4, "--eval_rows", 24)
    command("train", *words, "--output_dir", tmp_path / "whole", OMP_NUM_THREADS="2")
    stopped(signal.SIGKILL, tmp_path / "cut", 6, words, OMP_NUM_THREADS="2")
    command("train", "--resume", tmp_path / "cut", OMP_NUM_THREADS="2")
    assert len(metrics(tmp_path / "cut")) == 12
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


def test_a_finished_run_is_not_run_again(finished: tuple[Path, str], command: Command) -> None:
    done = command("train", "--resume", finished[0], check=False)
    assert (done.returncode, "is finished" in done.stderr) == (2, True)
    done = command("train", "--resume", finished[0], "--max_steps", 9, check=False)
    assert (done.returncode, "goes on as it began; leave out --max_steps 9" in done.stderr) == (2, True)


def test_scoring_a_run_again_gives_what_its_training_found(
    finished: tuple[Path, str], tmp_path: Path, command: Command
) -> None:
    done = command("eval", finished[0], "--n", 24, "--output", tmp_path / "scored")
    again = (tmp_path / "scored" / "run-2shot" / "completions.jsonl").read_text()
    assert again == (finished[0] / "evaluation" / "after.jsonl").read_text()
    (cell,) = json.loads((tmp_path / "scored" / "results.json").read_text())["cells"]
    assert cell["accuracy"] == json.loads((finished[0] / "results.json").read_text())["after"]["accuracy"]
    assert (cell["train_shots"], cell["shots"]) == (2, 2)
    assert f"{100 * cell['accuracy']['value']:.1f}% [" in done.stdout


def test_the_base_model_is_scored_with_the_recipes_own_rule(
    finished: tuple[Path, str], tmp_path: Path, command: Command
) -> None:
    command("eval", "arithmetic", "--n", 24, "--max_completion_length", 24, "--output", tmp_path / "scored")
    assert (tmp_path / "scored" / "tiny_policy-2shot" / "completions.jsonl").read_text() == (
        finished[0] / "evaluation" / "before.jsonl"
    ).read_text()


@pytest.mark.slow
def test_gsm8k_few_shot_trains_on_local_files_with_whole_prompts(
    gsm8k_folder: Path, tmp_path: Path, command: Command
) -> None:
    done = command(
        "train", "gsm8k_fewshot", "--dataset_path", gsm8k_folder, "--model_name_or_path", TINY, "--max_steps", 1,
        "--per_device_train_batch_size", 4, "--num_generations", 4, "--gradient_accumulation_steps", 1,
        "--max_completion_length", 24, "--eval_rows", 8, "--output_dir", tmp_path / "run",
    )  # fmt: skip
    assert "data: 6961 train rows, 8 test rows" in done.stdout
    assert "(NF4), 8-shot" in done.stdout
    rows = pyarrow.parquet.read_table(tmp_path / "run" / "completions" / "step_00001.parquet").to_pylist()
    assert len(rows) == 4
    for row in rows:
        assert row["prompt"].count("Question:") == 9
        assert row["prompt"].startswith("Question: A bakery sells muffins")
        assert "Question:" not in row["completion"]


@pytest.mark.parametrize("name", ["math", "code"])
def test_a_recipe_in_the_current_folder_hides_no_module_of_that_name(
    name: str, tmp_path: Path, command: Command
) -> None:
    (tmp_path / f"{name}.py").write_text((PROJECT / "recipes" / "arithmetic.py").read_text())
    assert "4 of 4 cases paid" in command("show", f"{name}.py").stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["train"], "the recipe comes first"),
        (["train", "arithmetics"], "did you mean arithmetic?"),
        (["train", "arithmetic", "--lerning_rate", "1"], "no option --lerning_rate; did you mean --learning_rate?"),
        (["train", "arithmetic", "--lr", "1"], "no option --lr; did you mean --learning_rate?"),
        (["train", "arithmetic", "--config", "none.yaml"], "--config none.yaml: No such file"),
        (["train", "arithmetic", "--train_rows", "4"], "training has 4 rows, but one generation takes 8 prompts"),
        (["train", "arithmetic", "--shots", "9"], "shots is 9, but there are 8 exemplars"),
        (["train", "arithmetic", "--dataset_path", "x"], "makes its own rows"),
        (["train", "arithmetic", "--eval_split", "train"], "take test or validation"),
        (["train", "arithmetic", "--model_name_or_path", "./none"], "there is no model folder ./none"),
        (["train", "arithmetic", "--model_name_or_path", "assets/tiny_polcy"], "did you mean assets/tiny_policy?"),
        (["train", "arithmetic", "--max_completion_length", "4096"], "more than the model's context of 4096"),
        (["train", "arithmetic", "--use_peft", "false"], "--use_peft true"),
        (["train", "gsm8k_fewshot", "--dataset_path", "none"], "--dataset_path none is not a folder that can be read"),
        (["train", "--resume", "none"], "there is no run folder none"),
        (["train", "--resume=none", "--seed", "1"], "leave out --seed 1"),
        (["train", "arithmetic", "--train_rows", "9999"], "there are 4096 train rows"),
        (["eval", "runs/none"], "there is no run folder runs/none"),
        (["eval", "arithmetic", "--n", "abc"], "--n/--rows: invalid int value: 'abc'"),
        (["eval", "arithmetic", "--eval_rows", "3"], "--eval_rows is for training; here it is --n"),
        (["eval", "arithmetic", "--modle", "x"], "no option --modle; did you mean --model?"),
        (["eval", "arithmetic", "--model", ""], "--model is empty"),
        (["eval", "arithmetic", "--n", "513"], "the test split has 512 rows"),
        (["eval", "arithmetic", "--n", "0"], "score at least one row"),
        (["eval", "arithmetic", "--splitt", "test"], "no option --splitt; did you mean --split?"),
        (["eval", "arithmetic", "--model", "nobody/nothing"], "model nobody/nothing could not be loaded"),
    ],
)
def test_a_users_mistake_is_explained(
    words: list[str], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    main = {"train": train.main, "eval": eval_.main}[words[0]]
    with pytest.raises(UserError, match=re.escape(complaint)):
        main(words[1:])
    assert not list(tmp_path.iterdir())  # nothing was begun


@pytest.mark.parametrize("words", [["train", "arithmetics"], ["eval", "arithmetic", "--n", "0"]])
def test_a_users_mistake_is_one_line_and_exit_code_2(words: list[str], command: Command) -> None:
    done = command(*words, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--lora_target_modules", "nosuch"], "this run cannot be set up: .*nosuch not found in the base model"),
        (["--attn_implementation", "bogus"], "model assets/tiny_policy could not be loaded"),
        (["--model_init_kwargs", '{"bogus": 1}'], "could not be loaded"),
    ],
)
def test_what_only_the_loaded_model_can_refuse_leaves_no_run_behind(
    flags: list[str], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=complaint):
        train.main(["arithmetic", "--eval_rows", "0", *flags])
    assert not list(tmp_path.glob("runs/arithmetic/*"))


def test_a_model_that_lacks_weights_is_not_filled_with_random_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import save_file

    shutil.copytree(TINY, tmp_path / "model")
    weights = load_file(TINY / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, tmp_path / "model" / "model.safetensors", {"format": "pt"})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"lacks 1 of its weights, model\.layers\.1\.mlp\.up_proj\.weight"):
        eval_.main(["arithmetic", "--model", "model", "--n", "4"])


def test_a_reward_may_have_nothing_to_say(command: Command, tmp_path: Path) -> None:
    (tmp_path / "task.py").write_text(
        "from rlvr_recipes import Recipe, prompts\n"
        "def silent(completions, **kwargs):\n    return [None] * len(completions)\n"
        "RECIPE = Recipe(model='assets/tiny_policy', rows=lambda split: [{'q': f'{split} {i}?'} for i in range(8)],\n"
        "    prompt=lambda row, exemplars: prompts.plain(exemplars, row['q']), rewards={silent: 1.0})\n"
    )
    done = command(
        "train", "task.py", *SMALL[3:], "--gradient_accumulation_steps", 1, "--max_steps", 1, "--eval_rows", 4
    )
    assert "accuracy -" in done.stderr


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    words = [sys.executable, "-m", "rlvr_recipes.train", "--fields"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # as `head` does
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_a_bad_row_stops_the_run_before_a_model_is_looked_for(small_gsm8k: Path, command: Command) -> None:
    with (small_gsm8k / "train.jsonl").open("a") as file:
        file.write('{"question": "q", "answer": "none"}\n')
    done = command(
        "train", "gsm8k_fewshot", "--dataset_path", small_gsm8k, "--model_name_or_path", "no/model", check=False
    )
    assert done.returncode == 2
    assert "train.jsonl, line 601: the answer must hold one '####'" in done.stderr
    assert "no/model" not in done.stderr


@pytest.mark.parametrize("words", [["train", "--help"], ["eval", "--help"]])
def test_help_is_light(words: list[str], command: Command) -> None:
    began = time.monotonic()
    done = command(*words)
    assert time.monotonic() - began < 2
    assert "RECIPE" in done.stdout


def test_nothing_reports_home() -> None:
    code = "import rlvr_recipes, huggingface_hub.constants as c; assert c.HF_HUB_DISABLE_TELEMETRY"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_field_can_be_listed(command: Command) -> None:
    printed = command("train", "--fields").stdout
    for name in ("--learning_rate", "--num_generations", "--lora_r", "--dataset_path"):
        assert name in printed
    plain = " ".join(printed.split())
    assert "The initial learning rate for AdamW. (default: 2e-05)" in plain  # ours, not TRL's
    assert "The same as --shared_prefix false." in plain


def test_importing_recipes_and_rewards_loads_nothing_heavy() -> None:
    code = (
        "import sys, time; t = time.perf_counter(); import rewards; took = time.perf_counter() - t\n"
        "import rlvr_recipes; rlvr_recipes.load_recipe('gsm8k_fewshot').check_cases()\n"
        "print(took, *{'torch', 'trl', 'transformers', 'datasets', 'sympy', 'yaml'} & sys.modules.keys())"
    )
    found = []
    for _ in range(3):  # the quickest: others use this machine too
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        took, *heavy = done.stdout.split()
        found.append(float(took))
    assert heavy == []
    assert min(found) < 0.15
