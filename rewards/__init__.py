"""Reward functions whose answer can be trusted: plain TRL reward functions, importable without torch or TRL."""

from rewards.formats import answer_line
from rewards.numbers import correct_number

__all__ = ["answer_line", "correct_number"]
