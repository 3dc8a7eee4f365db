"""Compares a few-shot training step with bare TRL's: seconds and peak memory per part, log-probabilities, gradients.

    .venv/bin/python benchmarks/fewshot_step.py --gsm8k DIR          about 15 minutes on 2 cores

Both sides train the same random weights in Qwen2's shape (6 layers of 256) with LoRA in fp32 on real GSM8K questions,
8 groups of 8 completions of 64 tokens in 8 micro-batches, each in a process of its own, in turns. Figures are medians
over the steps after the first. Peak memory is what a step takes beyond what the process held before.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
GROUPS, SAMPLES, LENGTH = 8, 8, 64


def memory(name: str) -> float:
    """VmRSS or VmHWM of this process in MiB."""
    found = re.search(rf"{name}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def made(job: dict[str, Any], dtype: str = "float32") -> Any:
    """The trainer of a job: TRL's own, or ours with its prefix shared."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer

    from rlvr_recipes import load_recipe
    from rlvr_recipes.trainer import RecipeTrainer

    tokenizer = AutoTokenizer.from_pretrained(ROOT / "assets" / "tiny_policy", padding_side="left")
    shape = dict(hidden_size=256, intermediate_size=1024, num_hidden_layers=6, num_attention_heads=4,
                 num_key_value_heads=2, vocab_size=len(tokenizer), max_position_embeddings=8192)  # fmt: skip
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("qwen2", **shape), dtype=getattr(torch, dtype))
    recipe = load_recipe("gsm8k_fewshot")
    rows = recipe.rows_of("test", job["gsm8k"])[: GROUPS * 4]
    prompts = recipe.prompts_of(rows, recipe.exemplars_shown(job["shots"]))

    def length_of_words(completions: list[str], **_: Any) -> list[float]:
        return [float(len(text) % 7) for text in completions]  # differs within groups, so there is something to learn

    config = GRPOConfig(
        output_dir=job["output"], per_device_train_batch_size=job["rows"] // GROUPS, gradient_accumulation_steps=GROUPS,
        num_generations=SAMPLES, max_completion_length=job["length"], max_steps=job["steps"], report_to="none",
        generation_kwargs={"min_new_tokens": job["length"]}, save_strategy="no", disable_tqdm=True, use_cpu=True,
        bf16=False, gradient_checkpointing=job["checkpointing"], logging_strategy="no", shuffle_dataset=False,
        learning_rate=1e-4,
    )  # fmt: skip
    kind: Any = GRPOTrainer if job["side"] == "TRL" else RecipeTrainer
    trainer = kind(
        model=model, reward_funcs=length_of_words, args=config, processing_class=tokenizer,
        train_dataset=Dataset.from_list([{"prompt": prompt} for prompt in prompts]),
        peft_config=LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"),
    )  # fmt: skip
    return trainer


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds of every step after the first, by part, and the peak memory."""
    trainer = made(job)
    parts: dict[str, list[float]] = {"rollout": [], "loss": [], "step": []}
    spent = {"rollout": 0.0, "inside": 0.0}
    roll, inner = trainer._generate_and_score_completions, trainer.training_step

    def timed_roll(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        found = roll(*args, **kwargs)
        spent["rollout"] += time.perf_counter() - began
        return found

    def timed_step(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        found = inner(*args, **kwargs)
        spent["inside"] += time.perf_counter() - began
        return found

    trainer._generate_and_score_completions, trainer.training_step = timed_roll, timed_step
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        began = 0.0

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            Clock.began = time.perf_counter()
            spent.update(rollout=0.0, inside=0.0)

        def on_step_end(self, *_: Any, **__: Any) -> None:
            parts["step"].append(time.perf_counter() - Clock.began)
            parts["rollout"].append(spent["rollout"])
            parts["loss"].append(spent["inside"] - spent["rollout"])

    trainer.add_callback(Clock())
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of loading
    before = memory("VmRSS")
    trainer.train()
    shares = getattr(trainer, "shares_prefix", None)
    return {
        **{name: seconds[1:] for name, seconds in parts.items()},
        "peak": memory("VmHWM") - before,
        "shares": shares,
    }


def in_child(job: dict[str, Any]) -> dict[str, Any]:
    """A job in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, __file__, "--gsm8k", job["gsm8k"], "--job", json.dumps({**job, "output": folder})]
        done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return json.loads(done.stdout.strip().rsplit("\n", 1)[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gsm8k", required=True, help="folder with GSM8K's train and test files")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.job:
        print(json.dumps(measure(json.loads(args.job))))
        return
    base = {
        "gsm8k": args.gsm8k,
        "shots": 8,
        "rows": GROUPS * SAMPLES,
        "length": LENGTH,
        "steps": 3,
        "checkpointing": False,
    }
    for side in ("ours", "TRL"):
        found = in_child({**base, "side": side})
        print(side, {k: statistics.median(v) if isinstance(v, list) else v for k, v in found.items()})


if __name__ == "__main__":
    main()
