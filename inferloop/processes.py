"""See and stop the processes of a local stack: through its supervisor, and without it through its pid files."""

import contextlib
import json
import os
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components.errors import ProcessError
from components.local.keeper import belongs_to, end_processes, recorded_processes
from components.local.supervisor_client import SupervisorClient

_RPC_TIMEOUT_S = 1.0
# Longer than any program's own drain (components/local sets those).
_STOP_GRACE_S = 35.0
SUPERVISOR = "supervisor"
_SHARD_OWNER = "model-server"


@dataclass(frozen=True)
class Process:
    """One process of a stack. `state` is the supervisor's word (running, starting, backoff, …), else `dead`."""

    name: str
    pid: int | None
    state: str

    @property
    def runs(self) -> bool:
        """Tell whether the process is there; the supervisor calls it `starting` for its first second."""
        return self.pid is not None and self.state in ("running", "starting")

    def as_dict(self) -> dict[str, Any]:
        """Return the process as plain data."""
        return asdict(self)


def list_processes(stack_dir: Path, supervisor: Mapping[str, Any] | None) -> list[Process]:
    """Return the stack's processes: the supervisor first, then its programs, then the model server's shards.

    `supervisor` is the stack output of that name ({url, user, password_file}). Where the supervisor does not answer,
    its programs are known by their pid files alone.
    """
    pid = _recorded_pid(stack_dir / "run" / f"{SUPERVISOR}.pid", stack_dir)
    programs = _ask_supervisor(supervisor) if supervisor else None
    if programs is None:
        programs = _from_pid_files(stack_dir)
    found = [Process(SUPERVISOR, pid, "running" if pid is not None else "dead"), *programs]
    return [*found, *_shards(stack_dir)]


def stop_processes(stack_dir: Path) -> list[str]:
    """Stop what still runs of a stack, the keeper before the supervisor it would bring back; return what was stopped.

    A process is only touched where its working folder proves that it belongs to the stack.
    """
    running = [process.name for process in _from_pid_files(stack_dir) if process.pid is not None]
    shards = [process.pid for process in _shards(stack_dir) if process.pid is not None]
    for name in ("keeper", SUPERVISOR):
        pid = _recorded_pid(stack_dir / "run" / f"{name}.pid", stack_dir)
        if pid is not None:
            _signal(pid, signal.SIGTERM)
            if name == SUPERVISOR:
                running.append(name)
    for pid in recorded_processes(stack_dir):
        _signal(pid, signal.SIGTERM)
    end_processes(stack_dir, grace_s=_STOP_GRACE_S)
    for pid in shards:
        if belongs_to(pid, stack_dir):
            _signal(pid, signal.SIGKILL)
    return sorted(set(running))


def _ask_supervisor(supervisor: Mapping[str, Any]) -> list[Process] | None:
    try:
        client = SupervisorClient(str(supervisor["url"]), Path(supervisor["password_file"]))
        known = client.all_info(timeout_s=_RPC_TIMEOUT_S)
    except (ProcessError, KeyError):
        return None
    return [Process(item.name, item.pid or None, item.state.lower()) for item in known]


def _from_pid_files(stack_dir: Path) -> list[Process]:
    found = []
    for path in sorted((stack_dir / "run").glob("*.pid")):
        if path.stem != SUPERVISOR:
            pid = _recorded_pid(path, stack_dir)
            found.append(Process(path.stem, pid, "running" if pid is not None else "dead"))
    return found


def _shards(stack_dir: Path) -> list[Process]:
    try:
        shards = json.loads((stack_dir / "run" / "shards.json").read_bytes())
        pids = {int(rank): int(pid) for rank, pid in shards.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return []
    return [
        Process(f"{_SHARD_OWNER}:shard-{rank}", *((pid, "running") if belongs_to(pid, stack_dir) else (None, "dead")))
        for rank, pid in sorted(pids.items())
    ]


def _recorded_pid(path: Path, stack_dir: Path) -> int | None:
    try:
        pid = int(path.read_text(encoding="utf-8").split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pid if belongs_to(pid, stack_dir) else None


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
