"""Evaluation on damaged files, odd recipes and copied policies: one line that says what is wrong, before any work."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlvr_recipes import UserError, load_recipe
from rlvr_recipes.evaluation import Parts
from rlvr_recipes.models import base_of, check_lengths, check_weights
from rlvr_recipes.runs import Training
from rlvr_recipes.scores import lines_of, parsed
from tests.conftest import CHATML, PROJECT, TINY

Score = Callable[..., str]
OWN_RECIPE = """
from recipes.arithmetic import RECIPE as A, rows
from rlvr_recipes import Recipe
from rewards import correct_number

{body}

RECIPE = Recipe(model=A.model, rows=rows, prompt=prompt, rewards={{mine: 1.0}}, stop=A.stop,
                config={{"max_completion_length": 8, "load_in_4bit": False}})
"""
PLAIN = "def prompt(row, exemplars): return row['question']\n"


def recipe_of(folder: Path, body: str) -> Path:
    (folder / "mine.py").write_text(OWN_RECIPE.format(body=body))
    return folder / "mine.py"


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("tokenizer.json", "{}", "model policy could not be loaded"),
        ("config.json", "[]", "model policy could not be loaded"),
        ("model.safetensors", "x", "model.safetensors is damaged"),
        ("model.safetensors", None, "policy holds no model: there are no weights"),
    ],
)
def test_a_damaged_model_is_found_before_another_is_scored(
    file: str, text: str | None, message: str, tmp_path: Path, score: Score
) -> None:
    shutil.copytree(TINY, tmp_path / "policy")
    if text is None:
        (tmp_path / "policy" / file).unlink()
    else:
        (tmp_path / "policy" / file).write_text(text)
    with pytest.raises(UserError, match=message):
        score("arithmetic", "--model", "base", "--model", "policy", "--n", 4)
    assert not (tmp_path / "runs").exists()


def test_weights_that_were_cut_short_are_refused(tmp_path: Path) -> None:
    shutil.copytree(TINY, tmp_path / "policy")
    whole = (tmp_path / "policy" / "model.safetensors").read_bytes()
    (tmp_path / "policy" / "model.safetensors").write_bytes(whole[:-1000])
    with pytest.raises(UserError, match="damaged"):
        check_weights(str(tmp_path / "policy"))
    check_weights("an/id-on-the-hub")


@pytest.mark.parametrize("text", ["[]", "{}", '{"base_model_name_or_path": null}', "\0"])
def test_an_adapter_that_names_no_model_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(text)
    with pytest.raises(UserError, match="does not name its model"):
        base_of(tmp_path)


def test_what_an_interrupted_evaluation_left_may_be_damaged(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "completions.jsonl", 0)
    parts.path.write_bytes(b'{"batch_size": 4}\n\0\0\0\0\n')
    with pytest.raises(UserError, match="part-0.jsonl, line 2 is no JSON"):
        parts.read()
    parts.path.write_bytes(b'{"batch_size": 4}\n{"row": 0, "sam')
    assert parts.read() == [{"batch_size": 4}]
    parts.path.write_bytes(b"[]\n")
    with pytest.raises(UserError, match="must be an object"):
        parts.read()


def test_a_finished_file_that_was_damaged_is_named(tmp_path: Path, score: Score) -> None:
    words = ("arithmetic", "--n", 4, "--output", tmp_path / "out")
    score(*words)
    file = tmp_path / "out" / "tiny_policy-2shot" / "completions.jsonl"
    whole = file.read_text()
    for text, message in (
        ("{}\n", "line 1 is damaged: it has no answer_line; remove it to make it anew"),
        (whole.split("\n", 1)[1], "3 lines for 4 rows, 1 of each; remove it"),
        (whole.replace('"row": 1', '"row": 0'), "is damaged"),
    ):
        file.write_text(text)
        with pytest.raises(UserError, match=message):
            score(*words)
    file.write_text(whole)
    (file.parent / "completions.seconds.jsonl").write_text('{"row": 0}\n')
    assert "| -" in score(*words)  # no tokens/s, but all else


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (PLAIN + "def mine(completions, **kwargs): return [float('nan')] * len(completions)\n",
         r"reward mine gave \[nan.*; it must give a list of finite numbers"),
        (PLAIN + "def mine(completions, **kwargs): return [2.0 * bool(c) for c in completions]\n",
         "mine pays 2; the first reward decides accuracy, so it pays 1.0 for a right answer"),
        ("mine = correct_number\ndef prompt(row, exemplars): return [5]\n", "the prompt of row 1 holds 5; a message"),
        ("mine = correct_number\ndef prompt(row, exemplars):\n"
         "    return row['question'] if len(row['question']) % 2 else [{'role': 'user', 'content': 'x'}]\n",
         "the prompt of row . is a (str|list), the first is a (list|str)"),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be_scored_is_refused(body: str, message: str, tmp_path: Path, score: Score) -> None:
    with pytest.raises(UserError, match=message):
        score(recipe_of(tmp_path, body), "--n", 8)


def test_a_broken_chat_template_is_the_users_to_mend(tmp_path: Path, score: Score) -> None:
    shutil.copytree(TINY, tmp_path / "policy")
    settings = json.loads((TINY / "tokenizer_config.json").read_text())
    broken = settings | {"chat_template": CHATML + "{{ raise_exception('no system turn') }}"}
    (tmp_path / "policy" / "tokenizer_config.json").write_text(json.dumps(broken))
    body = "mine = correct_number\ndef prompt(row, exemplars): return [{'role': 'user', 'content': row['question']}]\n"
    with pytest.raises(UserError, match="chat template cannot take the recipe's messages: no system turn"):
        score(recipe_of(tmp_path, body), "--model", "policy", "--n", 2)


def test_a_reward_may_log_what_is_no_json(tmp_path: Path, score: Score) -> None:
    body = PLAIN + (
        "def mine(completions, log_extra=None, **kwargs):\n"
        "    if log_extra: log_extra('seen', [{1, 2} for c in completions]); log_extra('half', ['\\ud83d'] * len(completions))\n"
        "    return [0.0] * len(completions)\n"
    )
    score(recipe_of(tmp_path, body), "--n", 2, "--output", tmp_path / "out")
    (file,) = (tmp_path / "out").glob("*/completions.jsonl")
    first = json.loads(file.read_text().split("\n")[0])
    assert (first["seen"], first["half"]) == ("{1, 2}", "\\ud83d")
    assert parsed(lines_of([{"a": "\ud83d"}]), file) == [{"a": "\ud83d"}]


def test_two_files_of_other_problems_are_not_paired(tmp_path: Path, score: Score) -> None:
    for name, answers in (("a", "45"), ("b", "54")):
        lines = [json.dumps({"completion": "#### 4", "answer": answer}) for answer in answers]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match="line 1 of a.jsonl and of b.jsonl answer different problems"):
        score("arithmetic", "--completions", "a.jsonl", "--compare", "b.jsonl")


def test_results_of_completions_from_elsewhere_have_the_same_keys(tmp_path: Path, score: Score) -> None:
    (tmp_path / "a.jsonl").write_text('{"completion": "#### 4", "answer": "4"}\n')
    score("arithmetic", "--completions", "a.jsonl", "--output", "elsewhere")
    score("arithmetic", "--n", 2, "--output", "own")
    one, other = (json.loads((tmp_path / name / "results.json").read_text()) for name in ("elsewhere", "own"))
    assert one.keys() == other.keys()
    assert one["cells"][0].keys() == other["cells"][0].keys()
    assert (one["n"], one["cells"][0]["train_shots"], one["versions"]) == (1, None, other["versions"])


def test_a_policy_is_not_compared_with_itself_by_another_name(tmp_path: Path, score: Score) -> None:
    shutil.copytree(TINY, tmp_path / "policy")
    with pytest.raises(UserError, match=r"--compare policy and \./policy are one policy"):
        score("arithmetic", "--model", "./policy", "--compare", "policy", "--n", 4)


def test_a_copied_policy_knows_what_it_was_trained_on(tmp_path: Path, score: Score) -> None:
    recipe = load_recipe("arithmetic")
    rows = recipe.rows_of("test")
    shutil.copytree(TINY, tmp_path / "policy")
    Training.on(rows[:3], 1).write(tmp_path / "policy", recipe)
    with pytest.raises(UserError, match="3 of the 8 test rows are among those that policy was trained on"):
        score("arithmetic", "--model", "policy", "--n", 8)
    printed = score("arithmetic", "--model", "policy", "--n", 8, "--split", "test")
    assert "policy (trained on 3 of these rows) | 1 " in printed  # and is scored with as many shots
    (tmp_path / "policy" / "training.json").write_text("{}")
    with pytest.raises(UserError, match="training.json is damaged"):
        score("arithmetic", "--model", "policy", "--n", 8)


def test_a_helper_module_decides_too(tmp_path: Path) -> None:
    (tmp_path / "helper_of_mine.py").write_text("FACTOR = 1\n")
    recipe = load_recipe(str(recipe_of(tmp_path, PLAIN + "import helper_of_mine\nmine = correct_number\n")))
    assert (tmp_path / "helper_of_mine.py").resolve() in recipe.helpers
    assert not any(PROJECT / ".venv" in path.parents for path in recipe.helpers)


def test_long_names_do_not_end_in_a_traceback(tmp_path: Path, command: Callable[..., Any]) -> None:
    done = command("eval", "arithmetic", "--n", "2", "--output", "x" * 300, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "File name too long" in done.stderr


def test_a_context_by_another_name_counts() -> None:
    from transformers import GPT2Config

    with pytest.raises(UserError, match="more than the model's context of 64"):
        check_lengths([[1] * 60], 8, GPT2Config(n_positions=64))
