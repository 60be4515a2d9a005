"""The model server's HTTP layer for tests: on granian, in the test's own event loop, on a port from the kernel."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from granian.constants import Interfaces
from granian.server.embed import Server
from inferloop_runtime.serving.api.application import ModelServer
from inferloop_runtime.serving.api.generation import GenerationService
from inferloop_runtime.serving.engine import Engine
from inferloop_runtime.serving.settings import ServeSettings

from tests.support.postgres import free_port


def serve_settings(**changes: Any) -> ServeSettings:
    """Settings that need no file to exist."""
    values = {"model_path": Path("model"), "model_id": "test/scripted", "port": 0, "run_dir": Path("run")}
    return ServeSettings.model_validate({**values, **changes})


@contextlib.asynccontextmanager
async def running_model_server(engine: Engine, **changes: Any) -> AsyncIterator[tuple[str, ModelServer]]:
    """Serve `engine`; yield the address and the application."""
    service = GenerationService(engine, serve_settings(**changes))
    application = ModelServer(service)
    port = free_port()
    server = Server(application, port=port, interface=Interfaces.ASGINL, websockets=False, log_enabled=False)
    listening = asyncio.create_task(server.serve())
    await engine.start()
    try:
        await _until_listening(port)
        yield f"http://127.0.0.1:{port}", application
    finally:
        await engine.stop()
        await application.idle(5)
        server.stop()
        await asyncio.wait_for(listening, 10)
        service.close()


async def _until_listening(port: int) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
    raise TimeoutError(f"nothing listens on port {port}")
