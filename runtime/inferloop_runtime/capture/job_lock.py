"""Let one capture run at a time work on a job or a data set."""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from inferloop_runtime.errors import CaptureError

_POLL_S = 0.1


@contextlib.contextmanager
def locked(path: Path, what: str, *, wait_s: float, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock file `path`; the kernel frees it when the process ends, however it ends.

    Waits up to `wait_s` for another run, and says so through `tell`; then raises CaptureError that names it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CaptureError(f"cannot write {path}: {error.strerror}") from error
    try:
        deadline = time.monotonic() + wait_s
        told = False
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = f"process {os.pread(descriptor, 32, 0).decode(errors='replace').strip() or '?'}"
            if time.monotonic() >= deadline:
                raise CaptureError(f"{what} is being captured by {holder}; let it finish and run again")
            if not told:
                tell(f"{what} is being captured by {holder}; waiting up to {wait_s:g} s")
                told = True
            time.sleep(_POLL_S)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
