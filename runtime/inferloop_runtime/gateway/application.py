"""The gateway's ASGI application: the proxied APIs, the probes, the metrics and the console."""

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from inferloop_runtime.gateway.endpoints import ENDPOINTS, Api, Endpoint
from inferloop_runtime.gateway.exchange import Exchange, Response
from inferloop_runtime.gateway.pipeline import Pipeline
from inferloop_runtime.gateway.refusal import CLIENT_CLOSED_REQUEST, Refusal
from inferloop_runtime.gateway.request_ids import new_request_id
from inferloop_runtime.gateway.stages.forward import broken_stream_event
from inferloop_runtime.gateway.telemetry import Telemetry
from inferloop_runtime.gateway.timeline import Timeline

log = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Page = Callable[[Exchange], Awaitable[Response]]

# Short enough to name a request in a log line, without anything that could break one.
_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")

# Most answers come sooner; only for later ones a task is spent on noticing that the client left.
_WATCH_AFTER_S = 0.05

_STOPPING = Refusal(
    503,
    "stopping",
    "the gateway is stopping; try again",
    retry_after_s=1,
    headers=((b"connection", b"close"),),
)
_FAILED = Refusal(500, "internal_error", "the gateway failed; its log tells why, under the request's id")
_UNKNOWN = Endpoint("other", "GET", Api.OPENAI, metered=False)


class Application:
    """Run each request through the pipeline and send its response, stopping at once when the client leaves.

    `pages` are the gateway's own GET paths. After `drain` begins, requests of the pipeline are refused with 503.
    """

    def __init__(self, pipeline: Pipeline, pages: dict[str, Page], telemetry: Telemetry, timeline: Timeline) -> None:
        self._pipeline = pipeline
        self._pages = pages
        self._telemetry = telemetry
        self._timeline = timeline
        self._running: set[asyncio.Task[Any]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False

    @property
    def in_flight(self) -> int:
        """Count the requests of the pipeline that are not yet answered in full."""
        return len(self._running)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        method, path = scope["method"], scope["path"]
        headers = dict(scope["headers"])
        asked_id = headers.get(b"x-request-id", b"")
        request_id = asked_id.decode() if _SANE_REQUEST_ID.fullmatch(asked_id) else new_request_id()
        endpoint = ENDPOINTS.get(path)
        if endpoint is not None and endpoint.method == method:
            await self._proxy(Exchange(request_id, method, endpoint, headers, receive), send)
            return
        exchange = Exchange(request_id, method, endpoint or _UNKNOWN, headers, receive)
        try:
            page = self._pages.get(path)
            if page is None or method not in ("GET", "HEAD"):
                raise self._wrong_path(method, path, endpoint, page)
            exchange.response = await page(exchange)
        except Refusal as refusal:
            exchange.response = refusal.response(request_id)
            if page is None:
                self._telemetry.answered(
                    exchange.endpoint.path, refusal.status, time.perf_counter() - exchange.started, None
                )
        await self._send(exchange, send)

    @staticmethod
    def _wrong_path(method: str, path: str, endpoint: Endpoint | None, page: Page | None) -> Refusal:
        if endpoint is None and page is None:
            return Refusal(404, "not_found", f"nothing is served at {path[:200]}; the OpenAI API begins with /v1/")
        allowed = [endpoint.method] if endpoint is not None else []
        if page is not None:
            allowed += ["GET", "HEAD"]
        return Refusal(
            405,
            "method_not_allowed",
            f"{path} takes {' or '.join(allowed)}, not {method[:20]}",
            headers=((b"allow", ", ".join(allowed).encode()),),
        )

    async def _proxy(self, exchange: Exchange, send: Send) -> None:
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._running.add(task)
        self._idle.clear()
        watch = _ClientWatch(exchange, task)
        try:
            if self.draining:
                exchange.response = _STOPPING.response(exchange.request_id)
            else:
                await self._pipeline.run(exchange)
            await self._send(exchange, send)
        except asyncio.CancelledError:
            task.uncancel()
            await self._cut_off(exchange, send)
        except Exception:
            log.exception("a request failed", extra={"request_id": exchange.request_id})
            await self._failed(exchange, send)
        finally:
            watch.stop()
            self._running.discard(task)
            if not self._running:
                self._idle.set()
            self._count(exchange)

    async def _send(self, exchange: Exchange, send: Send) -> None:
        response = exchange.answer
        if exchange.client_gone:
            return
        body = response.body
        start = {"type": "http.response.start", "status": response.status, "headers": response.headers}
        response.headers.append((b"x-request-id", exchange.request_id.encode()))
        if isinstance(body, bytes):
            response.headers.append((b"content-length", b"%d" % len(body)))
            await send(start)
            await send({"type": "http.response.body", "body": b"" if exchange.method == "HEAD" else body})
            return
        try:
            await send(start)
            exchange.response_started = True
            async for part in body:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await body.aclose()

    async def _cut_off(self, exchange: Exchange, send: Send) -> None:
        """End a request whose client left, or that outlived the drain."""
        if exchange.client_gone:
            if exchange.response is None:
                exchange.response = Response(CLIENT_CLOSED_REQUEST, [], b"")
                await self._pipeline.finish(exchange)
            return
        await self._failed(exchange, send)

    async def _failed(self, exchange: Exchange, send: Send) -> None:
        with contextlib.suppress(Exception):
            if exchange.response_started:
                await send({"type": "http.response.body", "body": broken_stream_event(exchange)})
                return
            refusal = _STOPPING if self.draining else _FAILED
            exchange.response = refusal.response(exchange.request_id)
            await self._pipeline.finish(exchange)
            await self._send(exchange, send)

    def _count(self, exchange: Exchange) -> None:
        now = time.perf_counter()
        status = exchange.response.status if exchange.response is not None else 500
        if exchange.client_gone:
            status = CLIENT_CLOSED_REQUEST
        first = None if exchange.first_token is None else exchange.first_token - exchange.started
        self._telemetry.answered(exchange.endpoint.path, status, now - exchange.started, first)
        self._timeline.add_request(failed=status >= 500)
        if status >= 500:
            log.warning(
                "request failed",
                extra={"request_id": exchange.request_id, "endpoint": exchange.endpoint.path, "status": status},
            )

    async def drain(self, timeout_s: float) -> None:
        """Refuse new requests and wait for those in flight; what lasts longer than `timeout_s` is cut off."""
        self.draining = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), timeout_s)
            return
        log.warning("cutting off %d requests that outlived the drain", len(self._running))
        for task in tuple(self._running):
            task.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), 2.0)


class _ClientWatch:
    """Cancel a request's task when its client leaves; costs a timer until the request has lasted a while."""

    __slots__ = ("_exchange", "_loop", "_task", "_timer", "_watch")

    def __init__(self, exchange: Exchange, task: asyncio.Task[Any]) -> None:
        self._exchange = exchange
        self._task = task
        self._watch: asyncio.Task[None] | None = None
        self._loop = task.get_loop()
        self._timer = self._loop.call_later(_WATCH_AFTER_S, self._begin)

    def _begin(self) -> None:
        # Only a body that was taken in whole leaves nothing but the disconnection to receive.
        if self._exchange.body_received:
            self._watch = self._loop.create_task(self._run())
        else:
            self._timer = self._loop.call_later(_WATCH_AFTER_S, self._begin)

    async def _run(self) -> None:
        while (await self._exchange.receive())["type"] != "http.disconnect":
            continue
        self._exchange.client_gone = True
        self._task.cancel()

    def stop(self) -> None:
        self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()
