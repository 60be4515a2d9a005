"""A model server that says the same at once, as fast as Python can: the gateway's cost is all that is left to see."""

import argparse
import asyncio
import json
from typing import cast

COMPLETION = json.dumps(
    {
        "id": "chatcmpl-constant",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "constant",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "The capital of France is Paris. " * 8},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 24, "completion_tokens": 64, "total_tokens": 88},
    }
).encode()
HEALTHY = b"{}"


def _response(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


_COMPLETION_RESPONSE = _response(COMPLETION)
_HEALTHY_RESPONSE = _response(HEALTHY)


class ConstantUpstream(asyncio.Protocol):
    """Answer every POST with one completion and every GET with an empty object."""

    def __init__(self) -> None:
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            head = self._pending[:end].lower()
            length = 0
            if (at := head.find(b"content-length:")) >= 0:
                length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self._pending) < end + 4 + length:
                return
            self._pending = self._pending[end + 4 + length :]
            self._transport.write(_COMPLETION_RESPONSE if head.startswith(b"post") else _HEALTHY_RESPONSE)


async def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="Answer every request with one constant chat completion.")
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    server = await asyncio.get_running_loop().create_server(ConstantUpstream, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
