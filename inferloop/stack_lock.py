"""Let one command at a time change the stacks of a home."""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from inferloop.errors import StackBusyError
from inferloop.project import Home

_POLL_S = 0.2


def lock_of(home: Home, stack: str, *, runs_here: bool) -> Path:
    """Return the file that a changing command locks: the home's, or that of one stack that lies in a cloud.

    A change of a cloud takes up to an hour, and shares no process with the stacks on this machine.
    """
    return home.lock if runs_here else home.stack_dir(stack) / ".lock"


@contextlib.contextmanager
def stack_lock(path: Path, command: str, *, wait: bool, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock while the block runs; the kernel gives it back even after kill -9.

    Where another command holds it, either wait, telling once for whom, or (`wait=False`) raise StackBusyError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        told = False
        while not _try_lock(file):
            holder = _describe(file)
            if not wait:
                raise StackBusyError(f"{holder} is at work on the stacks in {path.parent}; try again when it has ended")
            if not told:
                tell(f"waiting for {holder} to end (press Ctrl-C to give up)")
                told = True
            time.sleep(_POLL_S)
        file.truncate(0)
        since = datetime.now(UTC).astimezone().strftime("%H:%M:%S")
        file.write(json.dumps({"pid": os.getpid(), "command": command, "since": since}))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _describe(file: IO[str]) -> str:
    file.seek(0)
    try:
        holder = json.loads(file.read())
        return f"`{holder['command']}` (process {holder['pid']}, since {holder['since']})"
    except (ValueError, KeyError, TypeError):
        return "another inferloop command"
