"""The model server's ASGI application: routes, errors in the right shape, cancellation and draining."""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Any

import orjson

from inferloop_runtime.serving.api.errors import Problem, RequestError, openai_error, tgi_error
from inferloop_runtime.serving.api.generation import GenerationService
from inferloop_runtime.serving.api.http import (
    KEEP_ALIVE_S,
    EventStream,
    Handler,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    header_list,
    json_response,
    openai_event,
    tgi_event,
)
from inferloop_runtime.serving.api.openai import OpenAIApi
from inferloop_runtime.serving.api.tgi import TgiApi

access_log = logging.getLogger("inferloop.access")
_log = logging.getLogger("inferloop.serve")

# nginx's status for a client that left before its answer; it stands in logs only.
_CLIENT_LEFT = 499

# Asked every few seconds: they stay reachable while the server drains, and the access log leaves them out.
_PROBES = ("/health", "/ping", "/metrics")


class ModelServer:
    """Serve TGI's and OpenAI's APIs from one engine.

    A client that leaves cancels its generation. After `drain` new requests get 503 and running ones go on.
    """

    def __init__(self, service: GenerationService) -> None:
        self._service = service
        self._draining = False
        self._active: set[asyncio.Task[None]] = set()
        tgi, openai = TgiApi(service), OpenAIApi(service)
        self._routes: dict[str, dict[str, Handler]] = {
            "/": {"POST": tgi.compatible},
            "/generate": {"POST": tgi.generate},
            "/generate_stream": {"POST": tgi.generate_stream},
            "/tokenize": {"POST": tgi.tokenize},
            "/chat_tokenize": {"POST": tgi.chat_tokenize},
            "/info": {"GET": tgi.info},
            "/health": {"GET": self._health},
            "/ping": {"GET": self._health},
            "/metrics": {"GET": self._metrics},
            "/v1/models": {"GET": openai.models},
            "/v1/completions": {"POST": openai.completions},
            "/v1/chat/completions": {"POST": openai.chat_completions},
        }
        self._model_route: dict[str, Handler] = {"GET": openai.model}

    def drain(self) -> None:
        """Refuse new requests from now on."""
        self._draining = True

    async def idle(self, timeout_s: float) -> bool:
        """Wait until no request runs; return False where some still run after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while self._active:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            await asyncio.wait(self._active, timeout=left_s)
        return True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            return
        # A task of its own, so that it can be cancelled when the client leaves.
        task = asyncio.create_task(self._serve(scope, receive, send))
        self._active.add(task)
        try:
            await task
        finally:
            self._active.discard(task)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request = Request(
            method=scope["method"],
            path=scope["path"],
            headers=headers,
            body=b"",
            request_id=_request_id(headers),
            received_at_s=time.perf_counter(),
        )
        exchange = _Exchange(request, send)
        answering: asyncio.Task[None] | None = None
        try:
            refused = await self._read_body(request, receive)
            answering = asyncio.create_task(self._answer(exchange, refused))
            leaving = asyncio.create_task(_until_client_leaves(receive))
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                exchange.status = _CLIENT_LEFT
                answering.cancel()
            leaving.cancel()
            with suppress(asyncio.CancelledError):
                await answering
        finally:
            self._log_access(exchange)

    async def _read_body(self, request: Request, receive: Receive) -> RequestError | None:
        limit = self._service.settings.max_body_bytes
        too_large = RequestError(Problem.TOO_LARGE, f"the request's body is larger than {limit} bytes")
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            return too_large
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                return too_large
            if not message.get("more_body", False):
                request.body = b"".join(parts)
                return None

    async def _answer(self, exchange: "_Exchange", refused: RequestError | None) -> None:
        request = exchange.request
        try:
            if refused is not None:
                raise refused
            answer = await self._handler(request)(request)
            if isinstance(answer, EventStream):
                await exchange.stream(answer)
            else:
                await exchange.respond(answer)
        except RequestError as error:
            await exchange.fail(error)
        except Exception:
            _log.exception("request %s failed unexpectedly", request.request_id)
            await exchange.fail(RequestError(Problem.INTERNAL, "internal error; the server's log has the details"))

    def _handler(self, request: Request) -> Handler:
        if self._draining and request.path not in _PROBES:
            raise RequestError(Problem.STOPPING, "the server is stopping; send the request to another replica")
        methods = self._routes.get(request.path)
        if methods is None and request.path.startswith("/v1/models/"):
            methods = self._model_route
        if methods is None:
            raise RequestError(Problem.NOT_FOUND, f"there is no route {request.method} {request.path}")
        handler = methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            raise RequestError(Problem.METHOD, f"{request.path} takes {', '.join(methods)}, not {request.method}")
        return handler

    async def _health(self, _request: Request) -> Response:
        if self._service.engine.healthy and not self._draining:
            return Response(200)
        return json_response({"error": "unhealthy", "error_type": "healthcheck"}, 503)

    async def _metrics(self, _request: Request) -> Response:
        return Response(200, self._service.metrics.expose(), "text/plain; version=0.0.4; charset=utf-8")

    def _log_access(self, exchange: "_Exchange") -> None:
        request = exchange.request
        if request.path in _PROBES:
            return
        fields: dict[str, Any] = {
            "event": "request",
            "request_id": request.request_id,
            "method": request.method,
            "path": request.path,
            "status": exchange.status,
            "duration_ms": round((time.perf_counter() - request.received_at_s) * 1000, 1),
            **request.log,
        }
        access_log.info(orjson.dumps(fields).decode())


class _Exchange:
    """Send one request's answer, whatever it turns out to be."""

    def __init__(self, request: Request, send: Send) -> None:
        self.request = request
        self.status = 0
        self._send = send
        self._started = False
        self._openai = request.path.startswith("/v1/")
        self._shape: Callable[[RequestError], tuple[int, dict[str, Any]]] = openai_error if self._openai else tgi_error

    async def respond(self, response: Response) -> None:
        self.status = response.status
        self._started = True
        headers = header_list(response, self.request.request_id)
        await self._send({"type": "http.response.start", "status": response.status, "headers": headers})
        body = b"" if self.request.method == "HEAD" else response.body
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def fail(self, error: RequestError) -> None:
        status, body = self._shape(error)
        if not self._started:
            retry_after_s = error.retry_after_s
            headers = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
            await self.respond(json_response(body, status, headers))
            return
        self.status = status
        event = openai_event(body) if self._openai else tgi_event(body)
        await self._send({"type": "http.response.body", "body": event, "more_body": False})

    async def stream(self, answer: EventStream) -> None:
        """Send events; the status goes out with the first one, so that an early failure still has its own."""
        keep_alive = asyncio.create_task(self._keep_alive(answer))
        try:
            async with aclosing(answer.events) as events:
                async for event in events:
                    await self._chunk(answer, event)
        finally:
            keep_alive.cancel()
            with suppress(asyncio.CancelledError):
                await keep_alive
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _chunk(self, answer: EventStream, event: bytes) -> None:
        self._last_sent_s = time.monotonic()
        if not self._started:
            self._started = True
            self.status = 200
            headers = header_list(answer, self.request.request_id)
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": event, "more_body": True})

    async def _keep_alive(self, answer: EventStream) -> None:
        self._last_sent_s = time.monotonic()
        while True:
            wait_s = self._last_sent_s + KEEP_ALIVE_S - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            else:
                await self._chunk(answer, b":\n\n")


async def _until_client_leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _request_id(headers: dict[str, str]) -> str:
    given = headers.get("x-request-id", "")
    return given if 0 < len(given) <= 128 and given.isascii() and given.isprintable() else uuid.uuid4().hex
