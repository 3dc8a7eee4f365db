"""Prints how the offline recipe learns over three seeds: in NF4, in 32 bit, and with TRL's own path for the prompts.

    python benchmarks/arithmetic_runs.py          about 15 minutes on 2 cores

Every run is `python -m rlvr_recipes.train arithmetic`, one after the other, the kinds in turn.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tables import about, markdown

IN_FP32 = ["--load_in_4bit", "false"]
KINDS = {
    "NF4": [],
    "fp32": IN_FP32,
    "fp32, 100 steps": [*IN_FP32, "--max_steps", "100"],
    "fp32, 100 steps, whole prompts": [*IN_FP32, "--max_steps", "100", "--no_shared_prefix"],
}
HEADER = "seed,run,accuracy before,lenient,form,accuracy after,lenient,form,reward in training,last 10 steps,training s"


def run(seed: int, kind: str, folder: Path) -> list[str]:
    """A row of the table."""
    words = ["--seed", str(seed), *KINDS[kind], "--output_dir", str(folder)]
    command = [sys.executable, "-m", "rlvr_recipes.train", "arithmetic", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    results: dict[str, Any] = json.loads((folder / "results.json").read_text())
    row = [str(seed), kind]
    for when in ("before", "after"):
        low, high = results[when]["accuracy"]["interval"]
        row += [
            f"{results[when]['accuracy']['value']:.1%} [{low:.1%}, {high:.1%}]",
            f"{results[when]['lenient']:.1%}",
            f"{results[when]['rewards']['answer_line']:.1%}",
        ]
    rewards = [json.loads(line)["reward"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    means = [f"{statistics.mean(rewards):.3f}", f"{statistics.mean(rewards[-10:]):.3f}"]
    return [*row, *means, f"{results['train']['seconds']:.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS, help="which runs; all of them")
    args = parser.parse_args()
    seeds, kinds = args.seeds, args.kinds
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            for number, kind in enumerate(kinds):
                rows.append(run(seed, kind, Path(folder) / f"{seed}-{number}"))
                print(rows[-1], file=sys.stderr, flush=True)
    spent = {kind: statistics.median(float(row[-1]) for row in rows if row[1] == kind) for kind in kinds}
    nf4, fp32, shared, whole = map(spent.get, KINDS)
    print(
        f"## The offline recipe, n = 512 held-out problems a cell\n\n{about()}\n\n{markdown(HEADER.split(','), rows)}\n"
    )
    if nf4 and fp32:
        print(f"NF4 on the CPU costs {nf4 / fp32:.2f} times the training time of fp32 (medians).\n")
    if shared and whole:
        print(f"With whole prompts, which is TRL's path, 100 steps cost {whole / shared:.2f} times the time (medians).")


if __name__ == "__main__":
    main()
