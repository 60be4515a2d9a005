"""Connect to PostgreSQL and say in one sentence why it did not work, without the password."""

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

import asyncpg

from inferloop_runtime.errors import DatabaseError

_CONNECT_TIMEOUT_S = 10.0


async def connect(dsn: str, *, timeout_s: float = _CONNECT_TIMEOUT_S) -> asyncpg.Connection:
    """Open one connection to `dsn` (`postgresql://user:password@host:port/database`).

    Raises DatabaseError where the DSN is malformed, nobody listens, or the server refuses; its message names host,
    port, user and database, never the password.
    """
    try:
        parts = urlsplit(dsn)
        place = f"{parts.hostname or 'localhost'}:{parts.port or 5432}"
        user, database = parts.username or "", parts.path.lstrip("/")
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("postgresql", "postgres"):
        raise DatabaseError("the DSN is not a URL of the form postgresql://user:password@host:port/database")
    try:
        return await asyncpg.connect(dsn, timeout=timeout_s, server_settings={"application_name": "inferloop"})
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError):
        reason = f"the server refuses user {user!r} or its password; check the DSN file"
    except asyncpg.InvalidCatalogNameError:
        reason = f"database {database!r} does not exist there; create it or correct the DSN file"
    except asyncpg.CannotConnectNowError:
        reason = "the server is starting or stopping; try again in a moment"
    except asyncpg.PostgresError as error:
        reason = f"the server refuses ({error.args[0] if error.args else type(error).__name__})"
    except TimeoutError:
        reason = f"no answer within {timeout_s:g} s; is the server running?"
    except OSError as error:
        reason = f"{error.strerror or 'no connection'}; is the server running?"
    except asyncpg.InternalClientError:
        reason = "the server went away meanwhile; is it running?"
    except (asyncpg.InterfaceError, ValueError):
        reason = "the DSN holds an option that is not understood; check the DSN file"
    raise DatabaseError(f"cannot connect to the database at {place}: {reason}") from None


@contextlib.contextmanager
def database_errors() -> Iterator[None]:
    """Turn asyncpg's errors inside the block into DatabaseError; statement parameters never appear in it."""
    try:
        yield
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
        raise DatabaseError(
            f"the database's schema is not the one of this release ({error.args[0]}); "
            "run `inferloop-runtime migrate up` or `migrate repair`"
        ) from None
    except (
        asyncpg.PostgresConnectionError,
        asyncpg.AdminShutdownError,
        asyncpg.InterfaceError,
        # What asyncpg says where the server goes in the middle of an operation.
        asyncpg.InternalClientError,
        OSError,
    ) as error:
        raise DatabaseError(f"the connection to the database was lost ({error}); is the server running?") from error
    except asyncpg.PostgresError as error:
        raise DatabaseError(f"the database refuses the statement: {error.args[0]}") from error
