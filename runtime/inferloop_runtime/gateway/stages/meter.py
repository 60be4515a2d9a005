"""The stage that counts what a request used and writes it down before its answer ends."""

import time
from collections.abc import AsyncIterator

import orjson

from inferloop_runtime.gateway.endpoints import Api
from inferloop_runtime.gateway.exchange import ByteStream, Exchange
from inferloop_runtime.gateway.journal import Journal
from inferloop_runtime.gateway.refusal import CLIENT_CLOSED_REQUEST
from inferloop_runtime.gateway.stages.forward import broken_stream_event
from inferloop_runtime.gateway.stream_events import EventSplitter, is_error, is_final, reports_usage, token_counts
from inferloop_runtime.gateway.telemetry import Telemetry
from inferloop_runtime.gateway.timeline import Timeline
from inferloop_runtime.gateway.usage_record import UsageRecord
from inferloop_runtime.gateway.usage_writer import UsageWriter

# What a stream that the upstream, or the gateway's end, broke off is recorded as.
_BROKEN = 502


class Meter:
    """Count tokens as they pass, and append the usage record to the journal before the last of the answer leaves.

    What was refused before it reached an upstream is not metered.

    A stream's bytes pass untouched, but for figures that the client did not ask for. A stream that ends before its last
    event gets an error event, so that no client takes half an answer for a whole one.
    """

    name = "meter"

    def __init__(self, journal: Journal, writer: UsageWriter, telemetry: Telemetry, timeline: Timeline) -> None:
        self._journal = journal
        self._writer = writer
        self._telemetry = telemetry
        self._timeline = timeline

    async def process(self, exchange: Exchange) -> None:
        """Meter a whole answer now; wrap a stream so that it is metered as it passes."""
        response = exchange.answer
        if not exchange.endpoint.metered or exchange.upstream is None:
            return
        if not isinstance(response.body, bytes):
            response.body = MeteredStream(exchange, response.body, self)
            return
        if response.status == 200:
            exchange.prompt_tokens, exchange.completion_tokens = token_counts(response.body)
            for name, value in response.headers:
                lowered = name.lower()
                if lowered == b"x-prompt-tokens" and value.isdigit():
                    exchange.prompt_tokens = int(value)
                elif lowered == b"x-generated-tokens" and value.isdigit():
                    exchange.completion_tokens = int(value)
            self._timeline.add_tokens(exchange.completion_tokens)
        self.record(exchange, response.status)

    def count(self, exchange: Exchange, event: bytes) -> bytes:
        """Count one event and return what of it the client gets."""
        if exchange.first_token is None and event.startswith(b"data:"):
            exchange.first_token = time.perf_counter()
            self._timeline.add_first_token(exchange.first_token - exchange.started)
        if exchange.endpoint.api is Api.OPENAI:
            if reports_usage(event):
                self._reconcile(exchange, event)
                return b"" if exchange.hidden_usage and _is_usage_alone(event) else event
            if event.startswith((b"data: [DONE]", b"data:[DONE]")):
                return event
        elif is_final(event):
            self._reconcile(exchange, event)
            return _without_details(event) if exchange.hidden_details else event
        if event.startswith(b"data:"):
            exchange.completion_tokens += 1
            self._timeline.add_tokens(1)
        return event

    def _reconcile(self, exchange: Exchange, event: bytes) -> None:
        prompt, completion = token_counts(event)
        self._timeline.add_tokens(completion - exchange.completion_tokens)
        exchange.prompt_tokens, exchange.completion_tokens = prompt, completion

    def record(self, exchange: Exchange, status: int) -> None:
        """Write the usage record, once for each exchange."""
        principal = exchange.principal
        if exchange.metered or principal is None or principal.tenant_id is None:
            return
        exchange.metered = True
        now = time.perf_counter()
        first = exchange.first_token
        record = UsageRecord(
            request_id=exchange.request_id,
            tenant_id=principal.tenant_id,
            api_key_id=principal.api_key_id,
            model=exchange.model,
            endpoint=exchange.endpoint.path,
            status=status,
            prompt_tokens=exchange.prompt_tokens,
            completion_tokens=exchange.completion_tokens,
            started_at_us=int(exchange.started_at * 1_000_000),
            latency_ms=round((now - exchange.started) * 1000, 3),
            time_to_first_token_ms=None if first is None else round((first - exchange.started) * 1000, 3),
        )
        self._journal.append(record.to_line())
        self._writer.wake()
        self._telemetry.used(exchange.model, exchange.prompt_tokens, exchange.completion_tokens)


class MeteredStream:
    """Pass a stream on in whole events and have its usage recorded before the last of them."""

    def __init__(self, exchange: Exchange, chunks: ByteStream, meter: Meter) -> None:
        self._exchange = exchange
        self._chunks = chunks
        self._meter = meter
        self._status = exchange.answer.status

    async def __aiter__(self) -> AsyncIterator[bytes]:
        exchange, meter = self._exchange, self._meter
        splitter = EventSplitter()
        ended = False
        async for chunk in self._chunks:
            passed = b""
            for event in splitter.feed(chunk):
                ended = ended or is_final(event) or is_error(event)
                passed += meter.count(exchange, event)
            if ended:
                meter.record(exchange, self._status)
            if passed:
                yield passed
        rest = splitter.rest()
        if not ended:
            meter.record(exchange, _BROKEN)
            rest += broken_stream_event(exchange)
        if rest:
            yield rest

    async def aclose(self) -> None:
        """Let the upstream go; record a stream that was left before its end as such."""
        await self._chunks.aclose()
        self._meter.record(self._exchange, CLIENT_CLOSED_REQUEST if self._exchange.client_gone else _BROKEN)


def _payload(event: bytes) -> tuple[int, object]:
    at = event.find(b"{")
    try:
        return at, orjson.loads(event[at:].rstrip()) if at >= 0 else None
    except orjson.JSONDecodeError:
        return at, None


def _is_usage_alone(event: bytes) -> bool:
    _, payload = _payload(event)
    return isinstance(payload, dict) and payload.get("choices") == []


def _without_details(event: bytes) -> bytes:
    at, payload = _payload(event)
    if not isinstance(payload, dict):
        return event
    return event[:at] + orjson.dumps(payload | {"details": None}) + b"\n\n"
