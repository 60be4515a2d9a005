"""Find the engine for tests, and bring real dev stacks up in homes of their own."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
TINY: Mapping[str, Any] = {"model": {"source": "tiny"}}
_UP_TIMEOUT_S = 280.0


def engine_search_path() -> str:
    """Return a PATH on which the engine is found; skip the test where there is none.

    INFERLOOP_PLUGIN_PATH names folders that win, such as one with the official language host.
    """
    folders = [os.environ.get("INFERLOOP_PLUGIN_PATH", "")]
    record = REPOSITORY / ".tools" / "engine.json"
    if record.exists():
        chosen = json.loads(record.read_bytes())
        folders += [str(Path(chosen["pulumi"]).parent), *chosen.get("path", ())]
    path = os.pathsep.join(folder for folder in (*folders, os.environ.get("PATH", os.defpath)) if folder)
    if shutil.which("pulumi", path=path) is None:
        pytest.skip("no Pulumi engine: run `make up` once, or put `pulumi` on PATH")
    return path


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> float:
    """Wait for a condition; return the seconds that it took, fail the test when it takes longer."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > timeout_s:
            pytest.fail(f"{what} did not happen within {timeout_s:.0f} s")
        time.sleep(0.05)
    return time.monotonic() - started


@dataclass(frozen=True)
class DevStack:
    """One real stack `dev`; commands run as a person would run them."""

    home: Path
    config_file: Path
    environment: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """The stack's own files."""
        return self.home / "dev"

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Write the stack's settings; every port that they leave out comes from the kernel."""
        values = {**settings, "ports": {"gateway": 0, **settings.get("ports", {})}}
        self.config_file.write_text(yaml.safe_dump({"config": {f"inferloop:{k}": v for k, v in values.items()}}))

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command; `up` takes this stack's settings."""
        extra = ("--config-file", str(self.config_file)) if arguments[0] == "up" else ()
        return subprocess.Popen(
            [sys.executable, "-m", "inferloop.main", *arguments, *extra],
            cwd=REPOSITORY,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; fail the test where it fails and `check` is set."""
        with self.start(*arguments) as process:
            try:
                output, errors = process.communicate(timeout=_UP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                pytest.fail(f"inferloop {' '.join(arguments)} did not end")
        if check and process.returncode != 0:
            pytest.fail(f"inferloop {' '.join(arguments)} ended with {process.returncode}:\n{output}\n{errors}")
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def up(self) -> dict[str, Any]:
        """Bring the stack up and return what `up` reports."""
        report: dict[str, Any] = json.loads(self.run("up", "--json").stdout)
        return report

    def status(self) -> dict[str, Any]:
        """Return the stack's status, also where it is down."""
        report: dict[str, Any] = json.loads(self.run("status", "--json", check=False).stdout)
        return report

    def pid_of(self, process: str) -> int | None:
        """Return a process's id as the stack's status has it."""
        found = {item["name"]: item["pid"] for item in self.status()["processes"]}
        pid = found.get(process)
        return int(pid) if pid else None

    def processes(self) -> list[psutil.Process]:
        """Return every process that works in the stack's folder or below it."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(self.home):
                    found.append(process)
        return found


@contextlib.contextmanager
def dev_stack_home(settings: Mapping[str, Any] = TINY, *, home: Path | None = None) -> Iterator[DevStack]:
    """Yield a stack that is not up yet; whatever it becomes, nothing of it is left afterwards."""
    # Chosen by tempfile, not by pytest: an unprivileged database server must be able to enter it.
    home = home or Path(tempfile.mkdtemp(prefix="inferloop-e2e-"))
    home.chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "INFERLOOP_"))}
    environment = {**kept, "PATH": engine_search_path(), "INFERLOOP_HOME": str(home)}
    stack = DevStack(home, home / "settings.yaml", environment)
    stack.configure(settings)
    try:
        yield stack
    finally:
        down = stack.run("down", "--yes", check=False)
        left = stack.processes()
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        shutil.rmtree(home, ignore_errors=True)
    assert down.returncode == 0, down.stderr
    assert not left, f"processes outlived `inferloop down --yes`: {left}"


@contextlib.contextmanager
def running_dev_stack(settings: Mapping[str, Any] = TINY) -> Iterator[DevStack]:
    """Yield a stack that is up."""
    with dev_stack_home(settings) as stack:
        stack.up()
        yield stack
