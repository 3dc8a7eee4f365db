"""Records, summaries, comparisons: what is counted, and what is shown of it."""

from pathlib import Path
from typing import Any

import pytest

from rlvr_recipes import UserError, load_recipe, scores
from rlvr_recipes.statistics import pass_at

RECIPE = load_recipe("arithmetic")
ROWS = RECIPE.rows_of("test")[:4]


def record(row: int, text: str, sample: int = 0, **fields: Any) -> dict[str, Any]:
    paid = scores.score(RECIPE, ROWS[row], "prompt", [1, 2], text)
    return {"row": row, "sample": sample, "completion": text, "tokens": 2, "cut_off": False, **paid, **fields}


def right(row: int, sample: int = 0) -> dict[str, Any]:
    return record(row, f"#### {ROWS[row]['answer']}\n", sample)


def wrong(row: int, sample: int = 0) -> dict[str, Any]:
    return record(row, f"#### {int(ROWS[row]['answer']) + 1}\n", sample)


def formless(row: int) -> dict[str, Any]:
    """Right for a lenient reader, not in the asked form."""
    return record(row, f"It is {ROWS[row]['answer']}")


def test_a_summary_counts_what_the_first_reward_pays() -> None:
    summary = scores.summarize([right(0), wrong(1), formless(2), right(3)], RECIPE, seconds=2.0)
    assert (summary.n, summary.samples, summary.correct, summary.accuracy.value) == (4, 1, 2, 0.5)
    assert (summary.lenient, summary.rewards, summary.form) == (
        0.75,
        {"correct_number": 0.5, "answer_line": 0.75},
        ("answer_line",),
    )
    assert (summary.mean_tokens, summary.tokens_per_second, summary.cut_off) == (2.0, 4.0, 0.0)
    assert (summary.pass_at, summary.majority) == ({}, None)
    assert scores.read(scores.as_json(summary)) == summary


def test_several_samples_are_counted_by_problem() -> None:
    records = [right(0, 0), right(0, 1), wrong(0, 2), wrong(1, 0), wrong(1, 1), right(1, 2)]
    summary = scores.summarize(records, RECIPE, None)
    assert (summary.n, summary.samples, summary.accuracy.value) == (2, 3, 0.5)
    assert summary.pass_at[2].value == pytest.approx((pass_at(2, 2, 3) + pass_at(2, 1, 3)) / 2)
    assert summary.pass_at[1].value == summary.accuracy.value
    assert summary.majority is not None
    assert summary.majority.value == 0.5  # row 0: right twice; row 1: one wrong answer twice
    assert scores.read(scores.as_json(summary)) == summary


def test_a_comparison_pairs_problems_and_tells_form_from_answers() -> None:
    ours, theirs = [right(0), right(1), wrong(2), right(3)], [formless(0), wrong(1), right(2), right(3)]
    found = scores.compare(ours, theirs, RECIPE)
    assert (found.wins, found.losses, found.ties, found.n, found.flipped) == (2, 1, 1, 4, (0, 1, 2))
    assert found.difference.value == 0.25
    assert found.p == 1.0
    assert (found.answers, found.form) == (0.0, 0.25)  # as many right answers, one more in the asked form
    assert "+25.0 points [" in str(found)
    assert "McNemar p = 1" in str(found)
    text = scores.flipped_text(RECIPE, ROWS, ours, theirs, found.flipped)
    assert text.startswith(f"## row 0\nquestion: {ROWS[0]['question']}")
    assert "--- base, wrong (" in text
    assert text.count("## row") == 3


def test_evaluations_of_other_rows_are_not_compared() -> None:
    with pytest.raises(UserError, match="not of the same rows: row 0 is in one only"):
        scores.compare([right(0)], [right(1)], RECIPE)
    with pytest.raises(UserError, match="2 and 1 completions"):
        scores.compare([right(0), wrong(0, 1)], [right(0)], RECIPE)


def test_the_table_is_markdown_with_a_line_for_each() -> None:
    summary = scores.summarize([right(0), formless(1)], RECIPE, 1.0)
    lines = scores.table([({"policy": "base"}, summary), ({"policy": "a longer name"}, summary)]).split("\n")
    assert len(lines) == 4
    assert len(set(map(len, lines))) == 1
    assert [cell.strip() for cell in lines[2].split("|")[1:4]] == ["base", "2", "50.0% [9.5%, 90.5%]"]
    assert "form (answer_line)" in lines[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"row": 0}', "line 1 has no completion"),
        ('{"completion": "x", "row": 4}', "line 1: row 4 is none of the 4 rows"),
        ('{"completion": "x", "row": true}', "row True is none"),
        ('{"completion": "x"}', "needs the column answer"),
        ('{"completion": "x", "row": 0}\n{"completion": "x"}', "either every line says its row, or none does"),
        ('{"completion": "x", "row": 0}\n{"completion": "y", "row": 0}', "line 2: row 0 stands there twice"),
        ('{"completion": "x", "row": 0}\n{"completion": "y", "row": 0, "sample": 1}\n{"completion": "y", "row": 1}',
         "equally many samples"),
        ("{", "line 1 is no JSON"),
        ("[]", "line 1 is []"),
        ("", "is empty"),
        ('{"completion": null}', "its completion is None"),
        ('{"completion": "x", "row": 0, "sample": [1]}', "sample [1] is no number"),
        ('{"completion": "x", "row": 0, "smaple": 1}', "has the key smaple; did you mean sample?"),
        ('{"completion": "x", "row": 0, "answer": "999"}', "says answer '999', row 0 of the data"),
    ],
)  # fmt: skip
def test_a_broken_line_is_named(line: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "made.jsonl"
    file.write_text(line + "\n")
    with pytest.raises(UserError) as refused:
        scores.score_elsewhere(RECIPE, ROWS, scores.read_records(file), file)
    assert message in str(refused.value)


def test_completions_made_elsewhere_end_where_the_policys_own_would(tmp_path: Path) -> None:
    file = tmp_path / "made.jsonl"
    file.write_text('{"completion": "#### 4\\n\\nQuestion: 1 + 1?\\nAnswer: #### 2", "answer": "4"}\n')
    _, (found,) = scores.score_elsewhere(RECIPE, [], scores.read_records(file), file)
    assert (found["completion"], found["correct_number"]) == ("#### 4\n\n", 1.0)


def test_equal_shares_of_a_few_problems_still_have_an_interval() -> None:
    summary = scores.summarize([right(0), wrong(0, 1), right(1), wrong(1, 1)], RECIPE, None)
    assert summary.accuracy.interval[1] - summary.accuracy.interval[0] > 0.5


def test_a_completion_may_hold_any_line_break(tmp_path: Path) -> None:
    file = tmp_path / "made.jsonl"
    file.write_text('{"completion": "a\u2028b\x85c\\n#### 1", "answer": "1"}\n', encoding="utf-8")
    _, (found,) = scores.score_elsewhere(RECIPE, [], scores.read_records(file), file)
    assert found["correct_number"] == 1.0
