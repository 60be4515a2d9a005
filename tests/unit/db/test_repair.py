from collections.abc import AsyncIterator

import asyncpg
import pytest
from inferloop_runtime.db.migrate import head_revision, upgrade
from inferloop_runtime.db.repair import repair
from inferloop_runtime.db.schema_objects import Drift, find_drift
from inferloop_runtime.errors import DatabaseError

TENANT = "INSERT INTO tenants (name) VALUES ('acme') RETURNING id"
KEY = "INSERT INTO api_keys (tenant_id, name, prefix, key_hash) VALUES ($1, 'k', 'il_x', 'x') RETURNING id"
USAGE = (
    "INSERT INTO usage (request_id, tenant_id, api_key_id, model, endpoint, status, prompt_tokens, completion_tokens, "
    "started_at, latency_ms) VALUES ($3, $1, $2, 'm', '/e', 200, 1, 2, now(), 3.5)"
)


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(database)
    yield opened
    await opened.close()


async def definition(connection: asyncpg.Connection) -> list[tuple[object, ...]]:
    """All columns, constraints and indexes, as PostgreSQL itself describes them."""
    columns = await connection.fetch(
        "SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity "
        "FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
    )
    constraints = await connection.fetch(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace AND contype <> 'n' ORDER BY 1, 2"
    )
    indexes = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
    )
    return [tuple(row) for row in (*columns, *constraints, *indexes)]


async def drift(connection: asyncpg.Connection) -> Drift:
    return await find_drift(connection)


@pytest.mark.parametrize("table", ["models", "tenants", "api_keys", "usage", "capture_runs", "datasets"])
async def test_a_dropped_table_comes_back_with_its_indexes_constraints_and_the_keys_that_pointed_to_it(
    connection: asyncpg.Connection, database: str, table: str
) -> None:
    before = await definition(connection)
    await connection.execute(f"DROP TABLE {table} CASCADE")
    assert f"table {table}" in (await drift(connection)).missing
    assert any(f"table {table}" in line for line in await repair(database))
    assert await definition(connection) == before
    assert (await drift(connection)).missing == ()
    assert await repair(database) == ()


async def test_all_tables_dropped_at_once_come_back(connection: asyncpg.Connection, database: str) -> None:
    before = await definition(connection)
    await connection.execute("DROP TABLE models, tenants, api_keys, usage, capture_runs, datasets CASCADE")
    await repair(database)
    assert await definition(connection) == before


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE api_keys DROP CONSTRAINT api_keys_tenant_id_fkey",
        "ALTER TABLE tenants DROP CONSTRAINT tenants_pkey CASCADE",
        "ALTER TABLE usage DROP CONSTRAINT usage_tokens_check",
        "ALTER TABLE datasets DROP CONSTRAINT datasets_name_version_key",
        "DROP INDEX usage_tenant_id_started_at_idx",
        "ALTER TABLE usage DROP COLUMN tenant_id",
        "ALTER TABLE usage DROP COLUMN id",
        "ALTER TABLE models DROP COLUMN name, DROP COLUMN updated_at",
        "ALTER TABLE datasets DROP COLUMN statistics",
        "ALTER TABLE api_keys DROP COLUMN scopes",
        "DROP TABLE alembic_version",
        "TRUNCATE alembic_version",
    ],
)
async def test_a_dropped_part_of_an_empty_table_comes_back_as_it_was(
    connection: asyncpg.Connection, database: str, statement: str
) -> None:
    before = await definition(connection)
    await connection.execute(statement)
    assert (await drift(connection)).missing
    await repair(database)
    assert await definition(connection) == before
    assert (await drift(connection)).current == head_revision()


async def test_repair_keeps_all_rows_and_everything_else_in_the_database(
    connection: asyncpg.Connection, database: str
) -> None:
    tenant = await connection.fetchval(TENANT)
    key = await connection.fetchval(KEY, tenant)
    await connection.execute(USAGE, tenant, key, "r1")
    await connection.execute("CREATE TABLE mine (note text); INSERT INTO mine VALUES ('stays')")
    await connection.execute("ALTER TABLE tenants ADD COLUMN mine text DEFAULT 'stays'")
    await connection.execute("DROP TABLE models; DROP INDEX usage_tenant_id_started_at_idx")
    await repair(database)
    assert await connection.fetchval("SELECT note FROM mine") == "stays"
    assert await connection.fetchval("SELECT mine FROM tenants") == "stays"
    assert await connection.fetchval("SELECT count(*) FROM usage") == 1


async def test_old_rows_whose_tenant_is_lost_stay_and_new_rows_must_have_one(
    connection: asyncpg.Connection, database: str
) -> None:
    tenant = await connection.fetchval(TENANT)
    key = await connection.fetchval(KEY, tenant)
    await connection.execute(USAGE, tenant, key, "r1")
    await connection.execute("DROP TABLE tenants CASCADE")
    assert any("old rows refer to rows that are lost" in line for line in await repair(database))
    assert await connection.fetchval("SELECT count(*) FROM usage") == 1
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await connection.execute(USAGE, tenant, None, "r2")
    assert await repair(database) == ()


async def test_a_required_column_comes_back_without_its_requirement_where_rows_have_lost_its_value(
    connection: asyncpg.Connection, database: str
) -> None:
    await connection.execute(USAGE, await connection.fetchval(TENANT), None, "r1")
    await connection.execute("ALTER TABLE usage DROP COLUMN model")
    assert await repair(database) == ("put back column usage.model (may be null: 1 rows have lost its value)",)
    assert await connection.fetchval("SELECT model FROM usage") is None


async def test_a_unique_constraint_that_rows_violate_is_told_and_nothing_is_changed(
    connection: asyncpg.Connection, database: str
) -> None:
    await connection.execute("ALTER TABLE tenants DROP CONSTRAINT tenants_name_key")
    await connection.execute("DROP TABLE models")
    await connection.execute(TENANT)
    await connection.execute(TENANT)
    with pytest.raises(DatabaseError, match="tenants_name_key cannot come back: rows of tenants violate it"):
        await repair(database)
    assert "table models" in (await drift(connection)).missing


async def test_an_empty_database_gets_the_whole_schema(empty_database: str) -> None:
    assert await repair(empty_database) == (f"created the whole schema at revision {head_revision()}",)
    assert await repair(empty_database) == ()


async def test_a_database_at_another_revision_is_not_repaired(connection: asyncpg.Connection, database: str) -> None:
    await connection.execute("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(DatabaseError, match="migrate up"):
        await repair(database)


async def test_a_lost_record_of_the_revision_is_not_taken_for_an_empty_database(
    connection: asyncpg.Connection, database: str
) -> None:
    await connection.execute("DROP TABLE alembic_version")
    with pytest.raises(DatabaseError, match="migrate repair"):
        await upgrade(database)
