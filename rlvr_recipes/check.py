"""Checks a recipe before a run: python -m rlvr_recipes.check RECIPE [--probe N] [--config FILE] [--FIELD VALUE ...]

Every case, every gold of the data, the recipe's own exemplars and golds against its own rewards, the lengths of prompts
and answers against the model's context and max_completion_length, and the memory that training takes; no weights are
loaded. --probe N loads them, samples a group for N of the rows, and says whether GRPO can start from there and how
long the run will take. FIELDs are those of training. The exit code is 1 if something would spoil the run.

    python -m rlvr_recipes.check arithmetic
    python -m rlvr_recipes.check arithmetic --probe 64 --save_difficulty
    python -m rlvr_recipes.check gsm8k_fewshot --dataset_path my/gsm8k --max_completion_length 128
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlvr_recipes import command, selftest
from rlvr_recipes.command import say
from rlvr_recipes.recipe import CHANGE, Prompt, Recipe, Row, UserError, load_recipe
from rlvr_recipes.selftest import Finding
from rlvr_recipes.train import check_prompts, read_rows

if TYPE_CHECKING:
    from rlvr_recipes.config import Config

MARKS = {True: "ok  ", False: "BAD ", None: "-   "}


def cases(recipe: Recipe) -> list[Finding]:
    """Every case that is not paid as it should be or is not written yet, or that all are."""
    unwritten = [Finding(False, text) for text in recipe.unwritten()]
    wrong = unwritten + [
        Finding(False, f"case {number}: {name} pays {paid}, the case says {expected}, for {case.completion!r}")
        for number, case in enumerate(recipe.cases, 1)
        if not case.completion.startswith(CHANGE)
        for name, paid, expected, _ in recipe.judged(number, case)
        if paid != expected
    ]
    every = Finding(True, f"cases: {len(recipe.cases)} of {len(recipe.cases)} paid as they should be")
    none = Finding(None, "cases: there are none; write some, right, wrong and hostile")
    return wrong or [every if recipe.cases else none]


def batches(config: "Config", rows: int) -> list[Finding]:
    """A finding where there are fewer train rows than one generation takes."""
    from rlvr_recipes.refusals import check_train_rows

    try:
        check_train_rows(rows, config.grpo)
    except UserError as error:
        return [Finding(False, str(error))]
    return []


def lengths(recipe: Recipe, config: "Config", prompts: dict[str, list[Prompt]]) -> list[Finding]:
    """Tokens of the prompts beside the context, and of the exemplars' answers beside max_completion_length; memory."""
    import numpy

    from rlvr_recipes import memory, models
    from rlvr_recipes.generation import tokenize

    model_config, tokenizer = models.load_tokenizer(config)
    ids = {split: tokenize(tokenizer, texts, config.chat_template_kwargs) for split, texts in prompts.items()}
    context = models.context_of(model_config)
    most = config.max_completion_length
    found = []
    for split, made in ids.items():
        tokens = [*map(len, made)]
        names = {"min": 0.0, "median": 0.5, "p99": 0.99, "max": 1.0}
        values = numpy.quantile(tokens, list(names.values()), method="inverted_cdf")
        shown = " ".join(f"{name} {value:,}" for name, value in zip(names, values, strict=True))
        left = models.context_left(made, most, model_config)
        fits = context is None or max(tokens) + most <= context
        cure = "" if fits else "; prompts are never cut: show fewer exemplars (--shots) or ask for shorter completions"
        found.append(Finding(fits, f"{split} prompts, tokens: {shown}; with {most:,} for the completion{left}{cure}"))
    if recipe.exemplars:
        answers = [len(ids) for ids in tokenize(tokenizer, [solution for _, solution in recipe.exemplars])]
        fit = sum(answer < most for answer in answers)  # one token ends it
        text = f"exemplars' answers: {fit} of {len(answers)} fit max_completion_length {most:,}, the longest"
        cure = (
            "" if fit == len(answers) else ": completions would be cut before the answer; raise max_completion_length"
        )
        found.append(Finding(fit == len(answers), f"{text} has {max(answers):,} tokens{cure}"))
    return found + memory.findings(config, model_config, ids["train"])


def probed(
    recipe: Recipe, config: "Config", exemplars: Any, data: dict[str, list[Row]], n: int, save: str | None
) -> list[Finding]:
    """What a probe finds, and where its pass rates went; `save` is a file, empty for the usual one."""
    from rlvr_recipes import probe
    from rlvr_recipes.difficulty import Difficulty, default_file

    file = Path(save) if save else default_file(recipe)
    if save is not None:
        Difficulty.of([], [], recipe, config, len(exemplars)).beside(file)  # before the probe, which may take long
    tokenizer = check_prompts(recipe, config, exemplars, data)
    found, difficulty = probe.run(recipe, config, tokenizer, exemplars, data["train"], n)
    if save is not None:
        found.append(Finding(True, f"difficulty: {file} has {difficulty.write(file)}"))
    return found


def main(argv: Sequence[str]) -> int:
    """The command."""
    parser = command.Parser("check", __doc__, "RECIPE [--probe N] [--config FILE] [--FIELD VALUE ...]")
    parser.add_argument("recipe", help="name in recipes/, or path of a recipe file")
    parser.add_argument("--config", metavar="FILE", help="YAML file of FIELD: VALUE lines")
    parser.add_argument("--probe", metavar="N", type=int, help="sample a group for N of the train rows, spread evenly")
    parser.add_argument(
        "--save_difficulty", metavar="FILE", nargs="?", const="", help="write how often the probed rows were paid; to "
        "runs/RECIPE/difficulty.jsonl if no FILE is given"
    )  # fmt: skip
    own, flags = parser.parse_known_args(argv)
    recipe = load_recipe(own.recipe)
    if own.probe is not None and own.probe < 1:
        raise UserError(f"--probe is {own.probe}; say how many rows to probe, 1 or more")
    if own.save_difficulty is not None and own.probe is None:
        raise UserError("--save_difficulty writes what --probe N finds; say how many rows to probe")
    bad = 0

    def tell(findings: Sequence[Finding]) -> None:
        nonlocal bad
        for finding in findings:
            bad += finding.good is False
            say(MARKS[finding.good] + finding.text)

    tell(cases(recipe))

    from rlvr_recipes.config import read_file, resolve

    given = read_file(own.config) if own.config is not None else None
    config = resolve(recipe, flags, given, f"--config {own.config}", parser.options)
    data = read_rows(recipe, config)
    read = " and ".join(f"{len(rows):,} {split} rows" for split, rows in data.items())
    tell([Finding(True, f"data: {read}, each read by every reward")])
    tell(batches(config, len(data["train"])))
    tell(selftest.exemplars(recipe, data["train"]))
    golds = [finding for split, rows in data.items() for finding in selftest.golds(recipe, rows, split)]
    tell(list(dict.fromkeys(golds)))  # some name no split, and are true of both
    exemplars: Any = recipe.exemplars_shown(config.run.shots)
    tell(lengths(recipe, config, {split: recipe.prompts_of(rows, exemplars) for split, rows in data.items()}))
    if own.probe is not None and bad:
        tell([Finding(None, "probe: not made, what is BAD above comes first")])
    elif own.probe is not None:
        tell(probed(recipe, config, exemplars, data, own.probe, own.save_difficulty))
    say(f"{bad} of these would spoil the run" if bad else "nothing found that would spoil the run")
    return 1 if bad else 0


if __name__ == "__main__":
    command.run(main)
