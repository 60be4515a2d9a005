"""`inferloop-runtime serve`."""

from pathlib import Path
from typing import Annotated

import typer


def serve(config: Annotated[Path, typer.Option(help="The process's JSON settings file.")]) -> None:
    """Run the serve process until it is told to stop."""
    from inferloop_runtime.serving.settings import ServeSettings
    from inferloop_runtime.settings_file import load_settings

    load_settings(ServeSettings, config)
    raise NotImplementedError
