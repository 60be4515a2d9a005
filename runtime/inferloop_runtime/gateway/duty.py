"""What a process does beside its requests for as long as it serves."""

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine

log = logging.getLogger(__name__)


def start_duty(work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
    """Run `work` in a task; where it fails, the process is told to drain and end, so that a supervisor starts it anew.

    A gateway that serves on without metering, say, would be worse than none.
    """
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_end_process_on_failure)
    return task


def _end_process_on_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("the duty %r failed; stopping", task.get_name(), exc_info=error)
        os.kill(os.getpid(), signal.SIGTERM)
