"""`inferloop-runtime serve`."""

from pathlib import Path
from typing import Annotated

import typer


def serve(config: Annotated[Path, typer.Option(help="The process's JSON settings file.")]) -> None:
    """Serve a model through TGI's and OpenAI's APIs until told to stop."""
    import asyncio

    from inferloop_runtime.serving.settings import ServeSettings
    from inferloop_runtime.settings_file import load_settings

    settings = load_settings(ServeSettings, config)

    from inferloop_runtime.serving.api.server import configure_logging
    from inferloop_runtime.serving.api.server import serve as run
    from inferloop_runtime.serving.embedded import EmbeddedEngine

    configure_logging()
    asyncio.run(run(settings, EmbeddedEngine(settings)))
