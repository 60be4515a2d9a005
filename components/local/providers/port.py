"""The dynamic resource that holds one loopback port for a process."""

import random
import socket
from collections.abc import Mapping
from pathlib import Path
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


# Above the registered services that people commonly run, below where Linux takes outgoing ports from by default.
_FIRST, _LAST = 18_000, 32_767
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_ATTEMPTS = 100


def choose_port(host: str) -> int:
    """Return a port that is free now and that the kernel gives to nobody who does not ask for it.

    A port of the kernel's own choice could be taken by any outgoing connection while its process is down. Where the
    kernel's range leaves no room, its choice is taken all the same.
    """
    try:
        lowest = int(_EPHEMERAL_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        lowest = _LAST + 1
    for _ in range(_ATTEMPTS if lowest > _FIRST else 0):
        port = random.randrange(_FIRST, min(_LAST + 1, lowest))  # noqa: S311 - a port is no secret
        with socket.socket() as listener:
            try:
                listener.bind((host, port))
            except OSError:
                continue
            return port
    with socket.socket() as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])


class PortInputs(ResourceInputs):
    """The wanted port, 0 for one that is chosen once; `setting` is the stack setting that names it."""

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
        """Keep the port that was had, check the wanted one, or choose one."""
        kept = int(old["port"]) if old and old.get("port") else 0
        if kept and inputs.wanted in (0, kept):
            return {"port": kept}
        if inputs.wanted:
            require_free_port(inputs.host, inputs.wanted, inputs.remedy)
            return {"port": inputs.wanted}
        return {"port": choose_port(inputs.host)}


class Port(Resource, module="local", name="Port"):
    """One loopback port. Output: port."""

    port: pulumi.Output[int]

    def __init__(self, name: str, *, host: str, wanted: int, setting: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__(PortProvider(), name, {"host": host, "wanted": wanted, "setting": setting, "port": None}, opts)
