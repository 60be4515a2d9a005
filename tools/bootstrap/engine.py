"""The Pulumi engine that this checkout uses: which, why, and whether it is still there.

The executables are the command line, the Python language host, and the two scripts of the Python SDK that the host
and dynamic providers start. They come from one of three sources, tried in the order of SOURCES.
"""

import os
import selectors
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.bootstrap import atomic, programs
from tools.bootstrap.context import Context
from tools.bootstrap.versions import is_recent

SOURCES = ("path", "official", "build")
CLI = "pulumi"
HOST = "pulumi-language-python"
# Looked up on PATH: the first by the host, the second by the engine.
SCRIPTS = ("pulumi-language-python-exec", "pulumi-resource-pulumi-python")
EXECUTABLES = (CLI, HOST, *SCRIPTS)
_HOST_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Engine:
    """A verified engine: `pulumi` is its command line, `folders` what must be on PATH for it."""

    pulumi: Path
    folders: tuple[Path, ...]
    source: str
    version: str
    why: str


def recorded_engine(context: Context) -> Engine | None:
    """Read the engine of the last set-up; None where its files changed or vanished, or other versions are wanted."""
    record = atomic.read_json(context.layout.engine_record)
    if record is None or record.get("pins") != _pins(context):
        return None
    try:
        if any(_mark(Path(path)) != mark for path, mark in record["files"].items()):
            return None
        return Engine(
            Path(record["pulumi"]),
            tuple(Path(folder) for folder in record["path"]),
            record["source"],
            record["version"],
            record["why"],
        )
    except (KeyError, OSError):
        return None


def record_engine(context: Context, engine: Engine) -> None:
    """Write which engine is used; what reads it needs `pulumi` and `path`, a list of folders for PATH."""
    search_path = os.pathsep.join(map(str, engine.folders))
    files = [programs.find(name, search_path) for name in EXECUTABLES]
    atomic.write_json(
        context.layout.engine_record,
        {
            "pulumi": str(engine.pulumi),
            "path": [str(folder) for folder in engine.folders],
            "source": engine.source,
            "version": engine.version,
            "why": engine.why,
            "pins": _pins(context),
            "files": {str(path): _mark(path) for path in files if path is not None},
        },
    )


def problem_with(folder_path: str, minimum: str, environ: Mapping[str, str]) -> str | None:
    """Say what keeps the executables on a search path from being a usable engine; None when they are one."""
    found = {name: programs.find(name, folder_path) for name in EXECUTABLES}
    missing = [name for name, path in found.items() if path is None]
    if CLI in missing:
        return "no pulumi"
    said = version_of(found[CLI], environ)
    if said is None:
        return f"{found[CLI]} does not start"
    if not is_recent(said, minimum):
        return f"{found[CLI]} is {said}, older than {minimum}"
    if missing:
        return f"{found[CLI]} has no {missing[0]} beside it"
    if not host_starts(found[HOST]):
        return f"{found[HOST]} does not start"
    return None


def version_of(pulumi: Path | None, environ: Mapping[str, str]) -> str | None:
    """Ask a command line for its version, such as "v3.259.0"."""
    if pulumi is None:
        return None
    # Even this command writes a log into its home folder.
    with tempfile.TemporaryDirectory(prefix="inferloop-") as home:
        quiet = {**environ, "PULUMI_HOME": home, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        return programs.output_of([pulumi, "version"], quiet)


def host_starts(host: Path | None) -> bool:
    """Start a language host as the engine does, with an address to watch, and wait for the port that it prints."""
    if host is None:
        return False
    with socket.socket() as engine:
        engine.bind(("127.0.0.1", 0))
        engine.listen()
        address = f"127.0.0.1:{engine.getsockname()[1]}"
        try:
            process = subprocess.Popen([host, address], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        except OSError:
            return False
        with process, selectors.DefaultSelector() as selector:
            assert process.stdout is not None  # noqa: S101 - tells the type checker what PIPE means
            selector.register(process.stdout, selectors.EVENT_READ)
            line = process.stdout.readline() if selector.select(_HOST_TIMEOUT_S) else b""
            process.kill()
    return line.strip().isdigit()


def _pins(context: Context) -> list[str]:
    pins = context.pins
    return [pins.pulumi, pins.pulumi_minimum, pins.language_host]


def _mark(path: Path) -> list[Any]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
