"""Prints how our verifiers compare with math-verify and TRL's accuracy_reward: what is paid, what is missed, how fast.

    .venv/bin/pip install -e '.[bench]'
    .venv/bin/python benchmarks/verifiers.py --gsm8k DIR          about 8 minutes on 2 cores

The cases are those of tests/cases, the completions of the speed tests real GSM8K solutions (DIR/test.jsonl) and the
pairs of tests/cases as boxed answers. Every verifier runs in processes of its own, started afresh for each figure, so
that nothing is cached.
"""

import argparse
import json
import multiprocessing
import random
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tables import about, markdown

ROOT = Path(__file__).parent.parent
Verifier = Callable[[str, str], bool]  # completion, gold
STYLES = (
    "{solution}\n#### {answer}",
    "{solution}\nSo the answer is \\boxed{{{answer}}}.",
    "{solution}\nThe answer is {answer}.",
    "{solution}\n<answer>{answer}</answer>",
)


def ours() -> Verifier:
    from rewards import judge

    return lambda completion, gold: judge(completion, gold).paid


def math_verify() -> Verifier:
    from math_verify import parse, verify  # pyright: ignore[reportMissingImports]

    return lambda completion, gold: bool(verify(parse(f"${gold}$"), parse(completion)))


def trl_accuracy() -> Verifier:
    from trl.rewards import accuracy_reward

    def paid(completion: str, gold: str) -> bool:
        return accuracy_reward([[{"role": "assistant", "content": completion}]], solution=[f"${gold}$"]) == [1.0]

    return paid


VERIFIERS: dict[str, Callable[[], Verifier]] = {"rlvr_recipes": ours, "math-verify": math_verify, "TRL": trl_accuracy}


def cases(name: str) -> list[dict[str, Any]]:
    """The labelled cases of a file; lines end in \\n only."""
    return [json.loads(line) for line in (ROOT / "tests" / "cases" / name).read_bytes().decode().split("\n") if line]


def boxed(text: str) -> str:
    if "boxed" in text or "fbox" in text:
        return f"Therefore the answer is {text}."
    return f"Therefore the answer is $\\boxed{{{text}}}$."


# ------------------------------------------------------------------------------------------- one verifier, one process


def answer_calls(name: str, pipe: Connection) -> None:
    """In a process of its own: answers a list of (completion, gold) with one of (paid, seconds)."""
    verifier = VERIFIERS[name]()
    verifier(boxed("1"), "1")
    pipe.send("ready")
    while True:
        results = []
        for completion, gold in pipe.recv():
            began = time.perf_counter()
            try:
                paid: bool | str = verifier(completion, gold)
            except Exception as error:  # what another library raises is a result here
                paid = type(error).__name__
            results.append((paid, time.perf_counter() - began))
        pipe.send(results)


class Process:
    """A verifier that can be killed and started again."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.start()

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=answer_calls, args=(self.name, theirs), daemon=True)
        self.process.start()
        self.pipe.recv()

    def ask(self, calls: list[tuple[str, str]], seconds: float) -> list[tuple[bool | str, float]]:
        """(paid, seconds) for each, or ("late", seconds) after which the process has been killed."""
        self.pipe.send(calls)
        if self.pipe.poll(seconds):
            return self.pipe.recv()
        self.process.kill()
        self.process.join()
        self.start()
        return [("late", seconds)] * len(calls)

    def close(self) -> None:
        self.process.kill()


def paid_of(
    name: str, calls: list[tuple[str, str]], together: int = 100, seconds: float = 600.0
) -> list[tuple[bool | str, float]]:
    """Every call's (paid, seconds), `together` of them asked at a time, each such part within `seconds`."""
    process = Process(name)
    results = []
    for place in range(0, len(calls), together):
        results += process.ask(calls[place : place + together], seconds)
        print(f"\r{name}: {len(results)} of {len(calls)} ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    process.close()
    return results


def share(count: int, total: int) -> str:
    return f"{count} of {total} ({count / total:.1%})"


# ----------------------------------------------------------------------------------------------------------- figures


def truth(names: list[str]) -> str:
    """What each verifier pays and misses of the labelled cases."""
    pairs, completions = cases("pairs.jsonl"), cases("completions.jsonl")
    calls = [(boxed(pair["answer"]), pair["gold"]) for pair in pairs] + [
        (c["completion"], c["gold"]) for c in completions
    ]
    labels = [pair["equal"] for pair in pairs] + [case["paid"] for case in completions]
    rows = []
    for name in names:
        paid = [result is True for result, _ in paid_of(name, calls)]
        parts = [list(zip(labels, paid, strict=True))[part] for part in (slice(len(pairs)), slice(len(pairs), None))]
        row = [name]
        for part in parts:
            row.append(share(sum(p and not label for label, p in part), sum(not label for label, _ in part)))
            row.append(share(sum(label and not p for label, p in part), sum(label for label, _ in part)))
        rows.append(row)
    return markdown(
        ["verifier", "wrong pairs paid", "right pairs missed", "attacks paid", "honest completions missed"], rows
    )


def hostile(names: list[str], count: int) -> str:
    """How many hostile texts are refused within a second; a process that does not answer is killed."""
    sys.path.insert(0, str(ROOT))
    from tests.cases.hostile import iter_cases

    texts = [text for _, text in iter_cases()]
    texts = random.Random(0).sample(texts, min(count, len(texts)))
    rows = []
    for name in names:
        results = paid_of(name, [(boxed(text), "1") for text in texts], together=1, seconds=1.0)
        sound = sum(paid is False for paid, _ in results)
        late = sum(paid == "late" for paid, _ in results)
        raised = sum(isinstance(paid, str) and paid != "late" for paid, _ in results)
        rows.append(
            [name, share(sound, len(texts)), str(late), str(raised), str(sum(paid is True for paid, _ in results))]
        )
    return markdown(["verifier", "refused within 1 s", "late", "raised", "paid"], rows)


def speed(names: list[str], calls: list[tuple[str, str]], limit: int) -> str:
    """Verifications a second in one process, each text once."""
    rows, rates = [], {}
    for name in names:
        seconds = sorted(time_ for _, time_ in paid_of(name, calls if name == "rlvr_recipes" else calls[:limit]))
        rates[name] = len(seconds) / sum(seconds)
        p99 = seconds[int(0.99 * len(seconds))]
        rows.append(
            [
                name,
                str(len(seconds)),
                f"{rates[name]:,.0f}",
                f"{1e3 * statistics.median(seconds):.3f}",
                f"{1e3 * p99:.2f}",
            ]
        )
    table = markdown(["verifier", "n", "per second", "median, ms", "p99, ms"], rows)
    return table + "".join(f"\n\n{rates['rlvr_recipes'] / rates[name]:.0f} times {name}." for name in names[1:])


def batch() -> str:
    """512 completions, 16 of them hostile, in one call of the reward."""
    sys.path.insert(0, str(ROOT))
    from rewards import correct_answer
    from tests.cases.hostile import iter_cases

    texts = [text for _, text in iter_cases() if len(text) < 5000][::40][:16]
    completions = [f"6 * 3 = 18\n#### {n}" for n in range(496)] + [boxed(text) for text in texts]
    began = time.perf_counter()
    correct_answer(completions, answer=["18"] * 256 + ["x^2 > 4"] * 256)
    return f"A batch of 512 completions of which 16 are hostile: {time.perf_counter() - began:.2f} s."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gsm8k", type=Path, required=True, help="folder with GSM8K's test.jsonl")
    parser.add_argument("--hostile", type=int, default=60, help="hostile texts, drawn at random")
    parser.add_argument("--others", nargs="*", default=["math-verify", "TRL"], choices=["math-verify", "TRL"])
    args = parser.parse_args()
    names = ["rlvr_recipes", *args.others]
    rng = random.Random(0)
    real = []
    for line in (args.gsm8k / "test.jsonl").read_text(encoding="utf-8").splitlines():
        solution, _, gold = json.loads(line)["answer"].partition("\n#### ")
        answer = gold if rng.random() < 0.5 else str(int(gold.replace(",", "")) + rng.randint(1, 9))
        real.append((rng.choice(STYLES).format(solution=solution, answer=answer), gold))
    mathematics = [(boxed(pair["answer"]), pair["gold"]) for pair in cases("pairs.jsonl")]
    rng.shuffle(mathematics)
    print(f"## Verifiers\n\n{about()}\n\n{truth(names)}\n")
    print(f"Hostile texts, each as a boxed answer against the gold 1:\n\n{hostile(names, args.hostile)}\n")
    print(f"GSM8K completions in four styles, half of them wrong, one process:\n\n{speed(names, real, 600)}\n")
    print(f"The pairs above as completions, one process, each once:\n\n{speed(names, mathematics, 600)}\n\n{batch()}")


if __name__ == "__main__":
    main()
