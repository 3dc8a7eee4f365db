"""Policies: where they are, in which precision they load, and how long their context is."""

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from trl import GRPOConfig, ModelConfig, get_quantization_config

from rlvr_recipes.generation import plain_generation_config
from rlvr_recipes.recipe import UserError

PROJECT = Path(__file__).parents[1]
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


def device_defaults() -> dict[str, Any]:
    """Precision for the device at hand, as fields of GRPOConfig and ModelConfig.

    bfloat16 where the GPU has it, float16 where it has not (T4, V100), float32 on a CPU.
    """
    if not torch.cuda.is_available():
        return {"dtype": "float32", "bf16": False, "fp16": False, "use_cpu": True}
    bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return {"dtype": "bfloat16" if bf16 else "float16", "bf16": bf16, "fp16": not bf16, "use_cpu": False}


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
        raise UserError(f"there is no model folder {name}, and it cannot be a hub id (OWNER/NAME)")
    return name


def load_config_and_tokenizer(
    name: str, revision: str | None = None, trust_remote_code: bool = False
) -> tuple[PretrainedConfig, PreTrainedTokenizerBase]:
    """The configuration and tokenizer of a policy, padded on the left, without its weights.

    Raises:
        UserError: the model cannot be had.
    """
    place = locate(name)
    options: dict[str, Any] = {"revision": revision or "main", "trust_remote_code": trust_remote_code}
    try:
        config = AutoConfig.from_pretrained(place, **options)
        tokenizer = AutoTokenizer.from_pretrained(place, padding_side="left", truncation_side="left", **options)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"model {name} could not be loaded: {reason} Without a network give --model_name_or_path FOLDER."
        ) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return config, tokenizer


def check_quantization(args: ModelConfig) -> None:
    """Refuses what cannot work before anything is loaded."""
    if (args.load_in_4bit or args.load_in_8bit) and importlib.util.find_spec("bitsandbytes") is None:
        raise UserError("load_in_4bit needs bitsandbytes: pip install bitsandbytes, or --load_in_4bit false")
    if (args.load_in_4bit or args.load_in_8bit) and not args.use_peft:
        raise UserError("a quantized model can only be trained through an adapter: add --use_peft true")


def load_policy(args: ModelConfig, tokenizer: PreTrainedTokenizerBase, grpo: GRPOConfig) -> PreTrainedModel:
    """The base model of a run, quantized as `args` say; on CUDA it goes to this process's GPU.

    Its generation config is reduced to the tokens that end and pad, so that only our own settings steer sampling.
    """
    name = args.model_name_or_path
    assert name is not None
    options: dict[str, Any] = {
        "revision": args.model_revision,
        "trust_remote_code": grpo.trust_remote_code,
        "attn_implementation": args.attn_implementation,
        "dtype": args.dtype,
        "quantization_config": get_quantization_config(args),
        "device_map": {"": torch.cuda.current_device()} if torch.cuda.is_available() and not grpo.use_cpu else None,
    }
    given = grpo.model_init_kwargs or {}
    model = AutoModelForCausalLM.from_pretrained(locate(name), **options | (given if isinstance(given, dict) else {}))
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


def add_adapter(model: PreTrainedModel, folder: Path) -> PeftModel:
    """A trained adapter on its base, for inference."""
    return PeftModel.from_pretrained(model, folder)


def context_length(config: PretrainedConfig) -> int | None:
    """How many tokens, prompt and completion together, the model was made for; None when its config does not say."""
    return config.get_text_config().to_dict().get("max_position_embeddings")


def check_lengths(prompt_ids: Sequence[list[int]], max_completion_length: int, config: PretrainedConfig) -> None:
    """No prompt is ever cut, so one that leaves no room for its completion is a `UserError`, with what would fit."""
    context = context_length(config)
    longest = max(map(len, prompt_ids))
    if context is None or longest + max_completion_length <= context:
        return
    over = longest + max_completion_length - context
    too_long = sum(len(ids) + max_completion_length > context for ids in prompt_ids)
    cure = f"set --max_completion_length to at most {context - longest}, or " if longest < context else ""
    raise UserError(
        f"the longest prompt has {longest} tokens; with max_completion_length {max_completion_length} that is {over} "
        f"more than the model's context of {context} ({too_long} of {len(prompt_ids)} prompts do not fit). "
        f"Prompts are never cut: {cure}show fewer exemplars with --shots."
    )
