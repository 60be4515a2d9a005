"""The command line of set-up."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.bootstrap.context import Context
from tools.bootstrap.control_plane import set_up_control_plane
from tools.bootstrap.doctor import examine, format_table
from tools.bootstrap.errors import SetupError
from tools.bootstrap.layout import layout_of
from tools.bootstrap.progress import Progress
from tools.bootstrap.setup import set_up
from tools.bootstrap.versions import read_pins

ROOT = Path(__file__).resolve().parents[2]
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python3 tools/bootstrap", description="Prepare this checkout.")
    commands = parser.add_subparsers(dest="command")
    up = commands.add_parser("up", help="install what is missing (the default)")
    up.add_argument("--extra", action="append", default=[], help="optional dependencies to add; may be repeated")
    doctor = commands.add_parser("doctor", help="report every prerequisite; install nothing")
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    commands.add_parser("control-plane", help="build the Kubernetes that rehearsals run on")
    parsed = parser.parse_args(arguments)
    layout = layout_of(root)
    extras = frozenset(parsed.extra if parsed.command == "up" else ())
    context = Context(layout, read_pins(layout.pins), Progress(), extras=extras)
    try:
        if parsed.command == "doctor":
            checks = examine(context)
            healthy = all(check.state == "ok" for check in checks if check.needed)
            report = {"ok": healthy, "checks": [check.as_dict() for check in checks]}
            print(json.dumps(report, indent=2) if parsed.json else format_table(checks))
            return 0 if healthy else 1
        (set_up_control_plane if parsed.command == "control-plane" else set_up)(context)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return _INTERRUPTED
    return 0
