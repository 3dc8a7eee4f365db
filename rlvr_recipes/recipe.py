"""What a recipe file declares, and how a command finds one."""

import difflib
import importlib.machinery
import importlib.util
import inspect
import math
import os
import re
import sys
import traceback
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, TypeAlias

import recipes
import rewards

Row: TypeAlias = dict[str, Any]
Exemplar: TypeAlias = tuple[str, str]  # question, solution
Prompt: TypeAlias = str | list[dict[str, str]]
Reward: TypeAlias = Callable[..., Sequence[float | None]]


class UserError(Exception):
    """A mistake in what the user gave; every command prints it without a traceback and exits with 2."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean X?` for a misspelt name or for initials, or nothing where no known name is near.

    >>> nearest("lerning_rate", ["learning_rate", "max_steps"]), nearest("--lr", ["--lora_r", "--learning_rate"])
    ('; did you mean learning_rate?', '; did you mean --learning_rate?')
    """
    known = list(known)
    initials = [each for each in known if re.sub(r"([a-zA-Z])[a-zA-Z]*_?", r"\1", each) == name and "_" in each]
    found = sorted(initials, key=len, reverse=True) or difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {found[0]}?" if found else ""


SPLITS = ("train", "validation", "test")
# Columns of our own in completions and evaluations, and names that GRPOTrainer gives a meaning.
RESERVED = frozenset(
    "row sample prompt_sha256 completion tokens cut_off seconds reward prompt columns "
    "batch batch_size limit rank".split()
)
TAKEN = frozenset(
    "prompt prompts completion completions completion_ids trainer_state log_extra log_metric image images "
    "environment environments".split()
)
HALF = re.compile("[\ud800-\udfff]")  # of a character, which no file can hold
LARGEST_PAY = 1e15  # TRL squares and sums pay in 32 bits
VERDICT = ("extracted", "where", "reason")  # columns of text that a reward may log
METRICS = frozenset(  # of a step, which no reward may log as its own
    "step reward reward_std loss grad_norm learning_rate entropy kl epoch alarms accuracy lenient dead_groups "
    "unpaid_dead_groups identical_groups top_wrong_answer verifier_timeouts adapter_moved tokens_per_second".split()
)
CHANGE = "CHANGE: "  # begins what is still to be written in a recipe that `new` made


class _NotItself:
    """Keeps a recipe from importing itself: named as a package that is not installed, it is not that package."""

    running: Path | None = None  # the recipe whose code runs
    originals: ClassVar[dict[Path, Path]] = {}  # of copies

    @classmethod
    def find_spec(cls, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if path is None and cls.running is not None and name == cls.running.stem:
            found = importlib.machinery.PathFinder.find_spec(name)
            if found is not None and found.origin == str(cls.running):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@contextmanager
def users_code(path: Path) -> Iterator[None]:
    """Turns whatever a recipe's own code raises into a `UserError` with its file and line."""
    before, _NotItself.running = _NotItself.running, _NotItself.originals.get(path, path)
    try:
        yield
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:  # also SystemExit: a recipe must not end the command as if it had succeeded
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(path)), None)
        place = f"{path}, line {line}" if line is not None else str(path)
        beside = [frame for frame in frames if Path(frame.filename).parent == path.parent]
        helper = Path(beside[-1].filename).name if beside and beside[-1].filename != str(path) else None
        where = f" ({helper}, line {beside[-1].lineno})" if helper is not None else ""
        raise UserError(f"{place}: {type(error).__name__}: {error}{where}") from error
    finally:
        _NotItself.running = before


def check_split(split: str) -> None:
    """Refuses a split that no recipe has."""
    if split not in SPLITS:
        raise UserError(f"there is no split {split}{nearest(split, SPLITS)} (known: {', '.join(SPLITS)})")


def pay(
    reward: Reward,
    completions: Sequence[Any],
    columns: Mapping[str, Sequence[Any]],
    prompts: Sequence[Any] | None = None,
    completion_ids: Sequence[list[int]] | None = None,
    log_extra: Callable[[str, list[Any]], None] = lambda column, values: None,
) -> Sequence[float | None]:
    """What a reward pays, called as GRPOTrainer calls it.

    Raises:
        UserError: the reward needs a column that is not there, or gives another number of values than completions.
    """
    given: dict[str, Any] = {
        "prompts": prompts if prompts is not None else [""] * len(completions),
        "completions": completions,
        "completion_ids": completion_ids if completion_ids is not None else [[]] * len(completions),
        **columns,
        "trainer_state": None,
        "log_extra": log_extra,
        "log_metric": lambda name, value: None,
    }
    given = given_to(reward, given)
    parameters = inspect.signature(reward).parameters.values()
    needed = {p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    if missing := needed - given.keys():
        there = ", ".join(columns) or "none"
        raise UserError(f"reward {reward.__name__} needs the column {', '.join(sorted(missing))}; there is {there}")
    return checked_pay(reward, reward(**given), len(completions))


def given_to(reward: Reward, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a reward gets: lists of its own, which it may change, and TRL's hooks, which refuse what nobody could keep.

    Raises:
        UserError: from the hooks, for other than one value per completion, or a metric that is no number or ours.
    """
    own = {name: [*values] if isinstance(values, list | tuple) else values for name, values in given.items()}
    number = len(given["completions"])

    def log_extra(column: str, values: Any) -> None:
        if not isinstance(values, list | tuple) or len(values) != number:
            raise UserError(
                f"reward {reward.__name__} logs {values!r:.60} as {column}; it must be a list of one value for each of "
                f"the {number} completions"
            )
        if column == "lenient" and not all(value is None or value in (True, False) for value in values):
            raise UserError(f"reward {reward.__name__} logs {values!r:.60} as lenient; each must be True or False")
        if column not in RESERVED:  # our own records have these
            given["log_extra"](column, storable(column, values))

    def log_metric(name: str, value: Any) -> None:
        if name in METRICS:
            raise UserError(f"reward {reward.__name__} logs a metric {name}, which every step has; call it otherwise")
        if not isinstance(value, int | float):
            raise UserError(f"reward {reward.__name__} logs {value!r:.60} as the metric {name}; it must be a number")
        given["log_metric"](name, value)

    return {**own, "log_extra": log_extra, "log_metric": log_metric}


def storable(column: str, values: Sequence[Any]) -> list[Any]:
    """Values that a column of a table can hold: of one type; all as text where they are of several, or of another.

    >>> storable("length", [3, None]), storable("seen", [3, "a"])
    ([3, None], ['3', 'a'])
    """
    kinds = {type(value) for value in values if value is not None}
    if column == "lenient":
        return [None if value is None else bool(value) for value in values]
    if column not in VERDICT and kinds <= {float, int} and all(abs(value or 0) < 2**63 for value in values):
        return list(values)
    if column not in VERDICT and kinds == {bool}:
        return list(values)
    texts = [None if value is None else str(value) for value in values]
    return [text and text.encode("utf-8", "backslashreplace").decode() for text in texts]


def checked_pay(reward: Reward, paid: Any, completions: int) -> Sequence[float | None]:
    """What a reward gave, if that is a finite number or None for each of so many completions; else a `UserError`."""
    if not isinstance(paid, Sequence) or not all(
        value is None or (isinstance(value, int | float) and abs(value) <= LARGEST_PAY) for value in paid
    ):
        asked = f"a list of finite numbers between -{LARGEST_PAY:g} and {LARGEST_PAY:g}"
        raise UserError(f"reward {reward.__name__} gave {paid!r:.100}; it must give {asked}")
    if len(paid) != completions:
        raise UserError(f"reward {reward.__name__} gave {len(paid)} values for {completions} completions")
    return paid


def _is_reward(reward: object) -> bool:
    """Whether TRL can call it: a plain function, or an object such as `exact_format(...)` that behaves like one."""
    if inspect.isfunction(reward):
        return not inspect.iscoroutinefunction(reward)
    return not isinstance(reward, type) and callable(reward) and isinstance(vars(reward).get("__name__"), str)


@dataclass(frozen=True)
class Case:
    """One completion with the pay it must get: `Case("#### 18", answer="18", correct_number=1.0)`.

    A keyword that names a reward of the recipe is the pay expected of it; every other one is a column of the row.
    """

    completion: str
    fields: dict[str, Any]

    def __init__(self, completion: str, **fields: Any) -> None:
        if not isinstance(completion, str):
            raise UserError(f"a case begins with the text of a completion, not {completion!r}")
        object.__setattr__(self, "completion", completion)
        object.__setattr__(self, "fields", fields)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A task: its data, its prompt, its rewards and what differs from our training defaults.

    Args:
        model: hub id or folder of the policy to start from.
        rows: `rows(split)`, or `rows(split, dataset_path)` where local files can stand in for the hub: the rows of
            "train", "validation" or "test", each a dict with what the prompt and the rewards read.
        prompt: `prompt(row, exemplars)` gives the text or the messages the policy sees.
        rewards: reward function -> weight. The first decides accuracy, in training and in evaluation.
        exemplars: all (question, solution) pairs there are for the few-shot prompt.
        shots: how many of them the prompt shows.
        stop: a completion ends where the policy writes one of these; for a base model, which knows no end of turn.
        eval_split: the split that is scored before and after training.
        config: fields of TRL's GRPOConfig and ModelConfig, under TRL's names, that differ from `config.DEFAULTS`.
        cases: completions with the pay they must get, checked before every run.
    """

    model: str
    rows: Callable[..., Sequence[Row]]
    prompt: Callable[[Row, Sequence[Exemplar]], Prompt]
    rewards: Mapping[Reward, float]
    exemplars: Sequence[Exemplar] = ()
    shots: int = 0
    stop: tuple[str, ...] = ()
    eval_split: str = "test"
    config: Mapping[str, Any] = field(default_factory=dict)
    cases: Sequence[Case] = ()
    name: str = ""
    path: Path = Path()
    helpers: tuple[Path, ...] = ()  # modules of the user's that the recipe file imports

    def __post_init__(self) -> None:
        if not isinstance(self.rewards, Mapping) or not self.rewards:
            raise UserError(
                "rewards is a dict, reward function -> weight, with at least one; the first decides accuracy"
            )
        for reward, weight in self.rewards.items():
            if not _is_reward(reward):
                raise UserError(
                    f"rewards holds {reward!r}, which is no plain function (def) and no callable object with a __name__"
                )
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight):
                raise UserError(f"the weight of reward {reward.__name__} is {weight!r}; it must be a number")
            if reward.__name__ in RESERVED:
                raise UserError(f"a reward cannot be called {reward.__name__}: our records have a column of that name")
        names = [reward.__name__ for reward in self.rewards]
        if len(set(names)) < len(names):
            raise UserError(f"two rewards have one name, TRL would merge them: {', '.join(names)}; rename one")
        if not isinstance(self.stop, tuple) or not all(isinstance(text, str) and text for text in self.stop):
            raise UserError('stop is a tuple of non-empty texts, such as ("\\n\\n",)')
        if not isinstance(self.exemplars, Sequence) or not all(
            isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(text, str) for text in pair)
            for pair in self.exemplars
        ):
            raise UserError("exemplars is a list of pairs of texts, (question, solution)")
        if not callable(self.rows) or not callable(self.prompt):
            raise UserError("rows and prompt are functions: rows(split) and prompt(row, exemplars)")
        if not isinstance(self.config, Mapping) or not all(isinstance(name, str) for name in self.config):
            raise UserError("config is a dict, field name -> value")
        if not isinstance(self.cases, Sequence) or not all(isinstance(case, Case) for case in self.cases):
            raise UserError("cases is a list of Case(...)")
        if not isinstance(self.model, str) or not self.model:
            raise UserError("model is a hub id or a folder")
        self.exemplars_shown(self.shots)

    def exemplars_shown(self, shots: int | None) -> Sequence[Exemplar]:
        """The first `shots` exemplars, None for the recipe's number; more or fewer than can be is a `UserError`."""
        shots = self.shots if shots is None else shots
        if isinstance(shots, bool) or not isinstance(shots, int) or not 0 <= shots <= len(self.exemplars):
            raise UserError(f"shots is {shots!r}, but there are {len(self.exemplars)} exemplars; take 0 to that many")
        return self.exemplars[:shots]

    def rows_of(self, split: str, dataset_path: str | None = None) -> list[Row]:
        """The rows of a split. A `dataset_path` for a recipe that makes its own rows is a `UserError`."""
        check_split(split)
        if dataset_path is None:
            with users_code(self.path):
                return list(self.rows(split))
        if "dataset_path" not in inspect.signature(self.rows).parameters:
            raise UserError(f"recipe {self.name} makes its own rows and reads no files; leave out --dataset_path")
        with users_code(self.path):
            return list(self.rows(split, dataset_path=dataset_path))

    def prompts_of(self, rows: Sequence[Row], exemplars: Sequence[Exemplar]) -> list[Prompt]:
        """The prompt of each row; one that is empty or neither text nor messages is a `UserError`."""
        prompts = []
        for number, row in enumerate(rows, 1):
            try:
                with users_code(self.path):
                    prompts.append(self.prompt(row, exemplars))
            except UserError as error:
                cause = error.__cause__
                if isinstance(cause, KeyError) and cause.args and cause.args[0] not in row:
                    near = nearest(str(cause.args[0]), row)
                    raise UserError(f"{error}{near} (row {number} has the columns {', '.join(row)})") from error
                raise
        for number, prompt in enumerate(prompts, 1):
            place = f"recipe {self.name}: the prompt of row {number}"
            if not isinstance(prompt, str | list) or not prompt:
                raise UserError(f"{place} is {prompt!r:.100}, not a text or messages")
            if isinstance(prompt, str) != isinstance(prompts[0], str):
                raise UserError(f"{place} is a {type(prompt).__name__}, the first is a {type(prompts[0]).__name__}")
            for message in prompt if isinstance(prompt, list) else ():
                if not isinstance(message, dict) or not {"role", "content"} <= message.keys():
                    raise UserError(f'{place} holds {message!r:.100}; a message is {{"role": ..., "content": ...}}')
        return prompts

    def check_decides(self, paid: float | None) -> None:
        """The first reward pays 1.0 for what is right and less for all else; more is a `UserError`."""
        if paid is not None and paid > 1.0:
            raise UserError(
                f"{next(iter(self.rewards)).__name__} pays {paid:g}; the first reward decides accuracy, so it pays 1.0 "
                "for a right answer and less for all else; what it counts for in training is its weight in rewards"
            )

    def judged(self, number: int, case: Case) -> Iterator[tuple[str, float | None, Any, dict[str, Any]]]:
        """What the rewards pay for a case: name, pay, the pay it expects, and what was logged of it."""
        rewards = {reward.__name__: reward for reward in self.rewards}
        columns = {name: [value] for name, value in case.fields.items() if name not in rewards}
        place = f"recipe {self.name}, case {number}"
        expected = [name for name in rewards if name in case.fields]
        if not expected:
            raise UserError(f"{place} expects no pay; say it of one of {', '.join(rewards)}")
        for name in expected:
            logged: dict[str, Any] = {}

            def log(column: str, values: list[Any], logged: dict[str, Any] = logged) -> None:
                logged[column] = values[0]

            try:
                with users_code(self.path):
                    (paid,) = pay(rewards[name], [case.completion], columns, log_extra=log)
                if name == next(iter(rewards)):
                    self.check_decides(paid)
            except UserError as error:
                raise UserError(f"{place}: {error}") from error
            yield name, paid, case.fields[name], logged

    def unwritten(self) -> list[str]:
        """The exemplars and cases that are still to be written, in a recipe that `new` made."""
        texts = [(f"exemplar {number}", solution) for number, (_, solution) in enumerate(self.exemplars, 1)]
        texts += [(f"case {number}", case.completion) for number, case in enumerate(self.cases, 1)]
        marked = [(place, text.removeprefix(CHANGE)) for place, text in texts if text.startswith(CHANGE)]
        return [f"{place} is still to be written: {text.splitlines()[0] if text else ''}" for place, text in marked]

    def check_cases(self) -> None:
        """Scores every case; a `UserError` names the first that is not written or whose pay is not the expected one."""
        for text in self.unwritten():
            raise UserError(f"recipe {self.name}: {text} ({self.path})")
        for number, case in enumerate(self.cases, 1):
            for name, paid, expected, _ in self.judged(number, case):
                if paid != expected:
                    raise UserError(
                        f"recipe {self.name}, case {number}: {name} pays {paid}, the case says {expected}, "
                        f"for {case.completion!r}"
                    )

    def check_rows(self, rows: Sequence[Row], split: str) -> None:
        """Lets every reward read every row once, so that a bad gold or a missing column shows before a model loads."""
        place = f"{split} rows of recipe {self.name}"
        if len(rows) == 0:
            raise UserError(f"{place}: there are none")
        for number, row in enumerate(rows, 1):
            if not isinstance(row, dict):
                raise UserError(f"{place}: row {number} is a {type(row).__name__}; a row is a dict, column -> value")
            if row.keys() != rows[0].keys():
                raise UserError(f"{place}: row {number} has {', '.join(row)}; the first has {', '.join(rows[0])}")
        if taken := TAKEN.intersection(rows[0]):
            raise UserError(
                f"{place}: a column cannot be called {min(taken)}, TRL gives that name a meaning of its own"
            )
        names = [*rows[0], *(reward.__name__ for reward in self.rewards)]
        for number, case in enumerate(self.cases, 1):
            for name in case.fields:
                if name not in names:
                    raise UserError(f"case {number} says {name}, no column and no reward{nearest(name, names)}")
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        for name, values in columns.items():
            kinds = {type(value) for value in values} - {type(None)}
            if len(kinds) > 1 and kinds != {int, float}:
                listed = ", ".join(sorted(kind.__name__ for kind in kinds))
                raise UserError(f"{place}: the column {name} holds values of several types: {listed}")
            for number, value in enumerate(values, 1):
                if isinstance(value, str) and HALF.search(value):
                    raise UserError(f"{place}: row {number}, {name} holds half a character: {value!r:.60}")
        for reward in self.rewards:
            try:
                with users_code(self.path):
                    pay(reward, [""] * len(rows), columns)
            except UserError as error:
                raise UserError(f"{place}: {error}") from error


def find_recipe(name_or_path: str) -> Path:
    """The file of a recipe: a path as it is; a name here, in `./recipes` or among the recipes of the package.

    Raises:
        UserError: there is none, or there are two of that name.
    """
    path = Path(name_or_path[:4096])
    if path.suffix == ".py" or len(path.parts) > 1:
        if not path.is_file():
            if (path / "manifest.json").is_file():
                raise UserError(f"{path} is a run folder: go on with it by --resume {path}, or score it with eval")
            kind = "run folder" if path.is_dir() or path.parts[0] == "runs" else "recipe file (a path ends in .py)"
            near = nearest(str(path), map(str, path.parent.glob("*.py")))
            raise UserError(f"{path} is no {kind}" if path.exists() else f"there is no {kind} {path}{near}")
        return path.resolve()
    folders = [Path("recipes"), *map(Path, recipes.__path__)]
    files = [folder / f"{name_or_path}.py" for folder in (Path(), *folders)]
    found = {file.resolve(): file for file in reversed(files) if file.is_file()}
    if len(found) > 1:
        places = " and ".join(map(str, reversed(found.values())))
        raise UserError(f"there are {len(found)} recipes {name_or_path}: {places}; give the path of the one you mean")
    if found:
        return next(iter(found))
    known = sorted({file.stem for folder in folders for file in folder.glob("*.py") if file.stem != "__init__"})
    near = nearest(name_or_path, [*known, *(file.stem for file in Path().glob("*.py"))])
    raise UserError(f"there is no recipe {name_or_path}{near} (known: {', '.join(known)}; a path ends in .py)")


def _users_modules(names: Iterable[str]) -> tuple[Path, ...]:
    """The files of those modules that are neither installed nor this project's."""
    files = {getattr(sys.modules[name], "__file__", None) for name in names}
    paths = {Path(file).resolve() for file in files if file}
    others = [Path(place).resolve() for place in (sys.prefix, sys.base_prefix)]
    others += [Path(__file__).resolve().parent, Path(rewards.__file__).resolve().parent]
    return tuple(sorted(path for path in paths if not any(path.is_relative_to(place) for place in others)))


_FOLDERS: list[Path] = []  # of the recipes loaded so far, the last one first


def _stands_beside(folder: Path, module: str) -> Path | None:
    """The file in a recipe's folder that a module's name stands for."""
    top = module.partition(".")[0]
    return next((file for file in (folder / f"{top}.py", folder / top / "__init__.py") if file.is_file()), None)


def _import_from(folder: Path) -> None:
    """Lets a recipe import the modules beside it: after what is installed, before other recipes' and those here.

    A helper of another recipe whose name stands for a file beside this one is forgotten; that recipe has it already.
    """
    beside = {file.stem for file in folder.glob("*.py")} | {file.parent.name for file in folder.glob("*/__init__.py")}
    for name in [name for name in sys.modules if name.partition(".")[0] in beside]:
        if _is_anothers(name, sys.modules[name], folder):
            del sys.modules[name]
    added = [str(each) for each in _FOLDERS]
    sys.path[:] = [each for each in sys.path if each not in added]
    _FOLDERS[:] = [folder, *(each for each in _FOLDERS if each != folder)]
    here = [sys.path.pop()] if sys.path[-1] == os.getcwd() else []
    sys.path += [*map(str, _FOLDERS), *here]


def _is_anothers(name: str, module: ModuleType, folder: Path) -> bool:
    """Whether a module was found beside another recipe."""
    top = name.partition(".")[0]
    file = Path(vars(module).get("__file__") or "")
    return any(file == each / f"{top}.py" or each / top in file.parents for each in _FOLDERS if each != folder)


def _hidden(cause: BaseException | None, folder: Path) -> str:
    """Which file beside a recipe was not imported, because an installed module has its name."""
    name = cause.name if isinstance(cause, ImportError) else None
    if isinstance(cause, AttributeError) and isinstance(cause.obj, ModuleType):
        name = cause.obj.__name__
    file = _stands_beside(folder, name) if name else None
    module = sys.modules.get(name.partition(".")[0]) if name else None
    if file is None or module is None or vars(module).get("__file__") == str(file):
        return ""
    return f"; {file.name} beside the recipe is hidden by an installed module of that name: rename it"


def load_recipe(name_or_path: str, name: str | None = None, original: Path | None = None) -> Recipe:
    """The `RECIPE` of a recipe file, given by name or path; the file name is the recipe's name unless `name` is.

    Args:
        original: of a copy, where it was copied from: files and helper modules are looked for there.

    Raises:
        UserError: no such file, a syntax error in it, or no `RECIPE`.
    """
    path = find_recipe(name_or_path)
    name = name or path.stem
    module_name = f"rlvr_recipe_{name}"  # not the bare name: a recipe called code.py must not hide Python's own
    if (other := sys.modules.get(module_name)) is not None and other.__spec__ and other.__spec__.origin != str(path):
        module_name += f"_{zlib.crc32(str(path).encode()):08x}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(original or path)
    sys.modules[module_name] = module  # so that a reward defined in the recipe pickles
    folder = (original or path).parent
    _import_from(folder)
    if original is not None:
        _NotItself.originals[path] = original
    if _NotItself not in sys.meta_path:
        sys.meta_path.insert(0, _NotItself)
    known = set(sys.modules)
    try:
        with users_code(path):
            spec.loader.exec_module(module)
    except UserError as error:
        cause = error.__cause__
        if isinstance(cause, SyntaxError):
            place = f"{cause.filename or path}, line {cause.lineno}" if cause.lineno else str(path)
            raise UserError(f"{place}: {cause.msg}: {(cause.text or '').strip()}".rstrip(": ")) from error
        if unknown := re.search(r"Recipe.__init__\(\) got an unexpected keyword argument '(\w+)'", str(cause)):
            near = nearest(unknown[1], [f.name for f in fields(Recipe)])
            raise UserError(f"{str(error).split(': ')[0]}: a Recipe has no {unknown[1]}{near}") from error
        place = "" if str(path) in str(error) else f"{path}: "
        raise UserError(f"{place}{error}{_hidden(cause, folder)}") from error
    recipe = vars(module).get("RECIPE")
    if not isinstance(recipe, Recipe):
        raise UserError(f"{path} has no RECIPE = Recipe(...) at its end")
    object.__setattr__(recipe, "name", name)
    object.__setattr__(recipe, "path", path)
    object.__setattr__(recipe, "helpers", _users_modules(set(sys.modules) - known))
    return recipe
