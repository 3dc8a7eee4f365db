"""How much memory a run takes, counted before anything is downloaded.

One step is gone through with tensors that have shapes and no content, by the very code that will train: the model that
its configuration describes, the adapter, the shared prefix, TRL's head, checkpointing, the optimizer. What lives at
each moment is added up. The model has two and three layers for that; layers are alike, so two points give the line to
all of them.
"""

import copy
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import psutil
import torch
from bitsandbytes.nn import Linear4bit
from peft import get_peft_model
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import AutoModelForCausalLM, DynamicCache, PretrainedConfig, Trainer, masking_utils
from transformers.training_args import OptimizerNames
from trl import get_peft_config
from trl.kernels import chunked_logprob
from trl.trainer import add_fused_lm_head
from trl.trainer.utils import disable_dropout_in_model

from rlvr_recipes import decoding, shared_prefix
from rlvr_recipes.config import Config
from rlvr_recipes.decoding import Decoding, room
from rlvr_recipes.selftest import Finding
from rlvr_recipes.shared_prefix import CHECKED_ROWS, Plan, SharedPrefix, obstacle, plan

GPUS = (16, 24, 40, 80)  # GB of common ones
CONTEXT = 600 * 2**20  # bytes that CUDA, its libraries and kernels take beside all tensors
LAYERS = (2, 3)  # of the models that are counted
TILE = 32768  # TRL's head computes the logits of so many words at once (trl 1.16)
FIRST = "the shared prefix's check"  # before the optimizer has a state
LAST = "the optimizer's step"
WITH_GRADIENTS = {"the loss", "the backward pass", "the shared prefix's gradient", LAST}
PARTS = ("weights", "adapter", "gradients", "optimizer", "KV cache", "activations", "logits")


@dataclass(frozen=True)
class Memory:
    """What a run holds at its fullest moment.

    Args:
        phase: what it does then.
        parts: bytes of each of `PARTS`.
    """

    phase: str
    parts: Mapping[str, int]

    @property
    def total(self) -> int:
        """Bytes."""
        return sum(self.parts.values())


def size(count: float) -> str:
    """Bytes for people.

    >>> size(3 * 2**29), size(5 * 2**20)
    ('1.5 GiB', '5 MiB')
    """
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


# ---------------------------------------------------------------------------------------------------------- counting

Moment = tuple[int, int, int]  # bytes of cached keys and values, of logits, of all else that is not static


class _Live(FakeTensorMode):
    """Counts the bytes of tensors that live, as an exact allocator would.

    Args:
        widths: a tensor of one of these last dimensions holds logits.
    """

    def __init__(self, widths: frozenset[int]) -> None:
        super().__init__()
        self.widths = widths
        self.now = {"KV cache": 0, "logits": 0, "": 0}
        self.known: dict[int, Any] = {}
        self.kinds: dict[int, str] = {}
        self.inside = False
        self.cached = False  # whether what is made now are the keys and values of a rollout
        self.fullest: Moment = (0, 0, 0)
        self.phases: dict[str, Moment] = {}

    @property
    def total(self) -> int:
        return sum(self.now.values())

    def dispatch(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.prim.device.default:
            return args[0].fake_device  # asked for more often than anything is computed
        outer, self.inside = self.inside, True
        try:
            made = super().dispatch(func, types, args, kwargs)
        finally:
            self.inside = outer
        if outer:
            return made  # a step in finding out a shape; the kernel does not take it
        for each in made if isinstance(made, tuple | list) else (made,):
            if isinstance(each, torch.Tensor):
                self._add(each)
        if self.total > sum(self.fullest):
            self.fullest = (self.now["KV cache"], self.now["logits"], self.now[""])
        return made

    def _add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, count = id(storage), storage.nbytes()
        if key in self.known:
            return
        kind = "KV cache" if self.cached else "logits" if tensor.ndim and tensor.shape[-1] in self.widths else ""

        def gone(_: Any) -> None:
            del self.known[key]
            self.now[self.kinds.pop(key)] -= count

        self.known[key], self.kinds[key] = weakref.ref(storage, gone), kind
        self.now[kind] += count

    def keep(self, tensors: Sequence[torch.Tensor]) -> None:
        """These are keys and values that a rollout keeps."""
        for storage in (tensor.untyped_storage() for tensor in tensors):
            self.now[self.kinds[id(storage)]] -= storage.nbytes()
            self.kinds[id(storage)] = "KV cache"
            self.now["KV cache"] += storage.nbytes()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Keeps the fullest moment of the block."""
        self.fullest = (0, 0, 0)
        yield
        self.phases[name] = self.fullest


class _Cache(DynamicCache):
    """The keys and values of a rollout, counted as such."""

    live: _Live

    def update(self, *args: Any, **kwargs: Any) -> Any:
        self.live.cached = True
        made = super().update(*args, **kwargs)
        self.live.cached = False
        return made


def _recorded(live: _Live, prompts: int, length: int) -> list[Any]:
    """What lets a generation here take as much as on a GPU, with room for all of its tokens."""

    class Counted(Decoding):
        def _make_room(self, room: int) -> None:
            live.cached = True
            super()._make_room(room)
            live.cached = False

    new = room(prompts, prompts + length - 1) - prompts
    return [
        mock.patch.object(shared_prefix, "DEVICES", {"cpu"}),
        mock.patch.object(shared_prefix, "Decoding", Counted),
        mock.patch.object(decoding, "ROOM", new),
    ]


def _nothing(*_: Any, **__: Any) -> None:
    """What TRL's kernels take on a GPU beside the tile that they work on."""


def _unpadded(mask: Any, *args: Any, **kwargs: Any) -> bool:
    """Whether transformers needs no mask, by shape: a single row has no padding, and among several some have."""
    return _ignores_mask(None if mask is not None and len(mask) == 1 else mask, *args, **kwargs)


_ignores_mask = masking_utils._ignore_causal_mask_sdpa


class _Unpacked(torch.autograd.Function):
    """A linear layer with packed weights, which are unpacked for each use."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, shape: tuple[int, int], bias: Any) -> torch.Tensor:
        ctx.shape = shape
        return torch.nn.functional.linear(x, x.new_empty(shape), bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients[0] @ gradients[0].new_empty(ctx.shape), None, None


class _Packed(Linear4bit):
    """A linear layer as bitsandbytes holds it, in 4 or 8 bits; a kind that peft knows."""

    def __init__(self, layer: torch.nn.Linear, bits: int, nested: bool, kind: str, dtype: torch.dtype) -> None:
        torch.nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        count = self.in_features * self.out_features
        weight: Any = torch.nn.Parameter(torch.empty(count * bits // 8, 1, dtype=torch.uint8), requires_grad=False)
        weight.compress_statistics, weight.quant_type = nested, kind  # peft reads them
        self.weight, self.bias, self.compute_dtype = weight, layer.bias, dtype
        blocks = count // 64 if bits == 4 else self.out_features
        scales = blocks + 4 * (blocks // 256 + 256) if bits == 4 and nested else 4 * blocks  # QLoRA, section 3
        self.register_buffer("scales", torch.empty(scales, dtype=torch.uint8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        own = x.to(self.compute_dtype)
        bias = None if self.bias is None else self.bias.to(self.compute_dtype)
        made: Any = _Unpacked.apply(own, (self.out_features, self.in_features), bias)
        return made.to(x.dtype)


# ------------------------------------------------------------------------------------------------------ going through


@dataclass(frozen=True)
class _Machine:
    """Where the run is to take place."""

    gpu: bool
    dtype: torch.dtype | None  # of the weights; None for that of the model's files
    mixed: torch.dtype | None  # autocast's

    @contextmanager
    def autocast(self) -> Iterator[None]:
        if self.mixed is None:
            yield
            return
        before = torch.is_autocast_enabled("cuda")
        torch.set_autocast_enabled("cuda", True)  # peft asks for it; the counted tensors are a CPU's
        try:
            with torch.autocast("cpu", self.mixed):
                yield
        finally:
            torch.set_autocast_enabled("cuda", before)


def machine(config: Config, gpu: bool) -> _Machine:
    """The one at hand, or, where there is no GPU, one with bfloat16."""
    if gpu and config.grpo.use_cpu:
        return _Machine(True, torch.bfloat16, torch.bfloat16)
    name = config.model.dtype
    mixed = torch.bfloat16 if config.grpo.bf16 else torch.float16 if config.grpo.fp16 else None
    return _Machine(gpu, None if name in (None, "auto") else getattr(torch, name), mixed)


def _shortened(model_config: PretrainedConfig, layers: int) -> PretrainedConfig:
    """The same model with its first layers only."""
    made = copy.deepcopy(model_config)
    text = made.get_text_config()
    whole = text.num_hidden_layers
    for name, value in text.to_dict().items():
        if isinstance(value, list) and len(value) == whole:
            setattr(text, name, value[:layers])
    text.num_hidden_layers = layers
    return made


def _dtype(model_config: PretrainedConfig, where: _Machine) -> torch.dtype:
    dtype: Any = where.dtype or model_config.dtype or torch.float32
    return getattr(torch, dtype) if isinstance(dtype, str) else dtype


def _policy(config: Config, model_config: PretrainedConfig, where: _Machine) -> Any:
    """The model as `models.load_policy` and the trainer set it up, without content."""
    args, grpo = config.model, config.grpo
    dtype = _dtype(model_config, where)
    kind = args.attn_implementation if args.attn_implementation == "eager" else "sdpa"  # flash kernels hold as much
    kwargs: Any = {"dtype": dtype if args.use_peft else torch.float32, "attn_implementation": kind}
    model: Any = AutoModelForCausalLM.from_config(model_config, trust_remote_code=grpo.trust_remote_code, **kwargs)
    if args.load_in_4bit or args.load_in_8bit:
        bits, head = 4 if args.load_in_4bit else 8, model.get_output_embeddings()
        for name, layer in list(model.named_modules()):
            if type(layer) is torch.nn.Linear and layer is not head:
                packed = _Packed(layer, bits, args.use_bnb_nested_quant, args.bnb_4bit_quant_type, dtype)
                model.set_submodule(name, packed)
        model.is_loaded_in_4bit = True
    if args.use_peft:
        adapter: Any = get_peft_config(args)
        model = get_peft_model(model, adapter)
    base = model.get_base_model() if args.use_peft else model
    if grpo.disable_dropout:
        disable_dropout_in_model(model)
    if grpo.gradient_checkpointing:
        given: Any = grpo.gradient_checkpointing_kwargs or {}
        model.gradient_checkpointing_enable({"use_reentrant": False, **given, "preserve_rng_state": False})
        if args.use_peft:
            model.enable_input_require_grads()
    add_fused_lm_head(
        base, temperature=grpo.temperature, cast_lm_head_to_fp32=grpo.cast_lm_head_to_fp32,
        outputs=("log_probs", "entropy"),
    )  # fmt: skip
    return model


def _materialize(model: Any) -> None:
    """Replaces what stands on no device, which peft needs to be built, by tensors that are counted."""
    made: dict[int, torch.Tensor] = {}
    for module in model.modules():
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                if tensor is None:
                    continue
                if id(tensor) not in made:
                    empty = torch.empty(tensor.shape, dtype=tensor.dtype)
                    trained = isinstance(tensor, torch.nn.Parameter)
                    made[id(tensor)] = torch.nn.Parameter(empty, tensor.requires_grad) if trained else empty
                held[name] = made[id(tensor)]


def _bytes(tensors: Any) -> int:
    return sum(each.numel() * each.element_size() for each in tensors)


class _Step:
    """A step, gone through.

    Args:
        prompts: the prompts of a generation, one for each group.
        shared: what of them goes through the model once.
    """

    def __init__(
        self, config: Config, model: Any, where: _Machine, live: _Live, prompts: Sequence[tuple[int, ...]], shared: Plan
    ) -> None:
        self.config, self.model, self.where, self.live = config, model, where, live
        self.prompts, self.shared = list(prompts), shared
        self.rows = config.grpo.per_device_train_batch_size
        self.length = config.max_completion_length
        self.parameters = [each for each in model.parameters() if each.requires_grad]
        prefix, known = shared
        self.optimizer = 0  # bytes of its state, once it has made a step
        self.width = 1 if known else max(map(len, prompts)) - len(prefix)  # what rows bring of their prompts

    def go(self) -> None:
        """All phases in turn."""
        live, grpo = self.live, self.config.grpo
        if not grpo.use_vllm:
            with torch.no_grad():
                self.model.eval()
                self._rollout()
        self.model.train()
        if any(self.shared) and self._check_matters():
            with live.phase(FIRST):
                self._check()
        with live.phase("the shared prefix"):
            prefix = self._prefix(gradient=True)
        if grpo.gradient_accumulation_steps > 1:  # of the micro-batches before
            for each in [*self.parameters, *(prefix.leaves if prefix is not None else [])]:
                each.grad = torch.zeros_like(each)
        with live.phase("the loss"):
            loss = self._logps(prefix, self._rows(self.rows)).sum()
        with live.phase("the backward pass"):
            loss.backward()
        del loss
        if prefix is not None:
            with live.phase("the shared prefix's gradient"):
                self._send_back(prefix)
        del prefix
        with live.phase(LAST):
            self._optimize()

    def _send_back(self, prefix: SharedPrefix) -> None:
        for parameter, gradient in zip(self.parameters, prefix.send_back(self.parameters), strict=True):
            if gradient is not None:
                parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)

    def _rows(self, count: int, grouped: bool = False) -> list[tuple[int, ...]]:
        """The prompts of rows; those of a micro-batch come from all groups, as TRL shuffles."""
        number = len(self.prompts)
        return [self.prompts[row * number // count if grouped else -1 - row % number] for row in range(count)]

    def _prefix(self, gradient: bool) -> SharedPrefix | None:
        if not any(self.shared):
            return None
        with self.where.autocast() if gradient else nullcontext():
            return SharedPrefix(self.model, *self.shared, gradient)

    @contextmanager
    def _behind(self, prefix: SharedPrefix | None, rows: Sequence[tuple[int, ...]]) -> Iterator[None]:
        with nullcontext() if prefix is None else prefix.seen_by(_base(self.model), rows):
            yield

    def _rollout(self) -> None:
        """A generation's first and last pass through the model."""
        grpo, live = self.config.grpo, self.live
        assert grpo.steps_per_generation is not None
        rows = self._rows(self.rows * grpo.steps_per_generation, grouped=True)
        mask = torch.ones(len(rows), self.width + self.length - 1, dtype=torch.long)
        cache = _Cache(config=_base(self.model).config)
        cache.live = live
        given: dict[str, Any] = {"past_key_values": cache, "use_cache": True, "logits_to_keep": 1}
        with live.phase("the rollout's prompts"):
            prefix = self._prefix(gradient=False)
            live.keep(_kept(prefix))
            with self._behind(prefix, rows):
                first = mask[:, : self.width]
                self.model(input_ids=first, attention_mask=first, position_ids=first.cumsum(1), **given)
        with live.phase("the rollout"), ExitStack() as stack:
            if self.where.gpu and prefix is not None and not self.config.model.load_in_8bit:
                for change in _recorded(live, self.width, self.length):
                    stack.enter_context(change)
                mask = mask[:, : self.width + 1]
            else:
                self._fill(cache)
            stack.enter_context(self._behind(prefix, rows))
            made = self.model(input_ids=mask[:, :1], attention_mask=mask, position_ids=mask[:, :1], **given)
            scores = made.logits[:, -1].to(copy=True, dtype=torch.float32)
            scores.softmax(-1)

    def _fill(self, cache: _Cache) -> None:
        """Lets a cache hold as much as before a generation's last pass."""
        for layer in cache.layers:
            if not isinstance(getattr(layer, "keys", None), torch.Tensor):
                continue  # a state that does not grow
            self.live.cached = True
            wide = min(self.width + self.length - 2, getattr(layer, "sliding_window", None) or 2**60)
            for name in ("keys", "values"):
                kept = getattr(layer, name)
                setattr(layer, name, kept.new_empty(*kept.shape[:2], wide, kept.shape[3]))
            self.live.cached = False

    def _logps(self, prefix: SharedPrefix | None, rows: Sequence[tuple[int, ...]]) -> torch.Tensor:
        """As TRL computes them; rows x completion tokens."""
        width = self.width if prefix is not None else max(map(len, rows))
        ids = torch.ones(len(rows), width + self.length, dtype=torch.long)
        mask = torch.ones_like(ids)
        labels = ids.masked_fill(mask == 0, -100)
        labels[:, : -self.length] = -100
        with self._behind(prefix, rows), self.where.autocast():
            made = self.model(input_ids=ids, attention_mask=mask, labels=labels, fused_lm_head=True)
        return made.log_probs[:, -self.length :]

    def _check_matters(self) -> bool:
        """Whether whole rows have more tokens than a micro-batch, which then takes more whatever the model is."""
        prefix, prompts = self.shared
        whole = max(map(len, self.prompts)) + self.length
        own = self.rows * (self.width + self.length)
        once = len(prefix) + len(prompts) * (max(map(len, self.prompts)) - len(prefix))
        return own < whole or own + once < CHECKED_ROWS * whole

    def _check(self) -> None:
        """What `SharedPrefixTrainer` does once, in the first step: gradients of a few rows, in both ways.

        Ours take no more than those of a whole micro-batch; what is left of them stays until the others are there.
        """
        with torch.no_grad():
            prefix = self._prefix(gradient=False)
        ours = [torch.zeros_like(each) for each in [*self.parameters, *_kept(prefix)]]
        before = self.live.total
        first = self._logps(None, self._rows(1))
        others = torch.empty((min(self.rows, CHECKED_ROWS) - 1) * (self.live.total - before), dtype=torch.uint8)
        theirs = torch.autograd.grad(first.sum(), self.parameters, allow_unused=True)
        del ours, others, theirs

    def _optimize(self) -> None:
        """The first step of the optimizer, which makes its state."""
        kind, options = Trainer.get_optimizer_cls_and_kwargs(self.config.grpo)
        if kind.__module__.startswith("torch."):
            optimizer = kind(self.parameters, **options)
            optimizer.step()
            states = [each for state in optimizer.state.values() for each in state.values()]
        else:  # kernels of others cannot be gone through: two states, of a byte where the name says so, else of four
            dtype = torch.uint8 if "8bit" in OptimizerNames(self.config.grpo.optim).value else torch.float32
            states = [torch.empty(2, weight.numel(), dtype=dtype) for weight in self.parameters]
        self.optimizer = _bytes(each for each in states if isinstance(each, torch.Tensor))


def _kept(prefix: SharedPrefix | None) -> list[torch.Tensor]:
    """The keys and values of what is shared."""
    passes = [] if prefix is None else [prefix._prefix, prefix._prompts]
    return [each for made in passes if made is not None for pair in made.layers for each in pair]


def _base(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


# ------------------------------------------------------------------------------------------------------- the estimate


@dataclass(frozen=True)
class _Count:
    """What was counted for a number of layers: bytes that are there all the time, and each phase's fullest moment."""

    fixed: dict[str, int]
    phases: dict[str, Moment]


def _count(
    config: Config, model_config: PretrainedConfig, where: _Machine, prompts: Sequence[tuple[int, ...]], layers: int
) -> _Count:
    words = model_config.get_text_config().vocab_size
    live = _Live(frozenset({words, TILE, words % TILE}))
    with torch.device("meta"):
        model = _policy(config, _shortened(model_config, layers), where)
    with ExitStack() as stack:
        stack.enter_context(live)
        stack.enter_context(mock.patch.object(masking_utils, "_ignore_causal_mask_sdpa", _unpadded))
        _materialize(model)
        weights = live.total
        if where.gpu:
            for name in ("_forward_tile", "_backward_tile", "_addmm_fp32"):  # there they take nothing beside the tile
                stack.enter_context(mock.patch.object(chunked_logprob, name, _nothing))
        rows = [prompt for prompt in prompts for _ in range(config.grpo.num_generations or 1)]
        shared = plan(rows, config.grpo.per_device_train_batch_size) if _shares(config, model, prompts) else ((), ())
        step = _Step(config, model, where, live, prompts, shared)
        step.go()
    trained = _bytes(step.parameters)
    adapter = trained if config.model.use_peft else 0
    fixed = {"weights": weights - adapter, "adapter": adapter, "gradients": trained, "optimizer": step.optimizer}
    return _Count(fixed, live.phases)


def _shares(config: Config, model: Any, prompts: Sequence[tuple[int, ...]]) -> bool:
    """Whether the trainer will share prompts."""
    longest = max(map(len, prompts)) + config.max_completion_length
    base = _base(model)
    noise = [getattr(base.config, "attention_dropout", 0.0), config.grpo.neftune_noise_alpha]
    noise += [module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    return config.run.shared_prefix and not any(noise) and not obstacle(base, longest)


def on_gpu(config: Config) -> bool:
    """Whether the run takes place on a GPU here."""
    return torch.cuda.is_available() and not config.grpo.use_cpu


def estimate(
    config: Config, model_config: PretrainedConfig, prompt_ids: Sequence[Sequence[int]], gpu: bool | None = None
) -> Memory:
    """What a run takes at most: with its longest prompts, and with completions that end at the limit only.

    Evaluation is not counted, which takes as many rows at once as the memory holds.

    Args:
        prompt_ids: the prompts to train on.
        gpu: whether on a GPU; where there is none here, then one with bfloat16. None: as it will run here.
    """
    gpu = on_gpu(config) if gpu is None else gpu
    where, grpo = machine(config, gpu), config.grpo
    assert grpo.steps_per_generation is not None
    assert grpo.num_generations is not None
    groups = max(1, grpo.per_device_train_batch_size * grpo.steps_per_generation // grpo.num_generations)
    prompts = sorted(dict.fromkeys(map(tuple, prompt_ids)), key=len)[-groups:]
    whole = model_config.get_text_config().num_hidden_layers
    layers = LAYERS if whole > max(LAYERS) else (whole,)
    few, *others = [_count(config, model_config, where, prompts, each) for each in layers]
    more = others[0] if others else few

    def of_all(at_few: int, at_more: int) -> int:
        return at_few + (at_more - at_few) * (whole - layers[0])

    fixed = {name: of_all(count, more.fixed[name]) for name, count in few.fixed.items()}
    reference = 0
    if grpo.beta and not config.model.use_peft:  # TRL loads it beside the policy
        reference = fixed["weights"] // 4 * (torch.finfo(_dtype(model_config, where)).bits // 8)
    found = []
    for name, moment in few.phases.items():
        cache, logits, rest = (of_all(*each) for each in zip(moment, more.phases[name], strict=True))
        optimizer = 0 if name == FIRST else fixed["optimizer"]
        rest -= fixed["weights"] + fixed["adapter"] + (optimizer if name == LAST else 0)
        gradients = min(rest, fixed["gradients"]) if name in WITH_GRADIENTS else 0
        weights = fixed["weights"] + reference
        parts = (weights, fixed["adapter"], gradients, optimizer, cache, rest - gradients, logits)
        found.append(Memory(name, dict(zip(PARTS, parts, strict=True))))
    return max(found, key=lambda memory: memory.total)


# ------------------------------------------------------------------------------------------------------ what it means


def changed(config: Config, change: Mapping[str, Any]) -> Config:
    """The configuration with other values of fields of TRL's; as many completions per generation, unless told so."""
    grpo, model = copy.copy(config.grpo), copy.copy(config.model)
    assert grpo.steps_per_generation is not None
    generated = grpo.per_device_train_batch_size * grpo.steps_per_generation
    for name, value in change.items():
        setattr(model if name in vars(model) else grpo, name, value)
    if "steps_per_generation" not in change:
        grpo.steps_per_generation = generated // grpo.per_device_train_batch_size
    return replace(config, grpo=grpo, model=model)


def _changes(config: Config) -> Iterator[dict[str, Any]]:
    """What makes a run smaller, from what costs least to what changes what is learned."""
    grpo, model = config.grpo, config.model
    rows, steps = grpo.per_device_train_batch_size, grpo.gradient_accumulation_steps
    assert grpo.steps_per_generation is not None
    assert grpo.num_generations is not None
    if not grpo.gradient_checkpointing:
        yield {"gradient_checkpointing": True}
    if rows % 2 == 0:
        yield {"per_device_train_batch_size": rows // 2, "gradient_accumulation_steps": steps * 2}
    half, odd = divmod(grpo.steps_per_generation, 2)
    if not odd and rows * half % grpo.num_generations == 0 and steps % (half * grpo.num_iterations) == 0:
        yield {"steps_per_generation": half}
    if not model.load_in_4bit:
        yield {"load_in_4bit": True} if model.use_peft else {"use_peft": True, "load_in_4bit": True}
    if not model.use_peft and "8bit" not in OptimizerNames(grpo.optim).value:
        yield {"optim": OptimizerNames.PAGED_ADAMW_8BIT.value}
    if config.max_completion_length >= 64:
        yield {"max_completion_length": config.max_completion_length // 2}


def cure(config: Config, count: Callable[[Config], Memory], free: float) -> str:
    """The first change, or else the first changes together, with which a run fits, in words.

    Args:
        count: estimates a configuration.
        free: bytes.
    """
    for change in _changes(config):
        if (memory := count(changed(config, change))).total <= free:
            return f"it fits with {_flags(change)}: {size(memory.total)}"
    total: dict[str, Any] = {}
    best = count(config).total
    while True:
        for change in _changes(config):
            made = changed(config, change)
            if (memory := count(made)).total < 0.99 * best:
                break
        else:
            smallest = f"with {_flags(total)} it is still {size(best)}" if total else "none makes it smaller"
            return f"no change is enough, {smallest}: take a smaller model"
        config, best, total = made, memory.total, total | change
        if best <= free:
            return f"it fits with {_flags(total)}: {size(best)}"


def _flags(change: Mapping[str, Any]) -> str:
    return " ".join(f"--{name} {str(value).lower() if value is True else value}" for name, value in change.items())


def _free(gpu: bool) -> int:
    """Bytes that nothing uses here."""
    return torch.cuda.mem_get_info()[0] if gpu else psutil.virtual_memory().available


def guess(config: Config, model_config: PretrainedConfig, prompt_ids: Sequence[Sequence[int]]) -> int:
    """Bytes that a run takes by far not, without counting: a full fine-tuning that saves nowhere."""
    text = model_config.get_text_config()
    hidden, layers, words = text.hidden_size, text.num_hidden_layers, text.vocab_size
    weights = layers * 40 * hidden**2 + 2 * words * hidden
    rows = config.grpo.per_device_train_batch_size * (config.grpo.steps_per_generation or 1)
    tokens = rows * (max(map(len, prompt_ids)) + config.max_completion_length)
    return 16 * weights + 4 * tokens * (60 * layers * hidden + 4 * words)


def note(config: Config, model_config: PretrainedConfig, prompt_ids: Sequence[Sequence[int]]) -> str:
    """What a run takes, as one line before it begins; empty where counting, which takes seconds, is not worth it.

    Args:
        prompt_ids: the prompts to train on.
    """
    gpu = on_gpu(config)
    free = _free(gpu)
    if guess(config, model_config, prompt_ids) <= free / 4:
        return ""
    here = estimate(config, model_config, prompt_ids, gpu)
    text = f"memory: at most {size(here.total)} of {size(free)} free, in {here.phase}"
    if here.total <= free:
        return text
    return f"note: {text}; {cure(config, lambda config: estimate(config, model_config, prompt_ids, gpu), free)}"


def findings(config: Config, model_config: PretrainedConfig, prompt_ids: Sequence[Sequence[int]]) -> list[Finding]:
    """What the run takes, whether it fits here, and which common GPUs it fits.

    Args:
        prompt_ids: the prompts to train on.
    """
    gpu = on_gpu(config)
    here = estimate(config, model_config, prompt_ids, gpu)
    parts = ", ".join(f"{name} {size(count)}" for name, count in here.parts.items() if count)
    found = [Finding(True, f"memory, at most: {size(here.total)}, in {here.phase} ({parts})")]
    free = _free(gpu)
    text = f"this {torch.cuda.get_device_name() if gpu else 'CPU'} has {size(free)} free"
    if here.total <= free:
        found.append(Finding(True, f"{text}: it fits"))
    else:
        change = cure(config, lambda config: estimate(config, model_config, prompt_ids, gpu), free)
        found.append(Finding(False, f"{text}: it does not fit; {change}"))
    there = here if gpu else estimate(config, model_config, prompt_ids, True)
    fit = [str(each) for each in GPUS if there.total + CONTEXT <= each * 1e9]
    kind = str(machine(config, True).dtype or "its own precision").removeprefix("torch.")
    text = f"on a GPU, in {kind}: {size(there.total + CONTEXT)} with what CUDA takes itself"
    cards = f"it fits GPUs of {', '.join(fit)} GB" if fit else f"it fits none of {', '.join(map(str, GPUS))} GB"
    found.append(Finding(None, f"{text}; {cards}"))
    return found
