"""What PostgreSQL and the catalog tell about themselves."""

from collections.abc import Iterator

import asyncpg
from prometheus_client import Metric

_DATABASE = """
SELECT pg_database_size(datname) AS size_bytes, numbackends, xact_commit, xact_rollback, blks_read, blks_hit, deadlocks,
       temp_bytes, current_setting('max_connections')::int AS max_connections,
       extract(epoch FROM now() - pg_postmaster_start_time())::float8 AS uptime_s
FROM pg_stat_database WHERE datname = current_database()
"""
_CONNECTIONS = """
SELECT coalesce(state, 'background') AS state, count(*) AS connections FROM pg_stat_activity
WHERE datname = current_database() GROUP BY 1
"""
_CAPTURES = """
SELECT DISTINCT ON (job) job, status, rows_read, rows_written, rows_quarantined,
       extract(epoch FROM now() - coalesce(finished_at, started_at))::float8 AS age_s
FROM capture_runs ORDER BY job, started_at DESC
"""
_DATASETS = """
SELECT DISTINCT ON (name) name, version, row_count, size_bytes,
       extract(epoch FROM now() - created_at)::float8 AS age_s
FROM datasets ORDER BY name, version DESC
"""
_CATALOG_EXISTS = "SELECT to_regclass('capture_runs') IS NOT NULL AND to_regclass('datasets') IS NOT NULL"

_GAUGES = {
    "size_bytes": "Size of the database",
    "max_connections": "Connections that the server allows",
    "uptime_s": "Since the server started",
}
_COUNTERS = {
    "xact_commit": ("transactions_committed", "Committed transactions"),
    "xact_rollback": ("transactions_rolled_back", "Transactions rolled back"),
    "blks_read": ("blocks_read", "Blocks read from disk"),
    "blks_hit": ("blocks_hit", "Blocks found in memory"),
    "deadlocks": ("deadlocks", "Deadlocks"),
    "temp_bytes": ("temporary_bytes", "Bytes written to temporary files"),
}


def _gauge(name: str, text: str, value: float | None = None) -> Metric:
    metric = Metric(f"inferloop_{name}", text, "gauge")
    if value is not None:
        metric.add_sample(metric.name, {}, value)
    return metric


async def database_families(connection: asyncpg.Connection) -> list[Metric]:
    """Ask the server, and the catalog where it was migrated already; raises asyncpg's errors."""
    families: list[Metric] = []
    server = await connection.fetchrow(_DATABASE)
    if server is not None:
        for column, text in _GAUGES.items():
            name = column.removesuffix("_s") + "_seconds" if column.endswith("_s") else column
            families.append(_gauge(f"postgres_{name}", text, float(server[column])))
        for column, (name, text) in _COUNTERS.items():
            counter = Metric(f"inferloop_postgres_{name}", text, "counter")
            counter.add_sample(counter.name + "_total", {}, float(server[column]))
            families.append(counter)
    connections = _gauge("postgres_connections", "Connections to the database by state")
    for row in await connection.fetch(_CONNECTIONS):
        connections.add_sample(connections.name, {"state": row["state"]}, row["connections"])
    families.append(connections)
    if await connection.fetchval(_CATALOG_EXISTS):
        families.extend(_capture_families(await connection.fetch(_CAPTURES)))
        families.extend(_dataset_families(await connection.fetch(_DATASETS)))
    return families


def _capture_families(runs: list[asyncpg.Record]) -> Iterator[Metric]:
    succeeded = _gauge("capture_last_run_succeeded", "Whether a job's last run succeeded")
    status = _gauge("capture_last_run_status", "1 for the state of a job's last run")
    age = _gauge("capture_last_run_age_seconds", "Since a job's last run ended, or began where it runs")
    rows = _gauge("capture_last_run_rows", "Rows of a job's last run")
    for run in runs:
        job = {"job": run["job"]}
        succeeded.add_sample(succeeded.name, job, float(run["status"] == "succeeded"))
        status.add_sample(status.name, job | {"status": run["status"]}, 1)
        age.add_sample(age.name, job, run["age_s"])
        for kind in ("read", "written", "quarantined"):
            rows.add_sample(rows.name, job | {"kind": kind}, run[f"rows_{kind}"])
    yield from (succeeded, status, age, rows)


def _dataset_families(datasets: list[asyncpg.Record]) -> Iterator[Metric]:
    columns = {
        "version": ("dataset_version", "Newest version of a data set"),
        "row_count": ("dataset_rows", "Rows of a data set's newest version"),
        "size_bytes": ("dataset_bytes", "Size of a data set's newest version"),
        "age_s": ("dataset_age_seconds", "Since a data set's newest version was committed"),
    }
    for column, (name, text) in columns.items():
        metric = _gauge(name, text)
        for dataset in datasets:
            metric.add_sample(metric.name, {"dataset": dataset["name"]}, float(dataset[column]))
        yield metric
