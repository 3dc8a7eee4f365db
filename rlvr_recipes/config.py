"""From defaults, recipe, --config file and flags to TRL's own dataclasses; every wrong key and value is an error."""

import argparse
import importlib.util
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NoReturn

import torch
import yaml
from trl import GRPOConfig, ModelConfig, TrlParser

from rlvr_recipes.recipe import Recipe, UserError, nearest

# What differs from TRL's defaults in every recipe: QLoRA on one GPU.
DEFAULTS: dict[str, Any] = {
    # the policy
    "load_in_4bit": True,  # NF4 holds the frozen weights in a quarter of bf16's memory
    "use_bnb_nested_quant": True,  # quantizes the quantization constants too: 0.4 bit per weight saved at no cost seen
    "use_peft": True,  # 4-bit weights cannot be trained, an adapter on them can
    "lora_r": 16,  # the reference system's rank
    "lora_alpha": 32,  # twice the rank, the usual scale
    "lora_dropout": 0.0,  # dropout would be active during rollouts and make them another policy's
    "lora_target_modules": "all-linear",  # attention alone learns less (Dettmers et al. 2023, QLoRA, figure 2)
    # the step: 8 groups of 8 completions, in 8 micro-batches
    "num_generations": 8,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 8,
    "gradient_checkpointing": True,  # activations of 8 few-shot prompts would not fit 16 GB
    # the objective
    "learning_rate": 2e-5,  # ten times what full fine-tuning takes, as adapters need
    "lr_scheduler_type": "constant_with_warmup",  # a run that is cut short or prolonged is still the same run
    "warmup_steps": 5,  # Adam's second moments are noise before
    "loss_type": "dapo",  # mean over all tokens of the batch: a long wrong answer is not punished less per token
    "scale_rewards": "batch",  # per group, a 0.01 difference in form would become a full-size advantage
    "beta": 0.0,  # the reward is exact: no reference model, no KL, no second forward pass
    "num_iterations": 1,  # one update per rollout: on-policy, so the clipping never acts
    "temperature": 1.0,  # sample from the policy itself
    "max_grad_norm": 1.0,
    # the run
    "logging_steps": 1,
    "save_strategy": "steps",
    "save_steps": 50,
    "save_total_limit": 2,
    "report_to": "none",
    "disable_tqdm": True,  # our own progress line takes its place
}

# Fields that TRL checks only inside the first training step, after minutes of loading and generation (trl 1.16).
CHOICES: dict[str, tuple[str, ...]] = {
    "loss_type": ("grpo", "dr_grpo", "dapo", "bnpo", "cispo", "sapo", "vespo", "luspo"),
    "scale_rewards": ("group", "batch", "none"),
    "importance_sampling_level": ("token", "sequence"),
    "multi_objective_aggregation": ("sum_then_normalize", "normalize_then_sum"),
    "vllm_mode": ("server", "colocate"),
    "vllm_importance_sampling_mode": ("token_truncate", "token_mask", "sequence_truncate", "sequence_mask"),
}


def device_defaults() -> dict[str, Any]:
    """Precision for the device at hand, as fields of GRPOConfig and ModelConfig.

    bfloat16 where the GPU has it, float16 where it has not (T4, V100), float32 on a CPU.
    """
    if not torch.cuda.is_available():
        return {"dtype": "float32", "bf16": False, "fp16": False, "use_cpu": True}
    bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return {"dtype": "bfloat16" if bf16 else "float16", "bf16": bf16, "fp16": not bf16, "use_cpu": False}


@dataclass
class RunConfig:
    """What this project adds to TRL's own fields."""

    dataset_path: str | None = field(
        default=None, metadata={"help": "Folder with the data set's train and test files; else it comes from the hub."}
    )
    shots: int | None = field(default=None, metadata={"help": "Exemplars in the prompt; else the recipe's number."})
    train_rows: int | None = field(default=None, metadata={"help": "Train on the first N rows of train only."})
    eval_split: str | None = field(default=None, metadata={"help": "Split scored before and after; else the recipe's."})
    eval_rows: int = field(default=512, metadata={"help": "Rows of eval_split scored before and after; 0 for none."})
    eval_batch_size: int = field(default=64, metadata={"help": "Completions generated at once in evaluation."})


@dataclass(frozen=True)
class Config:
    """The resolved configuration of a run."""

    run: RunConfig
    grpo: GRPOConfig
    model: ModelConfig
    output_dir: str | None  # where the user wants the run folder
    values: dict[str, Any]  # every field that was set to something, by name; written to config.yaml

    @property
    def max_completion_length(self) -> int:
        assert self.grpo.max_completion_length is not None
        return self.grpo.max_completion_length

    @property
    def chat_template_kwargs(self) -> dict[str, Any]:
        given = self.grpo.chat_template_kwargs or {}
        assert isinstance(given, dict)
        return given

    @property
    def model_name(self) -> str:
        assert self.model.model_name_or_path is not None
        return self.model.model_name_or_path


class _Parser(TrlParser):
    """TRL's parser, whose complaints become a `UserError` and which takes no abbreviations."""

    def __init__(self) -> None:
        kinds: Any = [RunConfig, GRPOConfig, ModelConfig]
        super().__init__(kinds, allow_abbrev=False, add_help=False)

    def error(self, message: str) -> NoReturn:
        if choice := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
            near = nearest(choice[1], [allowed.strip("' ") for allowed in choice[2].split(",")])
            message = message.replace(" (choose", f"{near} (choose")
        raise UserError(message.removeprefix("argument "))


def known_fields() -> list[str]:
    """The names that --config and flags may set."""
    return [f.name for kind in (RunConfig, GRPOConfig, ModelConfig) for f in fields(kind) if f.init]


def _arguments(values: Mapping[str, Any]) -> list[str]:
    """Values as command-line words, so that a file's and a recipe's values meet the same type checks as flags."""
    words: list[str] = []
    for name, value in values.items():
        if value is None:
            continue
        if isinstance(value, Mapping):
            words += [f"--{name}", json.dumps(value)]
        elif isinstance(value, list | tuple):
            words += [f"--{name}", *map(str, value)]
        else:
            words.append(f"--{name}={value}")
    return words


def _parse(values: Mapping[str, Any], flags: Sequence[str]) -> argparse.Namespace:
    parser = _Parser()
    parser.set_defaults(**{name: None for name, value in values.items() if value is None})
    namespace, unknown = parser.parse_known_args([*_arguments(values), *flags])
    if unknown:
        options = [option for action in parser._actions for option in action.option_strings]
        word = unknown[0].partition("=")[0]
        if not word.startswith("-"):
            raise UserError(f"{word} stands alone; options are written --name value")
        raise UserError(f"there is no option {word}{nearest(word, options)}")
    return namespace


def _check_layer(values: Mapping[str, Any], source: str) -> None:
    """Names and types of one source, so that the complaint can say where the mistake stands."""
    known = known_fields()
    for name in values:
        if name not in known:
            raise UserError(f"{source}: there is no field {name}{nearest(str(name), known)}")
    try:
        _parse({"output_dir": "unused", **values}, [])
    except UserError as error:
        raise UserError(f"{source}: {error}") from error


def read_file(path: str) -> dict[str, Any]:
    """The fields of a --config file.

    Raises:
        UserError: it is missing, is not YAML, or does not hold `name: value` lines.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"--config {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"--config {path} is not YAML: {str(error).replace(chr(10), ' ')}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UserError(f"--config {path} must hold lines of the form name: value")
    return values


def resolve(recipe: Recipe, flags: Sequence[str], given: Mapping[str, Any] | None = None, source: str = "") -> Config:
    """defaults < device < recipe < given < flags, as TRL's dataclasses.

    Args:
        given: fields from a --config file or a run folder.
        source: where those stand, for complaints about them.

    Raises:
        UserError: an unknown name, with the nearest known one, or a value that its field cannot take.
    """
    layers = [DEFAULTS, device_defaults(), {"model_name_or_path": recipe.model}]
    layers += [{"reward_weights": list(recipe.rewards.values())}, dict(recipe.config)]
    _check_layer(recipe.config, f"recipe {recipe.name}, config")
    if given is not None:
        _check_layer(given, source)
        layers.append(dict(given))
    values: dict[str, Any] = {}
    for layer in layers:
        values |= layer
    values.setdefault("output_dir", "")
    namespace = vars(_parse(values, flags))
    output_dir = namespace["output_dir"]
    namespace["output_dir"] = "runs"  # until the folder is known
    check_batches(namespace)
    try:
        run, grpo, model = (
            kind(**{f.name: namespace[f.name] for f in fields(kind) if f.init and f.name in namespace})
            for kind in (RunConfig, GRPOConfig, ModelConfig)
        )
    except (ValueError, ImportError) as error:
        raise UserError(str(error)) from error
    assert isinstance(run, RunConfig)
    assert isinstance(grpo, GRPOConfig)
    assert isinstance(model, ModelConfig)
    check(run, grpo, model)
    default = vars(_parse({"output_dir": ""}, []))
    differing = {k: v for k, v in namespace.items() if k != "output_dir" and (k in values or v != default[k])}
    return Config(run, grpo, model, output_dir or None, differing)


def describe_fields() -> str:
    """Every field with its help, for --fields."""
    parser = _Parser()
    parser.set_defaults(output_dir="")
    return parser.format_help()


def check_batches(values: Mapping[str, Any]) -> None:
    """Batch sizes in words, before TRL's own checks say it in terms of a derived number."""
    for name in ("per_device_train_batch_size", "gradient_accumulation_steps", "max_completion_length", "save_steps"):
        if values[name] is None or values[name] <= 0:
            raise UserError(f"{name} is {values[name]}; it must be at least 1")
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
                f"set per_device_train_batch_size to {group} or a multiple of it"
            )


def check(run: RunConfig, grpo: GRPOConfig, model: ModelConfig) -> None:
    """What TRL would find out too late, or never."""
    for name, allowed in CHOICES.items():
        value = vars(grpo)[name]
        if value not in allowed:
            raise UserError(f"{name} cannot be {value!r}{nearest(str(value), allowed)} Allowed: {', '.join(allowed)}")
    if grpo.loss_type == "cispo" and grpo.epsilon_high is None:
        raise UserError("loss_type cispo needs --epsilon_high (5.0 in its paper); TRL's fallback of 0.2 stops learning")
    if grpo.use_vllm and model.load_in_4bit:
        raise UserError(
            "use_vllm with load_in_4bit does not work: TRL sends the packed 4-bit weights to vLLM without what unpacks "
            "them. Use --load_in_4bit false with vLLM, or --use_vllm false with 4-bit"
        )
    if grpo.use_vllm and importlib.util.find_spec("vllm") is None:
        raise UserError("use_vllm needs vLLM: pip install 'trl[vllm]', or --use_vllm false")
    if grpo.use_transformers_continuous_batching:
        raise UserError(
            "use_transformers_continuous_batching is refused: it casts the model for good and leaves it in training "
            "mode in the middle of an evaluation (trl 1.16)"
        )
    if grpo.eval_strategy != "no":
        raise UserError(
            "eval_strategy is refused: TRL's evaluation during training samples at the training temperature and "
            "overwrites the step's completions; --eval_split and --eval_rows score greedily before and after"
        )
    if grpo.resume_from_checkpoint is not None:
        raise UserError("resume_from_checkpoint: go on with a run by its folder instead, --resume RUN")
    if grpo.push_to_hub:
        raise UserError("push_to_hub is not done during a run; push the adapter folder afterwards: hf upload")
    cycle = (grpo.steps_per_generation or 1) * grpo.num_iterations
    every = grpo.save_steps if grpo.save_steps >= 1 else math.ceil(max(grpo.max_steps, 0) * grpo.save_steps)
    if grpo.save_strategy == "steps" and every * grpo.gradient_accumulation_steps % cycle:
        raise UserError(
            f"save_steps {every:g} would save in the middle of a generation, from where no run can go on "
            f"exactly; each generation serves {cycle / grpo.gradient_accumulation_steps:g} steps, take a multiple"
        )
    if run.eval_rows < 0 or run.eval_batch_size < 1 or (run.train_rows is not None and run.train_rows < 1):
        raise UserError("eval_rows must be 0 or more, eval_batch_size and train_rows 1 or more")


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
