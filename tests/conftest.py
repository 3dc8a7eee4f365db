"""What several tests need: the real GSM8K where it lies, the tiny policy, commands run as a user runs them."""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "2000")  # as the commands do
os.environ["HF_HUB_OFFLINE"] = "1"  # no test reaches a hub
if "PYTEST_XDIST_WORKER" in os.environ:  # a core for each; threads of several processes on one core wait for each other
    os.environ["OMP_NUM_THREADS"] = "1"

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("tests.documents")

PROJECT = Path(__file__).parents[1]
GSM8K = PROJECT.parent / "shared" / "data" / "gsm8k"
TINY = PROJECT / "assets" / "tiny_policy"
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture(scope="session")
def gsm8k_folder() -> Path:
    """The real GSM8K, beside the checkout."""
    if not (GSM8K / "train.jsonl").is_file():
        pytest.skip("the real GSM8K is not in ../shared/data/gsm8k")
    return GSM8K


@pytest.fixture
def small_gsm8k(tmp_path: Path) -> Path:
    """Local files in GSM8K's form: 600 train rows and 40 test rows, made here."""
    folder = tmp_path / "gsm8k"
    folder.mkdir()
    for stem, size in (("train", 600), ("test", 40)):
        rows = [
            {
                "question": f"{stem} {i}: what is {i} plus 2?",
                "answer": f"It is <<{i}+2={i + 2}>>{i + 2}.\n#### {i + 2:,}",
            }
            for i in range(size)
        ]
        (folder / f"{stem}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="session")
def chat_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny policy with a chat template, and with a generation config as instruct models have one."""
    folder = tmp_path_factory.mktemp("models") / "tiny_chat"
    shutil.copytree(TINY, folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"chat_template": CHATML}))
    generation = json.loads((folder / "generation_config.json").read_text())
    generation |= {"repetition_penalty": 1.3, "do_sample": True, "temperature": 0.7, "top_k": 5, "min_p": 0.5}
    (folder / "generation_config.json").write_text(json.dumps(generation))
    return folder


@pytest.fixture
def clone(tmp_path: Path, small_gsm8k: Path, chat_model: Path) -> Path:
    """A folder like a clone, with what README and docs call the user's own files."""
    if not Path(sys.prefix, "installed").exists():
        pytest.skip("make would install: this is not the .venv that `make install` made")
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "recipes", "assets", "benchmarks"):
        (folder / name).symlink_to(PROJECT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    shutil.copytree(small_gsm8k, folder / "my" / "gsm8k")
    shutil.copytree(chat_model, folder / "my" / "model")
    (folder / "my.yaml").write_text("learning_rate: 1e-5\n")
    rows = [f"What is {number} plus 2?,{number + 2}" for number in range(60)]
    (folder / "my.csv").write_text("\n".join(["question,answer", *rows]))
    return folder


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `python -m rlvr_recipes.<words>` in an empty folder, as a user would."""

    def run(*words: object, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", f"rlvr_recipes.{words[0]}", *map(str, words[1:])],
            cwd=tmp_path,
            env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
            capture_output=True,
            text=True,
            timeout=500,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def make_config() -> Callable[..., Any]:
    """A resolved configuration of a recipe, from flags, as the commands make it."""

    def make(recipe: Any, *flags: str, **given: Any) -> Any:
        from rlvr_recipes.config import resolve

        return resolve(recipe, flags, given, "my.yaml")

    return make


@pytest.fixture
def score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs the eval command in an empty folder, in this process, and gives what it printed."""
    from rlvr_recipes import eval as eval_

    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> str:
        assert eval_.main([*map(str, words)]) == 0
        return capsys.readouterr().out

    return run
