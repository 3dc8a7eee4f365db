"""Prints how the offline recipe learns, in NF4 and in 32 bit, over three seeds.

    python benchmarks/arithmetic_runs.py          about 8 minutes on 2 cores

Every run is `python -m rlvr_recipes.train arithmetic`, one after the other, the two precisions in turn.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tables import about, markdown


def run(seed: int, nf4: bool, folder: Path) -> dict[str, Any]:
    """One training run's results.json."""
    words = ["--seed", str(seed), "--load_in_4bit", str(nf4).lower(), "--output_dir", str(folder)]
    command = [sys.executable, "-m", "rlvr_recipes.train", "arithmetic", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads((folder / "results.json").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    seeds = parser.parse_args().seeds
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            for nf4 in (True, False):
                results = run(seed, nf4, Path(folder) / f"{seed}-{nf4}")
                row = [str(seed), "NF4" if nf4 else "fp32"]
                for when in ("before", "after"):
                    low, high = results[when]["accuracy"]["interval"]
                    form, lenient = results[when]["rewards"]["answer_line"], results[when]["lenient"]
                    row += [
                        f"{results[when]['accuracy']['value']:.1%} [{low:.1%}, {high:.1%}]",
                        f"{lenient:.1%}",
                        f"{form:.1%}",
                    ]
                rows.append([*row, f"{results['train']['seconds']:.0f}"])
                print(rows[-1], file=sys.stderr, flush=True)
    times = {kind: sorted(float(row[-1]) for row in rows if row[1] == kind) for kind in ("NF4", "fp32")}
    middle = {kind: seconds[len(seconds) // 2] for kind, seconds in times.items()}
    header = [
        "seed",
        "weights",
        "accuracy before",
        "lenient",
        "form",
        "accuracy after",
        "lenient",
        "form",
        "training, s",
    ]
    print(f"## The offline recipe, n = 512 held-out problems a cell\n\n{about()}\n\n{markdown(header, rows)}\n")
    print(f"NF4 on the CPU costs {middle['NF4'] / middle['fp32']:.2f} times the training time of fp32 (medians).")


if __name__ == "__main__":
    main()
