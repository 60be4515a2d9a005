"""`inferloop-runtime metrics`."""

from pathlib import Path
from typing import Annotated

import typer


def metrics(config: Annotated[Path, typer.Option(help="The process's JSON settings file.")]) -> None:
    """Run the metrics exporter until it is told to stop."""
    from inferloop_runtime.observability.exporter import run_exporter
    from inferloop_runtime.observability.logs import configure_logging
    from inferloop_runtime.observability.settings import MetricsSettings
    from inferloop_runtime.settings_file import load_settings

    settings = load_settings(MetricsSettings, config)
    configure_logging("metrics")
    run_exporter(settings)
