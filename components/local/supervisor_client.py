"""Speak to a running supervisord over its XML-RPC interface on loopback."""

import base64
import contextlib
import http.client
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from components.errors import ProcessError
from components.local.supervision import USER

_NO_SUCH_NAME = 10
_NOT_RUNNING = 70
_ALREADY_ADDED = 90
UP = ("RUNNING", "STARTING")


class ProcessInfo(BaseModel):
    """What supervisord knows of one program; `state` is its name for it, such as RUNNING, BACKOFF or STOPPED."""

    model_config = ConfigDict(frozen=True)
    name: str
    pid: int
    state: str
    exit_status: int


class _Transport(xmlrpc.client.Transport):
    """Bound every call in time; stopping a program may take as long as its grace period."""

    def __init__(self, password: str, timeout_s: float) -> None:
        token = base64.b64encode(f"{USER}:{password}".encode()).decode()
        super().__init__(headers=[("Authorization", f"Basic {token}")])
        self._timeout_s = timeout_s

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        """Open the connection with this transport's time limit."""
        return http.client.HTTPConnection(str(host), timeout=self._timeout_s)


class SupervisorClient:
    """Start, stop and inspect the programs of one supervisord.

    Every method raises ProcessError where it cannot be reached.
    """

    def __init__(self, url: str, password_file: Path) -> None:
        self._url = url
        self._password_file = password_file

    def is_up(self) -> bool:
        """Tell whether supervisord answers and is running."""
        try:
            with self._proxy(2.0) as proxy:
                return bool(proxy.supervisor.getState()["statename"] == "RUNNING")
        except ProcessError:
            return False

    def pid(self) -> int:
        """Return supervisord's process id."""
        with self._proxy(5.0) as proxy:
            return int(proxy.supervisor.getPID())

    def all_info(self, *, timeout_s: float) -> list[ProcessInfo]:
        """Return what is known of every program, by name."""
        with self._proxy(timeout_s) as proxy:
            answers = proxy.supervisor.getAllProcessInfo()
        return sorted((_info(answer) for answer in answers), key=lambda item: item.name)

    def info(self, name: str) -> ProcessInfo | None:
        """Return what is known of a program, None where it is not known."""
        with self._proxy(5.0) as proxy:
            try:
                return _info(proxy.supervisor.getProcessInfo(name))
            except xmlrpc.client.Fault as fault:
                if fault.faultCode == _NO_SUCH_NAME:
                    return None
                raise

    def add(self, name: str) -> None:
        """Read the configuration files again and start the program that was added to them."""
        with self._proxy(10.0) as proxy:
            proxy.supervisor.reloadConfig()
            try:
                proxy.supervisor.addProcessGroup(name)
            except xmlrpc.client.Fault as fault:
                if fault.faultCode != _ALREADY_ADDED:
                    raise

    def start(self, name: str) -> None:
        """Start a program that is stopped, without waiting for it."""
        with self._proxy(10.0) as proxy, contextlib.suppress(xmlrpc.client.Fault):
            proxy.supervisor.startProcess(name, False)

    def stop(self, name: str, *, timeout_s: float) -> None:
        """Stop a program and wait until it has ended; one that is not running or not known is no failure."""
        with self._proxy(timeout_s + 10) as proxy:
            try:
                proxy.supervisor.stopProcess(name, True)
            except xmlrpc.client.Fault as fault:
                if fault.faultCode not in (_NO_SUCH_NAME, _NOT_RUNNING):
                    raise

    def forget(self, name: str, *, timeout_s: float) -> None:
        """Stop a program and drop it from supervisord's memory; its configuration file is the caller's."""
        self.stop(name, timeout_s=timeout_s)
        with self._proxy(10.0) as proxy:
            try:
                proxy.supervisor.removeProcessGroup(name)
            except xmlrpc.client.Fault as fault:
                if fault.faultCode != _NO_SUCH_NAME:
                    raise

    @contextlib.contextmanager
    def _proxy(self, timeout_s: float) -> Iterator[Any]:
        try:
            password = self._password_file.read_text(encoding="utf-8").strip()
            with xmlrpc.client.ServerProxy(f"{self._url}/RPC2", transport=_Transport(password, timeout_s)) as proxy:
                yield proxy
        except xmlrpc.client.Fault as fault:
            raise ProcessError(f"the supervisor at {self._url} refused a call: {fault.faultString}") from None
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise ProcessError(
                f"the supervisor at {self._url} cannot be reached ({error.__class__.__name__}); "
                "`pulumi up` starts it again"
            ) from None


def _info(answer: dict[str, Any]) -> ProcessInfo:
    return ProcessInfo(
        name=answer["name"], pid=answer["pid"], state=answer["statename"], exit_status=answer["exitstatus"]
    )
