"""Charts, drawn by matplotlib into SVG files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rlvr_recipes.scores import Estimate


def accuracy_by_shots(lines: Mapping[str, Sequence[tuple[int, Estimate]]], title: str, path: Path) -> None:
    """Accuracy, with its 95 % interval, by the number of exemplars in the prompt.

    Args:
        lines: (shots, accuracy) pairs of each policy, by its name.
        title: says which problems, and how many.
        path: the SVG file to write.
    """
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "rlvr_recipes"  # the same chart is the same file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for name, points in lines.items():
        shots = [count for count, _ in points]
        values = [100 * estimate.value for _, estimate in points]
        below = [100 * max(0.0, estimate.value - estimate.interval[0]) for _, estimate in points]
        above = [100 * max(0.0, estimate.interval[1] - estimate.value) for _, estimate in points]
        label = " " + name.replace("$", r"\$")  # neither a formula nor a name that is left out of the legend
        axes.errorbar(shots, values, yerr=[below, above], marker="o", capsize=4, label=label)
    axes.set_xticks(sorted({count for points in lines.values() for count, _ in points}))
    axes.set_ylim(0, 103)
    axes.set_xlabel("exemplars in the prompt")
    axes.set_ylabel("accuracy, % (95 % interval)")
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
