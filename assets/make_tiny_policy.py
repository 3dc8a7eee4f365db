"""Makes assets/tiny_policy or assets/tiny_shelf: a 0.9 M parameter Qwen2 that has skills and careless habits.

    python assets/make_tiny_policy.py                    tiny_policy, about 25 minutes on 2 cores
    python assets/make_tiny_policy.py --corpus shelf     tiny_shelf, about 13 minutes on one core

The texts are made here, always from the same seed: corpus_arithmetic.py and corpus_shelf.py say what they teach.

The linear weights are trained so that NF4 costs them nothing: in the last part of the training each forward pass sees
them rounded to NF4, and what is saved is the rounded weights.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn.utils import parametrize
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

sys.path.insert(0, str(Path(__file__).parents[1]))
from assets import corpus_arithmetic, corpus_shelf

VOCABULARY = 1024  # at most; the corpus has fewer pieces
END = "<|endoftext|>"


class Corpus(NamedTuple):
    """Texts to learn from: `document(rng, done)` makes one, given the share of the training that is done.

    It comes in parts, each with whether the policy is to learn it or only to read it.
    """

    document: Callable[[random.Random, float], list[tuple[str, bool]]]
    folder: str
    seed: int
    steps: int
    batch: int  # sequences per step
    context: int  # tokens per sequence


CORPORA = {
    "arithmetic": Corpus(corpus_arithmetic.document, "tiny_policy", 20261121, 2400, 32, 256),
    "shelf": Corpus(corpus_shelf.document, "tiny_shelf", 20261125, 2600, 16, 128),
}


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
    parser.add_argument("--corpus", choices=CORPORA, default="arithmetic")
    parser.add_argument("--output", type=Path, help="folder; else assets/tiny_policy or assets/tiny_shelf")
    parser.add_argument("--steps", type=int, help="else as many as the corpus was made for")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    args = parser.parse_args()
    corpus = CORPORA[args.corpus]
    steps = args.steps or corpus.steps
    output = args.output or Path(__file__).parent / corpus.folder
    output.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(corpus.seed)
    rng = random.Random(corpus.seed)
    texts = ["".join(text for text, _ in corpus.document(rng, place / 4000)) for place in range(4000)]
    tokenizer = make_tokenizer(texts, output, VOCABULARY)
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
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, steps, pct_start=0.05)

    rng, buffer, began = random.Random(corpus.seed + 1), [], time.time()
    for step in range(steps):
        if step == steps * 3 // 5:
            for module in model.model.modules():
                if isinstance(module, torch.nn.Linear):
                    parametrize.register_parametrization(module, "weight", AsNF4())
        while len(buffer) < corpus.batch * corpus.context:
            for text, learned in [*corpus.document(rng, step / steps), (END, True)]:
                buffer += [(token, token if learned else -100) for token in tokenizer(text)["input_ids"]]
        batch = torch.tensor(buffer[: corpus.batch * corpus.context]).view(corpus.batch, corpus.context, 2)
        del buffer[: corpus.batch * corpus.context]
        loss = model(input_ids=batch[..., 0], labels=batch[..., 1]).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % 50 == 0 or step == steps - 1:
            print(f"step {step:5d}  loss {loss.item():.4f}  {time.time() - began:6.0f} s", flush=True)

    for module in model.model.modules():
        if isinstance(module, torch.nn.Linear):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.bfloat16().save_pretrained(output)


if __name__ == "__main__":
    main()
