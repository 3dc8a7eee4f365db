"""A recipe is found by name or path, says what is wrong with it, and the shipped ones keep their own word."""

import math
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from rlvr_recipes import Case, Recipe, UserError, load_recipe
from rlvr_recipes.recipe import find_recipe, pay
from rlvr_recipes.runs import RunFolder
from tests.conftest import PROJECT

SHIPPED = sorted(file.stem for file in (PROJECT / "recipes").glob("*.py") if file.stem != "__init__")
HEAD = "from rewards import answer_line, correct_number\nfrom rlvr_recipes import Case, Recipe\n"


def right(completions: list[str], answer: list[str], **kwargs: Any) -> list[float]:
    return [float(c == a) for c, a in zip(completions, answer, strict=True)]


def made(**changes: Any) -> Recipe:
    fields: dict[str, Any] = {
        "model": "m",
        "rows": lambda split: [],
        "prompt": lambda row, shots: "",
        "rewards": {right: 1.0},
    }
    return Recipe(**{**fields, **changes})


@pytest.mark.parametrize("name", ["arithmetic", "countdown", "gsm8k_fewshot"])
def test_every_equation_in_an_exemplar_holds(name: str) -> None:
    equations = 0
    for question, solution in load_recipe(name).exemplars:
        for left, result in re.findall(r"([\d][\d */+-]*) = (\d+)", solution):
            words = left.split()
            total = int(words[0])
            for sign, operand in zip(words[1::2], words[2::2], strict=True):
                total = {"+": total + int(operand), "-": total - int(operand), "*": total * int(operand)}.get(
                    sign, total / int(operand)
                )
            assert total == int(result), (question, left, result)
            equations += 1
    assert equations


@pytest.mark.parametrize("name", SHIPPED)
def test_no_exemplar_is_a_problem_of_the_real_data(name: str, gsm8k_folder: Path) -> None:
    text = (gsm8k_folder / "train.jsonl").read_text() + (gsm8k_folder / "test.jsonl").read_text()
    assert not [question for question, _ in load_recipe(name).exemplars if question[:60] in text]


def test_a_recipe_is_found_by_name_and_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_recipe("arithmetic") == PROJECT / "recipes" / "arithmetic.py"
    (tmp_path / "task.py").write_text((PROJECT / "recipes" / "arithmetic.py").read_text())
    monkeypatch.chdir(tmp_path)
    assert load_recipe("task.py").name == "task"
    assert find_recipe("arithmetic") == PROJECT / "recipes" / "arithmetic.py"


def test_a_recipe_may_have_a_helper_beside_it_and_a_name_that_python_uses_too(tmp_path: Path) -> None:
    import code

    (tmp_path / "my_helper_7f.py").write_text("MODEL = 'my/model'\n")
    (tmp_path / "code.py").write_text(
        HEAD
        + "from my_helper_7f import MODEL\nRECIPE = Recipe(model=MODEL, rows=list, prompt=str, rewards={correct_number: 1.0})"
    )
    assert load_recipe(str(tmp_path / "code.py")).model == "my/model"
    import code as again

    assert again is code


def test_a_misspelt_run_folder_gets_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "20261121-120000-42").mkdir()
    with pytest.raises(UserError, match="there is no run folder .*-43; did you mean 20261121-120000-42?"):
        RunFolder.existing(tmp_path / "20261121-120000-43")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("arithmetics", "no recipe arithmetics; did you mean arithmetic?"),
        ("my/task.py", "no recipe file (a path ends in .py) my/task.py"),
        ("runs/none", "there is no run folder runs/none"),
    ],
)
def test_an_unknown_recipe_gets_the_nearest_name(name: str, complaint: str) -> None:
    with pytest.raises(UserError, match=re.escape(complaint)):
        load_recipe(name)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("RECIPE = 1 +", r"task\.py, line 1: invalid syntax"),
        ("x = 1", r"task\.py has no RECIPE"),
        ("RECIPE = {}", r"task\.py has no RECIPE"),
        (
            HEAD + "RECIPE = Recipe(model='m')",
            r"task\.py, line 3: TypeError: .*missing 3 required .* 'rows', 'prompt', and 'rewards'",
        ),
        (
            HEAD + "RECIPE = Recipe(model='m', rows=list, prompt=str, reward={})",
            "line 3: a Recipe has no reward; did you mean rewards",
        ),
        (
            HEAD + "RECIPE = Recipe(model='m', rows=list, prompt=str, rewards={})",
            "rewards is a dict, reward function -> weight, with at least one",
        ),
        (
            HEAD + "RECIPE = Recipe(model='m', rows=list, prompt=str, rewards={correct_number: 1.0}, shots=1)",
            "shots is 1, but there are 0 exemplars",
        ),
        (
            HEAD + "RECIPE = Recipe(model='m', rows=list, prompt=str, rewards={correct_number: 1.0}, stop='x')",
            "stop is a tuple",
        ),
        ("x = 1\nimport nothing_of_the_kind", r"task\.py, line 2: ModuleNotFoundError: No module named"),
        ("\n\n1 / 0", r"task\.py, line 3: ZeroDivisionError"),
        ("import sys; sys.exit(0)", r"task\.py, line 1: SystemExit"),
        ("x = 1\x00", r"task\.py.*null bytes"),
        *[
            (
                HEAD
                + f"RECIPE = Recipe(**{{**dict(model='m', rows=list, prompt=str, rewards={{correct_number: 1.0}}), {change}}})",
                said,
            )
            for change, said in (
                ("'rewards': [correct_number]", "rewards is a dict"),
                ("'rewards': {'correct_number': 1.0}", "no plain function"),
                ("'rewards': {correct_number: 'a'}", "weight of reward correct_number is 'a'"),
                ("'exemplars': ['ab']", "pairs of texts"),
                ("'exemplars': [('a', 'b', 'c')]", "pairs of texts"),
                ("'shots': '2'", "shots is '2'"),
                ("'stop': (1,)", "stop is a tuple"),
                ("'config': [1]", "config is a dict"),
                ("'cases': ['x']", "cases is a list of Case"),
                ("'cases': [Case(5)]", "a case begins with the text"),
                ("'model': None", "model is a hub id or a folder"),
                ("'rows': None", "rows and prompt are functions"),
            )
        ],
    ],
)
def test_what_is_wrong_with_a_recipe_file_is_said(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "task.py").write_text(text)
    with pytest.raises(UserError, match=complaint):
        load_recipe(str(tmp_path / "task.py"))


def test_two_rewards_of_one_name_are_refused() -> None:
    def other(completions: list[str], **kwargs: Any) -> list[float]:
        return [0.0] * len(completions)

    other.__name__ = "right"
    with pytest.raises(UserError, match="two rewards have one name"):
        made(rewards={right: 1.0, other: 1.0})


def test_a_case_that_is_not_paid_as_it_says_is_named() -> None:
    with pytest.raises(UserError, match=r"case 2: right pays 0\.0, the case says 1\.0, for 'b'"):
        made(cases=[Case("a", answer="a", right=1.0), Case("b", answer="a", right=1.0)]).check_cases()


def test_rows_are_read_by_every_reward_before_a_run() -> None:
    from rewards import correct_number

    recipe = made(rewards={correct_number: 1.0})
    recipe.check_rows([{"answer": "1"}, {"answer": "-2"}], "train")
    with pytest.raises(UserError, match=r"train rows .*gold answer 'many'"):
        recipe.check_rows([{"answer": "1"}, {"answer": "many"}], "train")
    with pytest.raises(UserError, match="train rows .*needs the column answer; there is gold"):
        recipe.check_rows([{"gold": "1"}], "train")
    with pytest.raises(UserError, match="test rows of recipe .*: there are none"):
        recipe.check_rows([], "test")


def test_rows_of_different_shape_are_named() -> None:
    recipe = made(rows=lambda split: [{"answer": "1"}, {"gold": "1"}])
    with pytest.raises(UserError, match="row 2 has gold; the first has answer"):
        recipe.check_rows(recipe.rows_of("train"), "train")
    with pytest.raises(UserError, match="row 1 is a str; a row is a dict"):
        recipe.check_rows(["a"], "train")  # pyright: ignore[reportArgumentType]
    with pytest.raises(UserError, match="no split tset; did you mean test"):
        recipe.rows_of("tset")


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([{"answer": "1", "completions": "x"}], "a column cannot be called completions"),
        ([{"answer": "1"}, {"answer": 1}], "column answer holds values of several types: int, str"),
        ([{"answer": "1"}, {"answer": "\ud800"}], "row 2, answer holds half a character"),
        ([{"gold": "1"}], "needs the column answer"),
    ],
)
def test_rows_that_trl_would_choke_on_are_refused(rows: list[dict[str, Any]], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        made().check_rows(rows, "train")


def test_a_misspelt_reward_in_a_case_is_found() -> None:
    recipe = made(cases=[Case("a", answer="a", right=1.0, rihgt=0.0)])
    with pytest.raises(UserError, match="case 1 says rihgt, no column and no reward; did you mean right?"):
        recipe.check_rows([{"answer": "a"}], "train")


def test_what_a_recipes_own_functions_raise_is_said_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "task.py").write_text(
        HEAD + "def rows(split):\n    return [{'answer': '1'}[split]]\n"
        "def prompt(row, exemplars):\n    return row['question']\n"
        "def fails(completions, **kwargs):\n    return len(completions) / 0\n"
        "RECIPE = Recipe(model='m', rows=rows, prompt=prompt, rewards={fails: 1.0})\n"
    )
    recipe = load_recipe(str(tmp_path / "task.py"))
    with pytest.raises(UserError, match=r"task\.py, line 4: KeyError: 'train'"):
        recipe.rows_of("train")
    with pytest.raises(UserError, match=r"task\.py, line 6: KeyError: 'question' \(row 2 has the columns answer\)"):
        recipe.prompts_of([{"question": "1"}, {"answer": "1"}], ())
    with pytest.raises(UserError, match="KeyError: 'question'; did you mean qestion\\?"):
        recipe.prompts_of([{"answer": "1", "qestion": "2"}], ())
    with pytest.raises(UserError, match=r"task\.py, line 8: ZeroDivisionError"):
        recipe.check_rows([{"answer": "1"}], "train")


@pytest.mark.parametrize("prompt", ["", None, [], 5])
def test_an_empty_prompt_is_refused(prompt: Any) -> None:
    with pytest.raises(UserError, match="the prompt of row 1 is"):
        made(prompt=lambda row, shots: prompt).prompts_of([{"answer": "1"}], ())


@pytest.mark.parametrize("gives", [None, 1.0, ["1"], [math.nan], [-math.inf], [-1e30], [10**400]])
def test_a_reward_that_gives_no_numbers_is_refused(gives: Any) -> None:
    def odd(completions: list[str], **kwargs: Any) -> Any:
        return gives

    with pytest.raises(
        UserError, match=r"reward odd gave .*; it must give a list of finite numbers between -1e\+15 and"
    ):
        made(rewards={odd: 1.0}).check_rows([{"a": 1}], "train")


def test_rows_may_be_a_dataset() -> None:
    import datasets

    recipe = made(rows=lambda split: datasets.Dataset.from_list([{"answer": "1"}, {"answer": "2"}]))
    assert recipe.rows_of("train")[:1] == [{"answer": "1"}]


def test_a_case_without_a_column_or_without_pay_is_named() -> None:
    with pytest.raises(UserError, match="case 1: reward right needs the column answer"):
        made(cases=[Case("a", right=1.0)]).check_cases()
    with pytest.raises(UserError, match="case 1 expects no pay; say it of one of right"):
        made(cases=[Case("a", answer="a", rihgt=1.0)]).check_cases()


def test_a_reward_of_the_wrong_length_is_refused() -> None:
    def short(completions: list[str], **kwargs: Any) -> list[float]:
        return [0.0]

    with pytest.raises(UserError, match="short gave 1 values for 2 completions"):
        made(rewards={short: 1.0}).check_rows([{"a": 1}, {"a": 2}], "train")


def test_local_files_for_a_recipe_that_makes_its_rows_are_refused() -> None:
    with pytest.raises(UserError, match="arithmetic makes its own rows"):
        load_recipe("arithmetic").rows_of("test", "some/folder")


def test_shots_beyond_the_exemplars_are_refused() -> None:
    recipe = load_recipe("gsm8k_fewshot")
    assert len(recipe.exemplars_shown(8)) == 8
    for shots in (9, -1):
        with pytest.raises(UserError, match="take 0 to that many"):
            recipe.exemplars_shown(shots)


def test_arithmetic_is_seeded_and_its_splits_share_no_question() -> None:
    recipe = load_recipe("arithmetic")
    splits = {split: recipe.rows_of(split) for split in ("train", "validation", "test")}
    assert [len(rows) for rows in splits.values()] == [4096, 512, 512]
    assert splits["test"] == recipe.rows_of("test")
    questions = [row["question"] for rows in splits.values() for row in rows]
    assert len(set(questions)) == len(questions)
    for rows in splits.values():
        recipe.check_rows(rows, "any")
        (first, *_) = recipe.rewards
        assert set(first(completions=[r["solution"] for r in rows], answer=[r["answer"] for r in rows])) == {1.0}


def test_a_reward_may_be_an_object_that_behaves_like_a_function() -> None:
    from rewards import exact_format, repetition, soft_overlong

    two_lines = exact_format(r"[^\n]+\n#### -?\d+", name="two_lines")
    recipe = made(rewards={two_lines: 1.0, soft_overlong(max_length=8, cache=4): 0.5, repetition(n=2): 0.1})
    paid = [
        list(pay(reward, ["2 + 2\n#### 4", "4 4 4"], {"answer": ["4", "4"]}, completion_ids=[[1] * 4, [1] * 8]))
        for reward in recipe.rewards
    ]
    assert paid == [[1.0, 0.0], [0.0, -1.0], [0.0, -0.5]]
    assert pickle.loads(pickle.dumps(two_lines))(["2 + 2\n#### 4"]) == [1.0]
    with pytest.raises(UserError, match="no plain function"):
        made(rewards={exact_format: 1.0})
