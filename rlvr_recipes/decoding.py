"""One new token for each row, again and again, in tensors that stay where they are: so a GPU can repeat it on its own.

A small model's step takes a GPU less time than Python needs to ask for it: thousands of kernels, a launch for each. In
tensors that keep their place a step is recorded once, as a CUDA graph, and then replayed with one launch.
"""

import functools
import gc
from collections.abc import Callable
from typing import Any

import torch
from transformers import DynamicCache
from transformers.modeling_outputs import CausalLMOutputWithPast

from rlvr_recipes.command import say

DEVICES = {"cuda"}
ROOM = 256  # new tokens there is room for at first; then it doubles, and the step is recorded anew


def room(prompts: int, used: int) -> int:
    """Tokens there is room for in a row, behind so many of its prompt, once so many are used.

    >>> room(10, 10), room(10, 266), room(10, 267)
    (266, 266, 522)
    """
    new = ROOM
    while prompts + new < used:
        new *= 2
    return prompts + new


def _can(given: dict[str, Any]) -> bool:
    """Whether a pass is one that can be made in tensors that stay: of one new token, behind tokens in a usual cache."""
    cache, ids = given.get("past_key_values"), given.get("input_ids")
    if not isinstance(cache, DynamicCache) or ids is None or ids.shape[1] != 1 or cache.get_seq_length() == 0:
        return False
    layers: Any = cache.layers
    offloaded = any(layer.keys.device != ids.device for layer in layers)
    return not offloaded and not given.get("output_attentions") and not given.get("output_hidden_states")


class Decoding:
    """A model's forward for `generate`: the prompts go through as they are, the new tokens in tensors that stay.

    Args:
        forward: of a decoder with its head.
        behind: makes what the rows stand behind, which is given to it with every step and asks `put` for keys.
    """

    failed = False  # a recording, in this process; then none is tried again

    def __init__(self, forward: Callable[..., Any], behind: Callable[["Decoding"], Any]) -> None:
        functools.update_wrapper(self, forward)  # `generate` asks for its parameters
        self.forward, self.make_behind = forward, behind
        self.behind: Any = None
        self.cache: Any = None  # what `generate` holds; the prompts' keys and values are in it
        self.layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}  # each rows x key heads x room x width
        self.used = self.room = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.warm = False
        self.logits = torch.empty(0)

    def __call__(self, *args: Any, **given: Any) -> Any:
        if not _can(given):
            return self.forward(*args, **given)
        cache, ids, mask = given["past_key_values"], given["input_ids"], given.get("attention_mask")
        if cache is not self.cache:
            # `generate` leaves the mask out where all is seen.
            mask = ids.new_ones(len(ids), cache.get_seq_length()) if mask is None else mask[:, :-1]
            self._begin(cache, mask, given["position_ids"])
        if self.used == self.room:
            self._make_room(room(self.prompts, self.used + 1))
        self.ids.copy_(ids)
        self.positions.copy_(given["position_ids"])
        if self.graph is None and self.warm and not Decoding.failed:
            self._record()
        if self.graph is not None:
            self.graph.replay()
        else:
            self.logits = self._step()
        self.used, self.warm = self.used + 1, True
        return CausalLMOutputWithPast(logits=self.logits, past_key_values=cache)

    def put(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A layer's keys and values with those of the new token among them."""
        all_keys, all_values = self.layers[layer]
        # A cache may hold them in another precision than they come in, where autocast is at work.
        all_keys.index_copy_(2, self.at, keys.to(all_keys.dtype))
        return all_keys, all_values.index_copy_(2, self.at, values.to(all_values.dtype))

    def _begin(self, cache: DynamicCache, mask: torch.Tensor, positions: torch.Tensor) -> None:
        self.behind = self.make_behind(self)
        self.cache, self.prompts = cache, mask.shape[1]
        self.used = self.prompts
        self.layers = {number: (layer.keys, layer.values) for number, layer in enumerate(cache.layers)}  # type: ignore
        self.seen = mask[:, None, None].bool()  # rows x 1 x 1 x room
        self.ids, self.positions = torch.zeros_like(positions), positions.clone()
        self.at = torch.full((1,), self.used, device=mask.device)  # where the next token goes
        self._make_room(room(self.used, self.used))

    def _make_room(self, room: int) -> None:
        """Tensors for more tokens; what was recorded does not know them."""

        def longer(tensor: torch.Tensor, dim: int) -> torch.Tensor:
            shape = list(tensor.shape)
            shape[dim] = room - self.used
            return torch.cat([tensor.narrow(dim, 0, self.used), tensor.new_zeros(shape)], dim)

        for number, (keys, values) in self.layers.items():  # one after the other, so that one at most is there twice
            self.layers[number] = longer(keys, 2), longer(values, 2)
        self.seen = longer(self.seen, 3)
        self.room, self.graph, self.warm = room, None, False

    def _step(self) -> torch.Tensor:
        """The logits after the tokens in `ids`: rows x 1 x vocabulary."""
        self.seen.index_fill_(3, self.at, True)
        found = self.forward(
            input_ids=self.ids, attention_mask=self.seen, position_ids=self.positions, use_cache=False,
            behind=self.behind, return_dict=True,
        )  # fmt: skip
        self.at.add_(1)
        return found.logits

    def _record(self) -> None:
        if self.ids.device.type != "cuda":
            return
        graph, collects = torch.cuda.CUDAGraph(), gc.isenabled()
        spoilt: RuntimeError | None = None  # by what; ending the recording then fails too
        with torch.cuda.device(self.ids.device):
            stream = torch.cuda.current_stream()
            gc.disable()  # what it frees may ask CUDA for something, which cannot be recorded
            try:
                with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                    try:
                        logits = self._step()
                    except RuntimeError as error:
                        spoilt = error
                        raise
                self.graph, self.logits = graph, logits
            except RuntimeError as error:
                spoilt = spoilt or error
                if isinstance(spoilt, torch.OutOfMemoryError):  # too many rows; fewer may fit
                    raise spoilt from None
                Decoding.failed = True
                say(f"note: generation is not recorded as a CUDA graph, and slower: {str(spoilt).splitlines()[0]}")
            finally:
                torch.cuda.set_stream(stream)  # a recording that failed leaves its own (torch 2.13)
                if collects:
                    gc.enable()
