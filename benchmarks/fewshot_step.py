"""Compares a few-shot training step with bare TRL's: seconds and peak memory per part, log-probabilities, gradients.

    .venv/bin/python benchmarks/fewshot_step.py --gsm8k DIR          about 10 minutes on 2 cores
    .venv/bin/python benchmarks/fewshot_step.py --gsm8k DIR --grow   about 20: by shots, rows and length, with a plot
    .venv/bin/python benchmarks/fewshot_step.py --gsm8k DIR --wide   about 10: ours with Qwen2.5-0.5B's layers
    .venv/bin/python benchmarks/fewshot_step.py --gsm8k DIR --gpu qwen2.5-0.5b       about 5 on one GPU

Both sides train the same random weights in Qwen2's shape (6 layers of 256) with LoRA in fp32 on real GSM8K questions,
8 groups of 8 completions of 64 tokens in 8 micro-batches, each in a process of its own, in turns. Figures are medians
over the steps after the first. Peak memory is what a part takes beyond what the process held before the first step.
On a GPU it is a model of the named shape, in NF4 with LoRA in bf16, that writes 256 tokens, with gradient checkpointing
and without, all in one process; its weights are random, its tokenizer is trained on the questions. Peak memory is there
what its tensors take beyond those that it held before.
"""

import argparse
import gc
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from gsm8k_step import SHAPES, make_model
from tables import about, markdown

ROOT = Path(__file__).parent.parent
GROUPS, SAMPLES, LENGTH = 8, 8, 64
DONE: dict[str, dict[str, Any]] = {}  # what has been measured, by job


def memory(name: str) -> float:
    """VmRSS or VmHWM of this process in MiB; on a GPU what its tensors take there, now or at most."""
    if torch.cuda.is_available():
        return (torch.cuda.memory_allocated() if name == "VmRSS" else torch.cuda.max_memory_allocated()) / 2**20
    found = re.search(rf"{name}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def now() -> float:
    """The time in seconds, once a GPU has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def forget_peak() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return
    Path("/proc/self/clear_refs").write_text("5")


def prompts_of(job: dict[str, Any]) -> list[Any]:
    """Few-shot prompts of real questions; beyond its exemplars the recipe's are shown again."""
    from rlvr_recipes import load_recipe

    recipe = load_recipe("gsm8k_fewshot")
    rows = recipe.rows_of("test", job["gsm8k"])[: GROUPS * 4]
    return recipe.prompts_of(rows, [*recipe.exemplars, *recipe.exemplars][: job["shots"]])


def small(job: dict[str, Any], vocabulary: int, dtype: str) -> Any:
    """A model made here."""
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = dict(hidden_size=256, intermediate_size=1024, num_attention_heads=4)
    if job.get("wide"):  # Qwen2.5-0.5B's layers, 6 of its 24
        shape = dict(hidden_size=896, intermediate_size=4864, num_attention_heads=14)
    shape |= dict(num_hidden_layers=6, num_key_value_heads=2, vocab_size=vocabulary, max_position_embeddings=8192)
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model("qwen2", **shape), dtype=getattr(torch, dtype))


def quantized(folder: str) -> Any:
    """A model that was made before, in NF4; on a CPU, where the script is only tried, as it is."""
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    if not torch.cuda.is_available():
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    how = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )  # fmt: skip
    return AutoModelForCausalLM.from_pretrained(
        folder, quantization_config=how, dtype=torch.bfloat16, device_map={"": 0}
    )


def made(job: dict[str, Any], dtype: str = "float32") -> Any:
    """The trainer of a job: TRL's own, or ours with its prefix shared."""
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer

    from rlvr_recipes.trainer import RecipeTrainer

    folder = job.get("model")
    tokenizer = AutoTokenizer.from_pretrained(folder or ROOT / "assets" / "tiny_policy", padding_side="left")
    model = quantized(folder) if folder else small(job, len(tokenizer), dtype)

    def length_of_words(completions: list[str], **_: Any) -> list[float]:
        return [float(len(text) % 7) for text in completions]  # differs within groups, so there is something to learn

    parts = job.get("parts", GROUPS)
    config = GRPOConfig(
        output_dir=job["output"], per_device_train_batch_size=job["rows"] // parts, gradient_accumulation_steps=parts,
        num_generations=SAMPLES, max_completion_length=job["length"], max_steps=job["steps"], report_to="none",
        generation_kwargs={"min_new_tokens": job["length"]}, save_strategy="no", disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(), bf16=torch.cuda.is_available(), shuffle_dataset=False,
        gradient_checkpointing=job["checkpointing"], logging_strategy="no", learning_rate=1e-4,
    )  # fmt: skip
    kind: Any = GRPOTrainer if job["side"] == "TRL" else RecipeTrainer
    trainer = kind(
        model=model, reward_funcs=length_of_words, args=config, processing_class=tokenizer,
        train_dataset=Dataset.from_list([{"prompt": prompt} for prompt in prompts_of(job)]),
        peft_config=LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"),
    )  # fmt: skip
    return trainer


def operations(job: dict[str, Any]) -> float:
    """GFLOP of matrix products in a job's second step, causal attention counted whole; the first has the self-check."""
    from torch.utils import flop_counter
    from transformers import TrainerCallback

    trainer, aten = made({**job, "steps": 2}), torch.ops.aten
    attention = {
        aten._scaled_dot_product_flash_attention_for_cpu:
            lambda q, k, v, *_, **__: flop_counter.sdpa_flop_count(q, k, v),
        aten._scaled_dot_product_flash_attention_for_cpu_backward:
            lambda back, q, k, v, *_, **__: flop_counter.sdpa_backward_flop_count(back, q, k, v),
    }  # fmt: skip
    counter = flop_counter.FlopCounterMode(display=False, custom_mapping=attention)

    class Count(TrainerCallback):
        def on_step_begin(self, _: Any, state: Any, *__: Any, **___: Any) -> None:
            if state.global_step == 1:
                counter.__enter__()

        def on_step_end(self, _: Any, state: Any, *__: Any, **___: Any) -> None:
            if state.global_step == 2:
                counter.__exit__(None, None, None)

    trainer.add_callback(Count())
    trainer.train()
    return counter.get_total_flops() / 1e9


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds of every step after the first, by part, and the peak memory."""
    trainer = made(job)
    parts: dict[str, list[float]] = {"rollout": [], "loss": [], "step": []}
    spent = {"rollout": 0.0, "inside": 0.0}
    peaks = {"rollout": 0.0, "loss": 0.0}
    roll, inner = trainer._generate_and_score_completions, trainer.training_step

    def timed_roll(*args: Any, **kwargs: Any) -> Any:
        began = now()
        peaks["loss"] = max(peaks["loss"], memory("VmHWM"))
        forget_peak()
        found = roll(*args, **kwargs)
        peaks["rollout"] = max(peaks["rollout"], memory("VmHWM"))
        forget_peak()
        spent["rollout"] += now() - began
        return found

    def timed_step(*args: Any, **kwargs: Any) -> Any:
        began = now()
        found = inner(*args, **kwargs)
        spent["inside"] += now() - began
        return found

    trainer._generate_and_score_completions, trainer.training_step = timed_roll, timed_step
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        began = 0.0

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            Clock.began = now()
            spent.update(rollout=0.0, inside=0.0)

        def on_step_end(self, *_: Any, **__: Any) -> None:
            parts["step"].append(now() - Clock.began)
            parts["rollout"].append(spent["rollout"])
            parts["loss"].append(spent["inside"] - spent["rollout"])

    trainer.add_callback(Clock())
    forget_peak()  # that of loading
    before = memory("VmRSS")
    trainer.train()
    peaks["loss"] = max(peaks["loss"], memory("VmHWM"))
    shares = getattr(trainer, "shares_prefix", None)
    return {
        **{name: seconds[1:] for name, seconds in parts.items()},
        "peaks": {part: peak - before for part, peak in peaks.items()},
        "peak": max(peaks.values()) - before,
        "held": before,
        "shares": shares,
    }


def in_child(job: dict[str, Any]) -> dict[str, Any]:
    """A job in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, __file__, "--gsm8k", job["gsm8k"], "--job", json.dumps({**job, "output": folder})]
        environment = {"GOMP_SPINCOUNT": "2000"} | os.environ  # as the commands do
        done = subprocess.run(words, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return json.loads(done.stdout.strip().rsplit("\n", 1)[-1])


def tokens_of(job: dict[str, Any]) -> tuple[int, int]:
    """Tokens that a job's rollout and its loss send through the model, forward, in one step."""
    from transformers import AutoTokenizer

    from rlvr_recipes.shared_prefix import SHORTEST, common_prefix

    tokenizer = AutoTokenizer.from_pretrained(job.get("model") or ROOT / "assets" / "tiny_policy")
    ids = tokenizer(prompts_of(job)[: job["rows"] // SAMPLES])["input_ids"]
    rows, length, longest = job["rows"], job["length"], max(map(len, ids))
    if job["side"] == "TRL":
        return rows * (longest + length - 1), rows * (longest + length)
    shared = common_prefix(ids)
    shared = shared if shared >= SHORTEST else 0
    once = shared + len(ids) * (longest - shared - 1)
    return once + rows * length, once + rows * (1 + length)


def exactness(gsm8k: str, dtype: str) -> list[str]:
    """A row of the table: by how much the two ways differ on 16 rows, in log-probabilities and LoRA gradients."""
    with tempfile.TemporaryDirectory() as folder:
        job = {"gsm8k": gsm8k, "shots": 8, "rows": 16, "length": 64, "steps": 1, "checkpointing": False,
               "side": "ours", "output": folder}  # fmt: skip
        trainer = made(job, dtype)
    trainer.model.to(getattr(torch, dtype))
    for parameter in trainer.model.parameters():  # an adapter that has learned something
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.02)
    ids = trainer._tokenizer(prompts_of(job)[:2])["input_ids"]
    rows = [prompt for prompt in ids for _ in range(8)]
    width = max(map(len, rows))
    torch.manual_seed(1)
    written = torch.randint(5, 500, (16, 64))
    prompts = torch.tensor([[0] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * (len(row) + 64) for row in rows])
    found = []
    for share in (True, False):
        trainer.shares_prefix, trainer._checked = share, True
        trainer._plan(rows)
        trainer.model.zero_grad()
        logps = trainer._get_per_token_logps_and_entropies(
            trainer.model, torch.cat([prompts, written], 1), mask, 64, compute_entropy=True
        )[0]
        (logps * torch.cos(torch.arange(logps.numel())).view_as(logps)).sum().backward()
        trainer._send_back()
        found.append(
            (logps.detach(), torch.cat([p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None]))
        )
    (logps, gradient), (expected, whole) = found
    off = ((gradient - whole).norm() / whole.norm()).item()
    return [dtype, f"{(logps - expected).abs().max().item():.1e}", f"{off:.1e}"]


def table(jobs: dict[str, list[dict[str, Any]]]) -> tuple[str, dict[str, float]]:
    """Jobs by name, each run as often as it stands there; and the medians of the seconds of a step."""
    lines, steps = [], {}
    for name, found in jobs.items():
        seconds = {
            part: statistics.median(s for one in found for s in one[part]) for part in ("rollout", "loss", "step")
        }
        rollout, loss = found[0]["tokens"]
        peaks = [statistics.median(one["peaks"][part] for one in found) for part in ("rollout", "loss")]
        lines.append(
            [
                name,
                f"{rollout:,}",
                f"{loss:,}",
                *(f"{each:.1f}" for each in seconds.values()),
                *(f"{each:,.0f}" for each in peaks),
            ]
        )
        steps[name] = seconds["step"]
    header = ["", "tokens, rollout", "tokens, loss", "rollout, s", "loss and backward, s", "step, s",
              "peak of rollout, MiB", "peak of loss and backward, MiB"]  # fmt: skip
    return markdown(header, lines), steps


def run(job: dict[str, Any], here: Any = None) -> dict[str, Any]:
    print(
        f"{job['side']}, {job['shots']} shots, {job['rows']} rows, length {job['length']}", file=sys.stderr, flush=True
    )
    DONE[json.dumps(job, sort_keys=True)] = found = {**(here or in_child)(job), "tokens": tokens_of(job)}
    said = [f"{part} {statistics.median(found[part]):.1f} s" for part in ("rollout", "loss", "step")]
    print(f"  {', '.join(said)}, peak {found['peak']:,.0f} MiB", file=sys.stderr, flush=True)
    return found


def known(job: dict[str, Any]) -> dict[str, Any]:
    return DONE.get(json.dumps(job, sort_keys=True)) or run(job)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gsm8k", required=True, help="folder with GSM8K's train and test files")
    parser.add_argument("--turns", type=int, default=2, help="how often each side has its turn")
    parser.add_argument("--grow", action="store_true", help="instead, how a step grows")
    parser.add_argument("--wide", action="store_true", help="instead, our step with layers as wide as Qwen2.5-0.5B's")
    parser.add_argument("--gpu", choices=SHAPES, help="instead, a model of this shape on a GPU")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.job:
        job = json.loads(args.job)
        print(json.dumps({"operations": operations(job)} if job.get("count") else measure(job)))
        return
    base = {"gsm8k": args.gsm8k, "shots": 8, "rows": GROUPS * SAMPLES, "length": LENGTH, "steps": 2,
            "checkpointing": False}  # fmt: skip
    if args.gpu:
        if not torch.cuda.is_available() and args.gpu != "tiny":
            parser.error("there is no CUDA device; to try the script: --gpu tiny")
        on_gpu(base, args.gpu, args.turns)
        return
    named = {
        "TRL, 8 shots": {**base, "side": "TRL"},
        "ours, 8 shots": {**base, "side": "ours", "steps": 6},
        "ours, 0 shots": {**base, "side": "ours", "steps": 6, "shots": 0},
        "TRL, 0 shots": {**base, "side": "TRL", "shots": 0},
    }
    if args.grow:
        grow({**base, "rows": 32})
        return
    if args.wide:
        named = {name: {**job, "steps": 3, "wide": True} for name, job in named.items() if job["side"] == "ours"}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in named}
    for turn in range(args.turns):
        for name, job in named.items():
            print(f"turn {turn + 1} of {args.turns}: {name}", file=sys.stderr, flush=True)
            found[name].append(run(job))
    text, steps = table(found)
    counted = [in_child({**named[f"ours, {shots} shots"], "count": True})["operations"] for shots in (8, 0)]
    longer = steps["ours, 8 shots"] / steps["ours, 0 shots"]
    times_more = (f"8-shot step {longer:.2f} times our 0-shot step, by matrix operations "
                  f"{counted[0] / counted[1]:.2f} times ({counted[0]:,.0f} and {counted[1]:,.0f} GFLOP)")  # fmt: skip
    layers = " with Qwen2.5-0.5B's layers" if args.wide else ""
    print(f"## A few-shot step{layers}\n\n{about()}\n\n{GROUPS} groups of {SAMPLES}, {LENGTH} tokens each:\n\n{text}\n")
    if args.wide:
        print(f"Our {times_more}.")
        return
    ours, trl = found["ours, 8 shots"], found["TRL, 8 shots"]
    ratio = {p: statistics.median(s for o in trl for s in o[p]) / statistics.median(s for o in ours for s in o[p])
             for p in ("rollout", "loss", "step")}  # fmt: skip
    share = statistics.median(o["peak"] for o in ours) / statistics.median(o["peak"] for o in trl)
    print(f"Times faster than TRL: rollout {ratio['rollout']:.1f}, loss and backward {ratio['loss']:.1f}, "
          f"whole step {ratio['step']:.1f}; peak memory {share:.2f} of TRL's; our 8-shot step takes "
          f"{steps['ours, 8 shots'] / steps['TRL, 0 shots']:.2f} of TRL's 0-shot step.\n\n"
          f"Our {times_more}.\n")  # fmt: skip
    lines = [exactness(args.gsm8k, dtype) for dtype in ("float64", "float32")]
    print(
        markdown(["", "largest difference of log-probabilities", "difference of LoRA gradients, relative norm"], lines)
    )


def from_nothing(job: dict[str, Any]) -> dict[str, Any]:
    """A job in this process, after all that was before is gone."""
    gc.collect()
    torch.cuda.empty_cache()
    with tempfile.TemporaryDirectory() as folder:
        return measure({**job, "output": folder})


def on_gpu(base: dict[str, Any], shape: str, turns: int) -> None:
    """A step of a model of a shape, with and without gradient checkpointing, as a table; Ctrl-C ends it early."""
    from rlvr_recipes import gsm8k

    with tempfile.TemporaryDirectory() as folder:
        make_model(shape, gsm8k.rows("train", base["gsm8k"]), Path(folder))
        base = {**base, "length": 256 if torch.cuda.is_available() else 8, "model": folder, "steps": 3}
        named = {
            f"{side}, {'checkpointing' if checkpointing else 'no checkpointing'}":
                {**base, "side": side, "checkpointing": checkpointing} | ({"steps": 2} if side == "TRL" else {})
            for checkpointing in (True, False) for side in ("TRL", "ours")
        }  # fmt: skip
        named["ours, checkpointing, 0 shots"] = {**named["ours, checkpointing"], "shots": 0}
        named["ours, checkpointing, one micro-batch"] = {**named["ours, checkpointing"], "parts": 1}
        found: dict[str, list[dict[str, Any]]] = {}
        try:
            for name, job in [*named.items()] * turns:
                found[name] = [*found.get(name, []), run(job, from_nothing)]
        except KeyboardInterrupt:
            print("interrupted; what was measured until then:", file=sys.stderr)
        text, steps = table(found)
    print(f"## A few-shot step of {shape}\n\n{about()}\n")
    print(f"NF4, LoRA, bf16; {GROUPS} groups of {SAMPLES}, 8 shots, {base['length']} tokens each:\n\n{text}")
    for kind in ("checkpointing", "no checkpointing"):
        trl, ours = (found.get(f"{side}, {kind}") for side in ("TRL", "ours"))
        if trl is None or ours is None:
            continue
        peaks = [statistics.median(one["peak"] for one in each) for each in (trl, ours)]
        held = [statistics.median(one["held"] for one in each) for each in (trl, ours)]
        print(
            f"\nWith {kind}: whole step {steps[f'TRL, {kind}'] / steps[f'ours, {kind}']:.1f} times faster; peak memory "
            f"{peaks[1] / peaks[0]:.2f} of TRL's, with the weights {(peaks[1] + held[1]) / (peaks[0] + held[0]):.2f}."
        )
    if "ours, checkpointing, 0 shots" in steps:
        longer = steps["ours, checkpointing"] / steps["ours, checkpointing, 0 shots"]
        print(f"\nOur 8-shot step {longer:.2f} times our 0-shot step.")


def grow(base: dict[str, Any]) -> None:
    """One step by shots, rows and length, and with checkpointing, as tables and a plot of seconds."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    print(f"## How a few-shot step grows\n\n{about()}\n\n8 shots, 32 completions of 64 tokens, but for what is said.")
    axes_of = {"shots": (0, 2, 4, 8, 16), "rows": (16, 32, 64), "length": (32, 64, 128)}
    figure, axes = pyplot.subplots(1, 3, figsize=(9, 3), sharey=True)
    for axis, (name, values) in zip(axes, axes_of.items(), strict=True):
        jobs = {f"{side}, {name} {value}": [known({**base, "side": side, name: value})]
                for value in values for side in ("TRL", "ours")}  # fmt: skip
        text, steps = table(jobs)
        print(f"\nBy {name}:\n\n{text}")
        for side in ("TRL", "ours"):
            axis.plot(values, [steps[f"{side}, {name} {value}"] for value in values], marker="o", label=side)
        axis.set_xlabel({"shots": "exemplars", "rows": "completions", "length": "tokens per completion"}[name])
    jobs = {f"{side}, checkpointing": [run({**base, "side": side, "checkpointing": True})] for side in ("TRL", "ours")}
    print(f"\nWith gradient checkpointing:\n\n{table(jobs)[0]}")
    axes[0].set_ylabel("seconds a step")
    axes[0].set_ylim(bottom=0)
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(ROOT / "docs" / "fewshot_step.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
