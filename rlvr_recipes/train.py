"""Trains a recipe: python -m rlvr_recipes.train RECIPE [--config FILE] [--FIELD VALUE ...]

RECIPE is a name in recipes/ or the path of a recipe file. FIELD is any field of TRL's GRPOConfig and ModelConfig under
TRL's name, or one of: dataset_path, shots, train_rows, eval_split, eval_rows, eval_batch_size, shared_prefix,
stop_on_alarm, difficulty, difficulty_file.
Order of precedence: our defaults < the recipe < --config (a YAML file of FIELD: VALUE lines) < flags.

    python -m rlvr_recipes.train arithmetic --max_steps 20 --seed 7
    python -m rlvr_recipes.train gsm8k_fewshot --dataset_path my/gsm8k --model_name_or_path my/model
    python -m rlvr_recipes.train --resume runs/arithmetic/20261121-120000-42
"""

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlvr_recipes import command, difficulty, selftest
from rlvr_recipes.command import say
from rlvr_recipes.recipe import Exemplar, Recipe, Row, UserError, load_recipe

if TYPE_CHECKING:
    from rlvr_recipes.config import Config
    from rlvr_recipes.runs import RunFolder
    from rlvr_recipes.trainer import RecipeTrainer


STOPPED_BY_ALARM, REWARD_FAILED = 3, 4  # exit codes


def read_rows(recipe: Recipe, config: "Config") -> dict[str, list[Row]]:
    """The rows to train on and to evaluate on, read once by every reward so that a bad one is found now."""
    from rlvr_recipes.runs import Training

    run = config.run
    train = recipe.rows_of("train", run.dataset_path)
    recipe.check_rows(train, "train")
    if run.train_rows is not None and run.train_rows > len(train):
        raise UserError(f"train_rows is {run.train_rows}, but there are {len(train)} train rows")
    train = train[: run.train_rows]
    if run.difficulty is not None:
        file = Path(run.difficulty_file) if run.difficulty_file else difficulty.default_file(recipe)
        train, told = difficulty.within(train, run.difficulty, file, recipe, config)
        say(told)
    data = {"train": train}
    if run.eval_rows:
        split = run.eval_split or recipe.eval_split
        if split == "train":
            raise UserError("eval_split train would score the policy on its training rows; take test or validation")
        rows = recipe.rows_of(split, run.dataset_path)
        recipe.check_rows(rows, split)
        data[split] = rows[: run.eval_rows]
        if known := len(Training.on(data["train"], 0).seen(data[split])):
            say(f"note: {known} of the {len(data[split])} {split} rows are train rows too, so they measure no learning")
    return data


def make_trainer(
    recipe: Recipe, config: "Config", folder: "RunFolder", tokenizer: Any, exemplars: Sequence[Exemplar], rows: Any
) -> "RecipeTrainer":
    """The trainer of a run, with our progress line instead of transformers' two."""
    import datasets
    from transformers import PrinterCallback, ProgressCallback
    from trl import get_peft_config

    from rlvr_recipes import models
    from rlvr_recipes.trainer import ProgressLine, RecipeTrainer, WholeCheckpoints, watched

    model = models.load_policy(config, tokenizer)
    with models.refused("this run cannot be set up"):
        trainer = RecipeTrainer(
            model=model,
            reward_funcs=[watched(reward) for reward in recipe.rewards],
            args=config.grpo,
            train_dataset=datasets.Dataset.from_list(
                [{**row, "prompt": p} for row, p in zip(rows, recipe.prompts_of(rows, exemplars), strict=True)]
            ),
            processing_class=tokenizer,
            peft_config=get_peft_config(config.model),
            callbacks=[ProgressLine(folder, recipe, config.run.stop_on_alarm), WholeCheckpoints(folder)],
            stop_texts=recipe.stop,
            record=folder.write_completions,
            shared_prefix=config.run.shared_prefix,
        )
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    return trainer


def check_prompts(recipe: Recipe, config: "Config", exemplars: Sequence[Exemplar], data: dict[str, list[Row]]) -> Any:
    """The policy's tokenizer, once every prompt of the run is known to fit the policy's context; says what it takes."""
    from rlvr_recipes import memory, models
    from rlvr_recipes.generation import tokenize

    model_config, tokenizer = models.load_tokenizer(config)
    prompts = {split: recipe.prompts_of(rows, exemplars) for split, rows in data.items()}
    ids = {split: tokenize(tokenizer, texts, config.chat_template_kwargs) for split, texts in prompts.items()}
    for made in ids.values():
        models.check_lengths(made, config.max_completion_length, model_config)
    lengths, most = [len(each) for each in ids["train"]], config.max_completion_length
    left = models.context_left(ids["train"], most, model_config)
    say(f"prompts: {min(lengths):,} to {max(lengths):,} tokens, with {most:,} for the completion{left}")
    if told := memory.note(config, model_config, ids["train"]):
        say(told)
    return tokenizer


def open_folder(
    recipe: Recipe, config: "Config", data: dict[str, list[Row]], resumed: "RunFolder | None"
) -> "tuple[RunFolder, Path | None]":
    """A new run's folder, made by the main process for all; or a resumed one's, with the checkpoint to go on from."""
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    from rlvr_recipes.runs import RunFolder

    process = PartialState()
    checkpoint = resumed.last_checkpoint() if resumed is not None else None
    path: list[Any] = [None]
    if process.is_main_process:
        if resumed is None:
            folder = RunFolder.claimed(recipe, config.grpo.seed, config.output_dir)
            folder.create(recipe, config.values, data)
        else:
            folder = resumed
            folder.rewind(step_of(checkpoint))
        path = [folder.path]
    if resumed is not None:
        say(f"going on from {checkpoint.name}" if checkpoint else "no whole checkpoint: beginning at step 1 again")
    folder = RunFolder(broadcast_object_list(path)[0])
    config.grpo.output_dir = str(folder.checkpoints)
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder.path / "tensorboard")
    return folder, checkpoint


def step_of(checkpoint: Path | None) -> int:
    """The step after which a checkpoint was saved; 0 for none."""
    return int(checkpoint.name.split("-")[1]) if checkpoint is not None else 0


def train(recipe: Recipe, config: "Config", data: dict[str, list[Row]], resumed: "RunFolder | None" = None) -> int:
    """Checks what can be checked without the weights, then evaluates, trains, and evaluates again.

    Returns the exit code.
    """
    from accelerate import PartialState

    from rlvr_recipes import evaluation, models, scores
    from rlvr_recipes.refusals import check_train_rows
    from rlvr_recipes.runs import Training, write_whole
    from rlvr_recipes.trainer import ProgressLine, RewardError, StopSignals

    exemplars = recipe.exemplars_shown(config.run.shots)
    selftest.refuse_unpaid_exemplars(recipe, data["train"])
    for finding in selftest.golds(recipe, data["train"], "train"):
        if finding.good is False:
            say(f"note: {finding.text}; look at it with: {command.line('check', recipe.path)}")
    check_train_rows(len(data["train"]), config.grpo)
    tokenizer = check_prompts(recipe, config, exemplars, data)
    process = PartialState()
    folder, checkpoint = open_folder(recipe, config, data, resumed)
    precision = "NF4" if config.model.load_in_4bit else config.model.dtype
    say(f"policy {config.model_name} ({precision}), {len(exemplars)}-shot; run folder {folder.path}")
    results = folder.results
    split, rows = next(((name, rows) for name, rows in data.items() if name != "train"), ("", []))
    try:
        try:
            trainer = make_trainer(recipe, config, folder, tokenizer, exemplars, data["train"])
        except UserError:
            if resumed is None and process.is_main_process:
                shutil.rmtree(folder.path)  # nothing has been computed that could be lost
            raise
        policy = trainer.accelerator.unwrap_model(trainer.model)

        def evaluate(when: str) -> None:
            """Scores the policy as it is now, unless that was done before an interruption."""
            if rows and when not in results:
                output = folder.path / "evaluation" / f"{when}.jsonl"
                if process.is_main_process:
                    write_whole(output.with_name("rows.jsonl"), scores.lines_of(rows))
                title = f"{when} training, {split}"
                summary = evaluation.evaluate(policy, tokenizer, recipe, rows, exemplars, config, output, title)
                results[when] = scores.as_json(summary)
                if process.is_main_process:
                    folder.write_results(results)
            process.wait_for_everyone()

        evaluate("before")
        if checkpoint is not None and folder.is_last_step(checkpoint):
            trainer._load_from_checkpoint(str(checkpoint))  # `train` would make one step more
        else:
            began, first = time.monotonic(), step_of(checkpoint)
            if process.is_main_process:  # of another policy than the one that will be scored
                for part in (folder.path / "evaluation").glob("after.part-*.jsonl"):
                    part.unlink()
            stop = StopSignals()
            trainer.add_callback(stop)
            try:
                with stop.listening():
                    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
            except RewardError as error:
                say(f"\nerror in step {trainer.state.global_step + 1}: {error}")
                if trainer.save_last_step():
                    mend = f"mend {folder.path / 'recipe.py'} or what it imports"
                    say(f"step {trainer.state.global_step} is saved; {mend}. {go_on(folder)}")
                return REWARD_FAILED
            seconds, step = time.monotonic() - began, trainer.state.global_step
            alarm = next(c for c in trainer.callback_handler.callbacks if isinstance(c, ProgressLine)).stopped_by
            if alarm is not None and step < trainer.state.max_steps:
                lost = " Nothing can be learned from there: begin anew." if "nan" in alarm else f" {go_on(folder)}"
                say(f"stopped by {alarm} after step {step} of {trainer.state.max_steps}.{lost}")
                return STOPPED_BY_ALARM
            if stop.received is not None and step < trainer.state.max_steps:
                say(f"stopped after step {step} of {trainer.state.max_steps}. {go_on(folder)}")
                return 128 + stop.received
            say(f"trained step {first + 1} to {step} in {seconds:.0f} s; adapter in {folder.adapter}")
            results["train"] = {"first_step": first + 1, "last_step": step, "seconds": seconds, **models.peak_memory()}
            if process.is_main_process:
                folder.write_results(results)
        trainer.save_model(str(folder.adapter))
        if process.is_main_process:
            Training.on(data["train"], len(exemplars)).write(folder.adapter, recipe)
        evaluate("after")
    except KeyboardInterrupt:
        say(f"stopped at once. {go_on(folder)}")
        return 130
    if process.is_main_process:
        folder.write_results(results)
        if rows:
            cells = [({split: f"{when} training"}, scores.read(results[when])) for when in ("before", "after")]
            before, after = (
                scores.read_records(folder.path / "evaluation" / f"{when}.jsonl") for when in ("before", "after")
            )
            gain = scores.compare(after, before, recipe)
            flipped = scores.flipped_text(recipe, rows, after, before, gain.flipped[:1]).removeprefix("## ")
            say(f"\n{scores.table(cells)}\n\n{gain}\n\n{command.harmless(flipped)}".rstrip())
        say(f"\nscore it again: {command.line('eval', folder.path)}")
    return 0


def go_on(folder: "RunFolder") -> str:
    """How to resume a run, as a line for the terminal."""
    return f"To go on: {command.line('train', '--resume', folder.path)}"


def resume(path: str, others: Sequence[str]) -> int:
    """Goes on with a run from its last whole checkpoint; with the recipe, configuration and data it began with."""
    if others:
        raise UserError(f"a resumed run goes on as it began; leave out {' '.join(others)}, or begin a new run with it")

    from rlvr_recipes.runs import RunFolder

    folder = RunFolder.existing(path)
    if "after" in folder.results:
        raise UserError(f"{folder.path} is finished; score it again with: {command.line('eval', folder.path)}")
    recipe = folder.load_recipe()
    recipe.check_cases()
    say(f"recipe {recipe.name} as copied in {folder.path}; loading torch and TRL")

    from rlvr_recipes.config import resolve

    config = resolve(recipe, [], folder.values, str(folder.path / "config.yaml"))
    data = read_rows(recipe, config)
    folder.check_data(data)
    return train(recipe, config, data, resumed=folder)


def main(argv: Sequence[str]) -> int:
    """The command."""
    parser = command.Parser("train", __doc__, "RECIPE [--config FILE] [--FIELD VALUE ...]")
    parser.add_argument("recipe", nargs="?", help="name in recipes/, or path of a recipe file")
    parser.add_argument("--config", metavar="FILE", help="YAML file of FIELD: VALUE lines")
    parser.add_argument("--resume", metavar="RUN", help="run folder to go on with, as it began")
    parser.add_argument("--fields", action="store_true", help="list every FIELD with its help, and exit")
    own, flags = parser.parse_known_args(argv)
    if own.fields:
        from rlvr_recipes.config import describe_fields

        say(describe_fields())
        return 0
    if own.resume is not None:
        resumed = ("--resume", own.resume, f"--resume={own.resume}")
        return resume(own.resume, [word for word in argv if word not in resumed])
    if own.recipe is None or argv[0] != own.recipe:
        raise UserError("the recipe comes first: python -m rlvr_recipes.train arithmetic --max_steps 20 (see --help)")
    recipe = load_recipe(own.recipe)
    recipe.check_cases()
    say(f"recipe {recipe.name}: {len(recipe.cases)} cases paid as they should be; loading torch and TRL")

    from rlvr_recipes.config import read_file, resolve

    given = read_file(own.config) if own.config is not None else None
    config = resolve(recipe, flags, given, f"--config {own.config}", parser.options)
    data = read_rows(recipe, config)
    say("data: " + ", ".join(f"{len(rows)} {split} rows" for split, rows in data.items()))
    return train(recipe, config, data)


if __name__ == "__main__":
    command.run(main)
