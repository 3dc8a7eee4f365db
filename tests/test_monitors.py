"""Alarms, by the metrics that raise them; tests/test_gallery.py has runs that do."""

from typing import Any

import pytest

from rlvr_recipes.monitors import AGAIN, WINDOW, alarms, features

HEALTHY = {
    "loss": 0.01, "grad_norm": 0.2, "learning_rate": 1e-4, "adapter_moved": 1e-3, "entropy": 0.8, "reward": 0.5,
    "rewards/right/mean": 0.4, "rewards/right/std": 0.5, "rewards/form/mean": 0.9, "rewards/form/std": 0.1,
    "accuracy": 0.4, "lenient": 0.45, "dead_groups": 0.3, "unpaid_dead_groups": 0.2, "identical_groups": 0.1,
    "top_wrong_answer": 0.05, "completions/clipped_ratio": 0.1, "completions/mean_length": 80.0, "verifier_timeouts": 0.0,
}  # fmt: skip
FORMLESS = {"rewards/form/mean": 0.2, "lenient": 0.0}


def run(steps: int = 3 * WINDOW, **changed: Any) -> list[dict[str, Any]]:
    """A healthy run whose metrics change from some to others in the middle; one value is for all steps."""
    found = []
    for number in range(steps):
        later = {
            name: value[number >= steps // 2] if isinstance(value, tuple) else value for name, value in changed.items()
        }
        found.append({"step": number + 1, **HEALTHY, **later})
    return found


def named(steps: list[dict[str, Any]]) -> list[str]:
    return [alarm.name for alarm in alarms(steps, "right", ["form"])]


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"rewards/right/mean": 0.0, "rewards/right/std": 0.0, "accuracy": 0.0, **FORMLESS}, "no_reward"),
        ({"rewards/right/mean": None, "rewards/right/std": None, "accuracy": 0.0, **FORMLESS}, "no_reward"),
        ({"unpaid_dead_groups": (0.2, 0.85)}, "dead_groups"),
        ({"identical_groups": (0.1, 0.6), "unpaid_dead_groups": 0.9}, "identical_completions"),
        ({"completions/clipped_ratio": (0.0, 0.5)}, "cut_off"),
        ({"rewards/form/mean": (0.3, 0.6)}, "form_without_answers"),
        ({"rewards/form/mean": 0.9, "accuracy": 0.01, "lenient": 0.01}, "form_without_answers"),
        ({"top_wrong_answer": (0.1, 0.5), "identical_groups": 0.6}, "one_answer"),
        ({"accuracy": (0.62, 0.3), "lenient": (0.62, 0.3), "rewards/right/mean": (0.62, 0.3)}, "accuracy_collapse"),
        ({"entropy": (0.8, 0.1)}, "entropy_collapse"),
        ({"entropy": (0.8, 3.0)}, "entropy_explosion"),
        ({"completions/mean_length": (80.0, 20.0)}, "length_collapse"),
        ({"completions/mean_length": (80.0, 300.0)}, "length_explosion"),
        ({"lenient": (0.45, 0.6)}, "lenient_apart"),
        ({"adapter_moved": 1e-8}, "adapter_still"),
        ({"adapter_moved": (1e-3, None)}, "nan"),
        ({"adapter_moved": (1e-3, float("nan"))}, "nan"),
        ({"grad_norm": (0.2, float("inf"))}, "nan"),
        ({"verifier_timeouts": (0.0, 0.06)}, "verifier_timeouts"),
    ],
)  # fmt: skip
def test_an_alarm_is_raised_alone_with_its_number_its_limit_and_a_cure(changed: dict[str, Any], name: str) -> None:
    assert named(run()) == []
    (alarm,) = alarms(run(**changed), "right", ["form"])
    assert alarm.name == name
    assert name == "nan" or "limit" in alarm.text or "nothing" in alarm.text or "do not become" in alarm.text
    assert "--" in alarm.text or "Recipe." in alarm.text or "golds" in alarm.text


def test_a_reward_that_pays_everything_from_the_start_is_told_from_a_solved_task() -> None:
    solved = {"dead_groups": 1.0, "unpaid_dead_groups": 0.0, "accuracy": 1.0, "rewards/right/mean": 1.0, "lenient": 1.0}
    assert named(run(WINDOW, **solved)) == ["nothing_to_learn"]
    assert named(run(40, **{name: (HEALTHY[name], value) for name, value in solved.items()})) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"entropy": (0.8, 0.05), "accuracy": (0.4, 0.95), "lenient": (0.45, 0.95)},  # certain, and right
        {"completions/mean_length": (80.0, 400.0), "accuracy": (0.2, 0.5), "lenient": (0.2, 0.5)},  # it thinks, and it pays
        {"rewards/form/mean": (0.3, 0.9), "accuracy": (0.1, 0.4), "lenient": (0.4, 0.45)},  # form first, then answers
        {"lenient": 0.6, "accuracy": (0.3, 0.5)},  # it is learning the form
        {"adapter_moved": 0.0, "learning_rate": 0.0},  # warm-up
        {"adapter_moved": (1e-3, 1e-7), "learning_rate": (1e-4, 1e-8)},  # the end of a cosine
        {"kl": None},
    ],
)  # fmt: skip
def test_what_a_healthy_run_does_raises_nothing(changed: dict[str, Any]) -> None:
    assert named(run(**changed)) == []


def test_a_long_warm_up_is_no_still_adapter() -> None:
    steps = run()
    for metrics in steps:
        metrics |= {"learning_rate": 1e-9 * metrics["step"], "adapter_moved": 5e-8 * metrics["step"]}
    assert named(steps) == []


def test_programs_that_end_in_the_same_line_are_no_one_answer() -> None:
    programs = [f"```python\nprint({n})\n```" for n in range(4)]
    rows = [{"completion": program, "reward": 0.0, "right": 0.0} for program in programs]
    assert features(rows, 2, "right")["top_wrong_answer"] == 0.25


def test_a_run_whose_groups_are_all_wrong_is_not_called_too_easy() -> None:
    hard = {
        "unpaid_dead_groups": 0.96,
        "dead_groups": 0.98,
        "accuracy": 0.02,
        "lenient": 0.02,
        "rewards/form/mean": 0.2,
    }
    assert named(run(WINDOW, **hard)) == ["dead_groups"]


def test_fewer_steps_than_a_window_say_nothing() -> None:
    assert named(run(WINDOW - 1, **{"rewards/right/mean": 0.0, "rewards/right/std": 0.0})) == []


def test_one_overflow_of_the_gradient_is_no_alarm() -> None:
    steps = run()
    steps[-1]["grad_norm"] = float("nan")
    assert named(steps) == []


def test_an_alarm_that_goes_on_is_repeated_now_and_then() -> None:
    steps, raised = [], []
    for metrics in run(2 * AGAIN + WINDOW, **{"completions/clipped_ratio": 0.9}):
        steps.append(metrics)
        if found := alarms(steps, "right", ["form"]):
            metrics["alarms"] = [alarm._asdict() for alarm in found]
            raised.append(metrics["step"])
    assert raised == [WINDOW, WINDOW + AGAIN, WINDOW + 2 * AGAIN]


def test_features_of_completions() -> None:
    def row(text: str, reward: float, right: float, extracted: str | None, lenient: bool) -> dict[str, Any]:
        return {"completion": text, "reward": reward, "right": right, "extracted": extracted, "lenient": lenient}

    rows = [
        row("a", 1.0, 1.0, "1", True), row("a", 1.0, 1.0, "1", True),  # dead, identical, paid
        row("b", 0.1, 0.0, "7", False), row("b", 0.1, 0.0, "7", False),  # dead, identical, unpaid
        row("c", 0.1, 0.0, "7", False), row("d", 0.1, 0.0, None, True),  # dead, unpaid
        row("e", 1.0, 1.0, "2", True), row("f", 0.0, 0.0, "7", False),
    ]  # fmt: skip
    assert features(rows, 2, "right") == {
        "accuracy": 0.375,
        "dead_groups": 0.75,
        "unpaid_dead_groups": 0.5,
        "identical_groups": 0.25,
        "top_wrong_answer": 0.5,
        "lenient": 0.5,
    }
    silent = [{"completion": "a", "reward": 0.0, "right": float("nan")}] * 2
    assert (
        features(silent, 2, "right")["accuracy"] != features(silent, 2, "right")["accuracy"]
    )  # NaN: nobody was judged
    bare = [{"completion": [{"role": "assistant", "content": "so\n4\n"}], "reward": 0.0, "right": None}] * 2
    assert features(bare, 2, "right")["top_wrong_answer"] == 1.0
    assert "lenient" not in features(bare, 2, "right")
