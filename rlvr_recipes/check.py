"""Checks a recipe before a run: python -m rlvr_recipes.check RECIPE [--config FILE] [--FIELD VALUE ...]

Every case, every gold of the data, the recipe's own exemplars and golds against its own rewards, and the lengths of
prompts and answers against the model's context and max_completion_length; no weights are loaded. FIELDs are those of
training. The exit code is 1 if something would spoil the run.

    python -m rlvr_recipes.check arithmetic
    python -m rlvr_recipes.check gsm8k_fewshot --dataset_path my/gsm8k --max_completion_length 128
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rlvr_recipes import command, selftest
from rlvr_recipes.command import say
from rlvr_recipes.recipe import Prompt, Recipe, load_recipe
from rlvr_recipes.selftest import Finding
from rlvr_recipes.train import read_rows

if TYPE_CHECKING:
    from rlvr_recipes.config import Config

MARKS = {True: "ok  ", False: "BAD ", None: "-   "}


def cases(recipe: Recipe) -> list[Finding]:
    """Every case that is not paid as it should be, or that all are."""
    wrong = [
        Finding(False, f"case {number}: {name} pays {paid}, the case says {expected}, for {case.completion!r}")
        for number, case in enumerate(recipe.cases, 1)
        for name, paid, expected, _ in recipe.judged(number, case)
        if paid != expected
    ]
    every = Finding(True, f"cases: {len(recipe.cases)} of {len(recipe.cases)} paid as they should be")
    none = Finding(None, "cases: there are none; write some, right, wrong and hostile")
    return wrong or [every if recipe.cases else none]


def lengths(recipe: Recipe, config: "Config", prompts: dict[str, list[Prompt]]) -> list[Finding]:
    """Tokens of the prompts beside the context, and of the exemplars' answers beside max_completion_length."""
    import numpy

    from rlvr_recipes import models
    from rlvr_recipes.generation import tokenize

    model_config, tokenizer = models.load_tokenizer(config)
    context = getattr(model_config.get_text_config(), "max_position_embeddings", None)
    most = config.max_completion_length
    found = []
    for split, texts in prompts.items():
        tokens = [len(ids) for ids in tokenize(tokenizer, texts, config.chat_template_kwargs)]
        names = {"min": 0.0, "median": 0.5, "p99": 0.99, "max": 1.0}
        values = numpy.quantile(tokens, list(names.values()), method="inverted_cdf")
        shown = " ".join(f"{name} {value:,}" for name, value in zip(names, values, strict=True))
        left = "" if context is None else f"; {context - max(tokens) - most:,} of {context:,} of context left"
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
    return found


def main(argv: Sequence[str]) -> int:
    """The command."""
    parser = command.Parser("check", __doc__, "RECIPE [--config FILE] [--FIELD VALUE ...]")
    parser.add_argument("recipe", help="name in recipes/, or path of a recipe file")
    parser.add_argument("--config", metavar="FILE", help="YAML file of FIELD: VALUE lines")
    own, flags = parser.parse_known_args(argv)
    recipe = load_recipe(own.recipe)
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
    tell(selftest.exemplars(recipe, data["train"]))
    for split, rows in data.items():
        tell(selftest.golds(recipe, rows, split))
    exemplars: Any = recipe.exemplars_shown(recipe.shots if config.run.shots is None else config.run.shots)
    tell(lengths(recipe, config, {split: recipe.prompts_of(rows, exemplars) for split, rows in data.items()}))
    say(f"{bad} of these would spoil the run" if bad else "nothing found that would spoil the run")
    return 1 if bad else 0


if __name__ == "__main__":
    command.run(main)
