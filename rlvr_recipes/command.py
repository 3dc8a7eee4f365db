"""What every command shares: mistakes end in one line and exit code 2, Ctrl-C in 130."""

import argparse
import errno
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import NoReturn

from rlvr_recipes.recipe import UserError, nearest

# What a machine says of a name or a disk that the user gave: too long, not allowed, full.
USERS = (errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)


class Parser(argparse.ArgumentParser):
    """Takes no abbreviations, and complains as everything here does."""

    def __init__(self, name: str, description: str | None, usage: str) -> None:
        super().__init__(
            prog=f"python -m rlvr_recipes.{name}",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            usage=f"%(prog)s {usage}",
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        if message.startswith("unrecognized arguments: -"):
            word = message.split()[2].partition("=")[0]
            raise UserError(f"there is no option {word}{nearest(word, self.options)}")
        raise UserError(f"{message.removeprefix('argument ')} (see --help)")

    @property
    def options(self) -> list[str]:
        return [option for action in self._actions for option in action.option_strings]


def line(*words: object) -> str:
    """A command of ours as a user can type it here: `.venv/bin/python -m rlvr_recipes.<words>`."""
    python = os.path.relpath(sys.executable)
    python = sys.executable if python.startswith("..") else python
    return f"{python} -m rlvr_recipes.{' '.join(map(str, words))}"


def harmless(text: str) -> str:
    r"""A text of a policy's for the terminal, which obeys some characters: those are written as escapes.

    >>> harmless("1\n\x1b[2J\u202e é")
    '1\n\\x1b[2J\\u202e é'
    """
    return "".join(sign if sign.isprintable() or sign in "\n\t" else ascii(sign)[1:-1] for sign in text)


def say(text: str) -> None:
    """A line for the user, once however many processes run, and at once even into a pipe."""
    if os.environ.get("RANK", "0") == "0":
        print(text, flush=True)


def run(main: Callable[[Sequence[str]], int]) -> None:
    """Runs a command's `main` with the words of the command line and exits."""
    if (here := os.getcwd()) in sys.path:  # by python -m; a datasets.py here must not hide what is installed
        sys.path.remove(here)
        sys.path.append(here)
    # Before torch and transformers are imported: nothing but our own lines on the terminal.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")  # not every one of the retries
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("BITSANDBYTES_NOWELCOME", "1")
    # torch and bitsandbytes bring an OpenMP each; threads that spin for long while they wait take the cores from each
    # other, and a step takes up to a hundred times as long. Those that never spin make it twice as long.
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    warnings.filterwarnings("ignore", category=FutureWarning)
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)  # a faster kernel it could download
    try:
        code = main(sys.argv[1:])
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        code = 2
    except BrokenPipeError:  # the reader, `head` say, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except OSError as error:
        if error.errno not in USERS:
            raise
        print(f"error: {error.strerror}: {str(error.filename or '')[:200]}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        code = 130
    sys.exit(code)
