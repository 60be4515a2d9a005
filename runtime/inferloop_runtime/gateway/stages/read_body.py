"""The stage that takes the request's body in."""

import orjson

from inferloop_runtime.gateway.exchange import Exchange
from inferloop_runtime.gateway.refusal import Refusal


class ReadBody:
    """Read the whole body within its limit, and the JSON object in it where there is one.

    It comes after authentication, so that strangers' bodies are never read. A body that is no JSON object goes on as it
    is: what is wrong with it, the upstream says best.
    """

    name = "read-body"

    def __init__(self, max_body_bytes: int) -> None:
        self._max_body_bytes = max_body_bytes

    async def process(self, exchange: Exchange) -> None:
        """Set `exchange.body` and `exchange.document`."""
        if exchange.method == "POST":
            self._check_headers(exchange)
        parts: list[bytes] = []
        size = 0
        while True:
            message = await exchange.receive()
            if message["type"] == "http.disconnect":
                exchange.client_gone = True
                raise Refusal(499, "client_closed_request", "the client left before it had sent its request")
            if part := message.get("body", b""):
                parts.append(part)
                size += len(part)
                if size > self._max_body_bytes:
                    raise self._too_large()
            if not message.get("more_body", False):
                break
        exchange.body_received = True
        exchange.body = parts[0] if len(parts) == 1 else b"".join(parts)
        if exchange.body:
            try:
                document = orjson.loads(exchange.body)
            except orjson.JSONDecodeError:
                return
            if isinstance(document, dict):
                exchange.document = document

    def _check_headers(self, exchange: Exchange) -> None:
        content_type = exchange.headers.get(b"content-type", b"").split(b";", 1)[0].strip().lower()
        if content_type != b"application/json" and not content_type.endswith(b"+json"):
            raise Refusal(
                415, "unsupported_media_type", "the body must be JSON; send the header `Content-Type: application/json`"
            )
        length = exchange.headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._max_body_bytes:
            raise self._too_large()

    def _too_large(self) -> Refusal:
        return Refusal(
            413, "request_too_large", f"the request's body is larger than the {self._max_body_bytes} bytes allowed"
        )
