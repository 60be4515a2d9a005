"""The command line of the lock of charts."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from components.catalog.charts import CHARTS, Charts, read_charts
from tools.bootstrap.cli import ROOT
from tools.bootstrap.context import Context
from tools.bootstrap.errors import SetupError
from tools.bootstrap.layout import layout_of
from tools.bootstrap.progress import Progress
from tools.bootstrap.setup import interruptible
from tools.bootstrap.versions import read_pins
from tools.charts import store
from tools.charts.modules import fetch_modules
from tools.charts.packages import pull, resolve

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python tools/charts", description="Fetch what components/catalog/charts.yaml locks."
    )
    parser.add_argument("--lock", type=Path, default=CHARTS, help="another lock")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fetch", help="fetch definitions from their Go modules, and packages whose digest is known")
    commands.add_parser("resolve", help="pull every chart and write the digests that are not known yet")
    parsed = parser.parse_args(arguments)
    layout = layout_of(root)
    context = Context(layout, read_pins(layout.pins), Progress())
    try:
        with interruptible():
            charts = read_charts(parsed.lock)
            return fetch(context, charts) if parsed.command == "fetch" else _resolve(context, charts, parsed.lock)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return _INTERRUPTED


def fetch(context: Context, charts: Charts) -> int:
    """Fetch what a rehearsal takes; a package that is not had is told, for a rehearsal goes on without it."""
    schemas = [chart.values_schema for chart in charts.charts if chart.values_schema is not None]
    fetch_modules(context, [*charts.definitions.values(), *schemas])
    for chart in charts.charts:
        if chart.digest is not None:
            try:
                pull(context, chart)
            except SetupError as error:
                context.progress.say("charts", f"{chart.name}: not had, its values alone are checked ({error.args[0]})")
    store.record(context)
    return 0


def _resolve(context: Context, charts: Charts, lock: Path) -> int:
    found = resolve(context, charts.charts, lock)
    for name, digest in found.digests.items():
        print(f"{name} {charts.chart(name).version}: {digest}")
    for name, problem in found.problems.items():
        print(f"error: {name}: {problem}", file=sys.stderr)
    if not found.digests:
        print("mend: run this where the charts' registries are reached, or set HTTPS_PROXY", file=sys.stderr)
    return 1 if found.problems else 0
