"""Trains a recipe: python -m rlvr_recipes.train RECIPE [--config FILE] [--FIELD VALUE ...]

RECIPE is a name in recipes/ or the path of a recipe file. FIELD is any field of TRL's GRPOConfig and ModelConfig under
TRL's name, or one of: dataset_path, shots, train_rows, eval_split, eval_rows, eval_batch_size.
Order of precedence: our defaults < the recipe < --config (a YAML file of FIELD: VALUE lines) < flags.

    python -m rlvr_recipes.train arithmetic --max_steps 20 --seed 7
    python -m rlvr_recipes.train gsm8k_fewshot --dataset_path my/gsm8k --model_name_or_path my/model
    python -m rlvr_recipes.train --resume runs/arithmetic/20261121-120000-42
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlvr_recipes import command
from rlvr_recipes.recipe import Recipe, Row, UserError, load_recipe

if TYPE_CHECKING:
    from rlvr_recipes.config import Config
    from rlvr_recipes.evaluation import Summary
    from rlvr_recipes.runs import RunFolder


def say(text: str) -> None:
    """A line for the user, at once even into a pipe."""
    print(text, flush=True)


def read_rows(recipe: Recipe, config: "Config") -> dict[str, Sequence[Row]]:
    """The rows to train on and to evaluate on, read once by every reward so that a bad one is found now."""
    run = config.run
    train = recipe.rows_of("train", run.dataset_path)
    recipe.check_rows(train, "train")
    data = {"train": train if run.train_rows is None else train[: run.train_rows]}
    if run.eval_rows:
        split = run.eval_split or recipe.eval_split
        if split == "train":
            raise UserError("eval_split train would score the policy on its training rows; take test or validation")
        rows = recipe.rows_of(split, run.dataset_path)
        recipe.check_rows(rows, split)
        data[split] = rows[: run.eval_rows]
    return data


def train(recipe: Recipe, config: "Config", folder: "RunFolder", checkpoint: Path | None, data: dict[str, Any]) -> int:
    """Loads the policy, evaluates it, trains it, evaluates it again. Returns the exit code."""
    import datasets
    from trl import get_peft_config

    from rlvr_recipes import evaluation, models
    from rlvr_recipes.config import check_train_rows
    from rlvr_recipes.generation import tokenize
    from rlvr_recipes.trainer import ProgressLine, RecipeTrainer, StopSignals, WholeCheckpoints

    run, grpo = config.run, config.grpo
    exemplars = recipe.exemplars_shown(recipe.shots if run.shots is None else run.shots)
    check_train_rows(len(data["train"]), grpo)
    models.check_quantization(config.model)
    assert config.model.model_name_or_path is not None
    model_config, tokenizer = models.load_config_and_tokenizer(
        config.model.model_name_or_path, config.model.model_revision, grpo.trust_remote_code
    )
    for rows in data.values():
        ids = tokenize(tokenizer, [recipe.prompt(row, exemplars) for row in rows], grpo.chat_template_kwargs)
        models.check_lengths(ids, grpo.max_completion_length, model_config)

    if checkpoint is None and not folder.path.exists():
        folder.create(recipe, config.values, data)
    precision = "NF4" if config.model.load_in_4bit else config.model.dtype
    say(f"policy {config.model.model_name_or_path} ({precision}), {len(exemplars)} shots; run folder {folder.path}")
    trainer = RecipeTrainer(
        model=models.load_policy(config.model, tokenizer, grpo),
        reward_funcs=list(recipe.rewards),
        args=grpo,
        train_dataset=datasets.Dataset.from_list(
            [{**row, "prompt": recipe.prompt(row, exemplars)} for row in data["train"]]
        ),
        processing_class=tokenizer,
        peft_config=get_peft_config(config.model),
        stop_texts=recipe.stop,
        record=folder.write_completions,
    )
    from transformers import PrinterCallback, ProgressCallback

    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    stop = StopSignals()
    for callback in (ProgressLine(folder, next(iter(recipe.rewards)).__name__), WholeCheckpoints(folder), stop):
        trainer.add_callback(callback)

    results: dict[str, Any] = {}
    split, rows = next(((name, rows) for name, rows in data.items() if name != "train"), ("", []))

    def evaluate(when: str) -> "Summary":
        summary = evaluation.evaluate(
            trainer.model,
            tokenizer,
            recipe,
            rows,
            exemplars,
            max_completion_length=grpo.max_completion_length,
            batch_size=run.eval_batch_size,
            chat_template_kwargs=grpo.chat_template_kwargs,
            output=folder.path / "evaluation" / f"{when}.jsonl",
            title=f"{when} training, {split}",
        )
        results[when] = evaluation.as_json(summary)
        folder.write_results(results)
        return summary

    main_process = trainer.accelerator.is_main_process
    before: Summary | None = None
    if rows and main_process:
        before = evaluate("before") if checkpoint is None else evaluation.read(folder.results["before"])
        results["before"] = evaluation.as_json(before)
    trainer.accelerator.wait_for_everyone()

    began = time.monotonic()
    with stop.listening():
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    seconds = time.monotonic() - began
    if stop.received is not None and trainer.state.global_step < trainer.state.max_steps:
        say(f"stopped after step {trainer.state.global_step} of {trainer.state.max_steps}; to go on:")
        say(f"    python -m rlvr_recipes.train --resume {folder.path}")
        return 128 + stop.received
    trainer.save_model(str(folder.adapter))
    say(f"trained {trainer.state.global_step} steps, the last {seconds:.0f} s of it here; adapter in {folder.adapter}")
    results["train"] = {"steps": trainer.state.global_step, "seconds": seconds}
    if before is not None:
        after = evaluate("after")
        say("")
        say(evaluation.table({f"before ({split})": before, f"after ({split})": after}))
    if main_process:
        folder.write_results(results)
    return 0


def main(argv: Sequence[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m rlvr_recipes.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        exit_on_error=False,
        usage="%(prog)s RECIPE [--config FILE] [--FIELD VALUE ...]",
    )
    parser.add_argument("recipe", nargs="?", help="name in recipes/, or path of a recipe file")
    parser.add_argument("--config", metavar="FILE", help="YAML file of FIELD: VALUE lines")
    parser.add_argument("--resume", metavar="RUN", help="run folder to go on with, as it began")
    parser.add_argument("--fields", action="store_true", help="list every FIELD with its help, and exit")
    try:
        own, flags = split_own(parser, argv)
    except argparse.ArgumentError as error:
        raise UserError(str(error)) from error
    if own.fields:
        from rlvr_recipes.config import describe_fields

        say(describe_fields())
        return 0
    if own.resume is not None:
        return resume(own.resume, [*([own.recipe] if own.recipe else []), *flags])
    if own.recipe is None:
        raise UserError("which recipe? For example: python -m rlvr_recipes.train arithmetic (see --help)")
    recipe = load_recipe(own.recipe)
    recipe.check_cases()
    say(f"recipe {recipe.name}: {len(recipe.cases)} cases paid as they should be; loading torch and TRL")

    from rlvr_recipes.config import resolve
    from rlvr_recipes.runs import RunFolder

    config = resolve(recipe, own.config, flags)
    data = read_rows(recipe, config)
    say("data: " + ", ".join(f"{len(rows)} {split} rows" for split, rows in data.items()))
    folder = RunFolder.planned(recipe, config.grpo.seed, config.output_dir)
    config.grpo.output_dir = str(folder.checkpoints)
    return train(recipe, config, folder, None, data)


def split_own(parser: argparse.ArgumentParser, argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Our few options apart from TRL's many. The recipe is the first word, so that no flag's value is taken for it."""
    words = list(argv)
    first = [words.pop(0)] if words and not words[0].startswith("-") else []
    own, flags = parser.parse_known_args([*first, *[w for w in words if w in ("-h", "--help", "--fields")]])
    for name in ("config", "resume"):
        for i, word in enumerate(words):
            if word == f"--{name}" or word.startswith(f"--{name}="):
                value = word.partition("=")[2] or (words[i + 1] if i + 1 < len(words) else "")
                if not value or value.startswith("-"):
                    raise UserError(f"--{name} needs a value")
                setattr(own, name, value)
                del words[i : i + (1 if "=" in word else 2)]
                break
    return own, [w for w in words if w != "--fields"] + flags


def resume(path: str, flags: Sequence[str]) -> int:
    """Goes on with a run from its last whole checkpoint; with the recipe, configuration and data it began with."""
    if flags:
        raise UserError(f"a resumed run goes on as it began; leave out {' '.join(flags)}, or begin a new run with it")

    from rlvr_recipes.runs import RunFolder

    folder = RunFolder.existing(path)
    recipe = folder.load_recipe()
    recipe.check_cases()
    say(f"recipe {recipe.name} as copied in {folder.path}; loading torch and TRL")

    from rlvr_recipes.config import resolve

    config = resolve(recipe, str(folder.path / "config.yaml"), [])
    config.grpo.output_dir = str(folder.checkpoints)
    data = read_rows(recipe, config)
    folder.check_data(data)
    checkpoint = folder.last_checkpoint()
    if folder.adapter.exists() and "after" in folder.results:
        raise UserError(f"{folder.path} is finished; evaluate it with: python -m rlvr_recipes.eval {folder.path}")
    folder.rewind(int(checkpoint.name.split("-")[1]) if checkpoint else 0)
    say(f"going on from {checkpoint.name}" if checkpoint else "no whole checkpoint: beginning at step 1 again")
    return train(recipe, config, folder, checkpoint, data)


if __name__ == "__main__":
    command.run(main)
