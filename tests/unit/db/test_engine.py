import asyncpg
import pytest
from inferloop_runtime.db.connect import connect
from inferloop_runtime.db.engine import create_engine
from inferloop_runtime.errors import DatabaseError
from sqlalchemy import text

from tests.support.postgres import PASSWORD, free_port

SECRET = "very-secret-word"  # pragma: allowlist secret


async def failure(dsn: str) -> str:
    with pytest.raises(DatabaseError) as caught:
        await connect(dsn, timeout_s=3)
    assert SECRET not in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


async def test_a_server_that_does_not_run_is_named_without_the_password() -> None:
    port = free_port()
    message = await failure(f"postgresql://me:{SECRET}@127.0.0.1:{port}/inferloop")
    assert f"127.0.0.1:{port}" in message
    assert "is the server running?" in message


async def test_a_wrong_password_is_told_without_it(postgres_dsn: str) -> None:
    assert "refuses user 'inferloop'" in await failure(postgres_dsn.replace(PASSWORD, SECRET))


async def test_a_database_that_does_not_exist_is_named(postgres_dsn: str) -> None:
    assert "'nowhere' does not exist" in await failure(postgres_dsn.rsplit("/", 1)[0] + "/nowhere")


@pytest.mark.parametrize("dsn", ["", SECRET, f"mysql://me:{SECRET}@h/d", f"postgresql://me:{SECRET}@h:port/d"])
async def test_a_text_that_is_no_dsn_is_refused_without_repeating_it(dsn: str) -> None:
    assert "not a URL of the form" in await failure(dsn)


async def test_an_unknown_option_of_the_dsn_is_told(postgres_dsn: str) -> None:
    assert "option" in await failure(f"{postgres_dsn}?sslmode={SECRET}")


async def test_the_engine_runs_statements_and_never_shows_its_dsn(database: str) -> None:
    engine = create_engine(database)
    assert PASSWORD not in repr(engine)
    assert PASSWORD not in str(engine.url.render_as_string(hide_password=False))
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM models"))).scalar() == 0
    await engine.dispose()


async def test_the_engine_tells_a_failed_connection_as_a_database_error() -> None:
    engine = create_engine(f"postgresql://me:{SECRET}@127.0.0.1:{free_port()}/inferloop")
    with pytest.raises(DatabaseError, match="is the server running"):
        async with engine.connect():
            pass
    await engine.dispose()


async def test_a_table_that_is_missing_is_told_with_the_command_that_mends_it(empty_database: str) -> None:
    engine = create_engine(empty_database)
    with pytest.raises(DatabaseError, match="migrate up"):
        async with engine.connect() as connection:
            await connection.execute(text("SELECT * FROM models"))
    await engine.dispose()


async def test_a_connection_that_was_cut_is_replaced_at_its_next_use_and_told_within_one(database: str) -> None:
    engine = create_engine(database)
    admin = await asyncpg.connect(database)
    async with engine.connect() as connection:
        pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar()
        await admin.execute("SELECT pg_terminate_backend($1)", pid)
        with pytest.raises(DatabaseError, match="closed the connection"):
            await connection.execute(text("SELECT 1"))
    async with engine.connect() as connection:
        pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar()
        await connection.commit()
    await admin.execute("SELECT pg_terminate_backend($1)", pid)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar() == 1
    await admin.close()
    await engine.dispose()
