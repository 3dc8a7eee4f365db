"""The scorers of reasoning-gym, run in a worker process (`rewards.isolate`), and what keeps them from being fooled.

Some evaluate an answer as Python, by `eval` or sympy's `parse_expr`. While a text of the policy is scored, an audit
hook lets only literals and arithmetic be compiled: whatever else it says is refused before it could run. Some pay any
text that holds the answer somewhere: one that is paid although words at its end could go is a hedge, and is not paid.
"""

import ast
import copy
import importlib
import itertools
import os
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

_scoring = False  # a text of the policy, right now
_CALLED = frozenset(
    "Integer Float Rational Symbol sqrt exp log ln sin cos tan cot sec csc asin acos atan sinh cosh tanh".split()
)
_NODES = (
    ast.Expression, ast.Constant, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Name, ast.Load, ast.Call, ast.UnaryOp,
    ast.UAdd, ast.USub, ast.Invert, ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow,
    ast.LShift, ast.RShift, ast.BitAnd, ast.BitOr, ast.BitXor,
)  # fmt: skip
_GROWS = (ast.Pow, ast.LShift)
_OWN = (b"from sympy import *",)  # what parse_expr compiles before the text; as a statement no text can be this
_LARGEST_EXPONENT = 200
_MOST_CUTS = 60
NONSENSE = ("banana", "?", "I do not know", "the answer")


def load() -> None:
    """Imports what the scorers need, with one thread: each more would take from the memory that a job may have."""
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    importlib.import_module("reasoning_gym")

    sys.addaudithook(_guard)


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuses to compile a text of the policy that is more than a value written out."""
    global _scoring
    if event != "compile" or not _scoring:
        return
    source, filename = arguments
    if not str(filename).startswith("<") or source in _OWN or _importing():
        return
    _scoring = False  # reading the source compiles it too
    try:
        if not is_value(source):
            raise RuntimeError("it is code, not a value")
    finally:
        _scoring = True


def _importing() -> bool:
    """Whether a module is being imported, which may define its classes by code; a policy can make none be imported."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def is_value(source: object) -> bool:
    """Whether a Python expression is a literal or arithmetic on numbers and symbols, with powers that can be computed.

    >>> is_value("[[1, 0], [0, 1]]"), is_value("Integer(2)*Symbol('x')**Integer(3)"), is_value("print(1)")
    (True, True, False)
    >>> is_value("9**9**9"), is_value("().__class__"), is_value("1 or 2")
    (False, False, False)
    """
    if not isinstance(source, str | bytes):
        return False
    try:
        tree = ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            return False
        if isinstance(node, ast.Call) and (
            not isinstance(node.func, ast.Name) or node.func.id not in _CALLED or node.keywords
        ):
            return False
        if isinstance(node, ast.BinOp) and isinstance(node.op, _GROWS):
            inner = list(ast.walk(node.right))
            numbers = [part.value for part in inner if isinstance(part, ast.Constant)]
            if any(isinstance(part, _GROWS) for part in inner) or any(
                isinstance(number, int | float) and abs(number) > _LARGEST_EXPONENT for number in numbers
            ):
                return False
    return True


@lru_cache(maxsize=8)
def _scorer(name: str, options: str) -> Callable[..., Any]:
    """The scorer of a task. Raises a `ValueError` if there is no such task, or with other options."""
    from reasoning_gym import create_dataset

    return create_dataset(name, **ast.literal_eval(options)).score_answer


def _pays(name: str, options: str, entry: dict[str, Any], text: str) -> bool:
    """Whether a task's own scorer pays a text in full; part of the pay is none."""
    global _scoring
    scorer, fresh = _scorer(name, options), copy.deepcopy(entry)
    _scoring = True
    try:
        return float(scorer(answer=text, entry=fresh)) >= 1.0
    finally:
        _scoring = False


def cuts(text: str) -> list[list[str]]:
    """What is left of a text without words at its end, without words at its beginning, without signs around it.

    >>> cuts("5 or 6"), cuts("-20 %")[2]
    ([['5', '5 ', '5 or', '5 or '], ['or 6', ' or 6', '6', ' 6'], []], ['20 %', '-20 ', '-20'])
    """
    words = [match.span() for match in re.finditer(r"[\w.]+", text)]
    step = max(1, len(words) // _MOST_CUTS)
    gaps = [(end, start) for (_, end), (start, _) in itertools.pairwise(words)][::step]
    before, after = (words[0][0], words[-1][1]) if words else (0, len(text))
    signs = [text[place:] for place in range(1, before + 1)]
    signs += [text[:place] for place in range(len(text) - 1, after - 1, -1)]
    return [
        [text[:place] for gap in gaps for place in gap],
        [text[place:] for end, start in gaps for place in (start, end)],
        signs[:_MOST_CUTS],
    ]


def score(name: str, options: str, question: str, answer: str, metadata: str, text: str) -> list[Any]:
    """Whether a text is paid, and why."""
    entry = {"question": question, "answer": answer, "metadata": ast.literal_eval(metadata)}
    if not _pays(name, options, entry, text):
        return [False, "the task's scorer does not pay it in full"]
    if text.split() == answer.split():
        return [True, "it is the gold"]

    for of_text, of_gold in zip(cuts(text), cuts(answer), strict=True):
        if any(cut.split() == answer.split() for cut in of_text):
            return [False, f"more than the answer, which is {answer:.80}"]
        cut = next((cut for cut in of_text if cut.split() != text.split() and _pays(name, options, entry, cut)), None)
        if cut is not None and not any(_pays(name, options, entry, part) for part in of_gold):
            return [False, f"more than an answer: {cut:.80} alone would be paid"]  # the gold can spare nothing, as + C
    return [True, "the task's scorer pays it in full"]


def try_gold(name: str, options: str, question: str, answer: str, metadata: str, others: list[str]) -> list[Any]:
    """What is wrong with a row, if anything, and which of other rows' golds it pays."""
    entry = {"question": question, "answer": answer, "metadata": ast.literal_eval(metadata)}
    if answer and not _pays(name, options, entry, answer):
        return ["its scorer does not pay its own gold in full", []]

    def pays(text: str) -> bool:
        try:
            return _pays(name, options, entry, text)
        except Exception:  # whatever a scorer raises on what it cannot read, it does not pay it
            return False

    zero = ["0"] if re.search("[1-9]", answer) else []
    for text in [*NONSENSE, *zero]:
        if text != answer and pays(text):
            return [f"its scorer pays {text!r} in full", []]
    return ["", [other for other in others if pays(other)]]


TASKS = {"score": score, "try_gold": try_gold}
