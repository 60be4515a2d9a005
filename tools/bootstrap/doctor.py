"""Every prerequisite with what was found and the command that mends it; nothing is installed or changed."""

import importlib.util
import json
import platform
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tools.bootstrap import environment, machine, programs
from tools.bootstrap.context import Context
from tools.bootstrap.engine import Engine, host_starts, recorded_engine
from tools.bootstrap.engine_on_path import find_on_path
from tools.bootstrap.go_toolchain import plan_go
from tools.bootstrap.network import reach_all
from tools.bootstrap.registries import go_proxy, python_index
from tools.bootstrap.torch_build import has_nvidia_gpu, installed_torch
from tools.bootstrap.uv import find_uv

State = Literal["ok", "missing", "failing"]

_SET_UP = "make up (or only this: python3 tools/bootstrap)"
_CONFIG = "stacks/config/Pulumi.dev.yaml"
_READ_PORTS = """
import json, sys, yaml
from stacks.settings import parse_settings
values = {key.removeprefix("inferloop:"): value for key, value in yaml.safe_load(open(sys.argv[1]))["config"].items()}
texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
print(json.dumps(parse_settings(texts).ports.model_dump()))
"""
# Executable names in order of preference, what they serve, and the Debian package.
_OPTIONAL = (
    ("prometheus", ("prometheus",), "collects the stack's metrics", "prometheus"),
    ("chromium", ("chromium", "chromium-browser", "google-chrome"), "tests of the console's page", "chromium"),
    ("buildah", ("buildah",), "`make image` and its test", "buildah"),
)


@dataclass(frozen=True)
class Check:
    """One prerequisite; `needed` ones must be "ok" for `make up`, and `mend` is empty when nothing is to be done."""

    name: str
    state: State
    found: str
    needed: bool = True
    mend: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Give the check for JSON output."""
        return asdict(self)


def examine(context: Context) -> list[Check]:
    """Check everything; takes a few seconds at most, for addresses that do not answer."""
    return [
        *_programs(context),
        *_machine(context),
        *_installed(context),
        *_engine(context),
        *_network(context),
        *_ports(context),
        *_optional(context),
    ]


def format_table(checks: Sequence[Check]) -> str:
    """Lay the checks out as plain text, each remedy below its line."""
    lines = []
    for check in checks:
        state = check.state if check.needed or check.state == "ok" else "absent"
        lines.append(f"{state:<8} {check.name:<16} {check.found}")
        if check.mend:
            lines.append(f"{'':<8} {'':<16} → {check.mend}")
    return "\n".join(lines)


def _programs(context: Context) -> Iterator[Check]:
    yield Check("python", "ok", f"{platform.python_version()} at {sys.executable}")
    for name in ("git", "make"):
        path = programs.find(name, context.search_path())
        said = programs.output_of([path, "--version"]) if path else None
        if said is None:
            yield Check(name, "missing", "not on PATH", mend=_package(name))
        else:
            yield Check(name, "ok", f"{said.splitlines()[0]} at {path}")
    pip = importlib.util.find_spec("pip") is not None
    uv = find_uv(context)
    if uv is not None:
        yield Check("uv", "ok", f"{uv.version} ({uv.source}) at {uv.path}")
    else:
        mend = _SET_UP if pip else f"{_package('python3-pip')}, or PYTHON=python3.12 make up with one that has pip"
        yield Check("uv", "missing", f"none that is {context.pins.uv.minimum} or newer", needed=not pip, mend=mend)


def _machine(context: Context) -> Iterator[Check]:
    layout = context.layout
    current = environment.is_current(context) and recorded_engine(context) is not None
    wanted = machine.STACK_BYTES
    if not current:
        wanted += machine.ENVIRONMENT_BYTES["locked"] + machine.ENGINE_BUILD_BYTES
    for folder in dict.fromkeys((layout.root, layout.cache)):
        free = machine.free_bytes(folder)
        found = f"{free / machine.GIB:.1f} GiB free for {folder}, {wanted / machine.GIB:.1f} GiB at most needed"
        enough = free >= wanted
        yield Check("disk", "ok" if enough else "failing", found, mend="" if enough else "df -h; free some there")
    available = machine.available_memory_bytes()
    if available is not None:
        wanted = machine.STACK_MEMORY_BYTES if current else machine.ENGINE_BUILD_MEMORY_BYTES
        found = f"{available / machine.GIB:.1f} GiB available, {wanted / machine.GIB:.1f} GiB needed"
        enough = available >= wanted
        yield Check("memory", "ok" if enough else "failing", found, mend="" if enough else "close programs or add swap")


def _installed(context: Context) -> Iterator[Check]:
    layout = context.layout
    if environment.is_current(context):
        found = f"made from the present uv.lock, PyTorch {installed_torch(layout.environment) or 'missing'}"
        yield Check("environment", "ok", f"{layout.environment}, {found}")
    elif layout.environment.exists():
        yield Check("environment", "failing", f"{layout.environment} is not of the present uv.lock", mend=_SET_UP)
    else:
        yield Check("environment", "missing", f"{layout.environment} is not there", mend=_SET_UP)


def _engine(context: Context) -> Iterator[Check]:
    engine = recorded_engine(context)
    on_path = find_on_path(context) if engine is None else engine
    if isinstance(on_path, Engine):
        host = programs.find("pulumi-language-python", ":".join(map(str, on_path.folders)))
        starts = host_starts(host)
        yield Check("pulumi", "ok", f"{on_path.version} ({on_path.source}) at {on_path.pulumi}: {on_path.why}")
        mend = "" if starts else f"rm {context.layout.engine_record}; {_SET_UP}"
        yield Check("language host", "ok" if starts else "failing", str(host), mend=mend)
    else:
        yield Check("pulumi", "missing", f"{on_path}; not installed or built yet", mend=_SET_UP)
    go = plan_go(context)
    if go.path is not None:
        yield Check("go", "ok", f"{go.version} ({go.source}) at {go.path}", needed=False)
    else:
        found = f"none that is {context.pins.go.minimum} or newer; a build of the engine takes it from PyPI"
        yield Check("go", "missing", found, needed=False)


def _network(context: Context) -> Iterator[Check]:
    pins = context.pins
    settled = environment.is_current(context)
    modules = go_proxy(context)
    names = {
        python_index(context): ("PyPI", not settled),
        **({modules: ("Go modules", False)} if modules else {}),
        pins.pulumi_download: ("Pulumi download", False),
        pins.torch_cpu_index: ("PyTorch CPU index", False),
    }
    for url, seen in reach_all(names).items():
        name, needed = names[url]
        mend = "" if seen.answers else "check the connection, or set HTTPS_PROXY" if needed else ""
        yield Check(name, "ok" if seen.answers else "failing", f"{url}: {seen.detail}", needed=needed, mend=mend)


def _ports(context: Context) -> Iterator[Check]:
    ours = _stack_is_up(context.layout.root / ".inferloop" / "dev" / "run")
    for role, port in _wanted_ports(context).items():
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError as error:
                if ours:
                    yield Check(f"port {port}", "ok", f"{role}: in use, and the stack dev is up")
                else:
                    mend = (
                        f"stop what listens (`ss -ltnp 'sport = :{port}'`), or set inferloop:ports.{role} in {_CONFIG}"
                    )
                    yield Check(f"port {port}", "failing", f"{role}: {error.strerror}", mend=mend)
            else:
                yield Check(f"port {port}", "ok", f"{role}: free")


def _wanted_ports(context: Context) -> dict[str, int]:
    """Ask the project's own settings for the fixed ports of the stack dev; they can be read once it is installed."""
    if not context.layout.python.exists():
        return {}
    said = programs.output_of(
        [context.layout.python, "-c", _READ_PORTS, context.layout.root / _CONFIG], folder=context.layout.root
    )
    return {role: int(port) for role, port in json.loads(said).items() if port} if said else {}


def _optional(context: Context) -> Iterator[Check]:
    for name, executables, purpose, package in _OPTIONAL:
        paths = [path for item in executables if (path := programs.find(item, context.search_path())) is not None]
        if paths:
            yield Check(name, "ok", f"{paths[0]} ({purpose})", needed=False)
        else:
            yield Check(name, "missing", f"not on PATH ({purpose})", needed=False, mend=_package(package))
    if has_nvidia_gpu():
        yield Check("GPU", "ok", "an NVIDIA driver is loaded", needed=False)
    else:
        yield Check("GPU", "missing", "no NVIDIA driver is loaded: the model runs on the CPU", needed=False)


def _package(name: str) -> str:
    managers = {
        "apt-get": f"sudo apt-get install {name}",
        "dnf": f"sudo dnf install {name}",
        "brew": f"brew install {name}",
    }
    return next((command for manager, command in managers.items() if shutil.which(manager)), f"install {name}")


def _stack_is_up(run: Path) -> bool:
    try:
        pid = int((run / "supervisor.pid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return False
    return Path(f"/proc/{pid}").exists()
