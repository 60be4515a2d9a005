"""A real supervisor in a folder of its own, driven through the local providers as the engine drives them."""

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.local.layout import StackLayout
from components.local.providers.process import ProcessProvider
from components.local.providers.secret_file import GeneratedSecretProvider
from components.local.providers.supervisor import SupervisorProvider
from components.local.supervisor_client import SupervisorClient
from tests.support.postgres import free_port


@dataclass
class Supervised:
    """A running supervisor and what providers are given to reach it."""

    layout: StackLayout
    props: dict[str, Any]
    state: dict[str, Any]

    @property
    def client(self) -> SupervisorClient:
        """A client for the supervisor."""
        return SupervisorClient(self.state["url"], self.layout.secrets / "supervisor-password")

    def process_props(self, name: str, command: list[str], port: int, **more: Any) -> dict[str, Any]:
        """Return the inputs of one process that answers on `port`."""
        return {
            "root": str(self.layout.root),
            "supervisor_url": self.state["url"],
            "supervisor_password_file": str(self.layout.secrets / "supervisor-password"),
            "program": {"name": name, "command": command, "stop_timeout_s": 5.0},
            "host": "127.0.0.1",
            "port": float(port),
            "port_setting": "inferloop:ports.web",
            "readiness": {"url": f"http://127.0.0.1:{port}/", "timeout_s": 20},
            "triggers": {"config": "1"},
            **more,
        }

    def pid(self, name: str) -> int:
        """Return a program's process id from its file."""
        return int((self.layout.run / f"{name}.pid").read_text())


def web_server(port: int) -> list[str]:
    """Return the command of a small real server."""
    return [sys.executable, "-I", "-m", "http.server", "--bind", "127.0.0.1", str(port)]


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended but was not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    """Wait for a condition; fail after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@contextlib.contextmanager
def running_supervisor() -> Iterator[Supervised]:
    """Start a supervisor in a temporary folder; stop it and remove everything afterwards."""
    root = Path(tempfile.mkdtemp(prefix="inferloop-supervised-"))
    root.chmod(0o755)
    layout = StackLayout(root=root)
    for folder in layout.disposable:
        folder.mkdir(parents=True)
    password = layout.secrets / "supervisor-password"
    secret = GeneratedSecretProvider().create({"path": str(password), "entropy_bytes": 32}).outs or {}
    props = {
        "root": str(root),
        "host": "127.0.0.1",
        "port": float(free_port()),
        "password_file": str(password),
        "revision": secret["revision"],
    }
    provider = SupervisorProvider()
    try:
        state = provider.create(props).outs or {}
        yield Supervised(layout, props, state)
    finally:
        provider.delete("supervisor", props)
        shutil.rmtree(root)


def create_process(props: dict[str, Any]) -> dict[str, Any]:
    """Create a process as the engine does and return its state."""
    return ProcessProvider().create(props).outs or {}
