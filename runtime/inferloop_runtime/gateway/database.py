"""One connection to PostgreSQL that comes back after the server was away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from inferloop_runtime.db.connect import connect, database_errors
from inferloop_runtime.errors import DatabaseError

ResultT = TypeVar("ResultT")


class ReconnectingDatabase:
    """Run one statement at a time on one lazily opened connection; a lost one is replaced at the next use."""

    def __init__(self, dsn: str, *, timeout_s: float = 10.0) -> None:
        self._dsn = dsn
        self._timeout_s = timeout_s
        self._connection: asyncpg.Connection | None = None
        self._lock = asyncio.Lock()

    async def run(self, work: Callable[[asyncpg.Connection], Awaitable[ResultT]]) -> ResultT:
        """Await `work` with the connection; raises DatabaseError, without the password, when it cannot be done."""
        async with self._lock:
            try:
                async with asyncio.timeout(self._timeout_s):
                    if self._connection is None or self._connection.is_closed():
                        self._connection = await connect(self._dsn, timeout_s=self._timeout_s)
                    with database_errors():
                        return await work(self._connection)
            except TimeoutError:
                self._drop()
                raise DatabaseError(f"the database gave no answer within {self._timeout_s:g} s") from None
            except (DatabaseError, asyncio.CancelledError):
                self._drop()
                raise

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """Close the connection."""
        async with self._lock:
            self._drop()
