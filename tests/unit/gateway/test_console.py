"""The console: who may see it, what its data holds, and how it looks in a browser."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support.gateway import RunningGateway, running_gateway
from tests.support.scripted_upstream import running_upstream

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


async def fill_catalog(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "INSERT INTO models (name, version, type, size_bytes, gpu_memory_required)"
            " VALUES ('tiny', 'sha256:1234', 'text-generation', 1048576, 2097152)"
        )
        run_id = await connection.fetchval(
            "INSERT INTO capture_runs (job, status, finished_at, rows_read, rows_written, rows_quarantined)"
            " VALUES ('stocks-job', 'succeeded', now(), 560, 557, 3) RETURNING id"
        )
        await connection.execute(
            "INSERT INTO datasets (capture_run_id, name, version, path, format, row_count, size_bytes)"
            " VALUES ($1, 'stocks', 1, '/data/stocks', 'parquet', 557, 10000)",
            run_id,
        )
    finally:
        await connection.close()


@pytest.fixture
async def gateway(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[RunningGateway]:
    await fill_catalog(database)
    async with (
        running_upstream() as upstream,
        running_gateway(
            tmp_path, database, [("tiny", upstream.url)], console_access=getattr(request, "param", "open")
        ) as running,
    ):
        yield running


async def data_of(gateway: RunningGateway, key: str | None = None) -> tuple[int, dict[str, Any]]:
    headers = gateway.headers(key) if key else {}
    async with gateway.session.get(gateway.url + "/console/data", headers=headers) as response:
        return response.status, await response.json()


async def test_the_data_tells_of_servers_models_captures_and_rates(gateway: RunningGateway) -> None:
    async with gateway.chat(stream=True) as response:
        await response.read()
    status, data = await data_of(gateway)
    assert status == 200
    assert data["ready"]
    assert data["upstreams"][0]["info"]["num_shard"] == 1
    assert data["models"][0]["name"] == "tiny"
    (run,) = data["captures"]
    assert (run["job"], run["dataset"], run["rows_quarantined"]) == ("stocks-job", "stocks", 3)
    assert data["now"]["requests_per_s"] > 0
    assert data["now"]["tokens_per_s"] > 0
    assert data["now"]["first_token_p95_ms"] > 0
    assert len(data["series"]["requests_per_s"]) == len(data["series"]["first_token_p50_ms"])
    assert "test-only" not in str(data)


@pytest.mark.parametrize("gateway", ["key"], indirect=True)
async def test_with_access_by_key_the_admin_key_alone_opens_the_data(gateway: RunningGateway) -> None:
    assert (await data_of(gateway))[0] == 401
    assert (await data_of(gateway, gateway.key))[0] == 403
    assert (await data_of(gateway, gateway.admin_key))[0] == 200


async def test_the_page_needs_nothing_from_outside_and_allows_no_inline_script(gateway: RunningGateway) -> None:
    async with gateway.session.get(gateway.url + "/") as response:
        assert response.url.path == "/console"
        policy = response.headers["content-security-policy"]
        page = await response.text()
    assert "unsafe-inline" not in policy
    assert "default-src 'none'" in policy
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]*src=)", page)
    linked = re.findall(r'(?:src|href)="([^"#]+)"', page)
    assert linked
    for path in linked:
        assert path.startswith("/console/")
        async with gateway.session.get(gateway.url + path) as response:
            assert response.status == 200
            assert "http" not in (await response.text()).replace("http://www.w3.org/2000/svg", "")
            tag = response.headers["etag"]
        async with gateway.session.get(gateway.url + path, headers={"if-none-match": tag}) as response:
            assert response.status == 304
    async with gateway.session.head(gateway.url + "/console") as response:
        assert response.status == 200


async def test_the_console_still_answers_while_the_database_is_away(tmp_path: Path) -> None:
    async with (
        running_upstream() as upstream,
        running_gateway(
            tmp_path,
            "postgresql://nobody:hidden@127.0.0.1:1/none",
            [("tiny", upstream.url)],
            wait_for="/healthz",
            console_access="open",
        ) as gateway,
    ):
        status, data = await data_of(gateway)
    assert status == 200
    assert not data["database"]["ok"]
    assert not data["ready"]
    assert "hidden" not in str(data)


async def browse(gateway: RunningGateway, folder: Path, *more: str) -> str:
    assert BROWSER is not None
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={folder}",
        "--virtual-time-budget=3000",
        *more,
        gateway.url + "/console",
    ]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine (Debian: apt-get install chromium)")
async def test_a_browser_draws_the_figures_and_plots(gateway: RunningGateway, tmp_path: Path) -> None:
    async with gateway.chat(stream=True) as response:
        await response.read()
    page = await browse(gateway, tmp_path / "profile", "--dump-dom")
    for text in ("stocks-job", "stocks v1", "tiny", "Healthy", "Ready", "557"):
        assert text in page
    assert page.count("<svg") >= 3
    picture = tmp_path / "console.png"
    await browse(gateway, tmp_path / "profile", "--window-size=1280,1000", f"--screenshot={picture}")
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine (Debian: apt-get install chromium)")
@pytest.mark.parametrize("gateway", ["key"], indirect=True)
async def test_a_browser_without_a_key_is_asked_for_it_and_sees_nothing_else(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    page = await browse(gateway, tmp_path / "profile", "--dump-dom")
    assert "Locked" in page
    assert re.search(r'<form[^>]*id="gate"(?![^>]*hidden)', page)
    assert "stocks-job" not in page
