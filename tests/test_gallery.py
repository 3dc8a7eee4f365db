"""Runs that go wrong in the ways that cost people days, each named by an alarm; tests/test_check.py has the recipes that
never come that far."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlvr_recipes import UserError, audit, check, train
from rlvr_recipes.recipe import pay
from rlvr_recipes.report_completions import Steps
from rlvr_recipes.runs import RunFolder, fingerprint
from rlvr_recipes.trainer import RewardError, watched
from tests.test_report import completion, make_run

TASK = '''
import random
from dataclasses import replace
from rewards import answer_line, correct_answer, correct_number
from rewards.completions import text_of
from rewards.extract import BOXED
from recipes.arithmetic import RECIPE as ARITHMETIC, problem, solve
from rlvr_recipes import Recipe, prompts

def hard(split):
    """Stories of which the tiny policy gets next to none right: it adds."""
    rng, found = random.Random(5), {}
    while len(found) < 64:
        question, operands, operations = problem(rng)
        if operations in "-/":
            found[question] = solve(operands, operations).split("#### ")[1]
    return [{"question": question, "answer": answer} for question, answer in found.items()]

def impossible(split):
    return [{**row, "answer": str(int(row["answer"]) + 1000)} for row in hard(split)]

def one_prompt(row, exemplars):
    return prompts.plain(exemplars, "Ada has 12 pens and finds 7 more. How many pens does Ada have now?")

def shorter(completions, **kwargs):
    return [-float(len(text_of(c))) for c in completions]

def longer(completions, **kwargs):
    return [float(len(text_of(c))) for c in completions]

def boxed(completions, answer, **kwargs):
    return correct_number(completions, answer, markers=(BOXED,), **kwargs)

def fewer(completions, **kwargs):
    return [-float(len(set(text_of(c)))) for c in completions]

def generous(completions, answer, **kwargs):
    return [1.0] * len(completions)

def hard_to_tell(completions, trainer_state=None, **kwargs):
    step = trainer_state.global_step if trainer_state else 0
    return correct_answer([r"#### x^2-\\sqrt{x^5+x+1}>0"], [f"x>{step + 3}"]) + [0.0] * (len(completions) - 1)

def half(completions, answer, **kwargs):
    return [0.5] * len(completions)

CHANGE
'''
SMALL = ("--per_device_train_batch_size", "16", "--num_generations", "4", "--eval_rows", "0", "--save_strategy", "no",
         "--load_in_4bit", "false", "--warmup_steps", "0")  # fmt: skip
PLAIN = "RECIPE = replace(ARITHMETIC, rows=hard, cases=[], exemplars=ARITHMETIC.exemplars[:2])"
BARE = "RECIPE = replace(ARITHMETIC, rows={rows}, cases=[], exemplars=[], shots=0, rewards={rewards})"
RUNS = {
    "no_reward": (BARE.format(rows="impossible", rewards="{correct_number: 1.0}"), 5, ()),
    "form_without_answers": (BARE.format(rows="impossible", rewards="{correct_number: 1.0, answer_line: 0.1}"), 10, ()),
    "dead_groups": (BARE.format(rows="hard", rewards="{half: 1.0}"), 5, ()),
    "identical_completions": (PLAIN, 5, ("--temperature", "0.01")),
    "one_answer": (PLAIN.replace("rows=hard", "rows=hard, prompt=one_prompt"), 5, ()),
    "cut_off": (PLAIN, 5, ("--max_completion_length", "6")),
    "lenient_apart": ("RECIPE = replace(ARITHMETIC, cases=[], exemplars=[], shots=0, rewards={boxed: 1.0, answer_line: 0.1})", 10, ()),
    "length_collapse": (PLAIN.replace("rows=hard", "rows=hard, rewards={correct_number: 1.0, shorter: 1.0}"), 30, ("--learning_rate", "5e-3")),
    "length_explosion": (PLAIN.replace("rows=hard", "rows=hard, rewards={correct_number: 1.0, longer: 1.0}"), 30, ("--learning_rate", "5e-3", "--max_completion_length", "128")),
    "entropy_explosion": (PLAIN, 15, ("--learning_rate", "0.2")),
    "accuracy_collapse": ("RECIPE = replace(ARITHMETIC, cases=[], rewards={correct_number: 0.2, fewer: 1.0})", 16, ("--learning_rate", "2e-3")),
    "entropy_collapse": (PLAIN.replace("rows=hard", "rows=hard, rewards={correct_number: 1.0, fewer: 1.0}"), 15, ("--learning_rate", "1e-2")),
    "nothing_to_learn": (BARE.format(rows="hard", rewards="{generous: 1.0}"), 5, ()),
    "verifier_timeouts": (PLAIN.replace("rows=hard", "rows=hard, rewards={correct_number: 1.0, hard_to_tell: 1.0}"), 5, ()),
    "adapter_still": (PLAIN, 5, ("--learning_rate", "1e-12")),
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, Path]]:
    """Trains a changed recipe in this process; the exit code and the run folder."""
    monkeypatch.chdir(tmp_path)

    def trained(change: str, *flags: object, small: tuple[str, ...] = SMALL) -> tuple[int, Path]:
        (tmp_path / "task.py").write_text(TASK.replace("CHANGE", change))
        folder = tmp_path / "run"
        return train.main(["task.py", *small, *map(str, flags), "--output_dir", str(folder)]), folder

    return trained


def alarms_of(folder: Path) -> dict[str, dict[str, Any]]:
    """The first alarm of each name."""
    found: dict[str, dict[str, Any]] = {}
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        metrics = json.loads(line)
        for alarm in metrics.get("alarms", []):
            found.setdefault(alarm["name"], {**alarm, "step": metrics["step"]})
    return found


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name.startswith("length") else name for name in RUNS]
)
def test_a_run_that_goes_wrong_is_named(
    name: str, run: Callable[..., tuple[int, Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    change, steps, flags = RUNS[name]
    _, folder = run(change, "--max_steps", steps, *flags)
    alarm = alarms_of(folder)[name]
    assert f"alarm in step {alarm['step']}, {name}: {alarm['text']}" in capsys.readouterr().out


HUGE = """
def huge(completions, **kwargs):
    return [1.0 if number % 2 else -1.0 for number in range(len(completions))]

RECIPE = replace(ARITHMETIC, rows=hard, cases=[], rewards={correct_number: 1.0, huge: 3e38})
"""


def test_numbers_beyond_all_measure_end_the_run_and_are_not_saved(
    run: Callable[..., tuple[int, Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    code, folder = run(HUGE, "--max_steps", 5, "--save_strategy", "steps", "--save_steps", 3)
    assert code == 3
    assert alarms_of(folder)["nan"]["step"] == 3
    assert RunFolder.existing(folder).last_checkpoint() is None
    assert "stopped by nan after step 3 of 5. Nothing can be learned from there" in capsys.readouterr().out
    assert "NaN" not in (folder / "metrics.jsonl").read_text()


@pytest.mark.parametrize("rate", ["1e10", "1e13", "1e16", "1e35"])
def test_weights_beyond_all_measure_end_the_run_in_words(
    rate: str, run: Callable[..., tuple[int, Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = run(PLAIN, "--max_steps", 5, "--learning_rate", rate, "--temperature", 2)
    assert code == 3
    assert "stopped by nan after step" in capsys.readouterr().out


def test_stop_on_alarm_saves_and_ends_the_run(
    run: Callable[..., tuple[int, Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    code, folder = run(PLAIN, "--max_steps", 9, "--temperature", "0.01", "--stop_on_alarm")
    assert code == 3
    out = capsys.readouterr().out
    assert "stopped by no_reward, identical_completions after step 5 of 9. To go on:" in out
    checkpoint = RunFolder.existing(folder).last_checkpoint()
    assert checkpoint is not None
    assert checkpoint.name == "checkpoint-5"


RAISING = """
import os

def fussy(completions, **kwargs):
    state = kwargs["trainer_state"]
    if os.environ.get("FUSSY") and state and state.global_step == 3:
        return [1 / ("#" not in text_of(c)) for c in completions]
    return [0.0] * len(completions)

RECIPE = replace(ARITHMETIC, cases=[], rewards={correct_number: 1.0, fussy: 0.1})
"""  # fmt: skip


def test_a_reward_that_raises_loses_nothing(
    run: Callable[..., tuple[int, Path]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded = ("--max_steps", 6, "--save_strategy", "steps", "--save_steps", 50)
    _, undisturbed = run(RAISING, *seeded)
    undisturbed = undisturbed.rename(undisturbed.with_name("undisturbed"))
    capsys.readouterr()
    monkeypatch.setenv("FUSSY", "1")
    code, folder = run(RAISING, *seeded)
    assert code == 4
    out = capsys.readouterr().out
    assert "error in step 4: reward fussy: ZeroDivisionError: division by zero (" in out
    assert "task.py, line " in out
    assert "the completion is '" in out
    assert "step 3 is saved; mend " in out
    monkeypatch.delenv("FUSSY")
    assert train.main(["--resume", str(folder)]) == 0
    assert (folder / "adapter" / "adapter_model.safetensors").read_bytes() == (
        undisturbed / "adapter" / "adapter_model.safetensors"
    ).read_bytes()


def test_a_reward_of_the_wrong_length_or_infinite_is_named_too(
    run: Callable[..., tuple[int, Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = run(
        "def odd(completions, **kwargs):\n"
        "    return [float('inf') if kwargs['trainer_state'] else 0.0] * len(completions)\n"
        "RECIPE = replace(ARITHMETIC, cases=[], rewards={correct_number: 1.0, odd: 0.1})",
        "--max_steps", 2,
    )  # fmt: skip
    assert code == 4
    assert "error in step 1: reward odd gave [inf" in capsys.readouterr().out


ALONE = {"trainer_state": None, "answer": ["5", "6"]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            'log_extra("reason", ["x"])',
            "reward own logs ['x'] as reason; it must be a list of one value for each of the 2",
        ),
        ('log_extra("reason", "because")', "reward own logs 'because' as reason; it must be a list"),
        ('log_extra("lenient", ["yes", "no"])', "as lenient; each must be True or False"),
        ('log_metric("depth", "x")', "reward own logs 'x' as the metric depth; it must be a number"),
        ('log_metric("accuracy", 0.5)', "reward own logs a metric accuracy, which every step has"),
        ("raise SystemExit(0)", "reward own: SystemExit: 0"),
    ],
)
def test_what_a_reward_cannot_log_or_do_is_named(body: str, message: str) -> None:
    space: dict[str, Any] = {}
    exec(f"def own(completions, answer, log_extra, log_metric, **kwargs):\n    {body}\n    return [0.0, 0.0]", space)
    with pytest.raises(RewardError, match=re.escape(message)):
        watched(space["own"])(completions=["a", "b"], **ALONE)
    if "Exit" not in body:
        with pytest.raises(UserError, match=re.escape(message)):
            pay(space["own"], ["a", "b"], {"answer": ["5", "6"]})


def test_what_a_reward_does_to_its_lists_stays_there() -> None:
    def spoiling(completions: list[str], answer: list[str], **kwargs: Any) -> list[float]:
        completions.clear()
        answer[0] = "x"
        return [1.0, 0.0]

    completions, answer = ["a", "b"], ["5", "6"]
    assert watched(spoiling)(completions=completions, answer=answer) == [1.0, 0.0]
    assert pay(spoiling, completions, {"answer": answer}) == [1.0, 0.0]
    assert (completions, answer) == (["a", "b"], ["5", "6"])


def test_what_a_reward_logs_can_be_kept(run: Callable[..., tuple[int, Path]]) -> None:
    body = """
class Thing: pass
def own(completions, answer, log_extra, log_metric, **kwargs):
    n = len(completions)
    log_extra("extracted", [[1, 2]] * n)
    log_extra("thing", [i if i % 2 else "x" for i in range(n)])
    log_extra("other", [Thing()] * n)
    log_extra("big", [10**30] * n)
    log_extra("own", ["never"] * n)
    log_extra("prompt", [1] * n)
    log_metric("depth", 3)
    return [0.0] * n
RECIPE = replace(ARITHMETIC, cases=[], exemplars=[], shots=0, rewards={own: 1.0})
"""
    code, folder = run(body, "--max_steps", 1, "--eval_rows", 2)
    assert code == 0
    (kept, *_) = Steps([], ["own"], None).read(folder / "completions" / "step_00001.parquet")
    assert {name: kept[name] for name in ("extracted", "thing", "big", "own")} == {
        "extracted": "[1, 2]", "thing": "x", "big": str(10**30), "own": 0.0,
    }  # fmt: skip
    assert kept["prompt"].startswith("Question: ")
    assert audit.main([str(folder)]) == 0


# ----------------------------------------------------------------------------------------------------------- the probe


def checked(tmp_path: Path, change: str, *flags: object) -> int:
    (tmp_path / "task.py").write_text(TASK.replace("CHANGE", change))
    return check.main(["task.py", "--load_in_4bit", "false", *map(str, flags)])


def test_a_probe_says_that_grpo_can_start_and_how_long_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = ("--probe", 16, "--num_generations", 4, "--save_difficulty")
    assert checked(tmp_path, "RECIPE = ARITHMETIC", *flags) == 0
    out = capsys.readouterr().out
    assert "probe, 16 rows x 4 completions: groups with variance" in out
    assert "pass@1" in out
    assert "it can start from here" in out
    assert re.search(r"forecast: \d+:\d\d for the run: 40 steps of", out)
    assert "40 steps of" in out
    file = tmp_path / "runs" / "task" / "difficulty.jsonl"
    head, *lines = map(json.loads, file.read_text().splitlines())
    assert head["probe"]["samples"] == 4
    assert len(lines) == 16
    assert {line["pass_rate"] for line in lines} <= {0.0, 0.25, 0.5, 0.75, 1.0}
    monkeypatch.setattr("rlvr_recipes.evaluation._complete", None)  # what was sampled once is not sampled again
    assert checked(tmp_path, "RECIPE = ARITHMETIC", *flags) == 0

    between = [line for line in lines if 0.25 <= line["pass_rate"] <= 0.75]
    small = ("--eval_rows", 0, "--max_steps", 1, "--num_generations", 2, "--per_device_train_batch_size", 2)
    words = ["task.py", *map(str, small), "--load_in_4bit", "false", "--save_strategy", "no"]
    assert train.main([*words, "--difficulty", "0.25:0.75"]) == 0
    told = f"difficulty 0.25:0.75: {len(between)} of 4,096 train rows; 4,080 were never probed and are left out"
    assert f"{told}\n" in capsys.readouterr().out
    assert train.main([*words, "--difficulty", "0.25:0.75", "--shots", "1", "--temperature", "0.8"]) == 0
    told += f"; the pass rates are of shots 2, not 1, temperature {head['probe']['temperature']}, not 0.8\n"
    assert told in capsys.readouterr().out
    for flags, complaint in (
        (("--difficulty", "0.9:0.1"), "difficulty is LOW:HIGH"),
        (("--difficulty", "0.26:0.27"), "widen it"),
        (("--difficulty", "0:1", "--difficulty_file", "other.jsonl"), "there are no pass rates in other.jsonl"),
        (("--difficulty", "0:1", "--model_name_or_path", "else/where"), "is of the model assets/tiny_policy"),
    ):
        with pytest.raises(UserError, match=complaint):
            train.main([*words, *flags])


@pytest.mark.parametrize(
    ("change", "flags", "expected"),
    [
        (BARE.format(rows="impossible", rewards="{correct_number: 1.0}"), (), "easier rows or a stronger model"),
        (PLAIN, ("--max_completion_length", 5), "not made, what is BAD above comes first"),
        (BARE.format(rows="hard", rewards="{half: 1.0}"), (), "easier rows or a stronger model"),
        (PLAIN.replace("rows=hard", "rows=hard, stop=()"), (), "before they end: longer completions"),
    ],
)
def test_a_probe_says_that_it_cannot_start_and_what_would_help(
    change: str, flags: tuple[object, ...], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert checked(tmp_path, change, "--probe", 8, "--num_generations", 4, "--eval_rows", 0, *flags) == 1
    assert expected in capsys.readouterr().out


def test_a_probe_of_more_rows_than_there_are_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="there are 64 train rows"):
        checked(tmp_path, PLAIN, "--probe", 65, "--eval_rows", 0)
    with pytest.raises(UserError, match="say how many rows"):
        checked(tmp_path, PLAIN, "--save_difficulty")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("other.jsonl", "other.jsonl holds a probe with another recipe, reward"),
        ("task.py", "task.py is damaged"),
        ("task.py/pass.jsonl", "there can be no file task.py/pass.jsonl"),
    ],
)
def test_a_file_that_cannot_take_pass_rates_is_refused_before_the_probe(
    file: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rlvr_recipes.probe.run", None)
    monkeypatch.setattr("rlvr_recipes.memory.findings", lambda *_: [])
    (tmp_path / "other.jsonl").write_text('{"probe": {"recipe": "x"}}\n')
    with pytest.raises(UserError, match=re.escape(message)):
        checked(tmp_path, "RECIPE = ARITHMETIC", "--probe", 1, "--eval_rows", 0, "--save_difficulty", file)


# ----------------------------------------------------------------------------------------------------------- the audit


def test_an_audit_finds_what_the_rewards_pay_otherwise_now(
    run: Callable[..., tuple[int, Path]], capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = run("RECIPE = ARITHMETIC", "--max_steps", 2, "--eval_rows", 8)
    assert audit.main([str(folder)]) == 0
    assert "every completion of 48 earns what it earned" in capsys.readouterr().out
    task = folder.parent / "task.py"
    task.write_text(
        task.read_text()
        + "\ndef correct_number(completions, answer, **kwargs):\n    return [0.0] * len(completions)\n"
        + "RECIPE = replace(RECIPE, rewards={correct_number: 1.0, answer_line: 0.1}, cases=[])\n"
    )
    assert audit.main([str(folder)]) == 1
    out = capsys.readouterr().out
    assert "correct_number paid 1.0, pays 0.0 now" in out
    assert "of 48 completions are paid more now" in out
    task.unlink()
    assert audit.main([str(folder)]) == 0  # by the copy in the run folder
    task.write_text(TASK.replace("CHANGE", BARE.format(rows="hard", rewards="{half: 1.0}")))
    with pytest.raises(UserError, match="the run was not paid by half; name the recipe"):
        audit.main([str(folder)])
    with pytest.raises(UserError, match="there is no option --recip; did you mean --recipe?"):
        audit.main([str(folder), "--recip=task.py"])


STORED = """
from rewards import answer_line, correct_number
from rlvr_recipes import Recipe

RECIPE = Recipe(model="m", rows=lambda split: [{"question": f"{n}", "answer": str(n)} for n in range(12)],
                prompt=lambda row, exemplars: row["question"], rewards={correct_number: 1.0, answer_line: 0.1})
"""
LINE = '{"row": %s, "completion": %s, "tokens": 1, "correct_number": %s, "answer_line": 0.0}\n'


@pytest.mark.parametrize(
    ("file", "spoilt", "message"),
    [
        ("parquet", {"tokens": None}, "step_00002.parquet, completion 1 is damaged, so it cannot be replayed"),
        ("parquet", {"columns": "{"}, "step_00002.parquet, completion 1 is damaged"),
        ("parquet", {"completion": 5}, "step_00002.parquet, completion 1 is damaged"),
        ("parquet", {"correct_number": "1"}, "step_00002.parquet, completion 1 is damaged"),
        ("before.jsonl", LINE % ("999", '"x"', "1.0"), "before.jsonl, line 1 is of no row of the test split"),
        ("before.jsonl", LINE % ('"a"', '"x"', "1.0"), "before.jsonl, line 1 is of no row of the test split"),
        ("before.jsonl", LINE % ("3", "null", "1.0"), "before.jsonl, line 1 is of no row of the test split"),
        ("before.jsonl", LINE % ("3", '"x"', "[]"), "before.jsonl, row 3 is damaged"),
        ("manifest.json", "[", "manifest.json is damaged"),
    ],
)
def test_a_damaged_run_is_named_by_an_audit(
    file: str, spoilt: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run(tmp_path / "run")
    (folder.path / "recipe.py").write_text(STORED)
    rows = folder.load_recipe().rows_of("test")
    data = {"test": {"rows": 12, "sha256": fingerprint(rows)}}
    (folder.path / "manifest.json").write_text(json.dumps({**folder.manifest, "data": data}))
    folder.write_completions(2, [{**completion(2, 1, 0, False), "correct_number": 1.0, "completion": "\x1b[2J"}])
    assert audit.main([str(folder.path)]) == 1
    assert "\x1b" not in capsys.readouterr().out
    folder.write_completions(2, [completion(2, 1, 0, True)])
    assert audit.main([str(folder.path)]) == 0
    if file == "parquet":
        folder.write_completions(2, [{**completion(2, 1, 0, True), **spoilt}])
    else:
        next(folder.path.rglob(file)).write_text(spoilt)
    with pytest.raises(UserError, match=re.escape(message)):
        audit.main([str(folder.path)])


# -------------------------------------------------------------------------------------------------------- the trackers


def names_of(folder: Path) -> set[str]:
    steps = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {
        name for step in steps for name, value in step.items() if name not in ("step", "alarms") and value is not None
    }


def test_tensorboard_gets_the_same_metrics_under_the_same_names(run: Callable[..., tuple[int, Path]]) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    code, folder = run(PLAIN, "--max_steps", 2, "--report_to", "tensorboard")
    assert code == 0
    events = accumulator.EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    tags = {tag.removeprefix("train/") for tag in events.Tags()["scalars"]}
    assert names_of(folder) <= tags
    (logged,) = [event.value for event in events.Scalars("train/dead_groups") if event.step == 1]
    assert logged == pytest.approx(json.loads((folder / "metrics.jsonl").read_text().splitlines()[0])["dead_groups"])


def test_mlflow_gets_the_same_metrics_under_the_same_names(
    run: Callable[..., tuple[int, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    code, folder = run(PLAIN, "--max_steps", 2, "--report_to", "mlflow")
    assert code == 0
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    (found,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert names_of(folder) <= {name.removeprefix("train/") for name in found.data.metrics}
