"""docs/elsewhere.md: the rewards in a bare TRL script, as verl calls them, and in a rubric of verifiers."""

import asyncio
import importlib.util
import inspect
import json
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROJECT

DOCUMENT = (PROJECT / "docs" / "elsewhere.md").read_text(encoding="utf-8")
BLOCKS = [block.split("```")[0] for block in DOCUMENT.split("```py\n")[1:]]
RIGHT, WRONG, HEDGED = "9 * 2 = 18\n#### 18 pens", "9 + 2 = 11\n#### 11", "#### 18 or 11"
VERIFIERS = importlib.util.find_spec("verifiers") is not None


def run(word: str) -> dict[str, Any]:
    """The names that the one block with a word in it defines."""
    (block,) = [block for block in BLOCKS if word in block]
    names: dict[str, Any] = {}
    exec(compile(block, word, "exec"), names)
    return names


def test_every_part_has_its_blocks_and_fits_a_screen() -> None:
    assert len(BLOCKS) == 6
    assert all(len(block.splitlines()) <= 25 for block in BLOCKS)


def test_all_golds_are_read_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    names = run("golds = ")
    names["golds"][1] = "many"
    with pytest.raises(ValueError, match="gold answer 'many'"):
        names["correct_number"]([""] * 3, answer=names["golds"])


def test_the_bare_trl_script_trains_two_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "assets").symlink_to(PROJECT / "assets")
    monkeypatch.chdir(tmp_path)
    trainer = run("GRPOTrainer")["trainer"]
    assert trainer.state.global_step == 2
    paid = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert len(paid) == 2
    assert all(0.0 < mean <= 1.0 for mean in paid)  # the tiny policy adds well


def as_verl(function: Any, solution: str, gold: str, extra: dict[str, Any] | None) -> Any:
    """As NaiveRewardManager calls it in its reward loop: by keywords, in a thread."""
    call = {"data_source": "mine", "solution_str": solution, "ground_truth": gold, "extra_info": extra}
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(lambda: function(**call)).result()
    return float(result["score"]) if isinstance(result, dict) else float(result)


def test_compute_score_pays_as_verl_calls_it() -> None:
    compute_score = run("def compute_score")["compute_score"]
    extra = {"num_turns": None, "rollout_reward_scores": {}}  # what verl adds
    assert [as_verl(compute_score, text, "18", extra) for text in (RIGHT, WRONG, HEDGED, "")] == [1.0, 0.0, 0.0, 0.0]
    result = compute_score("mine", RIGHT, "18", None, reward_router_address="localhost:1", reward_model_tokenizer=None)
    assert result == {"score": 1.0, "acc": True, "pred": "18 pens"}
    assert compute_score("mine", "I do not know", "18")["pred"] == ""
    with pytest.raises(ValueError, match="gold answer 'many'"):
        compute_score("mine", RIGHT, "many")


def test_columns_of_the_row_come_through_extra_info() -> None:
    compute = run("def compute_quantity")["compute_quantity"]
    gold, told = "15.2222222222 m/s", {"significant_figures": 3, "num_turns": None}
    assert [as_verl(compute, f"#### {said} m/s", gold, told) for said in ("15.2", "15.22")] == [1.0, 0.0]
    assert [as_verl(compute, "#### 15 m/s", gold, extra) for extra in (None, {"tolerance": "0.05"})] == [0.0, 1.0]


class StandInRubric:
    """Calls functions as the rubric of verifiers 0.1 to 0.3 does, and takes what they raise for 0.0."""

    def __init__(self, funcs: list[Any], weights: list[float]) -> None:
        self.funcs, self.weights = funcs, weights

    async def score_rollout(self, state: dict[str, Any]) -> None:
        known = {name: state.get(name) for name in ("prompt", "completion", "answer", "info", "task")} | {
            "state": state
        }
        state["metrics"] = {}
        for function in self.funcs:
            parameters = inspect.signature(function).parameters
            assert "completions" not in parameters  # it would be called with a whole group
            keywords = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
            given = known if keywords else {name: known[name] for name in parameters}
            try:
                state["metrics"][function.__name__] = float(function(**given))
            except Exception:
                state["metrics"][function.__name__] = 0.0
        state["reward"] = sum(
            weight * state["metrics"][function.__name__]
            for weight, function in zip(self.weights, self.funcs, strict=True)
        )


class StandInTask:
    """A task of verifiers 0.4, as far as its rewards go."""

    def __class_getitem__(cls, kinds: Any) -> type:
        return cls

    def __init__(self, data: Any) -> None:
        self.data = data

    async def score(self, trace: Any) -> None:
        for name, method in inspect.getmembers(self, lambda member: hasattr(member, "weight")):
            trace.rewards[name] = (await method(trace=trace), method.weight)


class StandInData(types.SimpleNamespace):
    """`TaskData`, without pydantic."""


def stand_in_reward(weight: float = 1.0) -> Any:
    def decorator(function: Any) -> Any:
        function.weight = weight
        return function

    return decorator


@pytest.fixture
def verifiers(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The real package where it is installed, else a stand-in."""
    if not VERIFIERS:
        package, v1 = types.ModuleType("verifiers"), types.ModuleType("verifiers.v1")
        vars(package).update(Rubric=StandInRubric, v1=v1)
        vars(v1).update(Task=StandInTask, TaskData=StandInData, State=object, reward=stand_in_reward)
        monkeypatch.setitem(sys.modules, "verifiers", package)
        monkeypatch.setitem(sys.modules, "verifiers.v1", v1)
    return importlib.import_module("verifiers")


def test_a_rubric_of_verifiers_pays_a_message_list_and_a_text(verifiers: types.ModuleType) -> None:
    if not hasattr(verifiers, "Rubric"):
        pytest.skip("this verifiers has no rubric any more")
    rubric = run("vf.Rubric")["rubric"]
    for text, reward, metrics in ((RIGHT, 1.1, {"right": 1.0, "in_form": 1.0}), (WRONG, 0.1, {"right": 0.0, "in_form": 1.0}),
                                  ("It is 18.", 0.0, {"right": 0.0, "in_form": 0.0})):  # fmt: skip
        for completion in (text, [{"role": "assistant", "content": text}]):
            state: dict[str, Any] = {"prompt": "?", "completion": completion, "answer": "18", "trajectory": [], "task": "t",
                                     "timing": {}}  # fmt: skip
            asyncio.run(rubric.score_rollout(state))
            assert state["reward"] == pytest.approx(reward)
            assert {name: state["metrics"][name] for name in metrics} == metrics


def test_a_task_of_verifiers_rewards_the_last_reply(verifiers: types.ModuleType) -> None:
    if VERIFIERS and hasattr(verifiers, "Rubric"):
        pytest.skip("this verifiers has rubrics still")
    names = run("verifiers.v1")
    for text, paid in ((RIGHT, 1.0), (WRONG, 0.0), (HEDGED, 0.0)):
        task = names["WordProblem"](names["Row"](prompt="?", answer="18"))
        trace = types.SimpleNamespace(last_reply=text, rewards={})
        if VERIFIERS:
            trace.metrics, trace.record_reward = (
                {},
                lambda name, value, weight, t=trace: t.rewards.update({name: (value, weight)}),
            )
        asyncio.run(task.score(trace))
        assert trace.rewards == {"right": (paid, 1.0)}
