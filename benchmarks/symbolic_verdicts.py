"""How long solves_symbolic takes: python -m benchmarks.symbolic_verdicts [rows]

For each difficulty of recipes/symbolic.py, half of the answers right, half with one digit changed, none written as its
gold is; then the labelled answers of tests/cases/symbolic.jsonl. Each is judged once, with the lenient reading.
"""

import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recipes import symbolic
from rewards import solves_symbolic

COLUMNS = ("task", "expression", "variable", "answer")


def answered(level: int, rows: int) -> Iterator[tuple[dict[str, str], str]]:
    """Rows and completions."""
    rng = random.Random(level)
    for number in range(rows):
        row = symbolic.problem(rng, level)
        solution = row["solution"].replace("*", "\\cdot ")
        digits = [place for place, sign in enumerate(solution) if sign.isdigit() and place > solution.rindex("####")]
        if number % 2 and digits:
            place = rng.choice(digits)
            solution = f"{solution[:place]}{(int(solution[place]) + 1) % 10}{solution[place + 1 :]}"
        yield row, solution


def measure(name: str, pairs: list[tuple[dict[str, str], str]]) -> None:
    """Prints a line of the table."""
    columns: list[dict[str, Any]] = [{column: [row[column]] for column in COLUMNS} for row, _ in pairs]
    for each in columns:
        solves_symbolic([""], **each)  # rows are read once, before training
    took, paid = [], 0.0
    for (_, completion), each in zip(pairs, columns, strict=True):
        began = time.perf_counter()
        paid += solves_symbolic([completion], log_extra=lambda column, values: None, **each)[0]
        took.append(time.perf_counter() - began)
    took.sort()
    p99, slowest = took[int(0.99 * len(took))], took[-1]
    print(
        f"| {name} | {len(took):,} | {paid:,.0f} | {len(took) / sum(took):,.0f} | {1e3 * took[len(took) // 2]:.1f} "
        f"| {1e3 * p99:.1f} | {1e3 * slowest:.1f} |"
    )


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print("| answers | n | paid | verdicts/s | median ms | p99 ms | slowest ms |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for level in (1, 2, 3):
        measure(f"difficulty {level}", list(answered(level, rows)))
    cases = Path(__file__).parents[1] / "tests" / "cases" / "symbolic.jsonl"
    labelled = [json.loads(line) for line in cases.read_text(encoding="utf-8").splitlines()]
    measure("labelled, most of them hostile", [(case, f"#### {case['given']}") for case in labelled])


if __name__ == "__main__":
    main()
