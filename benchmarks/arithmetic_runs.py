"""Prints how the offline recipe learns over three seeds: in NF4, in 32 bit, and with TRL's own path for the prompts.

    python benchmarks/arithmetic_runs.py          about 15 minutes on 2 cores

Every run is `python -m rlvr_recipes.train arithmetic`, one after the other, the kinds in turn.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from learning import HEADER, row, run
from tables import about, markdown

IN_FP32 = ["--load_in_4bit", "false"]
KINDS = {
    "NF4": [],
    "fp32": IN_FP32,
    "fp32, 100 steps": [*IN_FP32, "--max_steps", "100"],
    "fp32, 100 steps, whole prompts": [*IN_FP32, "--max_steps", "100", "--no_shared_prefix"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS, help="which runs; all of them")
    args = parser.parse_args()
    seeds, kinds = args.seeds, args.kinds
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for seed in seeds:
            for number, kind in enumerate(kinds):
                folder = Path(place) / f"{seed}-{number}"
                rows.append(row(seed, kind, run("arithmetic", seed, KINDS[kind], folder), folder))
                print(rows[-1], file=sys.stderr, flush=True)
    spent = {kind: statistics.median(float(cells[-1]) for cells in rows if cells[1] == kind) for kind in kinds}
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
