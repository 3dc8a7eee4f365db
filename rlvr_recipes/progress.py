"""One line of live progress, rewritten in place on a terminal and written now and then into a log."""

import os
import shutil
import sys
import time
from typing import TextIO

LOG_EVERY = 5.0  # seconds between lines where a line cannot be rewritten


def duration(seconds: float) -> str:
    """Hours, minutes and seconds.

    >>> duration(75), duration(3725)
    ('1:15', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Line:
    """A progress line. On a dumb terminal or in a file every update is a line of its own, at most one per 5 s."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self.stream = stream
        self.rewritable = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._written = time.monotonic()
        self._width = 0
        self._pending = ""

    def update(self, text: str) -> None:
        """Shows a new state."""
        if self.rewritable:
            text = text[: shutil.get_terminal_size().columns - 1]  # a wrapped line could not be rewritten
            self.stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
        elif time.monotonic() - self._written < LOG_EVERY:
            self._pending = text
            return
        else:
            self.stream.write(text + "\n")
        self._pending = ""
        self._written = time.monotonic()
        self.stream.flush()

    def close(self) -> None:
        """Leaves the last state standing."""
        if self.rewritable and self._width:
            self.stream.write("\n")
        elif self._pending:
            self.stream.write(self._pending + "\n")
        self._pending, self._width = "", 0
        self.stream.flush()
