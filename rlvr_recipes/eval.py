"""Scores a policy: python -m rlvr_recipes.eval RECIPE [--model HUB_ID|FOLDER|RUN_FOLDER] [--split test] [--n 200]

Greedy completions, stopped and judged as in training: the recipe's first reward decides. RECIPE is a name, a path, or a
run folder, which brings its recipe, model, adapter and quantization. Further FIELDs of TRL's ModelConfig and GRPOConfig
(--load_in_4bit false, --max_completion_length 512, --dataset_path DIR ...) are taken as in training.

    python -m rlvr_recipes.eval runs/arithmetic/20261121-120000-42
    python -m rlvr_recipes.eval gsm8k_fewshot --model my/model --dataset_path my/gsm8k --n 200 --shots 4
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from rlvr_recipes import command
from rlvr_recipes.recipe import UserError, load_recipe
from rlvr_recipes.runs import RunFolder, unused_folder


def make_output(output: Path | None, name: str) -> Path:
    """The folder for an evaluation: `output`, which must be new or empty, or one of its own under runs/eval."""
    if output is None:
        return unused_folder(Path("runs") / "eval" / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}")
    try:
        output.mkdir(parents=True, exist_ok=True)
        if any(output.iterdir()):
            raise UserError(f"--output {output} is not empty; nothing is overwritten")
    except OSError as error:
        raise UserError(f"--output {output} cannot be made: {error.strerror}") from error
    return output


def main(argv: Sequence[str]) -> int:
    """The command."""
    parser = command.Parser("eval", __doc__, "RECIPE [options] [--FIELD VALUE ...]")
    parser.add_argument("recipe", help="name in recipes/, path of a recipe file, or a run folder")
    parser.add_argument("--model", help="hub id, model folder or run folder; else the recipe's model")
    parser.add_argument("--split", help="train, validation or test; else the recipe's")
    parser.add_argument("--n", type=int, help="score the first N rows only")
    parser.add_argument("--output", type=Path, help="folder for completions.jsonl and results.json")
    parser.add_argument("--config", metavar="FILE", help="YAML file of FIELD: VALUE lines")
    own, flags = parser.parse_known_args(argv)
    if own.n is not None and own.n < 1:
        raise UserError(f"--n {own.n}: score at least one row")
    for word, instead in (("--eval_rows", "--n"), ("--eval_split", "--split"), ("--output_dir", "--output")):
        if any(flag.partition("=")[0] == word for flag in flags):
            raise UserError(f"{word} is for training; here it is {instead}")
    if own.model == "":
        raise UserError("--model is empty")

    policy = own.model or own.recipe
    trained = RunFolder.existing(policy) if RunFolder.is_one(policy) else None
    recipe = RunFolder.existing(own.recipe).load_recipe() if RunFolder.is_one(own.recipe) else load_recipe(own.recipe)
    recipe.check_cases()
    if trained is not None and not trained.adapter.is_dir():
        raise UserError(
            f"{trained.path} has no adapter yet; finish it: {command.line('train', '--resume', trained.path)}"
        )
    print(f"recipe {recipe.name}: loading torch and TRL", flush=True)

    from rlvr_recipes import evaluation, models
    from rlvr_recipes.config import read_file, resolve
    from rlvr_recipes.generation import tokenize

    if trained is not None:
        if own.config is not None:
            raise UserError("a run folder brings its own configuration; give fields as flags instead of --config")
        config = resolve(recipe, flags, trained.values_here(), str(trained.path / "config.yaml"), parser.options)
        if not config.model.use_peft:
            config.model.model_name_or_path = str(trained.adapter)  # all weights were trained
    else:
        flags = [*(["--model_name_or_path", own.model] if own.model else []), *flags]
        given = read_file(own.config) if own.config else None
        config = resolve(recipe, flags, given, f"--config {own.config}", parser.options)
    run = config.run
    exemplars = recipe.exemplars_shown(recipe.shots if run.shots is None else run.shots)
    split = own.split or run.eval_split or recipe.eval_split
    rows = recipe.rows_of(split, run.dataset_path)
    recipe.check_rows(rows, split)
    if own.n is not None and own.n > len(rows):
        raise UserError(f"--n {own.n}: the {split} split has {len(rows)} rows")
    rows = rows[: own.n]

    model_config, tokenizer = models.load_tokenizer(config)
    ids = tokenize(tokenizer, recipe.prompts_of(rows, exemplars), config.chat_template_kwargs)
    models.check_lengths(ids, config.max_completion_length, model_config)
    output = make_output(own.output, recipe.name)
    model = models.load_policy(config, tokenizer)
    if trained is not None and config.model.use_peft:
        model = models.add_adapter(model, trained.adapter)

    label = str(trained.path) if trained is not None else config.model_name
    summary = evaluation.evaluate(
        model, tokenizer, recipe, rows, exemplars, config, output / "completions.jsonl", split
    )
    results = {"recipe": recipe.name, "model": label, "split": split, "shots": len(exemplars)}
    if trained is not None:
        trained_shots = trained.values.get("shots")
        results["train_shots"] = recipe.shots if trained_shots is None else trained_shots
    results |= evaluation.as_json(summary)
    (output / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    if trained is not None and split == "train":
        label += " (trained on these rows: this is no measure of what it learned)"
    print(f"\n{label}, {len(exemplars)} shots\n{evaluation.table({split: summary})}\nwritten to {output}")
    return 0


if __name__ == "__main__":
    command.run(main)
