"""What a run folder says, as the report shows it: facts, commands, results, curves, alarms, and what is missing.

Everything comes from the folder's files; neither the recipe's code nor torch is loaded.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlvr_recipes import scores
from rlvr_recipes.recipe import UserError
from rlvr_recipes.report_completions import JSON, Browsable, Steps, held_out, number, step_of
from rlvr_recipes.runs import RunFolder, Training
from rlvr_recipes.scores import Record, Summary


@dataclass(frozen=True)
class Curve:
    """One chart of the training curves."""

    name: str
    title: str
    kind: str  # share, number, or small: how its values are written
    keys: Mapping[str, str]  # label -> metric
    limit: str | None = None  # a field of the configuration that bounds it
    alarms: tuple[str, ...] = ()  # those that are about it


def curves(rewards: Sequence[str], forms: Sequence[str], counted: bool) -> list[Curve]:
    """The charts of a run.

    Args:
        rewards: their names, the one that decides first.
        forms: those that say whether the asked form was kept.
        counted: whether the steps say how many completions were right; else the deciding reward's mean stands for it.
    """
    means = {name: f"rewards/{name}/mean" for name in rewards}
    kept = {f"form: {name}": means[name] for name in forms}
    paid = {"paid in full": "accuracy"} if counted or not rewards else {f"pay: {rewards[0]}": means[rewards[0]]}
    answers = {**paid, "lenient: right, paid or not": "lenient", **kept}
    total = {"weighted sum": "reward"} if len(rewards) != 1 else {}
    return [
        Curve("reward", "Reward", "number", {**total, **means}, None, ("no_reward",)),
        Curve("answers", "Answers and form", "share", answers, None,
              ("form_without_answers", "lenient_apart", "one_answer")),
        Curve("dead_groups", "Dead groups", "share", {"dead groups": "dead_groups"}, None,
              ("dead_groups", "identical_completions", "nothing_to_learn")),
        Curve("cut_off", "Cut off", "share", {"cut off": "completions/clipped_ratio"}, None, ("cut_off",)),
        Curve("length", "Length, tokens", "number", {"mean length": "completions/mean_length"},
              "max_completion_length", ("length_collapse", "length_explosion")),
        Curve("entropy", "Entropy", "number", {"entropy": "entropy"}, None, ("entropy_collapse", "entropy_explosion")),
        Curve("kl", "KL from the base", "number", {"KL": "kl"}),
        Curve("learning_rate", "Learning rate", "small", {"learning rate": "learning_rate"}),
        Curve("grad_norm", "Gradient norm", "number", {"gradient norm": "grad_norm"}, None, ("nan",)),
        Curve("adapter_moved", "Change of the weights, of their size", "small", {"change": "adapter_moved"}, None,
              ("adapter_still",)),
        Curve("tokens_per_second", "Tokens per second", "number", {"tokens/s": "tokens_per_second"}),
    ]  # fmt: skip


class Run:
    """A run folder, read for the report.

    Args:
        folder: the run.
        name: what it is called beside other runs.

    Raises:
        UserError: it is no run folder, or its manifest or configuration is damaged.
    """

    def __init__(self, folder: RunFolder, name: str) -> None:
        self.folder, self.name = folder, name
        self.notes: list[str] = []  # what is missing or damaged
        self.manifest, self.values = folder.manifest, folder.values
        self.metrics = folder.read_metrics()
        self.results = self._results()
        self.summaries = self._summaries()
        self.rewards = self._rewards()
        self.forms = list(next(iter(self.summaries.values())).form) if self.summaries else []
        self.records = {when: self._records(when) for when in ("before", "after")}
        files = sorted((folder.path / "completions").glob("step_*.parquet"))
        group = self.values.get("num_generations")
        self.steps = Steps(
            sorted((file for file in files if file.stem.removeprefix("step_").isdecimal()), key=step_of),
            self.rewards,
            group if isinstance(group, int) and group > 0 else None,
        )

    # ------------------------------------------------------------------------------------------------ what is read

    def _results(self) -> JSON:
        try:
            return self.folder.results
        except UserError as error:
            self.notes.append(f"{error}.")
            return {}

    def _summaries(self) -> dict[str, Summary]:
        found = {}
        for when in ("before", "after"):
            if when in self.results:
                try:
                    found[when] = scores.read(self.results[when])
                except (KeyError, TypeError, ValueError, AttributeError) as error:  # not what scores.as_json wrote
                    self.notes.append(f"results.json is damaged: the figures {when} training lack {error}.")
        return found

    def _rewards(self) -> list[str]:
        """Names of the rewards, the one that decides first."""
        if self.summaries:
            return list(next(iter(self.summaries.values())).rewards)
        keys = dict.fromkeys(key for step in self.metrics for key in step)
        return [k.split("/")[1] for k in keys if k.startswith("rewards/") and k.endswith("/mean") and k.count("/") == 2]

    def _records(self, when: str) -> list[Record]:
        """The completions of an evaluation; none where they are not there or cannot be read."""
        file = self.folder.path / "evaluation" / f"{when}.jsonl"
        if not file.exists() or not self.rewards:
            return []
        try:
            records = scores.read_records(file)
        except UserError as error:
            self.notes.append(f"{error}.")
            return []

        def sound(record: Record) -> bool:
            place = record.get("row"), record.get("sample", 0)
            whole = all(isinstance(number, int) and number >= 0 for number in place)
            return whole and isinstance(record.get("completion"), str | list) and self.rewards[0] in record

        if lacking := next((i for i, record in enumerate(records, 1) if not sound(record)), None):
            self.notes.append(f"{file}, line {lacking} is damaged; the completions {when} training are left out.")
            return []
        return records

    def _rows(self) -> list[JSON]:
        """The held-out data rows, where the run wrote them down."""
        file = self.folder.path / "evaluation" / "rows.jsonl"
        try:
            return scores.read_records(file) if file.exists() else []
        except UserError as error:
            self.notes.append(f"{error}.")
            return []

    # --------------------------------------------------------------------------------------------- what it was

    @property
    def last_step(self) -> int:
        return max((step["step"] for step in self.metrics), default=0)

    @property
    def split(self) -> str:
        return next((name for name in self.manifest["data"] if name != "train"), "held-out")

    def missing(self) -> list[str]:
        """What a whole run would have and this one has not, in sentences."""
        found = []
        planned = self.values.get("max_steps")
        if not self.metrics:
            found.append("No training step was finished.")
        elif isinstance(planned, int) and 0 < self.last_step < planned:
            found.append(f"The run stopped after step {self.last_step} of {planned}.")
        if "before" not in self.summaries and "after" not in self.summaries:
            found.append("There is no evaluation.")
        elif "after" not in self.summaries:
            found.append("There is no evaluation after training, so what it brought is not known.")
        elif "before" not in self.summaries:
            found.append("There is no evaluation before training, so what it brought is not known.")
        if self.metrics and not self.steps.files:
            found.append("The completions of training are not in the folder.")
        for when in self.summaries:
            if not self.records[when]:
                found.append(f"The completions {when} training cannot be shown: evaluation/{when}.jsonl.")
        if self.steps.damaged:
            found.append(f"Damaged and left out: {', '.join(self.steps.damaged)}.")
        return [*self.notes, *found]

    def commands(self) -> list[list[str]]:
        """Commands that repeat the run, each after what it is good for."""
        path = self.folder.path
        copied = ["python", "-m", "rlvr_recipes.train", str(path / "recipe.py"), "--config", str(path / "config.yaml")]
        found = [["to repeat it from this folder, with every setting", shlex.join(copied)]]
        typed = self.manifest.get("command")
        if isinstance(typed, list) and typed and str(typed[0]).endswith("train.py"):
            words = ["python", "-m", "rlvr_recipes.train", *map(str, typed[1:])]
            found.insert(0, ["to repeat it, as it was typed", shlex.join(words)])
        return found

    def facts(self) -> list[list[str]]:
        """What was trained, on what and where, as label and text."""
        values, manifest = self.values, self.manifest
        return [[label, text] for label, text in self._facts(values, manifest) if text]

    def _facts(self, values: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        yield "Recipe", manifest["recipe"]
        yield "Policy", str(values.get("model_name_or_path", ""))
        bits = "NF4" if values.get("load_in_4bit") else "8 bits" if values.get("load_in_8bit") else ""
        lora = ""
        if values.get("use_peft"):
            targets = values.get("lora_target_modules")
            on = f" on {', '.join(map(str, targets))}" if isinstance(targets, list) and targets else ""
            lora = f"LoRA r{values.get('lora_r', '?')}, alpha {values.get('lora_alpha', '?')}{on}"
        yield "Weights", ", ".join(filter(None, [bits, str(values.get("dtype") or ""), lora or "all are trained"]))
        weights = values.get("reward_weights")
        if not isinstance(weights, list) or len(weights) != len(self.rewards):
            weights = [None] * len(self.rewards)
        paid = (f"{n}" if w is None else f"{n} × {w}" for n, w in zip(self.rewards, weights, strict=True))
        yield "Rewards", ", ".join(paid)
        try:
            shots = Training.of(self.folder.adapter).shots
        except UserError as error:
            self.notes.append(f"{error}.")
            shots = None
        shots = values.get("shots") if shots is None else shots
        yield "Prompt", "" if shots is None else f"{shots} exemplars" if shots != 1 else "1 exemplar"
        data = {name: of.get("rows") for name, of in manifest["data"].items() if isinstance(of, dict)}
        yield "Data", ", ".join(f"{rows:,} {name} rows" for name, rows in data.items() if isinstance(rows, int))
        planned = values.get("max_steps")
        of = f" of {planned}" if isinstance(planned, int) and planned > 0 else ""
        group = values.get("num_generations")
        yield "Steps", f"{self.last_step}{of}" + (f", groups of {group}" if group else "")
        rate, beta = values.get("learning_rate"), values.get("beta")
        kind = f", {values['lr_scheduler_type']}" if values.get("lr_scheduler_type") else ""
        yield "Learning rate", f"{rate:g}{kind}" if isinstance(rate, int | float) else ""
        yield "Loss", str(values.get("loss_type") or "") + (f", beta {beta:g}" if isinstance(beta, int | float) else "")
        train = self.results.get("train")
        if isinstance(train, dict) and isinstance(train.get("seconds"), int | float):
            first = train.get("first_step")
            began = f" (steps {first} to {train.get('last_step')})" if first != 1 else ""
            yield "Training time", duration(train["seconds"]) + began
        hardware = manifest["hardware"]
        gpus = hardware.get("gpus") or []
        names = ", ".join(f"{gpus.count(gpu)} × {gpu}" for gpu in dict.fromkeys(gpus)) if isinstance(gpus, list) else ""
        yield "Machine", names or f"{hardware.get('cores', '?')} CPU cores, {hardware.get('machine', '')}"
        yield "Seed", str(manifest.get("seed", ""))
        yield "Started", str(manifest.get("started", "")).replace("T", " ")
        git = manifest.get("git")
        if isinstance(git, dict) and isinstance(git.get("commit"), str):
            changed = git.get("changed_files") or []
            yield "Commit", git["commit"][:12] + (f", {len(changed)} files changed" if changed else "")
        versions = manifest.get("versions")
        if isinstance(versions, dict):
            yield "Versions", ", ".join(f"{name} {version}" for name, version in versions.items())

    # ---------------------------------------------------------------------------------------- what came of it

    def gain(self) -> JSON | None:
        """After against before, on the same problems."""
        if not self.records["before"] or not self.records["after"]:
            return None
        try:
            found = scores.paired(self.records["after"], self.records["before"], self.rewards[0])
        except UserError as error:
            self.notes.append(f"Before and after cannot be compared: {error}.")
            return None
        told = {name: value for name, value in scores.as_json(found).items() if name != "flipped"}
        return {**told, "form": found.form}

    def evaluated(self) -> list[JSON]:
        """The evaluations of this folder, as lines of a table."""
        lines = [line_of(f"{when} training, {self.split}", found) for when, found in self.summaries.items()]
        return [*lines, *(line_of(_cell_label(cell), found) for _, cell, found in self._cells())]

    def by_shots(self) -> list[JSON]:
        """Charts of accuracy by the number of exemplars, one per evaluation with several numbers."""
        charts: dict[str, dict[str, list[list[Any]]]] = {}
        for title, cell, found in self._cells():
            if isinstance(shots := cell.get("shots"), int):
                trained = cell.get("train_shots")
                label = str(cell.get("policy")) + ("" if trained is None else f", trained {trained}-shot")
                points = charts.setdefault(title, {}).setdefault(label, [])
                points.append([shots, found.accuracy.value, *found.accuracy.interval, found.n])
        return [
            {"title": title, "lines": [{"name": name, "points": sorted(points)} for name, points in lines.items()]}
            for title, lines in charts.items()
            if any(len(points) > 1 for points in lines.values())
        ]

    def _cells(self) -> list[tuple[str, JSON, Summary]]:
        """The cells of evaluations that `eval` wrote into this folder, each with the title of its evaluation."""
        found = []
        path = self.folder.path
        for file in sorted({*path.glob("*/results.json"), *path.glob("*/*/results.json")}):
            try:
                stored = RunFolder(file.parent).results
                title = f"{stored.get('n')} {stored.get('split') or ''} problems".replace("  ", " ")
                found += [(title, cell, scores.read(_summary(cell))) for cell in stored.get("cells", [])]
            except (UserError, KeyError, TypeError, ValueError, AttributeError) as error:
                note = f"{file} is damaged and left out ({str(error)[:80]})."
                if note not in self.notes:
                    self.notes.append(note)
        return found

    def alarms(self) -> list[JSON]:
        """Each alarm that was raised, with the steps at which it was, and its newest text."""
        found: dict[str, JSON] = {}
        for step in self.metrics:
            raised = step.get("alarms")
            for told in raised if isinstance(raised, list) else ():
                if isinstance(told, dict) and isinstance(told.get("name"), str):
                    one = found.setdefault(told["name"], {"name": told["name"], "steps": []})
                    one["steps"].append(step["step"])
                    one |= {key: number(told.get(key)) for key in ("value", "threshold")}
                    one["text"] = str(told.get("text", ""))
        return list(found.values())

    def browsable(self, budget: int) -> dict[str, Browsable]:
        """Completions for the page's browser, by source, within so many bytes."""
        found = {}
        if any(self.records.values()):
            most = budget // 2 if self.steps.files else budget
            both = self.records["before"], self.records["after"]
            found["held_out"] = held_out(*both, self._rows(), self.rewards, most)
            budget -= found["held_out"].size
        if self.steps.files and self.rewards:
            made = self.steps.browsable(budget)
            if made.index["total"]:
                found["training"] = made
        return found


def _summary(cell: Mapping[str, Any]) -> JSON:
    """The part of an evaluation's cell that is its summary."""
    return {name: cell[name] for name in Summary.__dataclass_fields__}


def _cell_label(cell: Mapping[str, Any]) -> str:
    shots = cell.get("shots")
    return f"{cell.get('policy')}" + ("" if shots is None else f", {shots}-shot")


def line_of(label: str, found: Summary) -> JSON:
    """A summary as the table shows it."""
    return {
        "label": label,
        "n": found.n,
        "samples": found.samples,
        "accuracy": [found.accuracy.value, *found.accuracy.interval],
        "decides": next(iter(found.rewards)),
        "lenient": found.lenient,
        "others": {
            name: [pay, name in found.form] for name, pay in found.rewards.items() if name != next(iter(found.rewards))
        },
        "cut_off": found.cut_off,
        "tokens": found.mean_tokens,
        "tokens_per_second": number(found.tokens_per_second),
    }


def duration(seconds: float) -> str:
    """A length of time to read.

    >>> duration(41), duration(754), duration(7500)
    ('41 s', '12 min 34 s', '2 h 5 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


# ------------------------------------------------------------------------------------------------------ of all runs


def charts(runs: Sequence[Run]) -> list[JSON]:
    """The training curves; several runs share each chart, and then a chart holds one metric."""
    rewards = list(dict.fromkeys(name for run in runs for name in run.rewards))
    forms = [name for name in rewards if any(name in run.forms for run in runs)]
    found = []
    counted = any("accuracy" in step for run in runs for step in run.metrics)
    for curve in curves(rewards, forms, counted):
        apart = [curve.keys] if len(runs) == 1 else [{label: key} for label, key in curve.keys.items()]
        for place, keys in enumerate(apart):
            lines = [
                line
                for at, run in enumerate(runs)
                for label, key in keys.items()
                if (line := _line(run, at, label, key))
            ]
            if not lines:
                continue
            label = next(iter(keys))
            limits = {run.values.get(curve.limit) for run in runs} if curve.limit else set()
            limit = limits.pop() if len(limits) == 1 else None
            marks = [
                [at, step, alarm["text"]]
                for at, run in enumerate(runs)
                for alarm in run.alarms()
                if alarm["name"] in curve.alarms
                for step in alarm["steps"]
            ]
            found.append(
                {
                    "name": f"{curve.name}-{place}" if place else curve.name,
                    "title": curve.title if len(apart) == 1 or len(curve.keys) == 1 else _single_title(label, curve),
                    "kind": curve.kind,
                    "lines": lines,
                    "limit": limit if isinstance(limit, int) else None,
                    "limit_name": curve.limit,
                    "alarms": marks,
                }
            )
    return found


def _single_title(label: str, curve: Curve) -> str:
    """The title of a chart that shows only one of a curve's metrics."""
    return f"{curve.title}: {label}" if curve.name == "reward" else label[0].upper() + label[1:]


def _line(run: Run, at: int, label: str, key: str) -> JSON | None:
    """A metric of a run over its steps; None where no step has it."""
    x = [step["step"] for step in run.metrics]
    y = [number(step.get(key)) for step in run.metrics]
    return {"run": at, "name": label, "x": x, "y": y} if any(value is not None for value in y) else None


def differing(runs: Sequence[Run]) -> list[list[str]]:
    """The settings in which runs differ: name, then each run's value."""
    views: list[JSON] = []
    for run in runs:
        git = run.manifest.get("git")
        commit = git.get("commit") if isinstance(git, dict) else None
        told = {"recipe": run.manifest["recipe"], "commit": str(commit or "")[:12], "data": run.manifest["data"]}
        views.append({**told, **run.values})
    names = dict.fromkeys(name for view in views for name in view)
    rows = [[name, *("-" if view.get(name) is None else str(view[name]) for view in views)] for name in names]
    return [[name, *values] for name, *values in rows if len(set(values)) > 1]


def names_of(paths: Sequence[Path]) -> list[str]:
    """Names that tell runs apart: the folders' own, or as much of their paths as is needed.

    >>> names_of([Path("runs/a/1"), Path("runs/b/1")])
    ['a/1', 'b/1']
    """
    whole = [path.resolve().parts for path in paths]
    for length in range(1, max(map(len, whole)) + 1):
        names = ["/".join(parts[-length:]) for parts in whole]
        if len(set(names)) == len(names):
            return names
    return [f"{'/'.join(parts[-1:])} ({number})" for number, parts in enumerate(whole, 1)]
