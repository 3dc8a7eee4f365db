"""What only a CUDA device can show. Run with `make test-gpu`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GenerationConfig

from rlvr_recipes import load_recipe, models, shared_prefix
from rlvr_recipes.decoding import Decoding
from tests.conftest import PROJECT, TINY

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def test_nf4_trains_in_16_bits_with_fp32_adapters(tmp_path: Path, small_gsm8k: Path, make_config) -> None:
    import bitsandbytes

    config = make_config(load_recipe("gsm8k_fewshot"), "--model_name_or_path", str(TINY))
    _, tokenizer = models.load_tokenizer(config)
    model = models.load_policy(config, tokenizer)
    layers = [module for module in model.modules() if isinstance(module, bitsandbytes.nn.Linear4bit)]
    assert layers
    expected = torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    assert {layer.compute_dtype for layer in layers} == {expected}
    assert model.device.type == "cuda"


def test_the_recipes_defaults_train_on_the_gpu(tmp_path: Path, small_gsm8k: Path) -> None:
    words = ["gsm8k_fewshot", "--dataset_path", small_gsm8k, "--model_name_or_path", TINY, "--max_steps", 2]
    words += ["--max_completion_length", 32, "--eval_rows", 16, "--output_dir", tmp_path / "run"]
    subprocess.run([sys.executable, "-m", "rlvr_recipes.train", *map(str, words)], check=True, cwd=tmp_path)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["train"]["peak_gpu_gib"] > 0
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 2


def test_the_gsm8k_job_of_half_a_billion_parameters_fits_16_gib(small_gsm8k: Path) -> None:
    words = [PROJECT / "benchmarks" / "gsm8k_step.py", "--dataset_path", small_gsm8k, "--steps", 2]
    done = subprocess.run([sys.executable, *map(str, words)], check=True, capture_output=True, text=True)
    row = done.stdout.strip().splitlines()[-1]
    assert float(row.split("|")[6]) < 16


def test_an_evaluation_on_the_gpu_shares_its_prefix_and_loses_nothing(tmp_path: Path, small_gsm8k: Path) -> None:
    words = ["gsm8k_fewshot", "--dataset_path", small_gsm8k, "--model", TINY, "--max_completion_length", 32, "--n", 40]
    for name, quantized in (("nf4", "true"), ("16 bits", "false")):
        output = tmp_path / name
        given = [*words, "--load_in_4bit", quantized, "--output", output]
        subprocess.run([sys.executable, "-m", "rlvr_recipes.eval", *map(str, given)], check=True, cwd=tmp_path)
        (cell,) = json.loads((output / "results.json").read_text())["cells"]
        assert (cell["n"], cell["shots"]) == (40, 8)


@pytest.mark.parametrize("checkpointing", ["true", "false"])
@pytest.mark.parametrize("quantized", ["true", "false"])
def test_the_shared_prefix_passes_its_own_check(
    quantized: str, checkpointing: str, tmp_path: Path, small_gsm8k: Path
) -> None:
    words = ["gsm8k_fewshot", "--dataset_path", small_gsm8k, "--model_name_or_path", TINY, "--max_steps", 2]
    words += ["--max_completion_length", 32, "--eval_rows", 0, "--output_dir", tmp_path / "run"]
    words += ["--load_in_4bit", quantized, "--gradient_checkpointing", checkpointing]
    done = subprocess.run(
        [sys.executable, "-m", "rlvr_recipes.train", *map(str, words)],
        check=True, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert "shared prefix: off" not in done.stdout


def generated(model: Any, tokenizer: Any, new: int) -> torch.Tensor:
    """What a model writes behind 8 exemplars, 4 rows for each of 3 questions."""
    recipe = load_recipe("gsm8k_fewshot")
    questions = [{"question": f"What is {number} plus {number + 5}?"} for number in (3, 17, 208)]
    rows = [ids for ids in tokenizer(recipe.prompts_of(questions, recipe.exemplars))["input_ids"] for _ in range(4)]
    ids, mask = shared_prefix._padded([tuple(row) for row in rows], "cuda")
    asked = GenerationConfig(max_new_tokens=new, min_new_tokens=new, do_sample=True, pad_token_id=0)
    torch.manual_seed(0)
    with torch.no_grad():
        prefix = shared_prefix.SharedPrefix(model, *shared_prefix.plan(rows, 12))
        with prefix.generating(model):
            return model.generate(ids, attention_mask=mask, generation_config=asked)


@pytest.mark.parametrize("quantized", [False, True])
def test_a_recorded_step_writes_what_an_unrecorded_one_does(
    quantized: bool, make_config, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(
        load_recipe("gsm8k_fewshot"), "--model_name_or_path", str(TINY), "--load_in_4bit", str(quantized).lower(),
        *([] if quantized else ["--dtype", "float32"]),
    )  # fmt: skip
    _, tokenizer = models.load_tokenizer(config)
    model = models.load_policy(config, tokenizer).eval()
    written = {}
    for name in ("in tensors that grow", "unrecorded", "recorded"):
        monkeypatch.setattr(shared_prefix, "DEVICES", set() if name == "in tensors that grow" else {"cuda"})
        monkeypatch.setattr(Decoding, "failed", name == "unrecorded")
        written[name] = generated(model, tokenizer, 300)
        assert Decoding.failed is (name == "unrecorded")
    assert torch.equal(written["recorded"], written["unrecorded"])
    if not quantized:  # in bf16 one rounding decides another token, and all that come after
        assert torch.equal(written["recorded"], written["in tensors that grow"])


def test_generation_goes_on_where_a_step_cannot_be_recorded(
    make_config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--model_name_or_path", str(TINY), "--load_in_4bit", "false", "--dtype", "float32"]
    config = make_config(load_recipe("gsm8k_fewshot"), *words)
    _, tokenizer = models.load_tokenizer(config)
    model = models.load_policy(config, tokenizer).eval()
    monkeypatch.setattr(Decoding, "failed", False)
    expected = generated(model, tokenizer, 20)
    step = Decoding._step

    def waits(self: Decoding) -> torch.Tensor:
        self.ids.sum().item()
        return step(self)

    monkeypatch.setattr(Decoding, "_step", waits)
    stream = torch.cuda.current_stream()
    assert torch.equal(generated(model, tokenizer, 20), expected)
    assert "not recorded as a CUDA graph" in capsys.readouterr().out
    assert torch.cuda.current_stream() == stream
