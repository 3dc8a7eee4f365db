"""The way to a recipe of one's own: a marked copy, or a draft for a table; from any folder, with clear words on mistakes."""

import csv
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from rlvr_recipes import UserError, check, command, data, drafted, load_recipe, new, show, train
from rlvr_recipes.recipe import CHANGE, find_recipe
from rlvr_recipes.runs import RunFolder
from tests.conftest import PROJECT, TINY

Command = Callable[..., subprocess.CompletedProcess[str]]
SHIPPED = sorted(file.stem for file in (PROJECT / "recipes").glob("*.py") if file.stem != "__init__")
HEAD = "from rewards import correct_number\nfrom rlvr_recipes import Case, Recipe\n"
RECIPE = 'RECIPE = Recipe(model="m", rows=list, prompt=str, rewards={correct_number: 1.0})\n'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and we are in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def formatted(*files: Path) -> None:
    settings = ["--config", str(PROJECT / "pyproject.toml"), "--isolated"][:2]
    for words in (["format", "--check"], ["check"]):
        done = subprocess.run([Path(sys.executable).parent / "ruff", *words, *settings, *files], capture_output=True)
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def table(file: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    """Writes a table in the format of the file's name."""
    if file.suffix == ".csv":
        with file.open("w", newline="", encoding="utf-8") as opened:
            csv.writer(opened).writerows([columns, *rows])
    elif file.suffix == ".jsonl":
        lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]
        file.write_text("\n".join(lines) + "\n")
    else:
        pyarrow.parquet.write_table(
            pyarrow.table({name: [row[at] for row in rows] for at, name in enumerate(columns)}), file
        )
    return file


def sums(count: int) -> list[tuple[str, int]]:
    return [(f"What is {n} + 2?", n + 2) for n in range(count)]


def solve(file: Path) -> None:
    """Does what a drafted recipe asks for: writes the steps of its exemplars."""
    file.write_text(file.read_text().replace(f'"{CHANGE}the steps', '"I know it.').replace(f"'{CHANGE}", "'I know: "))


# ---------------------------------------------------------------------------------------------------------------- a copy


def test_a_copy_of_every_shipped_recipe_is_marked_loads_and_cannot_be_trained_yet(here: Path) -> None:
    for name in SHIPPED:
        assert new.main([f"my_{name}", "--from", name]) == 0
        text = (here / f"my_{name}.py").read_text()
        assert text.startswith(f"# {CHANGE}the card")
        assert f"    # {CHANGE}the policy to start from\n    model=" in text
        assert re.search(rf"# {CHANGE}your data.*\n *(def rows|rows=)", text)
        assert re.search(rf"# {CHANGE}what the policy sees of a row\ndef prompt", text)
        assert f"    # {CHANGE}reward function -> weight" in text
        assert "Expected  not yet measured\n" in text
        recipe = load_recipe(f"my_{name}.py")
        assert recipe.unwritten() == [
            "case 1 is still to be written: cases of this task instead of those below, then delete this line"
        ]
        changed = [line for line in text.splitlines() if CHANGE not in line and not line.startswith("Expected")]
        assert set(changed) <= set((PROJECT / "recipes" / f"{name}.py").read_text().splitlines())
        recipe = load_recipe(name)
        assert not recipe.unwritten()
    formatted(*here.glob("*.py"))


def test_a_copy_can_be_shown_and_says_what_is_still_to_be_written(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new.main(["my_task", "--from", "arithmetic"])
    printed = capsys.readouterr().out
    assert "my_task.py: a copy of " in printed
    for step in ("show", "check", "train"):
        assert f"  {command.line(step, 'my_task.py')}\n" in printed
    assert show.main(["my_task"]) == 1
    printed = capsys.readouterr().out
    assert "case 1 IS STILL TO BE WRITTEN: cases of this task" in printed
    assert "4 of 5 cases paid as they should be" in printed
    assert "its prompt, 2-shot" in printed
    assert [finding.text[:30] for finding in check.cases(load_recipe("my_task"))] == ["case 1 is still to be written:"]
    with pytest.raises(UserError, match="recipe my_task: case 1 is still to be written: cases of this task"):
        train.main(["my_task"])
    (here / "my_task.py").write_text(re.sub(r" *Case\(\"CHANGE.*\n", "", (here / "my_task.py").read_text()))
    load_recipe("my_task").check_cases()


def test_a_copy_of_a_copy_is_marked_once(here: Path) -> None:
    new.main(["first", "--from", "arithmetic"])
    new.main(["second", "--from", "first.py"])
    assert (here / "second.py").read_text() == (here / "first.py").read_text()


def test_nothing_is_written_where_the_copy_would_not_work(here: Path) -> None:
    (here / "a").mkdir()
    (here / "a" / "helper_9c.py").write_text("MODEL = 'm'\n")
    recipe = RECIPE.replace('"m"', "MODEL").replace(
        "})", '},\n    cases=[\n        Case("#### 2", answer="2"),\n    ])'
    )
    (here / "a" / "task.py").write_text(f"from helper_9c import MODEL\n{HEAD}{recipe}")
    new.main(["a/other", "--from", "a/task.py"])
    sys.modules.pop("helper_9c")
    (here / "a" / "helper_9c.py").rename(here / "a" / "helper_9d.py")
    with pytest.raises(UserError, match="No module named 'helper_9c'"):
        new.main(["elsewhere", "--from", "a/task.py"])
    (here / "one_line.py").write_text(HEAD + RECIPE)
    with pytest.raises(UserError, match=r"one_line\.py has no cases=\[...\] with a case on a line of its own"):
        new.main(["elsewhere", "--from", "one_line.py"])
    assert not (here / "elsewhere.py").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("my-task --from arithmetic", "'my-task' is no name for a module: letters, digits and _; take my_task"),
        ("class --from arithmetic", "'class' is no name for a module"),
        ("2nd --from arithmetic", "'2nd' is no name for a module"),
        (".py --from arithmetic", "'' is no name for a module"),
        ("random --from arithmetic", "random.py would hide the module random from programs here"),
        ("datasets.py --from arithmetic", "datasets.py would hide the module datasets"),
        ("__main__ --from arithmetic", "would hide the module __main__"),
        ("gsm8k_fewshot --from arithmetic", "there is a recipe gsm8k_fewshot already"),
        ("none/task --from arithmetic", "there is no folder none; make it first"),
        ("there --from arithmetic", "there.py is there already; nothing was written"),
        ("there.py --from arithmetic", "there.py is there already; nothing was written"),
        ("task --from arithmetics", "there is no recipe arithmetics; did you mean arithmetic?"),
        ("task --from ther.py", "there is no recipe file (a path ends in .py) ther.py; did you mean there.py?"),
        ("task", "say what the recipe begins from: --from RECIPE, or --data FILE"),
        ("task --from arithmetic --data my.csv", "say what the recipe begins from"),
        ("task --from arithmetic --question q", "--question goes with --data"),
        ("task --form arithmetic", "there is no option --form; did you mean --from?"),
        ("task --data none.csv", "there is no file or folder none.csv"),
        ("task --data mi.csv", "there is no file or folder mi.csv; did you mean my.csv?"),
        ("task --data my.csv --kind numbre", "there is no kind numbre; did you mean number?"),
        ("task --data my.csv --question qestion", "there is no column qestion; did you mean question?"),
        ("task --data my.csv --answer reply", "there is no column reply (found: question, result)"),
        ("task --data my.csv", "which column is the answer? say --answer NAME (found: question, result)"),
        ("task --data my.csv --answer result --options A B", "there is no column A (found: question, result)"),
        ("task --data my.csv --answer result --hub_config x", "which has no configurations"),
        ("task --data my.csv --answer question", "question and answer are one column, question"),
        ("task --data there.py", "there.py: a file of rows is one of .parquet, .csv, .jsonl"),
        ("task --data nobody/nothing", "nobody/nothing is no file or folder here, and as a data set it could not be"),
    ],
)
def test_a_mistake_is_said_and_nothing_is_written(words: str, complaint: str, here: Path) -> None:
    table(here / "my.csv", ["question", "result"], sums(10))
    (here / "there.py").write_text("mine\n")
    with pytest.raises(UserError, match=re.escape(complaint)):
        new.main(words.split())
    assert sorted(file.name for file in here.iterdir()) == ["my.csv", "there.py"]
    assert (here / "there.py").read_text() == "mine\n"


def test_the_command_is_light_and_ends_in_one_line(here: Path, command: Command) -> None:
    done = command("new", "my_task", "--from", "arithmetics", check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    code = (
        "import sys, time; from rlvr_recipes import new; new.main(['my_task', '--from', 'gsm8k_fewshot'])\n"
        "print(time.process_time(), *{'torch', 'trl', 'transformers', 'datasets'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    took, *heavy = done.stdout.splitlines()[-1].split()
    assert not heavy
    assert float(took) < 1


def test_make_new() -> None:
    dry = ["make", "--dry-run", "new"]
    done = subprocess.run([*dry, "RECIPE=a", "FROM=arithmetic"], cwd=PROJECT, capture_output=True, text=True)
    assert '-m rlvr_recipes.new "a" --from "arithmetic"' in done.stdout
    words = [*dry, "RECIPE=a", "DATA=my file.csv", "ARGS=--question q"]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True)
    assert '-m rlvr_recipes.new "a"  --data "my file.csv" --question q' in done.stdout
    done = subprocess.run([*dry[:1], "new", "FROM=arithmetic"], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "error: which name? make new RECIPE=my_task FROM=gsm8k_fewshot, or DATA=my.csv" in done.stderr


# --------------------------------------------------------------------------------------------------------------- a draft

KINDS: dict[str, tuple[str, list[Any]]] = {
    "whole numbers": ("number", [*range(40)]),
    "numbers as they are written": ("number", ["1,200", "-3", "0.5", "1/2", "$5", "10%", "3 pens", "7"] * 5),
    "expressions": ("expression", [f"{n}x^{{{n + 1}}}" for n in range(2, 42)]),
    "roots": ("expression", [f"\\frac{{\\sqrt{{{n}}}}}{{2}}" for n in range(2, 42)]),
    "numbers, sets and words": ("mixed", ["3", "\\{1, 2\\}", "(0, 1]", "no solution", "x = 4", "7", "1/3", "-5"] * 5),
    "letters": ("choice", ["A", "B", "(C)", "d"] * 10),
    "names": ("text", ["Paris", "New York", "Rome", "Rio de Janeiro"] * 10),
    "words that spell products": ("text", ["The cat sat on the mat.", "A dog ran."] * 20),
    "chemical symbols": ("text", ["Co", "Fe", "H", "O"] * 10),
    "yes and no": ("text", ["yes", "no"] * 20),
    "truth": ("text", [True, False] * 20),
    "dates": ("text", [f"2020-05-{n + 1:02}" for n in range(28)]),
    "telephone numbers": ("text", [f"555-{n:04}" for n in range(40)]),
    "codes": ("text", [f"{n:05}" for n in range(40)]),
    "scores": ("text", [f"{n}-{n + 1}" for n in range(40)]),
    "objects": ("json", [{"name": "Ida", "age": n} for n in range(40)]),
    "objects as text": ("json", [json.dumps({"tags": ["a"], "n": n / 2}) for n in range(40)]),
}


@pytest.mark.parametrize("name", KINDS)
def test_the_kind_of_answers_is_guessed_and_the_draft_shows_and_loads(
    name: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, answers = KINDS[name]
    rows = [(f"Question {n}?", answer) for n, answer in enumerate(answers)]
    table(here / "my.jsonl", ["question", "answer"], rows)
    assert new.main(["my_task", "--data", "my.jsonl"]) == 0
    printed = capsys.readouterr().out
    assert f"my_task.py: written; its answers are taken as {kind}, by " in printed
    assert f"{kind} 100.0%" in printed
    assert show.main(["my_task.py"]) == 0
    recipe = load_recipe("my_task.py")
    paid = {value for case in recipe.cases for value in case.fields.values() if isinstance(value, float)}
    assert {0.0, 1.0} <= paid
    assert len(recipe.cases) >= 4
    for split in ("train", "validation", "test"):
        recipe.check_rows(recipe.rows_of(split), split)
    wanted = ["exemplar 1 is still to be written: the steps", "exemplar 2 is still to be written: the steps"]
    assert recipe.unwritten() == ([] if kind == "json" else wanted)
    assert len((here / "my_task.py").read_text().splitlines()) <= 75


def test_drafts_are_formatted_as_ruff_would(here: Path) -> None:
    for number, (_, answers) in enumerate(KINDS.values()):
        rows = [(f"Question {n}? {'How much? ' * 5 * n}", answer) for n, answer in enumerate(answers, 1)]
        table(here / "my.jsonl", ["question", "answer"], rows)
        new.main([f"task_{number}", "--data", "my.jsonl"])
    formatted(*here.glob("*.py"))


@pytest.mark.parametrize("name", ["whole numbers", "expressions", "letters", "names", "dates", "objects"])
def test_a_draft_passes_check_once_its_exemplars_are_written(
    name: str, here: Path, chat_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rlvr_recipes.memory.findings", lambda *_: [])
    kind, answers = KINDS[name]
    table(here / "my.jsonl", ["question", "answer"], [(f"Question {n}?", each) for n, each in enumerate(answers)])
    new.main(["my_task", "--data", "my.jsonl"])
    words = ["my_task.py", "--model_name_or_path", str(chat_model)]
    if kind != "json":
        assert check.main(words) == 1
        assert "BAD exemplar 1 is still to be written: the steps\n" in capsys.readouterr().out
        with pytest.raises(UserError, match="recipe my_task: exemplar 1 is still to be written"):
            train.main(words)
    solve(here / "my_task.py")
    assert check.main(words) == 0, capsys.readouterr().out
    text = (here / "my_task.py").read_text()
    (here / "my_task.py").write_text(re.sub(r"EXEMPLARS = \[.*?\n\]", "EXEMPLARS = []", text, flags=re.DOTALL))
    (here / "my_task.py").write_text((here / "my_task.py").read_text().replace("shots=2", "shots=0"))
    assert check.main(words) == 0, capsys.readouterr().out


def test_columns_that_are_no_options_are_not_taken_for_them(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(here / "my.csv", ["question", "a", "b", "answer"], [(f"{n} + 2?", n, 2, n + 2) for n in range(30)])
    new.main(["my_task", "--data", "my.csv"])
    printed = capsys.readouterr().out
    assert "my.csv: no options are taken from ['a', 'b'], since then my.csv, line 3: the column answer: gold" in printed
    assert "taken as number" in printed
    with pytest.raises(UserError, match=r"my\.csv, line 3: the column answer: gold answer '3' names no option"):
        new.main(["other", "--data", "my.csv", "--options", "a", "b"])


def test_columns_are_found_by_usual_names_and_with_spaces_around_them(here: Path) -> None:
    for number, (question, answer) in enumerate([("Problem", "TARGET"), ("prompt", "label"), ("question", " answer")]):
        table(here / "my.csv", ["id", question, answer], [(n, *row) for n, row in enumerate(sums(20))])
        new.main([f"task_{number}", "--data", "my.csv"])
        assert load_recipe(f"task_{number}.py").rows_of("train")[1] == {"question": "What is 1 + 2?", "answer": "3"}
    new.main(["by_name", "--data", "my.csv", "--answer", "answer"])
    assert 'answer=" answer")' in (here / "by_name.py").read_text()


def test_one_answer_for_all_and_worked_solutions(here: Path) -> None:
    table(here / "my.csv", ["question", "answer"], [(f"{n}?", 7) for n in range(30)])
    new.main(["my_task", "--data", "my.csv"])
    assert load_recipe("my_task.py").shots == 1
    table(here / "my.csv", ["question", "answer"], [(f"{n}?", f"It is.\n#### {n}") for n in range(30)])
    with pytest.raises(
        UserError, match="worked solutions with the answer behind ####, as GSM8K has them: take new NAME"
    ):
        new.main(["other", "--data", "my.csv"])


@pytest.mark.parametrize(
    ("columns", "rows", "options"),
    [
        ("question A B C answer", [(f"{n}?", "1", "2", "3", "ABC"[n % 3]) for n in range(20)], "['A', 'B', 'C']"),
        ("question option_1 option_2 answer", [(f"{n}?", "x", "y", "xy"[n % 2]) for n in range(20)], "option_1"),
        ("question choices answer", [(f"{n}?", ["Rome", "Bonn"], n % 2) for n in range(20)], "'choices'"),
        (
            "question choices answerKey",
            [(f"{n}?", {"label": ["1", "2"], "text": ["Rome", "Bonn"]}, "12"[n % 2]) for n in range(20)],
            "'choices'",
        ),
    ],
)
def test_options_are_found_and_shown_and_the_answer_becomes_a_letter(
    columns: str, rows: list[Any], options: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table(here / "quiz.jsonl", columns.split(), rows)
    answer = ["--answer", "answerKey"] if "answerKey" in columns else []
    new.main(["my_quiz", "--data", "quiz.jsonl", *answer])
    assert options in capsys.readouterr().out.splitlines()[0]
    recipe = load_recipe("my_quiz.py")
    assert {row["answer"] for row in recipe.rows_of("train")} == set("ABC" if "C" in columns else "AB")
    (prompt,) = recipe.prompts_of(recipe.rows_of("train")[:1], ())
    assert "0?\n(A) " in prompt[-1]["content"]
    assert "\n(B) " in prompt[-1]["content"]
    assert show.main(["my_quiz.py"]) == 0
    formatted(here / "my_quiz.py")


def test_an_option_that_some_rows_lack_stands_last_or_is_named(here: Path) -> None:
    rows = [(f"{n}?", "1", "2", "" if n % 2 else "3", "B") for n in range(20)]
    columns = ["question", "a", "b", "c", "answer"]
    options = dict(question="question", answer="answer", options=["a", "b", "c"])
    table(here / "quiz.csv", columns, rows)
    assert [len(row["options"]) for row in data.table("quiz.csv", "train", **options)[:2]] == [3, 2]
    table(here / "quiz.csv", columns, [*rows[:3], ("?", "1", "", "3", "C")])
    with pytest.raises(UserError, match=r"quiz\.csv, line 5: the column b is empty"):
        data.table("quiz.csv", "train", **options)
    table(here / "quiz.csv", columns, [*rows[:3], ("?", "1", "2", "3", "D")])
    with pytest.raises(UserError, match=r"quiz\.csv, line 5: the column answer: gold answer 'D' names no option"):
        data.table("quiz.csv", "train", **options)


def test_a_column_of_options_may_be_named_by_the_answer(here: Path) -> None:
    columns = ["question", "choice_1", "choice_2", "choice_3", "answer"]
    table(here / "quiz.csv", columns, [(f"{n}?", "x", "y", "z", n % 3 + 1) for n in range(30)])
    new.main(["my_quiz", "--data", "quiz.csv"])
    assert [row["answer"] for row in load_recipe("my_quiz.py").rows_of("train")[:4]] == ["A", "B", "C", "A"]
    table(
        here / "quiz.csv",
        columns,
        [(f"{n}?", "x", "3", "2", "choice_2") for n in range(29)] + [("?", "x", "3", "2", "2")],
    )
    with pytest.raises(UserError, match="line 31: the column answer: gold answer '2' names the option choice_2 and is"):
        new.main(["other", "--data", "quiz.csv", "--kind", "choice"])


def test_a_schema_of_the_table_is_shown_to_the_policy(here: Path) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    table(here / "my.jsonl", ["text", "schema", "output"], [(f"Ida is {n}.", schema, {"age": n}) for n in range(30)])
    new.main(["my_form", "--data", "my.jsonl"])
    recipe = load_recipe("my_form.py")
    assert show.main(["my_form.py"]) == 0
    (prompt,) = recipe.prompts_of(recipe.rows_of("test")[:1], ())
    assert prompt[-1]["content"] == f"Ida is 27.\n{json.dumps(schema)}"
    formatted(here / "my_form.py")


def test_what_does_not_fit_is_shown_with_its_place(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(here / "my.csv", ["question", "answer"], [*sums(39), ("How many?", "about five")])
    new.main(["my_task", "--data", "my.csv"])
    printed = capsys.readouterr().out
    assert "number 97.5%" in printed
    assert "1 of them are no number, the first my.csv, line 41: 'about five'" in printed
    assert "taken as mixed, by correct_answer" in printed
    with pytest.raises(UserError, match=r"my\.csv, line 41: gold answer 'about five' is not a number"):
        new.main(["other", "--data", "my.csv", "--kind", "number"])
    new.main(["third", "--data", "my.csv", "--kind", "text"])
    assert "correct_text: 1.0" in (here / "third.py").read_text()
    table(here / "my.csv", ["question", "answer"], [*sums(20), ("Sing!", "one line\nand another")])
    with pytest.raises(
        UserError, match=r"no kind that a reward here reads; .*my\.csv, line 23: 'one line.nand another'"
    ):
        new.main(["fourth", "--data", "my.csv"])
    assert not (here / "other.py").exists()
    assert not (here / "fourth.py").exists()


NASTY = ["数学 题目", "it's {x}", 'say "x"', "a\nb", "back\\slash", '"""', "%s {} #", "tab\there", "ünï→", "'\"'\""]


@pytest.mark.parametrize("name", NASTY)
def test_any_name_of_file_and_column_and_any_text_is_written_soundly(name: str, here: Path) -> None:
    (here / "da ta").mkdir()
    (here / "tasks").mkdir()
    file = here / "da ta" / f"{name.replace('/', '')}.csv"
    rows = [(f"{name} {n}: {name * 30}?", f"{name.split()[0]} {n}", n) for n in range(30)]
    table(file, [f"q {name}", f"a {name}", "n"], rows)
    words = ["--data", str(file.relative_to(here)), "--question", f"q {name}", "--answer"]
    new.main(["tasks/by_number", *words, "n"])
    new.main(["tasks/by_text", *words, f"a {name}", "--kind", "text"]) if "\n" not in name else None
    formatted(*(here / "tasks").iterdir())
    for made in (here / "tasks").glob("*.py"):
        recipe = load_recipe(str(made))
        recipe.unwritten()
        assert recipe.rows_of("train")[3]["question"] == rows[3][0]
        assert recipe.exemplars[0][0] == rows[0][0]
        assert show.main([str(made)]) == 0


def test_any_text_is_written_as_ruff_would_write_it(here: Path) -> None:
    rng = random.Random(4)
    characters = [*"ab  '\"\\\n\t{}é数🎉%#\r\x00\x1b", "\u0301", "\u200b", "\u202e", "\ufeff", "\u2028", "ｗ"]
    sizes = [3, 20, 50, 100, 105, 110, 115, 120, 300]
    pairs = [tuple("".join(rng.choices(characters, k=rng.choice(sizes))) for _ in range(2)) for _ in range(150)]
    lines = [drafted.listed("(", [drafted.pieces(text, 8) for text in pair], "),", 4) for pair in pairs]
    (here / "texts.py").write_text("\n".join(["PAIRS = [", *lines, "]", ""]), encoding="utf-8")
    written: dict[str, Any] = {}
    exec((here / "texts.py").read_text(encoding="utf-8"), written)
    assert written["PAIRS"] == pairs
    formatted(here / "texts.py")


def test_a_draft_works_from_any_folder_and_as_the_copy_in_a_run_folder(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(here / "my.csv", ["q", "a"], sums(40))
    (here / "tasks").mkdir()
    new.main(["tasks/my_task", "--data", "my.csv", "--question", "q", "--answer", "a"])
    (here / "else").mkdir()
    monkeypatch.chdir(here / "else")
    recipe = load_recipe("../tasks/my_task.py")
    assert len(recipe.rows_of("train")) == 32
    run = RunFolder.claimed(recipe, 42, None)
    run.create(recipe, {}, {"train": recipe.rows_of("train")})
    copied = RunFolder.existing(run.path).load_recipe()
    assert copied.path == (run.path / "recipe.py").resolve()
    assert copied.rows_of("test") == recipe.rows_of("test")
    (here / "my.csv").rename(here / "else" / "moved.csv")
    with pytest.raises(UserError, match=r"my\.csv: No such file or directory"):
        recipe.rows_of("train")
    assert len(recipe.rows_of("train", "moved.csv")) == 32


# ------------------------------------------------------------------------------------------------------------- the table

ASKED = {"question": "q", "answer": "a"}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_one_file_is_cut_in_three_by_order(suffix: str, here: Path) -> None:
    file = table(here / f"my{suffix}", ["q", "a"], sums(100))
    rows = {split: data.table(file, split, **ASKED) for split in ("train", "validation", "test")}
    assert {split: len(each) for split, each in rows.items()} == {"train": 80, "validation": 10, "test": 10}
    assert rows["train"][0] == {"question": "What is 0 + 2?", "answer": "2"}
    assert rows["validation"][0]["answer"] == "82"
    assert rows["test"][-1]["answer"] == "101"
    assert rows["test"] == data.table(str(file), "test", **ASKED)


def test_what_is_asked_twice_stands_in_the_later_split_only(here: Path) -> None:
    rows = sums(100)
    rows[3], rows[5], rows[85] = ("What  is 95 + 2? ", 97), ("What is 83 + 2?", 85), rows[99]
    rows[7] = rows[8]
    file = table(here / "my.csv", ["q", "a"], rows)
    made = {split: data.table(file, split, **ASKED) for split in ("train", "validation", "test")}
    assert {split: len(each) for split, each in made.items()} == {"train": 78, "validation": 9, "test": 10}
    questions = [{" ".join(row["question"].split()) for row in each} for each in made.values()]
    assert not any(questions[one] & questions[other] for one, other in ((0, 1), (0, 2), (1, 2)))
    table(file, ["q", "a"], [("The same?", n) for n in range(10)])
    with pytest.raises(UserError, match="no validation row is left: what they ask is asked in a later split too"):
        data.table(file, "train", **ASKED)


def test_files_of_a_folder_are_the_splits(here: Path) -> None:
    table(here / "train.csv", ["q", "a"], sums(50))
    assert [len(data.table(here, split, **ASKED)) for split in ("train", "validation", "test")] == [40, 5, 5]
    table(here / "test.jsonl", ["q", "a"], [("What is 1 + 2?", 3), ("Other?", 4)])
    assert [len(data.table(here, split, **ASKED)) for split in ("train", "validation", "test")] == [44, 5, 2]
    table(here / "validation.parquet", ["q", "a"], [("Third?", 3)])
    assert [len(data.table(here, split, **ASKED)) for split in ("train", "validation", "test")] == [49, 1, 2]
    (here / "train.csv").unlink()
    with pytest.raises(UserError, match="has no train; give it one train.jsonl"):
        data.table(here, "test", **ASKED)


def test_a_data_set_of_the_hub_brings_its_splits(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    asked = []

    def load(id_: str, config: str | None, split: str | None) -> Any:
        asked.append((id_, config, split))
        splits = {"train": sums(30), "test": [("Other?", 4)], "extra": [("Third?", 5)]}
        return datasets.DatasetDict(
            {name: datasets.Dataset.from_list([{"q": q, "a": a} for q, a in rows]) for name, rows in splits.items()}
        )

    monkeypatch.setattr(datasets, "load_dataset", load)
    new.main(["my_task", "--data", "org/sums", "--hub_config", "easy", "--question", "q", "--answer", "a"])
    assert asked == [("org/sums", "easy", None)]
    assert 'DATA = data.Hub("org/sums", "easy")\n' in (here / "my_task.py").read_text()
    recipe = load_recipe("my_task.py")
    assert [len(recipe.rows_of(split)) for split in ("train", "validation", "test")] == [27, 3, 1]
    formatted(here / "my_task.py")


BAD_FILES: dict[str, tuple[str, bytes, str]] = {
    "an empty cell": ("my.csv", b"q,a\n1?,2\n2?,\n", "my.csv, line 3: the column a is empty"),
    "white space": ("my.csv", b"q,a\n1?,2\n  ,3\n", "my.csv, line 3: the column q is empty"),
    "null": ("my.jsonl", b'{"q": "1?", "a": null}\n', "my.jsonl, line 1: the column a is empty"),
    "a column less": ("my.jsonl", b'{"q": "1?", "a": 1}\n{"q": "2?"}\n', "my.jsonl, line 2: no column a; found q"),
    "a cell too few": ("my.csv", b"q,a\n1?,2\n2?\n", "my.csv, line 3: not as many cells as columns"),
    "a cell too many": ("my.csv", b"q,a\n1?,2\n2, 3?,4\n", "my.csv, line 3: not as many cells as columns"),
    "an open quote": ("my.csv", b'q,a\n"1?,2\n2?,3\n', "my.csv, after line 1: not CSV: unexpected end of data"),
    "two columns of a name": ("my.csv", b"q,a,q\n1?,2,3\n", "my.csv, line 1: a column stands there twice: q, a, q"),
    "two keys of a name": ("my.jsonl", b'{"q": "1?", "q": "2?", "a": 1}\n', "my.jsonl, line 1: not JSON: a key stands"),
    "semicolons": ("my.csv", b"q;a\n1?;2\n", "my.csv, line 1: 'q;a' is one cell; cells are divided by commas"),
    "Latin-1": ("my.csv", b"q,a\n1?,2\nk\xe9,3\n", "my.csv, line 3, after 'k': not UTF-8 text"),
    "UTF-16": ("my.csv", "q,a\n1?,2\n".encode("utf-16"), "my.csv, line 1, after '': not UTF-8 text"),
    "two types": (
        "my.jsonl", b'{"q": "1?", "a": 1}\n{"q": "2?", "a": "two"}\n',
        "my.jsonl, line 2: the column a holds a text, in the rows before a number",
    ),
    "a question that is a number": (
        "my.jsonl", b'{"q": "1?", "a": 1}\n{"q": 2, "a": 2}\n',
        "my.jsonl, line 2: the column q holds a number, in the rows before a text",
    ),
    "no number": ("my.jsonl", b'{"q": "1?", "a": NaN}\n', "my.jsonl, line 1: the column a holds nan"),
    "half a character": ("my.jsonl", b'{"q": "\\ud800", "a": 1}\n', "my.jsonl, line 1: the column q holds half of a"),
    "no JSON": ("my.jsonl", b'{"q": "1?", "a": 1}\n{"q"}\n', "my.jsonl, line 2: not JSON"),
    "a list": ("my.jsonl", b"[1, 2]\n", "my.jsonl, line 1: a row must be a JSON object"),
    "nothing": ("my.csv", b"", "my.csv has no rows"),
    "a header alone": ("my.csv", b"q,a\n", "my.csv has no rows"),
    "no parquet": ("my.parquet", b"q,a\n1?,2\n", "my.parquet: not a sound parquet file"),
    "too few": ("my.csv", b"q,a\n1?,2\n2?,3\n", "my.csv has 2 rows, too few for train, validation and test"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_named_with_row_and_column(name: str, here: Path) -> None:
    file, content, complaint = BAD_FILES[name]
    (here / file).write_bytes(content)
    with pytest.raises(UserError, match=re.escape(complaint)):
        new.main(["my_task", "--data", file, "--question", "q", "--answer", "a"])
    assert not (here / "my_task.py").exists()


def test_a_date_of_parquet_is_asked_for_as_text(here: Path) -> None:
    import datetime

    table(here / "my.parquet", ["q", "a"], [("When?", datetime.date(2020, 5, 1))])
    with pytest.raises(UserError, match=r"my\.parquet, row 1: the column a holds a date; write it as text"):
        new.main(["my_task", "--data", "my.parquet", "--question", "q", "--answer", "a"])


# ------------------------------------------------------------------------------------------------------ from any folder


def test_a_recipe_here_is_found_by_name_and_two_of_one_name_are_refused(here: Path) -> None:
    (here / "my_task.py").write_text(HEAD + RECIPE)
    assert find_recipe("my_task") == (here / "my_task.py").resolve()
    (here / "recipes").mkdir()
    (here / "recipes" / "my_task.py").write_text(HEAD + RECIPE)
    said = "there are 2 recipes my_task: my_task.py and recipes/my_task.py; give the path of the one you mean"
    with pytest.raises(UserError, match=re.escape(said)):
        load_recipe("my_task")
    assert load_recipe("recipes/my_task.py").path == (here / "recipes" / "my_task.py").resolve()
    (here / "recipes" / "arithmetic.py").write_text(HEAD + RECIPE)
    with pytest.raises(UserError, match=r"there are 2 recipes arithmetic: recipes/arithmetic\.py and .*recipes/arith"):
        load_recipe("arithmetic")
    (here / "my_task.py").unlink()
    with pytest.raises(UserError, match="there is a recipe my_task already"):
        new.main(["my_task", "--from", "gsm8k_fewshot"])


def test_two_recipes_with_helpers_of_one_name_each_get_their_own(here: Path) -> None:
    for folder in ("a", "b"):
        (here / folder).mkdir()
        (here / folder / "helper_5e.py").write_text(f"MODEL = '{folder}'\n")
        (here / folder / "task.py").write_text(
            f"from helper_5e import MODEL\n{HEAD}{RECIPE.replace(chr(34) + 'm' + chr(34), 'MODEL')}"
        )
    loaded = [load_recipe(f"{folder}/task.py") for folder in ("a", "b", "a")]
    assert [recipe.model for recipe in loaded] == ["a", "b", "a"]
    assert [recipe.helpers for recipe in loaded] == [((here / folder / "helper_5e.py").resolve(),) for folder in "aba"]


def test_a_helper_beside_the_recipe_comes_before_one_in_the_current_folder(here: Path, command: Command) -> None:
    (here / "tasks").mkdir()
    (here / "helper_6e.py").write_text("MODEL = 'wrong'\n")
    (here / "tasks" / "helper_6e.py").write_text("MODEL = 'beside'\n")
    rows = "lambda split: [{'question': '1?', 'answer': '1'}]"
    recipe = RECIPE.replace('"m"', "MODEL").replace("list", rows).replace("prompt=str", "prompt=lambda row, _: 'p'")
    (here / "tasks" / "task.py").write_text(f"from helper_6e import MODEL\n{HEAD}{recipe}")
    (here / "code.py").write_text("raise SystemExit('a file here hid a module of Python')\n")
    (here / "jinja2.py").write_text("raise SystemExit('a file here hid an installed module')\n")
    assert "model beside\n" in command("show", "tasks/task.py").stdout


def test_a_helper_that_an_installed_module_hides_is_named(here: Path) -> None:
    (here / "rewards.py").write_text("def mine(completions, **kwargs):\n    return [0.0] * len(completions)\n")
    (here / "task.py").write_text("from rewards import mine\n" + HEAD + RECIPE)
    hidden = r"rewards\.py beside the recipe is hidden by an installed module of that name: rename it"
    with pytest.raises(UserError, match=rf"task\.py, line 1: ImportError: cannot import name 'mine' .*; {hidden}"):
        load_recipe("task.py")
    (here / "task.py").write_text("import rewards\nrewards.mine\n" + HEAD + RECIPE)
    with pytest.raises(UserError, match=rf"task\.py, line 2: AttributeError: .*'mine'.*; {hidden}"):
        load_recipe("task.py")


def test_a_recipe_named_as_a_package_that_is_not_installed_is_not_taken_for_it(here: Path) -> None:
    (here / "gymnastics_3c.py").write_text("import gymnastics_3c\n" + HEAD + RECIPE)
    with pytest.raises(
        UserError, match=r"gymnastics_3c\.py, line 1: ModuleNotFoundError: No module named 'gymnastics_3c'"
    ):
        load_recipe("gymnastics_3c")
    late = "def rows(split):\n    import gymnastics_3c\n    return []\n"
    (here / "gymnastics_3c.py").write_text(HEAD + late + RECIPE.replace("list", "rows"))
    with pytest.raises(UserError, match="No module named 'gymnastics_3c'"):
        load_recipe("gymnastics_3c").rows_of("train")
    (here / "other.py").write_text("from gymnastics_3c import rows\n" + HEAD + RECIPE)
    assert load_recipe("other").rows_of("train") == list("train")
    import gymnastics_3c  # pyright: ignore[reportMissingImports]  # outside it may be imported

    assert gymnastics_3c.RECIPE.model == "m"


def test_an_error_in_a_helper_is_said_with_the_helpers_line(here: Path) -> None:
    (here / "task.py").write_text("import helper_7e\n" + HEAD + RECIPE)
    (here / "helper_7e.py").write_text("x = 1\ny = (\n")
    with pytest.raises(UserError, match=r"helper_7e\.py, line 2: '\(' was never closed"):
        load_recipe("task.py")
    (here / "helper_7e.py").write_text("x = 1\ny = x / 0\n")
    with pytest.raises(
        UserError, match=r"task\.py, line 1: ZeroDivisionError: division by zero \(helper_7e\.py, line 2\)"
    ):
        load_recipe("task.py")


def test_recipes_of_one_name_in_two_folders_are_two_modules(here: Path) -> None:
    import pickle

    for folder in ("a", "b"):
        (here / folder).mkdir()
        mine = f"def mine(completions, **kwargs):\n    return ['{folder}']\n"
        (here / folder / "task_8e.py").write_text(HEAD + mine + RECIPE.replace("correct_number", "mine"))
    rewards = [next(iter(load_recipe(f"{folder}/task_8e.py").rewards)) for folder in ("a", "b")]
    assert [pickle.loads(pickle.dumps(reward))([""]) for reward in rewards] == [["a"], ["b"]]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("RECIPE = Recipe(", "task.py, line 1: '(' was never closed: RECIPE = Recipe("),
        (HEAD, "task.py has no RECIPE = Recipe(...) at its end"),
        ("def mine(completions, **kwargs):\n    return [0.0]\n", "reward mine gave 1 values for 2 completions"),
        ("def mine(completions, **kwargs):\n    return 0.0\n", "reward mine gave 0.0; it must give a list of finite"),
        (
            "def mine(completions, **kwargs):\n    return ['1'] * 2\n",
            "reward mine gave ['1', '1']; it must give a list",
        ),
        ("def mine(completions, **kwargs):\n    return (0.0 for c in completions)\n", "it must give a list of finite"),
        ("async def mine(completions, **kwargs):\n    return [0.0]\n", "which is no plain function (def)"),
        ("def mine(answer, **kwargs):\n    return [1 / 0]\n", "task.py, line 4: ZeroDivisionError: division by zero"),
        (
            "def mine(gold, **kwargs):\n    return [0.0]\n",
            "reward mine needs the column gold; there is question, answer",
        ),
    ],
)
def test_what_is_wrong_with_a_recipe_in_a_strange_folder_is_one_clear_line(
    text: str, complaint: str, here: Path
) -> None:
    (here / "tasks of mine").mkdir()
    file = here / "tasks of mine" / "task.py"
    rows = "lambda split: [{'question': '1?', 'answer': '1'}] * 2"
    whole = HEAD + text + RECIPE.replace("correct_number", "mine").replace("list", rows)
    file.write_text(whole if "def mine" in text else text)
    with pytest.raises(UserError, match=re.escape(complaint)) as raised:
        train.main(["tasks of mine/task.py", "--model_name_or_path", str(TINY)])
    assert "\n" not in str(raised.value)


# ------------------------------------------------------------------------------------- from nothing to a trained adapter


@pytest.mark.slow
def test_from_a_csv_to_a_trained_adapter_and_a_report(here: Path, command: Command, chat_model: Path) -> None:
    shutil.copytree(chat_model, here / "model")
    table(here / "my.csv", ["q", "a"], sums(60))
    printed = command("new", "my_task", "--data", "my.csv", "--question", "q", "--answer", "a").stdout
    assert "number 100.0%" in printed
    assert "6 of 6 cases paid as they should be" in command("show", "my_task").stdout
    model = ["--model_name_or_path", "model"]
    done = command("train", "my_task", *model, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "recipe my_task: exemplar 1 is still to be written: the steps" in done.stderr
    solve(here / "my_task.py")
    small = ["--max_completion_length", 16, "--num_generations", 4]
    assert "nothing found that would spoil the run" in command("check", "my_task", *model, *small).stdout
    run = here / "runs" / "mine"
    few = [
        "--per_device_train_batch_size",
        8,
        "--gradient_accumulation_steps",
        1,
        "--eval_rows",
        6,
        "--output_dir",
        run,
    ]
    printed = command("train", "my_task", *model, *small, "--max_steps", 2, *few).stdout
    assert "trained step 1 to 2" in printed
    assert (run / "adapter" / "adapter_model.safetensors").stat().st_size > 0
    os.chdir(here.parent)
    command("report", run)
    assert "my_task" in (run / "report.html").read_text(encoding="utf-8")
