"""No text hangs, raises, grows or leaves anything behind: from any thread, and from any kind of process."""

import asyncio
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from rewards import correct_answer, equal, isolate, judge, solving
from rewards.extract import extract
from rewards.grammar import parse, tidy, tokens_of
from tests.cases import hostile

GOLDS = ("1", "x+1", "\\{1,2\\}", "x > 3", "y = x^2")
SECONDS = 1.0
MEMORY = 512  # MiB
STATUS = Path("/proc/self/status")
FORMS = ("#### {}", "So the answer is \\boxed{{{}}}.", "<answer>{}</answer>", "The answer is {}")


def refusals(step: int = 1, start: int = 0) -> list[str]:
    """The names of the hostile texts that are paid or late, of every `step`-th one."""
    found = []
    equal("x^2 < 4", "(-2, 2)")  # starts a server, which takes longer on a busy machine
    for place, (name, text) in enumerate(hostile.iter_cases()):
        if (place - start) % step:
            continue
        form = FORMS[place // step % len(FORMS)]
        for gold in GOLDS[:3] if place % 7 else GOLDS:
            began = time.perf_counter()
            paid = equal(text, gold) or judge(form.format(text), gold).paid
            if paid or time.perf_counter() - began > SECONDS:
                found.append(f"{name} against {gold}")
    return found


def test_absolute_values_in_each_other_are_compared_or_refused_at_once() -> None:
    began = time.perf_counter()
    assert equal("abs(abs(x))", "|x|")
    assert not equal("abs(abs(abs(x - 1) - 1) - 1)", "|x|")
    deep = "abs(" * 19 + "x" + ")" * 19
    assert not judge(f"So \\boxed{{{deep}}}, that is:\n#### abs(x)", "5").paid
    equal(deep, "|x|"), equal("sqrt((" * 6 + "x" + ")^2)" * 6, "|x|")
    assert time.perf_counter() - began < SECONDS


def peak_memory() -> int:
    """The most MiB this process has held; not getrusage's, which counts the process that it was forked from."""
    found = re.search(r"VmHWM:\s*(\d+) kB", STATUS.read_text())
    assert found
    return int(found[1]) // 1024


@pytest.mark.skipif(not STATUS.exists(), reason="peak memory is read from /proc, which this system has not")
def test_every_hostile_text_is_refused_within_a_second_and_in_bounded_memory() -> None:
    code = (
        "import json; from tests.test_hostile import peak_memory, refusals; from rewards import equal\n"
        "found = refusals()\n"
        "print(json.dumps([found, peak_memory(), equal('2/4', '0.5'), equal('x^2 < 4', '(-2, 2)')]))"
    )
    root = Path(__file__).parent.parent
    made = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    found, peak, *well = json.loads(made.stdout)
    assert found == []
    assert peak < MEMORY
    assert well == [True, True]
    assert not Path("/tmp/pwned").exists()
    assert len({name for name, _ in hostile.iter_cases()}) > 300


def test_a_batch_with_hostile_completions_costs_little() -> None:
    texts = [text for _, text in hostile.iter_cases() if len(text) < 5000][::40][:16]
    assert len(texts) == 16
    batch = [f"6 * 3 = 18\n#### {n}" for n in range(496)] + [f"\\boxed{{{text}}}" for text in texts]
    began = time.perf_counter()
    paid = correct_answer(batch, answer=["18"] * 256 + ["x^2 > 4"] * 256)
    assert time.perf_counter() - began < 3
    assert sum(paid) == 1


def in_thread() -> list[str]:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.extend(refusals(step=9, start=1)))
    thread.start()
    thread.join()
    return found


def in_process(method: str) -> list[str]:
    context: Any = multiprocessing.get_context(method)
    with context.Pool(1) as pool:
        return pool.apply(refusals, (9, 2))


def in_asyncio() -> list[str]:
    async def both() -> list[str]:
        parts = await asyncio.gather(asyncio.to_thread(refusals, 18, 3), asyncio.to_thread(refusals, 18, 4))
        return [*parts[0], *parts[1], *refusals(40, 5)]

    return asyncio.run(both())


@pytest.mark.parametrize("caller", [in_thread, lambda: in_process("fork"), lambda: in_process("spawn"), in_asyncio])
def test_it_makes_no_difference_who_asks(caller: Any) -> None:
    assert equal("x^2 < 4", "(-2, 2)")  # the servers run, also while a process forks
    assert caller() == []
    assert equal("x^2 < 9", "(-3, 3)")


def packed(text: str) -> list[Any]:
    return solving.packed(parse(tokens_of(tidy(text))))


def endless() -> Any:
    return isolate.run("curve", one=packed("(x+y+z+u+v+w+1)^{20} - x"), other=packed("(x+y+z+u+v+w+2)^{19} - y"))


def test_work_that_does_not_end_is_killed_in_time_and_the_next_job_is_done() -> None:
    for _ in range(3):
        began = time.perf_counter()
        with pytest.raises(isolate.Refused, match=r"no answer within|ended|MemoryError"):
            endless()
        assert time.perf_counter() - began < 3  # the first call also starts the server
    began = time.perf_counter()
    assert isolate.run("curve", one=packed("x y - 1"), other=packed("2 x y - 2")) is True
    assert time.perf_counter() - began < 1


def test_what_algebra_cannot_do_is_refused_with_its_reason() -> None:
    with pytest.raises(isolate.Refused, match="no algebra for call sin"):
        isolate.run("region", inequalities=[[packed("\\sin x"), False]], name="x")


def test_many_threads_share_the_servers() -> None:
    results: list[bool] = []
    pairs = [(f"x^2 < {n * n}", f"(-{n}, {n})") for n in range(2, 14)]
    threads = [threading.Thread(target=lambda p=pair: results.append(equal(*p))) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * len(pairs)


def test_a_server_that_died_is_replaced() -> None:
    assert equal("x^2 < 16", "(-4, 4)")
    servers = [server for server in list(isolate._pools[isolate.SOLVING].free.queue) if server is not None]
    for server in servers:
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
    assert equal("x^2 < 25", "(-5, 5)")


@pytest.mark.parametrize(
    "end",
    [
        "os.kill(os.getpid(), 9)",
        "sys.exit(0)",
        "threading.Thread(target=t.endless).start(); time.sleep(0.2); os.kill(os.getpid(), 9)",
    ],
)
def test_the_servers_end_with_the_process_that_started_them(end: str) -> None:
    code = (
        "import os, sys, threading, time; import tests.test_hostile as t; from rewards import equal, isolate\n"
        "equal('x^2 < 4', '(-2, 2)')\n"
        "print(*[s.process.pid for s in isolate._pools[isolate.SOLVING].free.queue if s is not None], flush=True)\n"
        + end
    )
    root = Path(__file__).parent.parent
    made = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    servers = [int(pid) for pid in made.stdout.split()]
    assert servers
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(running(pid) for pid in servers):
        time.sleep(0.1)
    assert not [pid for pid in servers if running(pid)]


def running(pid: int) -> bool:
    """Whether a process or one of its group is alive; zombies are not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = stat.read_text().rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, _, group, *_ = rest.split()
        if int(group) == pid and state != "Z":
            return True
    return False


def test_extraction_is_linear_in_the_length_of_the_text() -> None:
    units = ["\\boxed{", "####", "<think>", "</think>", "<answer>", "the answer is ", "<!--", "```", "~~", "\n#### 1", "<a ",
             "answer ", "\\", "{", "}", "a.", " ", "$", "\\text{", "so ", "not ", "if "]  # fmt: skip
    for unit in units:
        for text in (unit * (1_000_000 // len(unit)), "x" + unit * (200_000 // len(unit)) + "\n#### 1"):
            began = time.process_time()  # nothing here is isolated, and other tests run at the same time
            extract(text)
            assert time.process_time() - began < SECONDS, unit
