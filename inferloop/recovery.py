"""Put right what a killed command left behind: orphaned engine processes, locks, a damaged or half-done state."""

import contextlib
import os
import shutil
from pathlib import Path

import psutil

from inferloop.engine import OWNER_VARIABLE, EngineRunner, owner_lives
from inferloop.errors import EngineError
from inferloop.project import Home
from inferloop.sink import Sink
from inferloop.state import read_state

_END_S = 5.0


def recover(runner: EngineRunner, stack: str, sink: Sink, *, clear_pending: bool = True) -> None:
    """Make a stack workable again; to be called with its lock held, when no engine of ours may run on it.

    Operations that never ended are cleared only where `clear_pending` says that what they made is found again.

    Raises EngineError where the state and its backup are both damaged.
    """
    home = runner.project.home
    ended = end_orphans(home)
    if ended:
        sink.note(f"ended {ended} engine process{'es' if ended > 1 else ''} that an interrupted command left behind")
    if any(home.stack_locks(stack).glob("*.json")):
        sink.note(f"giving back stack {stack}'s lock, which an interrupted command left behind")
        runner.run(["cancel", "--yes", "--stack", stack])
    _restore_damaged_state(home, stack, sink)
    if clear_pending and read_state(home, stack).pending:
        sink.note("clearing operations that never ended; what they made is found again")
        config = str(home.config_file(stack))
        runner.run(
            [
                "refresh",
                "--yes",
                "--skip-preview",
                "--clear-pending-creates",
                "--stack",
                stack,
                "--config-file",
                config,
            ],
            timeout_s=600,
        )


def end_orphans(home: Home) -> int:
    """End engine, language host and provider processes of this home that outlived their command; return how many."""
    orphans = [process for process in psutil.process_iter() if _is_engine_process(process, home.pulumi_home)]
    for process in orphans:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(orphans, timeout=_END_S)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=_END_S)
    return len(orphans)


def _is_engine_process(process: psutil.Process, pulumi_home: Path) -> bool:
    """Tell an abandoned engine process by its home, its command and the end of who started it.

    What the providers start inherits the home and the owner, but not the command.
    """
    try:
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        environment = process.environ()
        if environment.get("PULUMI_HOME") != str(pulumi_home) or owner_lives(environment.get(OWNER_VARIABLE, "")):
            return False
        head = process.cmdline()[:6]
    except (psutil.Error, OSError):
        return False
    return any(Path(part).name.startswith("pulumi") or part == "pulumi.dynamic" for part in head)


def _restore_damaged_state(home: Home, stack: str, sink: Sink) -> None:
    state = read_state(home, stack)
    if state.readable:
        return
    path = home.state_file(stack)
    backup = path.with_name(f"{path.name}.bak")
    if backup.exists():
        temporary = path.with_name(f".{path.name}.restored")
        shutil.copyfile(backup, temporary)
        temporary.replace(path)
    if not read_state(home, stack).readable:
        raise EngineError(
            f"the state of stack {stack} ({path}) and its backup are damaged; `inferloop down {stack} --yes` removes "
            f"the stack with its data, so that `inferloop up {stack}` starts anew"
        )
    sink.warn(f"the state of stack {stack} was damaged; its last backup is used")
