"""`show` prints a recipe's cases and prompt, quickly and with the tokens that training sees."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlvr_recipes import load_recipe
from rlvr_recipes.show import tokenizer_of
from tests.conftest import TINY

Command = Callable[..., subprocess.CompletedProcess[str]]
TASK = """
from rewards import correct_number
from rlvr_recipes import Case, Recipe, prompts

def rows(split):
    return [{"question": "1 + 1?", "answer": "2"}, {"question": "1 + 2?", "answer": "3"}]

RECIPE = Recipe(model="assets/tiny_policy", rows=rows, prompt=lambda row, shots: prompts.plain(shots, row["question"]),
                rewards={correct_number: 1.0}, cases=[Case("#### 2", answer="2", correct_number=PAY)])
"""


def test_the_offline_recipe(command: Command) -> None:
    done = command("show", "arithmetic")
    assert "4 of 4 cases paid as they should be" in done.stdout
    assert "correct_number pays 0.0, answer '11' from #### (11 is not 18)" in done.stdout
    assert "its prompt, 2-shot, 123 tokens of assets/tiny_policy" in done.stdout
    assert done.stdout.endswith("How many cards did Ida sell?\nAnswer:▮\n")
    assert "3-shot" in command("show", "arithmetic", "--shots", 3, "--row", 7, "--split", "test").stdout


def test_it_is_light() -> None:
    code = (
        "import sys, time; from rlvr_recipes import show; show.main(['arithmetic'])\n"
        "print(time.process_time(), *{'torch', 'trl', 'transformers', 'datasets'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    took, *heavy = done.stdout.splitlines()[-1].split()
    assert not heavy
    assert float(took) < 1


@pytest.mark.parametrize("name", ["gsm8k_fewshot", "gsm8k_zeroshot", "arithmetic"])
def test_the_tokens_are_those_of_training(name: str, chat_model: Path, small_gsm8k: Path) -> None:
    from transformers import AutoTokenizer

    from rlvr_recipes.generation import tokenize

    recipe = load_recipe(name)
    rows = recipe.rows_of("test", None if name == "arithmetic" else str(small_gsm8k))[:5]
    prompts = recipe.prompts_of(rows, recipe.exemplars_shown(recipe.shots))
    model = chat_model if name == "gsm8k_zeroshot" else TINY
    light = tokenizer_of(str(model))
    assert light is not None
    assert [light.tokens(prompt) for prompt in prompts] == tokenize(AutoTokenizer.from_pretrained(model), prompts)


def test_special_tokens_can_be_seen(command: Command, chat_model: Path, small_gsm8k: Path) -> None:
    done = command("show", "gsm8k_zeroshot", "--dataset_path", small_gsm8k, "--model_name_or_path", chat_model)
    assert "<|im_start|>user\n" in done.stdout
    assert done.stdout.endswith("<|im_start|>assistant\n▮\n")


def test_a_tokenizer_that_is_not_at_hand(command: Command, small_gsm8k: Path) -> None:
    done = command("show", "gsm8k_zeroshot", "--dataset_path", small_gsm8k)
    assert "as the recipe gives it: the tokenizer of Qwen/Qwen2.5-0.5B-Instruct is in no folder" in done.stdout
    assert "[user]\n" in done.stdout


@pytest.mark.parametrize(("pays", "code"), [("1.0", 0), ("0.0", 1)])
def test_a_case_that_is_not_paid_as_it_should_be(pays: str, code: int, tmp_path: Path, command: Command) -> None:
    (tmp_path / "task.py").write_text(TASK.replace("PAY", pays))
    done = command("show", "task.py", check=False)
    assert done.returncode == code
    assert f"{1 - code} of 1 cases paid as they should be" in done.stdout
    assert (", BUT THE CASE SAYS 0.0, answer '2' from #### (2 = 2)" in done.stdout) is bool(code)
    assert "its prompt, 0-shot" in done.stdout
    assert done.stdout.endswith("\nnot paid as they should be, see above: case 1\n") is bool(code)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["arithmetics"], "did you mean arithmetic?"),
        (["arithmetic", "--rwo", "1"], "there is no option --rwo; did you mean --row?"),
        (["arithmetic", "--row", "5000"], "--row 5000: there are 4096 train rows; take 0 to 4095"),
        (["arithmetic", "--split", "tset"], "there is no split tset; did you mean test?"),
        (["arithmetic", "--shots", "9"], "there are 8 exemplars"),
        (["arithmetic", "--model_name_or_path", "damaged"], "damaged: "),
        (["gsm8k_zeroshot", "--dataset_path", "files", "--model_name_or_path", "plain"], "has no chat template"),
        (["gsm8k_zeroshot", "--dataset_path", "files", "--model_name_or_path", "odd"], "cannot take the recipe's"),
    ],
)
def test_mistakes_end_in_one_line(
    words: list[str], message: str, tmp_path: Path, small_gsm8k: Path, command: Command
) -> None:
    for name in ("damaged", "plain", "odd"):
        shutil.copytree(TINY, tmp_path / name)
    (tmp_path / "damaged" / "tokenizer.json").write_text("{}")
    (tmp_path / "odd" / "chat_template.jinja").write_text("{{ raise_exception('no system turn') }}")
    (tmp_path / "files").symlink_to(small_gsm8k)
    done = command("show", *words, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_several_templates_and_special_tokens_as_dicts(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(TINY, folder)
    told: dict[str, Any] = json.loads((folder / "tokenizer_config.json").read_text())
    told["eos_token"] = {"content": "<|endoftext|>"}
    told["chat_template"] = [
        {"name": "tool_use", "template": "no"},
        {"name": "default", "template": "{% for m in messages %}{{ m.content | tojson }}{% endfor %}{{ eos_token }}"},
    ]
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    light = tokenizer_of(str(folder))
    assert light is not None
    assert light.text(light.tokens([{"role": "user", "content": "two"}])) == '"two"<|endoftext|>'
