"""The tokens with which all prompts of a batch begin, sent through the model once instead of once per row.

In an 8-shot batch every prompt begins with the same exemplars. Their keys and values are computed once; every row then
holds only its own tokens, and each attention layer lets it see the shared ones first. That is the same function of the
same tokens, so it changes nothing but the rounding.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface, DynamicCache
from transformers.masking_utils import sdpa_mask

FAMILIES = frozenset("qwen2 qwen3 llama mistral phi smollm3".split())  # those of tests/test_prefix.py
SHORTEST = 32  # tokens; a shorter prefix is not worth it
_NAME = "rlvr_recipes_shared_prefix"


def common_prefix(prompt_ids: Sequence[list[int]]) -> int:
    """How many tokens all prompts begin with, leaving at least one of its own to each.

    >>> common_prefix([[5, 6, 7], [5, 6, 8, 9]]), common_prefix([[5, 6], [5, 6]])
    (2, 1)
    """
    low, high = min(prompt_ids), max(prompt_ids)  # of sorted sequences the outer two differ first
    length = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return max(0, min(length, min(map(len, prompt_ids)) - 1))


def obstacle(model: Any) -> str:
    """Why a prefix cannot be shared with this model; empty if it can."""
    config = model.config.get_text_config()
    if model.config.model_type not in FAMILIES:
        return f"it has not been tested with {model.config.model_type} models"
    rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    if rope not in ("default", "linear", "llama3"):
        return f"its positions ({rope}) may depend on the length of the whole text"
    layers = getattr(config, "layer_types", None)
    window = getattr(config, "sliding_window", None)
    if layers is None and window and getattr(config, "use_sliding_window", True):
        layers = ["sliding_attention"]
    for kind in layers or []:
        if kind != "full_attention":
            return f"it has layers of {kind}"
    if model.config._attn_implementation not in ("sdpa", "eager"):
        return f"its attention is {model.config._attn_implementation}"
    return ""


class SharedPrefix:
    """The keys and values of a prefix, for one set of weights.

    Args:
        model: a decoder, or a peft model around one.
        ids: the tokens of the prefix.
    """

    def __init__(self, model: Any, ids: Sequence[int]) -> None:
        self.ids = tuple(ids)
        cache: Any = DynamicCache(config=model.config)
        given = torch.tensor([self.ids], device=model.device)
        with torch.no_grad():
            model(input_ids=given, past_key_values=cache, use_cache=True, logits_to_keep=1)
        self.layers = [(layer.keys, layer.values) for layer in cache.layers]

    @contextmanager
    def seen_by(self, model: Any) -> Iterator[None]:
        """Inside the block every row of a batch stands behind the prefix."""
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        config, before = base.config, base.config._attn_implementation

        def behind(_: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            return args, kwargs | {"position_ids": kwargs["position_ids"] + len(self.ids), "shared_prefix": self}

        hook = base.register_forward_pre_hook(behind, with_kwargs=True)
        config._attn_implementation = _NAME
        try:
            yield
        finally:
            config._attn_implementation = before
            hook.remove()


def _attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    shared_prefix: SharedPrefix,
    scaling: float,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of rows to the prefix, which has one batch row, and to their own tokens, in one softmax.

    Args:
        query: rows x heads x new tokens x width.
        key, value: rows x key heads x own tokens x width.
        attention_mask: rows x 1 x new tokens x own tokens, True where seen; None for all that came before.
    """
    keys, values = shared_prefix.layers[module.layer_idx]
    rows, heads, new, width = query.shape
    groups, own, length = key.shape[1], key.shape[2], keys.shape[2]
    if new > 1 or query.dtype != torch.float32:  # torch keeps 16-bit scores in 32 bits
        if attention_mask is None:
            attention_mask = torch.ones(new, own, dtype=torch.bool, device=query.device).tril(own - new)[None, None]
        sees = attention_mask[..., :own].expand(rows, 1, new, own)
        out = torch.nn.functional.scaled_dot_product_attention(
            query,
            torch.cat([keys.expand(rows, -1, -1, -1), key], dim=2),
            torch.cat([values.expand(rows, -1, -1, -1), value], dim=2),
            attn_mask=torch.cat([sees.new_ones(rows, 1, new, length), sees], dim=3),
            scale=scaling,
            enable_gqa=heads != groups,
        )
        return out.transpose(1, 2).contiguous(), None
    # One new token per row: against the prefix the queries of all rows are one matrix per group of heads.
    shared = heads // groups
    grouped = (query * scaling).view(rows, groups, shared, width)
    flat = grouped.transpose(0, 1).reshape(groups, rows * shared, width)
    to_prefix = (flat @ keys[0].transpose(1, 2)).view(groups, rows, shared, length).transpose(0, 1)
    to_own = grouped @ key.transpose(2, 3)
    if attention_mask is not None:
        to_own = to_own.masked_fill(~attention_mask[..., :own], torch.finfo(query.dtype).min)
    weights = torch.cat([to_prefix, to_own], dim=-1).float().softmax(-1).to(query.dtype)
    of_prefix = weights[..., :length].transpose(0, 1).reshape(groups, rows * shared, length) @ values[0]
    out = of_prefix.view(groups, rows, shared, width).transpose(0, 1) + weights[..., length:] @ value
    return out.reshape(rows, 1, heads, width), None


AttentionInterface.register(_NAME, _attend)
AttentionMaskInterface.register(_NAME, sdpa_mask)
