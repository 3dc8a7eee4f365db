"""The labelled cases: no wrong answer is paid, and what is missed of the right ones is known by name."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from rewards import equal, judge
from rewards.expressions import equivalent
from rlvr_recipes import gsm8k

CASES = Path(__file__).parent / "cases"


def load(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / name).read_bytes().decode().split("\n") if line]


PAIRS = load("pairs.jsonl")
COMPLETIONS = load("completions.jsonl")


@pytest.mark.parametrize("group", sorted({pair["group"] for pair in PAIRS}))
def test_pairs_are_equal_as_labelled(group: str) -> None:
    for pair in PAIRS:
        if pair["group"] == group:
            expected = pair["equal"] and not pair.get("missed", False)
            for one, other in ((pair["answer"], pair["gold"]), (pair["gold"], pair["answer"])):
                assert equal(one, other) is expected, pair


@pytest.mark.parametrize("group", sorted({case["group"] for case in COMPLETIONS}))
def test_completions_are_paid_as_labelled(group: str) -> None:
    for case in COMPLETIONS:
        if case["group"] == group:
            expected = case["paid"] and not case.get("missed", False)
            verdict = judge(case["completion"], case["gold"])
            assert verdict.paid is expected, (case, verdict)


def test_there_are_many_cases_and_few_right_ones_are_missed() -> None:
    right = [pair for pair in PAIRS if pair["equal"]]
    wrong = [pair for pair in PAIRS if not pair["equal"]]
    honest = [case for case in COMPLETIONS if case["paid"]]
    attacks = [case for case in COMPLETIONS if not case["paid"]]
    assert min(len(right), len(wrong)) >= 300
    assert len(attacks) >= 300
    assert len(honest) >= 200
    assert sum(pair.get("missed", False) for pair in right) <= 0.05 * len(right)
    assert sum(case.get("missed", False) for case in honest) <= 0.03 * len(honest)
    assert all(case["why"] for case in (*PAIRS, *COMPLETIONS))


def test_the_labels_agree_with_numbers() -> None:
    """mpmath computes both sides as their author wrote them in Python; the label must say the same."""
    import mpmath

    checked = 0
    for pair in PAIRS:
        if "check" not in pair:
            continue
        rng = random.Random(0)
        same, points = True, 0
        for _ in range(200):
            point = {name: mpmath.mpf(rng.randint(-3000, 3000)) / 997 for name in "xyznab"}
            with mpmath.workdps(50):
                values = [_value(text, point) for text in pair["check"]]
                if None in values:
                    continue
                points += 1
                one, other = values
                same = same and abs(one - other) <= mpmath.mpf(10) ** -35 * max(1, abs(one), abs(other))
            if points == 20 or not same:
                break
        assert points > 0, pair
        assert same is pair["equal"], pair
        checked += 1
    assert checked > 400


def _value(text: str, point: dict[str, Any]) -> Any:
    """The value of a check at a point; None outside its real domain."""
    import mpmath

    names = {name: getattr(mpmath, name) for name in dir(mpmath) if not name.startswith("_")}
    try:
        value = mpmath.mpmathify(eval(text, {**names, "abs": abs}, point))  # our own data, not a policy's text
    except (ZeroDivisionError, ValueError, TypeError):
        return None
    if isinstance(value, mpmath.mpc) and "j" not in text and "i" not in text.replace("sin", "").replace("pi", ""):
        return None if abs(value.imag) > 1e-30 else value.real
    return value if mpmath.isfinite(value) else None


STYLES = {
    "answer line": "{solution}\n#### {answer}",
    "answer line, bold": "{solution}\n#### **{answer}**",
    "answer line, money": "{solution}\n#### ${answer}",
    "answer line, decimals": "{solution}\n#### {answer}.00",
    "box": "{solution}\nSo the answer is \\boxed{{{answer}}}.",
    "display box": "{solution}\n\\[\n\\boxed{{{answer}}}\n\\]",
    "box in dollars": "{solution}\n\nTherefore, the final answer is $\\boxed{{{answer}}}$.",
    "box with a unit": "{solution}\n$\\boxed{{{answer}\\text{{ dollars}}}}$",
    "tag": "{solution}\n<answer>{answer}</answer>",
    "reasoning and tag": "<think>{solution}</think>\n<answer> {answer} </answer>",
    "reasoning closed only": "{solution}</think>\n\n**The answer is {answer}.**",
    "phrase": "{solution}\nThe answer is {answer}.",
    "phrase and hope": "{solution}\nFinal Answer: The final answer is ${answer}$. I hope it is correct.",
    "reference system": "{solution}\n#### The final answer is {answer}",
}


@pytest.mark.parametrize("style", STYLES)
def test_real_solutions_are_paid_in_every_style_and_wrong_ones_in_none(style: str, gsm8k_folder: Path) -> None:
    rng = random.Random(style)
    for row in gsm8k.rows("test", str(gsm8k_folder)):
        solution, gold = row["solution"].rsplit("\n####", 1)[0], row["answer"]
        number = int(gold.replace(",", ""))
        wrong = rng.choice([number + 1, number * 10, -number if number else 3, number + 1000, f"{number}.5"])
        assert judge(STYLES[style].format(solution=solution, answer=gold), gold).paid, row
        assert judge(STYLES[style].format(solution=solution, answer=f"{number:,}"), gold).paid, row
        assert not judge(STYLES[style].format(solution=solution, answer=wrong), gold).paid, row


def test_an_expression_is_compared_exactly_and_not_by_a_lucky_point() -> None:
    from rewards.grammar import parse, tidy, tokens_of

    for one, other in [
        ("x + 10^{-60}", "x"),
        (r"x\sqrt{2} + 10^{-300}", r"x\sqrt{2}"),
        (r"\tanh(200)", "1"),
        ("e^{-900}", "0"),
        ("|x - 5000|", "5000 - x"),
        (r"\lfloor x \rfloor", r"\lfloor x + \frac{1}{1000} \rfloor"),
        ("0.3333333333333333333333333333333333333333", r"\frac{1}{3}"),
        (r"e^{\pi\sqrt{163}}", "262537412640768744"),
    ]:
        nodes = [parse(tokens_of(tidy(text))) for text in (one, other)]
        assert not equivalent(*nodes), (one, other)
