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
from transformers import SchedulerType, Trainer, get_scheduler
from transformers.integrations import get_available_reporting_integrations
from transformers.training_args import OptimizerNames
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

# Sampling that has a field of its own; through generation_kwargs, rollouts and evaluation would no longer agree.
OWN_FIELDS = {"max_new_tokens": "max_completion_length"} | {
    name: name for name in ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "cache_implementation")
}
NOT_OURS = {"do_sample", "num_beams", "num_return_sequences", "return_dict_in_generate", "stop_strings", "max_length",
            "eos_token_id", "pad_token_id", "bos_token_id", "output_scores", "output_logits"}  # fmt: skip


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
        for action in self._actions:
            if action.type is dict:  # dict("...") takes no JSON
                action.type = json.loads

    def error(self, message: str) -> NoReturn:
        if choice := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
            near = nearest(choice[1], [allowed.strip("' ") for allowed in choice[2].split(",")])
            message = message.replace(" (choose", f"{near} (choose")
        raise UserError(re.sub(r"^argument --(\w+)(/--[\w-]+)?", r"\1", message))


def known_fields() -> list[str]:
    """The names that --config and flags may set."""
    return [f.name for kind in (RunConfig, GRPOConfig, ModelConfig) for f in fields(kind) if f.init]


_FILLED = {f.name: f.default for kind in (RunConfig, GRPOConfig, ModelConfig) for f in fields(kind)}
_FILLED["model_name_or_path"] = ""  # TRL's default is None, but there is no run without it


def _arguments(values: Mapping[str, Any]) -> list[str]:
    """Values as command-line words, so that a file's and a recipe's values meet the same type checks as flags."""
    words: list[str] = []
    for name, value in values.items():
        if value is None:
            continue
        if value is False and name in ("save_strategy", "logging_strategy", "eval_strategy", "report_to"):
            value = "no" if name != "report_to" else "none"  # YAML reads a bare `no` as false
        if isinstance(value, Mapping):
            try:
                words.append(f"--{name}={json.dumps(value)}")
            except TypeError as error:
                raise UserError(f"{name}: {error}") from error
        elif isinstance(value, list | tuple):
            if any(not isinstance(item, str | int | float) or str(item).startswith("--") for item in value):
                raise UserError(f"{name} is a list of texts and numbers, not {value}")
            words += [f"--{name}", *map(str, value)]
        elif isinstance(value, str | int | float):
            words.append(f"--{name}={value}")
        else:
            raise UserError(f"{name} cannot be a {type(value).__name__}: {value}")
    return words


def _parse(values: Mapping[str, Any], flags: Sequence[str], others: Sequence[str] = ()) -> argparse.Namespace:
    parser = _Parser()
    parser.set_defaults(**{name: None for name, value in values.items() if value is None})
    namespace, unknown = parser.parse_known_args([*_arguments(values), *flags])
    if unknown:
        options = [option for action in parser._actions for option in action.option_strings] + [*others]
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
        if values[name] is None and _FILLED[name] is not None:
            raise UserError(f"{source}: {name} cannot be empty (null)")
    try:
        _parse({"output_dir": "unused", **values}, [])
    except UserError as error:
        raise UserError(f"{source}: {error}") from error


class _YamlLoader(yaml.SafeLoader):
    """Refuses a key that stands there twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                raise yaml.YAMLError(
                    f"{key} stands there twice, the second time in line {node.value[number][0].start_mark.line + 1}"
                )
        return super().construct_mapping(node, deep)


def read_file(path: str) -> dict[str, Any]:
    """The fields of a --config file.

    Raises:
        UserError: it is missing, is not YAML, or does not hold `name: value` lines.
    """
    try:
        values = yaml.load(Path(path).read_text(encoding="utf-8"), _YamlLoader)
    except OSError as error:
        raise UserError(f"--config {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"--config {path} is not sound YAML: {str(error).replace(chr(10), ' ')}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UserError(f"--config {path} must hold lines of the form name: value")
    return values


def resolve(
    recipe: Recipe,
    flags: Sequence[str],
    given: Mapping[str, Any] | None = None,
    source: str = "",
    others: Sequence[str] = (),
) -> Config:
    """defaults < device < recipe < given < flags, as TRL's dataclasses.

    Args:
        given: fields from a --config file or a run folder.
        source: where those stand, for complaints about them.
        others: options of the command itself, for complaints about misspelt ones.

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
    namespace = vars(_parse(values, flags, others))
    output_dir = namespace["output_dir"]
    namespace["output_dir"] = "runs"  # until the folder is known
    check_ranges(namespace, len(recipe.rewards))
    check_batches(namespace)
    try:
        run, grpo, model = (
            kind(**{f.name: namespace[f.name] for f in fields(kind) if f.init and f.name in namespace})
            for kind in (RunConfig, GRPOConfig, ModelConfig)
        )
    except (ValueError, TypeError, ImportError, OSError) as error:
        raise UserError(f"TRL refuses this configuration: {error}") from error
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
            raise UserError(f"generation_kwargs {name}: set --{OWN_FIELDS[name]}, which evaluation heeds too")
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
