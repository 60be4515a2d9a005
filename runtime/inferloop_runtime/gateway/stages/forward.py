"""The stage that asks the model server."""

import time
from collections.abc import AsyncIterator, Callable

import aiohttp
import orjson

from inferloop_runtime.gateway.endpoints import Api
from inferloop_runtime.gateway.exchange import ByteStream, Exchange, Headers, Response
from inferloop_runtime.gateway.refusal import Refusal
from inferloop_runtime.gateway.telemetry import Telemetry
from inferloop_runtime.gateway.upstreams import UpstreamPool, UpstreamServer

# A kept-alive connection that the upstream had closed fails at once, before anything was generated. A failure later
# than this is the upstream's death at work, and sending again could double the work.
_STALE_WITHIN_S = 0.1

_PASSED_ON = (b"accept", b"traceparent", b"tracestate")
_NOT_PASSED_BACK = frozenset(
    (
        b"connection",
        b"content-length",
        b"date",
        b"keep-alive",
        b"server",
        b"transfer-encoding",
        b"upgrade",
        b"x-request-id",
    )
)


class Forward:
    """Send the request to its upstream and take the answer: whole, or as a stream that is read as the client reads.

    The upstream gets neither keys nor cookies. Its own errors pass through; where it cannot be reached the answer is
    503, where it breaks 502, where it takes too long 504. Closing the stream closes the connection to the upstream,
    which cancels the generation.
    """

    name = "forward"

    def __init__(self, session: aiohttp.ClientSession, upstreams: UpstreamPool, telemetry: Telemetry) -> None:
        self._session = session
        self._upstreams = upstreams
        self._telemetry = telemetry

    async def process(self, exchange: Exchange) -> None:
        """Set `exchange.response`."""
        upstream = exchange.server
        upstream.in_flight += 1
        streaming = False
        try:
            response = await self._send(exchange, upstream)
            headers: Headers = [header for header in response.raw_headers if header[0].lower() not in _NOT_PASSED_BACK]
            streaming = response.content_type == "text/event-stream"
            if streaming:
                body: bytes | ByteStream = UpstreamStream(upstream, response, on_failure=self._stream_failed)
            else:
                body = await response.read()
            exchange.response = Response(response.status, headers, body)
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            self._telemetry.upstream_failed("connect")
            self._upstreams.mark_ill(upstream, "it does not accept connections")
            raise Refusal(
                503,
                "model_unavailable",
                f"the model {upstream.model} is not available now; try again soon",
                retry_after_s=2,
            ) from error
        except TimeoutError as error:
            self._telemetry.upstream_failed("timeout")
            raise Refusal(504, "upstream_timeout", f"the model {upstream.model} gave no answer in time") from error
        except aiohttp.ClientError as error:
            self._telemetry.upstream_failed("broken")
            self._upstreams.mark_ill(upstream, "it closed a connection in the middle of an answer")
            raise Refusal(
                502,
                "model_unavailable",
                f"the connection to the model {upstream.model} broke; try again soon",
                retry_after_s=2,
            ) from error
        finally:
            if not streaming:
                upstream.in_flight -= 1

    def _stream_failed(self, upstream: UpstreamServer, error: Exception) -> None:
        self._telemetry.upstream_failed("timeout" if isinstance(error, TimeoutError) else "broken")
        self._upstreams.mark_ill(upstream, "it broke off a stream")

    async def _send(self, exchange: Exchange, upstream: UpstreamServer) -> aiohttp.ClientResponse:
        headers = {"x-request-id": exchange.request_id, "accept-encoding": "identity"}
        for name in _PASSED_ON:
            if (value := exchange.headers.get(name)) is not None:
                headers[name.decode()] = value.decode("latin-1")
        data = None
        if exchange.method == "POST":
            headers["content-type"] = "application/json"
            data = exchange.body
        url = upstream.address_of(exchange.endpoint.path)
        sent_at = time.perf_counter()
        try:
            return await self._session.request(exchange.method, url, data=data, headers=headers)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if isinstance(error, aiohttp.ClientConnectorError) or time.perf_counter() - sent_at > _STALE_WITHIN_S:
                raise
            return await self._session.request(exchange.method, url, data=data, headers=headers)


class UpstreamStream:
    """Read an upstream's stream as the client reads; a stream that breaks just ends, which the metering notices."""

    def __init__(
        self,
        upstream: UpstreamServer,
        response: aiohttp.ClientResponse,
        *,
        on_failure: Callable[[UpstreamServer, Exception], None],
    ) -> None:
        self._upstream = upstream
        self._response = response
        self._closed = False
        self._on_failure = on_failure

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError) as error:
            self._on_failure(self._upstream, error)

    async def aclose(self) -> None:
        """Close the connection to the upstream where it has not sent all."""
        if not self._closed:
            self._closed = True
            self._response.close()
            self._upstream.in_flight -= 1


def broken_stream_event(exchange: Exchange) -> bytes:
    """Return the event that tells a client that its stream ended before its time, in the words of its API."""
    message = f"the model {exchange.model} stopped in the middle of the answer (request {exchange.request_id})"
    if exchange.endpoint.api is Api.TGI:
        error = {"error": message, "error_type": "incomplete_generation"}
        return b"\n\ndata:" + orjson.dumps(error) + b"\n\n"
    return b"\n\ndata: " + Refusal(502, "model_unavailable", message).body(exchange.request_id) + b"\n\n"
