"""Run the model server: granian in this process's event loop, the engine beside it, drained at SIGTERM."""

import asyncio
import logging
import signal
import socket
import sys
from contextlib import suppress

from granian.constants import Interfaces
from granian.server.embed import Server

from inferloop_runtime.errors import EngineError, InferloopError, SettingsError
from inferloop_runtime.serving.api.application import ModelServer
from inferloop_runtime.serving.api.generation import GenerationService
from inferloop_runtime.serving.api.native_threads import native_threads, until_ended
from inferloop_runtime.serving.engine import Engine
from inferloop_runtime.serving.settings import ServeSettings

_log = logging.getLogger("inferloop.serve")

# Time that failing requests have, once the engine has stopped, to tell their clients so.
_FAREWELL_S = 2.0


def configure_logging() -> None:
    """Send this process's log to standard error, one line an event."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger("inferloop")
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    root.propagate = False


def claim_port(host: str, port: int) -> int:
    """Return `port`, or a free one where it is 0, after checking that this process can listen on it.

    Granian shares ports between processes (SO_REUSEPORT), so it would not notice another server on the same one.
    Raises SettingsError that names the address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error.strerror}; stop what listens there or set another `port`"
        ) from error


async def until_connectable(host: str, port: int, listening: "asyncio.Task[None]") -> None:
    """Return when the port accepts connections; raise what `listening` ended with where it ends before."""
    while not listening.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.005)
        else:
            writer.close()
            return
    listening.result()


async def serve(settings: ServeSettings, engine: Engine) -> None:
    """Serve until SIGTERM or SIGINT, then drain for up to `drain_timeout_s` and return.

    The port answers at once (`/health` 503 while the model loads). Raises SettingsError where the port is taken, and
    what `engine.start` raises.
    """
    port = claim_port(settings.host, settings.port)
    service = GenerationService(engine, settings)
    application = ModelServer(service)
    server = Server(
        application,
        address=settings.host,
        port=port,
        interface=Interfaces.ASGINL,
        websockets=False,
        log_enabled=False,
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    others = native_threads()
    listening = asyncio.create_task(server.serve())
    await until_connectable(settings.host, port, listening)
    servers_threads = native_threads() - others
    starting = asyncio.create_task(engine.start())
    waiting = asyncio.create_task(stopping.wait())
    try:
        _log.info("listening on http://%s:%d, loading %s", settings.host, port, settings.model_id)
        await _until_stopped(listening, starting, waiting)
        _log.info("stopping: %d generations are running, waiting up to %d s", service.running, settings.drain_timeout_s)
        application.drain()
        if not await application.idle(settings.drain_timeout_s):
            _log.warning("%d generations did not end in time and are aborted", service.running)
    finally:
        application.drain()
        for task in (starting, waiting):
            task.cancel()
            with suppress(asyncio.CancelledError, InferloopError):
                await task
        await engine.stop()
        await application.idle(_FAREWELL_S)
        server.stop()
        await asyncio.wait({listening}, timeout=_FAREWELL_S)
        await until_ended(servers_threads, _FAREWELL_S)
        service.close()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        _log.info("stopped")


async def _until_stopped(
    listening: "asyncio.Task[None]", starting: "asyncio.Task[None]", waiting: "asyncio.Task[bool]"
) -> None:
    """Return when told to stop; raise when the engine cannot start or the HTTP server ends by itself."""
    done, _ = await asyncio.wait({listening, starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if starting in done:
        starting.result()
        done, _ = await asyncio.wait({listening, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if listening in done and waiting not in done:
        listening.result()
        raise EngineError("the HTTP server ended by itself; the log has the reason")
