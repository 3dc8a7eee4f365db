"""The memory that `check` foretells is what a run takes: within 15 % of every byte that torch allocates."""

import gc
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from rlvr_recipes import check, load_recipe, memory, models
from rlvr_recipes.config import Config
from tests.conftest import TINY

WITHIN = 0.15
SHAPE = dict(hidden_size=128, intermediate_size=384, num_hidden_layers=5, num_attention_heads=4, num_key_value_heads=2,
             vocab_size=1000, max_position_embeddings=4096, tie_word_embeddings=True)  # fmt: skip
FLAGS = dict(load_in_4bit=False, gradient_checkpointing=False, per_device_train_batch_size=4,
             gradient_accumulation_steps=4, num_generations=4, max_completion_length=32, max_steps=2, eval_rows=0,
             save_strategy="no", lora_r=8, lora_alpha=16)  # fmt: skip
FULL = dict(use_peft=False, load_in_4bit=False)
# Of the shape and of the configuration, what differs.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {"whole prompts": ({}, dict(shared_prefix=False))}
MORE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "an adapter": ({}, {}),
    "NF4": ({}, dict(load_in_4bit=True)),
    "8 bits": (dict(hidden_size=256), dict(load_in_8bit=True)),
    "a big vocabulary, NF4, checkpointing": (
        dict(vocab_size=50000), dict(load_in_4bit=True, gradient_checkpointing=True, max_completion_length=96)),
    "full fine-tuning with a reference model": (dict(hidden_size=256), dict(FULL, beta=0.04, max_completion_length=8)),
    "no accumulation": ({}, dict(per_device_train_batch_size=16, gradient_accumulation_steps=1)),
    "rollouts decide": (
        {}, dict(shared_prefix=False, gradient_checkpointing=True, per_device_train_batch_size=1,
                 gradient_accumulation_steps=32)),
    "caches decide": (
        dict(num_key_value_heads=4), dict(gradient_checkpointing=True, per_device_train_batch_size=1,
                                          gradient_accumulation_steps=64, max_completion_length=128)),
    "a family that shares nothing": (dict(model_type="gpt_neox"), {}),
    "16 bits, NF4, checkpointing": ({}, dict(dtype="bfloat16", bf16=True, load_in_4bit=True, gradient_checkpointing=True)),
    "many layers": (dict(num_hidden_layers=16, hidden_size=64), {}),
}  # fmt: skip
# Tried by hand, `python -m tests.test_memory`, after a change to what they are about.
ALL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = CASES | MORE | {
    "full fine-tuning": ({}, FULL),
    "NF4, weights decide": (dict(hidden_size=512, intermediate_size=2048), dict(load_in_4bit=True, max_completion_length=8)),
    "checkpointing": ({}, dict(gradient_checkpointing=True)),
    "NF4 and checkpointing": ({}, dict(load_in_4bit=True, gradient_checkpointing=True)),
    "checkpointing, whole prompts": ({}, dict(gradient_checkpointing=True, shared_prefix=False)),
    "long completions": ({}, dict(max_completion_length=256)),
    "long completions, checkpointing": ({}, dict(max_completion_length=256, gradient_checkpointing=True)),
    "a big vocabulary": (dict(vocab_size=50000), dict(max_completion_length=96)),
    "a big vocabulary, whole prompts": (dict(vocab_size=50000), dict(shared_prefix=False)),
    "full fine-tuning, big": (dict(hidden_size=512, intermediate_size=2048), dict(FULL, max_completion_length=8)),
    "full fine-tuning, checkpointing": (dict(hidden_size=256), dict(FULL, gradient_checkpointing=True)),
    "full fine-tuning, untied": (dict(tie_word_embeddings=False, vocab_size=20000), FULL),
    "full fine-tuning without accumulation": (
        dict(hidden_size=256), dict(FULL, per_device_train_batch_size=16, gradient_accumulation_steps=1)),
    "a reference pass": ({}, dict(beta=0.04)),
    "another family": (dict(model_type="llama"), {}),
    "16 bits": ({}, dict(dtype="bfloat16", bf16=True)),
    "two layers": (dict(num_hidden_layers=2), {}),
}  # fmt: skip

BIG = dict(hidden_size=896, intermediate_size=4864, num_attention_heads=14, num_hidden_layers=8, vocab_size=151936)
GPU: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "NF4 and checkpointing": (BIG, dict(load_in_4bit=True, gradient_checkpointing=True, max_completion_length=256)),
    "an adapter": (BIG, dict(max_completion_length=256)),
    "whole prompts": (BIG, dict(shared_prefix=False, gradient_checkpointing=True)),
    "full fine-tuning": (BIG, FULL),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other take minutes where something else runs beside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def folder_of(path: Path, shape: dict[str, Any]) -> Path:
    """A random model of a shape, with the tiny policy's tokenizer."""
    torch.manual_seed(0)
    shape = {"model_type": "qwen2", **SHAPE, **shape}
    config = AutoConfig.for_model(shape.pop("model_type"), **shape)
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(path)
    AutoTokenizer.from_pretrained(TINY).save_pretrained(path)
    return path


def config_of(make_config: Callable[..., Config], folder: Path, given: dict[str, Any]) -> Config:
    asked = {**FLAGS, **given}
    made = make_config(
        load_recipe("arithmetic"),
        generation_kwargs={"min_new_tokens": asked["max_completion_length"]},  # as long as they may be
        model_name_or_path=str(folder),
        output_dir=str(folder / "run"),
        **asked,
    )
    made.grpo.output_dir = str(folder / "run")
    return made


def prompts(tokenizer: Any) -> list[str]:
    """Some that begin alike, of about one length: 200 tokens and up to 30 of their own."""
    words = [piece for piece in (tokenizer.decode([number]) for number in range(20, 400)) if piece.strip().isalpha()]
    begin = " ".join(words[i * 7 % len(words)] for i in range(100))
    return [f"{begin} {' '.join(words[(i * 31 + j * 3) % len(words)] for j in range(10 + i % 4))}" for i in range(64)]


def length_of_words(completions: list[str], **_: Any) -> list[float]:
    return [float(len(text) % 7) for text in completions]  # differs within groups, so there is something to learn


def trainer_of(config: Config, texts: list[str]) -> Any:
    from datasets import Dataset
    from trl import get_peft_config

    from rlvr_recipes.trainer import RecipeTrainer

    config.grpo.reward_weights = None
    _, tokenizer = models.load_tokenizer(config)
    trainer = RecipeTrainer(
        model=models.load_policy(config, tokenizer), reward_funcs=[length_of_words], args=config.grpo,
        processing_class=tokenizer, peft_config=get_peft_config(config.model),
        train_dataset=Dataset.from_list([{"prompt": text} for text in texts]), shared_prefix=config.run.shared_prefix,
    )  # fmt: skip
    return trainer


def held(model: Any) -> int:
    """Bytes of all that a model is, with what quantization adds."""
    tensors = [*model.parameters(), *model.buffers()]
    for each in model.parameters():
        if (state := getattr(each, "quant_state", None)) is not None:
            tensors += [state.absmax, *([state.state2.absmax] if state.nested else [])]
    storages = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in tensors}
    return sum(storages.values())


def measured(trainer: Any) -> int:
    """The most bytes that torch holds at once while a run trains; every allocation on the CPU counts."""
    before = held(trainer.model) + (held(trainer.ref_model) if trainer.ref_model is not None else 0)
    gc.collect()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        trainer.train()
    results: Any = profile.profiler
    todo, events = list(results.kineto_results.experimental_event_tree()), []
    while todo:
        todo.extend((event := todo.pop()).children)
        if event.tag == torch._C._profiler._EventType.Allocation:
            events.append((event.start_time_ns, event.extra_fields.ptr, event.extra_fields.alloc_size))
    own: dict[int, int] = {}  # what was there before may go meanwhile
    now = most = 0
    for _, place, count in sorted(events, key=lambda event: event[0]):
        if count > 0:
            own[place] = count
        now += count if count > 0 else -own.pop(place, 0)
        most = max(most, now)
    return before + most


def set_up(make_config: Callable[..., Config], folder: Path, case: tuple[dict[str, Any], dict[str, Any]]) -> Any:
    """A case's configuration, its model's, its prompts and their tokens."""
    config = config_of(make_config, folder_of(folder, case[0]), case[1])
    model_config, tokenizer = models.load_tokenizer(config)
    texts = prompts(tokenizer)
    return config, model_config, texts, tokenizer(texts)["input_ids"]


def both(
    make_config: Callable[..., Config], folder: Path, case: tuple[dict[str, Any], dict[str, Any]]
) -> tuple[memory.Memory, int]:
    """What is foretold and what is measured."""
    config, model_config, texts, ids = set_up(make_config, folder, case)
    taken = measured(trainer_of(config, texts))
    assert memory.guess(config, model_config, ids) > taken
    return memory.estimate(config, model_config, ids), taken


@pytest.mark.parametrize("name", CASES)
def test_a_run_takes_what_was_foretold(name: str, make_config: Callable[..., Config], tmp_path: Path) -> None:
    foretold, taken = both(make_config, tmp_path, CASES[name])
    assert abs(foretold.total / taken - 1) <= WITHIN, (foretold, taken)


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE)
def test_all_kinds_of_runs_take_what_was_foretold(
    name: str, make_config: Callable[..., Config], tmp_path: Path
) -> None:
    foretold, taken = both(make_config, tmp_path, MORE[name])
    assert abs(foretold.total / taken - 1) <= WITHIN, (foretold, taken)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", GPU)
def test_a_run_takes_on_a_gpu_what_was_foretold(name: str, make_config: Callable[..., Config], tmp_path: Path) -> None:
    config, model_config, texts, ids = set_up(make_config, tmp_path, GPU[name])
    foretold = memory.estimate(config, model_config, ids)
    # What cuBLAS takes once for each stream that it works on is not a run's: memory.CONTEXT has it.
    square = torch.ones(64, 64, device="cuda", dtype=torch.bfloat16)
    with torch.no_grad():
        torch.mm(square, square)
        with torch.cuda.graph(torch.cuda.CUDAGraph()):
            torch.mm(square, square)
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    trainer_of(config, texts).train()
    taken = torch.cuda.max_memory_allocated() - before
    print(f"foretold {foretold}, taken {taken}")
    assert abs(foretold.total / taken - 1) <= WITHIN, (foretold, taken)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.95, 0.3])
def test_what_does_not_fit_is_told_what_to_change_and_that_fits(
    share: float, make_config: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 2, "max_completion_length": 256}
    config, model_config, _, ids = set_up(make_config, tmp_path, ({}, given))
    free = int(memory.estimate(config, model_config, ids).total * share)
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
    _, here, _ = memory.findings(config, model_config, ids)
    assert here.good is False
    words = re.search(r"it fits with --(.*?): \d", here.text)
    assert words is not None, here
    flags = dict(word.split() for word in words[1].split(" --"))
    # As a user would: through every check of a configuration.
    again, *_ = set_up(make_config, tmp_path, ({}, {**given, **{n: yaml.safe_load(v) for n, v in flags.items()}}))
    assert memory.estimate(again, model_config, ids).total <= free


def counted(config: Config) -> memory.Memory:
    """A stand-in for the estimate: a byte for each token of a micro-batch, a tenth of that with checkpointing."""
    tokens = config.grpo.per_device_train_batch_size * 250
    activations = tokens // 5 if config.grpo.gradient_checkpointing else tokens
    return memory.Memory("the loss", {"weights": 100 if config.model.load_in_4bit else 400, "activations": activations})


@pytest.mark.parametrize(
    ("free", "told"),
    [
        (800, "it fits with --gradient_checkpointing true: "),
        (240, "it fits with --gradient_checkpointing true --per_device_train_batch_size 1 "
              "--gradient_accumulation_steps 64 --load_in_4bit true: "),
        (50, "no change is enough, with --gradient_checkpointing true "),
    ],
)  # fmt: skip
def test_one_change_is_proposed_where_one_is_enough_and_else_several_of_use(
    free: int, told: str, make_config: Callable[..., Config]
) -> None:
    given = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 8, "max_completion_length": 250}
    config = config_of(make_config, TINY, given)
    assert memory.cure(config, counted, free).startswith(told)


def test_a_run_says_before_it_begins_what_it_takes_where_that_is_a_question(
    make_config: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(make_config, TINY, {"per_device_train_batch_size": 8})
    model_config, _ = models.load_tokenizer(config)
    monkeypatch.setattr(memory, "estimate", lambda config, *_: counted(config))

    def told(free: int) -> str:
        monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
        return memory.note(config, model_config, [[1] * 100])

    assert told(2**36) == ""
    assert told(2**20) == "memory: at most 0 MiB of 1 MiB free, in the loss"
    assert told(1000).startswith("note: memory: at most 0 MiB of 0 MiB free, in the loss; it fits with --")


def test_check_names_the_parts_the_machine_and_the_gpus(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=2**33))
    assert check.main(["arithmetic"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^ok  memory, at most: \d+ MiB, in the backward pass \(weights 1 MiB, adapter ", printed, re.M)
    assert "\nok  this CPU has 8.0 GiB free: it fits\n" in printed
    assert re.search(r"^-   on a GPU, in bfloat16: \d+ MiB with .*; it fits GPUs of 16, 24, 40, 80 GB$", printed, re.M)


if __name__ == "__main__":  # python -m tests.test_memory [NAME ...]: a table of all cases
    import sys
    import tempfile
    import time

    from rlvr_recipes.config import resolve

    torch.set_num_threads(1)
    for name, case in ALL.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        with tempfile.TemporaryDirectory() as place:
            began = time.monotonic()
            one, other = both(lambda recipe, **given: resolve(recipe, [], given, "x"), Path(place), case)
            parts = {part: round(count / 2**20, 1) for part, count in one.parts.items()}
            print(
                f"{name:40} {one.total / 2**20:8.1f} {other / 2**20:8.1f} {one.total / other:6.3f} {one.phase} {json.dumps(parts)} {time.monotonic() - began:.0f} s",
                flush=True,
            )
