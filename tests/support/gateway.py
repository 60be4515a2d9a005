"""The real gateway process before a scripted upstream and a real database."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from inferloop_runtime.api_key import new_api_key
from inferloop_runtime.gateway.key_store import store_key

from tests.support.postgres import free_port


@dataclass
class RunningGateway:
    """One gateway process, how to reach it, and the keys that it knows."""

    url: str
    key: str
    admin_key: str
    dsn: str
    folder: Path
    config: Path
    process: subprocess.Popen[bytes]
    session: aiohttp.ClientSession

    @property
    def log(self) -> str:
        return (self.folder / "gateway.log").read_text()

    def headers(self, key: str | None = None, **more: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key or self.key}"} | more

    def post(self, path: str, document: Any, **headers: str) -> Any:
        return self.session.post(self.url + path, json=document, headers=self.headers(**headers))

    def chat(self, **more: Any) -> Any:
        return self.post("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]} | more)

    async def usage(self, *, rows: int, timeout_s: float = 10.0) -> list[asyncpg.Record]:
        """Wait until the table `usage` has as many rows, and return them."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                connection = await asyncpg.connect(self.dsn)
                break
            except asyncpg.CannotConnectNowError:
                assert time.monotonic() < deadline, "the database does not come back"
                await asyncio.sleep(0.1)
        try:
            while True:
                found = await connection.fetch("SELECT * FROM usage ORDER BY id")
                if len(found) >= rows:
                    return list(found)
                assert time.monotonic() < deadline, f"{len(found)} usage rows, wanted {rows}\n{self.log}"
                await asyncio.sleep(0.05)
        finally:
            await connection.close()

    def start(self) -> None:
        """Start the process (again), with its log appended."""
        command = [sys.executable, "-m", "inferloop_runtime.main", "gateway", "--config", str(self.config)]
        with (self.folder / "gateway.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    async def until(self, path: str, status: int = 200, *, timeout_s: float = 20.0) -> dict[str, Any]:
        """Wait for a status at one of the gateway's own paths."""
        deadline = time.monotonic() + timeout_s
        while True:
            assert self.process.poll() is None, self.log
            with contextlib.suppress(aiohttp.ClientError):
                async with self.session.get(self.url + path) as response:
                    if response.status == status:
                        document: dict[str, Any] = await response.json()
                        return document
            assert time.monotonic() < deadline, self.log
            await asyncio.sleep(0.05)

    async def stop(self, *, timeout_s: float = 20.0) -> int:
        """Ask the process to stop and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, timeout_s)

    def kill(self) -> None:
        """End the process with SIGKILL."""
        self.process.kill()
        self.process.wait()


def write_config(folder: Path, dsn: str, upstreams: list[tuple[str, str]], **settings: Any) -> tuple[Path, int, str]:
    """Write a gateway's settings and secrets; return the file, the port and the admin key."""
    port, admin_key = free_port(), new_api_key()
    for name, secret in (("dsn", dsn), ("admin", admin_key)):
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(secret)
    document = {
        "stack": "test",
        "port": port,
        "dsn_file": str(folder / "dsn"),
        "admin_key_file": str(folder / "admin"),
        "upstreams": [{"model": model, "url": url} for model, url in upstreams],
        "journal_dir": str(folder / "journal"),
        "key_refresh_s": 0.3,
        "drain_timeout_s": 3.0,
    }
    config = folder / "gateway.json"
    config.write_text(json.dumps(document | settings))
    return config, port, admin_key


@contextlib.asynccontextmanager
async def running_gateway(
    folder: Path, dsn: str, upstreams: list[tuple[str, str]], *, wait_for: str = "/readyz", **settings: Any
) -> AsyncIterator[RunningGateway]:
    """Run the gateway with one tenant's key until the block ends."""
    config, port, admin_key = write_config(folder, dsn, upstreams, **settings)
    key = new_api_key()
    with contextlib.suppress(Exception):
        await store_key(dsn, key, tenant="acme", name="test", scopes=("inference",))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        gateway = RunningGateway(
            f"http://127.0.0.1:{port}",
            key,
            admin_key,
            dsn,
            folder,
            config,
            None,
            session,  # type: ignore[arg-type]
        )
        gateway.start()
        try:
            await gateway.until(wait_for)
            yield gateway
        finally:
            try:
                await gateway.stop()
            finally:
                gateway.kill()
