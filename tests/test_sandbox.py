"""rewards/sandbox.py: what a program can do, what it can reach, what it leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from rewards import passes_tests, sandbox
from rewards.sandbox import Call, Limits, NoIsolation
from rlvr_recipes import UserError, load_recipe
from tests.cases.attacks import of_a_sandbox
from tests.conftest import PROJECT

try:
    sandbox.isolation()
    WHY_NOT = ""
except NoIsolation as error:
    WHY_NOT = str(error)

needs_isolation = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
SHORT = Limits(cpu=1, clock=30.0)


def gave(source: str, *arguments: Any, limits: Limits = SHORT) -> Any:
    """What `f` of a program gives."""
    ran = sandbox.run(source, "f", [Call(arguments)], limits)
    assert ran.ended == ""
    what, value = json.loads(ran.lines[-1])
    assert what == "gave", value
    return value


def refused(statement: str, imports: str = "os") -> str:
    """The exception that a statement raises in the sandbox."""
    source = f"import {imports}\ndef f():\n    try:\n        {statement}\n    except BaseException as error:\n        return f'{{type(error).__name__}}: {{error}}'\n    return 'done'"
    return gave(source)


@pytest.fixture
def afresh() -> Iterator[None]:
    """Isolation is looked for anew in the test, and after it."""

    def forget() -> None:
        sandbox.isolation.cache_clear()
        sandbox._needed.cache_clear()

    forget()
    yield
    forget()


@needs_isolation
def test_a_function_is_called_with_each_of_its_arguments() -> None:
    ran = sandbox.run(
        "def f(x, y=1):\n    return x + y", "f", [Call((1, 2)), Call(("a", "b")), Call(([3],)), Call((5,))]
    )
    assert ran.lines[:2] == [b'["compiled", null]', b'["defined", null]']
    assert [json.loads(line)[0] for line in ran.lines[2:]] == ["gave", "gave", "raised", "gave"]
    assert [json.loads(line)[1] for line in ran.lines[2:4]] == [3, "ab"]


@needs_isolation
def test_the_standard_library_is_there() -> None:
    modules = "collections, dataclasses, decimal, datetime, fractions, functools, heapq, itertools, math, random, re, statistics, string, threading, typing, hashlib, json, asyncio, zlib"
    assert gave(f"import {modules}\ndef f():\n    return str(decimal.Decimal('0.1') + 1)") == "1.1"


@needs_isolation
def test_values_keep_their_types() -> None:
    source = "from collections import Counter, namedtuple\ndef f():\n    return [1, True, 1.0, (1,), {1}, {1: 'a', 'b': None}, b'x', 1j, Counter('a'), namedtuple('P', 'x')(1), range(2)]"
    assert gave(source) == [1, True, 1.0, {"tuple": [1]}, {"set": [1]}, {"dict": [[1, "a"], ["b", None]]}, {"bytes": "78"},
                            {"complex": [0.0, 1.0]}, {"dict": [["a", 1]]}, {"tuple": [1]}, {"object": "range"}]  # fmt: skip


@needs_isolation
def test_no_call_changes_the_arguments_of_another() -> None:
    shared = [3, 1]
    ran = sandbox.run("def f(x):\n    x.append(0)\n    return x", "f", [Call((shared,)), Call((shared,))])
    assert ran.lines[-2:] == [b'["gave", [3, 1, 0]]'] * 2
    assert shared == [3, 1]


@needs_isolation
def test_the_same_program_gives_the_same_order_of_a_set_every_time() -> None:
    source = "def f():\n    return list({'ada', 'ben', 'cleo', 'dan', 'eva', 'finn'})"
    assert gave(source) == gave(source)


@needs_isolation
def test_the_environment_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    names = gave("import os\ndef f():\n    return sorted(os.environ)")
    assert set(names) <= {"LC_ALL", "LD_LIBRARY_PATH", "PYTHONHASHSEED", "PWD"}


@needs_isolation
def test_only_the_interpreter_and_its_libraries_are_there(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    source = "import os\ndef f(paths):\n    return [path for path in paths if os.path.exists(path)]"
    hidden = [
        str(tmp_path / "secret"), "/proc", "/sys", "/etc", "/run", "/var", "/dev/shm", "/dev/mem", "/dev/pts", "/bin/sh", "/usr/bin/env",
        str(PROJECT / "README.md"), str(Path.home() / ".bashrc"), str(Path.home() / ".ssh"), "/etc/passwd",
    ]  # fmt: skip
    assert gave(source, [*hidden, "/tmp", "/dev/null"]) == ["/tmp", "/dev/null"]


@needs_isolation
def test_installed_packages_are_not_there_this_one_with_its_hidden_tests_among_them() -> None:
    source = """
import os
def f():
    library = os.path.dirname(os.__file__)
    folders = [os.path.join(library, name) for name in ("site-packages", "dist-packages")]
    found = [name for folder in folders if os.path.isdir(folder) for name in os.listdir(folder)]
    for folder in folders:
        try:
            open(os.path.join(folder, "x"), "w")
            found.append("x")
        except OSError:
            pass
    return found
"""
    assert gave(source) == []


@needs_isolation
def test_files_of_the_home_cannot_be_read() -> None:
    source = "import os\ndef f(home):\n    return [name for folder, _, names in os.walk(home) for name in names if 'python' not in folder]"
    assert [name for name in gave(source, str(Path.home())) if not name.startswith(("python", "libpython"))] == []


@needs_isolation
@pytest.mark.parametrize(
    "statement",
    [
        "open('/x', 'w')", "open(os.__file__, 'a')", "open('/inside.py', 'w')", "os.remove('/inside.py')", "os.mkdir(os.path.join(os.path.dirname(os.__file__), 'x'))",
        "os.rename('/tmp', '/x')", "open(os.path.join(os.path.dirname(os.__file__), 'x.py'), 'w')", "os.chmod('/inside.py', 0o777)",
        "os.mknod('/tmp/sda', 0o60600, os.makedev(8, 0))", "os.chown('/tmp', 0, 0)",
    ],
)  # fmt: skip
def test_nothing_outside_tmp_can_be_written(statement: str) -> None:
    assert refused(statement).startswith(("OSError", "PermissionError"))


@needs_isolation
@pytest.mark.parametrize(
    "statement",
    [
        "os.fork()", "threading.Thread(target=print).start()", "subprocess.Popen(['/bin/sh'])", "socket.socket()",
        "socket.create_connection(('1.1.1.1', 53), 1)", "socket.socket(socket.AF_UNIX)", "os.setuid(0)", "os.setgid(0)",
        "os.chroot('/tmp')", "os.nice(-5)", 
        "resource.setrlimit(resource.RLIMIT_AS, (2**40, 2**40))", "resource.setrlimit(resource.RLIMIT_CPU, (60, 60))",
        "resource.setrlimit(resource.RLIMIT_NPROC, (9, 9))", "os.sethostname('x') if hasattr(os, 'sethostname') else socket.sethostname('x')",
    ],
)  # fmt: skip
def test_what_reaches_out_is_refused(statement: str) -> None:
    said = refused(statement, "os, resource, socket, subprocess, threading")
    assert said.startswith(
        ("PermissionError", "RuntimeError: can't start", "ValueError: not allowed", "ProcessLookupError")
    ), said


@needs_isolation
def test_a_program_is_nobody_and_alone() -> None:
    assert gave(
        "import os\ndef f():\n    return [os.getuid(), os.geteuid(), os.getgid(), os.getgroups(), os.getpid(), os.getppid()]"
    ) in (
        [65534, 65534, 65534, [], 2, 1],
        [65534, 65534, 65534, [65534], 2, 1],
    )
    assert gave("import socket\ndef f():\n    return socket.gethostname()") == "sandbox"


@needs_isolation
def test_root_is_isolated_with_and_without_a_user_namespace() -> None:
    bwrap, as_root = sandbox.isolation()
    for way in {as_root, False}:
        ran = sandbox._run(bwrap, way, sandbox._PROBE, "probe", [Call((str(sandbox._INSIDE),))], SHORT)
        assert ran == ([b'["compiled", null]', b'["defined", null]', b'["gave", [65534, false, false]]'], "")


@needs_isolation
def test_a_program_kills_none_but_itself() -> None:
    source = "import os\ndef f():\n    for who in (1, -1, 0):\n        try:\n            os.kill(who, {})\n        except OSError:\n            pass\n    return 'alive'"
    assert gave(source.format(0)) == "alive"
    assert gave(source.format(9).replace(", -1, 0", ",")) == "alive"
    ran = sandbox.run(source.format(9), "f", [Call(())], SHORT)
    assert ran.ended == "killed, by its limit of 1 s of CPU time or by itself"


@needs_isolation
def test_a_server_of_this_machine_is_not_reached() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert refused(f"socket.create_connection(('127.0.0.1', {port}), 1)", "socket").startswith("PermissionError")


@needs_isolation
def test_the_filter_refuses_every_call_on_its_list(afresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_LEFT_OUT", [])  # with ctypes
    import platform

    place = sandbox._MACHINES[platform.machine()][0]
    numbers = [found[place] for found in sandbox._CALLS.values() if found[place] is not None]
    x32 = [0x40000000 + 39, 0x40000000 + 56] if place == 0 else []
    source = "import ctypes\ndef f(numbers):\n    libc = ctypes.CDLL(None, use_errno=True)\n    return [(libc.syscall(n, 0, 0, 0, 0, 0), ctypes.get_errno()) for n in numbers]"
    assert gave(source, [*numbers, *x32]) == [{"tuple": [-1, 1]}] * len([*numbers, *x32])  # EPERM
    assert gave(source, [{0: 39, 1: 172}[place]]) == [{"tuple": [2, 0]}]  # getpid is allowed, so it is no other error


@needs_isolation
def test_tmp_is_empty_small_and_gone_afterwards() -> None:
    fill = "import os\ndef f():\n    total = 0\n    before = os.listdir('/tmp')\n    try:\n        for i in range(100):\n            total += os.write(os.open(f'/tmp/left_by_an_attack{i}', os.O_CREAT | os.O_WRONLY), bytes(10**6))\n    except OSError:\n        pass\n    return [before, total]"
    for _ in range(2):
        before, total = gave(fill)
        assert before == []
        assert 8e6 < total <= 8 * 2**20
    assert not list(Path("/tmp").glob("left_by_an_attack*"))


@needs_isolation
def test_a_symlink_leads_nowhere() -> None:
    assert refused("os.symlink('/etc/passwd', '/tmp/p'); open('/tmp/p').read()").startswith("FileNotFoundError")
    assert refused("os.symlink('/', '/tmp/out'); open('/tmp/out/x', 'w')").startswith("OSError: [Errno 30] Read-only")


@needs_isolation
def test_time_memory_output_and_files_are_limited() -> None:
    assert (
        sandbox.run("while True: pass", "f", [Call(())], SHORT).ended
        == "killed, by its limit of 1 s of CPU time or by itself"
    )
    assert (
        sandbox.run("import time\ntime.sleep(60)", "f", [Call(())], Limits(clock=0.5)).ended == "no answer within 0.5 s"
    )
    assert refused("bytearray(2**28)").startswith("MemoryError")
    assert (
        sandbox.run("def f():\n    return 'x' * 2**21", "f", [Call(())]).ended == "more than 1,048,576 bytes of output"
    )
    assert refused("[os.open('/dev/null', 0) for _ in range(100)]").startswith("OSError: [Errno 24]")


@needs_isolation
def test_what_is_printed_goes_nowhere() -> None:
    source = "import os, sys\ndef f(x):\n    print('[\"gave\", 1]')\n    print('no', file=sys.stderr)\n    os.write(1, b'[\"gave\", 2]\\n')\n    os.write(2, b'no')\n    return x"
    assert sandbox.run(source, "f", [Call((3,))]).lines[2:] == [b'["gave", 3]']
    assert refused("input()").startswith("EOFError")


@needs_isolation
def test_a_program_that_closes_its_output_is_ended() -> None:
    ran = sandbox.run("import os, time\nos.closerange(3, 100)\ntime.sleep(60)", "f", [Call(())], Limits(clock=0.5))
    assert ran == ([b'["compiled", null]'], "no answer within 0.5 s")


@needs_isolation
def test_nothing_runs_on_when_who_started_it_is_killed() -> None:
    code = "from rewards import sandbox as s; s.isolation(); print('tried', flush=True); s.run('while True: pass', 'f', [], s.Limits(60, 60.0))"
    owner = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    children: list[psutil.Process] = []
    try:
        assert owner.stdout.readline() == "tried\n"
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and sum(child.cpu_times().user for child in children) < 0.3:
            children = psutil.Process(owner.pid).children(recursive=True)
            time.sleep(0.05)
        assert (
            len(children) == 3
        )  # bubblewrap, the first process of its namespace, and the interpreter, now in the loop
        assert all(map(of_a_sandbox, children))
        assert all(os.getsid(child.pid) != os.getsid(owner.pid) for child in children)  # so Ctrl-C does not reach them
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()
    _, alive = psutil.wait_procs(children, timeout=5)
    for child in alive:
        child.kill()
    assert alive == []


@needs_isolation
def test_many_programs_run_at_once() -> None:
    with ThreadPoolExecutor(8) as pool:
        runs = pool.map(lambda i: sandbox.run(f"def f():\n    return {i}", "f", [Call(())]).lines[-1], range(24))
        assert list(runs) == [b'["gave", %d]' % i for i in range(24)]
    assert not any(of_a_sandbox(child) for child in psutil.Process().children(recursive=True))


@needs_isolation
def test_no_descriptor_is_left_open() -> None:
    sandbox.run("def f(): pass", "f", [Call(())])
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        sandbox.run("import os\nos.fork()", "f", [Call(())])
    assert len(os.listdir("/proc/self/fd")) == before


@needs_isolation
def test_a_sandbox_that_cannot_start_later_on_is_no_fault_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_FLAGS", ["-P", "--no-such-flag"])
    with pytest.raises(RuntimeError, match="the sandbox did not start: .*"):
        sandbox.run("def f(): pass", "f", [])


# ------------------------------------------------------------------------------------------------- without isolation


def test_without_bubblewrap_nothing_runs_and_how_to_get_it_is_said(
    afresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoIsolation, match=r"no bubblewrap \(bwrap\) on this machine; .*apt install bubblewrap"):
        sandbox.run("def f(): pass", "f", [])


@pytest.fixture
def broken_bwrap(tmp_path: Path) -> Callable[[str], str]:
    def make(body: str) -> str:
        (tmp_path / "bwrap").write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / "bwrap").chmod(0o755)
        return f"{tmp_path}:{os.environ['PATH']}"

    return make


def test_where_namespaces_are_forbidden_nothing_runs(
    afresh: None, monkeypatch: pytest.MonkeyPatch, broken_bwrap: Callable[[str], str]
) -> None:
    monkeypatch.setenv("PATH", broken_bwrap("echo 'bwrap: No permissions to create new namespace' >&2; exit 1"))
    with pytest.raises(NoIsolation, match=r"No permissions to create new namespace\); .*--security-opt"):
        sandbox.isolation()


def test_a_bubblewrap_that_isolates_nothing_is_found_out(
    afresh: None, monkeypatch: pytest.MonkeyPatch, broken_bwrap: Callable[[str], str]
) -> None:
    python = f"{sandbox._interpreter()} -P -S {sandbox._INSIDE}"
    monkeypatch.setenv("PATH", broken_bwrap(f"exec {python}"))
    with pytest.raises(NoIsolation, match="bubblewrap does not work on this machine"):
        sandbox.isolation()


def test_the_recipe_refuses_to_start_without_isolation(afresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe("code")
    rows = recipe.rows_of("test", str(PROJECT / "recipes" / "samples" / "code"))
    monkeypatch.setenv("PATH", "")
    for refuse in (recipe.check_cases, lambda: recipe.check_rows(rows, "test")):
        with pytest.raises(UserError, match="NoIsolation: .*apt install bubblewrap"):
            refuse()


def test_a_reward_of_ones_own_may_run_without_isolation(afresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    given = (["```python\ndef f(x): return x\n```"] * 2, ['["assert f(1) == 1"]', '["assert f(1) == 2"]'], ["f", "f"])
    assert passes_tests(*given, run_without_isolation=True) == [1.0, 0.2]
    column: Any = [True, True]  # a column that happens to have that name
    with pytest.raises(NoIsolation):
        passes_tests(*given, run_without_isolation=column)


def test_the_command_refuses_with_exit_code_2(command: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    folder = PROJECT / "recipes" / "samples" / "code"
    done = command("train", "code", "--dataset_path", folder, check=False, PATH="")
    assert done.returncode == 2
    assert done.stderr.startswith("error: recipe code, case 1: ")
    assert "apt install bubblewrap" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_isolation_the_limits_still_hold(afresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    def run(source: str, limits: Limits = SHORT) -> sandbox.Ran:
        return sandbox.run(source, "f", [Call((2,))], limits, isolated=False)

    assert run("def f(x):\n    return x + 1").lines[-1] == b'["gave", 3]'
    assert run("while True: pass").ended == "killed, by its limit of 1 s of CPU time or by itself"
    assert run("import time\ntime.sleep(60)", Limits(clock=0.5)).ended == "no answer within 0.5 s"
    assert run("def f(x):\n    return bytearray(2**30)").lines[-1] == b'["raised", "MemoryError: "]'
    assert run(
        "import os\nfor n in range(32):\n    try:\n        os.write(n, bytes(2**22))\n    except OSError:\n        pass"
    ).ended.startswith("more than 1,048,576 bytes")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal")
def test_without_isolation_children_end_with_the_program(afresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    source = (
        "import os, time\ndef f():\n    child = os.fork()\n    if child == 0:\n        time.sleep(60)\n    return child"
    )
    ran = sandbox.run(source, "f", [Call(())], Limits(clock=0.5), isolated=False)
    what, child = json.loads(ran.lines[-1])
    if what == "raised":
        return  # RLIMIT_NPROC holds for who is not root
    time.sleep(0.2)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
