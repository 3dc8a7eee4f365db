"""What a recipe's own rewards say of its exemplars and golds, before any model is loaded.

A reward that refuses the form that the prompt shows, or the gold in that very form, pays nothing however well the
policy answers; one that pays golds of other problems pays for guesses. Both look like a run that does not learn.
"""

import inspect
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rewards.extract import extract
from rlvr_recipes.recipe import Recipe, Reward, Row, UserError, pay, users_code

TRIED = 512  # rows, spread over the split
LUCKY = 0.02  # share of golds that may be paid for other problems: 1/2 and 0.5, or two words for one thing
COMMON = 0.5  # share of rows with one gold from which on that is said
BESIDE = 16  # completions of each kind that are put beside each other
LISTED = 5  # answers of a list that hopes to hit
_OWN = frozenset("prompts completions completion_ids trainer_state log_extra log_metric".split())


class Finding(NamedTuple):
    """One line of a check: what was looked at, and whether a run can begin with it. None: it could not be looked at."""

    good: bool | None
    text: str


def gold_column(reward: Reward, row: Row) -> str | None:
    """The one column that a reward asks for, if that is a text or a number."""
    parameters = inspect.signature(reward).parameters.values()
    asked = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    columns = [name for name in asked if name not in _OWN]
    if len(columns) == 1 and isinstance(row.get(columns[0]), str | int | float):
        return columns[0]
    return None


def form_of(recipe: Recipe) -> tuple[str, str] | None:
    """What stands on an answer's line before and behind it: in the first exemplar, else the first case paid in full."""
    first = next(iter(recipe.rewards)).__name__
    shown = [solution for _, solution in recipe.exemplars]
    shown += [case.completion for case in recipe.cases if case.fields.get(first) == 1.0]
    for text in shown:
        answer = extract(text).text
        lines = [line for line in text.splitlines() if answer and answer in line]
        if answer and lines:
            before, _, after = lines[-1].rpartition(answer)
            return before, after
    return None


def _paid(
    recipe: Recipe, reward: Reward, texts: Sequence[str], columns: Mapping[str, Sequence[Any]], chat: bool
) -> Any:
    """Pays, and what was logged of them; texts become messages where the recipe's prompts are."""
    logged: dict[str, list[Any]] = {}
    completions: list[Any] = [[{"role": "assistant", "content": text}] for text in texts] if chat else list(texts)
    with users_code(recipe.path):
        paid = pay(reward, completions, columns, log_extra=logged.__setitem__)
    if reward is next(iter(recipe.rewards)):
        for one in paid:
            recipe.check_decides(one)
    return paid, logged


def _columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def exemplars(recipe: Recipe, rows: Sequence[Row]) -> list[Finding]:
    """Whether every exemplar is paid in full for the answer it commits to, by every reward that needs only a gold."""
    known = {str(row.get("question")): number for number, row in enumerate(rows)}
    told = [
        Finding(None, f"exemplar {number} asks what train row {known[question]} asks; write one of your own instead")
        for number, (question, _) in enumerate(recipe.exemplars, 1)
        if question in known
    ]
    return [*_exemplars(recipe, rows), *told]


def _exemplars(recipe: Recipe, rows: Sequence[Row]) -> list[Finding]:
    first = next(iter(recipe.rewards))
    column = gold_column(first, rows[0])
    if not recipe.exemplars:
        return []
    if column is None:
        return [_as_cases(recipe, first.__name__)]
    chat = not isinstance(recipe.prompts_of(rows[:1], recipe.exemplars[:0])[0], str)
    answers = [extract(solution) for _, solution in recipe.exemplars]
    kind = type(rows[0][column])
    for number, answer in enumerate(answers, 1):
        if answer.text is None:
            if getattr(first, "__module__", "").startswith("rewards."):
                return [Finding(False, f"exemplar {number} can earn nothing from {first.__name__}: {answer.reason}")]
            return [Finding(None, f"exemplars: not tried, no answer was found in exemplar {number}")]
    golds = [answer.text for answer in answers]
    if kind is not str:
        try:
            golds = [kind(gold) for gold in golds]
        except ValueError:
            return [Finding(None, f"exemplars: not tried, their answers are no {kind.__name__}")]
    texts = [solution for _, solution in recipe.exemplars]
    checked = []
    for reward in recipe.rewards:
        if reward is not first and gold_column(reward, rows[0]) not in (None, column):
            continue
        try:
            paid, logged = _paid(recipe, reward, texts, {column: golds}, chat)
        except UserError as error:
            if reward is first:
                return [Finding(False, f"exemplars: {error.__cause__ or error}")]
            continue  # it needs a column that an exemplar has not
        known = {case.fields.get(reward.__name__) for case in recipe.cases}
        if reward is not first and not {*known, *paid} <= {0.0, 1.0, None}:
            continue  # a length, say, which is no question of yes or no
        if reward is first and set(paid) == {None}:
            return [Finding(False, f"exemplars: {first.__name__} gives None for all of them, so it decides nothing")]
        full = 1.0 if reward is first or 1.0 in {*known, *paid} else 0.0
        for number, one in enumerate(paid, 1):
            if one is not None and one < full:
                reason = logged.get("reason", [""] * number)[number - 1]
                why = f" ({reason})" if reason else ""
                return [Finding(False, f"exemplar {number} earns {one:g} of {full:g} from {reward.__name__}{why}")]
        checked.append(reward.__name__)
    return [Finding(True, f"exemplars: {len(texts)} of {len(texts)} paid in full by {', '.join(checked)}")]


def _as_cases(recipe: Recipe, first: str) -> Finding:
    """Exemplars of a reward that reads more of a row than a gold: those that are cases too were tried as such."""
    paid = {case.completion.strip() for case in recipe.cases if case.fields.get(first) == 1.0}
    number = len(recipe.exemplars)
    missing = [place for place, (_, text) in enumerate(recipe.exemplars, 1) if text.strip() not in paid]
    if not missing:
        return Finding(True, f"exemplars: {number} of {number} paid in full by {first}, as cases")
    text = f"exemplars: {len(missing)} of {number} not tried, {first} needs more than one text or number of a row"
    return Finding(None, f"{text}; make exemplar {missing[0]} a case too: Case(its solution, ..., {first}=1.0)")


def golds(recipe: Recipe, rows: Sequence[Row], split: str) -> list[Finding]:
    """Whether golds are paid in the form that the recipe asks for, and whether those of other problems are not."""
    try:
        return _golds(recipe, rows, split)
    except UserError as error:
        return [Finding(False, f"golds: {error}")]


def _golds(recipe: Recipe, rows: Sequence[Row], split: str) -> list[Finding]:
    first = next(iter(recipe.rewards))
    column, form = gold_column(first, rows[0]), form_of(recipe)
    tried = list(range(0, len(rows), max(1, len(rows) // TRIED)))
    chosen = [rows[number] for number in tried]
    solved = all(isinstance(row.get("solution"), str) for row in chosen)
    if column is not None and form is not None:
        what, values = "golds in the asked form", [row[column] for row in chosen]
        texts = [f"{form[0]}{value}{form[1]}" for value in values]
    elif solved:
        what, values = "solutions", [row["solution"] for row in chosen]
        texts = values
    elif column is None:
        text = (
            f"golds: not tried, {first.__name__} needs more than one text or number of a row, and no row has a solution"
        )
        return [Finding(None, text)]
    else:
        return [Finding(None, "golds: not tried in the asked form, no exemplar and no paid case shows it")]
    chat = not isinstance(recipe.prompts_of([rows[0]], ())[0], str)
    paid, logged = _paid(recipe, first, texts, _columns(chosen), chat)
    silent = paid.count(None)
    missed = [number for number, one in enumerate(paid) if one is not None and one < 1.0]
    if missed and solved and texts is not values:
        # Some rows ask for more than the form: so many figures, say. Their solutions show how.
        for number in missed:
            texts[number] = chosen[number]["solution"]
        again = [chosen[number] for number in missed]
        paid, logged = _paid(recipe, first, [row["solution"] for row in again], _columns(again), chat)
        reasons = dict(zip(missed, logged.get("reason", [""] * len(missed)), strict=True))
        missed = [number for number, one in zip(missed, paid, strict=True) if one is not None and one < 1.0]
    else:
        reasons = dict(enumerate(logged.get("reason", [""] * len(values))))
    right = len(values) - len(missed) - silent
    text = f"{what}: {right} of {len(values)} {split} rows paid"
    if silent == len(chosen):
        return [Finding(False, f"{what}: {first.__name__} gives None for all {split} rows, so it decides nothing")]
    if missed:
        at = missed[0]
        why = f" ({reasons[at]})" if reasons[at] else ""
        return [Finding(False, f"{text}; row {tried[at]} is not: {texts[at]!r}{why}")]
    found = [Finding(True, text)]
    half = len(values) // 2
    away = half if values[half:] + values[:half] != values else 1  # golds that come round: A, B, A, B
    others = list(zip(values[away:] + values[:away], chosen[away:] + chosen[:away], strict=True))
    pairs = [
        (text, value, *other) for text, value, other in zip(texts, values, others, strict=True) if value != other[0]
    ]
    if len(values) == 1:
        return [*found, Finding(None, f"answers of other problems: not tried, there is one {split} row")]
    if not pairs:
        return [*found, Finding(False, f"golds: all of them are {values[0]!r}, so a constant answer earns everything")]
    paid, _ = _paid(recipe, first, [text for text, *_ in pairs], _columns([pair[3] for pair in pairs]), chat)
    lucky = [pair for pair, one in zip(pairs, paid, strict=True) if one is not None and one >= 1.0]
    text = f"answers of other problems: {len(lucky)} of {len(pairs)} paid"
    if len(lucky) > LUCKY * len(pairs):
        return [*found, Finding(False, f"{text}, such as {lucky[0][1]!r} where {lucky[0][2]!r} is right")]
    found.append(Finding(True, text))
    unlucky = [pair for pair, one in zip(pairs, paid, strict=True) if one is not None and one < 1.0]
    found += _beside(recipe, [*zip(texts, chosen, strict=True)], [(text, row) for text, _, _, row in unlucky], chat)
    if column is None:
        return found
    value, times = Counter(values).most_common(1)[0]
    if times >= COMMON * len(values):
        text = f"golds: {times} of {len(values)} {split} rows have {value!r}, so that answer alone earns as much"
        found.append(Finding(None, text))
    if form is None:
        return found
    listed, row_of = lists_of(values), dict(zip(values, chosen, strict=True))
    if listed:
        texts = ["\n".join(f"{form[0]}{each}{form[1]}" for each in several) for several, _ in listed]
        paid, _ = _paid(recipe, first, texts, _columns([row_of[gold] for _, gold in listed]), chat)
        hit = [text for text, one in zip(texts, paid, strict=True) if one is not None and one >= 1.0]
        text = f"lists of {LISTED} answers, one of them right: {len(hit)} of {len(listed)} paid"
        found.append(Finding(not hit, text if not hit else f"{text}, such as {hit[0]!r}; any policy learns to list"))
    return found


def _beside(
    recipe: Recipe, right: Sequence[tuple[str, Row]], wrong: Sequence[tuple[str, Row]], chat: bool
) -> list[Finding]:
    """A finding where right completions, put behind wrong ones, are paid otherwise than among themselves."""
    first = next(iter(recipe.rewards))
    few = [*wrong[:BESIDE], *right[:BESIDE]]
    expected = [False] * len(wrong[:BESIDE]) + [True] * len(right[:BESIDE])
    paid, _ = _paid(recipe, first, [text for text, _ in few], _columns([row for _, row in few]), chat)
    for one, full, (text, _) in zip(paid, expected, few, strict=True):
        if one is not None and (one >= 1.0) != full:
            told = f"{first.__name__} pays {one:g} for {text!r} among wrong and right ones, and else not"
            return [Finding(False, f"{told}; a pay may depend on its own completion and row only")]
    return []


def lists_of(values: Sequence[Any]) -> list[tuple[list[Any], Any]]:
    """Lists of different golds, and of each list the one in its middle.

    >>> lists_of([1, 2, 1, 3, 4, 5])
    [([1, 2, 3, 4, 5], 3)]
    """
    different = list(dict.fromkeys(values))
    pieces = [different[begin : begin + LISTED] for begin in range(0, len(different) - LISTED + 1, LISTED)]
    return [(piece, piece[LISTED // 2]) for piece in pieces]


def refuse_unpaid_exemplars(recipe: Recipe, rows: Sequence[Row]) -> None:
    """Raises a `UserError` where an exemplar does not earn the recipe's own rewards: it would teach to earn nothing."""
    for finding in exemplars(recipe, rows):
        if finding.good is False:
            raise UserError(f"recipe {recipe.name}: {finding.text}; the policy learns the form that exemplars show")
