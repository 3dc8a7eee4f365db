"""GSM8K (Cobbe et al. 2021, arXiv 2110.14168): grade-school word problems, from the hub or from local files.

A row of the data ends its solution with `#### <number>` and carries calculator notes: `48/2 = <<48/2=24>>24`. The notes
are cut out and the number is the gold.
"""

import re

from rewards.correct import gold_number
from rlvr_recipes import data
from rlvr_recipes.recipe import Row, UserError, check_split

HUB = data.Hub("openai/gsm8k", "main")
VALIDATION_ROWS = 512  # the last rows of train, whatever the seed
_NOTE = re.compile(r"<<[^<>]*>>")


def clean_solution(solution: str) -> str:
    """A solution without its calculator notes.

    >>> clean_solution("48/2 = <<48/2=24>>24 clips\\n#### 24")
    '48/2 = 24 clips\\n#### 24'
    """
    return _NOTE.sub("", solution)


def row(question: object, answer: object, place: str) -> Row:
    """One cleaned row: `question`, `solution`, and `answer`, the gold number as it is written.

    Raises:
        UserError: an empty question, no `####`, or a gold that is not a number, with its place.

    >>> row("2 + 2?", "2 + 2 = <<2+2=4>>4\\n#### 4", "my.jsonl, line 1")
    {'question': '2 + 2?', 'solution': '2 + 2 = 4\\n#### 4', 'answer': '4'}
    """
    if not isinstance(question, str) or not question.strip():
        raise UserError(f"{place}: the question is empty")
    if not isinstance(answer, str) or answer.count("####") != 1:
        raise UserError(f"{place}: the answer must hold one '####' with the final number after it")
    gold = answer.partition("####")[2].strip()
    try:
        gold_number(gold)
        (question + answer).encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{place}: half of a surrogate pair, which is no text: {error.reason}") from error
    except ValueError as error:
        raise UserError(f"{place}: {error}") from error
    return {"question": question.strip(), "solution": clean_solution(answer).strip(), "answer": gold}


def rows(split: str, dataset_path: str | None = None) -> list[Row]:
    """The cleaned rows of a split. "validation" is the last 512 rows of the train file, and "train" is all before them.

    Args:
        split: "train", "validation" or "test".
        dataset_path: a folder with a train and a test file, or a hub id; None takes openai/gsm8k from the hub.

    Raises:
        UserError: a file that is missing or broken, or a bad row, with its place.
    """
    check_split(split)
    stem = "test" if split == "test" else "train"
    made = [
        row(data.column(record, "question", place), data.column(record, "answer", place), place)
        for place, record in data.records(stem, dataset_path, HUB)
    ]
    return made if stem == "test" else data.held_out(made, split, VALIDATION_ROWS)
