"""The few pieces of HTTP over ASGI that the model server needs: requests, answers and server-sent events."""

from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import orjson

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# TGI's router (axum) sends a comment after this much silence, so that proxies keep the connection.
KEEP_ALIVE_S = 15.0


@dataclass(slots=True)
class Request:
    """One HTTP request, its body read. `log` receives what the access log adds: counts, never text of a user."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    request_id: str
    received_at_s: float
    log: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """One complete answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventStream:
    """A stream of server-sent events, each already encoded; it is closed when the client leaves."""

    events: AsyncGenerator[bytes, None]
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response | EventStream]]


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with `value` as JSON."""
    return Response(status, orjson.dumps(value), headers=headers or {})


def tgi_event(value: Any) -> bytes:
    """Encode one event as TGI does: no space after `data:`."""
    return b"data:" + orjson.dumps(value) + b"\n\n"


def openai_event(value: Any) -> bytes:
    """Encode one event as OpenAI does: one space after `data:`."""
    return b"data: " + orjson.dumps(value) + b"\n\n"


def header_list(response: Response | EventStream, request_id: str) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer in ASGI's form."""
    headers = {"x-request-id": request_id, **response.headers}
    if isinstance(response, Response):
        headers["content-length"] = str(len(response.body))
        if response.body:
            headers["content-type"] = response.content_type
    else:
        headers["content-type"] = "text/event-stream"
        headers["cache-control"] = "no-cache"
        headers["x-accel-buffering"] = "no"
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
