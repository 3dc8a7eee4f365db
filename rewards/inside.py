"""The trusted part of what runs in a sandbox: it gives up every right, runs the model's code, and tells what came out.

It is run as a script, so it imports nothing of ours. The model's code runs in the same process and may take it over;
all that it can then do is to write other lines, and a line holds no verdict: only what the function gave for arguments
whose right answers never enter the sandbox.
"""

import marshal
import os
import resource
import sys
import types
from _json import encode_basestring_ascii  # of json itself only this much: importing it takes longer than a program

TYPE_CHECKING = False  # as in typing, which takes long too
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

THROUGH: "dict[str, Callable[[Any], object]]" = {
    each.__name__: each for each in (bool, dict, frozenset, len, list, set, sorted, str, tuple)
}  # what a test may do to a result before it compares


def written(value: object) -> str:
    """A value as JSON that keeps what JSON does not know: tuples, sets, dicts with keys of any kind, bytes.

    A subclass counts as what it inherits from, as for `==`; anything else is told by its type and equals nothing.

    >>> written([1, True, ("a", 2.5), {3}, {4: None}])
    '[1, true, {"tuple": ["a", 2.5]}, {"set": [3]}, {"dict": [[4, null]]}]'
    >>> written(x for x in "ab")
    '{"object": "generator"}'
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value).replace("inf", "Infinity").replace("nan", "NaN")
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, tuple):
        return f'{{"tuple": {written([*value])}}}'
    if isinstance(value, set | frozenset):
        return f'{{"set": {written([*value])}}}'
    if isinstance(value, dict):
        return f'{{"dict": {written([[key, each] for key, each in value.items()])}}}'
    if isinstance(value, bytes):
        return f'{{"bytes": "{value.hex()}"}}'
    if isinstance(value, complex):
        return f'{{"complex": {written([value.real, value.imag])}}}'
    return f'{{"object": {written(type(value).__name__)}}}'


def described(error: BaseException) -> str:
    """An exception in one short line, whatever its own `__str__` does."""
    try:
        return f"{type(error).__name__}: {error}"[:200]
    except BaseException:
        return type(error).__name__


def main() -> None:
    """Reads a job and runs it: each step is one line of JSON, [what happened, value]."""
    sink = os.fdopen(os.dup(1), "wb")

    def say(what: str, value: object = None) -> None:
        sink.write(f'["{what}", {written(value)}]\n'.encode())
        sink.flush()

    say("ready")
    with open(0, "rb", closefd=False) as file:
        job = marshal.loads(file.read())
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):  # print goes nowhere, input() finds the end
        os.dup2(null, number)
    if job["uid"] is not None and os.getuid() == 0:
        os.setgroups([])
        os.setresgid(job["uid"], job["uid"], job["uid"])
        os.setresuid(job["uid"], job["uid"], job["uid"])
    for name, limit in job["limits"].items():
        resource.setrlimit(getattr(resource, name), (limit, limit))

    module = sys.modules["solution"] = types.ModuleType("solution")
    try:
        code = compile(job["source"], "<solution>", "exec")
        say("compiled")
        exec(code, module.__dict__)
        function = module.__dict__[job["entry_point"]]
        if not callable(function):
            raise TypeError(f"{job['entry_point']} is no function")
        say("defined")
    except BaseException as error:  # whatever the model's code raises, SystemExit too, is its result
        say("raised", described(error))
        os._exit(0)
    for arguments, through in job["calls"]:
        try:
            result = function(*marshal.loads(arguments))  # loaded anew, so that no call changes another's arguments
            say("gave", THROUGH[through](result) if through else result)
        except BaseException as error:
            say("raised", described(error))
    os._exit(0)  # without what the model's code wants to happen at exit


if __name__ == "__main__":
    main()
