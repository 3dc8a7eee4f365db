"""From defaults, recipe, --config file and flags to TRL's own dataclasses; every wrong key and value is an error."""

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NoReturn

import torch
import yaml
from trl import GRPOConfig, ModelConfig, TrlParser

from rlvr_recipes.recipe import Recipe, UserError, nearest
from rlvr_recipes.refusals import check, check_batches, check_ranges

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
    eval_batch_size: int | None = field(
        default=None,
        metadata={"help": "Completions generated at once in evaluation; else as many as the memory holds."},
    )
    shared_prefix: bool = field(
        default=True,
        metadata={
            "help": "What prompts have in common goes through the model once, where that is exact; else with every row."
        },
    )
    stop_on_alarm: bool = field(
        default=False, metadata={"help": "An alarm of the monitors saves and ends the run, with exit code 3."}
    )
    difficulty: str | None = field(
        default=None,
        metadata={"help": "LOW:HIGH, train only on rows that a probe found paid that often (shares); as 0.1:0.9."},
    )
    difficulty_file: str | None = field(
        default=None, metadata={"help": "What check --save_difficulty wrote; else runs/<recipe>/difficulty.jsonl."}
    )


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
            for option in action.option_strings:
                if option.startswith("--no_"):
                    action.help = f"The same as --{action.dest} false."

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
    check(grpo, model)
    default = vars(_parse({"output_dir": ""}, []))
    differing = {k: v for k, v in namespace.items() if k != "output_dir" and (k in values or v != default[k])}
    return Config(run, grpo, model, output_dir or None, differing)


def describe_fields() -> str:
    """Every field with its help and its default on this machine, for --fields."""
    parser = _Parser()
    parser.set_defaults(output_dir="", **DEFAULTS, **device_defaults())
    return parser.format_help() + "\nThe defaults are those of this project on this machine; a recipe has its own."
