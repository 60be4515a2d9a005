"""The dynamic resource behind one supervised process."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.errors import ProcessError, ProvisionError
from components.local.files import digest_of, write_atomically
from components.local.layout import StackLayout
from components.local.process_log import log_size, log_tail
from components.local.providers.base import LocalProvider, ResourceInputs
from components.local.providers.port import require_free_port
from components.local.readiness import Readiness
from components.local.supervision import Program, render_program
from components.local.supervisor_client import UP, ProcessInfo, SupervisorClient

# A model takes its time, and logs each question; a gateway is there at once.
_FIRST_POLL_S = 0.05
_LAST_POLL_S = 1.0
_POLL_GROWTH = 1.2
# One start may fail for a reason that passes, such as a socket that is still being closed.
_STARTS_BEFORE_GIVING_UP = 3
_SETTINGS_ARE_WRONG = 2


class ProcessInputs(ResourceInputs):
    """A program, the supervisor that runs it, and what it must be restarted for.

    `triggers` are revisions of what the process reads when it starts: settings file, weights, secrets.
    """

    root: Path
    supervisor_url: str
    supervisor_password_file: Path
    program: Program
    host: str
    port: int
    port_setting: str
    readiness: Readiness
    triggers: dict[str, str]

    @property
    def layout(self) -> StackLayout:
        """The stack's places."""
        return StackLayout(root=self.root)

    @property
    def client(self) -> SupervisorClient:
        """A client for the supervisor."""
        return SupervisorClient(self.supervisor_url, self.supervisor_password_file)

    @property
    def program_file(self) -> Path:
        """The program's section of the supervisor's configuration."""
        return self.layout.programs / f"{self.program.name}.conf"

    @property
    def log(self) -> Path:
        """The process's log."""
        return self.layout.log / f"{self.program.name}.log"


class ProcessProvider(LocalProvider[ProcessInputs]):
    """Keep one process running and ready."""

    inputs = ProcessInputs
    replaced_by = frozenset({"root"})

    def identify(self, inputs: ProcessInputs) -> str:
        """Return the program file's path."""
        return str(inputs.program_file)

    def ensure(self, inputs: ProcessInputs, old: Mapping[str, Any] | None) -> dict[str, Any]:
        """Start the process, or restart it where its program or a trigger changed, and wait until it is ready."""
        text = render_program(inputs.layout, inputs.program)
        generation = digest_of("\n".join((text, *(f"{key}={inputs.triggers[key]}" for key in sorted(inputs.triggers)))))
        client, name = inputs.client, inputs.program.name
        since = log_size(inputs.log)
        try:
            known = client.info(name)
            current = old is not None and old.get("generation") == generation
            if not inputs.program_file.is_file() or inputs.program_file.read_text(encoding="utf-8") != text:
                write_atomically(inputs.program_file, text)
                # The supervisor may have read the edited file already.
                current = False
            if known is None or not current:
                client.forget(name, timeout_s=inputs.program.stop_timeout_s)
                _require_port(inputs)
                client.add(name)
            elif known.state not in UP:
                client.stop(name, timeout_s=inputs.program.stop_timeout_s)
                _require_port(inputs)
                client.start(name)
            _wait_until_ready(inputs, since)
        except ProvisionError:
            # Neither a crash loop nor a broken program in the supervisor's memory: the next update starts anew.
            _clear_up(inputs)
            raise
        return {"generation": generation, "log": str(inputs.log)}

    def drift(self, inputs: ProcessInputs, state: Mapping[str, Any]) -> Sequence[str]:
        """Ask the supervisor for the process's state, then the process whether it is well."""
        name = inputs.program.name
        try:
            if inputs.program_file.read_text(encoding="utf-8") != render_program(inputs.layout, inputs.program):
                return [f"program file {inputs.program_file} was edited"]
            known = inputs.client.info(name)
        except OSError:
            return [f"program file {inputs.program_file} is missing"]
        except ProcessError as error:
            return [f"process {name} cannot be seen: {error}"]
        if known is None or known.state not in UP:
            return [f"process {name} is {known.state.lower() if known else 'not known to the supervisor'}"]
        return [] if inputs.readiness.is_alive() else [f"process {name} does not answer"]

    def remove(self, inputs: ProcessInputs, state: Mapping[str, Any]) -> None:
        """Stop the process; where the supervisor is gone, so is the process."""
        _clear_up(inputs)


def _require_port(inputs: ProcessInputs) -> None:
    remedy = f"end that program, or choose another port with `pulumi config set --path '{inputs.port_setting}' <port>`"
    require_free_port(inputs.host, inputs.port, remedy)


def _wait_until_ready(inputs: ProcessInputs, since: int) -> None:
    name = inputs.program.name
    deadline = time.monotonic() + inputs.readiness.timeout_s
    pids: set[int] = set()
    pause = _FIRST_POLL_S
    while True:
        known = inputs.client.info(name)
        if known is not None and known.pid:
            pids.add(known.pid)
        if known is not None and known.state in UP and inputs.readiness.is_met():
            return
        failure = _failure(inputs, known, len(pids), late=time.monotonic() > deadline)
        if failure is not None:
            tail = log_tail(inputs.log, inputs.layout.secrets, since=since)
            raise ProcessError(f"{name} {failure}; its log is {inputs.log}{tail}")
        time.sleep(pause)
        pause = min(pause * _POLL_GROWTH, _LAST_POLL_S)


def _failure(inputs: ProcessInputs, known: ProcessInfo | None, starts: int, *, late: bool) -> str | None:
    if known is None:
        return "is not known to the supervisor any more; run `pulumi up` again"
    if known.state not in UP:
        if starts and known.exit_status == _SETTINGS_ARE_WRONG:
            return "refuses its settings"
        if known.state == "FATAL" or starts >= _STARTS_BEFORE_GIVING_UP:
            # supervisord does not keep the exit code of a program that ended within its first second.
            return "ends soon after its start" + (f" (exit code {known.exit_status})" if known.exit_status else "")
    if late:
        return f"was not ready within {inputs.readiness.timeout_s:.0f} s (it is {known.state.lower()})"
    return None


def _clear_up(inputs: ProcessInputs) -> None:
    with contextlib.suppress(ProvisionError):
        inputs.client.forget(inputs.program.name, timeout_s=inputs.program.stop_timeout_s)
    inputs.program_file.unlink(missing_ok=True)
    (inputs.layout.run / f"{inputs.program.name}.pid").unlink(missing_ok=True)


class Process(Resource, module="local", name="Process"):
    """One supervised process that is ready. Output: generation (changes when it is restarted), log (path)."""

    generation: pulumi.Output[str]
    log: pulumi.Output[str]

    def __init__(self, name: str, *, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(ProcessProvider(), name, {**inputs, "generation": None, "log": None}, opts)
