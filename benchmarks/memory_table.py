"""Prints what GRPO takes on a GPU for models of four sizes, as `make check` estimates it, and which cards that fits.

    .venv/bin/python benchmarks/memory_table.py                   about 2 minutes on a CPU; no GPU, no download
    .venv/bin/python benchmarks/memory_table.py --sizes 0.5B      one size only

Our defaults: LoRA r16 on all linear layers, gradient checkpointing, 8 groups of 8 completions in micro-batches of 8;
and beside it the training of all weights. 8-shot prompts: 1,000 tokens of exemplars, which all of them begin with, and
100 of a question of their own.
"""

import argparse
from collections.abc import Iterator

from tables import about, markdown
from transformers import PretrainedConfig, Qwen2Config

from rlvr_recipes import load_recipe
from rlvr_recipes.config import resolve
from rlvr_recipes.memory import CONTEXT, GPUS, Memory, estimate

EXEMPLARS, QUESTION, PROMPTS = 1000, 100, 8  # tokens, tokens, prompts of a step
LENGTHS = (256, 1024)  # max_completion_length
TRAINED = {
    "LoRA on NF4": "--load_in_4bit true",
    "LoRA on bf16": "--load_in_4bit false",
    "all weights": "--load_in_4bit false --use_peft false",
}

# Qwen2.5's published shapes: hidden size, width of the feed-forward layer, layers, heads, key-value heads, words,
# whether the head is the embedding; and the published number of parameters in billions, which a test counts.
SHAPES: dict[str, tuple[tuple[int, int, int, int, int, int, bool], float]] = {
    "0.5B": ((896, 4864, 24, 14, 2, 151936, True), 0.49),
    "1.5B": ((1536, 8960, 28, 12, 2, 151936, True), 1.54),
    "3B": ((2048, 11008, 36, 16, 2, 151936, True), 3.09),
    "7B": ((3584, 18944, 28, 28, 4, 152064, False), 7.61),
}


def shape(size: str) -> PretrainedConfig:
    """A model of Qwen2.5's shape, without weights."""
    (hidden, width, layers, heads, shared, words, tied), _ = SHAPES[size]
    return Qwen2Config(
        hidden_size=hidden, intermediate_size=width, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=shared, vocab_size=words, tie_word_embeddings=tied, max_position_embeddings=32768,
    )  # fmt: skip


def taken(size: str, trained: str, length: int, *flags: str) -> Memory:
    """What a step takes on a GPU, beside what CUDA takes itself."""
    given = [*TRAINED[trained].split(), "--max_completion_length", str(length), *flags]
    prompts = [[1] * EXEMPLARS + [2 + number] * QUESTION for number in range(PROMPTS)]
    return estimate(resolve(load_recipe("gsm8k_fewshot"), given), shape(size), prompts, gpu=True)


def gib(count: float) -> str:
    return f"{count / 2**30:.1f}"


def row(size: str, trained: str, length: int) -> list[str]:
    """A line of the table."""
    memory = taken(size, trained, length)
    lasting = sum(memory.parts[name] for name in ("weights", "adapter", "gradients", "optimizer"))
    whole = taken(size, trained, length, "--no_shared_prefix").total + CONTEXT
    total = memory.total + CONTEXT
    fits = next((f"{gb} GB" for gb in GPUS if total <= gb * 1e9), "none of these")
    return [
        f"Qwen2.5-{size}",
        trained,
        f"{length:,}",
        gib(total),
        gib(lasting),
        gib(memory.total - lasting),
        gib(whole),
        fits,
    ]


def rows(sizes: list[str]) -> Iterator[list[str]]:
    """A line for every size, for what is trained, and for every length."""
    for size in sizes:
        for trained in TRAINED:
            for length in LENGTHS:
                yield row(size, trained, length)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    print(about() + "\n")
    header = ["shape", "trained", "completion", "GiB", "weights and optimizer", "activations and caches"]
    print(markdown([*header, "GiB with whole prompts", "smallest card"], list(rows(parser.parse_args().sizes))))


if __name__ == "__main__":
    main()
