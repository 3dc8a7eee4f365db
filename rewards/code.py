r"""The reward for a Python function that passes tests.

The program runs in a sandbox (`rewards.sandbox`), which gets the arguments of the tests and never their right answers.
What the function returned comes back as data and is compared here, out of the program's reach: patching `assert`,
`__eq__` or `sys.exit`, or printing what a passed test would print, changes nothing.

Where nothing isolates, it refuses. A recipe that runs model-written code all the same says so in a reward of its own:

    def passes_tests_unsafely(completions, tests, entry_point, **kwargs):
        return passes_tests(completions, tests, entry_point, run_without_isolation=True, **kwargs)
"""

import ast
import json
import math
import re
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from rewards import sandbox
from rewards.completions import Completion, text_of
from rewards.inside import THROUGH, written
from rewards.verdicts import LogExtra

COMPILES = 0.1  # the pay of a program that compiles,
DEFINES = 0.2  # that also defines the function,
SHOWN, HIDDEN = 0.15, 0.45  # and on top the share of the shown and of the hidden tests that pass; 1.0 for all of them
TOLERANCE = 1e-9  # relative, of floats


class UnitTest(NamedTuple):
    """One call with what it must give, as `rewards.inside.written` writes it."""

    call: sandbox.Call
    expected: Any
    tolerance: float
    text: str


# ------------------------------------------------------------------------------------------------- the tests of a row


def parse_tests(tests: object, entry_point: object) -> list[UnitTest]:
    """The tests of a row.

    Args:
        tests: a JSON list; each test is an object with `args`, `expected` and, if need be, `tolerance`, or a text such
            as `assert f(1, 2) == 3`, which also knows tuples and sets. The result may go through `set`, `sorted`,
            `len` and their like before it is compared; `assert f(1)`, `assert not f(1)` and
            `assert math.isclose(f(1), 0.5, rel_tol=0.001)` are read too.
        entry_point: the name of the function.

    Raises:
        ValueError: something else stands there, named.

    >>> test, = parse_tests('[{"args": [[2, 1]], "expected": [1, 2]}]', "ascending")
    >>> test.call.arguments, test.expected
    (([2, 1],), [1, 2])
    >>> parse_tests('["assert set(f(3)) == {1, 3}"]', "f")[0].expected
    {'set': [1, 3]}
    >>> parse_tests('["assert f(1) == g(1)"]', "f")
    Traceback (most recent call last):
    ValueError: test 'assert f(1) == g(1)' is none of the forms that are read: assert f(1, 2) == 3, with literals
    """
    if not isinstance(entry_point, str) or not entry_point.isidentifier():
        raise ValueError(f"entry_point {entry_point!r} is no name of a function")
    try:
        listed = json.loads(tests) if isinstance(tests, str) else None
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list) or not listed:
        raise ValueError(f"tests {tests!r:.200} are no JSON list with at least one test")
    return [_from_assert(each, entry_point) if isinstance(each, str) else _from_object(each) for each in listed]


def _from_object(test: object) -> UnitTest:
    if (
        not isinstance(test, dict)
        or not {"args", "expected"} <= test.keys() <= {"args", "expected", "tolerance"}
        or not isinstance(test["args"], list)
    ):
        raise ValueError(f"test {test!r:.200} is no object with args (a list), expected and perhaps tolerance")
    expected = json.loads(written(test["expected"]))
    return _test(tuple(test["args"]), "", expected, test.get("tolerance", TOLERANCE), json.dumps(test))


def _test(arguments: tuple[Any, ...], through: str, expected: Any, tolerance: object, text: str) -> UnitTest:
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 <= tolerance < 1:
        raise ValueError(f"test {text:.200}: the tolerance {tolerance!r} is no number from 0 to below 1")
    if not same(expected, expected):
        raise ValueError(f"test {text:.200}: no returned value could equal what is expected")
    return UnitTest(sandbox.Call(arguments, through), expected, float(tolerance), text)


def name_called(test: str) -> str:
    """The function that a test of the form `assert f(1, 2) == 3` calls.

    Raises:
        ValueError: the test is of another form.

    >>> name_called("assert set(similar([1], [1, 2])) == {1}")
    'similar'
    """
    call = _parts(test)[0]
    assert isinstance(call.func, ast.Name)
    return call.func.id


def _from_assert(line: str, entry_point: str) -> UnitTest:
    call, through, expected, tolerance = _parts(line)
    assert isinstance(call.func, ast.Name)
    if call.func.id != entry_point:
        raise ValueError(f"test {line!r:.200} calls {call.func.id}, not {entry_point}")
    arguments = tuple(_literal(each, line) for each in call.args)
    return _test(arguments, through, json.loads(written(expected)), tolerance, line)


def _other_form(line: str) -> ValueError:
    return ValueError(f"test {line!r:.200} is none of the forms that are read: assert f(1, 2) == 3, with literals")


def _literal(node: ast.expr, line: str) -> Any:
    """The value of a literal, or of a builtin such as `set` around one."""
    try:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return THROUGH[node.func.id](*(ast.literal_eval(each) for each in node.args))
        return ast.literal_eval(node)
    except (ValueError, TypeError, KeyError, SyntaxError, RecursionError, MemoryError) as error:  # nested too deeply
        raise _other_form(line) from error


def _parts(line: str) -> tuple[ast.Call, str, Any, float]:
    """The call in a test, the builtin around it, what is expected, and the tolerance."""
    try:
        (statement,) = ast.parse(line.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _other_form(line) from error
    asserted = statement.test if isinstance(statement, ast.Assert) else None
    match asserted:
        case ast.Compare(left, [ast.Eq() | ast.Is()], [right]):
            expected, tolerance = _literal(right, line), TOLERANCE
        case ast.Call(ast.Attribute(ast.Name("math"), "isclose"), [left, right], [ast.keyword("rel_tol", given)]):
            expected, tolerance = _literal(right, line), _literal(given, line)
        case ast.UnaryOp(ast.Not(), ast.Call() as inner):
            left, expected, tolerance = ast.Call(ast.Name("bool"), [inner], []), False, TOLERANCE
        case ast.Call() as inner:
            left, expected, tolerance = ast.Call(ast.Name("bool"), [inner], []), True, TOLERANCE
        case _:
            raise _other_form(line)
    match left:
        case ast.Call(ast.Name(through), [ast.Call(ast.Name(), _, []) as call], []) if through in THROUGH:
            return call, through, expected, tolerance
        case ast.Call(ast.Name(), _, []) as call:
            return call, "", expected, tolerance
    raise _other_form(line)


# ------------------------------------------------------------------------------------------------- what was returned


def same(got: Any, expected: Any, tolerance: float = TOLERANCE) -> bool:
    """Whether two values that `written` wrote are the same: of the same type, and numbers of the same value.

    Two floats may differ by `tolerance`, relatively; nan is nan; True is not 1; a list is not a tuple.

    >>> same(6.0, 6), same(0.1 + 0.2, 0.3), same({"tuple": [1]}, {"tuple": [1]})
    (True, True, True)
    >>> same(1, True), same({"tuple": [1]}, [1]), same(10**17, 10**17 + 1), same({"object": "map"}, {"object": "map"})
    (False, False, False, False)
    """
    if expected is None or isinstance(expected, bool | str):
        return type(got) is type(expected) and got == expected
    if isinstance(expected, int | float):
        return isinstance(got, int | float) and not isinstance(got, bool) and _close(got, expected, tolerance)
    if isinstance(expected, list):
        return (
            isinstance(got, list)
            and len(got) == len(expected)
            and all(same(*pair, tolerance) for pair in zip(got, expected, strict=True))
        )
    ((kind, inside),) = expected.items()
    if not isinstance(got, dict) or list(got) != [kind]:
        return False
    if kind == "set":
        return isinstance(got[kind], list) and _sorted(got[kind]) == _sorted(inside)
    if kind == "dict":
        theirs, ours = _items(got[kind]), _items(inside)
        return theirs.keys() == ours.keys() and all(same(theirs[key], ours[key], tolerance) for key in ours)
    return kind != "object" and same(got[kind], inside, tolerance)


def _close(got: float, expected: float, tolerance: float) -> bool:
    if got == expected:
        return True
    if not isinstance(got, float) or not isinstance(expected, float):
        return False
    if math.isnan(expected):
        return math.isnan(got)
    return math.isfinite(got) and abs(got - expected) <= tolerance * (abs(expected) or 1.0)


def _text(value: Any) -> str:
    """A text that equal members of sets and keys of dicts share."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, dict):
        ((kind, inside),) = value.items()
        return f"{kind}:{_sorted(inside) if kind == 'set' else _text(inside)}"
    return json.dumps(value)


def _sorted(values: list[Any]) -> list[str]:
    return sorted(set(map(_text, values)))


def _items(pairs: Any) -> dict[str, Any]:
    return {_text(key): value for key, value in pairs}


def _passes(line: bytes, test: UnitTest) -> bool:
    """Whether a line that came out of the sandbox holds what the test expects; the line may be anything."""
    try:
        what, value = json.loads(line)
        return what == "gave" and same(value, test.expected, test.tolerance)
    except (ValueError, TypeError, RecursionError):  # no line that inside.py writes
        return False


# ------------------------------------------------------------------------------------------------------------ the code

_FENCE = re.compile(r"([ \t]*+)(`{3,}+)[ \t]*+([^`\s]*+)[^`]*+")
_PYTHON = ("python", "python3", "py", "")


def program(completion: str, entry_point: str) -> str | None:
    r"""The program that a completion commits to: its last closed Python block that defines the function, else its last.

    What is thought aloud before `</think>` is no answer, nor is a block that was cut off. Of several versions the last
    counts, so listing them gains nothing.

    >>> program("```python\ndef f(): return 1\n```\nFor example:\n```python\nprint(f())\n```", "f")
    'def f(): return 1'
    >>> program("```python\ndef f(): return 1\n", "f") is None
    True
    """
    answer = completion.rpartition("</think>")[2]
    if "<think>" in answer:
        return None
    found, indent, fence, language, begun = [], "", "", "", []
    for line in answer.split("\n"):
        match = _FENCE.fullmatch(line.rstrip("\r"))
        if not fence:
            if match:
                indent, fence, language, begun = match[1], match[2], match[3].lower(), []
        elif match and not match[3] and len(match[2]) >= len(fence):
            if language in _PYTHON:
                found.append("\n".join(begun))
            fence = ""
        else:
            begun.append(line.removeprefix(indent))  # a block in a list is indented with its item
    defines = re.compile(rf"^(?:(?:async[ ]+)?def|class)[ ]+{entry_point}\b|^{entry_point}[ ]*=", re.MULTILINE)
    return next((block for block in reversed(found) if defines.search(block)), found[-1] if found else None)


# ---------------------------------------------------------------------------------------------------------- the reward


class _Judged(NamedTuple):
    pay: float
    code: str | None
    reason: str


def _judge(
    text: str,
    entry_point: str,
    shown: list[UnitTest],
    hidden: list[UnitTest],
    limits: sandbox.Limits | None,
    isolated: bool,
) -> _Judged:
    code = program(text, entry_point)
    if code is None or not code.strip():
        return _Judged(0.0, None, "no closed ```python block")
    tests = [*shown, *hidden]
    lines, ended = sandbox.run(code, entry_point, [test.call for test in tests], limits, isolated)
    stages = [b'["compiled", null]', b'["defined", null]']
    reached = 2 if lines[:2] == stages else int(lines[:1] == stages[:1])
    given = lines[2:]
    if reached < 2:
        why = ended or (_said(lines[reached]) if lines[reached:] else "the program ended")
        return _Judged(COMPILES * reached, code, f"{'does not define the function' if reached else 'no Python'}: {why}")
    if len(given) > len(tests):
        return _Judged(0.0, code, f"{len(given)} answers to {len(tests)} calls: the program wrote some itself")
    passed = [_passes(line, test) for line, test in zip(given, tests, strict=False)]
    passed += [False] * (len(tests) - len(passed))
    if all(passed):
        return _Judged(1.0, code, f"all {len(tests)} tests pass")
    failed = passed.index(False)
    why = _said(given[failed]) if failed < len(given) else ended or "the program ended"
    reason = f"{sum(passed)} of {len(tests)} tests pass; {why} in {tests[failed].text:.100}"
    shares = [sum(part) / len(part) if part else 0.0 for part in (passed[: len(shown)], passed[len(shown) :])]
    weights = (SHOWN, HIDDEN) if hidden else (SHOWN + HIDDEN, 0.0)
    pay = DEFINES + sum(weight * share for weight, share in zip(weights, shares, strict=True))
    return _Judged(round(pay, 4), code, reason)


def _said(line: bytes) -> str:
    """A line that came out of the sandbox, for the reason."""
    text = line[:150].decode("ascii", errors="replace")
    what, _, value = text.partition(", ")
    if what in ('["gave"', '["raised"'):
        return f"{what[2:-1]} {value.removesuffix(']')}"
    return f"wrote {text!r}"


def passes_tests(
    completions: Sequence[Completion],
    tests: Sequence[str],
    entry_point: Sequence[str],
    hidden_tests: Sequence[str] | None = None,
    log_extra: LogExtra | None = None,
    limits: sandbox.Limits | None = None,
    run_without_isolation: bool = False,
    **kwargs: Any,
) -> list[float]:
    r"""Pays 1.0 when the function that a completion defines passes all tests; in part for less, at most 0.8.

    0.1 if the program compiles, 0.2 if it also defines the function, and up to 0.15 more for the tests that the prompt
    shows and 0.45 for those it does not show, so that knowing the shown ones by heart earns little. Without hidden
    tests the shown ones count for both. All tests of a row run in one process, one after another.

    Args:
        completions: one per row, texts or message lists; `program` says which block counts.
        tests, hidden_tests: the tests of each row, as in `parse_tests`.
        entry_point: the name of each row's function.
        log_extra: TRL's hook; gets the columns `extracted`, `where` and `reason`.
        limits: what one program may use; None: `sandbox.Limits()`, 2 s of CPU time and 256 MiB.
        run_without_isolation: True runs what the model writes with all your rights, under limits on time, memory and
            output alone: it can read and delete your files, and talk to the network.

    Raises:
        ValueError: a row's tests cannot be read, or there is no isolation here (`sandbox.NoIsolation`).

    >>> tests, name = ['["assert double(2) == 4"]'] * 3, ["double"] * 3
    >>> hidden = ['["assert double(5) == 10"]'] * 3
    >>> right = "```python\ndef double(x):\n    return 2 * x\n```"
    >>> by_heart = "```python\ndef double(x):\n    return 4\n```"
    >>> tricky = "```python\nclass Yes:\n    def __eq__(self, other): return True\n\ndef double(x): return Yes()\n```"
    >>> passes_tests([right, by_heart, tricky], tests, name, hidden)
    [1.0, 0.35, 0.2]
    """
    isolated = run_without_isolation is not True  # a column of that name says nothing
    if isolated:
        sandbox.isolation()
    hidden = hidden_tests if hidden_tests is not None else [None] * len(tests)
    if not len(completions) == len(tests) == len(entry_point) == len(hidden):
        raise ValueError(f"{len(completions)} completions, but {len(tests)} rows of tests and {len(entry_point)} names")
    texts = [text_of(completion) for completion in completions]
    shown = [parse_tests(row, name) for row, name in zip(tests, entry_point, strict=True)]
    more = [[] if row is None else parse_tests(row, name) for row, name in zip(hidden, entry_point, strict=True)]
    from concurrent.futures import ThreadPoolExecutor  # late, since it brings logging

    pool = ThreadPoolExecutor(sandbox.WORKERS)
    try:
        judge = partial(_judge, limits=limits, isolated=isolated)
        judged = list(pool.map(judge, texts, entry_point, shown, more))
    finally:
        pool.shutdown(cancel_futures=True)
    if log_extra is not None:
        log_extra("extracted", [each.code for each in judged])
        log_extra("where", [None if each.code is None else "```python" for each in judged])
        log_extra("reason", [each.reason for each in judged])
    return [each.pay for each in judged]
