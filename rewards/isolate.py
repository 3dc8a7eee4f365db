"""Work that may be slow, in worker processes that can be killed: limits on time and memory that hold in any thread.

A server process imports once what its jobs need, sympy say, and forks an executor from itself; an executor that is over
its time is killed and the next one costs a fork, not an import. Servers start when first needed, at most `SERVERS` for
each module of jobs, are shared by all threads, are left alone by forked children (which start their own), and end when
the process that started them does.

Protects from endless loops, memory bursts and crashes of the library used. It is no sandbox: what runs in the executor
can read files and open connections, so nothing that a policy wrote may be evaluated there as code.
"""

import atexit
import contextlib
import importlib
import json
import os
import queue
import resource
import select
import signal
import subprocess
import sys
import threading
from typing import Any

SERVERS = min(2, os.cpu_count() or 1)
SECONDS = 0.4  # a job may take
STARTING = 30.0  # seconds until a server must have imported what it needs
SOLVING = "rewards.solving"
MEMORY = 512 * 2**20  # bytes of address space of an executor
LATE = "no answer within"
_LONGEST = 200_000  # bytes of a job or an answer


timed_out = 0  # jobs of this process that were given up for time, so far


class Refused(Exception):
    """The job was given up: out of time, out of memory, or not solvable."""


class _Server:
    """One server process, and the pipe to it."""

    def __init__(self, module: str) -> None:
        code = (
            "import sys, json; sys.path[:] = json.loads(sys.argv[1]); from rewards.isolate import serve; "
            "serve(sys.argv[2])"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, json.dumps([path or os.getcwd() for path in sys.path]), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the one who asked
        )
        if self.read(STARTING) != b"ready\n":
            self.kill()
            raise Refused("the worker process did not start")

    def read(self, seconds: float) -> bytes:
        """One line, or nothing after `seconds`."""
        assert self.process.stdout is not None
        line = b""
        while not line.endswith(b"\n") and len(line) < _LONGEST:
            ready, _, _ = select.select([self.process.stdout], [], [], seconds)
            block = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not block:
                return b""
            line += block
        return line

    def ask(self, job: dict[str, Any]) -> Any:
        assert self.process.stdin is not None
        line = json.dumps(job).encode() + b"\n"
        if len(line) > _LONGEST:
            raise Refused("the job is too large")
        try:
            self.process.stdin.write(line)
            answer = self.read(job["seconds"] + 2)
        except BrokenPipeError:
            answer = b""
        if not answer:
            self.kill()
            raise Refused("the worker process is gone")
        return json.loads(answer)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class _Pool:
    """The servers of this process for the jobs of one module."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.free: queue.LifoQueue[_Server | None] = queue.LifoQueue()
        for _ in range(SERVERS):
            self.free.put(None)  # a place for a server that has not been started

    def ask(self, job: dict[str, Any]) -> Any:
        server = self.free.get()
        try:
            if server is None or server.process.poll() is not None:
                server = _Server(self.module)
            return server.ask(job)
        except BaseException:
            if server is not None and server.process.poll() is None:
                server.kill()  # whatever it still writes belongs to a job that nobody waits for
            server = None
            raise
        finally:
            self.free.put(server)

    def close(self) -> None:
        while not self.free.empty():
            server = self.free.get()
            if server is not None:
                server.kill()


_lock = threading.Lock()
_pools: dict[str, _Pool] = {}


def _forget() -> None:
    """In a forked child: the servers are the parent's."""
    global _pools, _lock
    _pools, _lock = {}, threading.Lock()


os.register_at_fork(after_in_child=_forget)


def run(task: str, module: str = SOLVING, seconds: float = SECONDS, **data: Any) -> Any:
    """What `TASKS[task]` of a module gives for `data`, computed in a worker process.

    Args:
        task: its name.
        module: has `TASKS`, name -> function, and `load()`, which imports all they need.
        seconds: it may take.
        data: its arguments, as JSON can hold them.

    Raises:
        Refused: it took longer, or more than `MEMORY`, or could not be done.
    """
    global timed_out
    with _lock:
        if not _pools:
            atexit.register(_close, os.getpid())
        if module not in _pools:
            _pools[module] = _Pool(module)
        pool = _pools[module]
    answer = pool.ask({"task": task, "seconds": seconds, "data": data})
    if "refused" in answer:
        if answer["refused"].startswith(LATE):
            with _lock:
                timed_out += 1
        raise Refused(answer["refused"])
    return answer["result"]


def _close(owner: int) -> None:
    if os.getpid() == owner:
        for pool in _pools.values():
            pool.close()


# --------------------------------------------------------------------------------------------- in the server process


def serve(module: str) -> None:
    """The server: forwards each line to an executor, and kills the executor that does not answer in time."""
    jobs = importlib.import_module(module)
    jobs.load()
    parent = os.getppid()
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(null, number)
    os.write(sink, b"ready\n")
    executor: tuple[int, int, int] | None = None
    buffer = b""
    while True:
        ready, _, _ = select.select([source], [], [], 1.0)
        if os.getppid() != parent:
            break
        if not ready:
            continue
        block = os.read(source, 65536)
        if not block:
            break
        buffer += block
        if not buffer.endswith(b"\n"):
            continue
        line, buffer = buffer, b""
        if executor is None:
            executor = _fork(jobs.TASKS, (source, sink))
        process, to, back = executor
        os.write(to, line)
        seconds = json.loads(line)["seconds"]
        answer = _answer(back, source, seconds)
        if answer is None or not answer.endswith(b"\n"):
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            os.close(to)
            os.close(back)
            executor = None
            reason = f"{LATE} {seconds} s" if answer is None else "the executor ended"
            answer = json.dumps({"refused": reason}).encode() + b"\n"
        os.write(sink, answer)
    if executor is not None:
        os.kill(executor[0], signal.SIGKILL)


def _answer(back: int, source: int, seconds: float) -> bytes | None:
    """The executor's line; None when it is late or the one who asked is gone."""
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([back, source], [], [], seconds)
        if back not in ready:
            return None
        block = os.read(back, 65536)
        if not block:
            return line
        line += block
    return line


def _fork(tasks: dict[str, Any], close: tuple[int, int]) -> tuple[int, int, int]:
    """A new executor: its process id, the pipe to it and the pipe back."""
    to_read, to_write = os.pipe()
    back_read, back_write = os.pipe()
    process = os.fork()
    if process:
        os.close(to_read)
        os.close(back_write)
        return process, to_write, back_read
    for number in (to_write, back_read, *close):
        os.close(number)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(to_read, "rb") as lines:
        for line in lines:
            os.write(back_write, _executed(tasks, line))
    os._exit(0)


def _executed(tasks: dict[str, Any], line: bytes) -> bytes:
    job = json.loads(line)
    try:
        answer = {"result": tasks[job["task"]](**job["data"])}
    except Exception as error:  # whatever a library raises on what it cannot do, the answer is: not done
        answer = {"refused": f"{type(error).__name__}: {error}"[:200]}
    return json.dumps(answer).encode() + b"\n"
