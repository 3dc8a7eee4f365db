"""Prompts to tokens, the rule by which a completion ends, and batched generation; shared by rollouts and evaluation."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

import torch
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from rlvr_recipes.recipe import Prompt, UserError

# transformers annotates these two in ways that reject their everyday use.
Tokenizer: TypeAlias = Any  # transformers.PreTrainedTokenizerBase
Policy: TypeAlias = Any  # transformers.Policy, or a peft.PeftModel around one


def tokenize(
    tokenizer: Tokenizer, prompts: Sequence[Prompt], chat_template_kwargs: dict[str, Any] | None = None
) -> list[list[int]]:
    """Token ids of each prompt, as GRPOTrainer makes them: text as it is, messages through the chat template.

    Raises:
        UserError: messages for a tokenizer without a chat template, or for one that fails on them.
    """
    if isinstance(prompts[0], str):
        return tokenizer(text=list(prompts))["input_ids"]
    if tokenizer.chat_template is None:
        raise UserError(
            "the recipe's prompts are chat messages, but the model's tokenizer has no chat template; "
            "take an instruct model, or write the prompt as text (prompts.plain) and say where an answer ends "
            "(stop=prompts.STOP)"
        )
    try:
        return tokenizer.apply_chat_template(
            list(prompts), add_generation_prompt=True, tokenize=True, return_dict=True, **(chat_template_kwargs or {})
        )["input_ids"]
    except Exception as error:  # the template is a program of the model's authors
        raise UserError(f"the model's chat template cannot take the recipe's messages: {error}") from error


class StopRule:
    """A completion ends where the policy writes one of `texts`, besides the model's own end-of-sequence tokens.

    What is kept is what the policy decided: its answer and the line break that ends it. The rest of the stop text, and
    what comes after, is cut: "#### 12\\n\\nQuestion: How" becomes "#### 12\\n\\n". What is left holds no token that
    the policy did not write, so no padding either.
    """

    def __init__(self, tokenizer: Tokenizer, texts: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self.texts = tuple(texts)
        if special := set(texts) & set(tokenizer.all_special_tokens):
            raise UserError(f"stop {special.pop()!r} is a special token of the model, which ends a completion anyway")
        self.longest = max((len(text.encode()) for text in texts), default=0)
        lasts = {text[-1] for text in texts} | {"\ufffd"}  # a token may end in the middle of a character
        pieces = tokenizer.batch_decode([[i] for i in range(len(tokenizer))]) if texts else []
        self._can_complete = torch.tensor([not lasts.isdisjoint(piece) for piece in pieces])

    def text(self, ids: Sequence[int]) -> str:
        """The text of a completion, without special tokens."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=True)

    def _found(self, ids: Sequence[int]) -> bool:
        text = self.text(ids)
        return any(stop in text for stop in self.texts)

    def cut(self, ids: list[int]) -> tuple[list[int], bool]:
        """The ids up to the end of the answer, and whether a stop text ended them."""
        if not self._found(ids):
            return ids, False
        complete = _first(len(ids), lambda k: self._found(ids[:k]))  # the stop text is whole after this many tokens
        text = self.text(ids[:complete])
        start, stop = min((text.find(stop), stop) for stop in self.texts if stop in text)
        kept = start + len(stop) - len(stop.lstrip())  # the line breaks belong to the answer, the rest is invented
        if not stop.strip():
            return ids[:complete], True
        return ids[: max(1, _first(complete, lambda k: len(self.text(ids[:k])) > kept) - 1)], True

    @contextmanager
    def applied_to(self, model: Policy) -> Iterator[None]:
        """Lets every `model.generate` inside the block halt a row at its stop text."""
        if not self.texts:
            yield
            return
        generate = model.generate
        criteria = StoppingCriteriaList([_AtStopText(self)])
        model.generate = partial(generate, stopping_criteria=criteria)
        try:
            yield
        finally:
            del model.generate


def _first(high: int, holds: Callable[[int], bool]) -> int:
    """The smallest k in 1..high for which `holds`, given that it holds for `high` and from there on down to k."""
    low = 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


class _AtStopText(StoppingCriteria):
    """Halts the rows whose newest tokens complete a stop text. Good for one `generate` call."""

    def __init__(self, rule: StopRule) -> None:
        self.rule = rule
        self.prompt_length: int | None = None

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        if self.prompt_length is None:
            self.prompt_length = input_ids.shape[1] - 1
        newest = input_ids[:, -1].cpu()
        candidates = self.rule._can_complete[newest.clamp(max=len(self.rule._can_complete) - 1)].nonzero().flatten()
        halted = torch.zeros(len(newest), dtype=torch.bool)
        if len(candidates):
            # A token is at least one byte, so the stop text lies within this many tokens.
            tail = input_ids[candidates.to(input_ids.device), self.prompt_length :][
                :, -self.rule.longest - 1 :
            ].tolist()
            for row, ids in zip(candidates.tolist(), tail, strict=True):
                halted[row] = self.rule._found(ids)
        return halted.to(input_ids.device)


def end_ids(model: Policy, tokenizer: Tokenizer) -> list[int]:
    """Every token that ends a completion: the tokenizer's end of sequence and those that the model declares."""
    declared = model.generation_config.eos_token_id if model.generation_config else None
    ids = [declared] if isinstance(declared, int) else list(declared or [])
    if tokenizer.eos_token_id is not None and tokenizer.eos_token_id not in ids:
        ids.insert(0, tokenizer.eos_token_id)
    return ids


def plain_generation_config(model: Policy, tokenizer: Tokenizer) -> None:
    """Leaves of a model's own generation config only which tokens end, begin and pad.

    `generate` fills what it is not told from there: Qwen2.5-Instruct would slip repetition_penalty=1.1 into greedy
    decoding, and min_p into rollouts.
    """
    model.generation_config = GenerationConfig(
        eos_token_id=end_ids(model, tokenizer), pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id
    )
