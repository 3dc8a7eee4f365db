"""Shows a recipe: python -m rlvr_recipes.show RECIPE [--row N] [--split train] [--shots K] [--dataset_path DIR]

Prints what every reward says of every case, then one row and its prompt as the model gets it, special tokens and all.
It loads neither torch nor weights. The tokenizer comes from the model's folder or from the hub's cache; where there is
none, the prompt is shown as the recipe gives it. The exit code is 1 if a case is not paid as it should be.

    python -m rlvr_recipes.show arithmetic --shots 8
    python -m rlvr_recipes.show gsm8k_fewshot --dataset_path my/gsm8k --split test --row 17
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rlvr_recipes import command
from rlvr_recipes.command import say
from rlvr_recipes.recipe import CHANGE, Case, Prompt, Recipe, Row, UserError, load_recipe, nearest

PROJECT = Path(__file__).parents[1]
HERE = "▮"  # where the completion begins


class Light(NamedTuple):
    """A tokenizer without transformers."""

    backend: Any  # tokenizers.Tokenizer
    chat_template: str | None
    special: dict[str, str]  # bos_token and so on, for the template

    def tokens(self, prompt: Prompt) -> list[int]:
        """Token ids of a prompt, as `generation.tokenize` gives them."""
        if isinstance(prompt, str):
            return self.backend.encode(prompt).ids
        if self.chat_template is None:
            raise UserError(
                "the recipe's prompts are chat messages, but the model's tokenizer has no chat template; "
                "take an instruct model, or write the prompt as text (prompts.plain) and say where an answer ends "
                "(stop=prompts.STOP)"
            )
        return self.backend.encode(_rendered(self.chat_template, prompt, self.special), add_special_tokens=False).ids

    def text(self, ids: list[int]) -> str:
        return self.backend.decode(ids, skip_special_tokens=False)


def _rendered(template: str, messages: list[dict[str, str]], special: dict[str, str]) -> str:
    """Messages through a chat template, in the environment that transformers documents for them."""
    from jinja2 import TemplateError
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    world = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    world.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False, **options)
    world.globals["raise_exception"] = refuse
    try:
        return world.from_string(template).render(messages=messages, add_generation_prompt=True, **special)
    except Exception as error:  # the template is a program of the model's authors
        raise UserError(f"the model's chat template cannot take the recipe's messages: {error}") from error


def tokenizer_of(model: str) -> Light | None:
    """The tokenizer of a model's folder, or of a hub model that was loaded before; None if it is not at hand."""
    from huggingface_hub import try_to_load_from_cache
    from tokenizers import Tokenizer

    folder = next((place for place in (Path(model), PROJECT / model) if place.is_dir()), None)

    def file(name: str) -> Path | None:
        if folder is not None:
            return folder / name if (folder / name).is_file() else None
        try:
            found = try_to_load_from_cache(model, name)
        except ValueError:  # no hub id
            return None
        return Path(found) if isinstance(found, str) else None

    if (tokenizer := file("tokenizer.json")) is None:
        return None
    try:
        backend = Tokenizer.from_file(str(tokenizer))
        settings = file("tokenizer_config.json")
        told = json.loads(settings.read_text(encoding="utf-8")) if settings else {}
        template = file("chat_template.jinja")
        chat = template.read_text(encoding="utf-8") if template else told.get("chat_template")
    except Exception as error:  # tokenizers raises bare Exceptions
        raise UserError(f"{tokenizer.parent}: {type(error).__name__}: {error}") from error
    if isinstance(chat, list):  # several by name
        chat = next((each["template"] for each in chat if each.get("name") == "default"), None)
    special = {
        name: value["content"] if isinstance(value, dict) else value
        for name, value in told.items()
        if name.endswith("_token") and isinstance(value, str | dict)
    }
    return Light(backend, chat, special)


def show_case(recipe: Recipe, number: int, case: Case) -> bool:
    """Prints a case and what the rewards say of it; whether all of them pay what it says."""
    if case.completion.startswith(CHANGE):
        say(f"case {number} IS STILL TO BE WRITTEN: {case.completion.removeprefix(CHANGE)}")
        return False
    say(f"case {number}: {case.completion!r}")
    names = {reward.__name__ for reward in recipe.rewards}
    for name, value in case.fields.items():
        if name not in names:
            say(f"  {name}: {value!r}")
    right = True
    for name, paid, expected, logged in recipe.judged(number, case):
        agrees = paid == expected
        right = right and agrees
        why = f" ({logged['reason']})" if logged.get("reason") else ""
        told = f", answer {logged['extracted']!r} from {logged['where']}" if logged.get("extracted") is not None else ""
        say(f"  {name} pays {paid}{'' if agrees else f', BUT THE CASE SAYS {expected}'}{told}{why}")
    return right


def show_prompt(model: str, prompt: Prompt, title: str) -> None:
    """Prints a prompt as the model gets it, or as the recipe gives it where its tokenizer is not at hand."""
    tokenizer = tokenizer_of(model)
    if tokenizer is not None:
        ids = tokenizer.tokens(prompt)
        say(f"\n{title}, {len(ids):,} tokens of {model}; {HERE} is where the completion begins\n")
        say(tokenizer.text(ids) + HERE)
        return
    say(f"\n{title}, as the recipe gives it: the tokenizer of {model} is in no folder and not in the hub's cache\n")
    if isinstance(prompt, str):
        say(prompt + HERE)
    else:
        say("\n".join(f"[{message['role']}]\n{message['content']}" for message in prompt))


def main(argv: Sequence[str]) -> int:
    """The command."""
    parser = command.Parser("show", __doc__, "RECIPE [--row N] [--split train] [--shots K] [--dataset_path DIR]")
    parser.add_argument("recipe", help="name in recipes/, or path of a recipe file")
    parser.add_argument("--row", type=int, default=0, metavar="N", help="which row's prompt, from 0")
    parser.add_argument("--split", default="train", help="train, validation or test")
    parser.add_argument("--shots", type=int, metavar="K", help="exemplars in the prompt; else the recipe's number")
    parser.add_argument("--dataset_path", metavar="DIR", help="folder with the data set's files")
    parser.add_argument("--model_name_or_path", metavar="MODEL", help="another model's tokenizer")
    own, unknown = parser.parse_known_args(argv)
    if unknown:
        raise UserError(f"there is no option {unknown[0]}{nearest(unknown[0], parser.options)}")
    recipe = load_recipe(own.recipe)
    exemplars = recipe.exemplars_shown(own.shots)
    weights = ", ".join(f"{reward.__name__} x {weight:g}" for reward, weight in recipe.rewards.items())
    say(f"recipe {recipe.name} ({recipe.path}); rewards: {weights}; model {recipe.model}\n")
    right = [show_case(recipe, number, case) for number, case in enumerate(recipe.cases, 1)]
    say(f"{sum(right)} of {len(right)} cases paid as they should be")
    rows: list[Row] = recipe.rows_of(own.split, own.dataset_path)
    if not 0 <= own.row < len(rows):
        raise UserError(f"--row {own.row}: there are {len(rows)} {own.split} rows; take 0 to {len(rows) - 1}")
    row = rows[own.row]
    (prompt,) = recipe.prompts_of([row], exemplars)
    say(f"\n{own.split} row {own.row} of {len(rows):,}")
    for name, value in row.items():
        say(f"  {name}: {value!r}")
    show_prompt(own.model_name_or_path or recipe.model, prompt, f"its prompt, {len(exemplars)}-shot")
    if all(right):
        return 0
    wrong = ", ".join(str(number) for number, fine in enumerate(right, 1) if not fine)
    say(f"\nnot paid as they should be, see above: case {wrong}")  # they may have scrolled away
    return 1


if __name__ == "__main__":
    command.run(main)
