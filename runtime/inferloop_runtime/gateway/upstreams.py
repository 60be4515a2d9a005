"""The model servers behind the gateway: which are well, what they serve, and which one takes a request."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from yarl import URL

from inferloop_runtime.gateway.refusal import Refusal
from inferloop_runtime.gateway.settings import Upstream

log = logging.getLogger(__name__)

_CHECK_WELL_S = 5.0
_CHECK_ILL_S = 1.0
_CHECK_TIMEOUT_S = 3.0


@dataclass(slots=True)
class UpstreamServer:
    """One model server as the gateway sees it; `info` is its last answer to `GET /info`."""

    model: str
    url: str
    healthy: bool = False
    problem: str = "not asked yet"
    in_flight: int = 0
    checked_at: float | None = None
    info: dict[str, Any] = field(default_factory=dict)
    addresses: dict[str, URL] = field(default_factory=dict)

    def address_of(self, path: str) -> URL:
        """Return the address of one of its paths, parsed once."""
        address = self.addresses.get(path)
        if address is None:
            address = self.addresses[path] = URL(self.url + path)
        return address


class UpstreamPool:
    """Choose an upstream for each request and keep an eye on the health of all."""

    def __init__(self, upstreams: Sequence[Upstream], session: aiohttp.ClientSession) -> None:
        self.servers = tuple(UpstreamServer(item.model, str(item.url).rstrip("/")) for item in upstreams)
        self._session = session
        self._check_now = asyncio.Event()
        self._by_model: dict[str, tuple[UpstreamServer, ...]] = {}
        for server in self.servers:
            self._by_model[server.model] = (*self._by_model.get(server.model, ()), server)

    @property
    def models(self) -> tuple[str, ...]:
        """Return the names of the served models, in the order of the settings."""
        return tuple(self._by_model)

    def choose(self, model: str | None) -> UpstreamServer:
        """Return the least busy healthy server of `model`; of the first model where none is named.

        Where only one model is served it answers to every name, as TGI does. Raises Refusal (404) for a name that is
        not served. An ill server is still chosen where there is no better: it may be back.
        """
        if model is None or len(self._by_model) == 1:
            candidates = next(iter(self._by_model.values()))
        elif (named := self._by_model.get(model)) is not None:
            candidates = named
        else:
            raise Refusal(
                404, "model_not_found", f"no model of that name is served; these are: {', '.join(self._by_model)}"
            )
        if len(candidates) == 1:
            return candidates[0]
        return min(candidates, key=lambda server: (not server.healthy, server.in_flight))

    def mark_ill(self, server: UpstreamServer, problem: str) -> None:
        """Note that a request could not reach `server`, and check it soon."""
        if server.healthy:
            log.warning("upstream is away: %s", problem, extra={"upstream": server.url, "model": server.model})
        server.healthy = False
        server.problem = problem
        self._check_now.set()

    async def watch(self) -> None:
        """Check all servers until cancelled, more often while one is ill."""
        while True:
            await asyncio.gather(*(self.check(server) for server in self.servers))
            self._check_now.clear()
            all_well = all(server.healthy for server in self.servers)
            try:
                await asyncio.wait_for(self._check_now.wait(), _CHECK_WELL_S if all_well else _CHECK_ILL_S)
                await asyncio.sleep(_CHECK_ILL_S / 4)
            except TimeoutError:
                continue

    async def check(self, server: UpstreamServer) -> None:
        """Ask `server` for its health, and for what it serves where it has come back."""
        was_healthy = server.healthy
        timeout = aiohttp.ClientTimeout(total=_CHECK_TIMEOUT_S)
        try:
            async with self._session.get(server.url + "/health", timeout=timeout) as response:
                await response.read()
                healthy = response.status == 200
                problem = "" if healthy else f"its /health answers {response.status}"
            if healthy and not (was_healthy and server.info):
                async with self._session.get(server.url + "/info", timeout=timeout) as response:
                    content = await response.read()
                    information = orjson.loads(content) if response.status == 200 else {}
                    server.info = information if isinstance(information, dict) else {}
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
            healthy = False
            problem = f"{type(error).__name__} when asked for its health"
        server.checked_at = time.time()
        server.healthy, server.problem = healthy, problem
        if healthy != was_healthy:
            if healthy:
                log.info("upstream is well", extra={"upstream": server.url, "model": server.model})
            else:
                log.warning("upstream is ill: %s", problem, extra={"upstream": server.url, "model": server.model})
