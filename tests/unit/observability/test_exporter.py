"""The metrics exporter as a real process."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import asyncpg
from aiohttp import web
from inferloop_runtime.observability.exposition import exposition, labelled_families
from prometheus_client.parser import text_string_to_metric_families

from tests.support.postgres import free_port

PAGE = """# HELP jobs_total Jobs
# TYPE jobs_total counter
jobs_total{kind="a",process="own"} 3.0
# HELP wait_seconds Wait
# TYPE wait_seconds histogram
wait_seconds_bucket{le="1.0"} 1.0
wait_seconds_bucket{le="+Inf"} 2.0
wait_seconds_count 2.0
wait_seconds_sum 3.5
"""


@contextlib.asynccontextmanager
async def target(*, delay_s: float = 0.0) -> AsyncIterator[str]:
    async def metrics(_: web.Request) -> web.Response:
        await asyncio.sleep(delay_s)
        return web.Response(text=PAGE)

    application = web.Application()
    application.router.add_get("/metrics", metrics)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/metrics"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def exporter(folder: Path, dsn: str, targets: dict[str, str]) -> AsyncIterator[str]:
    port = free_port()
    (folder / "dsn").write_text(dsn)
    (folder / "run").mkdir()
    (folder / "run" / "tests.pid").write_text(f"{os.getpid()}\n")
    (folder / "run" / "gone.pid").write_text("999999999\n")
    settings = {
        "stack": "test",
        "port": port,
        "dsn_file": str(folder / "dsn"),
        "pid_dir": str(folder / "run"),
        "targets": [{"process": name, "url": url} for name, url in targets.items()],
        "scrape_timeout_s": 1.0,
    }
    (folder / "metrics.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "inferloop_runtime.main", "metrics", "--config", str(folder / "metrics.json")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        async with aiohttp.ClientSession() as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"http://127.0.0.1:{port}/healthz") as response:
                        if response.status == 200:
                            break
                assert time.monotonic() < deadline, (folder / "log").read_text()
                await asyncio.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 15) == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


async def samples(url: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    async with aiohttp.ClientSession() as session, session.get(url + "/metrics") as response:
        assert response.status == 200
        text = await response.text()
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


async def test_metrics_of_all_processes_the_database_and_the_catalog_are_on_one_page(
    database: str, tmp_path: Path
) -> None:
    connection = await asyncpg.connect(database)
    run_id = await connection.fetchval(
        "INSERT INTO capture_runs (job, status, finished_at, rows_read, rows_written, rows_quarantined)"
        " VALUES ('stocks', 'succeeded', now() - interval '60 s', 560, 557, 3) RETURNING id"
    )
    await connection.execute(
        "INSERT INTO datasets (capture_run_id, name, version, path, format, row_count, size_bytes)"
        " VALUES ($1, 'stocks', 2, '/x', 'parquet', 557, 10000)",
        run_id,
    )
    await connection.close()
    async with target() as first, target() as second, exporter(tmp_path, database, {"a": first, "b": second}) as url:
        found = await samples(url)
        async with aiohttp.ClientSession() as session, session.get(url + "/elsewhere") as response:
            assert response.status == 404
    for process in ("a", "b", "postgres"):
        assert found[key("up", process=process)] == 1
    assert found[key("jobs_total", kind="a", process="a", exported_process="own")] == 3
    assert found[key("wait_seconds_bucket", le="+Inf", process="b")] == 2
    assert found[key("inferloop_process_running", process="tests")] == 1
    assert found[key("inferloop_process_running", process="gone")] == 0
    assert found[key("inferloop_process_resident_bytes", process="tests")] > 10_000_000
    assert found[key("inferloop_process_cpu_seconds_total", process="tests")] > 0
    assert found[key("inferloop_postgres_size_bytes")] > 1_000_000
    assert found[key("inferloop_postgres_connections", state="active")] >= 1
    assert found[key("inferloop_postgres_transactions_committed_total")] >= 0
    assert found[key("inferloop_capture_last_run_succeeded", job="stocks")] == 1
    assert found[key("inferloop_capture_last_run_rows", job="stocks", kind="quarantined")] == 3
    assert found[key("inferloop_capture_last_run_age_seconds", job="stocks")] >= 59
    assert found[key("inferloop_dataset_rows", dataset="stocks")] == 557


async def test_dead_and_slow_targets_are_down_and_delay_nothing(tmp_path: Path) -> None:
    dead = f"http://127.0.0.1:{free_port()}/metrics"
    database = f"postgresql://u:hidden@127.0.0.1:{free_port()}/x"
    async with (
        target() as well,
        target(delay_s=30) as slow,
        exporter(tmp_path, database, {"well": well, "slow": slow, "dead": dead}) as url,
    ):
        started = time.monotonic()
        found = await samples(url)
        assert time.monotonic() - started < 5
    up = {process: found[key("up", process=process)] for process in ("well", "slow", "dead", "postgres")}
    assert up == {"well": 1, "slow": 0, "dead": 0, "postgres": 0}


async def test_a_database_that_is_not_migrated_still_has_statistics(empty_database: str, tmp_path: Path) -> None:
    async with exporter(tmp_path, empty_database, {}) as url:
        found = await samples(url)
    assert found[key("up", process="postgres")] == 1
    assert not any(name.startswith("inferloop_capture") for name, _ in found)


def test_families_of_one_name_are_merged_and_those_of_another_type_left_out() -> None:
    families = labelled_families("# TYPE x gauge\nx 1\n", "a") + labelled_families("# TYPE x gauge\nx 2\n", "b")
    families += labelled_families("# TYPE x untyped\nx 5\n", "c")
    families += labelled_families("# TYPE x_total counter\nx_total 7\n", "d")
    text = exposition(families).decode()
    assert text.count("# TYPE x gauge") == 1
    assert 'x{process="a"} 1.0' in text
    assert 'x{process="b"} 2.0' in text
    assert 'process="c"' not in text
    assert 'x_total{process="d"} 7.0' in text
