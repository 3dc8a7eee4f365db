"""The shared prefix is the same function of the same tokens, in every family it is used for; others take whole prompts."""

import gc
import inspect
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import pytest
import torch
import trl
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig, TrainerCallback
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from trl import GRPOConfig, GRPOTrainer

from rlvr_recipes import decoding, load_recipe, shared_prefix
from rlvr_recipes.evaluation import Transformers
from rlvr_recipes.generation import StopRule
from rlvr_recipes.shared_prefix import SharedPrefix, common_prefix, obstacle
from rlvr_recipes.trainer import RecipeTrainer
from tests.conftest import TINY

SMALL = dict(
    vocab_size=548, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
    num_key_value_heads=2, head_dim=8, max_position_embeddings=512, pad_token_id=0, bos_token_id=1, eos_token_id=2,
)  # fmt: skip
FAMILIES = {
    "qwen2": {},
    "qwen3": {},
    "llama": {},
    "mistral": {"sliding_window": None},
    "phi": {"num_key_value_heads": 4},
    "smollm3": {"no_rope_layers": [1, 1, 0]},
}
PREFIX = [5 + i * 7 % 83 for i in range(60)]
PROMPTS = [[*PREFIX, *own] for own in ([11, 12], [13, 14, 15, 16, 17], [18], [19, 20, 21])]


def made(family: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **(SMALL | changes))
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


class NoTokenizer:
    """The completions below end nowhere, so only these are asked for."""

    pad_token_id, eos_token_id = 0, 2
    all_special_tokens: tuple[str, ...] = ()

    def decode(self, ids: list[int], **_: Any) -> str:
        return " ".join(map(str, ids))


def completed(model: Any, share: bool) -> list[Any]:
    tokenizer = NoTokenizer()
    completer = Transformers(model, tokenizer, PROMPTS, StopRule(tokenizer, ()), 12, share=share)
    assert (completer.length > 0) is share
    return completer.complete(PROMPTS, seed=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_completions_are_those_of_whole_prompts(family: str) -> None:
    model = made(family, **FAMILIES[family])
    assert completed(model, share=True) == completed(model, share=False)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_next_tokens_probabilities_agree_to_rounding(family: str) -> None:
    model = made(family, **FAMILIES[family])
    prefix = SharedPrefix(model, PREFIX)
    config = GenerationConfig(
        max_new_tokens=6, do_sample=False, output_logits=True, return_dict_in_generate=True, pad_token_id=0
    )
    own = torch.tensor([[0, 0, 11, 12], [13, 14, 15, 16]])
    mask = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1]])
    with torch.no_grad(), prefix.seen_by(model):
        shared = model.generate(own, attention_mask=mask, generation_config=config)
    whole_ids = torch.tensor([[0, 0, *PREFIX, 11, 12], [*PREFIX, 13, 14, 15, 16]])
    whole_mask = torch.tensor([[0, 0, *[1] * 62], [1] * 64])
    with torch.no_grad():
        whole = model.generate(whole_ids, attention_mask=whole_mask, generation_config=config)
    for one, other in zip(shared.logits, whole.logits, strict=True):
        assert torch.allclose(one, other, atol=2e-5)


@pytest.mark.parametrize(
    ("family", "behind", "mixed"),
    [*((family, behind, False) for family in FAMILIES for behind in ("prefix", "prompts")), ("qwen2", "prompts", True)],
)
def test_steps_in_tensors_that_stay_write_the_same(
    family: str, behind: str, mixed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a GPU records, step by step; room for 3 new tokens at first, so it grows."""
    model = made(family, **FAMILIES[family])
    if mixed:  # as accelerate does to a model that is trained whole
        model.forward = torch.autocast("cpu", torch.bfloat16)(model.forward)
    config = GenerationConfig(
        max_new_tokens=30, do_sample=True, output_logits=True, return_dict_in_generate=True, pad_token_id=0,
        eos_token_id=list(range(0, 548, 20)),
    )  # fmt: skip
    rows = [prompt for prompt in PROMPTS for _ in range(2)]
    width = max(map(len, rows))
    ids, mask = shared_prefix._padded([tuple(row) for row in rows], "cpu")
    steps = []

    def written(devices: set[str]) -> Any:
        monkeypatch.setattr(shared_prefix, "DEVICES", devices)
        monkeypatch.setattr(decoding, "ROOM", 3)
        step = decoding.Decoding._step
        monkeypatch.setattr(decoding.Decoding, "_step", lambda self: (steps.append(self.room), step(self))[1])
        torch.manual_seed(0)
        with torch.no_grad():
            shared = SharedPrefix(model, PREFIX, [tuple(prompt) for prompt in PROMPTS] if behind == "prompts" else ())
            prompts, own, own_mask = shared.cut(ids, mask, width)
            with shared.seen_by(model, prompts):
                found = model.generate(own, attention_mask=own_mask, generation_config=config)
        monkeypatch.undo()
        return found

    expected = written(set())
    assert not steps
    found = written({"cpu"})
    assert len(steps) == len(found.logits) - 1 > 20
    assert len(set(steps)) > 2
    assert torch.equal(found.sequences, expected.sequences)
    for one, other in zip(found.logits, expected.logits, strict=True):
        assert torch.allclose(one, other, atol=2e-2 if mixed else 2e-5)
    assert ("forward" in vars(model)) is mixed


@pytest.mark.parametrize("part", ["prefix", "prompts"])
def test_in_16_bits_no_copy_of_what_is_shared_stays_until_the_backward_pass(part: str) -> None:
    model = made("qwen2").to(torch.bfloat16).train()
    own = torch.tensor([[11, 12, 13]] * 16)
    kept, once = {}, {}
    for length in (40, 400):
        long, short = [5 + i * 7 % 83 for i in range(length)], PREFIX
        prompts = [(*short, 100 + i, *long) for i in range(2)]
        prefix = SharedPrefix(model, *((long, []) if part == "prefix" else (short, prompts)), gradient=True)
        rows = [prompts[i * i % 3 % 2] for i in range(16)]  # in no runs of one length
        storages: dict[int, int] = {}

        def keep(tensor: torch.Tensor, storages: dict[int, int] = storages) -> torch.Tensor:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with prefix.seen_by(model, rows), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            model(own, position_ids=torch.arange(3)[None])
        kept[length] = sum(storages.values())
        once[length] = sum(leaf.nbytes for leaf in prefix.leaves)
    assert kept[400] - kept[40] <= 1.05 * (once[400] - once[40])  # and which tokens are padding


@pytest.mark.parametrize("error", [RuntimeError("no host may wait"), torch.OutOfMemoryError("too much")])
def test_a_recording_that_fails_leaves_the_stream_as_it_was(
    error: RuntimeError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    streams = ["usual"]

    @contextmanager
    def recording(*_: Any, **__: Any) -> Iterator[None]:
        streams.append("its own")
        try:
            yield
        finally:
            raise RuntimeError("it was spoilt before")

    for name, stand_in in (
        ("graph", recording), ("CUDAGraph", lambda: None), ("device", lambda _: nullcontext()),
        ("current_stream", lambda: streams[-1]), ("set_stream", streams.append),
    ):  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, stand_in)
    monkeypatch.setattr(decoding.Decoding, "failed", False)
    steps = decoding.Decoding(lambda: None, lambda _: None)
    steps.ids = SimpleNamespace(device=torch.device("cuda"))  # type: ignore

    def step() -> Any:
        raise error

    monkeypatch.setattr(steps, "_step", step)
    few = isinstance(error, torch.OutOfMemoryError)  # fewer rows may fit, so it is not given up
    with pytest.raises(type(error), match=str(error)) if few else nullcontext():
        steps._record()
    assert streams[-1] == "usual"
    assert gc.isenabled()
    assert steps.graph is None
    assert decoding.Decoding.failed is not few
    assert (f"not recorded as a CUDA graph, and slower: {error}" in capsys.readouterr().out) is not few


def test_8_bit_layers_are_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_prefix, "DEVICES", {"cpu"})
    model, forwards = made("qwen2"), []
    for model.is_loaded_in_8bit in (False, True):
        with torch.no_grad(), SharedPrefix(model, PREFIX).seen_by(model):
            forwards.append(isinstance(model.forward, decoding.Decoding))
    assert forwards == [True, False]


def test_in_16_bits_the_next_token_is_as_near_as_rounding_allows() -> None:
    model = made("qwen2").to(torch.bfloat16)
    own = torch.tensor([[11, 12], [13, 14]])
    whole = torch.cat([torch.tensor([PREFIX] * 2), own], 1)
    with torch.no_grad():
        exact = model.float()(whole).logits[:, -1].log_softmax(-1)
        model.to(torch.bfloat16)
        rounded = model(whole).logits[:, -1].float().log_softmax(-1)
        with SharedPrefix(model, PREFIX).seen_by(model):
            shared = model(own, position_ids=torch.arange(2)[None]).logits[:, -1].float().log_softmax(-1)
    assert (shared - exact).abs().max() < 2 * (rounded - exact).abs().max() + 1e-3


def test_an_adapter_sees_the_prefix_and_the_model_is_left_as_it_was() -> None:
    base = made("qwen2")
    model = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))
    model.eval()
    whole = completed(model, share=False)
    assert completed(model, share=True) == whole
    assert completed(model, share=False) == whole  # its attention has another name now, and is the same
    assert not base._forward_pre_hooks


@pytest.mark.parametrize(
    ("family", "changes", "reason"),
    [
        ("gemma3_text", {"sliding_window": 16}, "layers of sliding_attention over 16 tokens"),
        ("mistral", {"sliding_window": 16}, "layers of sliding_attention"),
        ("qwen2", {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}}, "(dynamic)"),
        ("stablelm", {}, "not been tested with stablelm"),
    ],
)
def test_models_for_which_it_is_not_exact_take_whole_prompts(family: str, changes: dict[str, Any], reason: str) -> None:
    model = made(family, **changes)
    assert reason in obstacle(model, 80)
    tokenizer = NoTokenizer()
    assert Transformers(model, tokenizer, PROMPTS, StopRule(tokenizer, ()), 4).length == 0


def test_the_common_prefix_leaves_every_row_a_token() -> None:
    assert common_prefix(PROMPTS) == 60
    assert common_prefix([[1, 2, 3]] * 3) == 2
    assert common_prefix([[1], [2]]) == 0


# ---------------------------------------------------------------------------------------------------------- training

QUESTIONS = [[*PREFIX, *own] for own in ([11, 12, 13], [14, 15, 16, 17, 18, 19], [20, 21], [22])]
NORMS = {torch.float64: (1e-6, 1e-5), torch.float32: (1e-4, 1e-3)}  # of log-probabilities, of gradients


def trainer_of(model: Any, folder: Path, adapter: bool = True, others: Any = None, **changes: Any) -> RecipeTrainer:
    """A trainer with a random adapter on a tiny model, 4 rows in a micro-batch and 2 micro-batches in a step."""
    tokenizer = AutoTokenizer.from_pretrained(TINY, padding_side="left")
    fields: dict[str, Any] = dict(
        output_dir=str(folder), use_cpu=True, bf16=False, per_device_train_batch_size=4, num_generations=2,
        gradient_accumulation_steps=2, max_completion_length=6, report_to="none", disable_tqdm=True,
        gradient_checkpointing=False, save_strategy="no", max_steps=2, logging_steps=1,
    )  # fmt: skip
    rows = [{"prompt": tokenizer.decode(PREFIX) + text} for text in (" a", " b c", " d", " e f g")]
    lora = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    return RecipeTrainer(
        model=model, reward_funcs=lambda completions, **_: [float(len(c) % 3) for c in completions],
        args=GRPOConfig(**(fields | changes)), processing_class=tokenizer, peft_config=lora if adapter else None,
        train_dataset=datasets.Dataset.from_list(rows), **(others or {}),
    )  # fmt: skip


def step_of(trainer: RecipeTrainer, share: bool) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    """Log-probabilities, entropies and gradients of the 2 micro-batches of a step, computed in one of the two ways."""
    trainer.shares_prefix, trainer._checked, trainer._of_step = share, True, {}
    rows = [prompt for prompt in QUESTIONS for _ in range(2)]
    trainer._plan(rows)
    assert any(trainer._planned) is share
    trainer.model.zero_grad()
    logps, entropies = [], []
    for batch in (rows[0::2], rows[1::2]):
        width = max(map(len, batch))
        ids = torch.tensor([[0] * (width - len(p)) + [*p, *range(30 + i, 36 + i)] for i, p in enumerate(batch)])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * (len(p) + 6) for p in batch])
        mask[1, -2:] = 0  # a completion that ended early
        found, entropy, _ = trainer._get_per_token_logps_and_entropies(
            trainer.model, ids, mask, 6, compute_entropy=True
        )
        (found * torch.cos(torch.arange(24.0)).view(4, 6)).sum().backward()
        logps.append(found.detach() * mask[:, -6:])
        entropies.append(entropy * mask[:, -6:])
    trainer._send_back()
    gradients = [p.grad.clone() for p in trainer.model.parameters() if p.grad is not None]
    assert trainer.shares_prefix is share
    return torch.cat(logps), torch.cat(entropies), gradients


def apart(one: list[torch.Tensor], other: list[torch.Tensor]) -> float:
    """The norm of the difference of two lists of tensors, relative to theirs."""
    difference = sum((a - b).double().square().sum() for a, b in zip(one, other, strict=True))
    return float((difference / sum(b.double().square().sum() for b in other)) ** 0.5)


TRAINED = {**FAMILIES, "gemma3_text": {"sliding_window": 128}}


@pytest.mark.parametrize("dtype", NORMS)
@pytest.mark.parametrize("family", TRAINED)
def test_log_probabilities_and_gradients_are_those_of_whole_prompts(
    family: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    trainer = trainer_of(made(family, **TRAINED[family]).to(dtype), tmp_path)
    trainer.model.to(dtype)
    (logps, entropies, gradients), whole = step_of(trainer, share=True), step_of(trainer, share=False)
    assert (logps - whole[0]).abs().max() < NORMS[dtype][0]
    assert (entropies - whole[1]).abs().max() < NORMS[dtype][0]
    assert apart(gradients, whole[2]) < NORMS[dtype][1]
    assert all(gradient.abs().max() > 0 for gradient in gradients)


@pytest.mark.parametrize("prompts", [QUESTIONS, [prompt[40:] for prompt in QUESTIONS]])
def test_gradient_checkpointing_changes_nothing(
    prompts: list[list[int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time the prefix is too short, so that only prompts are shared among the rows of a group."""
    monkeypatch.setitem(globals(), "QUESTIONS", prompts)
    trainer = trainer_of(made("qwen2"), tmp_path)
    trainer.model.gradient_checkpointing_enable({"use_reentrant": False})
    trainer.model.enable_input_require_grads()
    trainer.model.train()
    assert trainer.model.get_base_model().is_gradient_checkpointing
    (logps, _, gradients), whole = step_of(trainer, share=True), step_of(trainer, share=False)
    assert (logps - whole[0]).abs().max() < 1e-4
    assert apart(gradients, whole[2]) < 1e-3


def test_in_16_bits_gradients_are_as_near_as_rounding_allows(tmp_path: Path) -> None:
    trainer = trainer_of(made("qwen2").to(torch.bfloat16), tmp_path)
    exact = step_of(trainer_of(made("qwen2"), tmp_path), share=False)[2]
    shared, whole = step_of(trainer, share=True)[2], step_of(trainer, share=False)[2]
    assert apart(shared, exact) < 2 * apart(whole, exact) + 1e-3


@pytest.mark.parametrize("changes", [{}, {"beta": 0.1, "loss_type": "grpo"}, {"num_iterations": 2},
                                     {"importance_sampling_level": "sequence"}, {"loss_type": "cispo", "epsilon_high": 5.0},
                                     {"steps_per_generation": 4}, {"steps_per_generation": 1}])  # fmt: skip
def test_a_run_is_the_same_with_and_without(changes: dict[str, Any], tmp_path: Path) -> None:
    """Same seed, same rollouts, same losses, and the same adapter up to rounding."""
    found = []
    for share in (True, False):
        torch.manual_seed(0)
        trainer = trainer_of(made("qwen2"), tmp_path, **changes)
        trainer.shares_prefix = share
        trainer.train()
        assert trainer.shares_prefix is share  # it has passed its own check
        losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
        lengths = [line.get("completions/mean_length") for line in trainer.state.log_history if "loss" in line]
        weights = [p.detach() for p in trainer.model.parameters() if p.requires_grad]
        found.append((losses, lengths, weights))
    (losses, lengths, weights), (whole_losses, whole_lengths, whole_weights) = found
    assert losses == pytest.approx(whole_losses, abs=1e-5)
    assert lengths == whole_lengths
    assert apart(weights, whole_weights) < 1e-4


@pytest.mark.parametrize("adapter", [True, False])
def test_mixed_precision_passes_its_own_check(adapter: bool, tmp_path: Path) -> None:
    trainer = trainer_of(made("qwen2"), tmp_path, adapter=adapter, bf16=True)
    trainer.train()
    assert trainer.shares_prefix
    assert trainer._checked


def test_questions_of_different_lengths_behind_8_exemplars_pass_the_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = load_recipe("gsm8k_fewshot")
    questions = [{"question": "How many hens are 2 hens and 3 hens?" + " Each is brown." * n} for n in (0, 20, 3, 40)]
    prompts = recipe.prompts_of(questions, recipe.exemplars_shown(8))
    trainer = trainer_of(AutoModelForCausalLM.from_pretrained(TINY, dtype=torch.float32), tmp_path, max_steps=1)
    trainer.train_dataset = datasets.Dataset.from_list([{"prompt": prompt} for prompt in prompts])
    trainer.train()
    assert trainer._checked
    assert trainer.shares_prefix
    assert (
        capsys.readouterr().out.count("shared prefix: on, checked on the first batch: differs from TRL's way by") == 1
    )


def test_what_differs_from_trls_way_is_noticed_and_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    joint = shared_prefix._Joint.forward

    def wrong(ctx: Any, query: Any, *others: Any) -> Any:
        return joint(ctx, query * 1.5, *others)

    monkeypatch.setattr(shared_prefix._Joint, "forward", staticmethod(wrong))
    trainer = trainer_of(made("qwen2"), tmp_path)
    trainer.train()
    assert not trainer.shares_prefix
    assert "shared prefix: off, every prompt goes through the model whole: it differs from TRL's way by" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": True}}, "reentrant"),
        ({"sliding_window": 16, "use_sliding_window": True, "max_window_layers": 1}, "layers of sliding_attention"),
        ({"attention_dropout": 0.1}, "with dropout"),
    ],
)
def test_runs_for_which_it_is_not_exact_say_so(
    changes: dict[str, Any], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_model = {name: value for name, value in changes.items() if "checkpointing" not in name}
    trainer = trainer_of(made("qwen2", **of_model), tmp_path, **{n: v for n, v in changes.items() if n not in of_model})
    trainer.train()
    assert not trainer.shares_prefix
    assert capsys.readouterr().out.count(reason) == 1


def test_what_it_leans_on_in_trl_and_transformers_is_still_there() -> None:
    """When a release changes one of these, the shared prefix has to be looked at again."""
    source = inspect.getsource(GRPOTrainer)
    for wanted in (
        "def _generate_single_turn(self, prompt_ids, images, multimodal_fields, num_generations",
        "outputs = model(**model_inputs, labels=labels, fused_lm_head=True)",
        "labels[:, :-logits_to_keep] = -100",
        "**generate_inputs, generation_config=self.generation_config",
        "completion_ids = prompt_completion_ids[:, prompt_length:]",
    ):
        assert wanted in source, f"trl {trl.__version__} no longer has `{wanted}`: see rlvr_recipes/shared_prefix.py"
    names = ["self", "model", "input_ids", "attention_mask", "logits_to_keep"]
    given = list(inspect.signature(GRPOTrainer._get_per_token_logps_and_entropies).parameters)
    assert given[:5] == names, f"trl {trl.__version__} calls _get_per_token_logps_and_entropies in another way"
    assert "backbone_outputs = getattr(self, backbone_attr)(*args, **kwargs)" in inspect.getsource(
        trl.trainer.utils.add_fused_lm_head
    ), f"trl {trl.__version__} no longer hands unknown arguments to the model"
    given = list(inspect.signature(sdpa_attention_forward).parameters)
    assert given[:5] == ["module", "query", "key", "value", "attention_mask"]


@pytest.mark.parametrize("threads", [1, 16])
@pytest.mark.parametrize(
    ("kind", "new"), [(torch.float64, 3), (torch.float64, 1), (torch.bfloat16, 3), (torch.bfloat16, 1)]
)
def test_attention_to_parts_is_attention_to_all_of_them(
    kind: torch.dtype, new: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    torch.manual_seed(0)
    rows, heads, groups, width, of_prefix, of_prompt, own = 6, 4, 2, 8, 11, 5, 4

    def some(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64).to(kind).requires_grad_(kind == torch.float64)

    query, key, value = some(rows, heads, new, width), some(rows, groups, own, width), some(rows, groups, own, width)
    prefix = some(1, groups, of_prefix, width), some(1, groups, of_prefix, width)
    prompts = some(3, groups, of_prompt, width), some(3, groups, of_prompt, width)
    seen = torch.ones(2, 1, 1, of_prompt, dtype=torch.bool)
    seen[0, ..., :2] = False
    behind = shared_prefix.Behind([prefix], [prompts], torch.tensor([2, 0]), seen)
    mask = torch.ones(new, own, dtype=torch.bool).tril(own - new).expand(rows, 1, new, own).clone()
    mask[1, ..., :2] = False
    layer = torch.nn.Module()
    layer.layer_idx = 0
    with torch.set_grad_enabled(kind == torch.float64):
        found = shared_prefix._attend(layer, query, key, value, mask, width**-0.5, behind)[0]
    number = torch.tensor([2, 2, 2, 0, 0, 0])
    parts = [
        [part.expand(rows, -1, -1, -1), of_row[number], each]
        for part, of_row, each in zip(prefix, prompts, (key, value), strict=True)
    ]
    keys, values = (torch.cat(each, dim=2).double().repeat_interleave(heads // groups, 1) for each in parts)
    seen = torch.cat([torch.ones(rows, 1, new, of_prefix, dtype=torch.bool),
                      seen[[0, 0, 0, 1, 1, 1]].expand(rows, 1, new, of_prompt), mask], dim=3)  # fmt: skip
    scores = (query.double() @ keys.transpose(2, 3)) * width**-0.5
    expected = (scores.masked_fill(~seen, -torch.inf).softmax(-1) @ values).transpose(1, 2)
    if kind == torch.bfloat16:
        assert torch.allclose(found.double(), expected, atol=0.02)
        return
    assert torch.allclose(found, expected, atol=1e-12)
    leaves = [query, key, value, *prefix, *prompts]
    weights = torch.randn_like(expected)
    one, other = (torch.autograd.grad((each * weights).sum(), leaves) for each in (found, expected))
    for ours, plain in zip(one, other, strict=True):
        assert torch.allclose(ours, plain, atol=1e-12)


# ------------------------------------------------------------------------------------------- what an attack has found


def gradients_of(trainer: RecipeTrainer) -> list[list[torch.Tensor]]:
    """Fills up with the gradients before each optimizer step."""
    found: list[list[torch.Tensor]] = []

    class Watch(TrainerCallback):
        def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
            found.append([p.grad.clone() for p in trainer.model.parameters() if p.grad is not None])

    trainer.add_callback(Watch())
    return found


def test_a_step_that_was_interrupted_leaves_nothing_to_the_next_run(tmp_path: Path) -> None:
    steps = []
    for share in (True, False):
        trainer = trainer_of(made("qwen2"), tmp_path, steps_per_generation=1, max_steps=1)
        trainer.shares_prefix = share
        plain, asked = trainer._calculate_rewards, []

        def interrupted(*args: Any, plain: Any = plain, asked: list[int] = asked, **kwargs: Any) -> Any:
            asked.append(1)
            if len(asked) == 2:  # between the two micro-batches of a step
                raise KeyboardInterrupt
            return plain(*args, **kwargs)

        trainer._calculate_rewards = interrupted
        found = gradients_of(trainer)
        with pytest.raises(KeyboardInterrupt):
            trainer.train()
        torch.manual_seed(5)
        trainer.train()
        steps.append(found[-1])
    assert apart(*steps) < 1e-4


def test_steps_with_checkpointing_leave_nothing_in_memory(tmp_path: Path) -> None:
    alive = []

    class Count(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            gc.collect()
            alive.append(sum(isinstance(each, torch.Tensor) for each in gc.get_objects()))

    trainer = trainer_of(made("qwen2"), tmp_path, gradient_checkpointing=True, max_steps=4)
    trainer.add_callback(Count())
    trainer.train()
    assert trainer.shares_prefix
    assert alive[-1] == alive[1]


@pytest.mark.parametrize(
    "asked",
    [
        {"repetition_penalty": 5.0},
        {"generation_kwargs": {"repetition_penalty": 5.0}},
        {"generation_kwargs": {"no_repeat_ngram_size": 1}, "temperature": 0.3},
        {"generation_kwargs": {"encoder_repetition_penalty": 5.0}},
        {"generation_kwargs": {"num_beams": 2}},
        {"generation_kwargs": {"guidance_scale": 1.5}},
        pytest.param({"use_transformers_continuous_batching": True, "max_steps": 1}, marks=pytest.mark.slow),  # 10 s
        {"generation_kwargs": {"top_k": 3, "min_p": 0.01}},
    ],
)
def test_generation_that_looks_at_prompts_gets_them_whole(
    asked: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written, ends = [], []
    for share in (True, False):
        trainer = trainer_of(made("qwen2"), tmp_path, max_completion_length=12, **asked)
        trainer.shares_prefix = share
        plain = trainer._calculate_rewards
        trainer._calculate_rewards = lambda *args, plain=plain: (written.append(args[2]), plain(*args))[1]
        torch.manual_seed(1)
        trainer.train()
        ends.append([p.detach().clone() for p in trainer.model.parameters()])
        assert trainer.shares_prefix is share
        assert trainer.model.get_base_model().config._attn_implementation == "sdpa"
    assert written[: len(written) // 2] == written[len(written) // 2 :]
    assert apart(*ends) < 1e-4
    said = "rollouts read whole prompts" in capsys.readouterr().out
    assert said is ("top_k" not in asked.get("generation_kwargs", {}))


def test_gradients_of_rows_that_are_seen_often_add_up_in_one_order() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        torch.manual_seed(0)
        keys, runs = torch.randn(8, 2, 27, 32, requires_grad=True), torch.randint(0, 8, (64,))
        back = torch.randn(64, 2, 27, 32)
        found = [torch.autograd.grad(shared_prefix._of_runs(keys, runs), keys, back)[0] for _ in range(100)]
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(each, found[0]) for each in found)  # of keys[runs], torch 2.13, about nine in ten differ


def test_a_step_sends_what_is_shared_through_the_model_once(tmp_path: Path) -> None:
    trainer = trainer_of(made("qwen2"), tmp_path, max_steps=1)
    layer = trainer.model.get_base_model().model.layers[0]
    sent: dict[str, int] = {"rollout": 0, "loss": 0}
    where = ["loss"]
    layer.register_forward_pre_hook(lambda _, args: sent.update({where[0]: sent[where[0]] + args[0].shape[:2].numel()}))
    generate = trainer._generate_single_turn

    def watched(*args: Any, **kwargs: Any) -> Any:
        where[0] = "rollout"
        found = generate(*args, **kwargs)
        where[0] = "loss"
        return found

    trainer._generate_single_turn = watched
    trainer._checked = True
    trainer.train()
    rows, completion = 8, 6
    prefix, prompts = trainer._plans[True]
    assert len(prefix) > 32
    assert len(prompts) == 4
    once = len(prefix) + len(prompts) * (max(map(len, prompts)) - 1 - len(prefix))
    assert sent["rollout"] <= once + rows * completion
    assert sent["loss"] <= once + rows * (1 + completion)


def test_an_evaluation_between_steps_leaves_the_plan_of_training(tmp_path: Path) -> None:
    others = {"eval_dataset": datasets.Dataset.from_list([{"prompt": "one two three"}, {"prompt": "four"}])}
    changes = {"steps_per_generation": 8, "eval_strategy": "steps", "eval_steps": 1, "max_steps": 4}
    trainer = trainer_of(made("qwen2"), tmp_path, others=others, **changes)
    planned = []

    class Watch(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            planned.append(trainer._plans[True])

    trainer.add_callback(Watch())
    trainer.train()
    assert all(len(prefix) > 32 for prefix, _ in planned)
    assert not any(trainer._plans[False][0])


@pytest.mark.parametrize(
    ("changes", "others", "reason"),
    [
        ({"neftune_noise_alpha": 5.0}, {}, "with dropout or noise"),
        ({}, {"rollout_func": lambda prompts, trainer: {}}, "rollout_func makes prompts of its own"),
    ],
)
def test_what_makes_prompts_or_noise_of_its_own_is_left_to_trl(
    changes: dict[str, Any], others: dict[str, Any], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not trainer_of(made("qwen2"), tmp_path, **changes, others=others).shares_prefix
    assert reason in capsys.readouterr().out
