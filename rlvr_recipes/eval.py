"""Scores policies: python -m rlvr_recipes.eval RECIPE [--model HUB_ID|FOLDER|RUN_FOLDER] [--shots 0,2,4,8] [--n 200]

Completions are stopped and judged as in training: the recipe's first reward decides. RECIPE is a name, a path, or a run
folder, which brings its recipe, model, adapter and quantization. --model may stand several times; `base` is the model
that the recipe, or the run, starts from. Decoding is greedy, or by --samples k at --temperature t. Further FIELDs of
TRL's ModelConfig and GRPOConfig (--load_in_4bit false, --max_completion_length 512, --dataset_path DIR) are taken as in
training. The same command goes on with an evaluation that was cut short, and shows again one that is finished.

    python -m rlvr_recipes.eval runs/arithmetic/20261121-120000-42 --shots 0,2,4,8 --compare base
    python -m rlvr_recipes.eval gsm8k_fewshot --model my/model --dataset_path my/gsm8k --n 200 --samples 8
    python -m rlvr_recipes.eval gsm8k_fewshot --completions made_elsewhere.jsonl
"""

import argparse
import difflib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rewards
from rlvr_recipes import command, scores
from rlvr_recipes.recipe import Exemplar, Recipe, Row, UserError, check_split, load_recipe
from rlvr_recipes.runs import RunFolder, Training, fingerprint, git_state, hardware, sha256, versions, write_whole

if TYPE_CHECKING:
    from rlvr_recipes.config import Config
    from rlvr_recipes.evaluation import Sampling

SAMPLED = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
BASE = "base"


@dataclass(frozen=True)
class Subject:
    """A policy that is scored."""

    label: str
    config: "Config"
    adapter: Path | None = None  # to be put on the configuration's model
    training: Training = field(default_factory=Training)
    trained_on: int = 0  # so many of the rows to be scored were among those it was trained on


@dataclass(frozen=True)
class Cell:
    """One policy with one number of exemplars."""

    subject: Subject
    exemplars: Sequence[Exemplar]
    folder: Path
    identity: Mapping[str, Any]  # all that decides its completions

    @property
    def completions(self) -> Path:
        return self.folder / "completions.jsonl"

    @property
    def labels(self) -> dict[str, str]:
        """Its columns in the table."""
        trained, known = self.subject.training.shots, self.subject.trained_on
        return {
            "policy": self.subject.label + (f" (trained on {known} of these rows)" if known else ""),
            "train shots": "-" if trained is None else str(trained),
            "eval shots": str(len(self.exemplars)),
        }


# --------------------------------------------------------------------------------------------------- what is asked for


def parse(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The command's own options, and the flags that are fields of TRL's."""
    parser = command.Parser("eval", __doc__, "RECIPE [options] [--FIELD VALUE ...]")
    parser.add_argument("recipe", help="name in recipes/, path of a recipe file, or a run folder")
    parser.add_argument("--model", action="append", help="hub id, model, adapter or run folder, or `base`; repeatable")
    parser.add_argument("--shots", help="exemplars in the prompt, 2 or 0,2,4,8; else as in training")
    parser.add_argument("--split", help="train, validation or test; else the recipe's")
    # torchrun and accelerate take --n for one of their own, wherever it stands.
    parser.add_argument("--n", "--rows", dest="n", type=int, metavar="N", help="score the first N rows only")
    parser.add_argument("--samples", type=int, help="draw K completions per problem instead of the greedy one")
    parser.add_argument("--compare", metavar="BASE", help="pair every policy with this one, named as for --model")
    parser.add_argument("--completions", type=Path, metavar="FILE", help="score a jsonl file of completions, no model")
    parser.add_argument("--output", type=Path, help="folder for everything written; else one in runs/eval or RUN/eval")
    parser.add_argument("--config", metavar="FILE", help="YAML file of FIELD: VALUE lines")
    own, flags = parser.parse_known_args(argv)
    own.options = parser.options
    given = {flag.partition("=")[0] for flag in flags}
    for word, instead in (("--eval_rows", "--n"), ("--eval_split", "--split"), ("--output_dir", "--output")):
        if word in given:
            raise UserError(f"{word} is for training; here it is {instead}")
    if own.n is not None and own.n < 1:
        raise UserError(f"--n {own.n}: score at least one row")
    if own.samples is not None and own.samples < 1:
        raise UserError(f"--samples {own.samples}: draw at least one completion per problem")
    for name in SAMPLED:
        if own.samples is None and f"--{name}" in given:
            raise UserError(f"--{name} needs --samples K; without it decoding is greedy")
    for name in ("model", "compare"):
        if "" in (getattr(own, name) or ["-"] if name == "model" else [getattr(own, name)]):
            raise UserError(f"--{name} is empty")
    if own.split is not None:
        check_split(own.split)
    if own.completions is not None:
        for name in ("model", "shots", "samples", "config"):
            if getattr(own, name) is not None:
                raise UserError(f"--{name} does not go with --completions, which are made already")
        if other := [flag for flag in flags if flag.startswith("--") and flag.partition("=")[0] != "--dataset_path"]:
            raise UserError(f"{other[0]} does not go with --completions, which are made already")
        if own.compare is not None and not Path(own.compare).is_file():
            raise UserError(f"--compare {own.compare}: beside --completions it takes another file of completions")
        if own.compare is not None and Path(own.compare).samefile(own.completions):
            raise UserError("--compare names the file that is scored; name another")
    return own, flags


def shot_counts(recipe: Recipe, text: str | None, default: int) -> list[int]:
    """The numbers of exemplars of --shots, each of which the recipe has."""
    if text is None:
        return [default]
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise UserError(f"--shots {text}: give whole numbers with commas between them, such as 0,2,4") from error
    for count in counts:
        recipe.exemplars_shown(count)
    return list(dict.fromkeys(counts))


def subject_of(name: str, recipe: Recipe, run: RunFolder | None, flags: list[str], own: argparse.Namespace) -> Subject:
    """A policy by its name on the command line.

    Args:
        run: the run folder that RECIPE is, if it is one.
    """
    from rlvr_recipes import models
    from rlvr_recipes.config import read_file, resolve

    trained = RunFolder.existing(name) if RunFolder.is_one(name) else None
    source = trained or (run if name == BASE else None)
    if source is not None:
        if own.config is not None:
            raise UserError("a run folder brings its own configuration; give fields as flags instead of --config")
        config = resolve(recipe, flags, source.values_here(), str(source.path / "config.yaml"), own.options)
        if trained is None:
            return Subject(f"{config.model_name} (base)", config)
        if not trained.adapter.is_dir():
            cure = command.line("train", "--resume", trained.path)
            raise UserError(f"{trained.path} has no adapter yet; finish it: {cure}")
        training = Training.of(trained.adapter)
        if config.model.use_peft:
            models.check_adapter(trained.adapter, config)
            return Subject(str(trained.path), config, trained.adapter, training)
        config.model.model_name_or_path = str(trained.adapter)  # all weights were trained
        return Subject(str(trained.path), config, None, training)
    given = read_file(own.config) if own.config else run.values_here() if run is not None else None
    folder = Path(name)
    adapter = folder if (folder / "adapter_config.json").is_file() else None
    near = "/" not in name and difflib.get_close_matches(name, [BASE], cutoff=0.7)
    if name != BASE and near and not folder.exists():
        raise UserError(f"there is no model folder {name}; did you mean {BASE}?")
    words = flags if name == BASE else ["--model_name_or_path", models.base_of(adapter) if adapter else name, *flags]
    config = resolve(recipe, words, given, f"--config {own.config}", own.options)
    if adapter is not None:
        models.check_adapter(adapter, config)
    label, training = (config.model_name, Training()) if name == BASE else (name, Training.of(folder))
    return Subject(label, config, adapter, training)


def _run_of_adapter(name: str) -> str:
    """The run folder that an adapter folder belongs to, which knows more than the adapter; else the name as it is."""
    path = Path(name)
    return str(path.parent) if path.name == "adapter" and RunFolder.is_one(path.parent) else name


def read_rows(recipe: Recipe, own: argparse.Namespace, split: str, dataset_path: str | None) -> list[Row]:
    """The rows to score, each read once by every reward."""
    rows = recipe.rows_of(split, dataset_path)
    recipe.check_rows(rows, split)
    if own.n is not None and own.n > len(rows):
        raise UserError(f"--n {own.n}: the {split} split has {len(rows)} rows")
    return rows[: own.n]


def check_untrained(subject: Subject, split: str, rows: int) -> None:
    """Refuses rows that a policy was trained on."""
    if subject.trained_on:
        raise UserError(
            f"{subject.trained_on} of the {rows} {split} rows are among those that {subject.label} was trained on, so "
            f"this is no measure of what it learned; to score them all the same, name them: --split {split}"
        )


# ------------------------------------------------------------------------------------------------------- the command


def main(argv: Sequence[str]) -> int:
    """The command."""
    own, flags = parse(argv)
    run = RunFolder.existing(own.recipe) if RunFolder.is_one(own.recipe) else None
    recipe = run.load_recipe() if run is not None else load_recipe(own.recipe)
    recipe.check_cases()
    if own.completions is not None:
        return score_file(recipe, own, flags)
    shot_counts(recipe, own.shots, 0)
    command.say(f"recipe {recipe.name}: loading torch and TRL")

    from accelerate import PartialState

    asked: list[str] = own.model or [own.recipe if run is not None else BASE]
    compared: list[str] = [own.compare] if own.compare else []
    names = [_run_of_adapter(name) for name in dict.fromkeys(compared + asked)]
    if own.compare in asked:
        raise UserError(f"--compare {own.compare} is what is scored; name another policy")
    subjects = [subject_of(name, recipe, run, flags, own) for name in names]
    first = subjects[len(compared)].config.run
    limits = {subject.config.max_completion_length for subject in subjects}
    if compared and len(limits) > 1:
        cure = "give all of them one: --max_completion_length N"
        raise UserError(f"policies that may write up to {min(limits)} and {max(limits)} tokens do not compare; {cure}")
    split = own.split or first.eval_split or recipe.eval_split
    if split == "train" and own.split is None:
        raise UserError("the recipe's eval_split is train, which policies are trained on; name a split: --split test")
    rows = read_rows(recipe, own, split, first.dataset_path)
    subjects = [_with(subject, trained_on=len(subject.training.seen(rows))) for subject in subjects]
    if own.split is None:
        for subject in subjects:
            check_untrained(subject, split, len(rows))
    asked_shots = (subjects[len(compared)].training.shots, first.shots, recipe.shots)
    counts = shot_counts(recipe, own.shots, next(shots for shots in asked_shots if shots is not None))
    sampling = [sampling_of(subject.config, own.samples) for subject in subjects]
    tokenizers, prompts = zip(*(_tokenizer(recipe, subject, rows, counts) for subject in subjects), strict=True)

    plans = [
        [identity(recipe, subject, rows, split, count, drawn, made[count]) for count in counts]
        for subject, drawn, made in zip(subjects, sampling, prompts, strict=True)
    ]
    for name, row in list(zip(names, plans, strict=True))[1:]:
        if compared and row == plans[0]:
            raise UserError(f"--compare {own.compare} and {name} are one policy; name another")
    digest = _digest([plans, own.compare])
    beside = Path("runs") if run is None else run.path  # where its report finds it
    output = own.output or beside / "eval" / f"{recipe.name}-{digest[:8]}"
    with PartialState().main_process_first():
        check_output(output, digest)
        cells = make_cells(recipe, output, subjects, counts, plans, own.samples)
    try:
        for subject, drawn, tokenizer in zip(subjects, sampling, tokenizers, strict=True):
            evaluate(recipe, rows, [cell for cell in cells if cell.subject is subject], tokenizer, drawn, split)
    except KeyboardInterrupt:
        command.say(f"\nstopped; the same command goes on where it stopped ({output})")
        return 130
    if PartialState().is_main_process:
        bases = [cell for cell in cells if cell.subject is subjects[0]] if compared else []
        report(
            recipe,
            rows,
            cells,
            bases,
            output,
            {"digest": digest, "split": split, "n": len(rows), "samples": own.samples or 1},
        )
    return 0


def _with(subject: Subject, **changes: Any) -> Subject:
    return Subject(**{**vars(subject), **changes})


def sampling_of(config: "Config", samples: int | None) -> "Sampling":
    """How completions are drawn: greedily, or as rollouts are, k for each problem."""
    from rlvr_recipes.evaluation import GREEDY, Sampling

    if samples is None:
        return GREEDY
    grpo = config.grpo
    return Sampling(samples, grpo.temperature, grpo.top_p, grpo.top_k, grpo.min_p, grpo.repetition_penalty, grpo.seed)


def _tokenizer(
    recipe: Recipe, subject: Subject, rows: Sequence[Row], counts: Sequence[int]
) -> tuple[Any, dict[int, str]]:
    """A policy's tokenizer, once every prompt is known to fit its context; and a digest of them by number of shots."""
    from rlvr_recipes import models
    from rlvr_recipes.generation import tokenize

    config = subject.config
    model_config, tokenizer = models.load_tokenizer(config)
    digests = {}
    for count in counts:
        ids = tokenize(tokenizer, recipe.prompts_of(rows, recipe.exemplars_shown(count)), config.chat_template_kwargs)
        models.check_lengths(ids, config.max_completion_length, model_config)
        digests[count] = _digest(ids)
    return tokenizer, digests


def identity(
    recipe: Recipe, subject: Subject, rows: Sequence[Row], split: str, shots: int, sampling: "Sampling", prompts: str
) -> dict[str, Any]:
    """All that decides the completions of a cell; two evaluations that agree in it are one.

    Args:
        prompts: digest of their token ids.
    """
    from rlvr_recipes import models

    config = subject.config
    settings = {
        **{name: getattr(config.grpo, name) for name in ("max_completion_length", "chat_template_kwargs", "use_vllm")},
        "model_init_kwargs": config.grpo.model_init_kwargs,
        **{name: getattr(config.model, name) for name in ("dtype", "load_in_4bit", "load_in_8bit", "model_revision")},
        **{
            name: getattr(config.model, name)
            for name in ("attn_implementation", "bnb_4bit_quant_type", "use_bnb_nested_quant")
        },
        **{name: getattr(config.run, name) for name in ("eval_batch_size", "shared_prefix")},
    }
    return {
        "recipe": _digest([sha256(file) for file in (recipe.path, *recipe.helpers)]),
        "prompts": prompts,
        "rewards": _digest([sha256(file) for file in sorted(Path(rewards.__file__).parent.glob("*.py"))]),
        "split": split,
        "rows": fingerprint(rows),
        "shots": shots,
        "model": models.fingerprint(config.model_name),
        "adapter": None if subject.adapter is None else models.fingerprint(str(subject.adapter)),
        "settings": settings,
        "sampling": vars(sampling),
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def check_output(output: Path, digest: str) -> None:
    """Refuses a folder with anything but this very evaluation in it, finished or cut short."""
    if output.exists() and (not output.is_dir() or (any(output.iterdir()) and not any(output.glob("*/cell.json")))):
        raise UserError(f"--output {output} holds something else than an evaluation; nothing is overwritten")
    results = output / "results.json"
    if results.exists():
        try:
            known = json.loads(results.read_text(encoding="utf-8"))["digest"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{results} is damaged ({error}); choose another --output") from error
        if known != digest:
            raise UserError(
                f"--output {output} holds another evaluation; nothing is overwritten, choose another folder"
            )


def make_cells(
    recipe: Recipe,
    output: Path,
    subjects: Sequence[Subject],
    counts: Sequence[int],
    plans: Sequence[Sequence[Mapping[str, Any]]],
    samples: int | None,
) -> list[Cell]:
    """The folders of all cells; one that holds another evaluation is a `UserError`, one that was cut short is not."""
    cells: list[Cell] = []
    for subject, row in zip(subjects, plans, strict=True):
        stem = re.sub(r"[^\w.-]+", "-", Path(subject.label).name)[:100] or "policy"
        for count, decides in zip(counts, row, strict=True):
            name = f"{stem}-{count}shot" + (f"-{samples}samples" if samples else "")
            name += "-on-trained-rows" if subject.trained_on else ""
            taken = {cell.folder.name for cell in cells}
            name = next(n for n in (name, *(f"{name}.{i}" for i in range(2, 1000))) if n not in taken)
            cells.append(Cell(subject, recipe.exemplars_shown(count), output / name, decides))
    for folder in sorted({file.parent for file in output.glob("*/cell.json")} - {cell.folder for cell in cells}):
        raise UserError(f"{folder} belongs to another evaluation; choose another --output")
    for cell in cells:
        path = cell.folder / "cell.json"
        decides = json.loads(json.dumps(cell.identity, default=str))
        if path.exists():
            try:
                known = json.loads(path.read_text(encoding="utf-8"))["identity"]
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise UserError(
                    f"{path} is damaged ({error}); choose another --output, or remove that folder"
                ) from error
            if differing := [name for name in decides if known.get(name) != decides[name]]:
                raise UserError(
                    f"{cell.folder} holds an evaluation with another {', '.join(differing)}; choose another --output"
                )
            continue
        try:
            cell.folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps({"policy": cell.subject.label, "identity": decides}, indent=2) + "\n")
        except OSError as error:
            raise UserError(f"--output {output} cannot be made: {error.strerror}") from error
    return cells


def evaluate(
    recipe: Recipe, rows: Sequence[Row], cells: Sequence[Cell], tokenizer: Any, sampling: "Sampling", split: str
) -> None:
    """Completes and scores the cells of one policy; one that is finished is left as it is."""
    from rlvr_recipes import evaluation, models, vllm_backend

    for cell in cells:
        if cell.completions.exists():
            evaluation.check_whole(cell.completions, recipe, len(rows), sampling.samples)
    if all(cell.completions.exists() for cell in cells):
        return
    subject = cells[0].subject
    config = subject.config
    if config.grpo.use_vllm:
        model, backend = None, vllm_backend.opened(config, subject.adapter)
    else:
        model, backend = models.load_policy(config, tokenizer), evaluation.Transformers
        if subject.adapter is not None:
            model = models.add_adapter(model, subject.adapter)
    for cell in cells:
        title = f"{subject.label}, {len(cell.exemplars)}-shot, {split}"
        evaluation.evaluate(
            model, tokenizer, recipe, rows, cell.exemplars, config, cell.completions, title, sampling, backend
        )


# ------------------------------------------------------------------------------------------------------- what is shown


def report(
    recipe: Recipe, rows: Sequence[Row], cells: Sequence[Cell], bases: Sequence[Cell], output: Path, of: dict[str, Any]
) -> None:
    """The table, the comparisons, results.json, the flipped problems and the chart."""
    from rlvr_recipes import chart, evaluation

    summaries = [evaluation.read_summary(cell.completions, recipe) for cell in cells]
    command.say(f"\n{scores.table([(cell.labels, s) for cell, s in zip(cells, summaries, strict=True)])}")
    comparisons = []
    for base in bases:
        for cell in cells:
            if len(cell.exemplars) == len(base.exemplars) and cell.subject is not base.subject:
                comparisons.append(compare(recipe, rows, cell.labels, cell.completions, base.labels, base.completions))
    stored = [
        {
            "policy": cell.subject.label,
            "train_shots": cell.subject.training.shots,
            "shots": len(cell.exemplars),
            "rows_trained_on": cell.subject.trained_on,
            "sampling": cell.identity["sampling"],
            "completions": str(cell.completions.relative_to(output)),
            **scores.as_json(summary),
        }
        for cell, summary in zip(cells, summaries, strict=True)
    ]
    write_results(output, recipe, of, stored, comparisons)
    if len({len(cell.exemplars) for cell in cells}) > 1:
        lines: dict[str, list[tuple[int, scores.Estimate]]] = {}
        for cell, summary in zip(cells, summaries, strict=True):
            shots = cell.subject.training.shots
            trained = "" if shots is None else f", trained {shots}-shot"
            line = lines.setdefault(cell.labels["policy"] + trained, [])
            line.append((len(cell.exemplars), summary.accuracy))
        chart.accuracy_by_shots(
            lines, f"{recipe.name}, {of['n']} {of['split']} problems", output / "accuracy_by_shots.svg"
        )
    command.say(f"\nwritten to {output}")


def write_results(
    output: Path, recipe: Recipe, of: Mapping[str, Any], cells: list[dict[str, Any]], comparisons: list[dict[str, Any]]
) -> None:
    """results.json, whose keys docs/evaluation.md explains."""
    results = {
        "recipe": recipe.name,
        **of,
        "cells": cells,
        "comparisons": comparisons,
        "git": git_state(Path(__file__).parent),
        "versions": versions(),
        "hardware": hardware(),
    }
    write_whole(output / "results.json", json.dumps(results, indent=2) + "\n")


def compare(
    recipe: Recipe,
    rows: Sequence[Row],
    labels: Mapping[str, str],
    ours: Path,
    base_labels: Mapping[str, str],
    base: Path,
) -> dict[str, Any]:
    """Prints one comparison, writes the flipped problems beside `ours`, and gives it for results.json."""
    records, theirs = scores.read_records(ours), scores.read_records(base)
    found = scores.compare(records, theirs, recipe)
    text = scores.flipped_text(recipe, rows, records, theirs, found.flipped)
    (ours.parent / "flipped.md").write_text(text, encoding="utf-8")
    shots = f", {labels['eval shots']}-shot" if "eval shots" in labels else ""
    command.say(f"\n{labels['policy']} against {base_labels['policy']}{shots}: {found}")
    if found.flipped:
        example = command.harmless(text.split("\n\n## ")[0].removeprefix("## "))
        command.say(f"\n{example}\n\nall {len(found.flipped)} flipped problems: {ours.parent / 'flipped.md'}")
    return {"policy": labels["policy"], "base": base_labels["policy"], **dict(labels), **scores.as_json(found)}


# ------------------------------------------------------------------------------------------ completions from elsewhere


def score_file(recipe: Recipe, own: argparse.Namespace, flags: Sequence[str]) -> int:
    """Scores completions that were made elsewhere, with no model and no torch."""
    split = own.split or recipe.eval_split
    dataset_path = argparse.ArgumentParser(allow_abbrev=False)
    dataset_path.add_argument("--dataset_path")
    path = dataset_path.parse_known_args(flags)[0].dataset_path
    files = [own.completions, *([Path(own.compare)] if own.compare else [])]
    given = [scores.read_records(file) for file in files]
    numbered = ["row" in records[0] for records in given]
    if len(set(numbered)) > 1:
        raise UserError(f"{files[0]} and {files[1]}: either both say the row of every completion, or neither does")
    rows: list[Row] = []
    if numbered[0]:
        rows = recipe.rows_of(split, path)
        recipe.check_rows(rows, split)
        first = set(range(own.n or len(rows)))
        given = [[one for one in records if one.get("row") in first or own.n is None] for records in given]
    else:
        given = [records[: own.n] for records in given]
    if not all(given):
        raise UserError(f"--n {own.n} leaves nothing to score")
    scored = [scores.score_elsewhere(recipe, rows, records, file) for records, file in zip(given, files, strict=True)]
    if own.compare:
        scores.compare(scored[0][1], scored[1][1], recipe)  # they can be paired, or this says why not
        for number, (one, other) in enumerate(zip(scored[0][0], scored[1][0], strict=False), 1):
            if one != other:
                cure = "say the row of every completion, or put both files in one order"
                raise UserError(f"line {number} of {files[0]} and of {files[1]} answer different problems; {cure}")
    rows = rows or scored[0][0]
    digest = _digest([sha256(recipe.path), *map(sha256, files), split, own.n, fingerprint(rows)])
    output = own.output or Path("runs") / "eval" / f"{recipe.name}-{digest[:8]}"
    check_output(output, digest)
    made, summaries = [], []
    for number, (file, (_, records)) in enumerate(zip(files, scored, strict=True)):
        folder = output / (file.stem[:100] if number == 0 or file.stem[:100] != files[0].stem[:100] else "compared")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"--output {output} cannot be made: {error.strerror}") from error
        write_whole(folder / "cell.json", json.dumps({"policy": str(file), "identity": digest}) + "\n")
        made.append(folder / "completions.jsonl")
        write_whole(made[-1], scores.lines_of(records))
        summaries.append(scores.summarize(records, recipe, None))
    labels = [{"policy": str(file)} for file in files]
    print(scores.table(list(zip(labels, summaries, strict=True))))
    comparisons = [compare(recipe, rows, labels[0], made[0], labels[1], made[1])] if own.compare else []
    unknown = dict.fromkeys(("train_shots", "shots", "rows_trained_on", "sampling"))
    cells = [
        {**label, **unknown, "completions": str(file.relative_to(output)), **scores.as_json(summary)}
        for label, file, summary in zip(labels, made, summaries, strict=True)
    ]
    first = summaries[0]
    of = {"digest": digest, "split": split if numbered[0] else None, "n": first.n, "samples": first.samples}
    write_results(output, recipe, of, cells, comparisons)
    print(f"\nwritten to {output}")
    return 0


if __name__ == "__main__":
    command.run(main)
