"""TRL's GRPOTrainer with the least that our promises need: where completions end, fp32 adapters, a record of it all."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl.trainer.utils import RepeatSampler

from rlvr_recipes.generation import StopRule
from rlvr_recipes.progress import Line, duration
from rlvr_recipes.runs import RunFolder
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
        if extras:
            # TRL casts adapters on quantized models to bf16, where small updates round to nothing: at a learning rate
            # of 1e-6 only 0.2 % of their elements move in 20 steps, against 99.9 % in fp32.
            for parameter in self.accelerator.unwrap_model(self.model).parameters():
                if parameter.requires_grad:
                    parameter.data = parameter.data.float()

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
        paid = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        assert self.model is not None
        mode = "train" if self.model.training else "eval"
        group = self.num_generations if mode == "train" else self.num_generations_eval
        total = (paid * self.reward_weights.to(paid.device)).nansum(dim=1)
        # TRL's frac_reward_zero_std looks at the whole batch under scale_rewards="batch".
        grouped = total.view(-1, group)
        self._metrics[mode]["dead_groups"].append((grouped.amax(1) == grouped.amin(1)).float().mean().item())
        if self.record is not None and mode == "train":
            first = self.accelerator.process_index * len(prompts)
            here = slice(first, first + len(prompts))
            rewards, pays = total[here].tolist(), paid[here].tolist()
            ended = [*self.eos_token_ids, self._tokenizer.pad_token_id]
            rows = [
                {
                    "prompt": prompts[i],
                    "completion": completions[i],
                    "tokens": len(completion_ids_list[i]),
                    "cut_off": completion_ids_list[i][-1] not in ended,
                    "reward": rewards[i],
                    **dict(zip(self.reward_func_names, pays[i], strict=True)),
                    **{column: values[i] for column, values in told.items()},
                }
                for i in range(len(prompts))
            ]
            everyone: list[dict[str, Any]] = gather_object(rows)
            if self.accelerator.is_main_process:
                self.record(self.state.global_step + 1, everyone)
        return paid


class ProgressLine(TrainerCallback):
    """The live line, and metrics.jsonl."""

    def __init__(self, folder: RunFolder, accuracy: str) -> None:
        self.folder, self.accuracy = folder, accuracy
        self.line = Line()
        self.began, self.first_step, self.last, self.tokens = 0.0, 0, 0.0, 0.0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.began = self.last = time.monotonic()
        self.first_step, self.tokens = state.global_step, state.num_input_tokens_seen

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        logs: dict[str, Any] = kwargs["logs"]
        if "reward" not in logs or not state.is_world_process_zero:
            return
        now = time.monotonic()
        speed = (state.num_input_tokens_seen - self.tokens) / max(now - self.last, 1e-9)
        self.last, self.tokens = now, state.num_input_tokens_seen
        self.folder.append_metrics({"step": state.global_step, **logs, "tokens_per_second": round(speed, 1)})
        done = state.global_step - self.first_step
        left = (now - self.began) / max(done, 1) * (state.max_steps - state.global_step)

        def shown(name: str, form: str) -> str:
            """A metric, or a dash where no completion of the step had one (a reward may give None)."""
            return format(logs[name], form) if logs.get(name) is not None else "-"

        self.line.update(
            f"step {state.global_step}/{state.max_steps} | reward {shown('reward', '.3f')} | "
            f"accuracy {shown(f'rewards/{self.accuracy}/mean', '.0%')} | dead groups {shown('dead_groups', '.0%')} | "
            f"cut off {shown('completions/clipped_ratio', '.0%')} | {speed:,.0f} tokens/s | {duration(left)} left"
        )

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.line.close()


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
        # Inside a generation there is nothing to go on from exactly.
        cycle = args.steps_per_generation * args.num_iterations
        if self.received is not None and state.global_step * args.gradient_accumulation_steps % cycle == 0:
            control.should_save = True
            control.should_training_stop = True
