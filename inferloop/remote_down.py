"""Take down a stack that does not run here: everything in its cloud, except for what is protected."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from components.catalog.guarded_types import guarded_kind
from inferloop.errors import ProjectError
from inferloop.events import resource_name
from inferloop.own_command import own_command
from inferloop.project import Project
from inferloop.recovery import recover
from inferloop.sink import Sink
from inferloop.stack_engine import StackEngine, open_stack
from inferloop.stack_lock import lock_of, stack_lock
from inferloop.state import StoredResource


@dataclass(frozen=True)
class RemoteDownResult:
    """What one `down` of a cloud's stack did: how many resources went, and which are left."""

    stack: str
    destroyed: int
    left: tuple[StoredResource, ...]
    backend: str
    duration_s: float


def take_remote_down(
    project: Project,
    stack: str,
    *,
    confirm: Callable[[str], bool] | None,
    yes: bool,
    local_state: bool,
    sink: Sink,
    wait: bool = True,
) -> RemoteDownResult:
    """Destroy what is not protected, after `confirm` agreed to a text that names what goes and what stays.

    Raises ProjectError where nobody can be asked and `yes` was not given, EngineError, StateLocationError or
    StackBusyError.
    """
    started = time.monotonic()
    lock = lock_of(project.home, stack, runs_here=False)
    with stack_lock(lock, f"inferloop down {stack}", wait=wait, tell=sink.note):
        engine = open_stack(project, stack, local_state=local_state)
        if engine.location.in_home:
            recover(engine.runner, stack, sink, clear_pending=False)
        before = engine.state().things
        going = [item for item in before if not item.protected]
        if not going or not _agreed(engine, before, confirm, yes=yes):
            return _result(engine, 0, before, started)
        title = f"destroying stack {stack}"
        destroyed = engine.run_long(
            ["destroy", "--yes", "--skip-preview", "--exclude-protected"], sink=sink, title=title, name="down"
        )
        left = engine.state().things
        if not left and engine.location.in_home:
            engine.run(["stack", "rm", stack, "--yes", "--preserve-config"])
            project.home.config_file(stack).unlink(missing_ok=True)
        return _result(engine, destroyed, left, started)


def named(resources: Sequence[StoredResource]) -> list[str]:
    """Return resources as lines for people."""
    return [f"  {resource_name(item.urn)} ({guarded_kind(item.type) or item.type})" for item in resources]


def _agreed(
    engine: StackEngine, before: Sequence[StoredResource], confirm: Callable[[str], bool] | None, *, yes: bool
) -> bool:
    going = [item for item in before if not item.protected]
    if yes:
        return True
    if confirm is None:
        raise ProjectError(
            f"nothing was destroyed: {len(going)} resources of stack {engine.stack} would go, and there is no terminal "
            f"to ask at; `{own_command()} down {engine.stack} --yes` destroys them"
        )
    guarded = [item for item in going if guarded_kind(item.type)]
    staying = [item for item in before if item.protected]
    lines = [f"{len(going)} resources of stack {engine.stack} would be destroyed (state: {engine.location.url})"]
    if guarded:
        lines += ["these go with what they hold, for they are not protected:", *named(guarded)]
    if staying:
        lines += ["these stay, with what they need, for they are protected:", *named(staying)]
    return confirm("\n".join(lines))


def _result(engine: StackEngine, destroyed: int, left: Sequence[StoredResource], started: float) -> RemoteDownResult:
    return RemoteDownResult(engine.stack, destroyed, tuple(left), engine.location.url, time.monotonic() - started)
