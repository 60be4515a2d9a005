"""`inferloop-runtime gateway`."""

from pathlib import Path
from typing import Annotated

import typer


def gateway(config: Annotated[Path, typer.Option(help="The process's JSON settings file.")]) -> None:
    """Run the gateway process until it is told to stop."""
    from inferloop_runtime.gateway.process import run_gateway
    from inferloop_runtime.gateway.settings import GatewaySettings
    from inferloop_runtime.observability.logs import configure_logging
    from inferloop_runtime.settings_file import load_settings

    settings = load_settings(GatewaySettings, config)
    configure_logging("gateway")
    run_gateway(settings)
