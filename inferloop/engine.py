"""Find the Pulumi engine and run its command line on the home's own backend."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from inferloop.errors import EngineError, EngineMissingError
from inferloop.project import Home, Project

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
# A passphrase given directly would win over the home's passphrase file; a token or a stack belongs to other backends.
_FOREIGN_VARIABLES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN", "PULUMI_STACK", "PYTHONHOME")
# The engine writes one (encrypted) log a run and never removes one.
_KEPT_LOGS = 20

# Names the command that started an engine process, and everything that process starts.
OWNER_VARIABLE = "INFERLOOP_OWNER"


@dataclass(frozen=True)
class Engine:
    """One installed engine. `path` holds folders that go first on PATH: the language host lies there."""

    pulumi: Path
    path: tuple[str, ...] = ()
    source: str = "path"
    version: str = ""


def find_engine(project: Project, environ: Mapping[str, str] = os.environ) -> Engine:
    """Return the engine that set-up chose, else the one on PATH.

    Raises EngineMissingError where neither is there.
    """
    record = project.checkout / ".tools" / "engine.json"
    try:
        chosen = json.loads(record.read_bytes())
        engine = Engine(
            Path(chosen["pulumi"]),
            tuple(chosen.get("path", ())),
            str(chosen.get("source", "path")),
            str(chosen.get("version", "")),
        )
        if os.access(engine.pulumi, os.X_OK):
            return engine
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineMissingError(f"{record} is damaged ({error}); run `make up`, which writes it again") from None
    found = shutil.which("pulumi", path=environ.get("PATH"))
    if found is None:
        raise EngineMissingError(
            "the Pulumi engine is not set up: run `make up` in the checkout, which finds or builds one "
            "(`inferloop doctor` shows what is missing)"
        )
    return Engine(Path(found))


def engine_environment(home: Home, engine: Engine, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment in which the engine keeps everything in the home and asks nobody anything."""
    values = {key: value for key, value in engine_search_path(engine, environ).items() if key not in _FOREIGN_VARIABLES}
    values |= {
        "PULUMI_HOME": str(home.pulumi_home),
        "PULUMI_BACKEND_URL": home.backend.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(home.passphrase),
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # Allows --event-log, as the SDK's automation API does.
        "PULUMI_DEBUG_COMMANDS": "true",
        OWNER_VARIABLE: _own_mark(),
    }
    return values


def _own_mark() -> str:
    return f"{os.getpid()}:{psutil.Process().create_time():.0f}"


def login_environment(engine: Engine, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment in which the engine works as its user is logged in: backend, passphrase and plugins."""
    values = engine_search_path(engine, environ)
    values = {key: value for key, value in values.items() if key not in ("PULUMI_STACK", "PYTHONHOME")}
    return values | {"PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_DEBUG_COMMANDS": "true", OWNER_VARIABLE: _own_mark()}


def engine_search_path(engine: Engine, environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which the engine and this interpreter's own programs are found first."""
    first = [str(Path(sys.prefix) / "bin"), str(engine.pulumi.parent), *engine.path]
    return {**environ, "PATH": os.pathsep.join([*first, environ.get("PATH", os.defpath)])}


def owner_lives(mark: str) -> bool:
    """Tell whether the command that a process names as its owner still runs (and is no later one with its id)."""
    pid, _, started = mark.partition(":")
    try:
        return abs(psutil.Process(int(pid)).create_time() - float(started)) <= 1
    except (ValueError, psutil.Error):
        return False


class EngineRunner:
    """Run engine commands for one project.

    `environment` is the home's own where it is left out. `orphan_signal` is what a running command gets when we end
    before it: SIGKILL, or SIGINT where its running steps must end in order.
    """

    def __init__(
        self,
        project: Project,
        engine: Engine,
        *,
        environment: Mapping[str, str] | None = None,
        orphan_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        self.project = project
        self.engine = engine
        self._environment = environment if environment is not None else engine_environment(project.home, engine)
        self._orphan_signal = orphan_signal

    def start(self, arguments: Sequence[str], *, cwd: Path, log: Path) -> subprocess.Popen[bytes]:
        """Start a long command whose output goes to `log` (0600).

        It leads a process group of its own, so that Ctrl-C reaches it only through us, and the kernel kills it when we
        are killed: the next command then finds nobody at work.
        """
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as output:
            return subprocess.Popen(
                self._command(arguments),
                cwd=cwd,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=self._prepare_child,
            )

    def run(self, arguments: Sequence[str], *, cwd: Path | None = None, timeout_s: float = 120) -> str:
        """Run a short command and return its standard output; raises EngineError with what it said."""
        command = self._command(arguments)
        try:
            done = subprocess.run(
                command,
                cwd=cwd or self.project.home.project,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                preexec_fn=self._prepare_child,
            )
        except subprocess.TimeoutExpired:
            raise EngineError(f"`pulumi {arguments[0]}` did not end within {timeout_s:.0f} s") from None
        except OSError as error:
            raise EngineMissingError(f"cannot run {self.engine.pulumi}: {error.strerror}; run `make up`") from error
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).removeprefix("error: ")
            raise EngineError(f"`pulumi {arguments[0]}` failed: {said}")
        return done.stdout

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [str(self.engine.pulumi), *arguments, "--non-interactive", "--color", "never"]

    def trim_logs(self) -> None:
        """Remove the engine's oldest logs of its own."""
        folder = self.project.home.pulumi_home / "logs"
        logs = sorted(folder.glob("*.log"), key=lambda path: path.name.rsplit("-", 1)[-1]) if folder.is_dir() else []
        for path in logs[:-_KEPT_LOGS]:
            path.unlink(missing_ok=True)

    def _prepare_child(self) -> None:
        # A background shell job ignores SIGINT, and its children inherit that; the engine ends its plugins by SIGINT,
        # and waits five seconds for each that does not listen.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, self._orphan_signal, 0, 0, 0)
