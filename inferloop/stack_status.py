"""Say how a stack is, from what lies on disk and what its processes answer; the engine is not started."""

import http.client
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from inferloop.processes import SUPERVISOR, Process, list_processes
from inferloop.project import Project, check_stack_name
from inferloop.state import StackState, read_state

_READY_TIMEOUT_S = 0.7
# What a stack says of itself besides its processes.
_OUTPUTS = (
    "gateway_url",
    "console_url",
    "metrics_url",
    "prometheus_url",
    "model",
    "shards",
    "shard_plan",
    "dataset_path",
)


@dataclass(frozen=True)
class StackStatus:
    """One stack at this moment.

    `state` is `up` (every process runs and the gateway is ready), `degraded` (some do), or `down` (none does).
    `outputs` holds the stack's plain outputs.
    """

    stack: str
    state: str
    ready: bool = False
    stack_dir: Path | None = None
    outputs: dict[str, Any] = field(default_factory=dict)
    processes: tuple[Process, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the status as plain data, with one key for each output even where the stack is down."""
        return {
            "stack": self.stack,
            "state": self.state,
            "ready": self.ready,
            **{name: self.outputs.get(name) for name in _OUTPUTS},
            "stack_dir": str(self.stack_dir) if self.stack_dir else None,
            "processes": [process.as_dict() for process in self.processes],
        }


def stack_status(project: Project, stack: str) -> StackStatus:
    """Read a stack's status within about a second, even where processes hang. Raises ProjectError on a wrong name."""
    check_stack_name(stack)
    state = read_state(project.home, stack)
    stack_dir = stack_dir_of(project, stack, state)
    processes = tuple(list_processes(stack_dir, state.outputs.get("supervisor"))) if stack_dir.exists() else ()
    alive = [process for process in processes if process.pid is not None]
    if not alive:
        return StackStatus(stack, "down")
    ready = _is_ready(str(state.outputs.get("gateway_url") or ""))
    whole = ready and all(process.runs for process in processes)
    known = {name: value for name, value in state.outputs.items() if name != SUPERVISOR}
    return StackStatus(stack, "up" if whole else "degraded", ready, stack_dir, known, processes)


def stack_dir_of(project: Project, stack: str, state: StackState) -> Path:
    """Return the folder of the stack's files: as the stack itself says, else as it is by default."""
    return Path(str(state.outputs.get("stack_dir") or project.home.stack_dir(stack)))


def _is_ready(gateway_url: str) -> bool:
    address = urlsplit(gateway_url)
    if not address.hostname:
        return False
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname, address.port, timeout=_READY_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
