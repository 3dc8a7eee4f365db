"""Settings that cannot work, or would make a run other than it seems, refused in words before anything is loaded."""

import importlib.util
import math
import os
from collections.abc import Mapping
from typing import Any

import torch
from transformers import SchedulerType, Trainer, get_scheduler
from transformers.integrations import get_available_reporting_integrations
from transformers.training_args import OptimizerNames
from trl import GRPOConfig, ModelConfig

from rlvr_recipes.recipe import UserError, nearest

# Fields that TRL checks only inside the first training step, after minutes of loading and generation (trl 1.16).
CHOICES: dict[str, tuple[str, ...]] = {
    "loss_type": ("grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "vespo", "luspo"),
    "scale_rewards": ("group", "batch", "none"),
    "importance_sampling_level": ("token", "sequence"),
    "multi_objective_aggregation": ("sum_then_normalize", "normalize_then_sum"),
    "vllm_mode": ("server", "colocate"),
    "vllm_importance_sampling_mode": ("token_truncate", "token_mask", "sequence_truncate", "sequence_mask"),
}


# Bounds that nobody checks before the weights are loaded: lowest, highest, whether the lowest itself is allowed.
RANGES: dict[str, tuple[float, float, bool]] = {
    "learning_rate": (0, math.inf, False),
    "temperature": (0, math.inf, False),
    "top_p": (0, 1, False),
    "top_k": (0, math.inf, True),
    "min_p": (0, 1, True),
    "repetition_penalty": (0, math.inf, False),
    "adam_beta1": (0, 1, True),
    "adam_beta2": (0, 1, True),
    "adam_epsilon": (0, math.inf, True),
    "weight_decay": (0, math.inf, True),
    "max_grad_norm": (0, math.inf, True),
    "beta": (0, math.inf, True),
    "epsilon": (0, math.inf, False),
    "epsilon_high": (0, math.inf, False),
    "delta": (0, math.inf, False),
    "warmup_steps": (0, math.inf, True),
    "num_train_epochs": (0, math.inf, False),
    "top_entropy_quantile": (0, 1, True),
    "neftune_noise_alpha": (0, math.inf, True),
    "logging_steps": (0, math.inf, False),
    "save_steps": (0, math.inf, False),
    "seed": (0, 2**32 - 1, True),
    "data_seed": (0, 2**32 - 1, True),
    "lora_r": (1, math.inf, True),
    "lora_alpha": (0, math.inf, False),
    "lora_dropout": (0, 1, True),
    **dict.fromkeys(
        (
            "per_device_train_batch_size per_device_eval_batch_size gradient_accumulation_steps max_completion_length "
            "num_iterations steps_per_generation generation_batch_size save_total_limit pad_to_multiple_of "
            "eval_batch_size train_rows"
        ).split(),
        (1, math.inf, True),
    ),
    "dataloader_num_workers": (0, math.inf, True),
    "eval_rows": (0, math.inf, True),
}

# What would make a run other than it seems, or one that cannot be gone on with; the value refused, and why.
REFUSED: dict[str, tuple[Any, str]] = {
    "use_transformers_continuous_batching": (
        True,
        "it casts the model for good and leaves it in training mode in the middle of an evaluation (trl 1.16)",
    ),
    "push_to_hub": (True, "not done during a run; push the adapter folder afterwards: hf upload"),
    "save_only_model": (True, "a checkpoint without optimizer and random state is nothing to go on from"),
    "ignore_data_skip": (True, "a resumed run would see its first rows again"),
    "sync_ref_model": (True, "checkpoints do not hold the reference model, so no run could be gone on with"),
    "remove_unused_columns": (True, "the rewards need the columns of the rows"),
    "load_best_model_at_end": (True, "there is no evaluation during training to say which is best"),
    "eval_on_start": (True, "the policy is scored before training anyway: --eval_rows"),
    "save_strategy": ("best", "there is no evaluation during training to say which is best"),
}

# What has a field of its own; through generation_kwargs it would contradict the field that the run records.
OWN_FIELDS = {"max_new_tokens": "max_completion_length"} | {
    name: name for name in ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "cache_implementation")
}
NOT_OURS = {"do_sample", "num_beams", "num_return_sequences", "return_dict_in_generate", "stop_strings", "max_length",
            "eos_token_id", "pad_token_id", "bos_token_id", "output_scores", "output_logits"}  # fmt: skip


def check_ranges(values: Mapping[str, Any], rewards: int) -> None:
    """Numbers that make no sense, which TRL, torch or peft would notice late or not at all."""
    for name, (low, high, inclusive) in RANGES.items():
        value = values[name]
        if value is None or (name == "pad_to_multiple_of" and not str(value).lstrip("-").isdigit()):
            continue
        value = float(value)
        if not (low < value or (inclusive and low == value)) or value > high or not math.isfinite(value):
            least = f"at least {low:g}" if inclusive else f"more than {low:g}"
            most = f" and at most {high:g}" if math.isfinite(high) else ""
            raise UserError(f"{name} is {value:g}; it must be {least}{most}")
    if values["max_steps"] < 1 and values["max_steps"] != -1:
        raise UserError(f"max_steps is {values['max_steps']}; it must be at least 1, or -1 to go by num_train_epochs")
    weights = values["reward_weights"] or []
    if len(weights) != rewards or not all(map(math.isfinite, weights)) or not any(weights):
        raise UserError(f"reward_weights {weights}: give {rewards} finite numbers, one per reward, not all of them 0")
    if weights[0] < 0:
        raise UserError(f"reward_weights {weights}: the first reward says what is right, and would be trained against")
    for name, (refused, reason) in REFUSED.items():
        if values[name] == refused:
            raise UserError(f"{name} {refused} is refused: {reason}")


def check_batches(values: Mapping[str, Any]) -> None:
    """Batch sizes in words, before TRL's own checks say it in terms of a derived number."""
    group = values["num_generations"]
    if group < 2:
        raise UserError(f"num_generations is {group}; GRPO compares the completions of one prompt, so at least 2")
    if values["generation_batch_size"] is None:
        size = values["per_device_train_batch_size"] * int(os.environ.get("WORLD_SIZE", "1"))
        steps = values["steps_per_generation"] or values["gradient_accumulation_steps"]
        if size * steps % group:
            raise UserError(
                f"per_device_train_batch_size {size} x {steps} micro-batches = {size * steps} completions per "
                f"generation do not divide into groups of num_generations {group}; "
                f"set per_device_train_batch_size to {group} or a multiple of it, or num_generations to a divisor of "
                f"{size * steps}"
            )


def check(grpo: GRPOConfig, model: ModelConfig) -> None:
    """What TRL would find out too late, or never."""
    for name, allowed in CHOICES.items():
        value = vars(grpo)[name]
        if value not in allowed:
            raise UserError(f"{name} cannot be {value!r}{nearest(str(value), allowed)} (allowed: {', '.join(allowed)})")
    if grpo.loss_type == "cispo" and grpo.epsilon_high is None:
        raise UserError("loss_type cispo needs --epsilon_high (5.0 in its paper); TRL's fallback of 0.2 stops learning")
    if grpo.use_vllm and model.load_in_4bit:
        raise UserError(
            "use_vllm with load_in_4bit does not work: TRL sends the packed 4-bit weights to vLLM without what unpacks "
            "them. Use --load_in_4bit false with vLLM, or --use_vllm false with 4-bit"
        )
    if grpo.use_vllm and importlib.util.find_spec("vllm") is None:
        raise UserError("use_vllm needs vLLM: pip install 'trl[vllm]', or --use_vllm false")
    if grpo.eval_strategy != "no":
        raise UserError(
            "eval_strategy is refused: TRL's evaluation during training samples at the training temperature and "
            "overwrites the step's completions; --eval_split and --eval_rows score greedily before and after"
        )
    if grpo.resume_from_checkpoint is not None:
        raise UserError("resume_from_checkpoint: go on with a run by its folder instead, --resume RUN")
    for name in ("chat_template_kwargs", "generation_kwargs", "model_init_kwargs", "lr_scheduler_kwargs"):
        value = vars(grpo)[name]
        if value is not None and not isinstance(value, dict):
            raise UserError(f"{name} must be a map, in JSON on the command line, not {value!r}")
    for name in grpo.generation_kwargs or {}:
        if name in OWN_FIELDS:
            raise UserError(f"generation_kwargs {name} is refused: set --{OWN_FIELDS[name]}, its own field")
        if name in NOT_OURS:
            raise UserError(f"generation_kwargs {name} is refused: GRPO samples, and the recipe says where to stop")
    check_optimizer(grpo)
    trackers = get_available_reporting_integrations()
    for name in grpo.report_to or []:
        if name not in trackers:
            raise UserError(
                f"report_to {name}: not installed, or unknown; here there is {', '.join(trackers) or 'none'}"
            )
    cycle = (grpo.steps_per_generation or 1) * grpo.num_iterations
    every = grpo.save_steps if grpo.save_steps >= 1 else math.ceil(max(grpo.max_steps, 0) * grpo.save_steps)
    if grpo.save_strategy == "steps" and every * grpo.gradient_accumulation_steps % cycle:
        raise UserError(
            f"save_steps {every:g} would save in the middle of a generation, from where no run can go on "
            f"exactly; each generation serves {cycle / grpo.gradient_accumulation_steps:g} steps, take a multiple"
        )


def check_optimizer(grpo: GRPOConfig) -> None:
    """Makes the optimizer and the schedule once, for a single number, so that their complaints come now."""
    weight = torch.nn.Parameter(torch.zeros(1))
    given: Any = grpo.lr_scheduler_kwargs or {}
    names = f"optim {OptimizerNames(grpo.optim).value} with {SchedulerType(grpo.lr_scheduler_type).value}"
    try:
        kind, options = Trainer.get_optimizer_cls_and_kwargs(grpo)
        get_scheduler(
            grpo.lr_scheduler_type,
            kind([weight], **options),
            num_warmup_steps=1,
            num_training_steps=10,
            scheduler_specific_kwargs=dict(given),
        )
    except (ValueError, TypeError, ImportError, KeyError, RuntimeError) as error:
        raise UserError(f"{names}: {error}") from error


def check_train_rows(rows: int, grpo: GRPOConfig) -> None:
    """A data set smaller than one generation batch would give TRL nothing to train on, and a bare IndexError."""
    assert grpo.generation_batch_size is not None
    assert grpo.num_generations is not None
    prompts = grpo.generation_batch_size // grpo.num_generations
    if rows < prompts:
        raise UserError(
            f"training has {rows} rows, but one generation takes {prompts} prompts ({grpo.generation_batch_size} "
            f"completions in groups of {grpo.num_generations}); add rows, or lower gradient_accumulation_steps or "
            f"per_device_train_batch_size"
        )
