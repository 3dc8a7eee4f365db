"""What the trainer adds to TRL's, and that it adds nothing else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from trl import GRPOConfig, GRPOTrainer, get_peft_config

from rewards import answer_line, correct_number
from rlvr_recipes import load_recipe, models
from rlvr_recipes.generation import tokenize
from rlvr_recipes.trainer import EpochSampler, RecipeTrainer
from tests.conftest import TINY

RECIPE = load_recipe("arithmetic")


def rows(n: int, shots: int = 2) -> datasets.Dataset:
    exemplars = RECIPE.exemplars_shown(shots)
    return datasets.Dataset.from_list(
        [{**row, "prompt": RECIPE.prompt(row, exemplars)} for row in RECIPE.rows_of("train")[:n]]
    )


def config(folder: Path, **changes: Any) -> GRPOConfig:
    fields: dict[str, Any] = {
        "output_dir": str(folder),
        "use_cpu": True,
        "bf16": False,
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 2,
        "gradient_checkpointing": False,
        "num_generations": 4,
        "max_completion_length": 16,
        "max_steps": 3,
        "learning_rate": 1e-3,
        "logging_steps": 1,
        "report_to": "none",
        "disable_tqdm": True,
        "save_strategy": "no",
    }
    return GRPOConfig(**{**fields, **changes})


class Recorded:
    """The completions, rewards and losses of a run."""

    def __init__(self) -> None:
        self.completions: list[Any] = []
        self.rewards: list[Any] = []

    def on(self, trainer: GRPOTrainer) -> "Recorded":
        generate, calculate = trainer._generate, trainer._calculate_rewards

        def generating(prompts: list[Any]) -> Any:
            output = generate(prompts)
            self.completions.append((output[0], output[1]))
            return output

        def calculating(*args: Any) -> Any:
            paid = calculate(*args)
            self.rewards.append(paid.tolist())
            return paid

        trainer._generate, trainer._calculate_rewards = generating, calculating
        return self


@pytest.mark.parametrize("nf4", [False, True])
def test_with_its_extras_off_it_is_trl_number_by_number(tmp_path: Path, nf4: bool) -> None:
    quantization = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4") if nf4 else None
    lora = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    common: dict[str, Any] = {
        "reward_funcs": [correct_number, answer_line],
        "train_dataset": rows(16),
        "peft_config": lora,
    }

    bare = GRPOTrainer(
        model=str(TINY),
        args=config(tmp_path / "bare"),
        quantization_config=quantization,
        processing_class=None,
        **common,
    )
    theirs = Recorded().on(bare)
    bare.train()

    tokenizer = AutoTokenizer.from_pretrained(TINY, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(TINY, dtype=torch.float32, quantization_config=quantization)
    trainer = RecipeTrainer(
        model=model,
        args=config(tmp_path / "ours"),
        processing_class=tokenizer,
        stop_texts=RECIPE.stop,
        extras=False,
        **common,
    )
    ours = Recorded().on(trainer)
    trainer.train()

    assert len(theirs.completions) == 3
    assert ours.completions == theirs.completions
    assert ours.rewards == theirs.rewards
    keys = ("loss", "grad_norm", "reward", "entropy")
    logs = [[{k: log[k] for k in keys} for log in t.state.log_history if "loss" in log] for t in (bare, trainer)]
    assert logs[0] == logs[1]
    assert len(logs[0]) == 3


def made(
    tmp_path: Path, *flags: str, make_config: Callable[..., Any], dataset: Any = None, **changes: Any
) -> RecipeTrainer:
    resolved = make_config(
        RECIPE, "--per_device_train_batch_size", "8", "--num_generations", "4", "--output_dir", str(tmp_path), *flags
    )
    _, tokenizer = models.load_tokenizer(resolved)
    resolved.grpo.output_dir = str(tmp_path)
    return RecipeTrainer(
        model=models.load_policy(resolved, tokenizer),
        reward_funcs=list(RECIPE.rewards),
        args=resolved.grpo,
        train_dataset=dataset or rows(16),
        processing_class=tokenizer,
        peft_config=get_peft_config(resolved.model),
        **{"stop_texts": RECIPE.stop, **changes},
    )


def test_what_is_trained_ends_with_the_answer_and_holds_no_padding(
    tmp_path: Path, make_config: Callable[..., Any]
) -> None:
    trainer = made(
        tmp_path,
        "--max_steps",
        "1",
        "--max_completion_length",
        "48",
        make_config=make_config,
        stop_texts=("\n\nQuestion:",),
    )
    pad = trainer._tokenizer.pad_token_id
    seen: list[Any] = []
    prepare = trainer._generate_and_score_completions
    trainer._generate_and_score_completions = lambda inputs: seen.append(prepare(inputs)) or seen[-1]
    trainer.train()
    (batch,) = seen
    trained = [
        ids[mask.bool()].tolist() for ids, mask in zip(batch["completion_ids"], batch["completion_mask"], strict=True)
    ]
    texts = trainer._tokenizer.batch_decode(trained, skip_special_tokens=True)
    assert len(texts) == 8
    assert not any("Question" in text for text in texts)
    assert sum(text.endswith("\n\n") for text in texts) >= 6
    for ids in trained:
        assert pad not in ids[:-1]  # the tiny policy's end of sequence is also its padding: at the end it wrote it
    ended = [ids[-1] == pad for ids in trained]
    assert not all(ended)
    # TRL must take the rows that our rule ended for ended ones.
    assert trainer.state.log_history[0]["completions/clipped_ratio"] == sum(
        not text.endswith("\n\n") and not end for text, end in zip(texts, ended, strict=True)
    ) / len(texts)


def test_every_completion_is_recorded_with_its_pay_and_its_reason(
    tmp_path: Path, make_config: Callable[..., Any]
) -> None:
    recorded: dict[int, list[dict[str, Any]]] = {}
    trainer = made(tmp_path, "--max_steps", "2", make_config=make_config, record=recorded.__setitem__)
    trainer.train()
    assert [len(recorded[step]) for step in (1, 2)] == [8, 8]
    row = recorded[1][0]
    assert set(row) == {
        "prompt", "completion", "tokens", "cut_off", "reward", "correct_number", "answer_line", "extracted", "where", "reason", "lenient",
        "columns",
    }  # fmt: skip
    assert json.loads(row["columns"]).keys() == {"question", "solution", "answer"}
    for row in recorded[1] + recorded[2]:
        assert row["reward"] == pytest.approx(row["correct_number"] + 0.1 * row["answer_line"])
        assert row["prompt"].count("Question:") == 3
    dead = [len({row["reward"] for row in recorded[1][i : i + 4]}) == 1 for i in (0, 4)]
    assert trainer.state.log_history[0]["dead_groups"] == sum(dead) / 2


def test_adapters_on_nf4_are_fp32_and_move_at_a_small_learning_rate(
    tmp_path: Path, make_config: Callable[..., Any]
) -> None:
    flags = ("--max_steps", "3", "--learning_rate", "1e-6", "--warmup_steps", "0", "--max_completion_length", "16")
    moved = {}
    for extras in (False, True):
        trainer = made(tmp_path / str(extras), *flags, make_config=make_config, extras=extras)
        adapters = {n: p for n, p in trainer.model.named_parameters() if p.requires_grad and "lora_A" in n}
        assert {p.dtype for p in adapters.values()} == {torch.float32 if extras else torch.bfloat16}
        before = {n: p.detach().clone() for n, p in adapters.items()}
        # lora_A has no gradient while lora_B is zero, so give it one
        for name, parameter in trainer.model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.02)
        trainer.train()
        changed = sum((before[n] != p).sum().item() for n, p in adapters.items())
        moved[extras] = changed / sum(p.numel() for p in adapters.values())
    assert moved[True] > 0.95
    assert moved[False] < 0.2  # TRL's bf16: what this is for


def test_nf4_still_learns_after_an_evaluation(tmp_path: Path, make_config: Callable[..., Any]) -> None:
    """bitsandbytes repacks weights in eval mode on AVX512-BF16 CPUs, for a kernel without a gradient."""
    trainer = made(tmp_path, make_config=make_config)
    model = trainer.model
    ids = torch.tensor(tokenize(trainer._tokenizer, ["Question: 2 + 2?\nAnswer: 4"]))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)

    def gradients() -> dict[str, torch.Tensor]:
        model.train()
        model.zero_grad()
        model(ids, labels=ids).loss.backward()
        return {n: p.grad.clone() for n, p in model.named_parameters() if p.requires_grad}

    before = gradients()
    model.eval()
    with torch.no_grad():
        model(ids)
    after = gradients()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(gradient.abs().sum() > 0 for gradient in after.values())


def test_training_and_evaluation_see_the_same_prompt_tokens(
    tmp_path: Path, make_config: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rlvr_recipes import evaluation

    data = RECIPE.rows_of("train")[:4]
    exemplars = RECIPE.exemplars_shown(3)
    dataset = rows(4, shots=3)
    trainer = made(
        tmp_path, "--max_steps", "1", "--gradient_accumulation_steps", "2", make_config=make_config, dataset=dataset
    )
    recorded = Recorded().on(trainer)
    trainer.train()
    trained_on = {tuple(ids) for prompt_ids, _ in recorded.completions for ids in prompt_ids}

    seen: list[list[int]] = []

    def complete(self: Any, prompt_ids: list[list[int]], seed: int) -> list[tuple[list[int], bool]]:
        seen.extend(prompt_ids)
        return [([1], False) for _ in prompt_ids]

    monkeypatch.setattr(evaluation.Transformers, "complete", complete)
    resolved = make_config(RECIPE)
    evaluation.evaluate(trainer.model, trainer._tokenizer, RECIPE, data, exemplars, resolved, tmp_path / "e.jsonl", "e")
    assert trained_on == {tuple(ids) for ids in seen}
    assert all(trainer._tokenizer.decode(ids).count("Question:") == 4 for ids in seen)


def test_each_epoch_has_an_order_of_its_own_that_does_not_depend_on_the_past() -> None:
    data = list(range(20))

    def order(epochs: list[int]) -> list[int]:
        sampler = EpochSampler(data, mini_repeat_count=1, batch_size=4, seed=3)
        for epoch in epochs:
            sampler.set_epoch(epoch)
            last = list(sampler)
        return last

    assert order([0, 1, 2]) == order([2])
    assert order([0]) != order([1])


def test_chat_prompts_train_through_trls_own_path(
    tmp_path: Path, chat_model: Path, small_gsm8k: Path, make_config: Callable[..., Any]
) -> None:
    recipe = load_recipe("gsm8k_zeroshot")
    resolved = make_config(
        recipe, "--model_name_or_path", str(chat_model), "--max_steps", "1", "--max_completion_length", "8",
        "--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "1", "--num_generations", "4",
    )  # fmt: skip
    resolved.grpo.output_dir = str(tmp_path)
    _, tokenizer = models.load_tokenizer(resolved)
    data = recipe.rows_of("train", str(small_gsm8k))[:4]
    recorded: list[dict[str, Any]] = []
    trainer = RecipeTrainer(
        model=models.load_policy(resolved, tokenizer),
        reward_funcs=list(recipe.rewards),
        args=resolved.grpo,
        train_dataset=datasets.Dataset.from_list([{**row, "prompt": recipe.prompt(row, ())} for row in data]),
        processing_class=tokenizer,
        peft_config=get_peft_config(resolved.model),
        stop_texts=recipe.stop,
        record=lambda step, rows: recorded.extend(rows),
    )
    trainer.train()
    assert recorded[0]["prompt"][0]["role"] == "system"
    assert recorded[0]["completion"][0]["role"] == "assistant"
    own = trainer.model.generation_config
    assert (own.min_p, own.top_k, own.repetition_penalty) == (None, None, None)  # nothing of the model's own is left
    assert json.loads(json.dumps(recorded)) == recorded
