"""Take a stack down: always its processes, and its data only when that was asked for."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inferloop.engine import EngineRunner, find_engine
from inferloop.engine_run import run_with_progress
from inferloop.errors import EngineError, EngineMissingError, ProjectError
from inferloop.processes import stop_processes
from inferloop.project import Project, check_stack_name
from inferloop.recovery import end_orphans, recover
from inferloop.sink import Sink
from inferloop.stack_config import prepare_project, stack_runs_here, write_private
from inferloop.stack_lock import stack_lock
from inferloop.state import read_state


@dataclass(frozen=True)
class DownResult:
    """What one `down` did; `data_kept` tells whether the stack's data is still there."""

    stack: str
    data_kept: bool
    stack_dir: Path
    duration_s: float


def take_down(
    project: Project,
    stack: str,
    *,
    delete_data: bool,
    confirm: Callable[[], bool] | None,
    sink: Sink,
    wait: bool = True,
) -> DownResult:
    """Stop the stack, then delete its data where `delete_data` says so or `confirm` answers yes.

    Works without an engine and without a state too: processes are then stopped and files deleted directly, with a
    warning. Raises EngineError where the engine fails and the data is to be kept, ProjectError, or StackBusyError.
    """
    started = time.monotonic()
    check_stack_name(stack)
    with stack_lock(project.home.lock, f"inferloop down {stack}", wait=wait, tell=sink.note):
        stack_dir = _stack_dir(project, stack)
        prepare_project(project)
        runner = _runner(project, stack, sink)
        if runner is not None and not delete_data:
            _destroy(runner, stack, sink, protected=False)
        if runner is None or not delete_data:
            _stop_rest(stack_dir, sink)
        holds_data = stack_dir.exists() or project.home.state_file(stack).exists()
        if not delete_data and holds_data and confirm is not None:
            delete_data = confirm()
        if delete_data:
            _delete(project, runner, stack, stack_dir, sink)
    kept = stack_dir.exists()
    return DownResult(stack, kept, stack_dir, time.monotonic() - started)


def is_local(project: Project, stack: str) -> bool:
    """Tell whether a stack is taken down on this machine. Raises ProjectError on a wrong name or configuration.

    A local stack goes down whatever became of its configuration.
    """
    try:
        return stack_runs_here(project, stack)
    except ProjectError:
        check_stack_name(stack)
        if "supervisor" in read_state(project.home, stack).outputs:
            return True
        raise


def _stack_dir(project: Project, stack: str) -> Path:
    default = project.home.stack_dir(stack)
    named = Path(str(read_state(project.home, stack).outputs.get("stack_dir", default)))
    # What is deleted later must be a stack's folder, whatever the state says.
    return named if named.name == stack and named.is_absolute() else default


def _runner(project: Project, stack: str, sink: Sink) -> EngineRunner | None:
    if not project.home.state_file(stack).exists():
        return None
    try:
        runner = EngineRunner(project, find_engine(project))
        _require_config(project, stack)
        recover(runner, stack, sink)
    except EngineMissingError as error:
        sink.warn(f"{error}; the processes are stopped without it")
        return None
    except EngineError as error:
        sink.warn(f"{error}; the processes are stopped without the engine")
        return None
    return runner


def _require_config(project: Project, stack: str) -> None:
    """Give the engine the configuration it had; where that copy was lost, the salt alone is enough to destroy."""
    copy = project.home.config_file(stack)
    salt = read_state(project.home, stack).salt
    if not copy.exists() and salt is not None:
        write_private(copy, f"encryptionsalt: {salt}\n")


def _destroy(runner: EngineRunner, stack: str, sink: Sink, *, protected: bool) -> None:
    state = read_state(runner.project.home, stack)
    if state.resources == 0:
        return
    config = str(runner.project.home.config_file(stack))
    arguments = ["destroy", "--yes", "--skip-preview", "--stack", stack, "--config-file", config]
    if not protected:
        arguments.append("--exclude-protected")
    elif state.protected:
        runner.run(["state", "unprotect", "--all", "--yes", "--stack", stack])
    title = f"deleting stack {stack}" if protected else f"stopping stack {stack}"
    run_with_progress(runner, arguments, cwd=runner.project.home.project, sink=sink, title=title, name="down")


def _stop_rest(stack_dir: Path, sink: Sink) -> None:
    stopped = stop_processes(stack_dir)
    if stopped:
        sink.note(f"stopped what still ran: {', '.join(stopped)}")


def _delete(project: Project, runner: EngineRunner | None, stack: str, stack_dir: Path, sink: Sink) -> None:
    home = project.home
    if runner is not None:
        try:
            _destroy(runner, stack, sink, protected=True)
            runner.run(["stack", "rm", stack, "--yes", "--preserve-config"])
        except EngineError as error:
            sink.warn(f"{error}\nthe stack is deleted without the engine")
    end_orphans(home)
    _stop_rest(stack_dir, sink)
    if stack_dir.exists():
        shutil.rmtree(stack_dir)
    state = home.state_file(stack)
    for path in (*state.parent.glob(f"{state.name}*"), home.config_file(stack)):
        path.unlink(missing_ok=True)
    for folder in (home.stack_locks(stack), *(home.backend.glob(f".pulumi/*/inferloop/{stack}"))):
        shutil.rmtree(folder, ignore_errors=True)
