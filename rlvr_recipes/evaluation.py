"""Completions of a policy on held-out rows, with the prompt, the stop rule and the rewards of training.

They are written as they come, so an evaluation that was cut short goes on where it stopped and ends with the same file:
which rows share a batch, and with which random numbers, depends on nothing but the rows.
"""

import gc
import hashlib
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psutil
import torch
from accelerate import PartialState
from accelerate.utils.memory import should_reduce_batch_size
from transformers import GenerationConfig

from rlvr_recipes.config import Config
from rlvr_recipes.generation import Policy, StopRule, Tokenizer, end_ids, tokenize
from rlvr_recipes.progress import Line, duration
from rlvr_recipes.recipe import Exemplar, Recipe, Row, UserError
from rlvr_recipes.runs import write_whole
from rlvr_recipes.scores import Record, Summary, first_reward, lines_of, parsed, read_records, score, summarize
from rlvr_recipes.shared_prefix import SHORTEST, SharedPrefix, common_prefix, obstacle
from rlvr_recipes.statistics import wilson

LARGEST_BATCH = 256  # completions generated at once where nobody says


@dataclass(frozen=True)
class Sampling:
    """How completions are drawn; without a temperature the likeliest token is taken every time."""

    samples: int = 1  # completions per problem
    temperature: float | None = None
    top_p: float = 1.0
    top_k: int = 0
    min_p: float | None = None
    repetition_penalty: float = 1.0
    seed: int = 0

    def generation_config(self) -> dict[str, Any]:
        """As fields of transformers' GenerationConfig."""
        if self.temperature is None:
            return {"do_sample": False}
        given = {"temperature": self.temperature, "top_p": self.top_p, "top_k": self.top_k, "min_p": self.min_p}
        return {"do_sample": True, **given, "repetition_penalty": self.repetition_penalty}


GREEDY = Sampling()


class Backend(Protocol):
    """What completes prompts."""

    def batch_size(self, prompt_ids: Sequence[list[int]]) -> int:
        """How many completions fit at once."""
        ...

    def complete(self, prompt_ids: Sequence[list[int]], seed: int) -> list[tuple[list[int], bool]]:
        """The completion's ids of each prompt, and whether the length limit cut it off."""
        ...


class Transformers:
    """Completions by transformers' `generate`, which rows share their common prefix.

    Args:
        prompt_ids: all prompts that will be completed; what they have in common goes through the model once.
        stop: where completions end.
        share: False sends every prompt through the model whole.
    """

    def __init__(
        self,
        model: Policy,
        tokenizer: Tokenizer,
        prompt_ids: Sequence[list[int]],
        stop: StopRule,
        max_new_tokens: int,
        sampling: Sampling = GREEDY,
        share: bool = True,
    ) -> None:
        self.model, self.stop, self.max_new_tokens = model, stop, max_new_tokens
        self.pad, self.ends = tokenizer.pad_token_id, end_ids(model, tokenizer)
        self.config = GenerationConfig(
            **sampling.generation_config(),
            max_new_tokens=max_new_tokens,
            eos_token_id=self.ends,
            pad_token_id=self.pad,
            disable_compile=True,
        )
        model.eval()
        whole = sampling.repetition_penalty != 1.0  # it looks at the exemplars' tokens too
        length = common_prefix(prompt_ids) if share and not whole else 0
        shared = length >= SHORTEST and not obstacle(model, max(map(len, prompt_ids)) + max_new_tokens)
        self.prefix = None
        if shared:
            with torch.no_grad():
                self.prefix = SharedPrefix(model, prompt_ids[0][:length])
        self.length = length if shared else 0

    def batch_size(self, prompt_ids: Sequence[list[int]]) -> int:
        """A power of two by the memory that is free now; half of it is left for what is not counted here."""
        config = self.model.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        tokens = max(map(len, prompt_ids)) - self.length + self.max_new_tokens
        size = torch.finfo(self.model.dtype).bits // 8
        cache = 2 * 2 * config.num_hidden_layers * heads * width * size * tokens  # twice: it is copied as it grows
        attention = config.num_attention_heads * (tokens + self.length) * (tokens - self.max_new_tokens) * 4
        logits = config.vocab_size * (4 + size)
        if self.model.device.type == "cuda":
            free = torch.cuda.mem_get_info(self.model.device)[0]
        else:
            free = psutil.virtual_memory().available
        fitting = max(1, int(free / 2 / (cache + attention + logits)))
        return min(LARGEST_BATCH if self.model.device.type == "cuda" else 64, 2 ** int(math.log2(fitting)))

    def complete(self, prompt_ids: Sequence[list[int]], seed: int) -> list[tuple[list[int], bool]]:
        """The completions of one left-padded batch."""
        own = [ids[self.length :] for ids in prompt_ids]
        width = max(map(len, own))
        ids = torch.full((len(own), width), self.pad, device=self.model.device)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(own):
            ids[row, width - len(tokens) :] = torch.tensor(tokens, device=self.model.device)
            mask[row, width - len(tokens) :] = 1
        if self.config.do_sample:  # a training run's random state is left alone
            torch.manual_seed(seed)
        with torch.no_grad(), self.stop.applied_to(self.model):
            if self.prefix is None:
                output = self.model.generate(input_ids=ids, attention_mask=mask, generation_config=self.config)
            else:
                with self.prefix.seen_by(self.model):
                    output = self.model.generate(input_ids=ids, attention_mask=mask, generation_config=self.config)
        made = []
        for written in output[:, width:].tolist():
            end = next((k for k, token in enumerate(written, 1) if token in self.ends), None)
            completion, stopped = self.stop.cut(written[:end])
            made.append((completion, not stopped and end is None))
        return made


# -------------------------------------------------------------------------------------------------- written as it goes

Place = tuple[int, int]  # row, sample


class Parts:
    """The lines that this process, and others, have written so far: `<name>.part-<rank>.jsonl` beside the final file.

    Besides records they hold what an interrupted evaluation must do again in the same way: the batch size, and from
    which batch on it was halved.
    """

    def __init__(self, output: Path, rank: int) -> None:
        self.output, self.rank = output, rank
        self.path = self._of(rank)

    def _of(self, rank: int | str) -> Path:
        return self.output.with_name(f"{self.output.stem}.part-{rank}.jsonl")

    @property
    def seconds_path(self) -> Path:
        return self.output.with_name(f"{self.output.stem}.seconds.jsonl")

    def read(self) -> list[dict[str, Any]]:
        """What all processes have written; a line that a kill cut off does not count."""
        found = []
        for path in sorted(self.output.parent.glob(self._of("*").name)):
            text = path.read_text(encoding="utf-8", errors="replace")
            found += parsed(text[: text.rfind("\n") + 1], path) if "\n" in text else []
        return found

    def repair(self) -> None:
        """Drops this process's line that a kill cut off, so that lines can be added."""
        if self.path.exists():
            whole = self.path.read_bytes()
            write_whole(self.path, whole[: whole.rfind(b"\n") + 1].decode("utf-8"))

    def append(self, lines: Sequence[dict[str, Any]]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(lines_of(lines))

    def merge(self) -> None:
        """Makes the final file of all parts, in the order of the rows, and one with the seconds; drops the parts."""
        records = {(line["row"], line["sample"]): line for line in self.read() if "row" in line}
        ordered = [records[place] for place in sorted(records)]
        seconds = [{name: line[name] for name in ("row", "sample", "seconds")} for line in ordered]
        ours = [{name: value for name, value in line.items() if name != "seconds"} for line in ordered]
        for path, lines in ((self.seconds_path, seconds), (self.output, ours)):
            write_whole(path, lines_of(lines))
        for path in self.output.parent.glob(self._of("*").name):
            path.unlink()


def plan(prompt_ids: Sequence[list[int]], samples: int, batch_size: int) -> list[list[Place]]:
    """Batches of about one length, in a fixed random order: what is known so far is not what is known of the longest.

    >>> plan([[1], [1, 2], [1]], samples=1, batch_size=2)
    [[(1, 0), (0, 0)], [(2, 0)]]
    """
    order = sorted(range(len(prompt_ids)), key=lambda row: -len(prompt_ids[row]))
    places = [(row, sample) for row in order for sample in range(samples)]
    batches = [places[begin : begin + batch_size] for begin in range(0, len(places), batch_size)]
    random.Random(0).shuffle(batches)
    return batches


def halved(items: list[Place], limit: int) -> Iterator[list[Place]]:
    """A batch in pieces of at most `limit`."""
    for begin in range(0, len(items), limit):
        yield items[begin : begin + limit]


class _Run:
    """One process's share of an evaluation."""

    def __init__(self, backend: Backend, prompt_ids: Sequence[list[int]], parts: Parts, seed: int) -> None:
        self.backend, self.prompt_ids, self.parts, self.seed = backend, prompt_ids, parts, seed
        self.limits: dict[int, int] = {}

    def limit(self, number: int, batch_size: int) -> int:
        """The batch size from a batch on: halved where memory ran out in it or before."""
        known = [begin for begin in self.limits if begin <= number]
        return self.limits[max(known)] if known else batch_size

    def batch(self, number: int, places: list[Place], batch_size: int) -> list[tuple[list[int], bool]]:
        """The completions of a batch, in halves where it does not fit."""
        while True:
            limit = self.limit(number, batch_size)
            made: list[tuple[list[int], bool]] = []
            full = False
            for piece in halved(places, limit):
                try:
                    ids = [self.prompt_ids[row] for row, _ in piece]
                    made += self.backend.complete(ids, seed_of(self.seed, piece[0]))
                except (RuntimeError, MemoryError) as error:
                    if not (isinstance(error, MemoryError) or should_reduce_batch_size(error)):
                        raise
                    if limit == 1:
                        cure = "lower --max_completion_length or --shots"
                        raise UserError(f"not even one completion at a time fits the memory; {cure}") from error
                    full = True
                if full:
                    break
            if not full:
                return made
            gc.collect()  # outside of the except block, where the traceback no longer holds the tensors
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.limits[number] = limit // 2
            self.parts.append([{"batch": number, "limit": limit // 2, "rank": self.parts.rank}])


def seed_of(seed: int, place: Place) -> int:
    """A seed of its own for the batch that begins at a place."""
    return int.from_bytes(hashlib.sha256(repr((seed, place)).encode()).digest()[:4], "big")


def evaluate(
    model: Policy,
    tokenizer: Tokenizer,
    recipe: Recipe,
    rows: Sequence[Row],
    exemplars: Sequence[Exemplar],
    config: Config,
    output: Path,
    title: str,
    sampling: Sampling = GREEDY,
    backend: Callable[..., Backend] = Transformers,
) -> Summary:
    """Scores completions of all rows and writes them to `output`, a jsonl file in the order of the rows.

    Every process takes its share of the batches. What was written before an interruption is not made again.

    Args:
        title: stands before the progress.
        backend: makes what completes prompts, with the arguments of `Transformers`.
    """
    process = PartialState()
    if not output.exists():
        problems, parts = _Problems(tokenizer, recipe, rows, exemplars, config), Parts(output, process.process_index)
        output.parent.mkdir(parents=True, exist_ok=True)
        parts.repair()
        process.wait_for_everyone()
        completer = backend(
            model, tokenizer, problems.ids, problems.stop, config.max_completion_length, sampling,
            config.run.shared_prefix,
        )  # fmt: skip
        _complete(problems, completer, parts, title, sampling, config.run.eval_batch_size)
        process.wait_for_everyone()
        if process.is_main_process:
            parts.merge()
        process.wait_for_everyone()
    check_whole(output, recipe, len(rows), sampling.samples)
    return read_summary(output, recipe)


def check_whole(output: Path, recipe: Recipe, rows: int, samples: int) -> None:
    """Refuses a file that is not what `Parts.merge` made: a line for every sample of every row."""
    cure = "remove it to make it anew"
    found = read_records(output)
    needed = {"row", "sample", "completion", "tokens", "cut_off", *(reward.__name__ for reward in recipe.rewards)}
    for number, record in enumerate(found, 1):
        if missing := sorted(needed - record.keys()):
            raise UserError(f"{output}, line {number} is damaged: it has no {missing[0]}; {cure}")
    if [(r["row"], r["sample"]) for r in found] != [(row, sample) for row in range(rows) for sample in range(samples)]:
        raise UserError(f"{output} is damaged: {len(found)} lines for {rows} rows, {samples} of each; {cure}")


def read_summary(output: Path, recipe: Recipe) -> Summary:
    """The figures of a finished evaluation; without seconds where their file is lost."""
    timed = Parts(output, 0).seconds_path
    records = read_records(output)
    timings = read_records(timed) if timed.exists() else []
    whole = len(timings) == len(records) and all(isinstance(line.get("seconds"), float) for line in timings)
    return summarize(records, recipe, sum(line["seconds"] for line in timings) if whole else None)


class _Problems:
    """Rows as prompts, and what a completion of one earns."""

    def __init__(
        self, tokenizer: Tokenizer, recipe: Recipe, rows: Sequence[Row], exemplars: Sequence[Exemplar], config: Config
    ) -> None:
        self.recipe, self.rows = recipe, rows
        self.prompts = recipe.prompts_of(rows, exemplars)
        self.ids = tokenize(tokenizer, self.prompts, config.chat_template_kwargs)
        self.stop = StopRule(tokenizer, recipe.stop)

    def record(self, place: Place, ids: list[int], cut_off: bool, seconds: float) -> Record:
        """The line of a completion."""
        row, sample = place
        text = self.stop.text(ids)
        return {
            "row": row,
            "sample": sample,
            "prompt_sha256": hashlib.sha256(repr(self.ids[row]).encode()).hexdigest()[:16],
            "completion": text,
            "tokens": len(ids),
            "cut_off": cut_off,
            **score(self.recipe, self.rows[row], self.prompts[row], ids, text),
            "seconds": seconds,
        }


def _complete(
    problems: _Problems, backend: Backend, parts: Parts, title: str, sampling: Sampling, batch_size: int | None
) -> None:
    """This process's share of the completions, into its part."""
    process = PartialState()
    if process.is_main_process and not any("batch_size" in line for line in parts.read()):
        parts.append([{"batch_size": batch_size or backend.batch_size(problems.ids)}])
    process.wait_for_everyone()
    lines = parts.read()
    process.wait_for_everyone()  # nobody writes before everybody has read
    size: int = next(line["batch_size"] for line in lines if "batch_size" in line)
    done = {(line["row"], line["sample"]): line for line in lines if "row" in line}
    run = _Run(backend, problems.ids, parts, sampling.seed)
    run.limits = {line["batch"]: line["limit"] for line in lines if line.get("rank") == parts.rank}
    batches = list(enumerate(plan(problems.ids, sampling.samples, size)))
    batches = batches[process.process_index :: process.num_processes]
    todo = sum(len(places) for _, places in batches)
    mine = [done[place] for _, places in batches for place in places if place in done]
    first = first_reward(problems.recipe)
    right, known = sum(line[first] == 1.0 for line in mine), len(mine)
    line, began, before = Line(), time.monotonic(), known
    for number, places in batches:
        if all(place in done for place in places):
            continue
        started = time.monotonic()
        made = run.batch(number, places, size)
        seconds = (time.monotonic() - started) / len(places)
        records = [
            problems.record(place, ids, cut_off, seconds)
            for place, (ids, cut_off) in zip(places, made, strict=True)
            if place not in done
        ]
        parts.append(records)
        right += sum(record[first] == 1.0 for record in records)
        known += len(records)
        if process.is_main_process:
            low, high = wilson(right, known)
            left = (time.monotonic() - began) / (known - before) * (todo - known)
            line.update(
                f"{title}: {known}/{todo} | accuracy so far {right / known:.1%} [{low:.1%}, {high:.1%}] | "
                f"{duration(left)} left"
            )
    line.close()
