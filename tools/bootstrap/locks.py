"""Locks between set-ups: the kernel frees them when their last holder ends, however it ends."""

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from tools.bootstrap.errors import StoppedError
from tools.bootstrap.progress import Progress

_POLL_S = 0.2


@contextlib.contextmanager
def exclusive(path: Path, *, topic: str, progress: Progress, stop: threading.Event) -> Iterator[int]:
    """Hold the lock at `path`, waiting for another holder and saying so; yield its file descriptor.

    A child that inherits the descriptor keeps the lock until it ends too, so that nobody starts beside what a killed
    set-up left running. Raises StoppedError when `stop` is set while waiting.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        waiting = False
        while not _try(descriptor):
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            text = f"another set-up (process {holder}) is at work here; waiting for it (Ctrl-C gives up)"
            (progress.tick if waiting else progress.say)(topic, text)
            waiting = True
            if stop.wait(_POLL_S):
                raise StoppedError
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
