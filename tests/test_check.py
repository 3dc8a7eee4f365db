"""`check` finds what would spoil a run before a model is loaded, by name, and nothing in the recipes that are shipped."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rlvr_recipes import check
from tests.conftest import PROJECT, TINY

Command = Callable[..., subprocess.CompletedProcess[str]]
TASK = """
from rewards import answer_line, correct_answer, correct_number
from rlvr_recipes import Case, Recipe, prompts

EXEMPLARS = [("1 + 1?", "1 + 1 = 2\\n#### 2"), ("2 + 2?", "2 + 2 = 4\\n#### 4")]
REWARDS = {correct_number: 1.0, answer_line: 0.1}
CASES = [Case("#### 2", answer="2", correct_number=1.0, answer_line=1.0)]
CONFIG = {"max_completion_length": 32}

def rows(split):
    return [{"question": f"{n} + 1?", "answer": GOLD(n + 1)} for n in range(40)]

def prompt(row, exemplars):
    return prompts.plain(exemplars, row["question"])

GOLD = str
CHANGE
RECIPE = Recipe(model="MODEL", rows=rows, prompt=prompt, exemplars=EXEMPLARS, shots=2, rewards=REWARDS, cases=CASES,
                config=CONFIG)
"""
BROKEN = {
    "exemplars in another form": (
        'EXEMPLARS = [("1 + 1?", "It is 2."), ("2 + 2?", "It is 4.")]',
        "exemplar 1 can earn nothing from correct_number: no answer is committed to",
    ),
    "one exemplar in another form": (
        'EXEMPLARS = [EXEMPLARS[0], ("2 + 2?", "The answer is 4.")]',
        "exemplar 2 earns 0 of 1 from answer_line",
    ),
    "an exemplar that hedges": (
        'EXEMPLARS = [EXEMPLARS[0], ("2 + 2?", "#### 4 or 5")]',
        "exemplars: gold answer '4 or 5' is not a number",
    ),
    "a constant reward": (
        "def correct_number(completions, answer, **kwargs):\n    return [1.0] * len(completions)\n"
        "REWARDS = {correct_number: 1.0}\nCASES = []",
        "answers of other problems: 40 of 40 paid, such as",
    ),
    "golds that a reward of one's own cannot read": (
        "def correct_number(completions, answer, **kwargs):\n"
        "    return [float(c.split('#### ')[-1].replace(',', '') == a) for c, a in zip(completions, answer)]\n"
        "REWARDS = {correct_number: 1.0}\nCASES = []\nGOLD = lambda n: f'{n * 100:,}'",
        "golds in the asked form: 9 of 40 train rows paid; row 9 is not: '#### 1,000'",
    ),
    "a reward that gives None for all": (
        "def correct_number(completions, answer, **kwargs):\n    return [None] * len(completions)\n"
        "REWARDS = {correct_number: 1.0}\nCASES = []",
        "exemplars: correct_number gives None for all of them, so it decides nothing",
    ),
    "golds that are all given None": (
        "def correct_number(completions, answer, **kwargs):\n    return [None] * len(completions)\n"
        "REWARDS = {correct_number: 1.0}\nCASES = []\nprompts = None\n_rows = rows\n"
        "def rows(split):\n    return [{**row, 'solution': '#### ' + row['answer']} for row in _rows(split)]\n"
        "def prompt(row, exemplars):\n    return row['question']\n"
        "import rlvr_recipes\ndef Recipe(**given):\n"
        "    return rlvr_recipes.Recipe(**{**given, 'exemplars': (), 'shots': 0})",
        "solutions: correct_number gives None for all train rows",
    ),
    "a first reward that pays more than 1": (
        "def correct_number(completions, answer, **kwargs):\n"
        "    return [2.0 * c.endswith(f'#### {a}') for c, a in zip(completions, answer)]\n"
        "REWARDS = {correct_number: 1.0}\nCASES = []",
        "correct_number pays 2; the first reward decides accuracy",
    ),
    "a reward that depends on the order of completions": (
        "_right = correct_number\ndef correct_number(completions, answer, **kwargs):\n"
        "    return _right(completions, answer)[::-1]\nREWARDS = {correct_number: 1.0}\nCASES = []",
        "among wrong and right ones, and else not; a pay may depend on its own completion and row only",
    ),
    "fewer rows than a generation takes": (
        "_rows = rows\ndef rows(split):\n    return _rows(split)[:1]",
        "training has 1 rows, but one generation takes",
    ),
    "one gold for all": ("GOLD = lambda n: '7'", "a constant answer earns everything"),
    "a tiny completion limit": (
        'CONFIG = {"max_completion_length": 8}',
        "exemplars' answers: 0 of 2 fit max_completion_length 8",
    ),
    "prompts beyond the context": (
        'EXEMPLARS = [("1 + 1?" * 4000, "#### 2"), EXEMPLARS[1]]',
        "beyond the context of 4,096; prompts are never cut: show fewer exemplars",
    ),
    "a case that is not paid": (
        'CASES = [Case("#### 3", answer="2", correct_number=1.0)]',
        "case 1: correct_number pays 0.0, the case says 1.0",
    ),
}


@pytest.fixture(autouse=True)
def no_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory is the business of test_memory.py, and takes seconds."""
    monkeypatch.setattr("rlvr_recipes.memory.findings", lambda *_: [])


def task(folder: Path, change: str) -> Path:
    file = folder / "task.py"
    file.write_text(TASK.replace("CHANGE", change).replace("MODEL", str(TINY)))
    return file


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_recipe_is_caught_by_name(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change, message = BROKEN[name]
    code = check.main([str(task(tmp_path, change))])
    printed = capsys.readouterr().out
    assert code == 1, printed
    assert any(line.startswith("BAD ") and message in line for line in printed.splitlines()), printed
    assert "would spoil the run" in printed


def test_a_sound_recipe_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main([str(task(tmp_path, ""))]) == 0
    printed = capsys.readouterr().out
    assert "BAD" not in printed
    assert "exemplars: 2 of 2 paid in full by correct_number, answer_line" in printed
    assert "-   exemplar 1 asks what train row 1 asks; write one of your own instead" in printed
    assert printed.endswith("nothing found that would spoil the run\n")


def test_rows_some_of_which_have_no_solution_are_not_judged_by_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change = (
        "EXEMPLARS = EXEMPLARS * 0\nCASES = []\nREWARDS = {correct_number: 1.0}\n_rows = rows\ndef rows(split):\n"
        "    return [{**row, 'solution': None if n else '#### 1'} for n, row in enumerate(_rows(split))]"
    )
    file = task(tmp_path, change)
    file.write_text(file.read_text().replace("shots=2", "shots=0"))
    assert check.main([str(file)]) == 0
    assert "-   golds: not tried in the asked form" in capsys.readouterr().out


def test_a_split_of_one_row_is_no_constant_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change = "_rows = rows\ndef rows(split):\n    return _rows(split)[: 1 if split == 'test' else None]"
    assert check.main([str(task(tmp_path, change))]) == 0
    assert "-   answers of other problems: not tried, there is one test row" in capsys.readouterr().out


def test_a_gold_that_most_rows_share_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main([str(task(tmp_path, "GOLD = lambda n: '7' if n > 10 else str(n)"))]) == 0
    assert "-   golds: 31 of 40 train rows have '7', so that answer alone earns as much" in capsys.readouterr().out


def test_a_run_with_exemplars_that_earn_nothing_is_refused(tmp_path: Path, command: Command) -> None:
    done = command("train", task(tmp_path, BROKEN["exemplars in another form"][0]), check=False)
    assert done.returncode == 2
    assert "exemplar 1 can earn nothing from correct_number" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_exemplars_of_rewards_that_need_more_than_a_gold_are_tried_as_cases(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change = (
        "def near(completions, answer, slack, **kwargs):\n    return [0.0] * len(completions)\n"
        "REWARDS = {near: 1.0}\nCASES = []\n_rows = rows\n"
        "def rows(split):\n    return [{**row, 'slack': 1} for row in _rows(split)]"
    )
    check.main([str(task(tmp_path, change))])
    printed = capsys.readouterr().out
    assert "-   exemplars: 2 of 2 not tried, near needs more than one text or number of a row; make exempl" in printed
    assert printed.count("-   golds: not tried, near needs more than one") == 1
    written = change.replace("[0.0]", "[1.0]").replace(
        "CASES = []", "CASES = [Case(text, answer='2', slack=1, near=1.0) for _, text in EXEMPLARS]"
    )
    solved = written.replace("'slack': 1}", "'slack': 1, 'solution': '#### ' + row['answer']}")
    assert check.main([str(task(tmp_path, solved))]) == 1
    printed = capsys.readouterr().out
    assert "ok  exemplars: 2 of 2 paid in full by near, as cases" in printed
    assert "ok  solutions: 40 of 40 train rows paid" in printed
    assert "BAD answers of other problems: 40 of 40 paid" in printed


def test_make_check_with_a_recipe_checks_that() -> None:
    dry = ["make", "--dry-run", "check"]
    words = subprocess.run([*dry, "RECIPE=mine.py", "ARGS=--shots 2"], cwd=PROJECT, capture_output=True, text=True)
    assert '-m rlvr_recipes.check "mine.py" --shots 2\n' in words.stdout
    assert "ruff" in subprocess.run(dry, cwd=PROJECT, capture_output=True, text=True).stdout
