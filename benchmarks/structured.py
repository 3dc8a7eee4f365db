"""Prints how fast JSON answers and tool calls are judged, honest and hostile.

    PYTHONPATH=. .venv/bin/python benchmarks/structured.py          about 10 seconds

The rows are the test rows of recipes tool_call and extract_json, each with its gold as it is, in a block of code, as a
tool call, with one letter changed, and cut off. The hostile completions are those of tests/test_structured.py. Times
are those of this thread, so that a busy machine does not count; what a row offers has been read before.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from tables import markdown

from recipes import extract_json, tool_call
from rewards import correct_json, correct_tool_call, valid_json
from tests.test_structured import ROME, TOOLS, WRONG

STYLES: tuple[Callable[[str], str], ...] = (
    str,
    "Here it is:\n```json\n{}\n```".format,
    "<tool_call>\n{}\n</tool_call>".format,
    lambda gold: gold.replace("a", "e", 1),
    lambda gold: gold[: len(gold) * 2 // 3],
)


def times(reward: Callable[..., Any], completions: Sequence[str], rows: Sequence[dict[str, Any]]) -> list[float]:
    """Seconds for each completion, with what it logs."""
    taken = []
    for completion, row in zip(completions, rows, strict=True):
        columns = {name: [value] for name, value in row.items()}
        began = time.thread_time()
        reward([completion], **columns, log_extra=lambda name, values: None)
        taken.append(time.thread_time() - began)
    return taken


def line(name: str, taken: list[float]) -> list[str]:
    ordered = sorted(taken)
    p50, p99, most = (ordered[int(len(ordered) * share)] * 1e3 for share in (0.5, 0.99, 1 - 1e-9))
    return [name, f"{len(taken):,}", f"{len(taken) / sum(taken):,.0f}", f"{p50:.2f}", f"{p99:.2f}", f"{most:.1f}"]


def main() -> None:
    lines = []
    for reward, recipe in ((correct_tool_call, tool_call), (correct_json, extract_json)):
        rows = recipe.rows("test")
        columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
        reward(columns["answer"], **columns)
        made = [style(row["answer"]) for style in STYLES for row in rows]
        lines.append(line(reward.__name__, times(reward, made, list(rows) * len(STYLES))))
        lines.append(
            line(f"valid_json, {recipe.__name__.split('.')[1]}", times(valid_json, made, list(rows) * len(STYLES)))
        )
    hostile = [completion for _, completion in WRONG] * 5
    row = {"tools": TOOLS, "answer": ROME}
    lines.append(line("correct_tool_call, hostile", times(correct_tool_call, hostile, [row] * len(hostile))))
    print(markdown(["reward", "completions", "per second", "p50, ms", "p99, ms", "most, ms"], lines))


if __name__ == "__main__":
    main()
