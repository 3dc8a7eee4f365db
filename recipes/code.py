"""Code, 3-shot, chat: an instruct model writes a Python function, which passes tests or does not.

Data      google-research-datasets/mbpp, sanitized: 120 train rows, of which the last fifth are the validation rows, and
          257 test rows; those with a test that passes_tests cannot read are left out and counted. Or --dataset_path: a
          folder or hub id with the columns prompt (or text) and test_list, such as recipes/samples/code (40 and 20
          rows, made for this project). The first test is shown, the others are hidden
Policy    Qwen/Qwen2.5-0.5B-Instruct, NF4 double quant, LoRA r16 on all linear layers; made for one 16 GB GPU
Rewards   passes_tests decides: 1.0 for all tests; 0.1 for code that compiles, 0.2 where it defines the function, up to
          0.15 more for the shown test and 0.45 for the hidden ones. Programs run in a sandbox: apt install bubblewrap
Expected  not yet measured: no run of this recipe has been recorded
"""

import json

from rewards import passes_tests
from rewards.code import name_called, parse_tests
from rlvr_recipes import Case, Recipe, UserError, data, prompts
from rlvr_recipes.command import say
from rlvr_recipes.recipe import Row

HUB = data.Hub("google-research-datasets/mbpp", "sanitized")
SYSTEM = (
    "Write one Python function that does what is asked, with nothing but the standard library. "
    "Answer with one ```python block."
)

EXEMPLARS = [
    ("Write a function that gives the larger of two numbers.\nIt must pass this test:\nassert larger(3, 8) == 8",
     "```python\ndef larger(a, b):\n    return a if a > b else b\n```"),
    ("Write a function that counts the words of a text, which are separated by blanks.\nIt must pass this test:\n"
     "assert count_words('to be or not') == 4",
     "```python\ndef count_words(text):\n    return len(text.split())\n```"),
    ("Write a function that gives the tuple of the even numbers in a list, in their order.\nIt must pass this test:\n"
     "assert evens([4, 7, 10]) == (4, 10)",
     "```python\ndef evens(numbers):\n    return tuple(n for n in numbers if n % 2 == 0)\n```"),
]  # fmt: skip


def row(record: data.Record, place: str) -> Row:
    """One row: `question` with the first test, `entry_point`, and the tests, shown and hidden, as JSON lists.

    Raises:
        ValueError: a test that cannot be read, or none to hide.
        UserError: a missing column.
    """
    task = data.column(record, "text" if "text" in record else "prompt", place)
    tests = data.column(record, "test_list", place)
    if not isinstance(tests, list) or len(tests) < 2 or not all(isinstance(test, str) for test in tests):
        raise ValueError("test_list is no list of two tests or more: the first is shown, the others are hidden")
    name = name_called(tests[0])
    made = {
        "question": f"{str(task).strip()}\nIt must pass this test:\n{tests[0]}",
        "entry_point": name,
        "tests": json.dumps(tests[:1]),
        "hidden_tests": json.dumps(tests[1:]),
    }
    parse_tests(json.dumps(tests), name)
    return made


def rows(split: str, dataset_path: str | None = None) -> list[Row]:
    """The rows of a split.

    Raises:
        UserError: a file that is missing or broken, or a bad row of it, with its place.
    """
    stem = "test" if split == "test" else "train"
    made, left_out = [], []
    for place, record in data.records(stem, dataset_path, HUB):
        try:
            made.append(row(record, place))
        except ValueError as error:
            if dataset_path is not None:
                raise UserError(f"{place}: {error}") from error
            left_out.append(f"{place}: {error}")
    if left_out:
        say(f"{stem}: {len(left_out)} rows left out, whose tests cannot be read, such as {left_out[0]}")
    return made if stem == "test" else data.held_out(made, split, max(1, len(made) // 5))


def prompt(row: Row, exemplars: prompts.Exemplars) -> list[dict[str, str]]:
    return prompts.chat(SYSTEM, exemplars, row["question"])


SHOWN = zip(EXEMPLARS, [
    ("larger", "assert larger(3, 8) == 8"), ("count_words", "assert count_words('to be or not') == 4"),
    ("evens", "assert evens([4, 7, 10]) == (4, 10)"),
], strict=True)  # fmt: skip
DOUBLE = {
    "entry_point": "double",
    "tests": '["assert double(2) == 4"]',
    "hidden_tests": '["assert double(5) == 10", "assert double(-1) == -2"]',
}

RECIPE = Recipe(
    model="Qwen/Qwen2.5-0.5B-Instruct",
    rows=rows,
    prompt=prompt,
    exemplars=EXEMPLARS,
    shots=3,
    rewards={passes_tests: 1.0},
    config={"max_completion_length": 512, "max_steps": 300},
    cases=[
        *[Case(text, entry_point=name, tests=f'["{test}"]', passes_tests=1.0) for (_, text), (name, test) in SHOWN],
        Case("Twice x:\n```python\ndef double(x):\n    return 2 * x\n```", **DOUBLE, passes_tests=1.0),
        Case("```py\ndouble = lambda x: x + x\n```\n```\nprint(double(2))\n```", **DOUBLE, passes_tests=1.0),
        Case("```python\ndef double(x):\n    return x * x\n```", **DOUBLE, passes_tests=0.35),
        Case("```python\ndef double(x):\n    return 4 if x == 2 else -2\n```", **DOUBLE, passes_tests=0.575),
        Case("```python\ndef double(x):\n    return str(2 * x)\n```", **DOUBLE, passes_tests=0.2),
        Case("```python\ndef twice(x):\n    return 2 * x\n```", **DOUBLE, passes_tests=0.1),
        Case("```python\ndef double(x)\n    return 2 * x\n```", **DOUBLE, passes_tests=0.0),
        Case("def double(x):\n    return 2 * x", **DOUBLE, passes_tests=0.0),
        Case("```python\ndef double(x):\n    return 2 * x\n", **DOUBLE, passes_tests=0.0),
        Case("```python\nimport sys\nsys.exit(0)\n```", **DOUBLE, passes_tests=0.1),
        Case(
            "```python\nclass Yes(int):\n    __eq__ = lambda *a: True\n\ndef double(x):\n    return Yes()\n```",
            **DOUBLE,
            passes_tests=0.2,
        ),
        Case("```python\nimport os\nwhile True:\n    os.fork()\n```", **DOUBLE, passes_tests=0.1),
    ],
)
