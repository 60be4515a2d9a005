"""`inferloop-runtime probe`."""

from typing import Annotated

import typer


def probe(
    url: Annotated[str, typer.Argument(help="An http(s) address, such as http://127.0.0.1:8080/health.")],
    timeout_s: Annotated[float, typer.Option(min=0.01, help="Seconds to wait for the answer.")] = 2.0,
) -> None:
    """Exit 0 where URL answers 200, else 1 with the reason in one line: a health check for containers."""
    import sys

    from inferloop_runtime.serving.api.health_probe import probe_health

    reason = probe_health(url, timeout_s)
    if reason is not None:
        print(f"{url}: {reason}", file=sys.stderr)
        raise typer.Exit(1)
