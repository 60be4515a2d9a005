"""Threads of this process that Python did not start, so that their end can be waited for.

Granian's embedded server reports its end before its own threads have ended. One that calls back into Python while the
interpreter is being taken down aborts the process (SIGABRT instead of exit code 0), so the caller waits for them.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path


def native_threads(tasks: Path = Path("/proc/self/task")) -> set[int]:
    """Return the kernel's ids of these threads; an empty set where the system does not list them (not Linux)."""
    if not tasks.is_dir():
        return set()
    return {int(entry.name) for entry in tasks.iterdir()} - {thread.native_id for thread in threading.enumerate()}


async def until_ended(threads: set[int], timeout_s: float, *, running: Callable[[], set[int]] = native_threads) -> bool:
    """Wait until none of `threads` is among the `running` ones; return False where some still are after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while threads & running():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True
