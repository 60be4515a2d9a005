"""Bring a stack up, whatever an earlier attempt left behind, and let nothing guarded be lost by it."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.catalog.guarded_types import guarded_kind
from inferloop.approvals import ledger_of
from inferloop.engine import EngineRunner, find_engine
from inferloop.errors import EngineError
from inferloop.guarded_up import guarded_up
from inferloop.own_command import own_command
from inferloop.project import Project
from inferloop.recovery import recover
from inferloop.sink import Sink
from inferloop.stack_config import configured_values, stack_runs_here
from inferloop.stack_engine import StackEngine, open_stack
from inferloop.stack_lock import lock_of, stack_lock
from inferloop.state import StackState

_PROTECTED = ("marked for protection", "because it is protected")


@dataclass(frozen=True)
class UpResult:
    """What one `up` did: the engine's changes, the time it took, the stack's plain outputs.

    `backend` is where the state lies; `runs_here` tells a stack on this machine from one in a cloud.
    """

    stack: str
    changes: int
    duration_s: float
    engine: str
    outputs: dict[str, Any]
    backend: str = ""
    runs_here: bool = True


def bring_up(
    project: Project,
    stack: str,
    *,
    sink: Sink,
    wait: bool = True,
    refresh: bool = False,
    config_file: Path | None = None,
    local_state: bool = False,
) -> UpResult:
    """Make the stack what its configuration says, repairing what drifted; touch nothing where nothing changed.

    Of a local stack drift is looked for as far as milliseconds reach (processes, tables, files' sizes and times);
    `refresh` reads every file, or asks the cloud for every resource. Raises ProjectError, StateLocationError,
    EngineMissingError, ReplacementRefusedError, EngineError or StackBusyError.
    """
    started = time.monotonic()
    configured_values(project, stack, config_file)
    local = stack_runs_here(project, stack, config_file)
    find_engine(project)
    lock = lock_of(project.home, stack, runs_here=local)
    with stack_lock(lock, f"inferloop up {stack}", wait=wait, tell=sink.note):
        engine = open_stack(project, stack, local_state=local_state, config_file=config_file)
        if engine.location.in_home:
            recover(engine.runner, stack, sink, clear_pending=local)
        state = engine.state()
        # Writes the salt of the stack's secrets into the configuration that the engine reads.
        engine.ensure_stack(state, sink)
        _tell_pending(engine, state, sink)
        changes = _update(engine, state, sink, refresh=refresh)
        outputs = engine.state().outputs
    duration_s = time.monotonic() - started
    return UpResult(stack, changes, duration_s, describe_engine(engine.runner), outputs, engine.location.url, local)


def describe_engine(runner: EngineRunner) -> str:
    """Name the engine in a few words."""
    engine = runner.engine
    return f"pulumi {engine.version} ({engine.source})" if engine.version else f"pulumi ({engine.pulumi})"


def _update(engine: StackEngine, state: StackState, sink: Sink, *, refresh: bool) -> int:
    policies = engine.policy_arguments(sink)
    arguments = ["up", "--yes", "--skip-preview", *policies]
    if engine.runs_here:
        arguments.append("--skip-plugin-pre-install")
    if refresh:
        arguments.append("--refresh")
    title = f"bringing stack {engine.stack} up"
    # A policy sees one resource after the other: without a preview, an update that it refuses has begun.
    if policies or _needs_guard(engine, state):
        return guarded_up(engine, arguments, sink=sink, title=title, refresh=refresh)
    try:
        return engine.run_long(arguments, sink=sink, title=title, name="up")
    except EngineError as error:
        if any(mark in str(error) for mark in _PROTECTED):
            raise EngineError(
                f"{error}\nwhat is protected is lost only by approval: `{own_command()} preview {engine.stack}` shows "
                f"the change and its cause, `{own_command()} approve {engine.stack} NAME` allows it once"
            ) from None
        raise


def _needs_guard(engine: StackEngine, state: StackState) -> bool:
    """Tell whether a preview must come first, which takes about as long as an update that changes nothing.

    On this machine what holds data is protected, and the engine itself refuses to lose it; the preview is needed only
    to carry an approved change out.
    """
    if engine.runs_here:
        return ledger_of(engine.project.home, engine.stack).any_open()
    return any(item.protected or guarded_kind(item.type) is not None for item in state.things)


def _tell_pending(engine: StackEngine, state: StackState, sink: Sink) -> None:
    if state.pending and not engine.runs_here:
        sink.warn(
            f"{state.pending} operation(s) of an interrupted run have no known end: look whether the cloud has what "
            f"they were making, then run `pulumi refresh --stack {engine.stack}`, which asks about each"
        )
