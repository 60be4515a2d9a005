"""Read and write the catalog: the tables `capture_runs` and `datasets`."""

import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from inferloop_runtime.capture.manifest import DatasetVersion, Part, RunFacts
from inferloop_runtime.db.connect import connect, database_errors

_UPSERT_RUN = """
INSERT INTO capture_runs (id, job, status, started_at, finished_at, rows_read, rows_written, rows_quarantined, source)
VALUES ($1, $2, 'succeeded', $3, $4, $5, $6, $7, $8)
ON CONFLICT (id) DO UPDATE SET status = 'succeeded', finished_at = $4, rows_read = $5, rows_written = $6,
    rows_quarantined = $7, error = NULL
"""
_INSERT_DATASET = """
INSERT INTO datasets (capture_run_id, name, version, path, format, row_count, size_bytes, schema, statistics, lineage,
    privacy, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
_SELECT_DATASETS = """
SELECT datasets.*, capture_runs.id IS NOT NULL AS has_run
FROM datasets LEFT JOIN capture_runs ON capture_runs.id = capture_run_id
WHERE name = $1 ORDER BY version
"""
_START_RUN = """
INSERT INTO capture_runs (id, job, status, started_at, source) VALUES ($1, $2, 'running', $3, $4)
ON CONFLICT (id) DO UPDATE SET status = 'running', attempts = capture_runs.attempts + 1, finished_at = NULL,
    error = NULL
"""
_ABANDON_RUNS = """
UPDATE capture_runs SET status = 'failed', finished_at = now(), error = 'interrupted, and never continued'
WHERE job = $1 AND status = 'running' AND id <> $2
"""
_FAIL_RUN = """
UPDATE capture_runs SET status = 'failed', finished_at = now(), error = $2, rows_read = $3, rows_written = $4,
    rows_quarantined = $5
WHERE id = $1 AND status = 'running'
"""


class Catalog:
    """The catalog in the database `dsn`; every call opens one connection. All calls raise DatabaseError."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def versions(self, dataset: str) -> list[tuple[DatasetVersion, bool]]:
        """Return all versions of a data set, oldest first, each with whether its run is known too."""
        async with self._connection() as connection:
            rows = await connection.fetch(_SELECT_DATASETS, dataset)
        return [(_version(row), row["has_run"]) for row in rows]

    async def start_run(self, run_id: str, job: str, started_at: str, source: dict[str, Any]) -> None:
        """Record that a run works, for the first time or again; runs of the job that nobody continues have failed."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute(_ABANDON_RUNS, job, uuid.UUID(run_id))
            await connection.execute(
                _START_RUN, uuid.UUID(run_id), job, datetime.fromisoformat(started_at), json.dumps(source)
            )

    async def fail_run(self, run_id: str, error: str, *, read: int, written: int, quarantined: int) -> None:
        """Record why a run failed, and how far it came; a run that was committed after all stays succeeded."""
        async with self._connection() as connection:
            await connection.execute(_FAIL_RUN, uuid.UUID(run_id), error, read, written, quarantined)

    async def commit(self, version: DatasetVersion, path: Path, publish: Callable[[], None]) -> None:
        """Record a version and its run in one transaction; `publish` is called before it is committed.

        Where `publish` raises, nothing is recorded.
        """
        async with self._connection() as connection, connection.transaction():
            await _record_run(connection, version)
            await connection.execute(
                _INSERT_DATASET,
                uuid.UUID(version.run.id),
                version.dataset,
                version.version,
                str(path),
                version.format,
                version.rows_written,
                version.size_bytes,
                json.dumps({"columns": version.columns}),
                json.dumps(version.statistics, allow_nan=False),
                json.dumps(_lineage(version)),
                json.dumps(version.privacy),
                datetime.fromisoformat(version.run.finished_at),
            )
            publish()

    async def record_run(self, version: DatasetVersion) -> None:
        """Record the run of a version again, where its row was lost."""
        async with self._connection() as connection:
            await _record_run(connection, version)

    async def replace_lineage(self, version: DatasetVersion) -> None:
        """Record other digests for the files of a version, where these were made again by another release."""
        async with self._connection() as connection:
            await connection.execute(
                "UPDATE datasets SET lineage = $3, size_bytes = $4 WHERE name = $1 AND version = $2",
                version.dataset,
                version.version,
                json.dumps(_lineage(version)),
                version.size_bytes,
            )

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await connect(self._dsn)
        try:
            with database_errors():
                yield connection
        finally:
            await connection.close(timeout=5)


async def _record_run(connection: asyncpg.Connection, version: DatasetVersion) -> None:
    await connection.execute(
        _UPSERT_RUN,
        uuid.UUID(version.run.id),
        version.run.job,
        datetime.fromisoformat(version.run.started_at),
        datetime.fromisoformat(version.run.finished_at),
        version.rows_read,
        version.rows_written,
        version.rows_quarantined,
        json.dumps(version.source),
    )


def _lineage(version: DatasetVersion) -> dict[str, Any]:
    return {
        "run": version.run.model_dump(),
        "source": version.source,
        "code_version": version.code_version,
        "settings_sha256": version.settings_sha256,
        "parts": [part.model_dump() for part in version.parts],
    }


def _version(row: asyncpg.Record) -> DatasetVersion:
    lineage = json.loads(row["lineage"])
    return DatasetVersion(
        dataset=row["name"],
        version=row["version"],
        format=row["format"],
        run=RunFacts.model_validate(lineage["run"]),
        columns=json.loads(row["schema"])["columns"],
        statistics=json.loads(row["statistics"]),
        source=lineage["source"],
        code_version=lineage["code_version"],
        settings_sha256=lineage["settings_sha256"],
        parts=[Part.model_validate(part) for part in lineage["parts"]],
        privacy=json.loads(row["privacy"]),
    )
