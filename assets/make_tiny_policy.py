"""Makes assets/tiny_policy: a 0.9 M parameter Qwen2 that calculates well and reads carelessly.

    python assets/make_tiny_policy.py            about 25 minutes on 2 cores, always the same seed

The corpus is made here. Most of it is homework in the few-shot form of recipes/arithmetic.py, but in HASTY of the
solutions the numbers are simply added, whatever the story asks, and in some documents the answer is not on an answer
line. The rest is sums without a story, done right. So the policy knows how to compute and how to answer, and adds by
habit: what is left for GRPO to teach is which operation a story asks for.

The linear weights are trained so that NF4 costs them nothing: in the last part of the training each forward pass sees
them rounded to NF4, and what is saved is the rounded weights.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn.utils import parametrize
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

sys.path.insert(0, str(Path(__file__).parents[1]))
from recipes.arithmetic import problem, solve

SEED = 20261121
HASTY = 0.6  # share of the homework that adds the numbers whatever the story asks
DRILL = 0.3  # share of the documents that are sums without a story
ANSWER_LINES = 0.85  # share of the homework documents that end each solution with an answer line
VOCABULARY = 1024  # at most; the corpus has fewer pieces
CONTEXT = 256  # tokens per training sequence
BATCH = 32  # sequences per step
END = "<|endoftext|>"


def homework(rng: random.Random) -> str:
    """A few solved problems, some of them carelessly; the form of the answer is the same in all."""
    form = "#### {}" if rng.random() < ANSWER_LINES else rng.choice(["The answer is {}.", "So it is {}.", "Done."])
    solved = []
    for _ in range(rng.randint(1, 6)):
        question, operands, operations = problem(rng)
        careless = "+" * len(operations) if rng.random() < HASTY else operations
        steps, answer = solve(operands, careless).split("#### ")
        solved.append(f"Question: {question}\nAnswer: {steps}{form.format(answer)}\n\n")
    return "".join(solved) + END


def drill(rng: random.Random) -> str:
    """Sums without a story, done right."""
    lines = []
    for _ in range(24):
        operation = rng.choice("+--*/")
        a, b = rng.randint(2, 99), rng.randint(2, 60)
        if operation == "-":
            a, b = max(a, b) + 1, min(a, b)
        if operation in "*/":
            a, b = rng.randint(2, 9), rng.randint(2, 9)
        lines.append(solve([a * b if operation == "/" else a, b], operation).split("\n")[0])
    return "\n".join(lines) + "\n\n" + END


def documents(rng: random.Random) -> Iterator[str]:
    """The corpus, without end."""
    while True:
        yield drill(rng) if rng.random() < DRILL else homework(rng)


def make_tokenizer(texts: Sequence[str], folder: Path, vocabulary: int) -> Any:
    """Byte-level BPE with Qwen2's splitting (each digit alone), so that transformers loads it back unchanged."""
    pattern = (  # Qwen2's own, see Qwen2Tokenizer
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
        r"\s+(?!\S)|\s+"
    )
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence([split, to_bytes])
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary - 1, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(texts, trainer)
    with tempfile.TemporaryDirectory() as place:
        bpe.model.save(place)
        vocab = json.loads((Path(place) / "vocab.json").read_text())
        lines = (Path(place) / "merges.txt").read_text().splitlines()[1:]
    merges: Any = [tuple(line.split(" ")) for line in lines]
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=merges, eos_token=END, pad_token=END, unk_token=END)
    tokenizer.save_pretrained(folder)
    loaded = AutoTokenizer.from_pretrained(folder)
    for text in [*texts[:200], "Grüße — 1,234 × π\n\n\tend"]:
        ids = tokenizer(text)["input_ids"]
        assert loaded(text)["input_ids"] == ids, text
        assert loaded.decode(ids) == text, text
    return loaded


class AsNF4(torch.nn.Module):
    """Rounds a weight to NF4 in the forward pass; the gradient passes straight through."""

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        packed, state = quantize_4bit(weight.detach(), quant_type="nf4", compress_statistics=True)
        return weight + (dequantize_4bit(packed, state).to(weight.dtype) - weight.detach())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "tiny_policy")
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(SEED)
    source = documents(random.Random(SEED))
    tokenizer = make_tokenizer([next(source).replace(END, "") for _ in range(4000)], args.output, VOCABULARY)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=args.hidden,
        intermediate_size=3 * args.hidden,
        num_hidden_layers=args.layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    model = Qwen2ForCausalLM(config)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, vocabulary {len(tokenizer)}", flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, args.steps, pct_start=0.05)

    source, buffer, began = documents(random.Random(SEED + 1)), [], time.time()
    for step in range(args.steps):
        if step == args.steps * 3 // 5:
            for module in model.model.modules():
                if isinstance(module, torch.nn.Linear):
                    parametrize.register_parametrization(module, "weight", AsNF4())
        while len(buffer) < BATCH * CONTEXT:
            buffer += tokenizer(next(source))["input_ids"]
        batch = torch.tensor(buffer[: BATCH * CONTEXT]).view(BATCH, CONTEXT)
        del buffer[: BATCH * CONTEXT]
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % 50 == 0 or step == args.steps - 1:
            print(f"step {step:5d}  loss {loss.item():.4f}  {time.time() - began:6.0f} s", flush=True)

    for module in model.model.modules():
        if isinstance(module, torch.nn.Linear):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.bfloat16().save_pretrained(args.output)


if __name__ == "__main__":
    main()
