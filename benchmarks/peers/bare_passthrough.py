"""The least a proxy can do on granian and aiohttp: read the body, send it on, send the answer back."""

import argparse
import asyncio
from typing import Any

import aiohttp
import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server


async def serve(port: int, upstream: str) -> None:
    """Pass every request on until killed."""
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False)

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        async with session.request(
            scope["method"], upstream + scope["path"], data=body, headers={"content-type": "application/json"}
        ) as response:
            answer = await response.read()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    server = Server(
        application,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        log_enabled=False,
    )
    await server.serve()


def main() -> None:
    """Serve on the given port."""
    parser = argparse.ArgumentParser(description="Pass every request on to one upstream.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="uvloop")
    arguments = parser.parse_args()
    run = uvloop.run if arguments.loop == "uvloop" else asyncio.run
    run(serve(arguments.port, arguments.upstream))


if __name__ == "__main__":
    main()
