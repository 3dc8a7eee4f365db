"""Greedy accuracy of a policy on held-out rows, with the prompt, the stop rule and the first reward of training."""

import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rlvr_recipes.config import Config
from rlvr_recipes.generation import Policy, StopRule, Tokenizer, generate_greedily, tokenize
from rlvr_recipes.progress import Line, duration
from rlvr_recipes.recipe import Exemplar, Recipe, Row, pay


def wilson(successes: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927).

    >>> [round(bound, 3) for bound in wilson(41, 100)]
    [0.319, 0.508]
    """
    if n == 0:
        return 0.0, 1.0
    share, z2 = successes / n, z * z
    center = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, center - half), min(1.0, center + half)


@dataclass(frozen=True)
class Summary:
    """What an evaluation found. Shares are between 0 and 1."""

    n: int
    correct: int  # completions that the first reward pays in full
    accuracy: float
    interval: tuple[float, float]  # 95 %, Wilson
    rewards: dict[str, float]  # mean pay by each reward
    lenient: float | None  # share right when the answer may stand anywhere; None where the reward does not say
    cut_off: float  # share that reached max_completion_length
    mean_tokens: float
    seconds: float


def summarize(rows: Sequence[dict[str, Any]], recipe: Recipe, seconds: float) -> Summary:
    """The figures of scored completions, as `evaluate` gives them."""
    first, *_ = names = [reward.__name__ for reward in recipe.rewards]
    n, correct = len(rows), sum(row[first] == 1.0 for row in rows)
    lenient = [row["lenient"] for row in rows if "lenient" in row]
    return Summary(
        n=n,
        correct=correct,
        accuracy=correct / n,
        interval=wilson(correct, n),
        rewards={name: sum(row[name] or 0.0 for row in rows) / n for name in names},
        lenient=sum(lenient) / n if len(lenient) == n else None,
        cut_off=sum(row["cut_off"] for row in rows) / n,
        mean_tokens=sum(row["tokens"] for row in rows) / n,
        seconds=seconds,
    )


def score(recipe: Recipe, row: Row, prompt: Any, ids: list[int], text: str) -> dict[str, Any]:
    """What each reward pays one completion, and what they report beside it (the first to name a column keeps it)."""
    completion = text if isinstance(prompt, str) else [{"role": "assistant", "content": text}]
    columns = {name: [value] for name, value in row.items()}
    told: dict[str, Any] = {}

    def tell(column: str, values: list[Any]) -> None:
        told.setdefault(column, values[0])

    paid = {r.__name__: pay(r, [completion], columns, [prompt], [ids], tell)[0] for r in recipe.rewards}
    return {**paid, **told}


def evaluate(
    model: Policy,
    tokenizer: Tokenizer,
    recipe: Recipe,
    rows: Sequence[Row],
    exemplars: Sequence[Exemplar],
    config: Config,
    output: Path,
    title: str,
) -> Summary:
    """Scores greedy completions of all rows and writes them to `output`, a jsonl file, in the order of the rows.

    The file grows as completions come, so an evaluation that is cut short leaves what it had. `title` stands before the
    progress.
    """
    prompts = recipe.prompts_of(rows, exemplars)
    prompt_ids = tokenize(tokenizer, prompts, config.chat_template_kwargs)
    stop = StopRule(tokenizer, recipe.stop)
    first = next(iter(recipe.rewards)).__name__
    scored: list[dict[str, Any]] = []
    line, began = Line(), time.monotonic()
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("w", encoding="utf-8") as file:

        def advance(index: int, ids: list[int], cut_off: bool) -> None:
            text = stop.text(ids)
            record = {
                "row": index,
                "prompt_sha256": hashlib.sha256(repr(prompt_ids[index]).encode()).hexdigest()[:16],
                "completion": text,
                "tokens": len(ids),
                "cut_off": cut_off,
                **score(recipe, rows[index], prompts[index], ids, text),
            }
            scored.append(record)
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            done, passed = len(scored), time.monotonic() - began
            if done % config.run.eval_batch_size and done < len(rows):
                return
            right = sum(r[first] == 1.0 for r in scored)
            line.update(
                f"{title}: {done}/{len(rows)} | accuracy so far {right / done:.1%} | "
                f"{duration(passed / done * (len(rows) - done))} left"
            )

        generate_greedily(
            model,
            tokenizer,
            prompt_ids,
            max_new_tokens=config.max_completion_length,
            stop=stop,
            batch_size=config.run.eval_batch_size,
            advance=advance,
        )
    line.close()
    scored.sort(key=lambda record: record["row"])
    output.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in scored), encoding="utf-8")
    return summarize(scored, recipe, time.monotonic() - began)


def table(columns: dict[str, Summary]) -> str:
    """Evaluations side by side, one per column, as text.

    The last lines say how much of the gain from the first column to the last is answers, and how much only their form.
    """
    rows: dict[str, list[str]] = {"": [*columns]}
    first = next(iter(columns.values()))
    rows["accuracy (" + next(iter(first.rewards)) + ")"] = [
        f"{s.accuracy:.1%} [{s.interval[0]:.1%}, {s.interval[1]:.1%}]" for s in columns.values()
    ]
    if first.lenient is not None:
        rows["right, in whatever form"] = [f"{s.lenient:.1%}" for s in columns.values()]
    for name in list(first.rewards)[1:]:
        rows[f"form ({name})"] = [f"{s.rewards[name]:.1%}" for s in columns.values()]
    rows["cut off"] = [f"{s.cut_off:.1%}" for s in columns.values()]
    rows["tokens per completion"] = [f"{s.mean_tokens:.1f}" for s in columns.values()]
    rows["n"] = [str(s.n) for s in columns.values()]
    width = max(map(len, rows))
    widths = [max(len(cells[i]) for cells in rows.values()) for i in range(len(columns))]
    lines = [
        name.ljust(width) + "".join("   " + cell.rjust(w) for cell, w in zip(cells, widths, strict=True))
        for name, cells in rows.items()
    ]
    last = list(columns.values())[-1]
    if len(columns) > 1 and first.lenient is not None and last.lenient is not None:
        gain, answers = last.accuracy - first.accuracy, last.lenient - first.lenient
        lines.append(
            f"gain {100 * gain:+.1f} points: {100 * answers:+.1f} from more right answers, "
            f"{100 * (gain - answers):+.1f} from their form"
        )
    return "\n".join(lines)


def example(recipe: Recipe, rows: Sequence[Row], before: Path, after: Path) -> str:
    """The first row that was answered wrong before and right after, with both completions; empty if there is none."""
    first = next(iter(recipe.rewards)).__name__
    if not before.exists():
        return ""
    # Not splitlines(): a completion may hold line breaks that JSON does not escape.
    olds, news = (map(json.loads, f.read_text(encoding="utf-8").strip("\n").split("\n")) for f in (before, after))
    for row, old, new in zip(rows, olds, news, strict=True):
        if old[first] != 1.0 and new[first] == 1.0:
            question = f": {row['question']}" if "question" in row else ""
            texts = [" | ".join(text["completion"].split("\n")).strip(" |") for text in (old, new)]
            return f"row {old['row']}{question}\n  before  {texts[0]}\n  after   {texts[1]}"
    return ""


def as_json(summary: Summary) -> dict[str, Any]:
    """A summary for results.json."""
    return asdict(summary)


def read(stored: dict[str, Any]) -> Summary:
    """A summary back from results.json."""
    return Summary(**{**stored, "interval": tuple(stored["interval"])})
