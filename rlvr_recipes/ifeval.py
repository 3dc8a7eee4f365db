"""IFEval (Zhou et al. 2023, arXiv 2311.07911): 541 requests with checkable instructions, as our constraints.

Our definitions differ in detail (`rewards/constraints.py` has them), so a score is not one of IFEval's own.
"""

from collections.abc import Callable
from typing import Any

from rewards.constraints import read_constraints
from rlvr_recipes import data

HUB = data.Hub("google/IFEval")  # it has one split, called train, to test on
_Arguments = dict[str, Any]


def _bounds(relation: str, number: int) -> dict[str, int]:
    return {"at_least": number} if relation == "at least" else {"at_most": number - 1}  # less than


CONSTRAINTS: dict[str, Callable[[_Arguments], list[dict[str, Any]]]] = {
    "change_case:capital_word_frequency": lambda a: [
        {"name": "capital_words", **_bounds(a["capital_relation"], a["capital_frequency"])}
    ],
    "change_case:english_capital": lambda a: [{"name": "all_uppercase"}],
    "change_case:english_lowercase": lambda a: [{"name": "all_lowercase"}],
    "combination:repeat_prompt": lambda a: [{"name": "starts_with", "text": a["prompt_to_repeat"]}],
    "combination:two_responses": lambda a: [{"name": "paragraphs", "exactly": 2, "separator": "******"}],
    "detectable_content:number_placeholders": lambda a: [{"name": "placeholders", "at_least": a["num_placeholders"]}],
    "detectable_content:postscript": lambda a: [{"name": "postscript", "marker": a["postscript_marker"]}],
    "detectable_format:constrained_response": lambda a: [
        {"name": "one_of", "texts": [f"My answer is {word}" for word in ("yes", "no", "maybe")]}
    ],
    "detectable_format:json_format": lambda a: [{"name": "json_only"}],
    "detectable_format:multiple_sections": lambda a: [
        {"name": "sections", "marker": a["section_spliter"], "at_least": a["num_sections"]}
    ],
    "detectable_format:number_bullet_lists": lambda a: [{"name": "bullet_points", "exactly": a["num_bullets"]}],
    "detectable_format:number_highlighted_sections": lambda a: [
        {"name": "highlights", "at_least": a["num_highlights"]}
    ],
    "detectable_format:title": lambda a: [{"name": "title"}],
    "keywords:existence": lambda a: [{"name": "keywords_present", "texts": a["keywords"]}],
    "keywords:forbidden_words": lambda a: [{"name": "keywords_absent", "texts": a["forbidden_words"]}],
    "keywords:frequency": lambda a: [
        {"name": "keyword", "text": a["keyword"], **_bounds(a["relation"], a["frequency"])}
    ],
    "keywords:letter_frequency": lambda a: [
        {"name": "letter", "letter": a["letter"], **_bounds(a["let_relation"], a["let_frequency"])}
    ],
    "length_constraints:nth_paragraph_first_word": lambda a: [
        {"name": "paragraphs", "exactly": a["num_paragraphs"]},
        {"name": "paragraph_starts_with", "paragraph": a["nth_paragraph"], "text": a["first_word"]},
    ],
    "length_constraints:number_paragraphs": lambda a: [
        {"name": "paragraphs", "exactly": a["num_paragraphs"], "separator": "***"}
    ],
    "length_constraints:number_sentences": lambda a: [
        {"name": "sentences", **_bounds(a["relation"], a["num_sentences"])}
    ],
    "length_constraints:number_words": lambda a: [{"name": "words", **_bounds(a["relation"], a["num_words"])}],
    "punctuation:no_comma": lambda a: [{"name": "no_commas"}],
    "startend:end_checker": lambda a: [{"name": "ends_with", "text": a["end_phrase"]}],
    "startend:quotation": lambda a: [{"name": "quoted"}],
}


def constraints_of(record: data.Record, place: str) -> list[dict[str, Any]] | None:
    """The constraints of one of its rows; None where one is none of ours, such as a language to answer in.

    Raises:
        UserError: a missing column.

    >>> row = {"instruction_id_list": ["startend:end_checker"], "kwargs": [{"end_phrase": "Any questions?"}]}
    >>> constraints_of(row, "my.jsonl, line 1")
    [{'name': 'ends_with', 'text': 'Any questions?'}]
    """
    names, arguments = data.column(record, "instruction_id_list", place), data.column(record, "kwargs", place)
    found: list[dict[str, Any]] = []
    try:
        for name, given in zip(names, arguments, strict=True):
            found += CONSTRAINTS[name](given)
        read_constraints(found)
    except (KeyError, ValueError):
        return None
    return found
