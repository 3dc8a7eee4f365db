"""One HTML file about a run: python -m rlvr_recipes.report RUN [RUN ...] [--output FILE]

What was trained and the command that repeats it, accuracy before and after, curves, alarms, and a browser of
completions with the reason why each was paid. The file needs no network and no server. It is made from the run folder
alone, also of a run that was cut short; several runs stand side by side in one report.

    python -m rlvr_recipes.report runs/arithmetic/20261121-120000-42
    python -m rlvr_recipes.report runs/arithmetic/* --output compared.html
"""

import functools
import hashlib
import html
import importlib.resources
import itertools
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path

from rlvr_recipes import command
from rlvr_recipes.recipe import UserError
from rlvr_recipes.report_completions import JSON, packed
from rlvr_recipes.report_run import Run, charts, differing, names_of
from rlvr_recipes.runs import RunFolder, write_whole

OPENS_WITH = 3_000_000  # characters of blocks before the page's script
BUDGET = 17_000_000  # bytes of completions in a report; with all else it stays under 20 MB
MADE_HERE = "<!doctype html><!-- rlvr_recipes.report -->"  # a file that begins so may be replaced


@functools.cache
def library() -> str:
    """Plotly's JavaScript, packed, without the traces that no chart of ours draws.

    Its core holds the scatter trace; setting up all others would be a third of the time that a page takes to open.
    """
    from plotly.offline import get_plotlyjs

    return packed(re.sub(r"\.register\(\[([\w$]+\(\),){20,}[\w$]+\(\)\]\)", ".register([])", get_plotlyjs()))


def page(title: str, blocks: Mapping[str, str]) -> str:
    """The whole file.

    Args:
        title: of the window.
        blocks: packed texts by the id under which the page's script finds them; the script stands behind the first of
            them, so that a large page shows something before all of it was read.
    """
    own = importlib.resources.files("rlvr_recipes") / "report_page"
    # Whatever a completion may hold: nothing is loaded, and no script runs but the two of ours.
    nonce = hashlib.sha256("".join(blocks.values()).encode()).hexdigest()[:32]
    written = [f'<script type="text/plain" id="{name}">{text}</script>' for name, text in blocks.items()]
    first = bisect_right(list(itertools.accumulate(map(len, written))), OPENS_WITH)
    parts = {
        "made here": MADE_HERE,
        "title": html.escape(title),
        "nonce": nonce,
        "style": (own / "page.css").read_text(encoding="utf-8"),
        "script": (own / "page.js").read_text(encoding="utf-8"),
        "first blocks": "\n".join(written[:first]),
        "other blocks": "\n".join(written[first:]),
    }
    template = (own / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{([\w ]+)\}\}", lambda match: parts[match[1]], template)


def report(paths: Sequence[Path], budget: int = BUDGET) -> str:
    """The report of some runs, as HTML.

    Raises:
        UserError: one of them is no run folder, or so damaged that nothing sensible can be shown.
    """
    folders = [RunFolder.existing(path) for path in paths]
    runs = [Run(folder, name) for folder, name in zip(folders, names_of(paths), strict=True)]
    blocks: dict[str, str] = {}
    shown: list[JSON] = []
    for number, run in enumerate(runs):
        sources: dict[str, str] = {}
        for source, made in run.browsable(budget // len(runs)).items():
            stem = f"{source}-{number}"
            sources[source] = stem
            blocks[stem] = made.packed_index
            blocks |= {f"{stem}-{piece}": text for piece, text in enumerate(made.pieces)}
        told = {
            "name": run.name,
            "recipe": run.manifest["recipe"],
            "path": str(run.folder.path),
            "split": run.split,
            "step": run.last_step,
            "rewards": run.rewards,
            "forms": run.forms,
            "facts": run.facts(),
            "commands": run.commands(),
            "evaluated": run.evaluated(),
            "gain": run.gain(),
            "by_shots": run.by_shots(),
            "alarms": run.alarms(),
            "sources": sources,
        }
        shown.append({**told, "missing": run.missing()})
    head = {"runs": shown, "charts": charts(runs), "differing": differing(runs) if len(runs) > 1 else []}
    title = f"{runs[0].manifest['recipe']}: {runs[0].name}" if len(runs) == 1 else f"{len(runs)} runs side by side"
    return page(title, {"head": packed(head), "plotly": library(), **blocks})


def check_output(output: Path) -> None:
    """Refuses to replace a file that is not a report."""
    if output.is_dir():
        raise UserError(f"--output {output} is a folder; name a file")
    if output.exists():
        with output.open("rb") as file:
            if file.read(len(MADE_HERE)) != MADE_HERE.encode():
                raise UserError(f"--output {output} holds something else than a report; nothing is overwritten")
    if not output.parent.is_dir():
        raise UserError(f"--output {output}: there is no folder {output.parent}")


def main(argv: Sequence[str]) -> int:
    """The command."""
    parser = command.Parser("report", __doc__, "RUN [RUN ...] [--output FILE]")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders")
    parser.add_argument("--output", type=Path, metavar="FILE", help="else RUN/report.html, of several report.html here")
    own, unknown = parser.parse_known_args(argv)
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    paths: list[Path] = own.runs
    if twice := next((path for path in paths if sum(path.resolve() == other.resolve() for other in paths) > 1), None):
        raise UserError(f"{twice} stands there twice")
    for path in paths:
        RunFolder.existing(path)
    output = own.output or (paths[0] / "report.html" if len(paths) == 1 else Path("report.html"))
    check_output(output)
    write_whole(output, report(paths))
    command.say(f"{output}: {output.stat().st_size / 1e6:.1f} MB; open it in a browser")
    return 0


if __name__ == "__main__":
    command.run(main)
