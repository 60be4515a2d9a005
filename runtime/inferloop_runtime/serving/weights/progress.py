"""Progress of long work on standard error: a live line on a terminal, a few plain lines elsewhere."""

import sys
from typing import TextIO


class Progress:
    """Tell a person how far a preparation is.

    On a terminal `step` redraws one line; elsewhere only `say` and `done` write, so logs stay short.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._live = self._stream.isatty()
        self._last_percent = -1

    def say(self, message: str) -> None:
        """Write one plain line."""
        self._clear()
        print(message, file=self._stream, flush=True)

    def step(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` units of `what` are finished."""
        percent = 100 * done // max(total, 1)
        if self._live and percent != self._last_percent:
            self._last_percent = percent
            print(f"\r\033[K{what} {percent:3d} %", end="", file=self._stream, flush=True)

    def _clear(self) -> None:
        if self._live and self._last_percent >= 0:
            self._last_percent = -1
            print("\r\033[K", end="", file=self._stream, flush=True)
