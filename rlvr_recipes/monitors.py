"""Alarms during training: what usually means that a run learns nothing, or something else than its task.

Each is decided by the metrics of the steps so far, those of metrics.jsonl, so a resumed run raises what it would have
raised, and anyone can ask again afterwards.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rewards.completions import text_of

WINDOW = 5  # steps that are looked at together; one step's completions are too few
AGAIN = 25  # steps until an alarm that goes on is raised again

Metrics = Mapping[str, Any]  # of one step


class Alarm(NamedTuple):
    """One alarm: a metric, beyond its threshold, and what that means in words."""

    name: str
    value: float | None  # None: not a number
    threshold: float
    text: str


# ------------------------------------------------------------------------------------------ what completions look like


def features(rows: Sequence[Mapping[str, Any]], group: int, first: str) -> dict[str, float]:
    """What a step's completions tell beyond TRL's own metrics, by name; shares between 0 and 1.

    Args:
        rows: the completions as they are recorded, the `group` completions of a prompt in sequence.
        first: the name of the reward that decides accuracy.

    >>> rows = [{"completion": c, "reward": r, "right": r} for c, r in [("#### 1", 1.0), ("#### 2", 0.0)]]
    >>> features(rows, 2, "right")
    {'accuracy': 0.5, 'dead_groups': 0.0, 'unpaid_dead_groups': 0.0, 'identical_groups': 0.0, 'top_wrong_answer': 0.5}
    """
    groups = [rows[begin : begin + group] for begin in range(0, len(rows), group)]
    right = [row[first] == 1.0 for row in rows]
    dead = [len({row["reward"] for row in each}) == 1 for each in groups]
    unpaid = [not all(right[number * group : (number + 1) * group]) for number in range(len(groups))]
    same = [len({text_of(row["completion"]) for row in each}) == 1 for each in groups]
    told = [row[first] == 1.0 for row in rows if row[first] is not None and not math.isnan(row[first])]
    found = {
        "accuracy": _share(told),
        "dead_groups": _share(dead),
        "unpaid_dead_groups": _share([*map(all, zip(dead, unpaid, strict=True))]),
        "identical_groups": _share([*map(all, zip(same, unpaid, strict=True))]),
    }
    wrong = Counter(answer for row, paid in zip(rows, right, strict=True) if not paid and (answer := _answer(row)))
    found["top_wrong_answer"] = max(wrong.values(), default=0) / len(rows)
    if all(isinstance(row.get("lenient"), bool) for row in rows):
        found["lenient"] = _share([row["lenient"] for row in rows])
    return found


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else math.nan


def _answer(row: Mapping[str, Any]) -> str:
    """What a completion answers: what the first reward extracted, else all of it, as programs may end in one line."""
    return row["extracted"] or "" if "extracted" in row else text_of(row["completion"]).strip()


# ------------------------------------------------------------------------------------------------------- the alarms


class _Past:
    """The steps so far.

    Args:
        steps: metrics of each, the newest last.
        first: the reward that decides accuracy.
        forms: rewards that say whether the asked form was kept.
    """

    def __init__(self, steps: Sequence[Metrics], first: str, forms: Sequence[str]) -> None:
        self.steps, self.first, self.forms = steps, first, forms

    def mean(self, name: str, begin: int = -WINDOW, end: int | None = None) -> float | None:
        """A metric's mean over some steps, the newest ones if nothing is said; None where one of them has none."""
        steps = self.steps[begin:end]
        values = [value for step in steps if isinstance(value := step.get(name), int | float)]
        return sum(values) / len(values) if len(values) == len(steps) >= WINDOW else None

    def begin(self, name: str) -> float | None:
        """Its mean over the run's first steps, once as many have followed."""
        return self.mean(name, 0, WINDOW) if len(self.steps) >= 2 * WINDOW else None

    def form(self, mean: Callable[[str], float | None]) -> float | None:
        """The mean of the rewards for form."""
        means = [value for name in self.forms if (value := mean(f"rewards/{name}/mean")) is not None]
        return sum(means) / len(means) if means else None

    def gained(self) -> float:
        """By how much accuracy has risen since the first steps."""
        now, then = self.mean("accuracy"), self.begin("accuracy")
        return 0.0 if now is None or then is None else now - then

    def last(self, name: str) -> Any:
        return self.steps[-1].get(name)


def _not_a_number(past: _Past) -> Iterator[Alarm]:
    for name in ("loss", "grad_norm", "reward", "adapter_moved"):
        recent = [step[name] for step in past.steps[-3:] if name in step]
        bad = [value is None or not math.isfinite(value) for value in recent]
        # A single gradient that overflows is everyday life in fp16; weights that did are lost.
        if (name == "adapter_moved" and bad and bad[-1]) or (len(bad) == 3 and all(bad)):
            cure = "lower --learning_rate, or train in bf16 or fp32"
            if name == "reward":
                cure = "the rewards give None for all completions, or numbers beyond all measure"
            yield Alarm("nan", None, 0.0, f"{name} is not a number; {cure}")
            return


def _no_reward(past: _Past) -> Iterator[Alarm]:
    names = ("mean", "std")
    paid = [step.get(f"rewards/{past.first}/{name}") for step in past.steps[-WINDOW:] for name in names]
    if len(past.steps) >= WINDOW and not any(paid):  # None, where the reward said nothing, is no pay either
        yield Alarm(
            "no_reward", 0.0, 0.0,
            f"{past.first} has paid nothing for {WINDOW} steps (one paid completion would do). Either no completion "
            "has the asked form, or the rows are too hard: read completions/, make check with --probe 32, show more "
            "exemplars (--shots), take easier rows (--difficulty 0.1:0.9)",
        )  # fmt: skip


def _no_variance(past: _Past) -> Iterator[Alarm]:
    same, dead = past.mean("identical_groups"), past.mean("unpaid_dead_groups")
    if same is not None and same >= 0.5:
        yield Alarm(
            "identical_completions", same, 0.5,
            f"{same:.0%} of the groups hold one completion, repeated, that is not right (limit 50%). Sampling has no "
            "variety, so nothing can be compared: raise --temperature",
        )  # fmt: skip
    elif dead is not None and dead >= 0.8:
        yield Alarm(
            "dead_groups", dead, 0.8,
            f"{dead:.0%} of the groups earn one and the same reward without being right (limit 80%), so they teach "
            "nothing. The rows are too hard or the reward too coarse: take easier rows (--difficulty 0.1:0.9), raise "
            "--num_generations or --temperature",
        )  # fmt: skip
    all_dead = past.mean("dead_groups")
    if len(past.steps) <= 2 * WINDOW and all_dead is not None and all_dead >= 0.95 and (past.mean("accuracy") or 0) > 0:
        yield Alarm(
            "nothing_to_learn", all_dead, 0.95,
            f"{all_dead:.0%} of the groups earn one and the same reward since the run began (limit 95%), and are "
            "paid. The rows are too easy, or the reward pays whatever is written: make check, read completions/",
        )  # fmt: skip


def _cut_off(past: _Past) -> Iterator[Alarm]:
    share = past.mean("completions/clipped_ratio")
    if share is not None and share >= 0.5:
        yield Alarm(
            "cut_off", share, 0.5,
            f"{share:.0%} of the completions reach max_completion_length before they end (limit 50%), most before "
            "their answer: raise --max_completion_length, or give a base model a stop text (Recipe.stop)",
        )  # fmt: skip


def _accuracy_falls(past: _Past) -> Iterator[Alarm]:
    now, then = past.mean("accuracy"), past.begin("accuracy")
    if now is not None and then is not None and now <= then - 0.3 and now < then / 2:
        yield Alarm(
            "accuracy_collapse", now, min(then - 0.3, then / 2),
            f"right answers fell from {then:.0%} to {now:.0%} (limit half of the first, and 30 points less). The "
            "policy unlearns the task, or pleases another reward: lower --learning_rate, raise --beta, lower the "
            "weights of the other rewards",
        )  # fmt: skip


def _form_only(past: _Past) -> Iterator[Alarm]:
    now, then, right = past.form(past.mean), past.form(past.begin), past.mean("accuracy")
    if now is None or then is None or right is None:
        return
    rose = now - then >= 0.2 and past.gained() < 0.02
    if rose or (now >= 0.8 and right < 0.02):
        yield Alarm(
            "form_without_answers", now, 0.8 if not rose else then + 0.2,
            f"the form is paid at {now:.0%} (at first {then:.0%}), right answers are {right:.1%} and do not become "
            "more. The policy may be content with the form: lower its weight in Recipe.rewards",
        )  # fmt: skip


def _one_answer(past: _Past) -> Iterator[Alarm]:
    share = past.mean("top_wrong_answer")
    if share is not None and share >= 0.4:
        yield Alarm(
            "one_answer", share, 0.4,
            f"{share:.0%} of the completions give one and the same wrong answer whatever is asked (limit 40%). The "
            "policy guesses a constant: look at the golds (make check), raise --temperature or --beta",
        )  # fmt: skip


def _drift(past: _Past, name: str, label: str, low: float, high: float, least: float) -> Iterator[Alarm]:
    now, then = past.mean(name), past.begin(name)
    first = past.steps[0].get(name)  # a run can go wrong within its first steps
    if now is None or not then or not first or past.gained() > 0.05 or (past.mean("accuracy") or 0.0) >= 0.9:
        return
    least_then, then = min(first, then), max(first, then)
    if now < low * then:
        yield Alarm(
            f"{label}_collapse", now, low * then,
            f"{name} fell from {then:.3g} to {now:.3g} (limit {low:.0%} of the first) while right answers did not "
            "become more: lower --learning_rate, raise --temperature or --beta",
        )  # fmt: skip
    if now > max(high * least_then, least):
        yield Alarm(
            f"{label}_explosion", now, max(high * least_then, least),
            f"{name} rose from {least_then:.3g} to {now:.3g} (limit {high:g} times the first) while right answers did "
            "not become more: lower --learning_rate, raise --beta, or add soft_overlong or repetition to the rewards",
        )  # fmt: skip


def _entropy_and_length(past: _Past) -> Iterator[Alarm]:
    yield from _drift(past, "entropy", "entropy", 0.2, 3.0, 0.5)
    yield from _drift(past, "completions/mean_length", "length", 0.3, 2.5, 16.0)


def _lenient_apart(past: _Past) -> Iterator[Alarm]:
    right, lenient = past.mean("accuracy"), past.mean("lenient")
    if right is None or lenient is None or past.begin("lenient") is None:
        return
    gap, then = lenient - right, (past.begin("lenient") or 0.0) - (past.begin("accuracy") or 0.0)
    if gap >= 0.15 and past.gained() < 0.05:
        yield Alarm(
            "lenient_apart", gap, 0.15,
            f"{gap:.0%} of the completions hold the right answer and are not paid for it (limit 15%, at first "
            f"{then:.0%}). The policy knows more than its form shows: read the reasons in completions/, show the form "
            "in more exemplars (--shots)",
        )  # fmt: skip


def _adapter_still(past: _Past) -> Iterator[Alarm]:
    rates = [step.get("learning_rate") or 0.0 for step in past.steps]
    if not all(rates[-WINDOW:]) or rates[-1] > rates[-2:][0] or rates[-1] < 0.1 * max(rates):
        return  # warming up, or nearly at the end of a schedule
    moved = past.mean("adapter_moved")
    if moved is not None and moved < 1e-6:
        yield Alarm(
            "adapter_still", moved, 1e-6,
            f"a step changes the trained weights by {moved:.1g} of their size (limit 1e-06). Updates round to nothing "
            "or have no gradient: raise --learning_rate, and look at dead groups",
        )  # fmt: skip


def _timeouts(past: _Past) -> Iterator[Alarm]:
    share = past.mean("verifier_timeouts")
    if share is not None and share >= 0.05:
        yield Alarm(
            "verifier_timeouts", share, 0.05,
            f"{share:.0%} comparisons per completion were given up for time (limit 5%), and not paid. The golds ask "
            "for more algebra than fits: simpler golds, or fewer processes on this machine",
        )  # fmt: skip


MONITORS = (_not_a_number, _no_reward, _no_variance, _cut_off, _accuracy_falls, _form_only, _one_answer,
            _entropy_and_length, _lenient_apart, _adapter_still, _timeouts)  # fmt: skip
# What follows from an alarm is not said beside it.
EXPLAINS = {"no_reward": {"dead_groups", "adapter_still"}, "dead_groups": {"adapter_still", "nothing_to_learn"},
            "one_answer": {"identical_completions", "dead_groups", "adapter_still"},
            "identical_completions": {"adapter_still", "nothing_to_learn"}}  # fmt: skip


def alarms(steps: Sequence[Metrics], first: str, forms: Sequence[str] = ()) -> list[Alarm]:
    """The alarms that the newest of some steps raises; one that was raised in the last `AGAIN` steps is not repeated.

    Args:
        steps: metrics of each step so far, as metrics.jsonl has them.
        first: the name of the reward that decides accuracy.
        forms: the names of rewards that say whether the asked form was kept.
    """
    past = _Past(steps, first, forms)
    found = {alarm.name: alarm for monitor in MONITORS for alarm in monitor(past)}
    implied = {name for cause in found for name in EXPLAINS.get(cause, ())}
    told = {told["name"] for step in steps[-AGAIN:-1] for told in step.get("alarms") or ()}
    return [alarm for name, alarm in found.items() if name not in implied | told]
