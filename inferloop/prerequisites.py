"""The prerequisites of this machine, as the checkout's set-up sees them."""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from inferloop.errors import ProjectError
from inferloop.project import Project

_TIMEOUT_S = 120


def examine(project: Project) -> dict[str, Any]:
    """Ask the checkout's set-up for its report: {"ok": bool, "checks": [{name, state, found, needed, mend}]}.

    The set-up is no part of the installed package, for it must run before anything is installed. Raises ProjectError
    where it does not answer.
    """
    bootstrap = project.checkout / "tools" / "bootstrap"
    done = subprocess.run(
        [sys.executable, bootstrap, "doctor", "--json"],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise ProjectError(
            f"{bootstrap} does not answer ({done.stderr.strip()}); `git status` shows what is missing in the checkout"
        ) from None
    return dict(report)


def table(report: Mapping[str, Any]) -> Table:
    """Lay a report out: one row a prerequisite, with the command that mends it."""
    columns = Table("", "prerequisite", "found", "to mend")
    for check in report["checks"]:
        if check["state"] == "ok":
            mark = "[green]ok[/]"
        else:
            mark = f"[red]{check['state']}[/]" if check["needed"] else "[yellow]absent[/]"
        columns.add_row(mark, check["name"], escape(check["found"]), escape(check["mend"]))
    columns.columns[0].no_wrap = True
    columns.columns[1].no_wrap = True
    return columns
