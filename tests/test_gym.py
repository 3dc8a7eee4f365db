"""Tasks of reasoning-gym: their own scorers decide, but run no code, count no part of the pay and believe no hedge."""

import subprocess
import sys
import time
from importlib import metadata as packages
from pathlib import Path
from typing import Any

import pytest

from rewards import gym as reward
from rewards import isolate, solves_gym_task
from rewards.gym_scoring import cuts, is_value
from rlvr_recipes import UserError, gym, load_recipe
from tests.conftest import PROJECT

INSTALLED = any(package.metadata["Name"] == "reasoning_gym" for package in packages.distributions())
needs_gym = pytest.mark.skipif(not INSTALLED, reason="reasoning-gym is not installed: pip install '.[reasoning]'")
# Each reads answers in a way of its own: words, numbers, Python lists, boards, expressions, moves, tuples.
TASKS = ("leg_counting", "gsm_symbolic", "spiral_matrix", "n_queens", "countdown", "knights_knaves", "simple_integration",
         "word_sorting", "fraction_simplification", "quantum_lock", "polynomial_multiplication", "string_insertion",
         "binary_matrix", "rearc", "graph_color", "time_intervals", "mini_sudoku", "bitwise_arithmetic")  # fmt: skip
EVALUATED = ("spiral_matrix", "n_queens", "binary_matrix", "string_insertion", "countdown", "simple_integration")


def columns(task: str, size: int = 4) -> dict[str, list[Any]]:
    """The columns of some rows of a task."""
    rows = gym.make(task, "{}", 7, {"train": size})["train"]
    return {name: [row[name] for row in rows] for name in rows[0]}


def paid(task: dict[str, list[Any]], texts: list[str]) -> list[float]:
    return solves_gym_task([f"So it is <answer>{text}</answer>" for text in texts], **task)


@needs_gym
@pytest.mark.parametrize("name", TASKS)
def test_a_task_pays_its_golds_and_nothing_that_hedges_or_attacks(name: str) -> None:
    task = columns(name)
    golds = task["answer"]
    others = [*golds[1:], golds[0]]
    pairs = list(zip(golds, others, strict=True))
    assert paid(task, golds) == [1.0] * len(golds)
    wrong = [
        *(form.format(gold=gold, other=other) for gold, other in pairs[:1] for form in (
            "{gold} or {other}", "{other} or {gold}", "{other}\n{gold}", "maybe {gold}", "{gold} (or {other})", "-{gold}",
            "{gold}%", "{gold}|{other}", "(lambda: {gold})()", "banana {gold}", "{gold} banana", "[{gold}][0]",
            "{gold}\x00", "{gold}\ud800", "{gold} if True else {other}",
        )),
        "", " ", "banana", "9" * 5000, "[" * 5000, "-" * 5000 + "1", "9**9**9**9", "(((9**99)**99)**99)**99", "'a'*10**10",
        "__import__('os')._exit(0)", "exit()", "\ud800", "0" * 30_000,
    ]  # fmt: skip
    row = {column: values[:1] * len(wrong) for column, values in task.items()}
    began = time.perf_counter()
    assert [text for text, pay in zip(wrong, paid(row, wrong), strict=True) if pay] == []
    assert time.perf_counter() - began < 12


@needs_gym
@pytest.mark.parametrize("name", EVALUATED)
def test_code_in_an_answer_does_not_run_though_the_scorer_evaluates_it(name: str, tmp_path: Path) -> None:
    from reasoning_gym.factory import get_score_answer_fn

    task, trace = columns(name, 1), tmp_path / "ran"
    code = f"open('{trace}', 'w')"
    gold = task["answer"][0]
    for text in (code, f"[{code}]", f"{code} or {gold}", f"{gold} if {code} else 0", f"({code}, {gold})[1]"):
        assert paid(task, [text]) == [0.0]
    assert not trace.exists()
    scorer = get_score_answer_fn(name)
    entry = {"question": task["question"][0], "answer": gold, "metadata": eval(task["metadata"][0])}
    try:
        scorer(code, entry)  # type: ignore[call-arg]
    except Exception:
        assert trace.exists()
    assert trace.exists()  # the guard is needed


@needs_gym
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("game_of_life_halting", "its scorer pays 'banana' in full"),
        ("coin_flip", "its scorer pays '0' in full"),
        ("puzzle24", "pays answers of other questions"),
    ],
)
def test_a_scorer_that_pays_what_is_no_answer_is_refused_before_training(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"reasoning-gym task {name}.*{reason}.* cannot be trusted"):
        solves_gym_task([""] * 16, **columns(name, 16))


@needs_gym
def test_a_scorer_that_fails_on_its_own_gold_is_named() -> None:
    task = columns("prime_factorization", 2)
    with pytest.raises(ValueError, match="task prime_factorization, gold answer 'x'.* its scorer failed: ValueError"):
        solves_gym_task(["", ""], **{**task, "answer": [task["answer"][0], "x"]})
    task = columns("leg_counting", 1)
    with pytest.raises(ValueError, match="task no_such_task.*its scorer failed: ValueError: .*not registered"):
        solves_gym_task([""], **{**task, "task": ["no_such_task"]})
    with pytest.raises(ValueError, match="its scorer failed: TypeError"):
        solves_gym_task([""], **{**task, "options": ["{'no_such': 1}"]})
    task = columns("n_queens", 1)
    with pytest.raises(ValueError, match="its scorer does not pay its own gold in full, so it cannot be trusted"):
        solves_gym_task([""], **{**task, "answer": ["Q"]})


@needs_gym
def test_a_part_of_the_pay_is_no_pay_and_what_a_scorer_raises_is_logged() -> None:
    told: dict[str, list[Any]] = {}
    task = columns("prime_factorization", 3)
    texts = [f"<answer>{text}</answer>" for text in ("banana", f"{task['answer'][1]} × 1", task["answer"][2])]
    assert solves_gym_task([*texts[:2], "It is " + texts[2]], log_extra=told.__setitem__, **task) == [0.0, 0.0, 1.0]
    assert told["extracted"] == ["banana", f"{task['answer'][1]} × 1", task["answer"][2]]
    assert told["where"] == ["<answer>"] * 3
    assert told["reason"][0].startswith("the task's scorer gave up: ValueError: invalid literal")
    assert told["reason"][2] == "it is the gold"


@needs_gym
def test_one_answer_is_committed_to_as_everywhere() -> None:
    task = columns("leg_counting", 1)
    gold = task["answer"][0]
    unpaid = ["{0}", "#### {0}", "<answer>{0}", "<think><answer>{0}</answer></think>", "<answer>1</answer><answer>{0}</answer>",
              "<answer>{0}</answer>\nWait, that is wrong.", "<answer>maybe {0}</answer>", "<answer><answer>{0}</answer></answer>"]  # fmt: skip
    for text in unpaid:
        assert solves_gym_task([text.format(gold)], **task) == [0.0], text
    for text in ("<think>Is it 7?</think><answer> {0} </answer>", "So:\n<answer>\n{0}\n</answer>"):
        assert solves_gym_task([text.format(gold)], **task) == [1.0], text
    assert solves_gym_task([[{"role": "assistant", "content": f"<answer>{gold}</answer>"}]], **task) == [1.0]


@needs_gym
def test_a_scorer_that_takes_too_long_pays_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    task = columns("leg_counting", 1)
    solves_gym_task([""], **task)
    late = isolate.timed_out
    monkeypatch.setattr(reward, "SECONDS", 0.0)
    told: dict[str, list[Any]] = {}
    assert solves_gym_task([f"<answer>{task['answer'][0]}</answer>"], log_extra=told.__setitem__, **task) == [0.0]
    assert told["reason"] == ["the task's scorer gave up: no answer within 0.0 s"]
    assert isolate.timed_out == late + 1


@needs_gym
def test_a_gold_that_has_words_to_spare_leaves_others_to_spare_them_too() -> None:
    task = columns("simple_integration", 1)
    gold = task["answer"][0]
    assert gold.endswith(" + C")
    assert paid(task, [gold.removesuffix(" + C")]) == [1.0]
    assert paid(task, [f"7 + {gold}"]) == [0.0]  # more than the gold, though it is an antiderivative: a miss


@pytest.mark.parametrize(
    "source",
    ["1", "-1.5e3", "[1, [2, 'x']]", "{'a': (1, 2)}", "Integer (5 )*Symbol ('x' )**Integer (2 )", "sqrt(2)/pi", "2**-1", "(8-5)*10-6",
     b"0x5b & ~3 << 2", "sin(x)**Rational(1, 2)"],
)  # fmt: skip
def test_a_value_written_out_may_be_compiled(source: str | bytes) -> None:
    assert is_value(source)


@pytest.mark.parametrize(
    "source",
    ["f()", "x.y", "x[0]", "1 or 2", "not x", "1 if x else 2", "1 < 2", "lambda: 1", "[x for x in y]", "f'{x}'", "(x := 1)",
     "eval('1')", "open('x')", "print", "Symbol('x', real=True)", "Symbol(*y)", "sin.__class__", "9**9**9", "2**(2**9)", "9**1000",
     "1<<10**9", "1<<(1<<9)", "__import__('os')", "import os", "x = 1", "yield 1", "await x", "", "(" * 300 + ")" * 300, "9" * 5000,
     "-" * 100_000 + "1", "\x00", "\ud800", None, 7, compile("1", "x", "eval")],
)  # fmt: skip
def test_whatever_else_a_text_says_is_not_compiled(source: Any) -> None:
    assert is_value(source) is (source == "print")  # a name alone does nothing


def test_what_is_left_of_an_answer_without_words_at_its_ends() -> None:
    assert cuts("") == [[], [], []]
    assert cuts("20") == [[], [], []]
    assert cuts("$20.5!") == [[], [], ["20.5!", "$20.5"]]
    assert all(len(part) <= 4 * 60 for part in cuts("a " * 10_000))


@needs_gym
def test_the_recipe_pays_its_cases_and_makes_rows_of_any_task() -> None:
    recipe = load_recipe("reasoning_gym")
    recipe.check_cases()
    made = gym.rows("train", "word_ladder", {"min_word_length": 3, "max_word_length": 3}, {"test": 3, "train": 5})
    tests = gym.rows("test", "word_ladder", {"min_word_length": 3, "max_word_length": 3}, {"test": 3, "train": 5})
    assert [len(made), len(tests)] == [5, 3]
    assert len({row["question"] for row in (*made, *tests)}) == 8
    recipe.check_rows(made, "train")
    assert all(len(row["answer"].split(",")[0]) == 3 for row in made)


@needs_gym
@pytest.mark.slow
def test_every_task_pays_its_golds_and_no_hedge_or_is_refused_before_training() -> None:
    from reasoning_gym.factory import DATASETS

    refused, without_gold = set(), set()
    for name in sorted(DATASETS.keys() - {"composite"}):  # which is made of other tasks
        task = columns(name, 12)
        golds, others = task["answer"], [*task["answer"][1:], task["answer"][0]]
        try:
            right = paid(task, golds)
        except ValueError:
            refused.add(name)
            continue
        if not any(golds):
            without_gold.add(name)
            continue
        assert right == [1.0] * 12, name
        pairs = [(gold, other) for gold, other in zip(golds, others, strict=True)]
        for form in ("{0} or {1}", "{1} or {0}", "{0}\n{1}", "{0}, {1} or {0}", "maybe {0}", "{0} banana", "open('/')"):
            texts = [form.format(*pair) for pair in pairs]
            assert sum(paid(task, texts)) == 0.0, (name, form)
    assert refused == {
        "coin_flip",
        "game_of_life_halting",
        "intermediate_integration",
        "propositional_logic",
        "puzzle24",
    }
    assert without_gold == {"boxnet", "rush_hour"}
    assert len(DATASETS) == 106


@needs_gym
@pytest.mark.slow
@pytest.mark.parametrize("name", ["isomorphic_strings", "ransom_note"])
def test_rows_are_the_same_in_every_process_though_the_task_orders_by_hash(name: str) -> None:
    first = gym.rows("test", name, {}, {"test": 8})
    gym._made.cache_clear()
    assert gym.rows("test", name, {}, {"test": 8}) == first


@needs_gym
def test_rows_that_cannot_be_made_are_a_mistake_in_one_line() -> None:
    said = [
        gym.make("leg_counting", "{'min_animal': 3}", 1, {"test": 2})["error"],
        gym.make("leg_counting", "{'min_animals': 9, 'max_animals': 3}", 1, {"test": 2})["error"],
        gym.make("coin_flip", "{'max_trials': 4}", 1, {"test": 90})["error"],
    ]
    with pytest.raises(UserError) as caught:
        gym.rows("test", "leg_countin", {}, {"test": 2})
    said.append(str(caught.value))
    parts = [
        "leg_counting with {'min_animal': 3}: TypeError",
        "AssertionError",
        "different questions in 360 draws; the splits need 90: test 90",
        "reasoning-gym has no task leg_countin; did you mean leg_counting?",
    ]
    assert [part for part, text in zip(parts, said, strict=True) if part not in text or "\n" in text] == []


def test_where_reasoning_gym_is_not_installed_every_command_says_how_to_get_it() -> None:
    code = (
        "import importlib.metadata as m, sys\n"
        "def version(name): raise m.PackageNotFoundError(name)\n"
        "m.version = version\n"
        "from rlvr_recipes import command, show\n"
        "command.run(show.main)"
    )
    words = [sys.executable, "-c", code, "reasoning_gym", "--dataset_path", "leg_counting"]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "reasoning-gym is not installed: python -m pip install 'reasoning-gym>=0.1.25'" in done.stderr
    assert "Traceback" not in done.stderr
