"""Reward functions whose answer can be trusted: plain TRL reward functions, importable without torch or TRL."""

# pyright: reportUnsupportedDunderAll=false

from importlib import import_module
from typing import Any

from rewards.answers import equal
from rewards.choices import correct_choice
from rewards.correct import correct_answer, correct_expression, correct_number, correct_set
from rewards.formats import answer_line, answer_tags, boxed_answer, exact_format, think_then_answer
from rewards.quantities import correct_quantity
from rewards.shaping import repetition, soft_overlong
from rewards.verdicts import Verdict, judge

_LATE = {  # loaded when first asked for: most recipes need one of them, if any
    "correct_json": "structured",
    "correct_text": "texts",
    "correct_tool_call": "structured",
    "correct_worked_answer": "worked",
    "follows_constraints": "constraints",
    "matches_schema": "structured",
    "passes_tests": "code",
    "reaches_target": "countdown",
    "solves_gym_task": "gym",
    "solves_symbolic": "symbolic",
    "valid_json": "structured",
}

__all__ = [
    "Verdict",
    "answer_line",
    "answer_tags",
    "boxed_answer",
    "correct_answer",
    "correct_choice",
    "correct_expression",
    "correct_json",
    "correct_number",
    "correct_quantity",
    "correct_set",
    "correct_text",
    "correct_tool_call",
    "correct_worked_answer",
    "equal",
    "exact_format",
    "follows_constraints",
    "judge",
    "matches_schema",
    "passes_tests",
    "reaches_target",
    "repetition",
    "soft_overlong",
    "solves_gym_task",
    "solves_symbolic",
    "think_then_answer",
    "valid_json",
]


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
