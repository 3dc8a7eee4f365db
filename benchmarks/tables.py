"""What every benchmark prints around its figures: where they were measured, and tables in Markdown."""

from collections.abc import Sequence
from pathlib import Path

import torch  # noqa: F401 - loaded, so that hardware() sees the GPUs

from rlvr_recipes.runs import git_state, hardware, versions


def about() -> str:
    """Hardware, versions and commit, as one line."""
    machine, state = hardware(), git_state(Path(__file__).parent)
    device = ", ".join(machine["gpus"]) or f"CPU {machine['machine']}, {machine['cores']} cores"
    commit = state.get("commit", "no git")[:12] + (" with changes" if state.get("changed_files") else "")
    return f"{device}; commit {commit}; " + ", ".join(f"{name} {version}" for name, version in versions().items())


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
