"""An engine that the user already has."""

import os
from pathlib import Path

from tools.bootstrap import programs
from tools.bootstrap.context import Context
from tools.bootstrap.engine import CLI, EXECUTABLES, Engine, problem_with, version_of


def find_on_path(context: Context) -> Engine | str:
    """Find a recent `pulumi` with its Python language host on PATH, or say why there is none."""
    search_path = context.search_path()
    pulumi = programs.find(CLI, search_path)
    if pulumi is None:
        return "no pulumi on PATH"
    # Package managers link the command line alone; its companions stand beside the real file.
    beside = os.pathsep.join([str(pulumi.parent), str(pulumi.resolve().parent), search_path])
    problem = problem_with(beside, context.pins.pulumi_minimum, context.environ)
    if problem is not None:
        return problem
    files = [programs.find(name, beside) for name in EXECUTABLES]
    folders = tuple(dict.fromkeys(Path(path.parent) for path in files if path is not None))
    version = (version_of(pulumi, context.environ) or "").lstrip("v")
    return Engine(pulumi, folders, "path", version, f"found on PATH, {context.pins.pulumi_minimum} or newer")
