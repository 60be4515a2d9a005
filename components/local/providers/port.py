"""The dynamic resource that holds one loopback port for a process."""

import socket
from collections.abc import Mapping
from typing import Any

import psutil
import pulumi
from pulumi.dynamic import Resource
from pydantic import Field

from components.errors import PortInUseError
from components.local.providers.base import LocalProvider, ResourceInputs


def require_free_port(host: str, port: int, remedy: str) -> None:
    """Raise PortInUseError, which names who listens and ends with `remedy`, unless `port` can be bound now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except PermissionError:
            raise PortInUseError(f"port {port} of {host} may be bound by root only: {remedy}") from None
        except OSError:
            raise PortInUseError(f"port {port} of {host} is in use by {_holder(port)}: {remedy}") from None


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("inet"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    except (psutil.Error, OSError):
        pass
    return "another program"


class PortInputs(ResourceInputs):
    """The wanted port, 0 for one that the kernel chooses once; `setting` is the stack setting that names it."""

    host: str
    wanted: int = Field(ge=0, le=65535)
    setting: str

    @property
    def remedy(self) -> str:
        """What a person does when the port is taken."""
        return f"end that program, or choose another port with `pulumi config set --path '{self.setting}' <port>`"


class PortProvider(LocalProvider[PortInputs]):
    """Choose a port once and keep it."""

    inputs = PortInputs

    def identify(self, inputs: PortInputs) -> str:
        """Return the setting's name."""
        return inputs.setting

    def ensure(self, inputs: PortInputs, old: Mapping[str, Any] | None) -> dict[str, Any]:
        """Keep the port that was had, check the wanted one, or ask the kernel."""
        kept = int(old["port"]) if old and old.get("port") else 0
        if kept and inputs.wanted in (0, kept):
            return {"port": kept}
        if inputs.wanted:
            require_free_port(inputs.host, inputs.wanted, inputs.remedy)
            return {"port": inputs.wanted}
        with socket.socket() as listener:
            listener.bind((inputs.host, 0))
            return {"port": int(listener.getsockname()[1])}


class Port(Resource, module="local", name="Port"):
    """One loopback port. Output: port."""

    port: pulumi.Output[int]

    def __init__(self, name: str, *, host: str, wanted: int, setting: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__(PortProvider(), name, {"host": host, "wanted": wanted, "setting": setting, "port": None}, opts)
