"""What the prompts of a batch have in common, sent through the model once instead of once per row.

In an 8-shot batch every prompt begins with the same exemplars, and the rows of a group have one question. Keys and
values of these are computed once; every row then holds only its own tokens, and each attention layer lets it see the
shared ones first. That is the same function of the same tokens, so it changes nothing but the rounding.

In training this happens once per optimizer step. To the rows the shared keys and values are leaves; what the step's
micro-batches send back to them adds up, and goes back through the shared tokens once, before the step. Gradients are
linear, so that is exact. docs/shared_prefix.md has a picture.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import groupby
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint
from transformers import AttentionInterface, AttentionMaskInterface, GenerationConfig
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask
from trl import GRPOTrainer

from rlvr_recipes.command import say
from rlvr_recipes.decoding import DEVICES, Decoding

# Those of tests/test_shared_prefix.py.
FAMILIES = frozenset("qwen2 qwen3 llama mistral phi smollm3 gemma3_text".split())
SHORTEST = 32  # tokens; a shorter prefix is not worth it
CHECKED_ROWS = 2  # of the first batch, by which the two ways are compared
# The largest difference of log-probabilities, and of gradients relative to their norm, that is mere rounding.
TOLERANCES = {torch.float64: (1e-6, 1e-5), torch.float32: (1e-4, 1e-3)}
TOLERANCE_16_BIT = (0.5, 0.2)
_NAME = "rlvr_recipes_shared_prefix"
# Generation settings that look at the completion only, whatever they are. Others are shared at these values and unset.
HARMLESS = frozenset(
    "max_length max_new_tokens min_new_tokens max_time do_sample temperature top_k top_p min_p top_h typical_p "
    "epsilon_cutoff eta_cutoff renormalize_logits remove_invalid_values suppress_tokens use_cache cache_implementation "
    "cache_config max_cache_len prefill_chunk_size disable_compile compile_config output_attentions "
    "output_hidden_states output_scores output_logits return_dict_in_generate pad_token_id bos_token_id eos_token_id "
    "transformers_version".split()
)
AT_REST = {"repetition_penalty": 1.0, "encoder_repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "num_beams": 1,
           "encoder_no_repeat_ngram_size": 0, "num_return_sequences": 1, "min_length": 0, "length_penalty": 1.0,
           "guidance_scale": 1.0}  # fmt: skip


def common_prefix(prompt_ids: Sequence[list[int]] | Sequence[tuple[int, ...]]) -> int:
    """How many tokens all prompts begin with, leaving at least one of its own to each.

    >>> common_prefix([[5, 6, 7], [5, 6, 8, 9]]), common_prefix([[5, 6], [5, 6]])
    (2, 1)
    """
    low, high = min(prompt_ids), max(prompt_ids)  # of sorted sequences the outer two differ first
    length = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return max(0, min(length, min(map(len, prompt_ids)) - 1))


def obstacle(model: Any, longest: int) -> str:
    """Why a prefix cannot be shared with this model; empty if it can.

    Args:
        longest: tokens of the longest text, prompt and completion.
    """
    config = model.config.get_text_config()
    if model.config.model_type not in FAMILIES:
        return f"it has not been tested with {model.config.model_type} models"
    rope = getattr(config, "rope_parameters", None) or {}
    several = [part for part in rope.values() if isinstance(part, dict)]  # Gemma 3 has one per kind of layer
    for kind in [rope, *several]:
        if (name := kind.get("rope_type", "default")) not in ("default", "linear", "llama3"):
            return f"its positions ({name}) may depend on the length of the whole text"
    layers = getattr(config, "layer_types", None)
    window = getattr(config, "sliding_window", None)
    if layers is None and window and getattr(config, "use_sliding_window", True):
        layers = ["sliding_attention"]
    for kind in layers or []:
        if kind == "sliding_attention" and window is not None and longest <= window:
            continue  # all of the text lies in the window
        if kind != "full_attention":
            return f"it has layers of {kind}" + (f" over {window} tokens" if kind == "sliding_attention" else "")
    if model.config._attn_implementation not in ("sdpa", _NAME):
        return f"its attention is {model.config._attn_implementation}"
    return ""


def reads_prompts(*configs: Any) -> list[str]:
    """The generation settings that look at a prompt's tokens, or need a way of their own, by name.

    Args:
        configs: of generation; each fills what the ones before leave unset.
    """
    asked: dict[str, Any] = {}
    for config in configs:
        for name, value in config.to_dict().items():
            if asked.get(name) is None:
                asked[name] = value
    rest = GenerationConfig().to_dict() | AT_REST
    return [
        name
        for name, value in asked.items()
        if value is not None and name not in HARMLESS and not name.startswith("_") and value != rest.get(name)
    ]


# ------------------------------------------------------------------------------------------------------- attention


# Keys and values, runs x key heads x tokens x width, and what is seen of them: runs x 1 x (1 or new tokens) x tokens,
# None for all. A run is rows that follow each other and see the same: all rows for a prefix, one row for own tokens.
Part = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]


def _by_run(of_rows: torch.Tensor, runs: int, groups: int) -> torch.Tensor:
    """Rows x heads x new x width, as runs x key heads x queries x width."""
    rows, heads, new, width = of_rows.shape
    apart = of_rows.reshape(runs, rows // runs, groups, heads // groups, new, width)
    return apart.transpose(1, 2).reshape(runs, groups, -1, width)


def _by_row(of_runs: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    """The other way, as the query has its rows, heads and new tokens."""
    rows, heads, new, _ = query.shape
    runs, groups, _, width = of_runs.shape
    apart = of_runs.reshape(runs, groups, rows // runs, heads // groups, new, width)
    return apart.transpose(1, 2).reshape(rows, heads, new, width)


class _Joint(torch.autograd.Function):
    """Attention to several parts in one softmax, on CPUs.

    The queries of a run are one matrix per key head, so nothing is copied per row. torch's kernel attends to one part
    and tells the sum of its weights, by which the parts are weighed; its backward pass takes the sum over all parts
    (Dao et al. 2022, FlashAttention, sections 3.1 and B.2).
    """

    @staticmethod
    def forward(ctx: Any, query: Any, scale: float, *parts: Any) -> Any:
        outs, sums = [], []
        for keys, values, bias in zip(*[iter(parts)] * 3, strict=True):
            asked = _by_run(query, *keys.shape[:2])
            out, log_sum = _attention(asked, keys, values, attn_mask=bias, scale=scale)
            outs.append(_by_row(out, query))
            sums.append(_by_row(log_sum[..., None], query))
        log_total = torch.stack(sums).logsumexp(0)
        out = sum(out.mul_((of_part - log_total).exp_()) for out, of_part in zip(outs, sums, strict=True))
        ctx.save_for_backward(query, out, log_total, *parts)
        ctx.scale = scale
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        query, out, log_total, *parts = ctx.saved_tensors
        to_query, to_parts = torch.zeros_like(query), []
        for keys, values, bias in zip(*[iter(parts)] * 3, strict=True):
            runs, groups = _enough(len(keys), keys.shape[1], len(query)), keys.shape[1]
            back, asked, given, total = (_by_run(each, runs, groups) for each in (gradients[0], query, out, log_total))
            several = (each.expand(runs, -1, -1, -1) for each in (keys, values))
            found = _attention_backward(
                back, asked, *several, given, total[..., 0], 0.0, False, attn_mask=bias, scale=ctx.scale
            )
            to_query += _by_row(found[0], query)
            to_parts += [*(each.sum_to_size(keys.shape) for each in found[1:]), None]
        return to_query, None, *to_parts


_attention: Any = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_attention_backward: Any = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


def _enough(runs: int, groups: int, rows: int) -> int:
    """Into how many runs one run is cut, for every thread to have one: torch's backward pass gives it no more."""
    if runs > 1:
        return runs
    return next((cut for cut in range(1, rows) if rows % cut == 0 and cut * groups >= torch.get_num_threads()), rows)


def _bias(seen: torch.Tensor | None, query: torch.Tensor, groups: int) -> torch.Tensor | None:
    """What is added to the scores of a run: a number so low that no weight is left where something is not seen."""
    if seen is None:
        return None
    if seen.shape[2] > 1:  # the queries of a run, which here is a row, are `new` tokens for each of a key's heads
        rows, _, new, tokens = seen.shape
        seen = seen[:, :, None].expand(rows, 1, query.shape[1] // groups, new, tokens).reshape(rows, 1, -1, tokens)
    return torch.zeros(seen.shape, dtype=query.dtype).masked_fill_(~seen, torch.finfo(query.dtype).min / 2)


def _one_token(query: torch.Tensor, parts: Sequence[Part], scale: float) -> torch.Tensor:
    """What `_Joint` gives, without gradient, on any device and in any precision, for one new token per row."""
    kind = query.dtype
    exact = kind if kind in TOLERANCES else torch.float32
    scaled = (query * scale).to(exact)
    scores = []
    for keys, _, seen in parts:
        found = _by_run(scaled, *keys.shape[:2]) @ keys.to(exact).transpose(2, 3)
        scores.append(_by_row(found if seen is None else torch.where(seen, found, -torch.inf), query))
    weights = torch.cat(scores, dim=-1).softmax(-1).to(kind).split([part[0].shape[2] for part in parts], dim=-1)
    outs = [
        _by_row(_by_run(each, *keys.shape[:2]) @ values, query)
        for each, (keys, values, _) in zip(weights, parts, strict=True)
    ]
    return torch.stack(outs).sum(0)


def _attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    behind: "Behind | None" = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' sdpa, but for rows that stand behind something, or whose keys and values are kept.

    Args:
        query: rows x heads x new tokens x width.
        key, value: rows x key heads x own tokens x width.
        attention_mask: rows x 1 x new tokens x own tokens, True where seen; None for all that came before.
    """
    if behind is not None and behind.kept is not None:  # a checkpointed layer comes by again, which changes nothing
        behind.kept.setdefault(module.layer_idx, (key, value))
    if behind is None or not (behind.prefix or behind.prompts):
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **others)
    if behind.written is not None:
        key, value = behind.written.put(module.layer_idx, key, value)
    rows, new, own = len(query), query.shape[2], key.shape[2]
    if attention_mask is None and new > 1:
        attention_mask = torch.ones(new, own, dtype=torch.bool, device=query.device).tril(own - new)[None, None]
    sees = None if attention_mask is None else attention_mask[..., :own].expand(rows, 1, new, own)
    everything = slice(None)
    parts: list[_Unchosen] = [(key, value, sees, everything)]
    if behind.prompts:
        parts.insert(0, (*behind.prompts[module.layer_idx], behind.prompts_seen, behind.of_runs))
    if behind.prefix:
        parts.insert(0, (*behind.prefix[module.layer_idx], None, everything))
    mixed = torch.is_autocast_enabled(query.device.type)  # then sdpa has its own precision
    if not mixed and query.device.type == "cpu" and query.dtype in TOLERANCES:
        flat = [each for k, v, seen in _chosen(parts) for each in (k, v, _bias(seen, query, k.shape[1]))]
        out = _Joint.apply(query, scaling, *flat)
    elif not mixed and new == 1 and not torch.is_grad_enabled():
        out = _one_token(query, _chosen(parts), scaling)
    elif torch.is_grad_enabled() and not behind.checkpointed:  # else the copies would stay until the backward pass
        out = checkpoint(_copied, query, scaling, parts, use_reentrant=False, preserve_rng_state=False)
    else:
        out = _copied(query, scaling, parts)
    return out.transpose(1, 2).contiguous(), None


# The same with keys and values of more runs than are seen, and the numbers of those that are.
_Unchosen = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None, torch.Tensor | slice | None]


def _chosen(parts: Sequence[_Unchosen]) -> list[Part]:
    return [(_of_runs(keys, runs), _of_runs(values, runs), seen) for keys, values, seen, runs in parts]


def _of_runs(tensor: torch.Tensor, runs: torch.Tensor | slice | None) -> torch.Tensor:
    """Some rows, with gradients that always add up in the same order, so that a run can be repeated.

    On a CPU the threads of `tensor[runs]` do not, on CUDA `index_select` does not (see torch's documentation of
    `use_deterministic_algorithms`).
    """
    if isinstance(runs, torch.Tensor) and tensor.device.type == "cpu":
        return tensor.index_select(0, runs)
    return tensor[runs]


def _copied(query: torch.Tensor, scale: float, several: Any) -> torch.Tensor:
    """What `_Joint` gives, with all parts copied for each row: torch's kernels keep 16-bit scores in 32 bits."""
    (rows, heads, new, _), parts = query.shape, _chosen(several)
    # With grouped heads and a mask CUDA has only a kernel that keeps all scores; copies of the heads take less.
    copies = heads // parts[0][0].shape[1]
    keys = torch.cat([_for_rows(keys, rows) for keys, _, _ in parts], dim=2).repeat_interleave(copies, 1)
    values = torch.cat([_for_rows(values, rows) for _, values, _ in parts], dim=2).repeat_interleave(copies, 1)
    seen = [
        query.new_ones(rows, 1, new, k.shape[2], dtype=torch.bool)
        if some is None
        else _for_rows(some, rows).expand(-1, -1, new, -1)
        for k, _, some in parts
    ]
    return torch.nn.functional.scaled_dot_product_attention(
        query, keys, values, attn_mask=torch.cat(seen, dim=3), scale=scale
    )


def _for_rows(of_runs: torch.Tensor, rows: int) -> torch.Tensor:
    runs = len(of_runs)
    return of_runs.expand(rows, -1, -1, -1) if runs == 1 else of_runs.repeat_interleave(rows // runs, 0)


AttentionInterface.register(_NAME, _attend)
AttentionMaskInterface.register(_NAME, sdpa_mask)

Plan = tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]  # the prefix, and the prompts that are computed once too
Layers = list[tuple[torch.Tensor, torch.Tensor]]  # keys and values, each rows x key heads x tokens x width


def plan(prompt_ids: Sequence[list[int]] | Sequence[tuple[int, ...]], rows: int) -> Plan:
    """What a generation's rows have in common, as far as computing it once saves something.

    Args:
        prompt_ids: the prompt of every row.
        rows: of a micro-batch.
    """
    length = common_prefix(prompt_ids)
    length = length if length >= SHORTEST else 0
    prompts = tuple(dict.fromkeys(map(tuple, prompt_ids)))
    # All prompts of a step are held until its end; that must not take more memory than TRL's micro-batch.
    once = length + len(prompts) * (max(map(len, prompts)) - length)
    most = max(map(len, prompts))
    pays = once <= rows * most and most > length + 1 and len(prompts) < len(prompt_ids)
    return prompts[0][:length], prompts if pays else ()


class Behind:
    """What the rows of one pass through the model stand behind.

    Args:
        prefix: keys and values that every row sees; one row. Empty for none.
        prompts: further ones, of which each row sees one. Empty for none.
        of_runs: the numbers of the prompts that rows see, in runs of equal length.
        prompts_seen: runs x 1 x 1 x tokens, False for padding.
        keep: whether this pass's own keys and values are kept.
    """

    def __init__(
        self,
        prefix: Layers,
        prompts: Layers | None = None,
        of_runs: torch.Tensor | slice | None = None,
        prompts_seen: Any = None,
        keep: bool = False,
    ) -> None:
        self.prefix, self.prompts, self.of_runs, self.prompts_seen = prefix, prompts, of_runs, prompts_seen
        self.checkpointed = False  # whether the layers are, so that what attention keeps is gone after each
        self.written: Decoding | None = None  # what the rows have written themselves, where that has a fixed place
        self.kept: dict[int, tuple[torch.Tensor, torch.Tensor]] | None = {} if keep else None


class _Pass:
    """Keys and values of tokens that went through the model once; leaves to all that comes after them."""

    def __init__(self, kept: dict[int, tuple[torch.Tensor, torch.Tensor]], gradient: bool) -> None:
        made = [kept[layer] for layer in sorted(kept)]
        self.layers: Layers = [_leaves(pair, gradient) for pair in made]
        self.graph = [each for pair in made for each in pair] if gradient else []

    @property
    def leaves(self) -> list[torch.Tensor]:
        return [each for pair in self.layers for each in pair if each.requires_grad]

    def send_back(self, to: Sequence[torch.Tensor]) -> list[torch.Tensor | None]:
        """What has reached the leaves, carried on to what they were made of; None where nothing arrives."""
        leaves = [each for pair in self.layers for each in pair]
        reached = [(made, leaf.grad) for made, leaf in zip(self.graph, leaves, strict=True) if leaf.grad is not None]
        if not reached or not to:
            return [None] * len(to)
        outputs, gradients = zip(*reached, strict=True)
        return list(torch.autograd.grad(outputs, to, gradients, allow_unused=True))


def _leaves(pair: tuple[torch.Tensor, torch.Tensor], gradient: bool) -> tuple[torch.Tensor, torch.Tensor]:
    key, value = (each.detach().requires_grad_(gradient and each.requires_grad) for each in pair)
    return key, value


# ------------------------------------------------------------------------------------------------------- the prefix


class SharedPrefix:
    """What rows have in common, for one set of weights: a prefix of all, and beyond it whole prompts of some.

    Args:
        model: a decoder, or a peft model around one.
        ids: the tokens of the prefix; none are allowed.
        prompts: prompts that begin with it and have several rows each. All but the last token of each is computed once
            too. None: rows bring what lies beyond the prefix themselves.
        gradient: whether what reaches the keys and values can go back to the parameters, by `send_back`.
    """

    def __init__(
        self,
        model: Any,
        ids: Sequence[int],
        prompts: Sequence[tuple[int, ...]] = (),
        gradient: bool = False,
    ) -> None:
        self.ids = tuple(ids)
        self.model = _base(model)
        self.device, self.gradient = model.device, gradient
        modules = self.model.modules()
        self._checkpointed = model.training and any(getattr(each, "gradient_checkpointing", False) for each in modules)
        self.model.config._attn_implementation = _NAME  # for good: checkpointed layers run again in the backward pass
        self._prefix = self._through([self.ids], 0) if self.ids else None
        self._prompts: _Pass | None = None
        self._seen: Any = None
        self._numbers: dict[tuple[int, ...], int] = {}
        if prompts and max(map(len, prompts)) > len(self.ids) + 1:
            self._numbers = {prompt: number for number, prompt in enumerate(prompts)}
            self._prompts = self._through([prompt[len(self.ids) : -1] for prompt in prompts], len(self.ids))

    def _through(self, rows: Sequence[tuple[int, ...]], begin: int) -> _Pass:
        """The keys and values of rows of tokens, padded on the left, that stand at `begin` behind the prefix."""
        ids, mask = _padded(rows, self.device)
        self._seen = mask.bool()
        prefix = self._prefix.layers if begin and self._prefix is not None else []
        behind = Behind(prefix, keep=True)
        behind.checkpointed = self._checkpointed
        positions = (mask.cumsum(1) - 1).clamp(min=0) + begin
        with torch.set_grad_enabled(self.gradient):
            self.model.base_model(
                input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False, behind=behind
            )
        assert behind.kept is not None
        made = _Pass(behind.kept, self.gradient)
        behind.kept = None  # a checkpointed layer holds `behind`, and would hold its own graph by it for ever
        return made

    @property
    def dtype(self) -> torch.dtype:
        """The precision of its keys and values."""
        made = self._prefix or self._prompts
        assert made is not None
        return made.layers[0][0].dtype

    @property
    def leaves(self) -> list[torch.Tensor]:
        """The keys and values that rows send gradients to."""
        return [leaf for each in (self._prefix, self._prompts) if each is not None for leaf in each.leaves]

    def send_back(self, parameters: Sequence[torch.nn.Parameter]) -> list[torch.Tensor | None]:
        """What has reached the keys and values, carried on to parameters; None where nothing arrives."""
        total: list[torch.Tensor | None] = [None] * len(parameters)
        if self._prompts is not None:
            of_prefix = self._prefix.leaves if self._prefix is not None else []
            found = self._prompts.send_back([*parameters, *of_prefix])
            total = found[: len(parameters)]
            for leaf, gradient in zip(of_prefix, found[len(parameters) :], strict=True):
                leaf.grad = _sum(leaf.grad, gradient)
        if self._prefix is not None:
            total = [_sum(*pair) for pair in zip(total, self._prefix.send_back(parameters), strict=True)]
        return total

    @contextmanager
    def seen_by(self, model: Any, prompts: Sequence[tuple[int, ...]] = ()) -> Iterator[None]:
        """Inside the block every row of a batch stands behind the prefix, or behind its prompt but for the last token.

        Args:
            prompts: the prompt of every row, where there are such.
        """
        prefix = self._prefix.layers if self._prefix is not None else []
        if self._prompts is None:
            behind = Behind(prefix)
            begins = torch.full((1, 1), len(self.ids), device=self.device)
        else:
            of_runs = runs_of([self._numbers[prompt] for prompt in prompts])
            everything = of_runs == list(range(len(self._seen)))  # then nothing is copied
            chosen = slice(None) if everything else torch.tensor(of_runs, device=self.device)
            behind = Behind(prefix, self._prompts.layers, chosen, self._seen[chosen, None, None])
            begins = torch.tensor([[len(prompt) - 1] for prompt in prompts], device=self.device)

        behind.checkpointed = self._checkpointed

        def told(_: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            own = kwargs.get("position_ids")
            if own is None:
                own = (kwargs["attention_mask"].cumsum(1) - 1).clamp(min=0)
            return args, kwargs | {"position_ids": own + begins, "behind": behind}

        hook = self.model.register_forward_pre_hook(told, with_kwargs=True)
        try:
            with self._decoding(behind):
                yield
        finally:
            hook.remove()

    @contextmanager
    def _decoding(self, behind: Behind) -> Iterator[None]:
        """Inside the block a GPU generates by a step that was recorded."""
        device = self.device.type
        # 8-bit layers of bitsandbytes look at their inputs, which cannot be recorded (0.50).
        unfit = torch.is_grad_enabled() or torch.is_autocast_enabled(device)
        unfit = unfit or getattr(self.model, "is_loaded_in_8bit", False)
        if device not in DEVICES or unfit:
            yield
            return

        def steps(written: Decoding) -> Behind:
            """The prompts of the rows are chosen once, not in every step."""
            chosen = [(keys[behind.of_runs], values[behind.of_runs]) for keys, values in behind.prompts or []]
            made = Behind(behind.prefix, chosen, slice(None), behind.prompts_seen)
            made.written = written
            return made

        decoding = Decoding(self.model.forward, steps)
        try:
            with _instead(self.model, "forward", decoding):
                yield
        finally:
            decoding.behind = None  # which holds it

    def cut(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, width: int
    ) -> tuple[list[tuple[int, ...]], torch.Tensor, torch.Tensor]:
        """The prompts of a batch, and of its ids and mask what rows have to bring themselves.

        Args:
            input_ids, attention_mask: rows x tokens.
            width: how many of the columns hold prompts, padded on the left.
        """
        prompts = prompts_of(input_ids[:, :width], attention_mask[:, :width])
        if self._prompts is not None:
            return prompts, input_ids[:, width - 1 :], attention_mask[:, width - 1 :]
        begins = [width - len(prompt) + len(self.ids) for prompt in prompts]
        first = min(begins)
        mask = attention_mask[:, first:].clone()
        for row, begin in enumerate(begins):
            mask[row, : begin - first] = 0
        return prompts, input_ids[:, first:], mask

    def knows(self, prompts: Sequence[tuple[int, ...]]) -> bool:
        """Whether all of the prompts can stand behind it."""
        if self._prompts is not None:
            return all(prompt in self._numbers for prompt in prompts)
        return all(prompt[: len(self.ids)] == self.ids and len(prompt) > len(self.ids) for prompt in prompts)

    @contextmanager
    def generating(self, model: Any) -> Iterator[None]:
        """Inside the block `model.generate` takes whole left-padded prompts, and sends only the rows' own tokens."""
        generate = model.generate

        def behind(input_ids: torch.Tensor, attention_mask: torch.Tensor, **kwargs: Any) -> torch.Tensor:
            prompts, own, mask = self.cut(input_ids, attention_mask, input_ids.shape[1])
            with self.seen_by(model, prompts):
                written = generate(input_ids=own, attention_mask=mask, **kwargs)
            return torch.cat([input_ids, written[:, own.shape[1] :]], dim=1)

        with _instead(model, "generate", behind):
            yield


def runs_of(numbers: list[int]) -> list[int]:
    """The numbers that stand in runs of one length, each once; all of them where the runs differ in length.

    >>> runs_of([3, 3, 1, 1]), runs_of([3, 3, 1])
    ([3, 1], [3, 3, 1])
    """
    lengths = [(number, len(list(same))) for number, same in groupby(numbers)]
    return [number for number, _ in lengths] if len({length for _, length in lengths}) == 1 else numbers


def prompts_of(input_ids: torch.Tensor, attention_mask: torch.Tensor) -> list[tuple[int, ...]]:
    """The rows of a left-padded batch, without their padding."""
    lengths = attention_mask.sum(1).tolist()
    return [tuple(ids[len(ids) - length :]) for ids, length in zip(input_ids.tolist(), lengths, strict=True)]


def _padded(rows: Sequence[tuple[int, ...]], device: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask of rows, padded on the left; what the padding is does not matter."""
    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + [*row] for row in rows], device=device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device)
    return ids, mask


@contextmanager
def _instead(model: Any, name: str, value: Any) -> Iterator[None]:
    """Inside the block a model has something else for a method."""
    had, before = name in vars(model), getattr(model, name)
    setattr(model, name, value)
    try:
        yield
    finally:
        if had:
            setattr(model, name, before)
        else:
            delattr(model, name)


@contextmanager
def _under_another_name(model: Any) -> Iterator[None]:
    """Inside the block attention is called sdpa: continuous batching knows that name, and not ours."""
    config = _base(model).config
    name = config._attn_implementation
    config._attn_implementation = "sdpa" if name == _NAME else name
    try:
        yield
    finally:
        config._attn_implementation = name


def _base(model: Any) -> Any:
    """The decoder inside an adapter."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


# ------------------------------------------------------------------------------------------------------- the trainer


class SharedPrefixTrainer(GRPOTrainer):
    """GRPOTrainer that sends what its prompts begin with through the model once: per generation, and per step.

    Args:
        shared_prefix: False leaves everything to TRL.
    """

    def __init__(self, *args: Any, shared_prefix: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._checked = False
        self._attention = _base(self.accelerator.unwrap_model(self.model)).config._attn_implementation
        # Of the latest generation in training and of that in evaluation.
        self._plans: dict[bool, Plan] = {True: ((), ()), False: ((), ())}
        self._said = ""
        self._of_step: dict[Any, SharedPrefix] = {}  # what the micro-batches of this step have in common
        self.shares_prefix = shared_prefix
        if shared_prefix and (reason := self._obstacle()):
            self._give_up(reason)
        self._averages = self.shares_prefix  # in every process alike, also where one gives up later

    def _give_up(self, reason: str) -> None:
        self.shares_prefix = False
        say(f"shared prefix: off, every prompt goes through the model whole: {reason}")

    def _obstacle(self) -> str:
        """What speaks against it whatever the prompts are."""
        args = self.args
        config = self.accelerator.unwrap_model(self.model).config
        dropouts = [getattr(args, "lora_dropout", 0.0), getattr(config, "attention_dropout", 0.0) or 0.0]
        model = self.accelerator.unwrap_model(self.model)
        dropouts += [module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)]
        if any(dropouts) or args.neftune_noise_alpha:
            return "with dropout or noise, rows would share what each should draw for itself"
        if self.rollout_func is not None:
            return "rollout_func makes prompts of its own"
        if self._is_vlm or self.tools or self.environments:
            return "images and tools have paths of their own"
        if self.is_fsdp_enabled or self.is_deepspeed_enabled:
            return "FSDP and DeepSpeed shard what it needs whole"
        checkpointing: Any = args.gradient_checkpointing_kwargs or {}
        if args.gradient_checkpointing and checkpointing.get("use_reentrant"):
            return "reentrant checkpointing loses its gradients"
        if self.aux_loss_enabled:
            return "experts are balanced over whole prompts"
        return obstacle(model, 0)

    # ---- rollouts

    def _generate_single_turn(self, prompt_ids: list[list[int]], *args: Any, **kwargs: Any) -> Any:
        self._plan(prompt_ids)
        model = self.accelerator.unwrap_model(self.model_wrapped)
        reason = self._whole_rollouts(model)
        if not self._shares or reason:
            if self._shares and self._said != reason:
                self._said = reason
                say(f"shared prefix: in the loss only; rollouts read whole prompts: {reason}")
            with _under_another_name(model):
                return super()._generate_single_turn(prompt_ids, *args, **kwargs)
        training, plan = model.training, self._planned
        model.eval()
        # accelerate sets autocast around the forward of what it prepared; `generate` of an adapter goes past that.
        inside = _base(model) is not model
        with torch.no_grad(), nullcontext() if inside else self.accelerator.autocast():
            prefix = SharedPrefix(model, *plan)
        model.train(training)
        with prefix.generating(model):
            return super()._generate_single_turn(prompt_ids, *args, **kwargs)

    def _whole_rollouts(self, model: Any) -> str:
        """Why generation is left to TRL; empty if it is not."""
        if self.use_vllm:
            return "vLLM has a prefix cache of its own"
        if self.use_transformers_continuous_batching:
            return "continuous batching has a cache of its own"
        if names := reads_prompts(self.generation_config, model.generation_config):
            return f"{', '.join(names)} may look at them"
        return ""

    @property
    def _planned(self) -> "Plan":
        assert self.model is not None
        return self._plans[self.model.training]

    def _plan(self, prompt_ids: list[list[int]]) -> None:
        """What the rows of a generation have in common, and whether computing it once saves anything."""
        assert self.model is not None
        mode = self.model.training
        self._plans[mode] = ((), ())
        if not self.shares_prefix:
            return
        longest = max(map(len, prompt_ids)) + (self.max_completion_length or 0)
        if reason := obstacle(self.accelerator.unwrap_model(self.model_wrapped), longest):
            self._give_up(reason)
            return
        self._plans[mode] = plan(prompt_ids, self.args.per_device_train_batch_size)

    # ---- log-probabilities

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor, logits_to_keep: int,
        batch_size: int | None = None, **kwargs: Any
    ) -> Any:  # fmt: skip
        whole = super()._get_per_token_logps_and_entropies
        base = self.accelerator.unwrap_model(model)
        width = input_ids.shape[1] - logits_to_keep
        if torch.is_grad_enabled() and not self._checked and self._shares:
            self._check(base, input_ids, attention_mask, logits_to_keep)
        prompts = prompts_of(input_ids[:, :width], attention_mask[:, :width]) if self._shares else []
        if not self._shares or not (prefix := self._prefix(base)).knows(prompts):  # rows from before a resume
            return whole(model, input_ids, attention_mask, logits_to_keep, batch_size, **kwargs)
        parts = []
        for begin in range(0, len(input_ids), batch_size or len(input_ids)):
            some = slice(begin, begin + (batch_size or len(input_ids)))
            prompts, own, mask = prefix.cut(input_ids[some], attention_mask[some], width)
            with prefix.seen_by(base, prompts):
                parts.append(whole(model, own, mask, logits_to_keep, **kwargs))
        logps, entropies, _ = zip(*parts, strict=True)
        return torch.cat(logps), None if entropies[0] is None else torch.cat(entropies), None

    @property
    def _shares(self) -> bool:
        return self.shares_prefix and any(self._planned)

    def _prefix(self, model: Any) -> SharedPrefix:
        """What the rows have in common, under the weights of now; with gradients, one for all of a step."""
        gradient = torch.is_grad_enabled()
        plan = self._planned
        if gradient and plan in self._of_step:
            return self._of_step[plan]
        with self.accelerator.autocast():
            prefix = SharedPrefix(model, *plan, gradient)
        if gradient:
            self._of_step[plan] = prefix
        return prefix

    def _inner_training_loop(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super()._inner_training_loop(*args, **kwargs)
        finally:  # a step that was interrupted must not reach the next run
            self._of_step = {}
            _base(self.accelerator.unwrap_model(self.model)).config._attn_implementation = self._attention

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss = super().training_step(*args, **kwargs)
        if self.accelerator.sync_gradients:
            self._send_back()
        return loss

    def _send_back(self) -> None:
        """Adds to the parameters' gradients what the step's rows have sent to the prefix."""
        prefixes, self._of_step = list(self._of_step.values()), {}
        several = self.accelerator.num_processes > 1
        if not prefixes and not (several and self._averages):
            return
        assert self.model is not None
        parameters = [each for each in self.model.parameters() if each.requires_grad]
        total: list[torch.Tensor | None] = [torch.zeros_like(each) if several else None for each in parameters]
        for prefix in prefixes:
            total = [_sum(*pair) for pair in zip(total, prefix.send_back(parameters), strict=True)]
        for parameter, gradient in zip(parameters, total, strict=True):
            if gradient is None:
                continue
            # DDP has averaged the rows' gradients already, and does not see these.
            mean: Any = self.accelerator.reduce(gradient, "mean") if several else gradient
            parameter.grad = mean if parameter.grad is None else parameter.grad.add_(mean)

    # ---- the check

    def _check(self, model: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor, logits_to_keep: int) -> None:
        """Compares both ways on a few rows of the first batch, by log-probabilities and gradients."""
        self._checked = True
        ids, mask = input_ids[:CHECKED_ROWS], attention_mask[:CHECKED_ROWS]
        parameters = [each for each in model.parameters() if each.requires_grad]
        whole = super()._get_per_token_logps_and_entropies
        counted, padding = mask[:, -logits_to_keep:].bool(), mask.argmax(1).tolist()

        def found(prefix: SharedPrefix | None) -> tuple[torch.Tensor, list[torch.Tensor | None]]:
            if prefix is None:  # row by row: behind padding, positions are others and their rounding is larger
                rows = [
                    (row[None, pads:], seen[None, pads:]) for row, seen, pads in zip(ids, mask, padding, strict=True)
                ]
                logps = torch.cat([whole(model, *row, logits_to_keep)[0] for row in rows])
            else:
                prompts, own, own_mask = prefix.cut(ids, mask, ids.shape[1] - logits_to_keep)
                with prefix.seen_by(model, prompts):
                    logps = whole(model, own, own_mask, logits_to_keep)[0]
            # Signs that differ, as advantages do; a sum alone could hide errors that cancel.
            weights = torch.cos(torch.arange(logps.numel(), device=logps.device)).view_as(logps) * counted
            loss = (logps * weights).sum()
            leaves = [] if prefix is None else prefix.leaves
            gradients: list[torch.Tensor | None] = [
                *torch.autograd.grad(loss, [*parameters, *leaves], allow_unused=True)
            ]
            direct = gradients[: len(parameters)]
            if prefix is not None:
                for leaf, gradient in zip(leaves, gradients[len(parameters) :], strict=True):
                    leaf.grad = gradient
                direct = [_sum(*pair) for pair in zip(direct, prefix.send_back(parameters), strict=True)]
            return logps.detach(), direct

        with self.accelerator.autocast():
            prefix = SharedPrefix(model, *self._planned, gradient=True)
        if not prefix.knows(prompts_of(ids[:, :-logits_to_keep], mask[:, :-logits_to_keep])):
            return
        dtype = prefix.dtype
        (logps, gradients), (expected, expected_gradients) = found(prefix), found(None)
        apart = ((logps - expected).abs() * counted).max().item()
        norms = [
            (_norm(_sum(ours, theirs, -1)), _norm(theirs))
            for ours, theirs in zip(gradients, expected_gradients, strict=True)
        ]
        off = sum(a * a for a, _ in norms) ** 0.5 / max(sum(b * b for _, b in norms) ** 0.5, 1e-30)
        mixed = self.accelerator.mixed_precision != "no"
        most, most_off = TOLERANCE_16_BIT if mixed else TOLERANCES.get(dtype, TOLERANCE_16_BIT)
        if not (apart <= most and off <= most_off):  # also where it is NaN
            self._give_up(
                f"it differs from TRL's way by {apart:.2g} in log-probabilities ({most:g} are mere rounding) "
                f"and by {off:.2g} in gradients ({most_off:g})"
            )
            return
        say(
            "shared prefix: on, checked on the first batch: differs from TRL's way "
            f"by {apart:.1g} in log-probabilities, {off:.1g} in gradients"
        )


def _sum(one: torch.Tensor | None, other: torch.Tensor | None, sign: int = 1) -> torch.Tensor | None:
    if other is None:
        return one
    return sign * other if one is None else one + sign * other


def _norm(gradient: torch.Tensor | None) -> float:
    return 0.0 if gradient is None else gradient.double().norm().item()
