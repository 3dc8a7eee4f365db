"""Options by letter, digit or text; and the rows of the multiple choice recipe, of its own and of others' data."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from recipes import multiple_choice
from rewards import correct_choice
from rewards.choices import by_letter, gold_letter, letter_of
from rlvr_recipes import UserError, data, load_recipe, selftest

DIGITS = {"label": ["1", "2", "3", "4"], "text": ["a rock", "a tree", "no tree", "no rock"]}


@pytest.mark.parametrize(
    ("said", "paid"),
    [
        ("2", 1), ("(2)", 1), ("2)", 1), ("2.", 1), ("option 2", 1), ("2) a tree", 1), ("a tree", 1), ("Answer: 2", 1),
        ("1", 0), ("no tree", 0), ("2) a rock", 0), ("1 or 2", 0), ("2, 3", 0), ("2/2", 0), ("22", 0), ("5", 0), ("B", 0),
        ("2.5", 0), ("-2", 0), ("2x", 0),
    ],
)  # fmt: skip
def test_options_may_be_called_by_digits_as_in_arc(said: str, paid: float) -> None:
    assert correct_choice([f"#### {said}"], answer=["2"], options=[DIGITS]) == [paid]


@pytest.mark.parametrize(
    ("said", "paid"),
    [
        ("B (Paris)", 1), ("(B) (Paris)", 1), ("Paris (B)", 1), ("B, Paris", 1), ("B - Paris", 1), ("[B]", 1), ("[B] Paris", 1),
        ("B: Paris.", 1), ("B (Rome)", 0), ("Rome (B)", 0), ("Paris (A)", 0), ("B, Rome", 0), ("B (A)", 0), ("A (B)", 0),
        ("B, A", 0), ("B - Rome", 0), ("[B] Rome", 0), ("Paris (B) (A)", 0), ("[A, B]", 0), ("Paris (A or B)", 0),
    ],
)  # fmt: skip
def test_letter_and_text_may_stand_in_any_order(said: str, paid: float) -> None:
    assert correct_choice([f"#### {said}"], answer=["B"], options=[["Rome", "Paris"]]) == [paid]
    assert correct_choice([f"The answer is {said}"], answer=["B"], options=[["Rome", "Paris"]]) == [paid]


def test_a_letter_beside_a_text_that_is_another_letter_names_none() -> None:
    options = ["C", "A", "B"]
    said = ["B) A", "B, A", "A (B)", "B (A)", "C, B", "B: A"]
    assert [letter_of(one, options) for one in said] == ["B", None, None, None, None, "B"]


def test_a_minus_sign_belongs_to_the_number() -> None:
    options = ["-3", "3", "5", "-x"]
    said = ["A) -3", "A. -3", "A: -3", "A (-3)", "B) 3", "B - 3", "B) -3", "A) 3", "A - 3", "B (-3)", "D) -x", "D) x"]
    named = [*"AAAABB", None, None, None, None, "D", None]
    assert [letter_of(one, options) for one in said] == named


@pytest.mark.parametrize(
    "text",
    [
        "The answer is B. Paris.", "The correct answer is **B. Paris**.", "The answer is **(B). Paris.**", "#### B. Paris",
        "The answer is: **B. Paris**", "The answer is B. Paris. I hope this helps!", "\\boxed{\\textit{B. Paris}}",
    ],
)  # fmt: skip
def test_no_sentence_ends_between_a_letter_and_its_text(text: str) -> None:
    options = ["No city", "Paris", "None of the above"]
    texts = [
        text.replace("B", letter).replace("Paris", said)
        for letter, said in zip("ABCC", [*options, "Paris"], strict=True)
    ]
    assert correct_choice(texts, answer=[*"ABCC"], options=[options] * 4) == [1.0, 1.0, 1.0, 0.0]
    assert correct_choice([text + " No, A."], answer=["B"], options=[options]) == [0.0]


def test_a_figure_that_is_one_label_and_another_text_names_none() -> None:
    options = {"1": "2", "2": "4", "3": "3", "4": "9"}
    golds = ["2", "2", "2", "3", "4", "1"]
    said = ["2", "2) 4", "4", "3", "9", "1"]
    texts = [f"#### {one}" for one in said]
    assert correct_choice(texts, answer=golds, options=[options] * 6) == [0.0, 1.0, 0.0, 1.0, 1.0, 1.0]


def test_a_gold_number_beside_options_called_by_digits_is_refused() -> None:
    with pytest.raises(ValueError, match="gold answer 1 may be a place or a label of 1, 2, 3, 4"):
        gold_letter(1, DIGITS)
    assert gold_letter(1, {"label": ["A", "B"], "text": ["no", "yes"]}) == "B"
    assert gold_letter(3, ["a", "b", "c", "d"]) == "D"


def test_figures_are_no_letters_where_no_option_is_called_so() -> None:
    assert letter_of("2") is None
    assert letter_of("2", ["2", "3"]) == "A"
    assert letter_of("2", ["a rock", "a tree"]) is None


def test_a_letter_without_text_is_an_option_of_other_rows() -> None:
    assert by_letter({"A": "Rome", "B": "Paris", "C": None}) == {"A": "Rome", "B": "Paris"}
    with pytest.raises(ValueError, match="names no option"):
        correct_choice(["#### C"], answer=["C"], options=[{"A": "Rome", "B": "Paris", "C": None}])


@pytest.mark.parametrize("options", [{"label": ["A", "a"], "text": ["x", "y"]}, {"A": "x", "(A)": "y"}])
def test_two_options_of_one_letter_are_refused(options: dict) -> None:
    with pytest.raises(ValueError, match="two options of a row have one letter"):
        correct_choice(["#### A"], answer=["A"], options=[options])


@pytest.mark.parametrize(
    "text", ["#### " + "(" * 100_000, "#### A" + ")" * 1_000_000, "#### \ud800", "#### A\0", "#### " + "1" * 9999]
)
def test_hostile_choices_are_not_paid(text: str) -> None:
    assert correct_choice([text], answer=["B"], options=[DIGITS | {"label": [*"ABCD"]}]) == [0.0]
    assert correct_choice([text], answer=["2"], options=[DIGITS]) == [0.0]


def test_random_answers_are_paid_as_often_as_luck_allows() -> None:
    rng = random.Random(0)
    rows = multiple_choice.rows("test")
    guesses = [f"#### {rng.choice('ABCD')}" for _ in rows]
    options, golds = [row["options"] for row in rows], [row["answer"] for row in rows]
    paid = sum(correct_choice(guesses, answer=golds, options=options))
    assert paid == sum(guess == f"#### {gold}" for guess, gold in zip(guesses, golds, strict=True))
    for letter in "ABCD":
        assert sum(correct_choice([f"#### {letter}"] * 512, answer=golds, options=options)) == 128


# --------------------------------------------------------------------------------------------------- the recipe's rows


def truth(question: str, options: list[str]) -> list[str]:
    """The options that are right, worked out from the words of the question alone."""
    if "missing" in question:
        values = question.split(": ")[1].split(", ")
        place = values.index("?")
        known = [(at, int(value)) for at, value in enumerate(values) if value != "?"]
        (a, x), (b, y) = known[:2]
        step = (y - x) // (b - a)
        assert all(value == x + (at - a) * step for at, value in known)
        return [one for one in options if int(one) == x + (place - a) * step]
    if "alphabet" in question:
        return [min(options) if "first" in question else max(options)]
    if "number is the" in question:
        ends = max if "largest" in question else min
        return [one for one in options if int(one) == ends(map(int, options))]
    return [one for one in options if int(one) % 2 == ("odd" in question)]


def test_exactly_one_option_is_right_and_it_is_the_gold() -> None:
    for split in ("train", "validation", "test"):
        for row in multiple_choice.rows(split):
            assert len(set(row["options"])) == 4
            assert truth(row["question"], row["options"]) == [row["options"]["ABCD".index(row["answer"])]], row
            assert row["solution"].endswith(f"#### {row['answer']}")
            assert row["options"]["ABCD".index(row["answer"])] in row["solution"].split("\n")[0]


def test_letters_are_balanced_and_places_of_wrong_options_tell_nothing() -> None:
    rows = multiple_choice.rows("train")
    assert Counter(row["answer"] for row in rows) == dict.fromkeys("ABCD", 1024)
    largest = [row for row in rows if row["question"] == "Which number is the largest?"]
    seconds = Counter(sorted(row["options"], key=int).index(row["options"][0]) for row in largest)
    assert all(len(largest) / 4 * 0.75 < seconds[rank] < len(largest) / 4 * 1.25 for rank in range(4))
    assert len({row["question"].split(":")[0] for row in rows}) == 7


def test_no_question_stands_in_two_splits() -> None:
    seen: set[tuple[str, ...]] = set()
    for split in ("train", "validation", "test"):
        keys = {
            (row["question"],) if ":" in row["question"] else (row["question"], *sorted(row["options"]))
            for row in multiple_choice.rows(split)
        }
        assert not seen & keys
        seen |= keys
    assert len(seen) == 4096 + 512 + 512


def test_the_recipe_passes_its_own_checks() -> None:
    recipe = load_recipe("multiple_choice")
    recipe.check_cases()
    rows = recipe.rows_of("test")
    recipe.check_rows(rows, "test")
    assert all(found.good for found in [*selftest.exemplars(recipe, rows), *selftest.golds(recipe, rows, "test")])
    assert str(recipe.prompt(rows[0], ())).startswith("Question: Which ")
    assert "\nD) " in str(recipe.prompt(rows[0], ()))


def write(folder: Path, stem: str, rows: list[dict[str, object]]) -> None:
    (folder / f"{stem}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_arc_mmlu_and_own_columns_are_read_alike(tmp_path: Path) -> None:
    texts = ["a rock", "a tree", "a cloud"]
    arc = {"id": "x", "question": "What grows?", "choices": {"text": texts, "label": ["1", "2", "3"]}, "answerKey": "2"}
    mmlu = {"question": "What grows?", "choices": texts, "answer": 1}
    own = {"question": "What grows?", "options": dict(zip("ABC", texts, strict=True)), "answer": "a tree"}
    for row in (arc, mmlu, own):
        write(tmp_path, "test", [row])
        assert multiple_choice.rows("test", str(tmp_path)) == [
            {"question": "What grows?", "options": texts, "answer": "B"}
        ]
    write(tmp_path, "train", [{**mmlu, "question": f"What grows {place}?"} for place in range(645)])
    train, validation = (multiple_choice.rows(split, str(tmp_path)) for split in ("train", "validation"))
    assert (len(train), len(validation), validation[-1]["question"]) == (517, 128, "What grows 644?")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"answerKey": "5"}, "gold answer '5' names no option"),
        ({"answerKey": None}, "the column answerKey is empty"),
        ({"choices": {"text": ["x", "y"], "label": ["A", "A"]}}, "two options of a row have one letter"),
        ({"choices": ["x"], "answerKey": "A"}, "there are 1"),
        ({"choices": ["x", " "], "answerKey": "A"}, "an option is empty"),
        ({"choices": [str(n) for n in range(27)], "answerKey": "A"}, "there are 27"),
        ({"question": 5}, "the question is 5, no text"),
    ],
)
def test_a_bad_row_is_named_with_its_place(tmp_path: Path, change: dict[str, object], complaint: str) -> None:
    good = {"question": "q", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": "B"}
    write(tmp_path, "test", [good, {**good, **change}])
    with pytest.raises(UserError, match=rf"test\.jsonl, line 2: .*{complaint}"):
        multiple_choice.rows("test", str(tmp_path))


def test_arc_comes_from_the_hub_with_its_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def records(split: str, dataset_path: str | None = None, hub: data.Hub | None = None):
        asked.append((split, dataset_path, hub))
        for row in range(10):
            yield (
                f"row {row}",
                {"question": f"q{row}", "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "1"},
            )

    monkeypatch.setattr(data, "records", records)
    assert len(multiple_choice.rows("train", "allenai/ai2_arc")) == 8
    assert multiple_choice.rows("validation", "allenai/ai2_arc")[-1] == {
        "question": "q9",
        "options": ["x", "y"],
        "answer": "A",
    }
    multiple_choice.rows("test", "cais/mmlu")
    assert asked == [("train", None, data.Hub("allenai/ai2_arc", "ARC-Challenge"))] * 2 + [("test", "cais/mmlu", None)]
