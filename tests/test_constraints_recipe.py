"""The rows of the constraints recipe: every request can be met, none is met by next to nothing, others' files are read."""

import json
import random
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from recipes import constraints as recipe_file
from rewards import follows_constraints
from rlvr_recipes import UserError, data, ifeval, load_recipe

RECIPE = load_recipe("constraints")
FILLER = "lamp cold roof walked under blue birds found open door wheel grass seven miles light hand table cup".split()


def composed(constraints: list[dict[str, Any]], rng: random.Random) -> str:
    """An answer that follows the constraints of one of our requests, put together from words without sense."""
    wants = {one["name"]: one for one in constraints}

    def few(name: str) -> int:
        one = wants.get(name, {})
        return one.get("exactly", one.get("at_least", 0))

    parts = max(1, *(few(name) for name in ("sentences", "paragraphs", "bullet_points", "numbered_points", "sections", "lines")))  # fmt: skip
    total = wants.get("words", {}).get("at_least", 24)
    tokens = [f"[gap{number}]" for number in range(few("placeholders"))]
    tokens += [f"*passage{number}*" for number in range(few("highlights"))]
    tokens += ["LOUD"] * few("capital_words") + wants.get("keywords_present", {}).get("texts", [])
    tokens += [wants["keyword"]["text"]] * few("keyword") if "keyword" in wants else []
    fixed = sum(len(wants.get(name, {}).get("text", "").split()) for name in ("starts_with", "ends_with"))
    words = cycle(rng.sample(FILLER, len(FILLER)))
    while len(tokens) + fixed < total or len(tokens) < 2 * parts:
        tokens.append(next(words))
    rng.shuffle(tokens)
    chunks = [" ".join(tokens[part::parts]) for part in range(parts)]
    chunks[-1] = f"{chunks[-1]} {wants.get('ends_with', {}).get('text', '')}".strip()
    chunks = [f"{chunk}." for chunk in chunks]
    heads = {"bullet_points": "- {}", "numbered_points": "{n}. {}", "sections": "Part {n}\n{}"}
    head = next((heads[name] for name in heads if name in wants), "{}")
    opening = wants.get("starts_with", {}).get("text", "")
    if head == "{}":
        chunks[0] = f"{opening} {chunks[0]}".strip()
    separator = "\n\n" if "paragraphs" in wants else " " if "sentences" in wants else "\n"
    text = separator.join(head.format(chunk, n=number) for number, chunk in enumerate(chunks, 1))
    text = f"{opening}:\n{text}" if opening and head != "{}" else text
    text = f"<<Blue door>>\n{text}" if "title" in wants else text
    text = f"{text}\n\nP.S. Seven birds." if "postscript" in wants else text
    text = json.dumps({"text": text}) if "json_only" in wants else text
    text = f"“{text}”" if "quoted" in wants else text
    return text.lower() if "all_lowercase" in wants else text.upper() if "all_uppercase" in wants else text


def test_every_request_of_ours_can_be_met_and_none_by_next_to_nothing() -> None:
    rng = random.Random(0)
    rows = RECIPE.rows_of("test")
    columns = [row["constraints"] for row in rows]
    answers = [composed(json.loads(column), rng) for column in columns]
    told: dict[str, list[Any]] = {}
    pays = follows_constraints(answers, constraints=columns, log_extra=told.__setitem__)
    unpaid = [
        (row, answer, why)
        for row, answer, why, paid in zip(rows, answers, told["reason"], pays, strict=True)
        if paid < 1
    ]
    assert unpaid == []
    for idle in ("", "Yes.", "one two three four five", "No commas here at all."):
        assert sum(paid == 1.0 for paid in follows_constraints([idle] * len(rows), constraints=columns)) == 0, idle


def test_requests_hold_one_to_three_constraints_of_every_kind_and_stand_in_one_split() -> None:
    seen: set[str] = set()
    kinds: set[str] = set()
    for split, size in (("train", 4096), ("validation", 512), ("test", 512)):
        rows = RECIPE.rows_of(split)
        assert len(rows) == size
        RECIPE.check_rows(rows, split)
        seen |= {row["question"] for row in rows}
        constraints = [json.loads(row["constraints"]) for row in rows]
        assert {len(one) for one in constraints} == {1, 2, 3}
        kinds |= {one["name"] for each in constraints for one in each}
    assert len(seen) == 5120
    assert kinds == {one["name"] for _, one, _ in recipe_file.INSTRUCTIONS}
    assert not any("{" in question for question in seen)


def test_the_cases_are_paid_as_they_should_be() -> None:
    RECIPE.check_cases()


def write(folder: Path, *rows: dict[str, object], stem: str = "test") -> str:
    (folder / f"{stem}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(folder)


def test_own_files_give_constraints_as_json_or_as_a_list(tmp_path: Path) -> None:
    constraints = [{"name": "words", "at_most": 9}]
    for given in (constraints, json.dumps(constraints)):
        for column in ("question", "prompt"):
            rows = RECIPE.rows_of("test", write(tmp_path, {column: "Say it.", "constraints": given}))
            assert rows == [{"question": "Say it.", "constraints": '[{"name": "words", "at_most": 9}]'}]
    with pytest.raises(UserError, match=r"line 2: there is no constraint 'word'; did you mean words\?"):
        RECIPE.rows_of("test", write(tmp_path, rows[0], {"question": "q", "constraints": [{"name": "word"}]}))
    with pytest.raises(UserError, match="line 1: no column constraints; found question"):
        RECIPE.rows_of("test", write(tmp_path, {"question": "q"}))


GIVEN = {
    "keywords": ["sun"], "keyword": "sun", "relation": "at least", "frequency": 2, "forbidden_words": ["moon"], "letter": "e",
    "let_relation": "less than", "let_frequency": 3, "num_sentences": 3, "num_paragraphs": 2, "num_words": 50, "nth_paragraph": 1,
    "first_word": "weekend", "num_placeholders": 2, "postscript_marker": "P.P.S", "num_bullets": 3, "num_highlights": 2,
    "section_spliter": "SECTION", "num_sections": 2, "prompt_to_repeat": "Write, please.", "end_phrase": "Any questions?",
    "capital_relation": "less than", "capital_frequency": 4, "language": None,
}  # fmt: skip


def test_ifeval_is_read_and_what_is_not_checked_here_is_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"key": 1, "prompt": name, "instruction_id_list": [name], "kwargs": [GIVEN]} for name in ifeval.CONSTRAINTS]
    other = {"key": 2, "prompt": "q", "instruction_id_list": ["language:response_language"], "kwargs": [GIVEN]}
    comma = {
        "key": 3, "prompt": "q", "instruction_id_list": ["punctuation:no_comma", "combination:repeat_prompt"], "kwargs": [GIVEN] * 2,
    }  # fmt: skip
    found = RECIPE.rows_of("test", write(tmp_path, *rows, other, comma))
    assert len(found) == len(rows) == 24
    assert capsys.readouterr().out == "test: 2 of 26 rows left out, which ask for what is not checked here\n"
    by_name = {row["question"]: json.loads(row["constraints"]) for row in found}
    assert by_name["keywords:frequency"] == [{"name": "keyword", "text": "sun", "at_least": 2}]
    assert by_name["keywords:letter_frequency"] == [{"name": "letter", "letter": "e", "at_most": 2}]
    texts = {
        "combination:two_responses": ("One way is this one here.\n******\nAnother is that.", "One way is this.\n******\nOne way is this."),
        "length_constraints:number_paragraphs": ("One way is this one.\n***\nAnother is that.", "One way.\n\nAnother is not this one."),
        "startend:end_checker": ("That is all for now. Any questions?", "Any questions? That is all for now."),
    }  # fmt: skip
    for name, (right, wrong) in texts.items():
        assert follows_constraints([right, wrong], constraints=[by_name[name]] * 2) == [1.0, 0.0], name


def test_ifeval_itself_is_there_to_test_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def records(split: str, dataset_path: str | None = None, hub: data.Hub | None = None):
        asked.append((split, dataset_path, hub))
        yield "row 1", {"prompt": "q", "instruction_id_list": ["startend:quotation"], "kwargs": [{}]}

    monkeypatch.setattr(data, "records", records)
    assert recipe_file.rows("test", "google/IFEval") == [{"question": "q", "constraints": '[{"name": "quoted"}]'}]
    assert asked == [("train", None, data.Hub("google/IFEval"))]
    with pytest.raises(UserError, match="google/IFEval is there to test on, with --split test"):
        recipe_file.rows("train", "google/IFEval")
