"""Move the database's schema between revisions with Alembic."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from asyncpg.exceptions import LockNotAvailableError
from sqlalchemy import Connection, NullPool, inspect, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from inferloop_runtime.db.engine import create_engine
from inferloop_runtime.db.models import Base
from inferloop_runtime.errors import DatabaseError

_SCRIPTS = Path(__file__).parent / "migrations"
# Any number that nobody else takes as an advisory lock in this database: "inferlop" in ASCII.
_LOCK_KEY = int.from_bytes(b"inferlop")
_LOCK_TIMEOUT_S = 120


def alembic_config(connection: Connection | None = None) -> Config:
    """Make Alembic's configuration for the packaged migrations, bound to `connection` where one is given."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def head_revision() -> str:
    """Tell the newest revision among the packaged migrations."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if head is None:
        raise DatabaseError(f"this installation holds no migrations in {_SCRIPTS}; install it again")
    return head


async def upgrade(dsn: str, revision: str = "head") -> None:
    """Run every migration up to `revision`, each in its own transaction; do nothing when the database is there.

    Two processes that call this at once run one after the other. Raises DatabaseError where the database cannot be
    reached, is at a revision that this release does not know, has tables but no record of its revision, or where
    another migration holds the lock for two minutes.
    """

    def run(connection: Connection) -> None:
        if current_revision(connection) is None and _has_tables(connection):
            raise DatabaseError(
                "the database has this suite's tables but no record of their revision; "
                "run `inferloop-runtime migrate repair`"
            )
        connection.rollback()
        command.upgrade(alembic_config(connection), revision)

    await run_locked(dsn, run)


async def downgrade(dsn: str, revision: str) -> None:
    """Undo every migration after `revision` ("base" undoes all, and with them all data). Raises as `upgrade` does."""
    await run_locked(dsn, lambda connection: command.downgrade(alembic_config(connection), revision))


async def run_locked(dsn: str, work: Callable[[Connection], None]) -> None:
    """Run `work` on one connection while no other process changes the schema.

    Raises DatabaseError for every failure of the database or of a migration; the server's message is kept, statement
    parameters are not.
    """
    engine = create_engine(dsn, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            # The lock belongs to the session, so it spans the migrations' own transactions and ends with a crash too.
            await connection.execute(text(f"SET lock_timeout = '{_LOCK_TIMEOUT_S}s'"))
            await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK_KEY})
            await connection.commit()
            await connection.run_sync(work)
    except CommandError as error:
        raise DatabaseError(
            f"cannot migrate: {error}; this release knows revisions up to {head_revision()}, "
            "install the release that made the database's revision"
        ) from error
    except DBAPIError as error:
        if isinstance(error.orig, Exception) and isinstance(error.orig.__cause__, LockNotAvailableError):
            raise DatabaseError(
                f"another process has held a lock on the schema for {_LOCK_TIMEOUT_S} s; let it finish and run again"
            ) from None
        raise DatabaseError(f"the schema could not be changed: {_server_message(error)}") from error
    except SQLAlchemyError as error:
        raise DatabaseError(f"the schema could not be changed: {error}") from error
    finally:
        await engine.dispose()


def current_revision(connection: Connection) -> str | None:
    """Read the revision that the database records, None where it records none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _has_tables(connection: Connection) -> bool:
    return not Base.metadata.tables.keys().isdisjoint(inspect(connection).get_table_names())


def _server_message(error: DBAPIError) -> str:
    cause = error.orig.__cause__ if error.orig is not None else None
    return str(cause or error.orig)
