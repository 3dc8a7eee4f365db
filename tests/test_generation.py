"""Completions end where they should, in evaluation and in rollouts, and nothing a policy did not write is kept."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from rlvr_recipes import UserError, load_recipe, prompts
from rlvr_recipes.evaluation import Transformers
from rlvr_recipes.generation import StopRule, plain_generation_config, tokenize
from tests.conftest import TINY


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(TINY, padding_side="left")


@pytest.fixture(scope="module")
def model(tokenizer: Any) -> Any:
    model = AutoModelForCausalLM.from_pretrained(TINY, dtype=torch.float32)
    plain_generation_config(model, tokenizer)
    return model


@pytest.mark.parametrize(
    ("stops", "written", "kept"),
    [
        (prompts.STOP, " 3 + 4 = 7\n#### 7\n\nQuestion: Ada has 5", " 3 + 4 = 7\n#### 7\n\n"),
        (prompts.STOP, " 3 + 4 = 7\n#### 7\n\n\n\nmore", " 3 + 4 = 7\n#### 7\n\n"),
        (prompts.STOP, " 7\nQuestion: Ada has 5 pens", " 7\n"),
        (prompts.STOP, " 3 + 4 = 7\n#### 7", " 3 + 4 = 7\n#### 7"),
        (prompts.STOP, " no Question: here", " no Question: here"),
        (("Question:",), " 7 Question: Ada", " 7"),
        (("\n\nQuestion:",), " 7\n\nQuestion: Ada", " 7\n\n"),
        (("\n\nQuestion:",), " 7\n\nthen 8\n\nQuestion: Ada", " 7\n\nthen 8\n\n"),
        (("END",), " 7 END 8 END", " 7"),
        ((), " 7\n\nQuestion: Ada", " 7\n\nQuestion: Ada"),
        (("é",), "cafés ü", "caf"),
    ],
)
def test_the_cut_keeps_the_answer_and_the_break_after_it(
    tokenizer: Any, stops: tuple[str, ...], written: str, kept: str
) -> None:
    rule = StopRule(tokenizer, stops)
    ids, stopped = rule.cut(tokenizer(written)["input_ids"])
    assert rule.text(ids).rstrip(" ") == kept
    assert stopped == (kept != written)


def test_line_breaks_in_two_tokens_stop_like_one(tokenizer: Any) -> None:
    newline = tokenizer("\n")["input_ids"]
    ids = [*tokenizer(" 7")["input_ids"], *newline, *newline, *tokenizer("Question: how")["input_ids"]]
    rule = StopRule(tokenizer, prompts.STOP)
    assert rule.text(rule.cut(ids)[0]) == " 7\n\n"


def test_a_stop_text_at_the_very_start_leaves_one_token(tokenizer: Any) -> None:
    assert len(StopRule(tokenizer, ("Question:",)).cut(tokenizer("Question: x")["input_ids"])[0]) == 1


def test_padding_after_a_halted_row_is_cut(tokenizer: Any) -> None:
    ids = [*tokenizer(" 7\n\n")["input_ids"], *[tokenizer.pad_token_id] * 5]
    kept, stopped = StopRule(tokenizer, prompts.STOP).cut(ids)
    assert stopped
    assert tokenizer.pad_token_id not in kept


def greedy(
    model: Any, tokenizer: Any, texts: list[str], stops: tuple[str, ...], n: int, batch_size: int = 3
) -> list[Any]:
    ids = tokenize(tokenizer, texts)
    completer = Transformers(model, tokenizer, ids, StopRule(tokenizer, stops), n, share=False)
    batches = [ids[begin : begin + batch_size] for begin in range(0, len(ids), batch_size)]
    return [made for batch in batches for made in completer.complete(batch, seed=0)]


def test_a_base_model_stops_at_the_end_of_its_answer(model: Any, tokenizer: Any) -> None:
    recipe = load_recipe("arithmetic")
    texts = [recipe.prompt(row, recipe.exemplars_shown(2)) for row in recipe.rows_of("test")[:6]]
    free = greedy(model, tokenizer, texts, (), 60)
    stopped = greedy(model, tokenizer, texts, recipe.stop, 60)
    rule = StopRule(tokenizer, recipe.stop)
    assert any("Question:" in rule.text(ids) for ids, _ in free)  # what it invents when it is let
    for (ids, cut_off), (all_ids, _) in zip(stopped, free, strict=True):
        assert all_ids[: len(ids)] == ids
        assert rule.text(ids).endswith("\n\n")
        assert rule.text(ids).count("####") == 1
        assert tokenizer.pad_token_id not in ids
        assert not cut_off


def test_a_completion_that_reaches_the_limit_is_cut_off(model: Any, tokenizer: Any) -> None:
    ((ids, cut_off),) = greedy(model, tokenizer, ["Question: 1 + 1?\nAnswer:"], prompts.STOP, 3)
    assert (len(ids), cut_off) == (3, True)


def test_greedy_completions_do_not_depend_on_the_batch(model: Any, tokenizer: Any) -> None:
    recipe = load_recipe("arithmetic")
    texts = [recipe.prompt(row, recipe.exemplars_shown(i % 4)) for i, row in enumerate(recipe.rows_of("test")[:12])]
    together = greedy(model, tokenizer, texts, recipe.stop, 32, batch_size=12)
    assert together == greedy(model, tokenizer, texts, recipe.stop, 32, batch_size=1)


def test_generation_halts_once_every_row_has_stopped(model: Any, tokenizer: Any) -> None:
    recipe = load_recipe("arithmetic")
    ids = torch.tensor(tokenize(tokenizer, [recipe.prompt(recipe.rows_of("test")[0], recipe.exemplars_shown(2))]))
    config = GenerationConfig(do_sample=False, max_new_tokens=60, pad_token_id=tokenizer.pad_token_id)
    with StopRule(tokenizer, recipe.stop).applied_to(model):
        written = model.generate(ids.repeat(2, 1), generation_config=config)[:, ids.shape[1] :]
    assert written.shape[1] < 30
    assert tokenizer.decode(written[0]).endswith("\n\n")


def test_halting_leaves_the_model_as_it_was(model: Any, tokenizer: Any) -> None:
    before = model.generate
    with StopRule(tokenizer, ("x",)).applied_to(model):
        assert model.generate != before
    assert model.generate == before


def test_a_models_own_sampling_settings_do_not_leak(chat_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(chat_model, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(chat_model, dtype=torch.float32)
    assert model.generation_config.repetition_penalty == 1.3
    plain_generation_config(model, tokenizer)
    ids = torch.tensor(tokenize(tokenizer, ["Question: Ada has 3 pens and finds 4 more. How many?\nAnswer:"]))
    config = GenerationConfig(do_sample=False, max_new_tokens=12, pad_token_id=tokenizer.pad_token_id)
    seen = model.generate(ids, generation_config=config)[0, ids.shape[1] :].tolist()
    by_hand = ids
    for _ in range(12):
        by_hand = torch.cat([by_hand, model(by_hand).logits[:, -1].argmax(-1, keepdim=True)], 1)
    assert seen == by_hand[0, ids.shape[1] :].tolist()


def test_messages_go_through_the_chat_template(chat_model: Path, tokenizer: Any) -> None:
    messages = prompts.chat("Be exact.", [("1 + 1?", "#### 2")], "2 + 2?")
    ids = tokenize(AutoTokenizer.from_pretrained(chat_model), [messages])
    assert tokenizer.decode(ids[0]) == (
        "<|im_start|>system\nBe exact.<|im_end|>\n<|im_start|>user\n1 + 1?<|im_end|>\n<|im_start|>assistant\n#### 2<|im_end|>\n"
        "<|im_start|>user\n2 + 2?<|im_end|>\n<|im_start|>assistant\n"
    )
    with pytest.raises(UserError, match="no chat template"):
        tokenize(tokenizer, [messages])


def test_the_tiny_policys_tokenizer_loads_back_unchanged(tokenizer: Any) -> None:
    assert type(tokenizer).__name__ == "Qwen2Tokenizer"
    for text in ("Question: Ada has 12 pens.\nAnswer: 12 * 3 = 36\n#### 36\n\n", "Grüße — 1,234 × π\n\n\tend"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert sum(file.stat().st_size for file in TINY.iterdir()) < 5_000_000
