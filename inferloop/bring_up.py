"""Bring a stack up, whatever an earlier attempt left behind."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inferloop.engine import EngineRunner, find_engine
from inferloop.engine_run import run_with_progress
from inferloop.project import Project
from inferloop.recovery import recover
from inferloop.sink import Sink
from inferloop.stack_config import configured_values, refresh_config
from inferloop.stack_lock import stack_lock
from inferloop.state import read_state


@dataclass(frozen=True)
class UpResult:
    """What one `up` did: the engine's changes, the time it took, the stack's plain outputs."""

    stack: str
    changes: int
    duration_s: float
    engine: str
    outputs: dict[str, Any]


def bring_up(
    project: Project,
    stack: str,
    *,
    sink: Sink,
    wait: bool = True,
    refresh: bool = False,
    config_file: Path | None = None,
) -> UpResult:
    """Make the stack what its configuration says, repairing what drifted; touch nothing where nothing changed.

    Drift is looked for as far as milliseconds reach (processes, tables, files' sizes and times); `refresh` reads
    every file as well. Raises ProjectError, EngineMissingError, EngineError or StackBusyError.
    """
    started = time.monotonic()
    configured_values(project, stack, config_file)
    runner = EngineRunner(project, find_engine(project))
    with stack_lock(project.home.lock, f"inferloop up {stack}", wait=wait, tell=sink.note):
        config = refresh_config(project, stack, config_file)
        recover(runner, stack, sink)
        if not read_state(project.home, stack).exists:
            # Writes the salt of the stack's secrets into our copy of the configuration.
            runner.run(["stack", "init", stack, "--no-select"])
        options = ["--yes", "--skip-preview", "--skip-plugin-pre-install", "--config-file", str(config)]
        if refresh:
            options.append("--refresh")
        arguments = ["up", "--stack", stack, *options]
        changes = run_with_progress(
            runner, arguments, cwd=project.checkout, sink=sink, title=f"bringing stack {stack} up", name="up"
        )
        outputs = read_state(project.home, stack).outputs
    return UpResult(stack, changes, time.monotonic() - started, describe_engine(runner), outputs)


def describe_engine(runner: EngineRunner) -> str:
    """Name the engine in a few words."""
    engine = runner.engine
    return f"pulumi {engine.version} ({engine.source})" if engine.version else f"pulumi ({engine.pulumi})"
