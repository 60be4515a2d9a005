"""The console: a page of the package, and the data that it draws."""

import datetime
import hashlib
import importlib.resources
import logging
import time
from typing import Any, Literal

import asyncpg
import orjson

from inferloop_runtime.errors import DatabaseError
from inferloop_runtime.gateway.database import ReconnectingDatabase
from inferloop_runtime.gateway.exchange import Exchange, Headers, Response
from inferloop_runtime.gateway.key_table import KeyTable
from inferloop_runtime.gateway.probes import Probes
from inferloop_runtime.gateway.stages.authenticate import principal_of
from inferloop_runtime.gateway.timeline import Timeline
from inferloop_runtime.gateway.upstreams import UpstreamPool, UpstreamServer

log = logging.getLogger(__name__)

_FILES = {
    "/console": ("index.html", b"text/html; charset=utf-8"),
    "/console/": ("index.html", b"text/html; charset=utf-8"),
    "/console/console.css": ("console.css", b"text/css; charset=utf-8"),
    "/console/console.js": ("console.js", b"text/javascript; charset=utf-8"),
    "/console/plot.js": ("plot.js", b"text/javascript; charset=utf-8"),
    "/console/icon.svg": ("icon.svg", b"image/svg+xml"),
}
_SECURITY: Headers = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]

# Several open pages ask the database no oftener than this.
_CATALOG_FRESH_S = 2.0
_CAPTURES_SHOWN = 8

_MODELS = "SELECT name, version, type, size_bytes, gpu_memory_required, updated_at FROM models ORDER BY name, version"
_CAPTURES = """
SELECT run.job, run.status, run.started_at, run.finished_at, run.rows_read, run.rows_written, run.rows_quarantined,
       run.error, dataset.name AS dataset, dataset.version, dataset.size_bytes
FROM capture_runs AS run LEFT JOIN datasets AS dataset ON dataset.capture_run_id = run.id
ORDER BY run.started_at DESC LIMIT $1
"""
_USAGE_TODAY = """
SELECT count(*) AS requests, coalesce(sum(prompt_tokens), 0) AS prompt_tokens,
       coalesce(sum(completion_tokens), 0) AS completion_tokens
FROM usage WHERE started_at >= now() - interval '24 hours'
"""


class Console:
    """Serve the console's files, and its data to whom `access` allows: anybody, or the holder of an admin key."""

    def __init__(
        self,
        stack: str,
        access: Literal["open", "key"],
        *,
        keys: KeyTable,
        upstreams: UpstreamPool,
        timeline: Timeline,
        probes: Probes,
        database: ReconnectingDatabase,
    ) -> None:
        self._stack = stack
        self._access = access
        self._keys = keys
        self._upstreams = upstreams
        self._timeline = timeline
        self._probes = probes
        self._database = database
        self._started_at = time.time()
        self._catalog: dict[str, Any] = {}
        self._catalog_at = float("-inf")
        folder = importlib.resources.files("inferloop_runtime.gateway") / "page"
        self._files = {path: ((folder / name).read_bytes(), kind) for path, (name, kind) in _FILES.items()}

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the paths of the page's files."""
        return tuple(self._files)

    async def file(self, exchange: Exchange, path: str) -> Response:
        """Answer with one of the page's files; 304 to a browser that has it."""
        content, kind = self._files[path]
        tag = b'"%s"' % hashlib.sha256(content).hexdigest()[:20].encode()
        headers = [(b"content-type", kind), (b"etag", tag), (b"cache-control", b"no-cache"), *_SECURITY]
        if exchange.headers.get(b"if-none-match") == tag:
            return Response(304, headers, b"")
        return Response(200, headers, content)

    async def to_page(self, _exchange: Exchange) -> Response:
        """Send a browser that opened the gateway's root to the console."""
        return Response(307, [(b"location", b"/console"), (b"cache-control", b"no-store")], b"")

    async def data(self, exchange: Exchange) -> Response:
        """Answer with what the page draws; raises Refusal where a key is needed and missing."""
        if self._access == "key":
            await principal_of(exchange.headers, self._keys, scope="admin")
        problems = self._probes.problems()
        document = {
            "stack": self._stack,
            "time": time.time(),
            "uptime_s": time.time() - self._started_at,
            "ready": not problems,
            "reasons": problems,
            "now": self._timeline.now(),
            "series": self._timeline.series(),
            "upstreams": [_upstream(server) for server in self._upstreams.servers],
            **await self._read_catalog(),
        }
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        return Response(200, headers, orjson.dumps(document))

    async def _read_catalog(self) -> dict[str, Any]:
        if time.monotonic() - self._catalog_at < _CATALOG_FRESH_S:
            return self._catalog
        self._catalog_at = time.monotonic()

        async def read(connection: asyncpg.Connection) -> dict[str, Any]:
            return {
                "database": {"ok": True, "problem": ""},
                "models": [_row(item) for item in await connection.fetch(_MODELS)],
                "captures": [_row(item) for item in await connection.fetch(_CAPTURES, _CAPTURES_SHOWN)],
                "usage_24h": _row(await connection.fetchrow(_USAGE_TODAY)),
            }

        try:
            self._catalog = await self._database.run(read)
        except DatabaseError as error:
            # What was read before is still worth seeing, under its warning.
            self._catalog = {"models": [], "captures": [], "usage_24h": None} | self._catalog
            self._catalog["database"] = {"ok": False, "problem": str(error)}
        return self._catalog


def _upstream(server: UpstreamServer) -> dict[str, Any]:
    return {
        "model": server.model,
        "url": server.url,
        "healthy": server.healthy,
        "problem": server.problem,
        "in_flight": server.in_flight,
        "info": {
            name: server.info.get(name)
            for name in ("model_id", "model_sha", "model_dtype", "model_device_type", "num_shard", "max_total_tokens")
        },
    }


def _row(record: asyncpg.Record) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime.datetime) else _plain(value)
        for name, value in record.items()
    }


def _plain(value: Any) -> Any:
    # PostgreSQL's sum of bigints is numeric.
    return value if value is None or isinstance(value, str | int | float) else int(value)
