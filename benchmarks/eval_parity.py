"""Compares our evaluation with lm-evaluation-harness: the same model, prompts and stop texts on real GSM8K rows.

    python -m venv .venv-lm-eval
    .venv-lm-eval/bin/pip install 'lm-eval[hf]==0.4.13' torch==2.13.0
    .venv/bin/python benchmarks/eval_parity.py --gsm8k DIR          about 10 minutes on 2 cores

Both complete the 8-shot prompts of recipes/gsm8k_fewshot.py greedily in fp32, in batches of one size. It prints how
many completions agree, every row where the two verdicts differ, seconds of generation (medians of interleaved runs),
and the peak memory. The policies are the tiny one that ships with the project, and random weights in Qwen2's shape, 6
layers of 256, which never stop by themselves.
"""

import argparse
import importlib
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
TASK = "gsm8k_parity"


def peak_mib() -> int:
    """The most memory this process has held."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) // 1024


def lm_eval_side(job: dict[str, Any]) -> None:
    """In the harness's environment: its hf model and its own gsm8k filters on our prompts."""
    lm_eval: Any = importlib.import_module("lm_eval")
    HFLM = importlib.import_module("lm_eval.models.huggingface").HFLM
    TaskManager = importlib.import_module("lm_eval.tasks").TaskManager

    folder = Path(job["folder"])
    task = {
        "task": TASK,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": job["prompts"]}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{prompt}}",
        "doc_to_target": "{{answer}}",
        "target_delimiter": "",
        "generation_kwargs": {"until": job["stop"], "do_sample": False, "max_gen_toks": job["max_new_tokens"]},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True,
                         "ignore_case": True, "ignore_punctuation": False,
                         "regexes_to_ignore": [",", "\\$", "(?s).*#### ", "\\.$"]}],
        "filter_list": [
            {"name": "strict-match", "filter": [
                {"function": "regex", "regex_pattern": "#### (\\-?[0-9\\.\\,]+)"}, {"function": "take_first"}]},
            {"name": "flexible-extract", "filter": [
                {"function": "regex", "group_select": -1, "regex_pattern": "(-?[$0-9.,]{2,})|(-?[0-9]+)"},
                {"function": "take_first"}]},
        ],
    }  # fmt: skip
    (folder / "task.yaml").write_text(json.dumps(task))  # JSON is YAML
    model = HFLM(pretrained=job["model"], dtype="float32", device="cpu", batch_size=job["batch_size"])
    generate, took = model.generate_until, [0.0]

    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        made = generate(*args, **kwargs)
        took[0] += time.perf_counter() - began
        return made

    model.generate_until = timed
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    found = lm_eval.simple_evaluate(model, tasks=[TASK], task_manager=manager, log_samples=True, bootstrap_iters=0)
    samples: dict[int, dict[str, Any]] = {}
    for sample in found["samples"][TASK]:
        doc = sample["doc"]
        known = {"row": doc["row"], "gold": doc["answer"], "completion": sample["resps"][0][0]}
        row = samples.setdefault(doc["row"], known)
        row[sample["filter"]] = sample["exact_match"]
    report(job, sorted(samples.values(), key=lambda sample: sample["row"]), took[0])


def our_side(job: dict[str, Any]) -> None:
    """In our environment: what `python -m rlvr_recipes.eval` runs, with its verdicts."""
    from rlvr_recipes import evaluation, load_recipe, models
    from rlvr_recipes.config import resolve

    recipe = load_recipe("gsm8k_fewshot")
    flags = ["--load_in_4bit", "false", "--model_name_or_path", job["model"], "--dtype", "float32"]
    flags += ["--max_completion_length", str(job["max_new_tokens"]), "--eval_batch_size", str(job["batch_size"])]
    config = resolve(recipe, flags)
    _, tokenizer = models.load_tokenizer(config)
    rows = recipe.rows_of("test", job["gsm8k"])[: job["n"]]
    model = models.load_policy(config, tokenizer)
    output = Path(job["folder"]) / f"ours-{time.time_ns()}.jsonl"
    began = time.perf_counter()
    evaluation.evaluate(model, tokenizer, recipe, rows, recipe.exemplars_shown(8), config, output, "ours")
    took = time.perf_counter() - began
    found = evaluation.read_records(output)
    report(
        job,
        [
            {name: one.get(name) for name in ("row", "completion", "correct_number", "reason", "lenient")}
            for one in found
        ],
        took,
    )


def report(job: dict[str, Any], samples: list[dict[str, Any]], seconds: float) -> None:
    Path(job["report"]).write_text(json.dumps({"samples": samples, "seconds": seconds, "peak_mib": peak_mib()}))


def prepare(gsm8k: str, n: int, folder: Path) -> dict[str, Any]:
    """The prompts, and a model of random weights, on disk."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    from rlvr_recipes import load_recipe

    recipe = load_recipe("gsm8k_fewshot")
    rows = recipe.rows_of("test", gsm8k)[:n]
    prompts = recipe.prompts_of(rows, recipe.exemplars_shown(8))
    lines = [{"row": i, "prompt": p, "answer": r["answer"]} for i, (p, r) in enumerate(zip(prompts, rows, strict=True))]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    tiny = ROOT / "assets" / "tiny_policy"
    shape = {
        "hidden_size": 256,
        "intermediate_size": 688,
        "num_hidden_layers": 6,
        "layer_types": ["full_attention"] * 6,
    }
    shape |= {"num_attention_heads": 8, "num_key_value_heads": 4, "dtype": "float32"}
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(tiny, **shape)).save_pretrained(folder / "random")
    AutoTokenizer.from_pretrained(tiny).save_pretrained(folder / "random")
    return {"gsm8k": gsm8k, "n": n, "prompts": str(folder / "prompts.jsonl"), "stop": list(recipe.stop)}


def run(side: str, python: str, job: dict[str, Any]) -> dict[str, Any]:
    """One side in a process of its own."""
    job = {**job, "report": str(Path(job["folder"]) / f"{side}.json")}
    print(f"{Path(job['model']).name}: {side}", file=sys.stderr, flush=True)
    done = subprocess.run([python, __file__, "--side", side, "--job", json.dumps(job)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-4000:])
    return json.loads(Path(job["report"]).read_text())


def cut(text: str, stops: list[str]) -> str:
    """A completion up to its first stop text, as the harness leaves it; ours keeps the break that ends the answer."""
    return text[: min([text.find(stop) for stop in stops if stop in text], default=len(text))].rstrip("\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gsm8k", help="folder with test.jsonl")
    parser.add_argument("--python", default=str(ROOT / ".venv-lm-eval" / "bin" / "python"), help="one with lm-eval")
    parser.add_argument("--n", type=int, default=128)
    parser.add_argument("--batch_size", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", choices=("ours", "lm_eval"), help=argparse.SUPPRESS)
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    own = parser.parse_args()
    if own.side:
        return (our_side if own.side == "ours" else lm_eval_side)(own.job)
    if own.gsm8k is None or not Path(own.python).exists():
        parser.error("--gsm8k DIR and a python with lm-eval (--python) are needed; see --help")

    from tables import about, markdown

    lines: list[list[str]] = []
    texts: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = {**prepare(own.gsm8k, own.n, folder), "batch_size": own.batch_size, "max_new_tokens": 64, "folder": name}
        for title, model in (("tiny policy", ROOT / "assets" / "tiny_policy"), ("random, 6 x 256", folder / "random")):
            runs = [
                {side: run(side, python, {**job, "model": str(model)})
                 for side, python in (("ours", sys.executable), ("lm_eval", own.python))}
                for _ in range(own.repeats)
            ]  # fmt: skip
            ours, theirs = runs[0]["ours"]["samples"], runs[0]["lm_eval"]["samples"]
            pairs = list(zip(ours, theirs, strict=True))
            same = sum(cut(a["completion"], job["stop"]) == cut(b["completion"], job["stop"]) for a, b in pairs)
            ours_s, theirs_s = (statistics.median(one[side]["seconds"] for one in runs) for side in ("ours", "lm_eval"))
            peaks = [max(one[side]["peak_mib"] for one in runs) for side in ("ours", "lm_eval")]
            figures = [f"{ours_s:.1f}", f"{theirs_s:.1f}", f"{theirs_s / ours_s:.1f}", *map(str, peaks)]
            lines.append([title, f"{same} of {own.n}", *figures])
            if title == "tiny policy":
                texts = verdicts(pairs)
    header = ["policy", "same completion", "ours, s", "lm-eval, s", "times faster", "our peak, MiB", "its peak, MiB"]
    print(f"## Evaluation beside lm-evaluation-harness\n\n{about()}\n")
    setting = f"at most 64 new tokens, batches of {own.batch_size}, {own.repeats} runs"
    print(f"{own.n} GSM8K test rows, 8-shot, {setting}:\n")
    print(markdown(header, lines))
    print("\n".join(texts))


def verdicts(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> list[str]:
    """How the two judge the same completions, and every row where they differ."""
    counts = {name: sum(theirs[name] == 1.0 for _, theirs in pairs) for name in ("strict-match", "flexible-extract")}
    counts = {"our reward": sum(ours["correct_number"] == 1.0 for ours, _ in pairs), **counts}
    texts = [f"\nTiny policy, right by: {', '.join(f'{name} {count}' for name, count in counts.items())}."]
    for name in ("strict-match", "flexible-extract"):
        differing = [(a, b) for a, b in pairs if (a["correct_number"] == 1.0) != (b[name] == 1.0)]
        texts.append(f"\nRows where our reward and {name} differ: {len(differing)}." + "\n" * bool(differing))
        for ours, theirs in differing:
            text = json.dumps(ours["completion"], ensure_ascii=False)
            judged = f"ours {ours['correct_number']:.0f} ({ours['reason']}), {name} {theirs[name]:.0f}"
            # The prompts ask for a last line `#### N`; a number that happens to stand somewhere is no answer.
            line = "####" in ours["completion"]
            right = "to be read" if line else "ours is right, there is no answer line"
            texts.append(f"- row {ours['row']}, gold {theirs['gold']}: {judged}; {right}: {text}")
    return texts


if __name__ == "__main__":
    main()
