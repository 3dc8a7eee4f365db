"""rewards/code.py: tests as rows have them, programs, attacks; and the recipe that trains on it."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from rewards import code, passes_tests, sandbox
from rewards.code import name_called, parse_tests, program, same
from rewards.inside import written
from rlvr_recipes import UserError, load_recipe
from tests.cases import attacks
from tests.conftest import PROJECT
from tests.test_sandbox import needs_isolation

SAMPLES = PROJECT / "recipes" / "samples" / "code"
SHORT = sandbox.Limits(cpu=1, clock=30.0)


def block(source: str) -> str:
    return f"```python\n{source}\n```"


def judged(source: str, tests: list[Any], hidden: list[Any] | None = None, name: str = "f") -> tuple[float, str]:
    """Pay and reason of one program."""
    logged: dict[str, list[Any]] = {}
    columns = {} if hidden is None else {"hidden_tests": [json.dumps(hidden)]}
    (paid,) = passes_tests(
        [block(source)], [json.dumps(tests)], [name], log_extra=logged.__setitem__, limits=SHORT, **columns
    )
    return paid, logged["reason"][0]


# ------------------------------------------------------------------------------------------------------------- tests


@pytest.mark.parametrize(
    ("line", "arguments", "through", "expected"),
    [
        ("assert f(1, 'a') == 3", (1, "a"), "", 3),
        ("assert f([1, 2],(3,))==([(1, 2)])  ", ([1, 2], (3,)), "", [{"tuple": [1, 2]}]),
        ("assert f() == {'a': {1}}", (), "", {"dict": [["a", {"set": [1]}]]}),
        ("assert f(-1.5) is None", (-1.5,), "", None),
        ("assert set(f((3, 4))) == set([4, 3, 4])", ((3, 4),), "set", {"set": [3, 4]}),
        ("assert sorted(f('ba')) == ['a', 'b']", ("ba",), "sorted", ["a", "b"]),
        ("assert len(f(2)) == 2, 'too short'", (2,), "len", 2),
        ("assert f(2)", (2,), "bool", True),
        ("assert not f(2)", (2,), "bool", False),
        ("assert f(2) == set()", (2,), "", {"set": []}),
        ("assert f(b'x') == 1j", (b"x",), "", {"complex": [0.0, 1.0]}),
    ],
)  # fmt: skip
def test_an_assert_line_is_read(line: str, arguments: tuple[Any, ...], through: str, expected: Any) -> None:
    (test,) = parse_tests(json.dumps([line]), "f")
    assert test.call == (arguments, through)
    assert test.expected == expected
    assert test.tolerance == 1e-9
    assert name_called(line) == "f"


def test_isclose_brings_its_tolerance() -> None:
    (test,) = parse_tests('["assert math.isclose(f(10,5), 314.15, rel_tol=0.001)"]', "f")
    assert (test.call.arguments, test.expected, test.tolerance) == ((10, 5), 314.15, 0.001)
    (test,) = parse_tests('[{"args": [1], "expected": 0.5, "tolerance": 0.01}]', "f")
    assert (test.call.arguments, test.expected, test.tolerance) == ((1,), 0.5, 0.01)


@pytest.mark.parametrize(
    "tests",
    [
        "", "[]", "{}", "null", "5", "[5]", "[null]", "assert f(1) == 2", '["f(1) == 2"]', '["assert f(1) = 2"]', '["assert g(1) == 2"]',
        '["assert f(1) == g(2)"]', '["assert f(g(1)) == 2"]', '["assert f(1) != 2"]', '["assert f(1) == 2 == 2"]', '["assert f(x=1) == 2"]',
        '["assert f(*[1]) == 2"]', '["assert f.g(1) == 2"]', '["assert f(1) == open(\'x\')"]', '["assert eval(f(1)) == 2"]', '["assert True"]',
        '["assert f(1) == 2\\nassert f(2) == 3"]', '["import os\\nassert f(1) == 2"]', '["assert f(1) == __import__(\'os\').getpid()"]',
        '["assert f(1) == [x for x in (1,)]"]', '["assert f(1) == 2 ** 3"]', '["assert math.isclose(f(1), 2)"]', '["assert f(1) == ..."]',
        '["assert math.isclose(f(1), 2, rel_tol=2)"]', '["assert math.isclose(f(1), 2, abs_tol=0.1)"]', '["assert f(1) == {[1]}"]',
        '[{"args": [1]}]', '[{"expected": 1}]', '[{"args": 1, "expected": 1}]', '[{"args": [1], "expected": 1, "expect": 2}]',
        '[{"args": [1], "expected": 1, "tolerance": true}]', '[{"args": [1], "expected": 1, "tolerance": -1}]', '["assert f(1) == ' + "(" * 300 + '"]',
        '["assert f(1) == ' + "-" * 100000 + '1"]', "[" * 10000, '["\\u0000"]', None, ["assert f(1) == 2"],
    ],
)  # fmt: skip
def test_tests_of_another_form_are_refused(tests: Any) -> None:
    with pytest.raises(ValueError, match="test"):
        parse_tests(tests, "f")


@pytest.mark.parametrize("name", ["", "f()", "f g", "1f", None, 3, "f\n"])
def test_an_entry_point_is_a_name(name: Any) -> None:
    with pytest.raises(ValueError, match="is no name of a function"):
        parse_tests('["assert f(1) == 2"]', name)


@needs_isolation
def test_a_bad_row_is_named_before_a_run() -> None:
    with pytest.raises(ValueError, match=r"test 'assert f\(1\) == x' is none of the forms"):
        passes_tests(["", ""], ['["assert f(1) == 2"]', '["assert f(1) == x"]'], ["f", "f"])
    with pytest.raises(ValueError, match="2 completions, but 1 rows of tests"):
        passes_tests(["", ""], ['["assert f(1) == 2"]'], ["f"])


# ------------------------------------------------------------------------------------------------------- comparisons

SAME = [
    (1, 1), (1.0, 1), (1, 1.0), (10**30, 10**30), (0.1 + 0.2, 0.3), (float("nan"), float("nan")), (float("inf"), float("inf")), (1e-17, 0.0), (-0.0, 0.0),
    ("a", "a"), ("", ""), (None, None), (True, True), ([1, [2.0]], [1, [2]]), ((1, 2), (1, 2)), ({1, 2}, {2, 1}), (frozenset({1}), {1}), ({1.0}, {1}),
    ({"a": 0.1 + 0.2}, {"a": 0.3}), ({1: [2]}, {1.0: [2]}), ({(1, 2): {3}}, {(1, 2): {3}}), ({frozenset({1, 2})}, {frozenset({2, 1})}), (b"x", b"x"), (1j, 1j),
    ({True: 1}, {True: 1}), ("\ud800", "\ud800"),
]  # fmt: skip
DIFFERENT = [
    (1, True), (True, 1), (0, False), (False, 0), (None, False), (None, 0), ("1", 1), (1, "1"), (1, [1]), ([1], (1,)), ((1,), [1]), ([1], {1}), ({1}, [1]),
    ([1, 2], [2, 1]), ([1], [1, 1]), ([1, 1], [1]), ([], [[]]), ([], ()), ([], set()), ({}, set()), (set(), {}), ({}, []), (10**17, 10**17 + 1),
    (float(10**17), 10**17 + 1), (10**17 + 1, float(10**17)), (float("nan"), 1.0), (1.0, float("nan")), (float("inf"), 1e308), (-float("inf"), float("inf")), (10**400, 1.5), (10**400, float("inf")),
    (1.0001, 1.0), (0.3, 0.30001), (0.0, 1e-12), (1e-3, 0.0), ("a", "A"), ("a", b"a"), ({1, 2}, {1}), ({1}, {1, 2}), ({True}, {1}), ({1: 1}, {True: 1}),
    ({"a": 1}, {"a": 2}), ({"a": 1}, {"b": 1}), ({"a": 1}, {"a": 1, "b": 2}), ({"a": 1, "b": 2}, {"a": 1}), ({"1": 1}, {1: 1}), ([("a", 1)], {"a": 1}), ("[1]", [1]),
    (1j, 1), (1j, [0.0, 1.0]), (range(3), [0, 1, 2]), (object(), None), (iter([1]), [1]), ("nan", float("nan")), ("\u00e9", "e\u0301"), ((1, 2), 1), ({"tuple": [1]}, (1,)),
]  # fmt: skip


@pytest.mark.parametrize(("got", "expected"), SAME, ids=lambda value: repr(value)[:30])
def test_the_same_value_is_the_same(got: Any, expected: Any) -> None:
    assert same(json.loads(written(got)), json.loads(written(expected)))


@pytest.mark.parametrize(("got", "expected"), DIFFERENT, ids=lambda value: repr(value).split(" at 0x")[0][:30])
def test_another_value_or_type_is_not(got: Any, expected: Any) -> None:
    assert not same(json.loads(written(got)), json.loads(written(expected)))


def test_a_tolerance_is_relative_and_of_floats_only() -> None:
    assert same(314.0, 314.15, 0.001)
    assert not same(313.0, 314.15, 0.001)
    assert not same(314, 315, 0.1)
    assert same([100.4], [100.0], 0.01)


# ----------------------------------------------------------------------------------------------------------- programs

DEF = "def f(x):\n    return x"


@pytest.mark.parametrize(
    ("completion", "found"),
    [
        (f"```python\n{DEF}\n```", DEF),
        (f"Sure!\n\n```Python\n{DEF}\n```\nIt gives x.", DEF),
        (f"```py\r\n{DEF}\r\n```\r\n", DEF + "\r"),
        (f"```\n{DEF}\n```", DEF),
        ("  ```python\n  def f(x):\n      return x\n  ```", DEF),
        (f"````python\n{DEF}\n```\nx\n````", DEF + "\n```\nx"),
        (f"```python\n{DEF}\n```\nUse it:\n```python\nprint(f(1))\n```\nOutput:\n```text\n1\n```", DEF),
        (f"```python\ndef f(x):\n    return 0\n```\nBetter:\n```python\n{DEF}\n```", DEF),
        ("```python\nf = abs\n```", "f = abs"),
        ("```python\nf = '''a\n  \n'''\n```", "f = '''a\n  \n'''"),
        ("1. So:\n\t```python\n\tf = 1\n\n\t```", "f = 1\n"),
        ("```python\nasync def f(x): pass\n```", "async def f(x): pass"),
        ("```python\ndef g(x): pass\n```\n```python\ndef ff(x): pass\n```", "def ff(x): pass"),
        (f"<think>\n```python\nbad\n```\n</think>\n```python\n{DEF}\n```", DEF),
        (f"```bash\nls\n```\n```python title=a\n{DEF}\n```", DEF),
        ("```python\n```", ""),
    ],
)
def test_the_last_block_that_defines_the_function_is_the_program(completion: str, found: str) -> None:
    assert program(completion, "f") == found


@pytest.mark.parametrize(
    "completion",
    [
        "", DEF, f"```python\n{DEF}", f"```python {DEF}```", f"`{DEF}`", f"```java\n{DEF}\n```", f"```output\n{DEF}\n```", f"~~~python\n{DEF}\n~~~",
        f"<think>```python\n{DEF}\n```", f"</think><think>\n```python\n{DEF}\n```", f"```python\n{DEF}\n``", f"'''python\n{DEF}\n'''", f"````python\n{DEF}\n```",
    ],
)  # fmt: skip
def test_what_is_no_closed_python_block_is_no_program(completion: str) -> None:
    assert program(completion, "f") is None


@pytest.mark.parametrize(
    "completion",
    [
        "```" + "a" * 10**6 + "`", "`" * 10**6, " " * 10**6 + "x", "```\n" * 10**5, "```python\n" + " " * 10**6 + "\n```", "```python\n" + "f " * 10**5 + "\n```",
        "<think>" * 10**5, "```python\n" + "async " * 10**5 + "\n```", "```python\n" + ("f" + " " * 1000 + "\n") * 1000 + "```", "\n" * 10**6, "```python" + "\t" * 10**6 + "\n```",
    ],
)  # fmt: skip
def test_a_program_is_found_in_time_linear_in_the_text(completion: str) -> None:
    begun = time.process_time()
    program(completion, "f")
    assert time.process_time() - begun < 1.0


# --------------------------------------------------------------------------------------------------------------- pay


@needs_isolation
def test_pay_rises_from_compiling_to_all_tests() -> None:
    shown, hidden = ["assert f(1) == 1"], ["assert f(2) == 4", "assert f(3) == 9", "assert f(-1) == 1"]
    assert judged("def f(x): return x * x", shown, hidden) == (1.0, "all 4 tests pass")
    assert judged("def f(x): return abs(x) ** 2", shown, hidden)[0] == 1.0
    assert judged("def f(x): return x ** x", shown, hidden) == (0.5, "2 of 4 tests pass; gave 27 in assert f(3) == 9")
    assert judged("def f(x): return 1", shown, hidden)[0] == 0.5
    assert judged("def f(x): return x", shown, hidden) == (0.35, "1 of 4 tests pass; gave 2 in assert f(2) == 4")
    assert judged("def f(x): return None", shown, hidden) == (0.2, "0 of 4 tests pass; gave null in assert f(1) == 1")
    assert judged("def f(x): return 1 / 0", shown, hidden)[1].startswith('0 of 4 tests pass; raised "ZeroDivisionError')
    assert judged("def g(x): return x", shown, hidden) == (
        0.1,
        "does not define the function: raised \"KeyError: 'f'\"",
    )
    assert judged("f = 3", shown, hidden)[0] == 0.1
    assert judged("def f(x) return x", shown, hidden)[0] == 0.0


@needs_isolation
def test_without_hidden_tests_the_shown_ones_count_for_both() -> None:
    shown = ["assert f(1) == 1", {"args": [2], "expected": 4}]
    assert judged("def f(x): return x * x", shown) == (1.0, "all 2 tests pass")
    assert judged("def f(x): return 1", shown)[0] == 0.5


@needs_isolation
def test_a_right_program_is_paid_however_it_is_written() -> None:
    tests = ["assert f(3) == [0, 1, 2]", "assert sorted(f(2)) == [0, 1]"]
    for source in (
        "def f(n: int) -> list[int]:\n    return list(range(n))",
        "f = lambda n: [*range(n)]",
        "class Solver:\n    def run(self, n):\n        return [i for i in range(n)]\n\ndef f(n):\n    return Solver().run(n)",
        "from dataclasses import dataclass\n\n@dataclass\nclass Box:\n    items: 'list'\n\ndef f(n):\n    return Box(list(range(n))).items",
        "import itertools, functools\n\n@functools.cache\ndef f(n):\n    return list(itertools.islice(itertools.count(), n))",
        "def f(n):\n    print('x' * 10**6)\n    return list(range(n))\n\nif __name__ == '__main__':\n    print(f(int(input())))",
        "import sys\nsys.stdout.close()\nsys.stderr = None\ndef f(n): return list(range(n))",
        "class L(list): pass\ndef f(n): return L(range(n))",
        "# -*- coding: latin-1 -*-\ndef f(n):\n    'ä'\n    return list(range(n))",
        "f = type('F', (), {'__call__': lambda self, n: list(range(n))})()",
    ):
        assert judged(source, tests) == (1.0, "all 2 tests pass"), source


@needs_isolation
def test_chat_messages_and_logged_columns() -> None:
    logged: dict[str, list[Any]] = {}
    completions = [[{"role": "assistant", "content": block(DEF)}], [{"role": "assistant", "content": None}], "x"]
    paid = passes_tests(completions, ['["assert f(1) == 1"]'] * 3, ["f"] * 3, log_extra=logged.__setitem__)  # type: ignore[arg-type]
    assert paid == [1.0, 0.0, 0.0]
    assert logged == {
        "extracted": [DEF, None, None],
        "where": ["```python", None, None],
        "reason": ["all 1 tests pass", "no closed ```python block", "no closed ```python block"],
    }


# ----------------------------------------------------------------------------------------------------------- attacks


def paid_for(programs: dict[str, str], limits: sandbox.Limits = SHORT) -> dict[str, float]:
    count = len(programs)
    paid = passes_tests(
        [block(source) for source in programs.values()], [attacks.SHOWN] * count, [attacks.ENTRY_POINT] * count,
        hidden_tests=[attacks.HIDDEN] * count, limits=limits,
    )  # fmt: skip
    return dict(zip(programs, paid, strict=True))


def library() -> dict[str, int]:
    """When the files of the standard library were last written."""
    return {file.name: file.stat().st_mtime_ns for file in attacks.LIBRARY.glob("*.py")}


@needs_isolation
def test_no_attack_is_paid_and_none_leaves_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    before, environment, descriptors = library(), dict(os.environ), len(os.listdir("/proc/self/fd"))
    assert len(attacks.ATTACKS) >= 80
    paid = paid_for({"right": attacks.RIGHT, **attacks.ATTACKS})
    assert paid.pop("right") == 1.0
    assert {name: pay for name, pay in paid.items() if pay > attacks.BY_HEART} == {}
    assert attacks.left_behind() == []
    assert library() == before
    assert dict(os.environ) == environment
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert paid_for({"right": attacks.RIGHT}) == {"right": 1.0}


@needs_isolation
@pytest.mark.slow
def test_no_slow_attack_is_paid_and_none_leaves_anything() -> None:
    paid = paid_for(attacks.SLOW, sandbox.Limits(cpu=1, clock=5.0))
    assert {name: pay for name, pay in paid.items() if pay > attacks.BY_HEART} == {}
    assert attacks.left_behind() == []


@needs_isolation
def test_an_attack_beside_a_right_function_does_not_spoil_it_or_others() -> None:
    bomb = "import os\ntry:\n    while True: os.fork()\nexcept OSError: pass\n"
    memory = "kept = []\ntry:\n    while True: kept.append(bytearray(10**7))\nexcept MemoryError: kept.clear()\n"
    paid = paid_for({"bomb": bomb + attacks.RIGHT, "memory": memory + attacks.RIGHT, "right": attacks.RIGHT})
    assert paid == {"bomb": 1.0, "memory": 1.0, "right": 1.0}


def test_lines_that_inside_py_never_writes_pass_no_test() -> None:
    (test,) = parse_tests('["assert f(1) == {1: (2, {3})}"]', "f")
    right = b'["gave", {"dict": [[1, {"tuple": [2, {"set": [3]}]}]]}]'
    assert code._passes(right, test)
    for line in (
        b"", b"null", b"[]", b'["gave"]', b'["gave", 1, 2]', b'{"gave": 1}', b'["raised", {"dict": []}]', b'["gave", {"dict": 5}]', b'["gave", {"dict": [1]}]',
        b'["gave", {"dict": [[1]]}]', b'["gave", {"dict": {"a": 1}}]', b'["gave", {"dict": ["ab"]}]', b'["gave", {}]', b'["gave", {"dict": [], "set": []}]',
        b'["gave", {"dict": [[1, {"tuple": {"set": 3}}]]}]', b'["gave", {"dict": [[{}, 1]]}]', b'["gave", {"dict": [[{"a": 1, "b": 2}, 1]]}]',
        b'["gave", {"dict": [[1, {"tuple": [2, {"set": 3}]}]]}]', b'["gave", ' + b"[" * 10**5, b'["gave", ' + b'{"tuple": ' * 10**5, b'["gave", ' + b"9" * 10**5 + b"]",
        b'["gave", {"dict": [[' + b"[" * 900 + b"]" * 900 + b", 1]]}]", b"\xff\xfe", b"\0", right + b" 1", right.replace(b"3", b"3.1"), right.replace(b"3", b"1e999"),
    ):  # fmt: skip
        assert not code._passes(line, test), line[:100]


def test_large_lines_are_judged_fast() -> None:
    (test,) = parse_tests('["assert f(1) == {1: (2, {3})}"]', "f")
    lines = [
        b'["gave", {"dict": [' + b",".join(b"[%d, 1]" % (i * (2**61 - 1)) for i in range(30000)) + b"]}]",
        b'["gave", {"dict": [[1, {"tuple": [2, {"set": [' + b",".join(b"%d" % i for i in range(100000)) + b"]}]}]]}]",
        b'["gave", "' + b"x" * 10**6 + b'"]',
    ]
    begun = time.process_time()
    assert not any(code._passes(line, test) for line in lines)
    assert time.process_time() - begun < 3.0


# ------------------------------------------------------------------------------------------------------------ recipe


def samples(stem: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / f"{stem}.jsonl").read_text().splitlines()]


@needs_isolation
@pytest.mark.parametrize(("stem", "count"), [("train", 40), ("test", 20)])
def test_the_reference_solution_of_every_sample_passes_all_its_tests(stem: str, count: int) -> None:
    records = samples(stem)
    assert len(records) == count
    names = [name_called(record["test_list"][0]) for record in records]
    completions = [block(record["code"]) for record in records]
    shown = [json.dumps(record["test_list"][:1]) for record in records]
    hidden = [json.dumps(record["test_list"][1:]) for record in records]
    assert passes_tests(completions, shown, names, hidden) == [1.0] * count
    others = completions[1:] + completions[:1]  # those of other problems, under this one's name
    renamed = [
        f"{other[:-4]}\n{mine} = {theirs}\n```"
        for other, mine, theirs in zip(others, names, names[1:] + names[:1], strict=True)
    ]
    assert max(passes_tests(renamed, shown, names, hidden)) < 1.0


def test_no_sample_is_passed_by_a_constant_or_by_its_argument() -> None:
    names = set()
    for record in samples("train") + samples("test"):
        name = name_called(record["test_list"][0])
        names.add(name)
        tests = parse_tests(json.dumps(record["test_list"]), name)
        assert len(tests) == 6
        assert not all(same(test.expected, tests[0].expected) for test in tests), name
        assert not all(
            len(test.call.arguments) == 1 and same(json.loads(written(test.call.arguments[0])), test.expected)
            for test in tests
        ), name
        assert len({repr(test.call.arguments) for test in tests}) == 6, name
    assert len(names) == 60  # none in two splits


def test_the_rows_show_the_first_test_and_hide_the_others() -> None:
    recipe = load_recipe("code")
    sizes = {split: len(recipe.rows_of(split, str(SAMPLES))) for split in ("train", "validation", "test")}
    assert sizes == {"train": 32, "validation": 8, "test": 20}
    row = recipe.rows_of("test", str(SAMPLES))[0]
    shown, hidden = json.loads(row["tests"]), json.loads(row["hidden_tests"])
    (prompt,) = recipe.prompts_of([row], recipe.exemplars_shown(3))
    asked = prompt[-1]["content"]  # type: ignore[index]
    assert len(shown) == 1
    assert shown[0] in asked
    assert len(hidden) == 5
    assert not any(test in str(prompt) for test in hidden)


@needs_isolation
def test_the_exemplars_pass_the_test_that_they_show() -> None:
    for question, solution in load_recipe("code").exemplars:
        line = question.splitlines()[-1]
        assert passes_tests([solution], [json.dumps([line])], [name_called(line)]) == [1.0]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"prompt": "x", "test_list": ["assert f(1) == 2", "assert f(2) == g(3)"]}, "line 1: test 'assert f(2) == g(3)' is none"),
        ({"prompt": "x", "test_list": ["assert f(1) == 2"]}, "line 1: test_list is no list of two tests or more"),
        ({"prompt": "x", "test_list": ["assert f(1) == 2", "assert g(1) == 2"]}, "line 1: test 'assert g(1) == 2' calls g, not f"),
        ({"prompt": "x", "test_list": "assert f(1) == 2"}, "line 1: test_list is no list"),
        ({"prompt": "x", "test_list": [1, 2]}, "line 1: test_list is no list"),
        ({"text": "x"}, "line 1: no column test_list; found text"),
        ({"question": "x", "test_list": []}, "line 1: no column prompt; found question, test_list"),
    ],
)  # fmt: skip
def test_a_bad_row_of_a_file_is_named(record: dict[str, Any], said: str, tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text(json.dumps(record) + "\n")
    with pytest.raises(UserError) as error:
        load_recipe("code").rows_of("test", str(tmp_path))
    assert said in str(error.value)


def test_rows_of_the_hub_that_cannot_be_read_are_left_out_and_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {"prompt": "x", "test_list": ["assert f(1) == 2", "assert f(2) == 3"]}
    bad = {"prompt": "x", "test_list": ["assert f(1) == 2", "assert f(Pair(1, 2)) == 3"]}
    monkeypatch.setattr("rlvr_recipes.data.records", lambda stem, path, hub: iter([("row 1", good), ("row 2", bad)]))
    rows = load_recipe("code").rows_of("test")
    assert len(rows) == 1
    assert (
        "test: 1 rows left out, whose tests cannot be read, such as row 2: test 'assert f(Pair(1, 2)) == 3'"
        in capsys.readouterr().out
    )
