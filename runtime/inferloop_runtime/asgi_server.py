"""Serve one ASGI application on granian inside this process until the process is told to stop.

The embedded server runs in the application's own event loop: one process, no pickling, half the memory of a master with
one worker.
"""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from inferloop_runtime.errors import SettingsError

log = logging.getLogger(__name__)

Application = Callable[
    [dict[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]
]

# Enough for every header that the APIs know; larger heads are refused with 431.
_MAX_HEAD_BYTES = 64 * 1024
_HEAD_TIMEOUT_MS = 15_000


def claim_port(host: str, port: int, *, setting: str = "port") -> int:
    """Return `port`, or a free one of the kernel's choice for 0, after seeing that nobody listens on it.

    Granian shares ports (SO_REUSEPORT), so without this two servers would silently take turns. Raises SettingsError
    that names the port and what mends it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SettingsError(
                    f"port {port} of {host} is in use: stop what listens there (`ss -ltnp 'sport = :{port}'` names it) "
                    f"or change `{setting}`"
                ) from None
            raise SettingsError(
                f"cannot listen on {host}:{port}: {error.strerror}; correct `host` or `{setting}`"
            ) from None
        return int(probe.getsockname()[1])


async def serve_until_stopped(
    application: Application,
    *,
    host: str,
    port: int,
    drain: Callable[[], Awaitable[None]],
    close_timeout_s: float = 5.0,
) -> None:
    """Serve until SIGTERM or SIGINT, then await `drain`, stop listening and return once connections are closed.

    `drain` runs while the server still listens. Connections that outlive it have `close_timeout_s` seconds.
    """
    server = Server(
        application,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=_HEAD_TIMEOUT_MS, max_buffer_size=_MAX_HEAD_BYTES),
        websockets=False,
        backlog=1024,
        log_enabled=False,
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    serving = asyncio.create_task(server.serve(), name="granian")
    told_to_stop = asyncio.create_task(stopping.wait(), name="stop-signal")
    log.info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)
    try:
        await asyncio.wait({serving, told_to_stop}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
            return
        log.info("stopping")
        await drain()
        server.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(serving, close_timeout_s)
    finally:
        told_to_stop.cancel()
        serving.cancel()
