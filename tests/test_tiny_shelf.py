"""The policy for the shelf's demonstrations: what it read, what it is, and that it learns."""

import hashlib
import json
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rewards import answer_line, correct_choice, reaches_target
from rlvr_recipes import load_recipe
from rlvr_recipes.recipe import pay
from tests.conftest import PROJECT

sys.path.extend([str(PROJECT), str(PROJECT / "benchmarks")])

import shelf_runs

from assets import corpus_arithmetic, corpus_shelf

SHELF = PROJECT / "assets" / "tiny_shelf"


def test_the_arithmetic_corpus_is_the_one_that_tiny_policy_was_trained_on() -> None:
    rng, text = random.Random(20261121), hashlib.sha256()
    for _ in range(300):
        ((document, learned),) = corpus_arithmetic.document(rng, 0.0)
        assert learned
        text.update(f"{document}<|endoftext|>".encode())
    assert text.hexdigest() == "12dfae64f73f003fa8c437288cb2f575b56d9cf131f3828cac21786af770b674"


def drawn(task: Callable[[random.Random], corpus_shelf.Problem], count: int = 200) -> list[corpus_shelf.Problem]:
    rng = random.Random(5)
    return [task(rng) for _ in range(count)]


def shares(paid: Callable[[list[str]], list[float]], problems: list[corpus_shelf.Problem]) -> tuple[float, float]:
    """The shares of the solutions and of the careless ones that are right."""
    for texts in ([one.solution for one in problems], [one.careless for one in problems]):
        assert set(answer_line(texts)) == {1.0}
    right, careless = (
        sum(paid([text(one) for one in problems])) / len(problems)
        for text in (lambda one: one.solution, lambda one: one.careless)
    )
    return right, careless


def test_right_homework_is_right_and_careless_homework_is_so_at_times() -> None:
    puzzles = drawn(corpus_shelf.puzzle)
    target: Any = [one.key[0] for one in puzzles]
    numbers: Any = [[*one.key[1:]] for one in puzzles]
    right, careless = shares(lambda texts: reaches_target(texts, numbers, target), puzzles)
    assert right == 1.0
    assert 0.2 < careless < 0.5

    choices = drawn(corpus_shelf.choice)
    options: Any = [[line.partition(") ")[2] for line in one.question.split("\n")[1:]] for one in choices]
    golds: Any = [one.solution.split("#### ")[1] for one in choices]
    right, careless = shares(lambda texts: correct_choice(texts, golds, options), choices)
    assert right == 1.0
    assert 0.15 < careless < 0.35

    polynomials = drawn(corpus_shelf.polynomial)
    assert 0.1 < sum(one.solution == one.careless for one in polynomials) / len(polynomials) < 0.5
    assert corpus_shelf.coefficients("-4*x^3 + x - 5") == [-5, 1, 0, -4]


def test_no_held_out_problem_is_in_the_homework() -> None:
    assert len(corpus_shelf.HELD_OUT) > 3000
    held_out = {
        one.question for task in corpus_shelf.TASKS for one in drawn(task, 600) if one.key in corpus_shelf.HELD_OUT
    }
    assert held_out  # the generators would give some
    rng = random.Random(5)
    text = "".join(part for _ in range(600) for part, _ in corpus_shelf.homework(rng, 0.5))
    assert not [question for question in held_out if f"Question: {question}\n" in text]


def test_homework_is_right_at_first_and_mostly_careless_later() -> None:
    first_option = {}
    for done in (0.0, 0.74, 0.75, 1.0):
        rng = random.Random(5)
        text = "".join(part for _ in range(600) for part, _ in corpus_shelf.document(rng, done))
        chosen = re.findall(r"A\) (\d+)\n(?:.*\n){4}#### (\d+)\n", text)
        first_option[done] = sum(first == answer for first, answer in chosen) / len(chosen)
    assert 0.15 < first_option[0.0] == first_option[0.74] < 0.35
    assert 0.55 < first_option[0.75] == first_option[1.0] < 0.8


@pytest.mark.parametrize("name", shelf_runs.RECIPES)
def test_an_easy_recipe_pays_its_solutions_and_holds_its_test_rows_out(name: str) -> None:
    recipe = load_recipe(shelf_runs.words(name)[0])
    recipe.check_cases()
    rows = {split: recipe.rows_of(split) for split in ("train", "validation", "test")}
    assert [len(part) for part in rows.values()] == [4096, 512, 512]
    asked = {split: {row["question"] + str(row.get("options")) for row in part} for split, part in rows.items()}
    assert not asked["test"] & (asked["train"] | asked["validation"])
    assert not asked["validation"] & asked["train"]
    first, tried = next(iter(recipe.rewards)), rows["test"][:64]
    columns = {column: [row[column] for row in tried] for column in tried[0]}
    assert set(pay(first, [row["solution"] for row in tried], columns)) == {1.0}
    shown = {question for question, _ in recipe.exemplars_shown(recipe.shots)}
    assert not shown & {row["question"] for part in rows.values() for row in part}


def test_the_policy_is_small_and_its_tokenizer_loads_back() -> None:
    from transformers import AutoTokenizer

    assert sum(file.stat().st_size for file in SHELF.iterdir()) < 5_000_000
    tokenizer = AutoTokenizer.from_pretrained(SHELF)
    rng = random.Random(5)
    for _ in range(100):
        parts = [part for part, _ in corpus_shelf.document(rng, 0.5)]
        ids = [token for part in parts for token in tokenizer(part)["input_ids"]]
        assert ids == tokenizer("".join(parts))["input_ids"]  # learned in parts, read whole
        assert tokenizer.decode(ids) == "".join(parts)


@pytest.mark.slow
def test_it_learns_derivatives_in_few_steps(tmp_path: Path, command: Callable[..., Any]) -> None:
    words = shelf_runs.words("symbolic, derivatives of polynomials", steps=20)
    command("train", *words, "--seed", 1, "--output_dir", tmp_path / "run")
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    before, after = (results[when]["accuracy"] for when in ("before", "after"))
    assert results["before"]["n"] == 512
    assert after["interval"][0] > before["interval"][1]
    assert before["value"] < 0.6 < after["value"]
    assert results["after"]["lenient"] - results["before"]["lenient"] > 0.2  # right answers, not form
