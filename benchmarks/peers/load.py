"""A load generator that costs less than what it loads: raw asyncio protocols with keep-alive connections."""

import argparse
import asyncio
import json
import os
import re
import time
from dataclasses import asdict, dataclass
from typing import cast

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What one run saw; latencies in milliseconds, `failed` counts answers other than 200."""

    requests: int
    failed: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float


class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, ends_at: float, latencies: list[float], failures: list[bytes]) -> None:
        self._request = request
        self._ends_at = ends_at
        self._latencies = latencies
        self._failures = failures
        self._pending = b""
        self._sent_at = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._pending += data
        end = self._pending.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._pending, 0, end)
        if length is None:
            self._finish(RuntimeError(f"an answer without content-length: {self._pending[:200]!r}"))
            return
        if len(self._pending) < end + 4 + int(length[1]):
            return
        now = time.perf_counter()
        if self._pending[9:12] == b"200":
            self._latencies.append(now - self._sent_at)
        else:
            self._failures.append(self._pending)
        self._pending = b""
        if now < self._ends_at:
            self._send()
        else:
            self._finish(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._finish(error or ConnectionResetError("the server closed a kept-alive connection"))

    def _finish(self, error: Exception | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)
        self._transport.close()


async def load(host: str, port: int, request: bytes, *, connections: int, seconds: float) -> LoadResult:
    """Repeat `request` on every connection for `seconds`, one at a time each."""
    latencies: list[float] = []
    failures: list[bytes] = []
    started = time.perf_counter()
    loop = asyncio.get_running_loop()
    opened = [
        (await loop.create_connection(lambda: _Connection(request, started + seconds, latencies, failures), host, port))
        for _ in range(connections)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in opened))
    took = time.perf_counter() - started
    if not latencies:
        raise RuntimeError(f"no request succeeded; the first answer was {failures[0][:400]!r}")
    latencies.sort()
    return LoadResult(
        requests=len(latencies),
        failed=len(failures),
        requests_per_s=len(latencies) / took,
        p50_ms=latencies[len(latencies) // 2] * 1000,
        p99_ms=latencies[min(len(latencies) - 1, int(len(latencies) * 0.99))] * 1000,
    )


def chat_request(host: str, port: int, *, key: str | None = None, model: str = "constant") -> bytes:
    """Return one chat completion request as it goes over the wire."""
    body = json.dumps(
        {
            "model": model,
            "messages": [{"role": "user", "content": "What is the capital of France? " * 4}],
            "max_tokens": 64,
        }
    ).encode()
    authorization = f"authorization: Bearer {key}\r\n" if key else ""
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}:{port}\r\n{authorization}"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


def main() -> None:
    """Load one server; the key comes by the environment variable `LOAD_KEY`, never by the command line."""
    parser = argparse.ArgumentParser(description="Load one OpenAI-compatible server with chat completions.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--model", default="constant")
    arguments = parser.parse_args()
    request = chat_request(arguments.host, arguments.port, key=os.environ.get("LOAD_KEY"), model=arguments.model)

    async def run() -> LoadResult:
        return await load(
            arguments.host, arguments.port, request, connections=arguments.connections, seconds=arguments.seconds
        )

    try:
        import uvloop
    except ImportError:
        result = asyncio.run(run())
    else:
        result = uvloop.run(run())
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
