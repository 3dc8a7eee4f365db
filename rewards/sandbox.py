"""Runs a Python function that a model wrote, isolated by bubblewrap, and gives what it returned for given arguments.

Each program has a sandbox of its own (https://github.com/containers/bubblewrap): its own namespaces without a network,
a read-only system of the interpreter, its standard library (no installed packages) and the shared objects these need,
an empty /tmp of 8 MiB, no /proc, no environment, no capability, an unprivileged user, a filter that refuses system
calls which start processes and threads or reach past the namespaces, and limits on time, memory, files and output. It
dies with who started it.

The verdict is not made there: the program gets arguments, never the right answers, and what it returns is data.

Does not protect from holes in the kernel, nor from programs that use up what they may: 2 s of CPU time and 256 MiB
each, and about 1 KB of the kernel's memory for every empty file that they can make in that time.
"""

import contextlib
import functools
import marshal
import os
import platform
import select
import shutil
import signal
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from subprocess import Popen

_RANKS = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # processes of one training on this machine
WORKERS = max(
    2, 2 * (os.cpu_count() or 1) // _RANKS
)  # programs at once; a short one waits half its time for the kernel
STARTING = 60.0  # seconds until the interpreter must have started
NOBODY = 65534  # the user as whom a program runs where we are root
_TMP = 8 * 2**20  # bytes of its /tmp
_FLAGS = "-P -S -s -B -W ignore".split()
_INSIDE = Path(__file__).with_name("inside.py")
_GET_IT = (
    "model-written code runs only in isolation, which needs bubblewrap 0.8 or newer and user namespaces: "
    "apt install bubblewrap; in a container, start it with --security-opt seccomp=unconfined "
    "--security-opt apparmor=unconfined, or --privileged; on Ubuntu 24.04, "
    "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0. A reward that calls "
    "passes_tests(..., run_without_isolation=True) lets model-written code do whatever you can"
)


class NoIsolation(ValueError):
    """There is nothing here that could isolate a program; the text says how to get it."""


class Limits(NamedTuple):
    """What one program may use: seconds of CPU time and on the clock, bytes of memory and of output."""

    cpu: int = 2
    clock: float = 10.0
    memory: int = 256 * 2**20
    output: int = 2**20


class Call(NamedTuple):
    """The arguments of one call, and the builtin through which its result goes first, or none."""

    arguments: tuple[Any, ...]
    through: str = ""


class Ran(NamedTuple):
    """What a program's process wrote, line by line, and why it had to be ended, or nothing."""

    lines: list[bytes]
    ended: str


# ---------------------------------------------------------------------------------------------------- the call filter

# Denied: what starts processes and threads, makes namespaces, looks into other processes, opens sockets (those of
# virtual machines know no network namespace), holds memory that no limit counts, or makes the whole machine work or
# tell of itself. x86_64 and aarch64 number them so.
_CALLS = {
    "clone": (56, 220), "clone3": (435, 435), "fork": (57, None), "vfork": (58, None), "unshare": (272, 97),
    "setns": (308, 268), "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "socket": (41, 198), "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_setup": (206, 0), "personality": (135, 92), "modify_ldt": (154, None),
    "sync": (162, 81), "syncfs": (306, 267), "syslog": (103, 116), "open_by_handle_at": (304, 265),
}  # fmt: skip
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # place in _CALLS, AUDIT_ARCH
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # BPF
_ALLOW, _DENY, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # SECCOMP_RET: allow, EPERM, kill the process


@functools.cache
def _filter() -> bytes:
    """The seccomp filter as bubblewrap wants it: an array of struct sock_filter."""
    if platform.machine() not in _MACHINES:
        raise NoIsolation(f"no filter of system calls is known for {platform.machine()}: {_GET_IT}")
    place, machine = _MACHINES[platform.machine()]
    numbers = [found[place] for found in _CALLS.values()]
    rules = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, machine), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    rules += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _DENY)]  # the x32 numbers of the same calls
    for number in numbers:
        if number is not None:
            rules += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _DENY)]
    rules.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *rule) for rule in rules)


# ---------------------------------------------------------------------------------------------------- the command line

# Modules of the standard library that no exercise needs and that would draw many shared objects in.
_LEFT_OUT = "_tkinter _curses _curses_panel readline nis _ssl _hashlib _ctypes _sqlite3 _dbm _gdbm _uuid _crypt".split()


def _interpreter() -> Path:
    """The interpreter itself, not what a virtual environment has in its place."""
    named = Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    return named if named.exists() else Path(sys.executable).resolve()


@functools.cache
def _needed() -> tuple[str, ...]:
    """The files and folders that the interpreter needs: itself, its standard library, shared objects."""
    import subprocess  # late, since plain answers need none of it

    ldd = shutil.which("ldd")
    if ldd is None:
        raise NoIsolation(f"there is no ldd on this machine, which says what the interpreter needs; {_GET_IT}")
    python, library = _interpreter(), Path(os.__file__).parent
    modules = [file for file in library.glob("lib-dynload/*.so") if file.name.split(".")[0] not in _LEFT_OUT]
    listed = subprocess.run([ldd, python, *modules], capture_output=True, text=True, check=False).stdout
    objects = {word for line in listed.splitlines() for word in line.split() if word[0] == "/" and word[-1] != ":"}
    return str(python), str(library), *sorted(objects)


def _environment(isolated: bool) -> dict[str, str]:
    """All of the environment that a program has."""
    libraries = {os.path.dirname(place) for place in _needed()[2:]} if isolated else set()
    # with a fixed seed of hashes the same program gives the same answer in every run
    return {"LC_ALL": "C.UTF-8", "LD_LIBRARY_PATH": ":".join(sorted(libraries)), "PYTHONHASHSEED": "0"}


def _command(bwrap: str, as_root: bool, filter_fd: int) -> list[str]:
    """The command that runs `inside.py` in a new sandbox."""
    folders = {
        str(folder) for place in (*_needed(), "/dev/null") for folder in Path(place).parents
    }  # else as private as a home is
    made = [word for folder in sorted(folders) for word in ("--perms", "755", "--dir", folder)]
    binds = [word for place in _needed() for word in ("--ro-bind", os.path.realpath(place), place)]
    packages = map(str, Path(_needed()[1]).glob("*-packages"))  # what is installed there may hold the hidden tests
    hidden = [word for each in packages for word in ("--size", "4096", "--tmpfs", each, "--remount-ro", each)]
    rights = "--cap-drop ALL --cap-add CAP_SETUID --cap-add CAP_SETGID"  # given up in inside.py, with being root
    mine = "--unshare-user --uid 65534 --gid 65534 --disable-userns"
    return [
        bwrap, *(rights if as_root else mine).split(),
        *"--unshare-ipc --unshare-pid --unshare-net --unshare-uts --unshare-cgroup-try --hostname sandbox".split(),
        *"--die-with-parent --new-session --clearenv".split(),
        *(word for name, value in _environment(True).items() for word in ("--setenv", name, value)),
        "--perms", "1777", "--size", str(_TMP), "--tmpfs", "/tmp", *made, *binds, *hidden,
        "--ro-bind", str(_INSIDE), "/inside.py",
        "--dev-bind", "/dev/null", "/dev/null",
        "--remount-ro", "/", "--chdir", "/tmp", "--seccomp", str(filter_fd),
        str(_interpreter()), *_FLAGS, "/inside.py",
    ]  # fmt: skip


def _memory_file(content: bytes) -> int:
    """A descriptor from which `content` can be read; unlike a pipe it never blocks who writes."""
    number = os.memfd_create("job")
    with open(number, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(number, 0, os.SEEK_SET)
    return number


# ------------------------------------------------------------------------------------------------------------- a run


def run(
    source: str, entry_point: str, calls: Sequence[Call], limits: Limits | None = None, isolated: bool = True
) -> Ran:
    """Runs a program in a sandbox of its own and calls its function with each of the arguments in turn.

    Args:
        source: the program, as a model wrote it.
        entry_point: the name of the function.
        calls: the calls; each gets arguments of its own.
        limits: what it may use; None: `Limits()`.
        isolated: False runs it with the rights of this process, under limits on time, memory, files and output only.

    Raises:
        NoIsolation: there is no isolation here.
        RuntimeError: the sandbox did not start; this is no fault of the program.

    >>> run("def double(x): return 2 * x", "double", [Call((4,))]).lines[-1]
    b'["gave", 8]'
    """
    limits = limits or Limits()
    bwrap, as_root = isolation() if isolated else ("", False)
    return _run(bwrap, as_root, source, entry_point, calls, limits)


_PROBE = """
import fractions, os
def probe(outside):
    try:
        os.fork()
    except PermissionError:
        return [os.getuid(), os.path.exists(outside), os.path.exists("/proc")]
"""


@functools.cache
def isolation() -> tuple[str, bool]:
    """How programs are isolated here, found by trying: the path of bubblewrap, and whether it is run as root.

    Raises:
        NoIsolation: they cannot be.
    """
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise NoIsolation(f"there is no bubblewrap (bwrap) on this machine; {_GET_IT}")
    said = ""
    for as_root in (True, False) if os.geteuid() == 0 else (False,):
        try:
            ran = _run(bwrap, as_root, _PROBE, "probe", [Call((str(_INSIDE),))], Limits(clock=60.0))
        except RuntimeError as error:
            said = said or str(error)
            continue
        if ran.lines[-1:] == [b'["gave", [%d, false, false]]' % NOBODY]:
            return bwrap, as_root
        said = said or f"a trial wrote {ran.lines!r}"
    raise NoIsolation(f"bubblewrap does not work on this machine ({said}); {_GET_IT}")


def _run(bwrap: str, as_root: bool, source: str, entry_point: str, calls: Sequence[Call], limits: Limits) -> Ran:
    import subprocess  # late, since plain answers need none of it

    rights = {
        "RLIMIT_CPU": limits.cpu, "RLIMIT_AS": limits.memory, "RLIMIT_NPROC": 1, "RLIMIT_NOFILE": 32,
        "RLIMIT_FSIZE": _TMP, "RLIMIT_CORE": 0, "RLIMIT_MSGQUEUE": 0, "RLIMIT_MEMLOCK": 0,
    }  # fmt: skip
    job = {
        "source": source, "entry_point": entry_point, "uid": NOBODY if as_root else None, "limits": rights,
        "calls": [(marshal.dumps(call.arguments), call.through) for call in calls],
    }  # fmt: skip
    job_fd, filter_fd = _memory_file(marshal.dumps(job)), _memory_file(_filter() if bwrap else b"")
    unsafe = [str(_interpreter()), *_FLAGS, str(_INSIDE)]
    try:
        process = subprocess.Popen(
            _command(bwrap, as_root, filter_fd) if bwrap else unsafe,
            stdin=job_fd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            pass_fds=(filter_fd,) if bwrap else (),
            env=_environment(bool(bwrap)),
            cwd="/",
            start_new_session=True,  # Ctrl-C is for the one who asked
        )
    finally:
        os.close(job_fd)
        os.close(filter_fd)
    try:
        return _read(process, limits)
    finally:
        _end(process, group=not bwrap)


def _read(process: "Popen[bytes]", limits: Limits) -> Ran:
    """What the process writes until it ends or is over a limit."""
    assert process.stdout is not None
    assert process.stderr is not None
    written, ended, ready = bytearray(), "", False
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    deadline = time.monotonic() + STARTING
    while not ended:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            ended = f"no answer within {limits.clock:g} s"
        elif not (block := os.read(process.stdout.fileno(), 65536)):
            break
        elif len(written) + len(block) > limits.output:
            ended = f"more than {limits.output:,} bytes of output"
        else:
            written += block
            if not ready and b"\n" in written:  # the clock of the program begins when the interpreter has started
                ready, deadline = True, time.monotonic() + limits.clock
    lines = bytes(written).split(b"\n")[:-1]
    if lines[:1] != [b'["ready", null]']:
        process.kill()
        raise RuntimeError(f"the sandbox did not start: {process.stderr.read()[:500].decode(errors='replace').strip()}")
    return Ran(lines[1:], ended or _death(process, limits))


def _death(process: "Popen[bytes]", limits: Limits) -> str:
    """Whether a process whose output has ended was killed, which only its limits and itself do."""
    import subprocess  # late, since plain answers need none of it

    with contextlib.suppress(subprocess.TimeoutExpired):
        if process.wait(0.5) in (-signal.SIGKILL, 128 + signal.SIGKILL):
            return f"killed, by its limit of {limits.cpu} s of CPU time or by itself"
    return ""


def _end(process: "Popen[bytes]", group: bool) -> None:
    """Kills whatever is left, and waits until it is gone."""
    assert process.stdout is not None
    assert process.stderr is not None
    if group:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline and poll.poll(100) and os.read(process.stdout.fileno(), 65536):
        pass  # the pipe ends when the last process in the sandbox has
    process.stdout.close()
    process.stderr.close()
