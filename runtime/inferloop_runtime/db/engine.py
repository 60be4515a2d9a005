"""Make SQLAlchemy's asynchronous engine for PostgreSQL."""

from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from inferloop_runtime.db.connect import connect
from inferloop_runtime.errors import DatabaseError

# https://www.postgresql.org/docs/current/errcodes-appendix.html: undefined_table, undefined_column.
_BEHIND = frozenset({"42P01", "42703"})


def create_engine(dsn: str, **options: Any) -> AsyncEngine:
    """Make the engine for `dsn`; `options` go to SQLAlchemy's `create_async_engine`. Connects only when used.

    The engine holds the DSN in its connection factory alone, so neither its URL nor an error shows the password;
    statement parameters stay out of errors too. Failed and lost connections, and a table or column that does not
    exist, come as DatabaseError; other errors are SQLAlchemy's own.
    """

    async def connection() -> asyncpg.Connection:
        return await connect(dsn)

    options.setdefault("pool_pre_ping", True)
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connection, hide_parameters=True, **options)
    event.listen(engine.sync_engine, "handle_error", _as_database_error)
    return engine


def _as_database_error(context: ExceptionContext) -> None:
    if context.is_pre_ping:
        return
    cause = context.original_exception.__cause__
    if context.is_disconnect or isinstance(cause, asyncpg.PostgresConnectionError | asyncpg.AdminShutdownError):
        # Also where SQLAlchemy does not see it: the pool must not hand this connection out again.
        context.is_disconnect = True
        raise DatabaseError("the database closed the connection; is the server running?")
    if getattr(context.original_exception, "sqlstate", None) in _BEHIND:
        raise DatabaseError(
            "the database lacks a table or column; run `inferloop-runtime migrate up` or `migrate repair`"
        )
