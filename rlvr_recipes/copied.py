"""A recipe's text with the places to change marked, for `new`."""

import ast
import re

from rlvr_recipes.recipe import CHANGE, UserError

CARD = "the card: what is learned, from which data; under Expected only what was measured"
PLACES = {
    "SYSTEM": "what the policy is told before every question",
    "EXEMPLARS": "solved problems of your own, in the form that is to be learned",
    "rows": "your data: the rows of a split, each a dict with what prompt and rewards read",
    "prompt": "what the policy sees of a row",
    "model": "the policy to start from",
    "exemplars": "solved problems of your own, in the form that is to be learned",
    "rewards": "reward function -> weight; the first decides accuracy",
    "config": "fields of GRPOConfig and ModelConfig that differ from the defaults",
    "cases": "completions with the pay they must get: right, wrong and hostile",
}
CASES = "cases of this task instead of those below, then delete this line"
_EXPECTED = re.compile(r'^Expected (?:(?!""").)*?(?=\n\S|""")', re.MULTILINE | re.DOTALL)


def marked(text: str, told: str) -> str:
    """A copy of a recipe file in which comments say what to change, and a first case fails until others are written.

    Args:
        told: the file, for messages.

    Raises:
        UserError: it has no cases in a list.

    >>> text = 'RECIPE = Recipe(\\n    model="m",\\n    cases=[\\n        Case("#### 2", answer="2"),\\n    ],\\n)'
    >>> print(marked(text, "a.py").rstrip())
    RECIPE = Recipe(
        # CHANGE: the policy to start from
        model="m",
        # CHANGE: completions with the pay they must get: right, wrong and hostile
        cases=[
            Case("CHANGE: cases of this task instead of those below, then delete this line"),
            Case("#### 2", answer="2"),
        ],
    )
    """
    tree = ast.parse(text)
    lines = text.split("\n")  # as the parser counts them
    insertions: list[tuple[int, str]] = []  # line number, text before that line

    def mark(node: ast.stmt | ast.keyword, name: str) -> None:
        indent = re.match(r"\s*", lines[node.lineno - 1])
        insertions.append((node.lineno, f"{indent[0] if indent else ''}# {CHANGE}{PLACES[name]}"))

    named = {each.id: node for node in tree.body if isinstance(node, ast.Assign) for each in node.targets
             if isinstance(each, ast.Name)}  # fmt: skip
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for name, node in [*named.items(), *functions.items()]:
        if name in PLACES:
            mark(node, name)
    call = named["RECIPE"].value if "RECIPE" in named else None
    keywords = call.keywords if isinstance(call, ast.Call) else []
    for keyword in keywords:
        elsewhere = isinstance(keyword.value, ast.Name) and keyword.value.id in PLACES
        if keyword.arg in PLACES and not elsewhere and lines[keyword.lineno - 1][: keyword.col_offset].isspace():
            mark(keyword, keyword.arg)
    insertions.append(_failing_case(keywords, named, told))
    for number, inserted in sorted(insertions, reverse=True):
        if inserted not in lines[max(number - 2, 0) : number]:  # a copy of a copy has them already
            lines.insert(number - 1, inserted)
    text = "\n".join(lines)
    if ast.get_docstring(tree) is None or text.startswith(f"# {CHANGE}"):
        return text
    return f"# {CHANGE}{CARD}\n" + _EXPECTED.sub("Expected  not yet measured", text, count=1)


def _failing_case(keywords: list[ast.keyword], named: dict[str, ast.Assign], told: str) -> tuple[int, str]:
    """The case that says what is to be written, before the first one that is there."""
    value = next((keyword.value for keyword in keywords if keyword.arg == "cases"), None)
    if isinstance(value, ast.Name) and value.id in named:
        value = named[value.id].value
    first = value.elts[0] if isinstance(value, ast.List) and value.elts else None
    if value is None or first is None or first.lineno == value.lineno:
        raise UserError(f"{told} has no cases=[...] with a case on a line of its own, so none can be marked; copy it")
    return first.lineno, f'{" " * first.col_offset}Case("{CHANGE}{CASES}"),'
