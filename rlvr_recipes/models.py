"""Policies: where they are, in which precision they load, and how long their context is."""

import importlib.util
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PretrainedConfig
from trl import get_quantization_config

from rlvr_recipes import hub
from rlvr_recipes.config import Config
from rlvr_recipes.generation import Policy, Tokenizer, plain_generation_config
from rlvr_recipes.recipe import UserError, nearest

PROJECT = Path(__file__).parents[1]
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


def locate(name: str) -> str:
    """A model's folder, from here or from the project's root, else the name itself as a hub id.

    Raises:
        UserError: neither a folder with a model nor a possible hub id.
    """
    for folder in (Path(name), PROJECT / name):
        if folder.is_dir():
            if not (folder / "config.json").is_file():
                raise UserError(f"{folder} holds no model: config.json is missing")
            return str(folder)
    if not _HUB_ID.fullmatch(name) or name.startswith((".", "/", "runs/", "assets/")):
        beside = [Path(name).parent, (PROJECT / name).parent]
        known = [str(Path(name).parent / file.parent.name) for each in beside for file in each.glob("*/config.json")]
        near = nearest(name, known) or ", and it cannot be a hub id (OWNER/NAME)"
        raise UserError(f"there is no model folder {name}{near}")
    return name


@contextmanager
def refused(what: str) -> Iterator[None]:
    """Turns what a library says of a setting or a file that it was given into a `UserError`."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # tokenizers raises bare Exceptions
        raise UserError(f"{what}: {type(error).__name__}: {' '.join(str(error).split())[:500]}") from error


def load_tokenizer(config: Config) -> tuple[PretrainedConfig, Tokenizer]:
    """The configuration and tokenizer of a run's policy, padded on the left, without its weights.

    Raises:
        UserError: the model cannot be had, or cannot be trained as it is asked for.
    """
    args = config.model
    if (args.load_in_4bit or args.load_in_8bit) and importlib.util.find_spec("bitsandbytes") is None:
        raise UserError("load_in_4bit needs bitsandbytes: pip install bitsandbytes, or --load_in_4bit false")
    if (args.load_in_4bit or args.load_in_8bit) and not args.use_peft:
        raise UserError("a quantized model can only be trained through an adapter: --use_peft true")
    place = locate(config.model_name)
    options: dict[str, Any] = {
        "revision": args.model_revision,
        "trust_remote_code": config.grpo.trust_remote_code,
    }
    cure = ""
    if not Path(place).is_dir():
        hub.go_offline_if_unreachable()
        cure = " (it is no folder here; without a network, name one)"
    with refused(f"model {config.model_name} could not be loaded{cure}"):
        model_config = AutoConfig.from_pretrained(place, **options)
        tokenizer = AutoTokenizer.from_pretrained(place, padding_side="left", truncation_side="left", **options)
    check_weights(place)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model_config, tokenizer


def check_weights(place: str) -> None:
    """Refuses a folder without weights, or with a safetensors file that was cut short; a hub id is left for later."""
    folder = Path(place)
    if not folder.is_dir():
        return
    weights = sorted(folder.glob("*.safetensors"))
    if not weights and not any(folder.glob("*.bin")):
        raise UserError(f"{folder} holds no model: there are no weights (*.safetensors)")
    for file in weights:
        with refused(f"{file} is damaged"), safe_open(file, "pt"):
            pass


def load_policy(config: Config, tokenizer: Tokenizer) -> Policy:
    """The base model of a run, quantized as its configuration says; on CUDA it goes to this process's GPU.

    Its generation config is reduced to the tokens that end and pad, so that only our own settings steer sampling.
    """
    args, grpo = config.model, config.grpo
    options: dict[str, Any] = {
        "revision": args.model_revision,
        "trust_remote_code": grpo.trust_remote_code,
        "attn_implementation": args.attn_implementation,
        "dtype": args.dtype,
        "quantization_config": get_quantization_config(args),
        "device_map": {"": torch.cuda.current_device()} if torch.cuda.is_available() and not grpo.use_cpu else None,
    }
    if isinstance(grpo.model_init_kwargs, dict):
        options |= grpo.model_init_kwargs
    with refused(f"model {config.model_name} could not be loaded"):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            locate(config.model_name), output_loading_info=True, **options
        )
    model, told = loaded
    if missing := sorted(told["missing_keys"]):
        raise UserError(
            f"model {config.model_name} lacks {len(missing)} of its weights, {missing[0]} for one; they would be random"
        )
    grpo.model_init_kwargs = None  # used up; GRPOTrainer would warn that it ignores them
    if args.load_in_4bit:
        import bitsandbytes

        for module in model.modules():
            if isinstance(module, bitsandbytes.nn.Linear4bit):
                # On CPUs with AVX512-BF16 the first forward pass in eval mode would repack the weights for a kernel
                # that rounds to bf16 and has no gradient, and training after an evaluation would learn nothing
                # (bitsandbytes 0.50).
                module.support_avx512bf16_for_cpu = False
    model.config.pad_token_id = tokenizer.pad_token_id
    plain_generation_config(model, tokenizer)
    return model


def add_adapter(model: Policy, folder: Path) -> PeftModel:
    """A trained adapter on its base, for inference."""
    with refused(f"the adapter in {folder} could not be loaded"):
        return PeftModel.from_pretrained(model, folder)


def base_of(adapter: Path) -> str:
    """The model that an adapter folder was trained on.

    Raises:
        UserError: the folder does not say.
    """
    with refused(f"the adapter in {adapter} does not name its model"):
        name = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))["base_model_name_or_path"]
    if not isinstance(name, str) or not name:
        raise UserError(f"the adapter in {adapter} does not name its model")
    return name


def check_adapter(adapter: Path, config: Config) -> None:
    """Refuses an adapter of another model, by the names and shapes of its weights, before any is loaded."""
    weights = adapter / "adapter_model.safetensors"
    if not weights.is_file():
        raise UserError(f"the adapter in {adapter} has no adapter_model.safetensors")
    model_config, _ = load_tokenizer(config)
    trust = config.grpo.trust_remote_code
    with refused(f"model {config.model_name} cannot be made"), torch.device("meta"):
        made: Any = AutoModelForCausalLM.from_config(model_config, trust_remote_code=trust)
    layers: dict[str, Any] = dict(made.named_modules())
    with refused(f"the adapter in {adapter} cannot be read"), safe_open(weights, "pt") as stored:
        names = list(stored.keys())
        shapes = {name: stored.get_slice(name).get_shape() for name in names}
    if not any(".lora_A." in name for name in shapes):
        raise UserError(f"the adapter in {adapter} holds no LoRA weights")
    for name, shape in shapes.items():
        match = re.fullmatch(r"base_model\.model\.(.+)\.lora_([AB])(?:\.\w+)?\.weight", name)
        if match is None:
            continue
        layer = layers.get(match[1])
        width, ours = (shape[1], "in_features") if match[2] == "A" else (shape[0], "out_features")
        if layer is None or getattr(layer, ours, width) != width:
            found = "no such layer" if layer is None else f"{getattr(layer, ours)} wide"
            raise UserError(
                f"the adapter in {adapter} was trained on another model ({base_of(adapter)}): its {match[1]} is "
                f"{width} wide, in {config.model_name} it is {found}"
            )


def fingerprint(name: str) -> str:
    """What tells a model's or adapter's weights from others: the names, sizes and times of its files, or its hub id."""
    place = locate(name) if not (Path(name) / "adapter_config.json").is_file() else name
    if not Path(place).is_dir():
        return place
    files = sorted(file for file in Path(place).iterdir() if file.is_file())
    return " ".join(f"{file.name}:{file.stat().st_size}:{file.stat().st_mtime_ns}" for file in files)


def context_of(config: PretrainedConfig) -> int | None:
    """The tokens of a model's context; None where its configuration names none."""
    return getattr(config.get_text_config(), "max_position_embeddings", None)  # also GPT-2's n_positions


def context_left(prompt_ids: Sequence[Sequence[int]], max_completion_length: int, config: PretrainedConfig) -> str:
    """What the longest text leaves of a model's context, in words; empty where none is named."""
    context = context_of(config)
    if context is None:
        return ""
    left = context - max(map(len, prompt_ids)) - max_completion_length
    if left < 0:
        return f"; {-left:,} beyond the context of {context:,}"
    return f"; {left:,} of {context:,} of context left"


def check_lengths(prompt_ids: Sequence[list[int]], max_completion_length: int, config: PretrainedConfig) -> None:
    """No prompt is ever cut, so one that leaves no room for its completion is a `UserError`, with what would fit."""
    context = context_of(config)
    longest = max(map(len, prompt_ids))
    if context is None or longest + max_completion_length <= context:
        return
    over = longest + max_completion_length - context
    too_long = sum(len(ids) + max_completion_length > context for ids in prompt_ids)
    cure = f"set --max_completion_length to at most {context - longest}, or " if longest < context else ""
    raise UserError(
        f"the longest prompt has {longest} tokens; with max_completion_length {max_completion_length} that is {over} "
        f"more than the model's context of {context} ({too_long} of {len(prompt_ids)} prompts do not fit). "
        f"Prompts are never cut: {cure}show fewer exemplars with --shots"
    )


def peak_memory() -> dict[str, float]:
    """The most memory the GPU held so far, in GiB; empty on a CPU."""
    return {"peak_gpu_gib": torch.cuda.max_memory_allocated() / 2**30} if torch.cuda.is_available() else {}
