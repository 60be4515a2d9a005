"""The metrics exporter: one page with the metrics of all processes of a stack."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import asyncpg
from prometheus_client import Metric

from inferloop_runtime.asgi_server import claim_port, serve_until_stopped
from inferloop_runtime.db.connect import connect
from inferloop_runtime.errors import DatabaseError
from inferloop_runtime.observability.database_metrics import database_families
from inferloop_runtime.observability.exposition import exposition, labelled_families
from inferloop_runtime.observability.process_metrics import process_families
from inferloop_runtime.observability.settings import MetricsSettings, ScrapeTarget
from inferloop_runtime.settings_file import read_secret

log = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]

_POSTGRES = "postgres"


class Exporter:
    """Gather metrics when asked: nothing runs between two scrapes.

    Targets and the database are asked at once, each for at most `scrape_timeout_s`; what gives no answer has
    `up{process="…"} 0` and delays nothing else.
    """

    def __init__(self, settings: MetricsSettings, dsn: str, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._dsn = dsn
        self._session = session
        self._connection: asyncpg.Connection | None = None
        self._database_lock = asyncio.Lock()

    async def gather(self) -> bytes:
        """Return everything in Prometheus' text format."""
        timeout_s = self._settings.scrape_timeout_s
        *scraped, database = await asyncio.gather(
            *(self._scrape(target) for target in self._settings.targets), self._ask_database(timeout_s)
        )
        up = Metric("up", "Whether a process answered when its metrics were asked for", "gauge")
        for target, families in zip(self._settings.targets, scraped, strict=True):
            up.add_sample("up", {"process": target.process}, float(families is not None))
        up.add_sample("up", {"process": _POSTGRES}, float(database is not None))
        processes = await asyncio.to_thread(lambda: list(process_families(self._settings.pid_dir)))
        gathered = [family for families in (*scraped, database) for family in families or ()]
        return exposition([up, *processes, *gathered])

    async def _scrape(self, target: ScrapeTarget) -> list[Metric] | None:
        try:
            async with (
                asyncio.timeout(self._settings.scrape_timeout_s),
                self._session.get(str(target.url)) as response,
            ):
                text = await response.text()
                return labelled_families(text, target.process) if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None

    async def _ask_database(self, timeout_s: float) -> list[Metric] | None:
        try:
            async with asyncio.timeout(timeout_s), self._database_lock:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await connect(self._dsn, timeout_s=timeout_s)
                return await database_families(self._connection)
        except (DatabaseError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            if self._connection is not None:
                self._connection.terminate()
                self._connection = None
            return None

    async def close(self) -> None:
        """Close the connection to the database."""
        if self._connection is not None:
            self._connection.terminate()

    async def __call__(self, scope: dict[str, Any], _receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        """Answer one request."""
        kind, status = b"text/plain; charset=utf-8", 200
        if scope["path"] == "/metrics":
            kind, body = b"text/plain; version=0.0.4; charset=utf-8", await self.gather()
        elif scope["path"] == "/healthz":
            kind, body = b"application/json", b'{"status":"ok"}'
        else:
            status, body = 404, b"the metrics are at /metrics\n"
        headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def run_exporter(settings: MetricsSettings) -> None:
    """Serve until SIGTERM or SIGINT; raises SettingsError where the DSN file is missing or the port is taken."""
    asyncio.run(_serve(settings))


async def _serve(settings: MetricsSettings) -> None:
    dsn = read_secret(settings.dsn_file)
    port = claim_port(settings.host, settings.port)

    async def nothing_to_drain() -> None:
        return

    async with aiohttp.ClientSession() as session:
        exporter = Exporter(settings, dsn, session)
        try:
            await serve_until_stopped(exporter, host=settings.host, port=port, drain=nothing_to_drain)
        finally:
            await exporter.close()
