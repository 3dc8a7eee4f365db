"""The run folder `runs/<recipe>/<time>-<seed>/`: everything a run was made of and everything it made.

recipe.py  config.yaml  manifest.json     what was trained, with which versions, from which state of the code and data
metrics.jsonl                             one line per training step
completions/step_00001.parquet            every completion of a step with its rewards and what was extracted
evaluation/before.jsonl after.jsonl       greedy completions on held-out rows; the figures are in results.json
evaluation/rows.jsonl                     those rows
eval/                                     later evaluations of the run
checkpoints/checkpoint-50/                to go on from; `complete.json` is written last
tensorboard/                              with --report_to tensorboard
adapter/                                  what was learned; training.json in it says from which rows
"""

import contextlib
import hashlib
import importlib.metadata
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rlvr_recipes.recipe import Recipe, Row, UserError, load_recipe, nearest

PACKAGES = ("rlvr_recipes", "trl", "transformers", "torch", "peft", "bitsandbytes", "accelerate", "datasets")


def write_whole(path: Path, text: str) -> None:
    """Writes a file so that a kill leaves either the old one or the new one."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def unused_folder(stem: Path) -> Path:
    """Makes a folder that nobody has: `stem`, or `stem.2` and so on where it is taken."""
    for number in itertools.count(1):
        path = stem if number == 1 else stem.with_name(f"{stem.name}.{number}")
        with contextlib.suppress(FileExistsError):
            path.mkdir(parents=True)
            return path
    raise AssertionError("counting ends never")


def fingerprint(rows: Sequence[Row]) -> str:
    """SHA-256 over the rows in their order, the same for the same content whichever file format brought it."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass"))
        digest.update(b"\n")
    return digest.hexdigest()


def sha256(file: Path) -> str:
    """SHA-256 of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def git_state(folder: Path) -> dict[str, Any]:
    """Commit of the code and whether files differ from it; empty outside a git checkout."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True).stdout

    try:
        return {"commit": git("rev-parse", "HEAD").strip(), "changed_files": git("status", "--porcelain").splitlines()}
    except (subprocess.CalledProcessError, FileNotFoundError):
        return {}


def hardware() -> dict[str, Any]:
    """The machine, as far as it matters for a figure; torch is asked only where it is loaded."""
    found = {"machine": platform.machine(), "cores": os.cpu_count()}
    if "torch" not in sys.modules:
        return found
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {**found, "threads": torch.get_num_threads(), "gpus": gpus}


def versions() -> dict[str, str]:
    """Python and the packages that decide what a run does."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in PACKAGES}}


@dataclass(frozen=True)
class Training:
    """What a policy was trained on: `training.json` beside its weights, so that a copy of them knows it too."""

    shots: int | None = None
    rows: frozenset[str] = frozenset()  # the first 16 digits of each row's fingerprint

    @classmethod
    def of(cls, folder: Path | None) -> "Training":
        """What a folder with weights says; nothing where they are not ours.

        Raises:
            UserError: the file is damaged.
        """
        file = None if folder is None else folder / "training.json"
        if file is None or not file.is_file():
            return cls()
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
            return cls(int(stored["shots"]), frozenset(map(str, stored["rows"])))
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(f"{file} is damaged, which says what rows the policy was trained on: {error!r}") from error

    def write(self, folder: Path, recipe: Recipe) -> None:
        stored = {"recipe": recipe.name, "shots": self.shots, "rows": sorted(self.rows)}
        write_whole(folder / "training.json", json.dumps(stored) + "\n")

    def seen(self, rows: Sequence[Row]) -> list[int]:
        """The numbers of those rows that it was trained on."""
        return [number for number, row in enumerate(rows) if fingerprint([row])[:16] in self.rows]

    @classmethod
    def on(cls, rows: Sequence[Row], shots: int) -> "Training":
        return cls(shots, frozenset(fingerprint([row])[:16] for row in rows))


class RunFolder:
    """One run on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def claimed(cls, recipe: Recipe, seed: int, output_dir: str | None) -> "RunFolder":
        """The folder of a new run, made and empty: `output_dir`, or one of its own under runs/.

        Raises:
            UserError: `output_dir` is there and not empty, or cannot be made; no run is ever overwritten.
        """
        if output_dir is None:
            return cls(unused_folder(Path("runs") / recipe.name / f"{time.strftime('%Y%m%d-%H%M%S')}-{seed}"))
        path = Path(output_dir)
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise UserError(f"{path} is not empty; no run overwrites another, choose another --output_dir")
        except (OSError, ValueError) as error:
            raise UserError(f"the run folder {path} cannot be made: {error}") from error
        return cls(path)

    @classmethod
    def existing(cls, path: str | Path) -> "RunFolder":
        """A run folder made before.

        Raises:
            UserError: it is not one.
        """
        folder = cls(Path(path))
        if not folder.path.is_dir():
            beside = folder.path.parent.glob("*/") if folder.path.parent.is_dir() else ()
            near = nearest(folder.path.name, [each.name for each in beside])
            raise UserError(f"there is no run folder {path}{near}")
        for name in ("recipe.py", "config.yaml", "manifest.json"):
            if not (folder.path / name).is_file():
                raise UserError(f"{path} is not a run folder: {name} is missing")
        return folder

    @staticmethod
    def is_one(path: str | Path) -> bool:
        """Whether a path is a run folder."""
        return (Path(path) / "manifest.json").is_file() and (Path(path) / "recipe.py").is_file()

    def create(self, recipe: Recipe, values: Mapping[str, Any], data: Mapping[str, Sequence[Row]]) -> None:
        """Writes what is known before the run into its empty folder."""
        (self.path / "completions").mkdir()
        (self.path / "evaluation").mkdir()
        shutil.copyfile(recipe.path, self.path / "recipe.py")
        write_whole(self.path / "config.yaml", yaml.safe_dump(dict(values), sort_keys=True))
        manifest = {
            "recipe": recipe.name,
            "recipe_path": str(recipe.path),
            "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "seed": values.get("seed", 42),
            "git": git_state(Path(__file__).parent),
            "versions": versions(),
            "hardware": hardware(),
            "data": {split: {"rows": len(rows), "sha256": fingerprint(rows)} for split, rows in data.items()},
        }
        write_whole(self.path / "manifest.json", json.dumps(manifest, indent=2))

    def _read(self, name: str) -> dict[str, Any]:
        """A JSON or YAML file of the folder, which holds a map."""
        text = (self.path / name).read_text(encoding="utf-8", errors="replace")
        try:
            found = yaml.safe_load(text) if name.endswith(".yaml") else json.loads(text)
        except (yaml.YAMLError, ValueError) as error:
            raise UserError(f"{self.path / name} is damaged: {str(error).splitlines()[0]}") from error
        if not isinstance(found, dict):
            raise UserError(f"{self.path / name} is damaged: it holds no map")
        return found

    @property
    def manifest(self) -> dict[str, Any]:
        found = self._read("manifest.json")
        for name, kind in (("recipe", str), ("recipe_path", str), ("hardware", dict), ("data", dict)):
            if not isinstance(found.get(name), kind):
                raise UserError(f"{self.path / 'manifest.json'} is damaged: it has no {name}")
        return found

    @property
    def values(self) -> dict[str, Any]:
        """The resolved configuration, as --config takes it."""
        return self._read("config.yaml")

    def values_here(self) -> dict[str, Any]:
        """The configuration without its precision where this machine has no GPU as the run had, or has one."""
        here, values = bool(hardware()["gpus"]), self.values
        if here == bool(self.manifest["hardware"].get("gpus")):
            return values
        return {name: value for name, value in values.items() if name not in ("dtype", "bf16", "fp16", "use_cpu")}

    @property
    def results(self) -> dict[str, Any]:
        """What has been evaluated so far."""
        return self._read("results.json") if (self.path / "results.json").is_file() else {}

    def write_results(self, results: Mapping[str, Any]) -> None:
        write_whole(self.path / "results.json", json.dumps(results, indent=2))

    def load_recipe(self) -> Recipe:
        """The recipe as it was copied; files and helper modules are looked for where the original stood."""
        manifest = self.manifest
        return load_recipe(str(self.path / "recipe.py"), manifest["recipe"], Path(manifest["recipe_path"]))

    @property
    def adapter(self) -> Path:
        return self.path / "adapter"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def check_data(self, data: Mapping[str, Sequence[Row]]) -> None:
        """Refuses to go on with other data than the run began with."""
        for split, rows in data.items():
            known = self.manifest["data"].get(split)
            if not isinstance(known, dict) or known.get("sha256") != fingerprint(rows):
                raise UserError(
                    f"the {split} rows are not those that {self.path} began with; a run goes on with its own"
                )

    def append_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Adds the line of one training step."""
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(metrics) + "\n")

    def read_metrics(self) -> list[dict[str, Any]]:
        """The steps so far; a line that a kill cut off does not count."""
        path = self.path / "metrics.jsonl"
        steps: list[dict[str, Any]] = []
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else []:
            with contextlib.suppress(json.JSONDecodeError, RecursionError):
                step = json.loads(line)
                if isinstance(step, dict) and isinstance(step.get("step"), int):
                    steps.append(step)
        return steps

    def write_completions(self, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Writes the completions that step `step` (from 1) learns from; a repeated step replaces its file."""
        import pyarrow
        import pyarrow.parquet

        path = self.path / "completions" / f"step_{step:05d}.parquet"
        path.parent.mkdir(exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), part)
        part.replace(path)

    def mark_complete(self, checkpoint: Path) -> None:
        """Says that everything of a checkpoint is on disk, by listing it with SHA-256."""
        files = {str(f.relative_to(checkpoint)): sha256(f) for f in sorted(checkpoint.rglob("*")) if f.is_file()}
        write_whole(checkpoint / "complete.json", json.dumps(files, indent=2))

    def last_checkpoint(self) -> Path | None:
        """The newest checkpoint of which every file is what it was; a kill or a power cut leaves one that is not."""
        found = [
            path for path in self.checkpoints.glob("checkpoint-*") if path.name.removeprefix("checkpoint-").isdigit()
        ]
        for checkpoint in sorted(found, key=lambda path: int(path.name.split("-")[1]), reverse=True):
            try:
                files = json.loads((checkpoint / "complete.json").read_text(encoding="utf-8"))
                if files and all(sha256(checkpoint / name) == digest for name, digest in files.items()):
                    return checkpoint
            except (OSError, ValueError, AttributeError):  # not there, cut short, or not what mark_complete wrote
                continue
        return None

    @staticmethod
    def is_last_step(checkpoint: Path) -> bool:
        """Whether a checkpoint was saved after the run's last step."""
        state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        return state["global_step"] >= state["max_steps"]

    def rewind(self, step: int) -> None:
        """Drops what was logged after `step`, which a resumed run does again."""
        kept = [metrics for metrics in self.read_metrics() if metrics["step"] <= step]
        write_whole(self.path / "metrics.jsonl", "".join(json.dumps(metrics) + "\n" for metrics in kept))
        for file in (self.path / "completions").glob("step_*.parquet"):
            if file.stem > f"step_{step:05d}":
                file.unlink()
