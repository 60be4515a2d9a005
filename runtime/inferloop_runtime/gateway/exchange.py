"""The one object that flows through the gateway's pipeline."""

import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import orjson

if TYPE_CHECKING:
    from inferloop_runtime.gateway.endpoints import Endpoint
    from inferloop_runtime.gateway.upstreams import UpstreamServer

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a tenant by one of its API keys, or the administrator (no tenant)."""

    tenant_id: uuid.UUID | None
    api_key_id: uuid.UUID | None
    scopes: frozenset[str]


class ByteStream(Protocol):
    """A body that comes in parts; `aclose` lets go of what stands behind it, also where it was never read."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Read the parts, once."""
        ...

    async def aclose(self) -> None:
        """Let go; do nothing the second time."""
        ...


@dataclass(slots=True)
class Response:
    """What goes back to the client: the whole body, or its parts as they come."""

    status: int
    headers: Headers
    body: bytes | ByteStream


@dataclass(slots=True)
class Exchange:
    """One request on its way to an upstream, and its response on the way back.

    `started` and `first_token` are `time.perf_counter()` values, `started_at` is wall-clock seconds. `hidden_usage` and
    `hidden_details` say that the gateway asked the upstream for figures which the client did not ask for.
    """

    request_id: str
    method: str
    endpoint: "Endpoint"
    headers: Mapping[bytes, bytes]
    receive: Callable[[], Awaitable[dict[str, Any]]]
    body: bytes = b""
    body_received: bool = False
    document: dict[str, Any] | None = None
    principal: Principal | None = None
    model: str = ""
    upstream: "UpstreamServer | None" = None
    response: Response | None = None
    hidden_usage: bool = False
    hidden_details: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    first_token: float | None = None
    metered: bool = False
    response_started: bool = False
    client_gone: bool = False
    started: float = field(default_factory=time.perf_counter)
    started_at: float = field(default_factory=time.time)

    @property
    def answer(self) -> Response:
        """Return the response; raises RuntimeError in a stage that runs before there is one."""
        if self.response is None:
            raise RuntimeError("the exchange has no response yet: a stage stands too early in the pipeline")
        return self.response

    @property
    def server(self) -> "UpstreamServer":
        """Return the chosen upstream; raises RuntimeError in a stage that runs before it is chosen."""
        if self.upstream is None:
            raise RuntimeError("the exchange has no upstream yet: a stage stands too early in the pipeline")
        return self.upstream

    def replace_document(self, **changes: Any) -> None:
        """Send the upstream the client's JSON object with some of its members changed."""
        self.document = (self.document or {}) | changes
        self.body = orjson.dumps(self.document)
