"""Reward functions whose answer can be trusted: plain TRL reward functions, importable without torch or TRL."""

from rewards.answers import equal
from rewards.choices import correct_choice
from rewards.code import passes_tests
from rewards.constraints import follows_constraints
from rewards.correct import correct_answer, correct_expression, correct_number, correct_set
from rewards.countdown import reaches_target
from rewards.formats import answer_line, answer_tags, boxed_answer, exact_format, think_then_answer
from rewards.gym import solves_gym_task
from rewards.quantities import correct_quantity
from rewards.shaping import repetition, soft_overlong
from rewards.structured import correct_json, correct_tool_call, matches_schema, valid_json
from rewards.symbolic import solves_symbolic
from rewards.texts import correct_text
from rewards.verdicts import Verdict, judge
from rewards.worked import correct_worked_answer

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
