"""Killed processes under load: every acknowledged request has exactly one row."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from inferloop_runtime.db.migrate import upgrade
from inferloop_runtime.gateway.key_store import store_key

from tests.support.gateway import RunningGateway, running_gateway, write_config
from tests.support.postgres import running_postgres
from tests.support.scripted_upstream import running_upstream


async def load(gateway: RunningGateway, acknowledged: list[str], stop: asyncio.Event, number: int) -> None:
    """Ask again and again, streaming and not, and note the ids of whole answers."""
    count = 0
    while not stop.is_set():
        count += 1
        try:
            async with gateway.chat(stream=count % 2 == 0) as response:
                body = await response.text()
            if response.status == 200 and (count % 2 or "[DONE]" in body):
                acknowledged.append(response.headers["x-request-id"])
        except aiohttp.ClientError:
            await asyncio.sleep(0.05)


@pytest.mark.faults
async def test_no_acknowledged_request_is_lost_or_doubled_when_the_gateway_is_killed(
    database: str, tmp_path: Path
) -> None:
    async with (
        running_upstream() as upstream,
        running_gateway(tmp_path, database, [("tiny", upstream.url)]) as gateway,
    ):
        acknowledged: list[str] = []
        stop = asyncio.Event()
        clients = [asyncio.create_task(load(gateway, acknowledged, stop, number)) for number in range(6)]
        for _ in range(3):
            seen = len(acknowledged)
            while len(acknowledged) < seen + 40:
                await asyncio.sleep(0.02)
            gateway.kill()
            gateway.start()
            await gateway.until("/readyz")
        stop.set()
        await asyncio.gather(*clients)
        rows = await gateway.usage(rows=len(acknowledged))
        assert await gateway.stop() == 0
        ids = [row["request_id"] for row in rows]
        assert len(ids) == len(set(ids))
        # A replayed record that was taken for another request would be stored under such an id.
        assert not any("~" in request_id for request_id in ids)
        assert set(acknowledged) <= set(ids)


@pytest.mark.faults
async def test_requests_succeed_and_none_is_lost_while_postgresql_is_killed_and_restarted(tmp_path: Path) -> None:
    with running_postgres() as dsn:
        await upgrade(dsn)
        async with (
            running_upstream() as upstream,
            running_gateway(tmp_path, dsn, [("tiny", upstream.url)]) as gateway,
        ):
            acknowledged: list[str] = []
            stop = asyncio.Event()
            clients = [asyncio.create_task(load(gateway, acknowledged, stop, number)) for number in range(4)]
            backends = await asyncio.to_thread(postgres_backends, dsn)
            assert backends
            # A killed backend makes the server reset itself, as after a crash of its own.
            for backend in backends:
                os.kill(backend, signal.SIGKILL)
            seen = len(acknowledged)
            while len(acknowledged) < seen + 100:
                await asyncio.sleep(0.02)
            stop.set()
            await asyncio.gather(*clients)
            rows = await gateway.usage(rows=len(acknowledged), timeout_s=30)
            ids = [row["request_id"] for row in rows]
            assert len(ids) == len(set(ids))
            assert not any("~" in request_id for request_id in ids)
            assert set(acknowledged) <= set(ids)
            assert await gateway.stop() == 0
            assert list((tmp_path / "journal").glob("usage-*")) == []


def postgres_backends(dsn: str) -> list[int]:
    """Return the server processes that serve the gateway."""
    import psutil

    port = int(dsn.rsplit("/", 1)[0].rsplit(":", 1)[1])
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if " ".join(process.info["cmdline"] or ()).startswith("postgres: inferloop postgres 127.0.0.1")
        and any(connection.laddr.port == port for connection in process.net_connections("tcp") if connection.laddr)
    ]


async def test_a_second_gateway_on_the_same_journal_is_refused(database: str, tmp_path: Path) -> None:
    async with (
        running_upstream() as upstream,
        running_gateway(tmp_path, database, [("tiny", upstream.url)]),
    ):
        other = tmp_path / "other"
        other.mkdir()
        config, _, _ = write_config(other, database, [("tiny", upstream.url)], journal_dir=str(tmp_path / "journal"))
        command = [sys.executable, "-m", "inferloop_runtime.main", "gateway", "--config", str(config)]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)
        assert done.returncode == 2
        assert "journal_dir" in done.stderr
        assert "Traceback" not in done.stderr


async def test_a_busy_port_is_one_line_that_names_it(database: str, tmp_path: Path) -> None:
    async with running_upstream() as upstream:
        config, _, _ = write_config(tmp_path, database, [("tiny", upstream.url)], port=upstream.port)
        command = [sys.executable, "-m", "inferloop_runtime.main", "gateway", "--config", str(config)]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=30)
        assert done.returncode == 2
        (line,) = done.stderr.strip().splitlines()
        assert str(upstream.port) in line
        assert "`port`" in line


async def test_the_drain_lets_a_stream_end_and_refuses_new_requests(database: str, tmp_path: Path) -> None:
    async with (
        running_upstream(pause_s=0.4) as upstream,
        running_gateway(tmp_path, database, [("tiny", upstream.url)]) as gateway,
    ):
        response = await gateway.chat(stream=True)
        await response.content.readline()
        gateway.process.send_signal(signal.SIGTERM)
        assert (await gateway.until("/readyz", 503))["reasons"]["gateway"] == "stopping"
        async with gateway.chat() as refused:
            assert refused.status == 503
            assert refused.headers["retry-after"]
        assert (await response.text()).endswith("data: [DONE]\n\n")
        assert await gateway.stop() == 0
        (row,) = await gateway.usage(rows=1)
        assert (row["status"], row["completion_tokens"]) == (200, 5)
        assert list((tmp_path / "journal").glob("usage-*")) == []


async def test_what_outlives_the_drain_is_cut_off_with_an_error_event(database: str, tmp_path: Path) -> None:
    async with (
        running_upstream(endless=True, pause_s=0.05) as upstream,
        running_gateway(tmp_path, database, [("tiny", upstream.url)], drain_timeout_s=0.5) as gateway,
    ):
        response = await gateway.chat(stream=True)
        await response.content.readline()
        started = time.monotonic()
        assert await gateway.stop() == 0
        assert time.monotonic() - started < 10
        assert '"error"' in (await response.text()).rsplit("data: ", 1)[1]


async def test_the_gateway_starts_without_the_database_and_is_ready_once_it_is_migrated(
    empty_database: str, tmp_path: Path
) -> None:
    async with (
        running_upstream() as upstream,
        running_gateway(tmp_path, empty_database, [("tiny", upstream.url)], wait_for="/healthz") as gateway,
    ):
        reason = ""
        # Before the first attempt to load them there is no reason but that.
        while not reason or "not loaded yet" in reason:
            reason = (await gateway.until("/readyz", 503))["reasons"]["keys"]
        assert "migrate" in reason
        await upgrade(empty_database)
        await store_key(empty_database, gateway.key, tenant="acme", name="test", scopes=("inference",))
        await gateway.until("/readyz")
        async with gateway.chat() as response:
            assert response.status == 200
