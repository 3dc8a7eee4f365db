"""What the policy does before it is trained: whether GRPO has anything to compare, how hard each row is, what it takes.

GRPO learns from completions of one prompt that earn different rewards. A policy that is never right, or always, gives
it none; that is known from a few sampled groups, and costs minutes instead of a night.
"""

import copy
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from rlvr_recipes import evaluation, models, scores
from rlvr_recipes.config import Config
from rlvr_recipes.difficulty import Difficulty
from rlvr_recipes.progress import duration
from rlvr_recipes.recipe import Exemplar, Recipe, Row, UserError
from rlvr_recipes.runs import RunFolder, fingerprint, sha256
from rlvr_recipes.scores import Estimate, Record
from rlvr_recipes.selftest import Finding
from rlvr_recipes.statistics import wilson

TRIAL_STEPS = 3  # of training, on weights that are thrown away; the first one is not typical
CUT_OFF = 0.5  # share of completions from which on a run is not worth its time; the alarm of that name has it too


def spread(rows: Sequence[Row], n: int) -> list[Row]:
    """`n` rows from all over a split."""
    if not 1 <= n <= len(rows):
        raise UserError(f"--probe {n}: there are {len(rows)} train rows; take 1 to that many")
    return [rows[number * len(rows) // n] for number in range(n)]


def sampling_of(config: Config) -> evaluation.Sampling:
    """How training samples a group."""
    grpo: Any = config.grpo
    return evaluation.Sampling(
        grpo.num_generations, grpo.temperature, grpo.top_p, grpo.top_k, grpo.min_p, grpo.repetition_penalty, grpo.seed
    )


def run(
    recipe: Recipe, config: Config, tokenizer: Any, exemplars: Sequence[Exemplar], rows: Sequence[Row], n: int
) -> tuple[list[Finding], Difficulty]:
    """Samples groups for `n` of the rows and trains a few steps, of which nothing stays but the completions.

    Returns:
        What was found, and how often each of the rows was paid.
    """
    from rlvr_recipes.train import make_trainer

    tried = spread(rows, n)
    asked = {**config.values, "difficulty": None}
    made_of = [sha256(recipe.path), asked, len(exemplars), fingerprint(tried), models.fingerprint(config.model_name)]
    digest = hashlib.sha256(json.dumps(made_of, sort_keys=True, default=str).encode()).hexdigest()
    output = Path("runs") / recipe.name / f"probe-{digest[:8]}.jsonl"
    trial = Config(config.run, copy.copy(config.grpo), config.model, None, config.values)
    trial.grpo.save_strategy, trial.grpo.report_to = "no", []
    with tempfile.TemporaryDirectory() as folder:
        trial.grpo.output_dir = folder
        began = time.monotonic()
        trainer = make_trainer(recipe, trial, RunFolder(Path(folder)), tokenizer, exemplars, rows)
        loading = time.monotonic() - began
        policy = trainer.accelerator.unwrap_model(trainer.model)
        summary = evaluation.evaluate(
            policy, tokenizer, recipe, tried, exemplars, config, output, "probe", sampling_of(config)
        )
        steps = steps_of(trainer)
        clock = _Clock()
        trainer.add_callback(clock)
        trainer.args.max_steps = TRIAL_STEPS
        trainer.train()
    records = scores.read_records(output)
    found = findings(records, recipe, config)
    evaluated = 2 * (summary.seconds or 0.0) / (summary.n * summary.samples) * config.run.eval_rows
    found.append(Finding(True, forecast(steps, clock.seconds, evaluated, loading, models.peak_memory())))
    found.append(Finding(None, f"probe's completions: {output}"))
    return found, Difficulty.of(records, tried, recipe, config, len(exemplars))


def steps_of(trainer: Any) -> int:
    """Optimizer steps of a whole run."""
    if trainer.args.max_steps > 0:
        return trainer.args.max_steps
    an_epoch = len(trainer.get_train_dataloader()) // trainer.args.gradient_accumulation_steps
    return int(an_epoch * trainer.args.num_train_epochs)


class _Clock(TrainerCallback):
    """Seconds of every step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._began = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._began = time.monotonic()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.seconds.append(time.monotonic() - self._began)


def forecast(steps: int, seconds: Sequence[float], evaluated: float, loading: float, memory: dict[str, float]) -> str:
    """How long a run takes, in words.

    Args:
        steps: of the run.
        seconds: of the trial's steps.
        evaluated: seconds of the evaluations before and after.
        loading: seconds until the trainer stands.
        memory: what the GPU held at most, in GiB.
    """
    later = seconds[1:] or seconds
    step = statistics.mean(later)
    whole = loading + evaluated + seconds[0] + (steps - 1) * step
    peak = "".join(f"; the trial held at most {held:.1f} GiB of GPU memory" for held in memory.values())
    return (
        f"forecast: {duration(whole)} for the run: {steps:,} steps of {step:.2g} s ({min(later):.2g} to "
        f"{max(later):.2g}, {len(later)} tried), evaluations {duration(evaluated)}, loading {duration(loading)}{peak}"
    )


def findings(records: Sequence[Record], recipe: Recipe, config: Config) -> list[Finding]:
    """What sampled groups say: whether GRPO can start from here, and what would help.

    Args:
        records: scored completions, `num_generations` of each row.
    """
    grpo: Any = config.grpo
    first = scores.first_reward(recipe)
    weights = dict(zip([reward.__name__ for reward in recipe.rewards], grpo.reward_weights, strict=True))
    groups: dict[int, list[Record]] = {}
    for record in records:
        groups.setdefault(record["row"], []).append(record)
    totals = [
        {sum(weight * (record[name] or 0.0) for name, weight in weights.items()) for record in group}
        for group in groups.values()
    ]
    rights = [[record[first] == 1.0 for record in group] for group in groups.values()]
    varied = sum(len(total) > 1 for total in totals)
    mixed = sum(any(right) and not all(right) for right in rights)
    summary = scores.summarize(records, recipe, None)
    n, k = len(groups), summary.samples
    form = [f"form ({name}) {summary.rewards[name]:.1%}" for name in summary.form]
    shown = [
        f"groups with variance {Estimate(varied / n, wilson(varied, n))}",
        f"with right and wrong answers {Estimate(mixed / n, wilson(mixed, n))}",
        f"pass@1 {summary.accuracy}",
        f"pass@{k} {summary.pass_at[k]}",
        *form,
        f"cut off {summary.cut_off or 0.0:.1%}",
    ]
    found = [Finding(None, f"probe, {n} rows x {k} completions: " + ", ".join(shown))]
    a_step = grpo.generation_batch_size // grpo.num_generations / (
        grpo.steps_per_generation / grpo.gradient_accumulation_steps
    )  # fmt: skip
    live = mixed / n * a_step
    told = f"GRPO learns from about {live:.1f} of the {a_step:g} groups of a step"
    if (summary.cut_off or 0.0) >= CUT_OFF:
        cure = f"{summary.cut_off:.0%} of the completions are cut off at max_completion_length before they end"
        found.append(Finding(False, f"{cure}: {helps(summary, mixed / n)[0]}"))
    if summary.accuracy.value >= 0.95:
        found.append(Finding(False, f"{told}: nearly all is right already; take harder rows (--difficulty 0:0.9)"))
    elif live < 1:
        found.append(Finding(False, f"{told}, too few to start from: {', or '.join(helps(summary, mixed / n))}"))
    else:
        more = f"; it would learn from more: {', or '.join(helps(summary, mixed / n))}" if mixed / n < 0.4 else ""
        found.append(Finding(True, f"{told}: it can start from here{more}"))
    return found


def helps(summary: scores.Summary, mixed: float) -> list[str]:
    """What would give more groups with right and wrong answers, the likeliest first."""
    found = []
    if (summary.cut_off or 0.0) >= 0.3:
        found.append("longer completions (--max_completion_length), or a stop text for a base model (Recipe.stop)")
    if summary.form and min(summary.rewards[name] for name in summary.form) < 0.5:
        found.append("more exemplars, which show the form (--shots)")
    if summary.lenient is not None and summary.lenient - summary.accuracy.value >= 0.15:
        found.append("a form that it keeps to: it knows more answers than are paid")
    best = summary.pass_at[summary.samples].value
    if summary.accuracy.value > 0.5:
        found.append("harder rows (--save_difficulty, then --difficulty 0:0.9)")
    elif best > mixed or best > 0.05:
        found.append("rows that are paid now and then (--save_difficulty, then --difficulty 0.1:0.9)")
    else:
        found.append("easier rows or a stronger model, since even the best of its completions are wrong")
    found.append("more completions a group (--num_generations)")
    return found
