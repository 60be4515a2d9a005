"""Bring usage records from the journal into the database, each exactly once."""

import asyncio
import logging
from collections.abc import Sequence

import asyncpg

from inferloop_runtime.errors import DatabaseError
from inferloop_runtime.gateway.database import ReconnectingDatabase
from inferloop_runtime.gateway.journal import Journal
from inferloop_runtime.gateway.usage_record import UsageRecord

log = logging.getLogger(__name__)

# The records go as the JSON that the journal holds: PostgreSQL takes it apart at a fraction of what Python would need.
# A tenant that was deleted meanwhile takes its rows along, as ON DELETE CASCADE would have.
_INSERT = """
INSERT INTO usage (request_id, tenant_id, api_key_id, model, endpoint, status, prompt_tokens, completion_tokens,
                   started_at, latency_ms, time_to_first_token_ms)
SELECT {request_id}, record.tenant_id, api_keys.id, record.model, record.endpoint, record.status,
       record.prompt_tokens, record.completion_tokens, {started_at}, record.latency_ms,
       record.time_to_first_token_ms
FROM json_to_recordset($1::json) AS record (
    request_id text, tenant_id uuid, api_key_id uuid, model text, endpoint text, status smallint, prompt_tokens int,
    completion_tokens int, started_at_us bigint, latency_ms float8, time_to_first_token_ms float8
)
JOIN tenants ON tenants.id = record.tenant_id
LEFT JOIN api_keys ON api_keys.id = record.api_key_id
{where}
ON CONFLICT (request_id) DO NOTHING
"""
_STARTED_AT = "'epoch'::timestamptz + record.started_at_us * interval '1 microsecond'"
_INSERT_NEW = _INSERT.format(request_id="record.request_id", started_at=_STARTED_AT, where="")

# A row of the same id and start is this very record, written before a crash. One of another start is another request,
# to which the client gave the same id: it is stored under an id that its start makes unique, so nobody is served
# unmetered.
_INSERT_REUSED = _INSERT.format(
    request_id="record.request_id || '~' || record.started_at_us",
    started_at=_STARTED_AT,
    where=f"""WHERE NOT EXISTS (
    SELECT FROM usage AS stored
    WHERE stored.request_id = record.request_id AND stored.started_at = {_STARTED_AT}
      AND stored.tenant_id = record.tenant_id
)""",
)

_IDLE_S = 0.25
_MAX_BACKOFF_S = 5.0


class UsageWriter:
    """Store the journal's records in the table `usage` as they come; wait while the database is away.

    The journal may give a record twice, after a crash; the table's unique `request_id` keeps one.
    """

    def __init__(self, journal: Journal, database: ReconnectingDatabase) -> None:
        self._journal = journal
        self._database = database
        self._wake = asyncio.Event()
        self.failures = 0
        self.problem: str | None = None

    def wake(self) -> None:
        """Say that the journal has new records."""
        self._wake.set()

    async def run(self) -> None:
        """Write until cancelled."""
        backoff_s = _IDLE_S
        while True:
            try:
                await self.flush()
                backoff_s = _IDLE_S
            except DatabaseError as error:
                self._failed(str(error))
                await asyncio.sleep(backoff_s)
                backoff_s = min(backoff_s * 2, _MAX_BACKOFF_S)
                continue
            self._wake.clear()
            if self._journal.backlog_bytes == 0:
                await self._wake.wait()
            if self._journal.needs_sync:
                await asyncio.to_thread(self._journal.sync)
            # Gather what comes meanwhile into one transaction.
            await asyncio.sleep(_IDLE_S)

    def _failed(self, reason: str) -> None:
        self.failures += 1
        if reason != self.problem:
            log.warning("usage waits in the journal: %s", reason, extra={"backlog_bytes": self._journal.backlog_bytes})
            self.problem = reason

    async def flush(self) -> None:
        """Write all that is in the journal now; raises DatabaseError and keeps the rest where that fails."""
        while (batch := self._journal.read()) is not None:
            try:
                await self._store(batch.lines)
            except _DamagedBatchError:
                await self._store(_sound_lines(batch.lines))
            self._journal.confirm(batch)
            if self.problem is not None:
                log.info("the database takes usage again", extra={"backlog_bytes": self._journal.backlog_bytes})
                self.problem = None

    async def _store(self, lines: Sequence[bytes]) -> None:
        records = (b"[" + b",".join(lines) + b"]").decode(errors="replace")

        async def store(connection: asyncpg.Connection) -> None:
            try:
                async with connection.transaction():
                    inserted = await connection.execute(_INSERT_NEW, records)
                    if int(inserted.rsplit(" ", 1)[-1]) < len(lines):
                        await connection.execute(_INSERT_REUSED, records)
            except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
                raise _DamagedBatchError(str(error)) from error

        await self._database.run(store)


class _DamagedBatchError(Exception):
    """Some line of a batch is no usage record."""


def _sound_lines(lines: Sequence[bytes]) -> list[bytes]:
    """Leave out the lines that are no usage records; only a damaged disk makes such."""
    sound = []
    for line in lines:
        try:
            UsageRecord.from_line(line)
        except ValueError:
            log.error("skipping a damaged line of the usage journal (%d bytes)", len(line))
        else:
            sound.append(line)
    return sound
