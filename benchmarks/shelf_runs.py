"""Prints how three recipes of the shelf learn with the tiny policy that was made for them, over two seeds.

    python benchmarks/shelf_runs.py          about 10 minutes on 2 cores

Every run is `python -m rlvr_recipes.train RECIPE` with the flags below, one after the other.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from learning import HEADER, rose, row, run
from tables import about, markdown

HERE = Path(__file__).parent
RECIPES = {  # file beside this one, steps
    "countdown, 2 or 3 numbers up to 20": ("easy_countdown.py", 120),
    "symbolic, derivatives of polynomials": ("easy_symbolic.py", 40),
    "multiple_choice, two kinds of question": ("easy_multiple_choice.py", 40),
}
SETTINGS = {  # as recipes/arithmetic.py has them for its tiny policy
    "learning_rate": 5e-4,
    "per_device_train_batch_size": 64,
    "gradient_accumulation_steps": 1,
    "gradient_checkpointing": "false",
    "max_completion_length": 48,
    "save_steps": 20,
}


def words(name: str, steps: int | None = None) -> list[str]:
    """What stands behind `python -m rlvr_recipes.train` for a recipe, but for seed and folder."""
    file, enough = RECIPES[name]
    settings = {**SETTINGS, "max_steps": steps or enough}
    return [str(HERE / file), *(f"--{field}={value}" for field, value in settings.items())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=RECIPES, help="which; all of them")
    args = parser.parse_args()
    rows, flat = [], []
    with tempfile.TemporaryDirectory() as place:
        for name in args.recipes:
            recipe, *flags = words(name)
            for seed in args.seeds:
                folder = Path(place) / f"{len(rows)}"
                results = run(recipe, seed, flags, folder)
                rows.append(row(seed, f"{name}, {RECIPES[name][1]} steps", results, folder))
                flat += [] if rose(results) else [f"{name}, seed {seed}"]
                print(rows[-1], file=sys.stderr, flush=True)
    print(f"## Three recipes of the shelf, n = 512 held-out problems a cell\n\n{about()}\n")
    print("assets/tiny_shelf, NF4, 8 groups of 8 a step; 1-shot, multiple_choice 0-shot.\n")
    print(f"{markdown(HEADER.split(','), rows)}\n")
    where = f"but not in: {'; '.join(flat)}" if flat else "in all runs"
    print(f"The interval after training lies above the one before, {where}.")


if __name__ == "__main__":
    main()
