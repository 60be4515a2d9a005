"""The dynamic resource behind supervisord itself."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.errors import ProcessError
from components.local.files import write_atomically
from components.local.keeper import belongs_to, end_processes
from components.local.layout import StackLayout
from components.local.process_log import log_tail
from components.local.providers.base import LocalProvider, ResourceInputs
from components.local.providers.port import require_free_port
from components.local.supervision import clean_environment, render_supervisor, supervisor_command
from components.local.supervisor_client import SupervisorClient

_START_TIMEOUT_S = 15.0
# Longer than any program's own grace period.
_STOP_TIMEOUT_S = 90.0


class SupervisorInputs(ResourceInputs):
    """Where supervisord listens and which file holds its password; `revision` changes with the password."""

    root: Path
    host: str
    port: int
    password_file: Path
    revision: str

    @property
    def layout(self) -> StackLayout:
        """The stack's places."""
        return StackLayout(root=self.root)

    @property
    def url(self) -> str:
        """Where the XML-RPC interface listens."""
        return f"http://{self.host}:{self.port}"

    @property
    def client(self) -> SupervisorClient:
        """A client for it."""
        return SupervisorClient(self.url, self.password_file)

    def render(self) -> str:
        """Return the configuration file that belongs to these inputs."""
        password = self.password_file.read_text(encoding="utf-8").strip()
        return render_supervisor(self.layout, host=self.host, port=self.port, password=password)


class SupervisorProvider(LocalProvider[SupervisorInputs]):
    """Keep one supervisord running with its configuration."""

    inputs = SupervisorInputs
    replaced_by = frozenset({"root"})

    def identify(self, inputs: SupervisorInputs) -> str:
        """Return the configuration file's path."""
        return str(inputs.layout.supervisor_config)

    def ensure(self, inputs: SupervisorInputs, old: Mapping[str, Any] | None) -> dict[str, Any]:
        """Start supervisord, or start it again with a changed configuration."""
        layout = inputs.layout
        layout.programs.mkdir(parents=True, exist_ok=True)
        config, text = layout.supervisor_config, inputs.render()
        if not config.is_file() or config.read_text(encoding="utf-8") != text:
            _stop(layout)
            write_atomically(config, text, mode=0o600)
        if not inputs.client.is_up():
            _stop(layout)
            try:
                self._start(inputs)
            except ProcessError:
                if old is None:
                    _stop(layout)
                raise
        return {"url": inputs.url}

    def drift(self, inputs: SupervisorInputs, state: Mapping[str, Any]) -> Sequence[str]:
        """Compare the configuration file, and ask supervisord whether it runs."""
        config = inputs.layout.supervisor_config
        try:
            if config.read_text(encoding="utf-8") != inputs.render():
                return [f"the supervisor's configuration {config} was edited"]
        except OSError:
            return [f"the supervisor's configuration {config} or its password file is missing"]
        return [] if inputs.client.is_up() else ["the supervisor is not running"]

    def remove(self, inputs: SupervisorInputs, state: Mapping[str, Any]) -> None:
        """Stop supervisord and every program of it."""
        _stop(inputs.layout)
        inputs.layout.supervisor_config.unlink(missing_ok=True)

    def _start(self, inputs: SupervisorInputs) -> None:
        remedy = "end that program, or name another port with `pulumi config set --path 'inferloop:ports.supervisor'`"
        require_free_port(inputs.host, inputs.port, remedy)
        done = subprocess.run(
            supervisor_command(inputs.layout),
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_START_TIMEOUT_S,
        )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while done.returncode == 0 and not inputs.client.is_up():
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        else:
            if done.returncode == 0:
                return
        log = inputs.layout.log / "supervisor.log"
        raise ProcessError(
            f"supervisord did not start (exit code {done.returncode}): {done.stdout.strip()}; its log is {log}"
            f"{log_tail(log, inputs.layout.secrets)}"
        )


def _stop(layout: StackLayout) -> None:
    """End supervisord in good order, then whatever outlived it."""
    try:
        pid = int((layout.run / "supervisor.pid").read_text())
    except (OSError, ValueError):
        pid = 0
    if pid and belongs_to(pid, layout.root):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        while belongs_to(pid, layout.root) and time.monotonic() < deadline:
            time.sleep(0.05)
    end_processes(layout.root, grace_s=0 if pid else 1.0)


class SupervisorDaemon(Resource, module="local", name="Supervisor"):
    """One supervisord. Output: url."""

    url: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        root: Path,
        host: str,
        port: pulumi.Input[int],
        password_file: Path,
        revision: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        super().__init__(
            SupervisorProvider(),
            name,
            {
                "root": str(root),
                "host": host,
                "port": port,
                "password_file": str(password_file),
                "revision": revision,
                "url": None,
            },
            opts,
        )
