"""Prints how fast and how safe the sandbox of model-written code is, as a section of Markdown.

    .venv/bin/python benchmarks/sandbox.py [--programs 200]          about a minute and a half on 2 cores

The programs are short and right, each in a sandbox of its own and called three times. The attacks are those of
tests/cases/attacks.py; one is paid if it earns more than knowing the shown test by heart, and what it has left behind
are processes that still run, files, and descriptors that are still open.
"""

import argparse
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tables import about, markdown

sys.path.insert(0, str(Path(__file__).parents[1]))
from rewards import passes_tests, sandbox
from tests.cases import attacks

CALLS = [sandbox.Call((number,)) for number in (2, 7, -3)]
WAYS = {"in a sandbox": True, "without isolation": False}


def timed(isolated: bool, number: int) -> float:
    """Seconds that one program takes."""
    source = f"def answer(x):\n    return x * x + {number}\n"
    begun = time.perf_counter()
    ran = sandbox.run(source, "answer", CALLS, isolated=isolated)
    assert ran.lines[2:] == [b'["gave", %d]' % (x * x + number) for x in (2, 7, -3)], ran
    return time.perf_counter() - begun


def speed(programs: int) -> str:
    """Programs a second, by number of workers."""
    rows = []
    for way, isolated in WAYS.items():
        for workers in (1, 2, 4, 8):
            with ThreadPoolExecutor(workers) as pool:
                begun = time.perf_counter()
                seconds = sorted(pool.map(partial(timed, isolated), range(programs)))
                total = time.perf_counter() - begun
            median, p99 = statistics.median(seconds), seconds[int(0.99 * programs)]
            rows.append([way, str(workers), f"{programs / total:.0f}", f"{1e3 * median:.0f}", f"{1e3 * p99:.0f}"])
    return markdown(["program", "workers", "programs a second", "median, ms", "p99, ms"], rows)


def safety() -> str:
    """What attacks earn and leave, by what they want."""
    rows = []
    for wanted, group in {**attacks.GROUPS, "using up time and memory, slowly": attacks.SLOW}.items():
        count = len(group)
        before = len(os.listdir("/proc/self/fd"))
        begun = time.perf_counter()
        paid = passes_tests(
            [f"```python\n{source}\n```" for source in group.values()], [attacks.SHOWN] * count,
            [attacks.ENTRY_POINT] * count, hidden_tests=[attacks.HIDDEN] * count,
        )  # fmt: skip
        total = time.perf_counter() - begun
        left = len(attacks.left_behind()) + len(os.listdir("/proc/self/fd")) - before
        earned = sum(pay > attacks.BY_HEART for pay in paid)
        rows.append([wanted, str(count), str(earned), f"{max(paid):g}", str(left), f"{total:.1f}"])
    tried, earned, left = (str(sum(int(row[place]) for row in rows)) for place in (1, 2, 4))
    most = f"{max(float(row[3]) for row in rows):g}"
    rows.append(["all", tried, earned, most, left, f"{sum(float(row[5]) for row in rows):.1f}"])
    return markdown(["attacks", "tried", "paid", "most that one earned, of 1", "left behind", "seconds"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=200, help="short programs for each line of the first table")
    args = parser.parse_args()
    sandbox.isolation()
    print(f"## The sandbox\n\n{about()}\n\n{speed(args.programs)}\n\n{safety()}")


if __name__ == "__main__":
    main()
