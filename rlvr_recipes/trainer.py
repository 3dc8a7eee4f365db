"""TRL's GRPOTrainer with the least that our promises need: where completions end, fp32 adapters, a record of it all."""

import functools
import json
import math
import random
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy
import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, gather_object
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl.trainer.utils import RepeatSampler

from rewards import isolate
from rewards.completions import text_of
from rlvr_recipes import monitors
from rlvr_recipes.command import say
from rlvr_recipes.generation import StopRule
from rlvr_recipes.progress import Line, duration
from rlvr_recipes.recipe import Recipe, Reward, UserError, checked_pay, given_to
from rlvr_recipes.runs import RunFolder
from rlvr_recipes.scores import first_reward, form_rewards
from rlvr_recipes.shared_prefix import SharedPrefixTrainer


class EpochSampler(RepeatSampler):
    """TRL's sampler with an order of its own for every epoch, so that a resumed run finds the order it left.

    TRL's has none (trl 1.16): after a resume in the second epoch it replays the first one's order. The first epoch's
    order is TRL's.
    """

    def set_epoch(self, epoch: int) -> None:
        if self.shuffle:
            assert self.seed is not None
            self.generator.manual_seed(self.seed + epoch)


class RecipeTrainer(SharedPrefixTrainer):
    """GRPOTrainer for a recipe.

    Args:
        stop_texts: a completion ends where the policy writes one of these; what comes after is not trained on.
        record: gets, on the main process, the number of the step (from 1) that learns from them and its completions,
            one dict each.
        extras: False leaves TRL's own path, number by number; for comparison.
        shared_prefix: what all prompts begin with goes through the model once, where that is exact.
    """

    def __init__(
        self,
        *args: Any,
        stop_texts: Sequence[str] = (),
        record: Callable[[int, list[dict[str, Any]]], None] | None = None,
        extras: bool = True,
        shared_prefix: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, shared_prefix=shared_prefix and extras, **kwargs)
        self.extras = extras
        self.record = record
        self.stop_rule = StopRule(self._tokenizer, stop_texts if extras else ())
        self._model_eos_token_ids = list(self.eos_token_ids)
        self._steps = _Steps()
        self.add_callback(self._steps)
        if extras:
            # TRL casts adapters on quantized models to bf16, where small updates round to nothing: at a learning rate
            # of 1e-6 only 0.2 % of their elements move in 20 steps, against 99.9 % in fp32.
            for parameter in self.accelerator.unwrap_model(self.model).parameters():
                if parameter.requires_grad:
                    parameter.data = parameter.data.float()

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        self._steps.tell(self._metrics["train"], self.state)
        super().log(logs, start_time)

    def save_last_step(self) -> bool:
        """Saves what the last finished step left, if a run can go on from there and it was not saved; whether it was.

        For one process only: others may be in the middle of something.
        """
        state = self.state
        if not state.global_step or not can_go_on_from(self.args, state) or self.accelerator.num_processes > 1:
            return False
        if not (Path(str(self.args.output_dir)) / f"checkpoint-{state.global_step}" / "complete.json").exists():
            set_random_state(self._steps.random)
            assert self.model is not None
            self._save_checkpoint(self.model, trial=None)
            self.callback_handler.on_save(self.args, state, self.control)
        return True

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        sampler = super()._get_train_sampler(dataset)
        if self.extras and type(sampler) is RepeatSampler:
            sampler.__class__ = EpochSampler
        return sampler

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> tuple[list[list[int]], Any]:
        if not self.stop_rule.texts:
            return super()._generate_single_turn(*args, **kwargs)
        with self.stop_rule.applied_to(self.accelerator.unwrap_model(self.model_wrapped)):
            completions, logprobs = super()._generate_single_turn(*args, **kwargs)
        cut = [self.stop_rule.cut(ids) for ids in completions]
        if logprobs is not None:
            logprobs = [values[: len(ids)] for values, (ids, _) in zip(logprobs, cut, strict=True)]
        # TRL tells an ended completion from a truncated one by its last token.
        ends = {ids[-1] for ids, stopped in cut if stopped}
        self.eos_token_ids = [*self._model_eos_token_ids, *sorted(ends.difference(self._model_eos_token_ids))]
        return [ids for ids, _ in cut], logprobs

    def _calculate_rewards(
        self, inputs: list[dict[str, Any]], prompts: list[Any], completions: list[Any], completion_ids_list: list[Any]
    ) -> torch.Tensor:
        told = self._pending_extra_logs
        late = isolate.timed_out
        paid = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        late = isolate.timed_out - late
        assert self.model is not None
        mode = "train" if self.model.training else "eval"
        group = self.num_generations if mode == "train" else self.num_generations_eval
        assert group is not None
        first = self.accelerator.process_index * len(prompts)
        here = paid[first : first + len(prompts)]
        rewards = (here * self.reward_weights.to(here.device)).nansum(dim=1).tolist()
        pays = here.tolist()
        ended = [*self.eos_token_ids, self._tokenizer.pad_token_id]
        rows = [
            {
                **{column: values[i] for column, values in told.items()},
                "prompt": prompts[i],
                "completion": completions[i],
                "tokens": len(completion_ids_list[i]),
                "cut_off": completion_ids_list[i][-1] not in ended,
                "reward": rewards[i],
                **dict(zip(self.reward_func_names, pays[i], strict=True)),
                "columns": json.dumps({k: v for k, v in inputs[i].items() if k != "prompt"}, default=str),
            }
            for i in range(len(prompts))
        ]
        everyone: list[dict[str, Any]] = gather_object(rows)
        found = monitors.features(everyone, group, self.reward_func_names[0])
        for name, value in {**found, "verifier_timeouts": late / len(prompts)}.items():
            self._metrics[mode][name].append(value)
        if self.record is not None and mode == "train" and self.accelerator.is_main_process:
            self.record(self.state.global_step + 1, everyone)
        return paid


class RewardError(Exception):
    """A reward raised in the middle of a run, or gave what nothing can be learned from."""


HOOKS = {"log_extra": lambda column, values: None, "log_metric": lambda name, value: None}  # where TRL gives none


def watched(reward: Reward) -> Reward:
    """A reward that says, where it fails in the middle of a run, which it is and at which completion."""

    @functools.wraps(reward)
    def paid(completions: list[Any], **given: Any) -> Sequence[float | None]:
        try:
            own = given_to(reward, {"completions": completions, **HOOKS, **given})
            return checked_pay(reward, reward(**own), len(completions))
        except (Exception, SystemExit) as error:  # a user's own code, which must not end a run as if it were done
            said = str(error)
            if not isinstance(error, UserError):
                frame = traceback.extract_tb(error.__traceback__)[-1]
                said = (
                    f"reward {reward.__name__}: {type(error).__name__}: {error} ({frame.filename}, line {frame.lineno})"
                )
            failing = (at for at in range(len(completions)) if _fails(reward, completions, given, at))
            text = next((text_of(completions[at]) for at in failing), None)
            where = "no single completion does it" if text is None else f"the completion is {text!r:.500}"
            raise RewardError(f"{said}; {where}") from error

    return paid


def _fails(reward: Reward, completions: list[Any], given: dict[str, Any], at: int) -> bool:
    """Whether a reward fails at one of the completions alone, given by its number."""
    columns = {
        name: value[at : at + 1] if isinstance(value, list) and len(value) == len(completions) else value
        for name, value in given.items()
    }
    try:
        alone = given_to(reward, {"completions": [completions[at]], **HOOKS, **columns})
        checked_pay(reward, reward(**alone), 1)
    except (Exception, SystemExit):  # as above
        return True
    return False


class _Steps(TrainerCallback):
    """Around a step: by how much it changes the trained weights, and the random state that it ends with."""

    SAMPLE = 4096  # elements of each parameter

    def __init__(self) -> None:
        self.moved: list[float] = []  # norm of the change to norm of the weights, since they were last logged
        self.random: dict[str, Any] = {}
        self._began, self._tokens = 0.0, 0.0
        self._before: list[torch.Tensor] = []

    def tell(self, metrics: Any, state: TrainerState) -> None:
        """Adds to TRL's metrics what has happened since they were last logged."""
        if self.moved:
            now, tokens = time.monotonic(), state.num_input_tokens_seen
            metrics["adapter_moved"] += self.moved
            metrics["tokens_per_second"].append((tokens - self._tokens) / max(now - self._began, 1e-9))
            self.moved, self._began, self._tokens = [], now, tokens

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.moved, self._began, self._tokens = [], time.monotonic(), state.num_input_tokens_seen

    def _weights(self, model: Any) -> list[torch.Tensor]:
        found = []
        for parameter in model.parameters():
            if parameter.requires_grad:
                flat = parameter.detach().flatten()
                found.append(flat[:: max(1, flat.numel() // self.SAMPLE)].clone())
        return found

    def on_step_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._before = self._weights(kwargs["model"])

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        after = self._weights(kwargs["model"])
        step = _norm([a - b for a, b in zip(after, self._before, strict=True)])
        self.moved.append(step / max(_norm(after), 1e-30))  # NaN where the weights are lost
        self._before = []
        self.random = random_state()


def _norm(parts: Sequence[torch.Tensor]) -> float:
    return float(torch.stack([part.float().norm() for part in parts]).norm())


def random_state() -> dict[str, Any]:
    """The state of every generator of random numbers that a run draws from."""
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    generators = {"python": random.getstate(), "numpy": numpy.random.get_state(), "torch": torch.get_rng_state()}
    return {**generators, "gpus": gpus}


def set_random_state(state: dict[str, Any]) -> None:
    """Goes back to a random state."""
    random.setstate(state["python"])
    numpy.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if state["gpus"]:
        torch.cuda.set_rng_state_all(state["gpus"])


class ProgressLine(TrainerCallback):
    """The live line, metrics.jsonl, and the alarms.

    Args:
        recipe: whose rewards the monitors ask about.
        stop: whether an alarm ends the run.
    """

    def __init__(self, folder: RunFolder, recipe: Recipe, stop: bool = False) -> None:
        self.folder, self.stop = folder, stop
        self.first, self.forms = first_reward(recipe), form_rewards(recipe)
        self.line = Line()
        self.began, self.first_step = 0.0, 0
        self.steps: list[dict[str, Any]] = []  # metrics of all steps so far
        self.stopped_by: str | None = None  # an alarm

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.began, self.first_step = time.monotonic(), state.global_step
        self.steps = self.folder.read_metrics()

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        logs: dict[str, Any] = kwargs["logs"]
        if "reward" not in logs:
            return
        metrics = {"step": state.global_step, **{name: _finite(value) for name, value in logs.items()}}
        self.steps.append(metrics)
        raised = monitors.alarms(self.steps, self.first, self.forms)
        if raised:
            metrics["alarms"] = [alarm._asdict() for alarm in raised]
        if self.stopped_by is None:
            names = [alarm.name for alarm in raised if self.stop or alarm.name == "nan"]
            self.stopped_by = broadcast_object_list([", ".join(names) or None])[0]  # all processes, or none
        self._obey(args, state, control)
        if not state.is_world_process_zero:
            return
        self.folder.append_metrics(metrics)
        done = state.global_step - self.first_step
        left = (time.monotonic() - self.began) / max(done, 1) * (state.max_steps - state.global_step)

        def shown(name: str, form: str) -> str:
            """A metric, or a dash where no completion of the step had one (a reward may give None)."""
            return format(logs[name], form) if logs.get(name) is not None else "-"

        self.line.update(
            f"step {state.global_step}/{state.max_steps} | reward {shown('reward', '.3f')} | "
            f"accuracy {shown('accuracy', '.0%')} | dead groups {shown('dead_groups', '.0%')} | "
            f"cut off {shown('completions/clipped_ratio', '.0%')} | {shown('tokens_per_second', ',.0f')} tokens/s | "
            f"{duration(left)} left"
        )
        for alarm in raised:
            self.line.close()
            say(f"alarm in step {state.global_step}, {alarm.name}: {alarm.text}")

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._obey(args, state, control)  # where the alarm came in the middle of a generation

    def _obey(self, args: Any, state: TrainerState, control: TrainerControl) -> None:
        if self.stopped_by is not None and can_go_on_from(args, state):
            control.should_save = "nan" not in self.stopped_by  # what is lost is not worth going on from
            control.should_training_stop = True

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.line.close()


def can_go_on_from(args: Any, state: TrainerState) -> bool:
    """Whether a run can go on exactly from the step it has reached, which it cannot inside a generation."""
    cycle = args.steps_per_generation * args.num_iterations
    return state.global_step * args.gradient_accumulation_steps % cycle == 0


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value  # JSON has no NaN


class WholeCheckpoints(TrainerCallback):
    """Marks a checkpoint as complete once everything of it is on disk."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        PartialState().wait_for_everyone()  # every process saves its own random state
        if state.is_world_process_zero:
            self.folder.mark_complete(self.folder.checkpoints / f"checkpoint-{state.global_step}")


class StopSignals(TrainerCallback):
    """Ctrl-C or SIGTERM: the current step is finished and saved, then training ends. A second one ends it at once."""

    def __init__(self) -> None:
        self.received: int | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Takes the two signals inside the block."""
        before = {number: signal.signal(number, self._receive) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = number
        print("\nstopping: this step is finished and saved first (once more to stop at once)", flush=True)

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self.received is not None and can_go_on_from(args, state):
            control.should_save = True
            control.should_training_stop = True
