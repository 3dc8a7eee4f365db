"""Replays what a run logged: python -m rlvr_recipes.audit RUN [--recipe RECIPE]

Every completion of training, and of the evaluations before and after, is scored again by the recipe's present rewards:
those of the file that was trained if it is still there, else of its copy in RUN, or of RECIPE. What is paid now and
was not then, or the reverse, is listed. The exit code is 1 if anything changed.

    python -m rlvr_recipes.audit runs/arithmetic/20261121-120000-42
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from rewards.completions import text_of
from rlvr_recipes import command
from rlvr_recipes.command import harmless, say
from rlvr_recipes.progress import Line
from rlvr_recipes.recipe import Recipe, Row, UserError, load_recipe, pay, users_code
from rlvr_recipes.report_completions import columns_of
from rlvr_recipes.runs import RunFolder
from rlvr_recipes.scores import completion_of, read_records

SHOWN = 10  # changes that are listed in full
SAME = 1e-6  # training keeps pays in 32 bits


class Logged(NamedTuple):
    """One completion as it was logged."""

    place: str
    completion: Any
    row: Row
    paid: dict[str, float | None]
    prompt: Any
    tokens: int


class Change(NamedTuple):
    """A pay that is another one now."""

    logged: Logged
    reward: str
    then: float | None
    now: float | None


def as_logged(place: str, line: Mapping[str, Any], row: Any, prompt: Any, names: Sequence[str]) -> Logged:
    """A line of a file of completions; a `UserError` where that is not what a run writes."""
    completion, tokens = line.get("completion"), line.get("tokens")
    paid = {name: line[name] for name in names if name in line}
    numbers = all(value is None or isinstance(value, int | float) for value in paid.values())
    if not (isinstance(completion, str | list) and isinstance(tokens, int) and isinstance(row, dict) and numbers):
        raise UserError(f"{place} is damaged, so it cannot be replayed")
    return Logged(place, completion, row, paid, prompt, tokens)


def of_training(folder: RunFolder, recipe: Recipe) -> Iterator[list[Logged]]:
    """The completions of each step."""
    import pyarrow
    import pyarrow.parquet

    names = [reward.__name__ for reward in recipe.rewards]
    for file in sorted((folder.path / "completions").glob("step_*.parquet")):
        try:
            lines = pyarrow.parquet.read_table(file).to_pylist()
        except (OSError, pyarrow.ArrowInvalid) as error:
            raise UserError(f"{file} is damaged: {str(error).splitlines()[0]}") from error
        if lines and "columns" not in lines[0]:
            raise UserError(
                f"{file} does not hold the columns that rewards read: the run was made before they were kept"
            )
        yield [
            as_logged(f"{file.name}, completion {number}", line, columns_of(line["columns"]), line.get("prompt"), names)
            for number, line in enumerate(lines, 1)
        ]


def of_evaluations(folder: RunFolder, recipe: Recipe) -> Iterator[list[Logged]]:
    """The completions before and after; nothing, with a note, where their rows cannot be had."""
    split = next((name for name in folder.manifest["data"] if name != "train"), None)
    files = [file for when in ("before", "after") if (file := folder.path / "evaluation" / f"{when}.jsonl").exists()]
    if split is None or not files:
        return
    try:
        rows = recipe.rows_of(split, folder.values.get("dataset_path"))
        known = folder.manifest["data"][split]
        rows = rows[: known.get("rows") if isinstance(known, dict) else 0]
        folder.check_data({split: rows})
    except UserError as error:
        say(f"note: the evaluations are left out, their rows are not to be had: {error}")
        return
    names = [reward.__name__ for reward in recipe.rewards]
    prompts = recipe.prompts_of(rows, ())
    for file in files:
        lines = read_records(file)
        for number, line in enumerate(lines, 1):
            if line.get("row") not in range(len(rows)) or not isinstance(line.get("completion"), str):
                raise UserError(f"{file}, line {number} is of no row of the {split} split")
        yield [
            as_logged(
                f"{file.name}, row {line['row']}",
                {**line, "completion": completion_of(line["completion"], prompts[line["row"]])},
                rows[line["row"]],
                prompts[line["row"]],
                names,
            )
            for line in lines
        ]


def replay(recipe: Recipe, logged: Sequence[Logged]) -> list[Change]:
    """Scores completions again, all at once as training did; those whose pay differs.

    Raises:
        UserError: a reward needs a column that the rows have not, or is not what the run was paid by.
    """
    changed = []
    columns = {name: [each.row.get(name) for each in logged] for name in logged[0].row}
    completions, prompts = [each.completion for each in logged], [each.prompt for each in logged]
    for reward in recipe.rewards:
        name = reward.__name__
        if name not in logged[0].paid:
            others = f" but by {', '.join(logged[0].paid)}" if logged[0].paid else ""
            raise UserError(f"the run was not paid by {name}{others}; name the recipe it was trained with by --recipe")
        with users_code(recipe.path):
            now = pay(reward, completions, columns, prompts, [[0] * each.tokens for each in logged])
        for each, value in zip(logged, now, strict=True):
            then = each.paid[name]
            then = None if then is None or then != then else then  # NaN is what TRL makes of None
            same = then == value if then is None or value is None else abs(then - value) <= SAME
            if not same:
                changed.append(Change(each, name, then, value))
    return changed


def present_recipe(folder: RunFolder, given: str | None) -> Recipe:
    """The recipe whose rewards are asked now."""
    if given is not None:
        return load_recipe(given)
    original = Path(folder.manifest["recipe_path"])
    return load_recipe(str(original)) if original.is_file() else folder.load_recipe()


def main(argv: Sequence[str]) -> int:
    """The command."""
    parser = command.Parser("audit", __doc__, "RUN [--recipe RECIPE]")
    parser.add_argument("run", help="run folder")
    parser.add_argument("--recipe", help="name or path of a recipe; else the one that was trained")
    own = parser.parse_args(argv)
    folder = RunFolder.existing(own.run)
    recipe = present_recipe(folder, own.recipe)
    say(f"rewards of {recipe.path}")
    first = next(iter(recipe.rewards)).__name__
    line, total, changes = Line(), 0, []
    for logged in chain(of_training(folder, recipe), of_evaluations(folder, recipe)):
        if logged:
            changes += replay(recipe, logged)
            total += len(logged)
            line.update(f"{total:,} completions replayed, {len(changes):,} pays changed")
    line.close()
    if not total:
        raise UserError(f"{folder.path} has no completions")
    for change in changes[:SHOWN]:
        text = text_of(change.logged.completion).strip()
        say(f"\n{change.logged.place}: {change.reward} paid {change.then}, pays {change.now} now\n{harmless(text)}")
    if len(changes) > SHOWN:
        say(f"\n... and {len(changes) - SHOWN:,} more")
    for name in dict.fromkeys(change.reward for change in changes):
        more = sum((change.now or 0.0) > (change.then or 0.0) for change in changes if change.reward == name)
        less = sum(change.reward == name for change in changes) - more
        say(f"\n{name}: {more:,} of {total:,} completions are paid more now, {less:,} less")
    say(f"{'every' if not changes else 'not every'} completion of {total:,} earns what it earned ({first} decides)")
    return 1 if changes else 0


if __name__ == "__main__":
    command.run(main)
