"""What completions earned and what that says: a record per completion, a summary per policy and prompt, two compared.

Nothing here needs a model, so completions that were made elsewhere are scored and compared by the same code.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from rewards import equal
from rlvr_recipes.recipe import RESERVED, Prompt, Recipe, Row, UserError, nearest, pay, users_code
from rlvr_recipes.statistics import Interval, bootstrap, majority, mcnemar, paired_difference, pass_at

Record: TypeAlias = dict[str, Any]  # a line of completions.jsonl

FORMATS = "rewards.formats"  # rewards from there say whether the asked form was kept


@dataclass(frozen=True)
class Estimate:
    """A share with its 95 % interval."""

    value: float
    interval: Interval

    def __str__(self) -> str:
        return f"{self.value:.1%} [{self.interval[0]:.1%}, {self.interval[1]:.1%}]"


@dataclass(frozen=True)
class Summary:
    """What an evaluation found. Shares are between 0 and 1; a problem is one row of the data."""

    n: int  # problems
    samples: int  # completions per problem
    correct: int  # completions that the first reward pays in full
    accuracy: Estimate  # Wilson for one sample per problem, else a bootstrap over problems
    rewards: dict[str, float]  # mean pay by each reward
    form: tuple[str, ...]  # those of them that say whether the asked form was kept
    lenient: float | None  # share right wherever the answer stands; None where the first reward does not say
    cut_off: float | None  # share that reached max_completion_length; None where nobody counted
    mean_tokens: float | None  # per completion
    seconds: float | None  # of generation
    pass_at: dict[int, Estimate] = field(default_factory=dict)  # by k, for several samples
    majority: Estimate | None = None  # maj@samples; None where the first reward does not say what was answered

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens written per second of generation."""
        if self.mean_tokens is None or not self.seconds:
            return None
        return self.mean_tokens * self.n * self.samples / self.seconds


def completion_of(text: str, prompt: Prompt) -> Any:
    """A completion in the shape that rewards get it: as the prompt, text or messages."""
    return text if isinstance(prompt, str) else [{"role": "assistant", "content": text}]


def score(recipe: Recipe, row: Row, prompt: Prompt, ids: list[int], text: str) -> Record:
    """What each reward pays one completion, and what they report beside it (the first to name a column keeps it)."""
    completion = completion_of(text, prompt)
    columns = {name: [value] for name, value in row.items()}
    paid: dict[str, Any] = {}
    told: dict[str, Any] = {}

    def tell(column: str, values: list[Any]) -> None:
        # What the verdict says is said of the first reward, which is the one that has not paid yet.
        if column not in RESERVED and (not paid or column not in ("extracted", "where", "reason", "lenient")):
            told.setdefault(column, values[0])

    for reward in recipe.rewards:
        with users_code(recipe.path):
            paid[reward.__name__] = pay(reward, [completion], columns, [prompt], [ids], tell)[0]
    recipe.check_decides(paid[first_reward(recipe)])
    return {**told, **paid}


def first_reward(recipe: Recipe) -> str:
    """The name of the reward that decides accuracy."""
    return next(iter(recipe.rewards)).__name__


def form_rewards(recipe: Recipe) -> tuple[str, ...]:
    """The names of those rewards that say whether the asked form was kept."""
    return tuple(reward.__name__ for reward in recipe.rewards if _module(reward) == FORMATS)


def summarize(records: Sequence[Record], recipe: Recipe, seconds: float | None) -> Summary:
    """The figures of scored completions, as `evaluation.evaluate` gives them; every row has equally many samples."""
    first, *_ = names = [reward.__name__ for reward in recipe.rewards]
    problems: dict[int, list[Record]] = {}
    for record in records:
        problems.setdefault(record["row"], []).append(record)
    groups = list(problems.values())
    samples = len(groups[0])
    right = [[record[first] == 1.0 for record in group] for group in groups]
    total = len(records)
    accuracy = Estimate(sum(map(sum, right)) / total, bootstrap([sum(paid) / samples for paid in right]))
    lenient = [record["lenient"] for record in records if "lenient" in record]
    several: dict[str, Any] = {}
    if samples > 1:
        each = {k: [pass_at(k, sum(paid), samples) for paid in right] for k in range(1, samples + 1)}
        several["pass_at"] = {k: Estimate(sum(v) / len(v), bootstrap(v)) for k, v in each.items()}
        if all("extracted" in record for record in records):
            pairs = zip(groups, right, strict=True)
            votes = [majority([record["extracted"] for record in group], paid, equal) for group, paid in pairs]
            several["majority"] = Estimate(sum(votes) / len(votes), bootstrap(votes))
    counted = all("tokens" in record for record in records)
    return Summary(
        n=len(groups),
        samples=samples,
        correct=sum(map(sum, right)),
        accuracy=accuracy,
        rewards={name: sum(record[name] or 0.0 for record in records) / total for name in names},
        form=form_rewards(recipe),
        lenient=sum(lenient) / total if len(lenient) == total else None,
        cut_off=sum(record["cut_off"] for record in records) / total if counted else None,
        mean_tokens=sum(record["tokens"] for record in records) / total if counted else None,
        seconds=seconds,
        **several,
    )


def _module(reward: Any) -> str:
    return getattr(reward, "__module__", "") if hasattr(reward, "__code__") else type(reward).__module__


# --------------------------------------------------------------------------------------------------- two policies


@dataclass(frozen=True)
class Comparison:
    """One policy against another on the same problems."""

    n: int
    wins: int  # problems that it answers right and the other wrong; with samples, right more often
    losses: int
    ties: int
    difference: Estimate  # of accuracy; Bonett and Price for one sample per problem, else a bootstrap over problems
    p: float | None  # exact McNemar; None with several samples per problem
    answers: float | None  # the part of the difference that is more right answers, wherever they stand
    flipped: tuple[int, ...]  # rows, wins first

    @property
    def form(self) -> float | None:
        """The part of the difference that is only their form."""
        return None if self.answers is None else self.difference.value - self.answers

    def __str__(self) -> str:
        low, high = self.difference.interval
        text = (
            f"{_points(self.difference.value)} points [{_points(low)}, {_points(high)}] on {self.n} problems: "
            f"{self.wins} won, {self.losses} lost, {self.ties} even"
        )
        if self.p is not None:
            text += f"; McNemar p = {self.p:.2g}"
        if self.answers is not None and self.form is not None:
            text += f"; {_points(self.answers)} from more right answers, {_points(self.form)} from their form"
        return text


def _points(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:+.1f}"  # no -0.0


def compare(ours: Sequence[Record], theirs: Sequence[Record], recipe: Recipe) -> Comparison:
    """Pairs the completions of two policies by row. Both have the same rows and equally many samples of each."""
    return paired(ours, theirs, first_reward(recipe))


def paired(ours: Sequence[Record], theirs: Sequence[Record], first: str) -> Comparison:
    """`compare` by the name of the reward that decides."""
    shares: list[dict[int, float]] = []
    for records in (ours, theirs):
        paid: dict[int, list[bool]] = {}
        for record in records:
            paid.setdefault(record["row"], []).append(record[first] == 1.0)
        shares.append({row: sum(each) / len(each) for row, each in paid.items()})
    if shares[0].keys() != shares[1].keys():
        raise UserError(
            f"the two are not of the same rows: row {min(shares[0].keys() ^ shares[1].keys())} is in one only"
        )
    if len(ours) != len(theirs):
        raise UserError(f"the two have {len(ours)} and {len(theirs)} completions; pairs need equally many samples")
    by_row = {row: share - shares[1][row] for row, share in shares[0].items()}
    won, lost = ([row for row, gain in by_row.items() if sign * gain > 0] for sign in (1, -1))
    n, single = len(by_row), len(ours) == len(by_row)
    gains = list(by_row.values())
    exact = single or len(set(gains)) == 1  # resampling equal values gives no width
    interval = paired_difference(len(won), len(lost), n) if exact else bootstrap(gains, share=False)
    lenient = [[record["lenient"] for record in records if "lenient" in record] for records in (ours, theirs)]
    told = all(len(values) == len(ours) for values in lenient)
    return Comparison(
        n=n,
        wins=len(won),
        losses=len(lost),
        ties=n - len(won) - len(lost),
        difference=Estimate(sum(by_row.values()) / n, interval),
        p=mcnemar(len(won), len(lost)) if single else None,
        answers=(sum(lenient[0]) - sum(lenient[1])) / len(ours) if told else None,
        flipped=(*won, *lost),
    )


def flipped_text(
    recipe: Recipe, rows: Sequence[Row], ours: Sequence[Record], theirs: Sequence[Record], flipped: Sequence[int]
) -> str:
    """The problems whose verdict differs, with both completions, to read.

    Args:
        ours, theirs: records of the policy and of the one it is compared with; of several samples one is shown that
            tells: a right one of the side that is right more often, a wrong one of the other.
        flipped: rows, in the order in which they are shown.
    """
    first = first_reward(recipe)
    sides: list[dict[int, list[Record]]] = []
    for records in (theirs, ours):
        side: dict[int, list[Record]] = {}
        for record in records:
            side.setdefault(record["row"], []).append(record)
        sides.append(side)
    found = []
    for row in flipped:
        lines = [f"## row {row}", *(f"{name}: {value}" for name, value in rows[row].items())]
        rights = [[record[first] == 1.0 for record in side[row]] for side in sides]
        for number, (name, side) in enumerate(zip(("base", "policy"), sides, strict=True)):
            right, most = rights[number], sum(rights[number]) >= sum(rights[1 - number])
            record = side[row][right.index(most) if most in right else 0]
            paid = "right" if record[first] == 1.0 else "wrong"
            paid = paid if len(right) == 1 else f"{sum(right)} of {len(right)} right, one that is {paid}"
            lines.append(f"--- {name}, {paid}" + (f" ({record['reason']})" if "reason" in record else ""))
            lines.append(record["completion"].strip())
        found.append("\n".join(lines))
    return "\n\n".join([*found, ""]).encode("utf-8", "replace").decode("utf-8")  # JSON can hold half a character


def cut_at_stop(text: str, stops: Sequence[str]) -> str:
    """A text up to where the policy would have been stopped; the line breaks that end the answer are kept.

    >>> cut_at_stop("#### 7\\n\\nQuestion: 1 + 1?", ("\\n\\n", "\\nQuestion:"))
    '#### 7\\n\\n'
    """
    found = [(text.find(stop), stop) for stop in stops if stop in text]
    if not found:
        return text
    start, stop = min(found)
    return text[: start + len(stop) - len(stop.lstrip())]


def score_elsewhere(
    recipe: Recipe, rows: Sequence[Row], given: Sequence[Record], file: Path
) -> tuple[list[Row], list[Record]]:
    """Scores completions that were made elsewhere.

    Args:
        rows: the rows of the split, to which a line's `row` refers.
        given: lines with `completion`, and either `row` or the columns that the rewards read; `sample` where a row has
            several.
        file: where they stand, for complaints.

    Returns:
        The rows that the lines brought themselves, and the records.

    Raises:
        UserError: a line lacks something, or refers to a row that there is not.
    """
    own: list[Row] = []
    records: list[Record] = []
    numbered = "row" in given[0]
    seen: set[tuple[int, int]] = set()
    for number, line in enumerate(given, 1):
        place = f"{file}, line {number}"
        text = line.get("completion")
        if not isinstance(text, str):
            has = (
                f"its completion is {text!r:.60}" if "completion" in line else f"it has {', '.join(line) or 'nothing'}"
            )
            raise UserError(f"{place} has no completion, the text that was written (no message list); {has}")
        if ("row" in line) != numbered:
            raise UserError(f"{place}: either every line says its row, or none does")
        for name in line.keys() - {"row", "sample", "completion"}:
            if near := nearest(name, ("row", "sample", "completion")):
                raise UserError(f"{place} has the key {name}{near}")
        if numbered:
            index = line["row"]
            if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(rows):
                raise UserError(f"{place}: row {index!r} is none of the {len(rows)} rows, which count from 0")
            row = rows[index]
            for name in line.keys() & row.keys():
                if line[name] != row[name]:
                    raise UserError(
                        f"{place} says {name} {line[name]!r:.60}, row {index} of the data {row[name]!r:.60}"
                    )
        else:
            index = len(own)
            row = {name: value for name, value in line.items() if name not in ("completion", "sample")}
            own.append(row)
        sample = line.get("sample", 0)
        if not isinstance(sample, int) or isinstance(sample, bool) or sample < 0:
            raise UserError(f"{place}: sample {sample!r:.60} is no number; samples count from 0")
        if (index, sample) in seen:
            raise UserError(f'{place}: row {index} stands there twice; number its samples: "sample": 0, 1, ...')
        seen.add((index, sample))
        try:
            text = cut_at_stop(text, recipe.stop)
            paid = score(recipe, row, recipe.prompts_of([row], ())[0] if numbered else "", [], text)
        except UserError as error:
            cure = "" if numbered else '; or say which row of the data each line answers: "row": 0, 1, ...'
            raise UserError(f"{place}: {error}{cure}") from error
        records.append({"row": index, "sample": sample, "completion": text, **paid})
    counts = sorted(Counter(record["row"] for record in records).values())
    if counts[0] != counts[-1]:
        raise UserError(f"{file}: every row needs equally many samples, but there are from {counts[0]} to {counts[-1]}")
    return own, records


# ------------------------------------------------------------------------------------------------- to read and keep


def table(cells: Sequence[tuple[Mapping[str, str], Summary]]) -> str:
    """Evaluations as the lines of a Markdown table that also reads well on a terminal.

    Args:
        cells: what each was of, by column, and what it found.
    """
    lines = []
    for labels, s in cells:
        line = {**labels, "n": str(s.n), f"accuracy ({next(iter(s.rewards))}) [95 %]": str(s.accuracy)}
        for k, estimate in s.pass_at.items():
            if k > 1 and (k == s.samples or k & (k - 1) == 0):  # powers of two and the last; all are in results.json
                line[f"pass@{k}"] = str(estimate)
        if s.majority is not None:
            line[f"maj@{s.samples}"] = str(s.majority)
        if s.lenient is not None:
            line["lenient"] = f"{s.lenient:.1%}"
        for name in list(s.rewards)[1:]:
            line[f"form ({name})" if name in s.form else name] = (
                f"{s.rewards[name]:.1%}" if name in s.form else f"{s.rewards[name]:.3f}"
            )
        line["cut off"] = "-" if s.cut_off is None else f"{s.cut_off:.1%}"
        line["tokens"] = "-" if s.mean_tokens is None else f"{s.mean_tokens:.1f}"
        line["tokens/s"] = "-" if s.tokens_per_second is None else f"{s.tokens_per_second:,.0f}"
        lines.append(line)
    names = list(dict.fromkeys(name for line in lines for name in line))
    widths = [max(2, len(name), *(len(line.get(name, "-")) for line in lines)) for name in names]
    left = len(cells[0][0])  # labels are texts, the rest are numbers

    def row(texts: Sequence[str]) -> str:
        padded = [t.ljust(w) if i < left else t.rjust(w) for i, (t, w) in enumerate(zip(texts, widths, strict=True))]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * w if i < left else "-" * (w - 1) + ":" for i, w in enumerate(widths)]  # 2 wide at least
    return "\n".join([row(names), row(rule), *(row([line.get(name, "-") for name in names]) for line in lines)])


def as_json(summary: Summary | Comparison) -> dict[str, Any]:
    """For results.json."""
    stored = asdict(summary)
    if isinstance(summary, Summary):
        stored["tokens_per_second"] = summary.tokens_per_second
    return stored


def read(stored: Mapping[str, Any]) -> Summary:
    """A summary back from results.json."""

    def estimate(value: Mapping[str, Any] | None) -> Any:
        return None if value is None else Estimate(value["value"], tuple(value["interval"]))

    kept = {name: value for name, value in stored.items() if name != "tokens_per_second"}
    kept["accuracy"], kept["majority"] = estimate(stored["accuracy"]), estimate(stored["majority"])
    kept["pass_at"] = {int(k): estimate(value) for k, value in stored["pass_at"].items()}
    return Summary(**{**kept, "form": tuple(stored["form"])})


def lines_of(records: Iterable[Record]) -> str:
    """Records as lines of JSON; what JSON or UTF-8 cannot hold, a reward may log anything, becomes text that it can."""
    text = "".join(json.dumps(record, ensure_ascii=False, default=str, skipkeys=True) + "\n" for record in records)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def read_records(path: Path) -> list[Record]:
    """The lines of a JSONL file.

    Raises:
        UserError: it cannot be read, or a line is no JSON object; with its number.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if not text.strip():
        raise UserError(f"{path} is empty")
    return parsed(text, path)


def parsed(text: str, path: Path) -> list[Record]:
    """Lines of JSON, each an object; anything else is a `UserError` that names file and line."""
    found = []
    # Not splitlines(): a completion may hold line breaks that JSON does not escape.
    for number, line in enumerate(text.rstrip("\n").split("\n"), 1):
        try:
            record = json.loads(line)
        except ValueError as error:
            raise UserError(f"{path}, line {number} is no JSON ({error}): {line!r:.60}") from error
        if not isinstance(record, dict):
            raise UserError(f"{path}, line {number} is {line:.60}; it must be an object, one per completion")
        found.append(record)
    return found
