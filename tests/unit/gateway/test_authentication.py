"""Keys at the door of the real gateway."""

import asyncio
import datetime
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from inferloop_runtime.api_key import new_api_key, prefix_of
from inferloop_runtime.gateway.database import ReconnectingDatabase
from inferloop_runtime.gateway.key_store import revoke_key, store_key
from inferloop_runtime.gateway.key_table import KeyTable

from tests.support.gateway import RunningGateway, running_gateway
from tests.support.scripted_upstream import running_upstream


@pytest.fixture
async def gateway(database: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    async with (
        running_upstream() as upstream,
        running_gateway(tmp_path, database, [("tiny", upstream.url)]) as running,
    ):
        yield running


async def ask(gateway: RunningGateway, headers: dict[str, str]) -> tuple[int, str]:
    async with gateway.session.post(gateway.url + "/generate", json={"inputs": "Hi"}, headers=headers) as response:
        return response.status, "" if response.status == 200 else (await response.json())["error"]["code"]


async def test_the_three_headers_of_a_key_are_known(gateway: RunningGateway) -> None:
    for headers in (
        {"authorization": f"bearer {gateway.key}"},
        {"x-api-key": gateway.key},
        {"api-key": gateway.key},
    ):
        assert await ask(gateway, headers) == (200, "")


async def test_a_request_without_a_valid_key_is_refused_with_a_challenge(gateway: RunningGateway) -> None:
    wrong_secret = gateway.key[:-4] + ("aaaa" if gateway.key[-4:] != "aaaa" else "bbbb")
    assert await ask(gateway, {}) == (401, "missing_api_key")
    for key in (wrong_secret, new_api_key(), "il_x", "sk-123", "x" * 5000, "ü"):
        status, code = await ask(gateway, {"authorization": f"Bearer {key}"})
        assert status == 401
        assert code in ("invalid_api_key", "missing_api_key")
    async with gateway.session.post(gateway.url + "/generate", json={}) as response:
        assert response.headers["www-authenticate"].startswith("Bearer")


async def test_a_key_that_was_made_just_now_works_at_once(gateway: RunningGateway) -> None:
    key = new_api_key()
    await store_key(gateway.dsn, key, tenant="acme", name="second", scopes=("inference",))
    assert await ask(gateway, {"x-api-key": key}) == (200, "")


async def test_a_key_that_was_revoked_is_refused(gateway: RunningGateway) -> None:
    prefix = prefix_of(gateway.key)
    assert prefix is not None
    await revoke_key(gateway.dsn, prefix)
    deadline = time.monotonic() + 10
    while (await ask(gateway, {"x-api-key": gateway.key}))[0] != 401:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_a_key_is_refused_from_the_moment_it_expires(gateway: RunningGateway) -> None:
    key = new_api_key()
    expires_at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=3)
    await store_key(gateway.dsn, key, tenant="acme", name="brief", scopes=("inference",), expires_at=expires_at)
    assert await ask(gateway, {"x-api-key": key}) == (200, "")
    await asyncio.sleep(max(0.0, (expires_at - datetime.datetime.now(datetime.UTC)).total_seconds()) + 0.05)
    assert await ask(gateway, {"x-api-key": key}) == (401, "invalid_api_key")


async def test_a_key_without_the_scope_is_refused_the_admin_key_too(gateway: RunningGateway) -> None:
    assert await ask(gateway, {"x-api-key": gateway.admin_key}) == (403, "insufficient_scope")


async def test_a_flood_of_unknown_keys_asks_the_database_a_few_times_a_second(database: str) -> None:
    asked = 0

    class CountingDatabase(ReconnectingDatabase):
        async def run(self, work):  # type: ignore[no-untyped-def]
            nonlocal asked
            asked += 1
            return await super().run(work)

    connection = CountingDatabase(database)
    keys = KeyTable(connection, admin_key="admin", refresh_s=60)
    await keys.refresh()
    started = time.monotonic()
    found = await asyncio.gather(*(keys.find(new_api_key()) for _ in range(2000)))
    same = new_api_key()
    found += await asyncio.gather(*(keys.find(same) for _ in range(100)))
    took = time.monotonic() - started
    assert set(found) == {None}
    assert asked <= 3 + took / 0.25
    before = asked
    assert await keys.find(same) is None
    assert asked == before
    await connection.close()


async def test_an_unknown_key_is_not_judged_while_the_database_is_away(database: str, tmp_path: Path) -> None:
    async with (
        running_upstream() as upstream,
        running_gateway(tmp_path, database, [("tiny", upstream.url)], key_refresh_s=60) as gateway,
    ):
        admin = await asyncpg.connect(database.rsplit("/", 1)[0] + "/postgres")
        name = database.rsplit("/", 1)[1]
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        try:
            assert await ask(gateway, {"x-api-key": new_api_key()}) == (503, "key_store_unavailable")
            assert await ask(gateway, {"x-api-key": gateway.key}) == (200, "")
        finally:
            await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            await admin.close()
        (row,) = await gateway.usage(rows=1)
        assert row["status"] == 200
