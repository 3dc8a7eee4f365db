"""Completions by vLLM, where it is installed (--use_vllm true); not with 4-bit weights, which it quantizes anew."""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rlvr_recipes.config import Config
from rlvr_recipes.evaluation import GREEDY, Sampling
from rlvr_recipes.generation import StopRule, Tokenizer
from rlvr_recipes.models import locate
from rlvr_recipes.recipe import UserError

BATCH = 1024  # prompts handed over at once; vLLM makes its own batches, and this is what an interruption can cost


class Vllm:
    """An engine with the policy's weights, which completes token ids."""

    def __init__(
        self, engine: Any, adapter: Path | None, tokenizer: Tokenizer, stop: StopRule, limit: int, sampling: Sampling
    ) -> None:
        self.engine, self.adapter, self.stop, self.limit, self.sampling = engine, adapter, stop, limit, sampling
        self.ends = [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []

    def batch_size(self, prompt_ids: Sequence[list[int]]) -> int:
        return BATCH

    def complete(self, prompt_ids: Sequence[list[int]], seed: int) -> list[tuple[list[int], bool]]:
        vllm: Any = importlib.import_module("vllm")
        drawn = {"temperature": 0.0}
        if self.sampling.temperature is not None:
            s = self.sampling
            drawn = {"temperature": s.temperature, "top_p": s.top_p, "top_k": s.top_k or -1, "min_p": s.min_p or 0.0}
            drawn["repetition_penalty"] = s.repetition_penalty
        settings = [
            vllm.SamplingParams(
                **drawn,
                # A seed of its own for each: the samples of one problem are prompts alike.
                seed=None if self.sampling.temperature is None else seed + number,
                max_tokens=self.limit,
                stop=list(self.stop.texts) or None,
                include_stop_str_in_output=True,  # our own rule cuts, as in training
                stop_token_ids=self.ends,
            )
            for number in range(len(prompt_ids))
        ]
        request = None
        if self.adapter is not None:
            request = importlib.import_module("vllm.lora.request").LoRARequest("policy", 1, str(self.adapter))
        prompts = [{"prompt_token_ids": ids} for ids in prompt_ids]
        made = []
        for output in self.engine.generate(prompts, settings, use_tqdm=False, lora_request=request):
            written = output.outputs[0]
            ids, _ = self.stop.cut(list(written.token_ids))
            made.append((ids, written.finish_reason == "length"))
        return made


def opened(config: Config, adapter: Path | None) -> Callable[..., Vllm]:
    """An engine for one policy, as the `backend` of `evaluation.evaluate`.

    Raises:
        UserError: the weights are asked for in 4 or 8 bits.
    """
    if config.model.load_in_4bit or config.model.load_in_8bit:
        raise UserError(
            "use_vllm cannot score a quantized policy: vLLM would quantize the weights in its own way, and score "
            "another policy than the one that was trained. Use --use_vllm false, or --load_in_4bit false"
        )
    vllm: Any = importlib.import_module("vllm")
    engine = vllm.LLM(
        model=locate(config.model_name),
        revision=config.model.model_revision,
        dtype=config.model.dtype or "auto",
        trust_remote_code=config.grpo.trust_remote_code,
        enable_lora=adapter is not None,
        max_lora_rank=max(config.model.lora_r, 16),
        gpu_memory_utilization=config.grpo.vllm_gpu_memory_utilization,
        enable_prefix_caching=True,  # the few-shot prefix, computed once
        generation_config="vllm",  # not the model's own sampling settings
    )

    def make(
        model: Any, tokenizer: Tokenizer, prompt_ids: Any, stop: StopRule, limit: int, sampling: Sampling = GREEDY,
        share: bool = True
    ) -> Vllm:  # fmt: skip
        return Vllm(engine, adapter, tokenizer, stop, limit, sampling)

    return make
