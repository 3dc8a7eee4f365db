"""The shared prefix is the same function of the same tokens, in every family it is used for; others take whole prompts."""

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

from rlvr_recipes.evaluation import Transformers
from rlvr_recipes.generation import StopRule
from rlvr_recipes.shared_prefix import SharedPrefix, common_prefix, obstacle

SMALL = dict(
    vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
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
