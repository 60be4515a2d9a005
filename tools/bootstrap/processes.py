"""Long commands: their output as it comes, stopped whole on request."""

import collections
import contextlib
import os
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.bootstrap.errors import StoppedError

_POLL_S = 0.25
_GRACE_S = 5.0
_TAIL_LINES = 40


@dataclass(frozen=True)
class Finished:
    """How a command ended: its exit status and its last lines of output."""

    status: int
    tail: tuple[str, ...]

    def text(self) -> str:
        """The last lines as one text."""
        return "\n".join(self.tail)


def run(
    command: Sequence[str | os.PathLike[str]],
    *,
    stop: threading.Event,
    on_line: Callable[[str], None] = lambda line: None,
    on_wait: Callable[[], None] = lambda: None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    keep_open: Sequence[int] = (),
) -> Finished:
    """Run a command to its end, calling `on_line` for each line of output and `on_wait` several times a second.

    The command leads a session of its own, so that an interruption reaches this process first and ends the command
    with all its children. Raises StoppedError after ending it when `stop` is set, FileNotFoundError without it.
    """
    tail: collections.deque[str] = collections.deque(maxlen=_TAIL_LINES)
    with subprocess.Popen(
        [os.fspath(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=None if environ is None else dict(environ),
        cwd=folder,
        pass_fds=tuple(keep_open),
        start_new_session=True,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - tells the type checker what PIPE means
        try:
            for line in _lines(process.stdout.fileno(), stop, on_wait):
                tail.append(line)
                on_line(line)
            return Finished(process.wait(), tuple(tail))
        except BaseException:
            _end(process)
            raise


def _lines(descriptor: int, stop: threading.Event, on_wait: Callable[[], None]) -> collections.abc.Iterator[str]:
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            if stop.is_set():
                raise StoppedError
            on_wait()
            if not selector.select(_POLL_S):
                continue
            data = os.read(descriptor, 65536)
            if not data:
                break
            *whole, rest = (rest + data).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
    if rest:
        yield rest.decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
            if number == signal.SIGTERM:
                continue
            return
