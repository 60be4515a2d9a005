"""Usage records on their way from the journal into the database."""

import dataclasses
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from inferloop_runtime.errors import DatabaseError
from inferloop_runtime.gateway.database import ReconnectingDatabase
from inferloop_runtime.gateway.journal import Journal
from inferloop_runtime.gateway.usage_record import UsageRecord
from inferloop_runtime.gateway.usage_writer import UsageWriter


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(database)
    yield opened
    await opened.close()


@pytest.fixture
async def record(connection: asyncpg.Connection) -> UsageRecord:
    tenant_id = await connection.fetchval("INSERT INTO tenants (name) VALUES ('acme') RETURNING id")
    return UsageRecord(
        request_id="r1",
        tenant_id=uuid.UUID(str(tenant_id)),
        api_key_id=None,
        model="tiny",
        endpoint="/generate",
        status=200,
        prompt_tokens=7,
        completion_tokens=5,
        started_at_us=1_760_000_000_123_457,
        latency_ms=12.5,
        time_to_first_token_ms=None,
    )


async def write(dsn: str, folder: Path, *lines: bytes) -> None:
    journal = Journal(folder, max_bytes=10**6)
    database = ReconnectingDatabase(dsn)
    try:
        for line in lines:
            journal.append(line)
        await UsageWriter(journal, database).flush()
        assert journal.backlog_bytes == 0
    finally:
        journal.close()
        await database.close()


async def ids(connection: asyncpg.Connection) -> list[str]:
    return [row["request_id"] for row in await connection.fetch("SELECT request_id FROM usage ORDER BY id")]


def test_a_record_survives_its_line(record: UsageRecord) -> None:
    assert UsageRecord.from_line(record.to_line()) == record
    for damaged in (b"", b"{}", b"[1]", b'{"tenant_id": 3}', record.to_line()[:-20]):
        with pytest.raises(ValueError, match="not a usage record"):
            UsageRecord.from_line(damaged)


async def test_a_record_that_is_written_twice_is_one_row(
    database: str, tmp_path: Path, connection: asyncpg.Connection, record: UsageRecord
) -> None:
    await write(database, tmp_path, record.to_line())
    await write(database, tmp_path, record.to_line(), record.to_line())
    (row,) = await connection.fetch("SELECT * FROM usage")
    assert int(row["started_at"].timestamp()) == 1_760_000_000
    assert row["started_at"].microsecond == 123_457
    assert (row["latency_ms"], row["time_to_first_token_ms"]) == (12.5, None)


async def test_another_request_of_the_same_id_is_another_row_however_often_it_is_written(
    database: str, tmp_path: Path, connection: asyncpg.Connection, record: UsageRecord
) -> None:
    other = dataclasses.replace(record, started_at_us=record.started_at_us + 1)
    for _ in range(2):
        await write(database, tmp_path, record.to_line(), other.to_line())
    assert await ids(connection) == ["r1", f"r1~{other.started_at_us}"]


async def test_records_of_a_deleted_tenant_do_not_hold_up_the_others(
    database: str, tmp_path: Path, connection: asyncpg.Connection, record: UsageRecord
) -> None:
    orphan = dataclasses.replace(record, request_id="orphan", tenant_id=uuid.uuid4())
    keyless = dataclasses.replace(record, request_id="keyless", api_key_id=uuid.uuid4())
    await write(database, tmp_path, orphan.to_line(), keyless.to_line(), record.to_line())
    assert await ids(connection) == ["keyless", "r1"]


async def test_damaged_lines_are_left_out_and_the_others_written(
    database: str, tmp_path: Path, connection: asyncpg.Connection, record: UsageRecord
) -> None:
    await write(database, tmp_path, b"\x00\xff garbage\n", record.to_line(), b"{}\n")
    assert await ids(connection) == ["r1"]


async def test_records_stay_in_the_journal_while_the_database_is_away(tmp_path: Path, record: UsageRecord) -> None:
    journal = Journal(tmp_path, max_bytes=10**6)
    journal.append(record.to_line())
    writer = UsageWriter(journal, ReconnectingDatabase("postgresql://u:hidden@127.0.0.1:1/x"))
    with pytest.raises(DatabaseError) as raised:
        await writer.flush()
    assert "hidden" not in str(raised.value)
    assert journal.backlog_bytes == len(record.to_line())
    journal.close()
