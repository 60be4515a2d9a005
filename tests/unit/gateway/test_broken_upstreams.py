"""Upstreams that are away, slow or die, and clients that leave."""

import asyncio
import json
import time
from pathlib import Path

from tests.support.gateway import running_gateway
from tests.support.postgres import free_port
from tests.support.scripted_upstream import running_upstream


async def test_an_upstream_that_is_away_is_503_at_once_with_retry_after(database: str, tmp_path: Path) -> None:
    away = [("tiny", f"http://127.0.0.1:{free_port()}")]
    async with running_gateway(tmp_path, database, away, wait_for="/healthz") as gateway:
        reasons = (await gateway.until("/readyz", 503))["reasons"]
        assert "upstreams" in reasons
        started = time.monotonic()
        async with gateway.chat() as response:
            error = (await response.json())["error"]
        assert (response.status, error["code"]) == (503, "model_unavailable")
        assert response.headers["retry-after"]
        assert time.monotonic() - started < 5


async def test_an_upstream_that_comes_back_is_noticed(database: str, tmp_path: Path) -> None:
    port = free_port()
    upstreams = [("tiny", f"http://127.0.0.1:{port}")]
    async with running_gateway(tmp_path, database, upstreams, wait_for="/healthz") as gateway:
        async with running_upstream(port=port) as upstream:
            await gateway.until("/readyz")
            async with gateway.chat() as response:
                assert response.status == 200
            upstream.healthy = False
            await gateway.until("/readyz", 503)
        async with running_upstream(port=port):
            # The kept-alive connections are those of the server that is gone.
            async with gateway.chat() as response:
                assert response.status == 200
            await gateway.until("/readyz")


async def test_an_upstream_that_is_too_slow_is_504(database: str, tmp_path: Path) -> None:
    async with (
        running_upstream(delay_s=5) as upstream,
        running_gateway(tmp_path, database, [("tiny", upstream.url)], upstream_timeout_s=0.5) as gateway,
    ):
        async with gateway.chat() as response:
            error = (await response.json())["error"]
        assert (response.status, error["code"]) == (504, "upstream_timeout")
        (row,) = await gateway.usage(rows=1)
        assert row["status"] == 504


async def test_an_upstream_that_dies_in_a_stream_ends_it_with_an_error_event(database: str, tmp_path: Path) -> None:
    async with (
        running_upstream(die_after_events=2, pause_s=0.05) as upstream,
        running_gateway(tmp_path, database, [("tiny", upstream.url)]) as gateway,
    ):
        async with gateway.chat(stream=True) as response:
            body = await asyncio.wait_for(response.text(), 5)
        last = json.loads(body.strip().rsplit("data: ", 1)[1])
        assert last["error"]["code"] == "model_unavailable"
        assert last["error"]["request_id"] == response.headers["x-request-id"]
        async with gateway.post("/generate_stream", {"inputs": "Hi"}) as response:
            body = await asyncio.wait_for(response.text(), 5)
        last = json.loads(body.strip().rsplit("data:", 1)[1])
        assert last["error_type"] == "incomplete_generation"
        rows = await gateway.usage(rows=2)
        assert [(row["status"], row["completion_tokens"]) for row in rows] == [(502, 2), (502, 2)]


async def test_a_client_that_leaves_a_stream_closes_the_upstreams_connection(database: str, tmp_path: Path) -> None:
    async with (
        running_upstream(endless=True, pause_s=0.02) as upstream,
        running_gateway(tmp_path, database, [("tiny", upstream.url)]) as gateway,
    ):
        response = await gateway.chat(stream=True)
        await response.content.readline()
        response.close()
        await asyncio.wait_for(upstream.disconnected.wait(), 3)
        (row,) = await gateway.usage(rows=1)
        assert row["status"] == 499
        assert row["completion_tokens"] >= 1


async def test_a_client_that_leaves_before_the_answer_closes_the_upstreams_connection(
    database: str, tmp_path: Path
) -> None:
    async with (
        running_upstream(delay_s=20) as upstream,
        running_gateway(tmp_path, database, [("tiny", upstream.url)]) as gateway,
    ):
        asking = asyncio.create_task(
            gateway.session.post(gateway.url + "/generate", json={}, headers=gateway.headers())
        )
        while not upstream.requests:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        asking.cancel()
        await asyncio.wait_for(upstream.disconnected.wait(), 3)
        (row,) = await gateway.usage(rows=1)
        assert row["status"] == 499


async def test_a_client_that_reads_nothing_stops_the_upstream_and_nobody_else(database: str, tmp_path: Path) -> None:
    async with (
        running_upstream(endless=True) as upstream,
        running_gateway(tmp_path, database, [("tiny", upstream.url)]) as gateway,
    ):
        body = json.dumps({"stream": True, "messages": []}).encode()
        _, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]), limit=1024)
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            + f"authorization: Bearer {gateway.key}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        sent = -1
        while sent != upstream.events_sent:
            sent = upstream.events_sent
            await asyncio.sleep(0.7)
        assert sent > 0
        upstream.endless = False
        async with gateway.chat() as response:
            assert response.status == 200
        writer.close()
