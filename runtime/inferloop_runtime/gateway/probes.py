"""The gateway's probes: is the process up, and can it answer?"""

from collections.abc import Callable

import orjson

from inferloop_runtime.gateway.exchange import Exchange, Headers, Response
from inferloop_runtime.gateway.journal import Journal
from inferloop_runtime.gateway.key_table import KeyTable
from inferloop_runtime.gateway.telemetry import Telemetry
from inferloop_runtime.gateway.upstreams import UpstreamPool

_JSON: Headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
_METRICS: Headers = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")]


class Probes:
    """Answer `/healthz`, `/readyz` and `/metrics`.

    Ready means: the keys were read, usage can be written down, an upstream is well, and no stop was asked for. The
    database may be away meanwhile.
    """

    def __init__(
        self,
        keys: KeyTable,
        journal: Journal,
        upstreams: UpstreamPool,
        telemetry: Telemetry,
        draining: Callable[[], bool],
    ) -> None:
        self._keys = keys
        self._journal = journal
        self._upstreams = upstreams
        self._telemetry = telemetry
        self._draining = draining

    def problems(self) -> dict[str, str]:
        """Return why the gateway is not ready, by part; nothing where it is."""
        problems = {}
        if self._draining():
            problems["gateway"] = "stopping"
        if not self._keys.loaded:
            problems["keys"] = self._keys.problem or "not loaded"
        if self._journal.problem is not None:
            problems["journal"] = self._journal.problem
        if not any(server.healthy for server in self._upstreams.servers):
            problems["upstreams"] = "; ".join(f"{item.model}: {item.problem}" for item in self._upstreams.servers)
        return problems

    async def healthz(self, _exchange: Exchange) -> Response:
        """Answer 200 while the process runs."""
        return Response(200, list(_JSON), b'{"status":"ok"}')

    async def readyz(self, _exchange: Exchange) -> Response:
        """Answer 200 where requests can be served, else 503, with the reasons."""
        problems = self.problems()
        body = orjson.dumps({"ready": not problems, "reasons": problems})
        return Response(503 if problems else 200, list(_JSON), body)

    async def metrics(self, _exchange: Exchange) -> Response:
        """Answer with the Prometheus metrics."""
        return Response(200, list(_METRICS), self._telemetry.exposition())
