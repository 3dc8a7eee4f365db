"""Prints what a training step of gsm8k_fewshot costs: seconds, tokens/s, peak memory. Made for a GPU.

    python benchmarks/gsm8k_step.py --dataset_path DIR [--shape qwen2.5-0.5b] [--steps 20] [-- --FIELD VALUE ...]

No weights are downloaded: a model of the named shape is made from its configuration with random weights, which write
completions of full length, the costliest case. The tokenizer is trained on the data, so that prompts are about as long
as with the real one. The run itself is `python -m rlvr_recipes.train gsm8k_fewshot` with the recipe's own defaults.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from tables import about, markdown
from transformers import Qwen2Config, Qwen2ForCausalLM

sys.path.insert(0, str(Path(__file__).parents[1]))
from assets.make_tiny_policy import make_tokenizer
from rlvr_recipes import gsm8k

SHAPES: dict[str, dict[str, Any]] = {
    "qwen2.5-0.5b": dict(hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
                         num_key_value_heads=2, tie_word_embeddings=True, vocab_size=151_936),
    "qwen2.5-1.5b": dict(hidden_size=1536, intermediate_size=8960, num_hidden_layers=28, num_attention_heads=12,
                         num_key_value_heads=2, tie_word_embeddings=True, vocab_size=151_936),
    "tiny": dict(hidden_size=128, intermediate_size=384, num_hidden_layers=2, num_attention_heads=4,
                 num_key_value_heads=2, tie_word_embeddings=True, vocab_size=16_384),
}  # fmt: skip


def make_model(shape: str, rows: list[gsm8k.Row], folder: Path) -> None:
    """A model of a shape with random bf16 weights, and a tokenizer trained on GSM8K's text."""
    texts = [f"Question: {row['question']}\nAnswer: {row['solution']}\n\n" for row in rows]
    tokenizer = make_tokenizer(texts, folder, vocabulary=16_000)
    torch.manual_seed(0)
    config = Qwen2Config(
        **SHAPES[shape],
        max_position_embeddings=32_768,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    Qwen2ForCausalLM(config).bfloat16().save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset_path", required=True, help="folder with GSM8K's train and test files")
    parser.add_argument("--shape", choices=SHAPES, default="qwen2.5-0.5b")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("fields", nargs="*", help="FIELDs for the training command, after --")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model, run = Path(folder) / args.shape, Path(folder) / "run"
        model.mkdir()
        make_model(args.shape, gsm8k.rows("train", args.dataset_path), model)
        words = ["--dataset_path", args.dataset_path, "--model_name_or_path", str(model), "--output_dir", str(run)]
        words += ["--max_steps", str(args.steps), "--eval_rows", "0", "--save_strategy", "no", *args.fields]
        subprocess.run([sys.executable, "-m", "rlvr_recipes.train", "gsm8k_fewshot", *words], check=True)
        metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        results = json.loads((run / "results.json").read_text())["train"]
    steady = metrics[2:] or metrics  # the first steps allocate and compile
    seconds = [step["step_time"] for step in steady]
    tokens = [step["tokens_per_second"] for step in steady]
    row = [
        args.shape,
        str(len(steady)),
        f"{statistics.median(seconds):.2f} [{min(seconds):.2f}, {max(seconds):.2f}]",
        f"{statistics.median(tokens):,.0f}",
        f"{metrics[-1]['completions/mean_length']:.0f}",
        f"{results['peak_gpu_gib']:.1f}" if "peak_gpu_gib" in results else "no GPU",
    ]
    header = ["shape", "steps", "s per step, median [min, max]", "tokens/s", "tokens per completion", "peak, GiB"]
    print(f"\n## A gsm8k_fewshot step\n\n{about()}; fields: {' '.join(args.fields) or 'the recipe'}\n")
    print(markdown(header, [row]))


if __name__ == "__main__":
    main()
