"""Run Pulumi programs where the stack of calls is short.

The SDK describes the whole stack of calls for every resource, and that of a test is deep.
"""

import asyncio
import contextvars
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def run_in_thread(program: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine returns, run by an event loop in a thread of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(contextvars.copy_context().run, asyncio.run, program).result()
