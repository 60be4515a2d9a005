"""One real stack on the real engine: a file backend, a home and a Pulumi home of its own, all gone afterwards."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
PASSPHRASE = "only-for-tests-and-never-elsewhere"
_UP_TIMEOUT_S = 240
_CHANGES = {"create", "update", "replace", "delete", "create-replacement", "delete-replaced"}


def engine_path() -> list[str] | None:
    """Return the folders that hold the engine and its language host, None where there is none.

    A folder in INFERLOOP_PLUGIN_PATH comes first, so that the official host can be tested.
    """
    described = CHECKOUT / ".tools" / "engine.json"
    folders: list[str] = []
    if described.is_file():
        known = json.loads(described.read_text())
        folders = [str(Path(known["pulumi"]).parent), *known["path"]]
    elif found := shutil.which("pulumi"):
        folders = [str(Path(found).parent)]
    if not folders:
        return None
    plugins = os.environ.get("INFERLOOP_PLUGIN_PATH")
    return [*([plugins] if plugins else []), *folders]


class EngineError(Exception):
    """A command of the engine failed; `output` is what it printed."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output


class PulumiStack:
    """A stack of the `dev` kind with the tiny model and ports of the kernel's choice."""

    def __init__(self, base: Path, engine: list[str]) -> None:
        self.base = base
        self.name = f"t{os.getpid()}-{base.name[-6:].lower().replace('_', 'x')}"
        self.home = base / "home"
        self.root = self.home / self.name
        self._config_file = base / "Pulumi.yaml"
        self.settings: dict[str, Any] = {
            "home": str(self.home),
            "model": {"source": "tiny", "threads": 1, "max_input_tokens": 128, "max_total_tokens": 256},
            "ports": {"gateway": 0},
        }
        # The older host finds Python on PATH, the official one by Pulumi.yaml.
        python = [] if "INFERLOOP_PLUGIN_PATH" in os.environ else [str(Path(sys.prefix) / "bin")]
        self.environment = {
            "PATH": os.pathsep.join([*python, *engine, "/usr/local/bin", "/usr/bin", "/bin"]),
            "HOME": os.environ.get("HOME", str(base)),
            "PULUMI_HOME": str(base / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{base / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # Offers `up --event-log`.
            "PULUMI_DEBUG_COMMANDS": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
            **{key: value for key, value in os.environ.items() if key.startswith("COVERAGE_")},
        }
        (base / "backend").mkdir()
        # Kept out of the checkout: `stack init` writes an encryption salt into the stack's own file.
        self._pulumi("stack", "init", "--stack", self.name, "--no-select")
        written = CHECKOUT / "stacks" / "config" / f"Pulumi.{self.name}.yaml"
        self._salt = yaml.safe_load(written.read_text())["encryptionsalt"]
        written.unlink()

    def up(self, *flags: str) -> set[str]:
        """Run `pulumi up` and return the names of the resources that it changed. Raises EngineError."""
        self._write_settings()
        events = self.base / "events.json"
        events.unlink(missing_ok=True)
        self._pulumi(
            *("up", "--yes", "--skip-preview", "--event-log", str(events)), *flags, *self._target(), configured=True
        )
        return _changed(events)

    def refresh(self) -> str:
        """Run `pulumi refresh` and return what it printed."""
        return self._pulumi("refresh", "--yes", "--skip-preview", "--diff", *self._target(), configured=True)

    def preview(self) -> str:
        """Run `pulumi preview` and return what it printed. Raises EngineError."""
        self._write_settings()
        return self._pulumi("preview", "--diff", *self._target(), configured=True)

    def destroy(self, *flags: str) -> None:
        """Run `pulumi destroy`."""
        self._pulumi("destroy", "--yes", "--skip-preview", *flags, *self._target(), configured=True)

    def unprotect(self) -> None:
        """Lift the protection of every resource."""
        self._pulumi("state", "unprotect", "--all", "--yes", *self._target())

    def outputs(self, *, show_secrets: bool = True) -> dict[str, Any]:
        """Return the stack's outputs."""
        flags = ["--show-secrets"] if show_secrets else []
        answer: dict[str, Any] = json.loads(self._pulumi("stack", "output", "--json", *flags, *self._target()))
        return answer

    def state(self) -> str:
        """Return the state as it is kept on disk."""
        return "".join(
            path.read_text() for path in sorted((self.base / "backend").rglob("*")) if path.suffix in (".json", ".bak")
        )

    def pid(self, program: str) -> int:
        """Return a supervised program's process id."""
        return int((self.root / "run" / f"{program}.pid").read_text())

    def close(self) -> None:
        """Destroy what is left and remove every file."""
        with contextlib.suppress(EngineError):
            self.unprotect()
        try:
            self.destroy()
        finally:
            shutil.rmtree(self.base, ignore_errors=True)

    def _target(self) -> list[str]:
        return ["--stack", self.name]

    def _write_settings(self) -> None:
        values = {f"inferloop:{key}": value for key, value in self.settings.items()}
        self._config_file.write_text(yaml.safe_dump({"config": values, "encryptionsalt": self._salt}))

    def _pulumi(self, *arguments: str, configured: bool = False) -> str:
        command = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
        if configured:
            command += ["--config-file", str(self._config_file)]
        done = subprocess.run(
            command,
            cwd=CHECKOUT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if arguments[1:2] != ("output",) else subprocess.PIPE,
            text=True,
            timeout=_UP_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise EngineError(done.stdout)
        return done.stdout


def _changed(events: Path) -> set[str]:
    changed = set()
    for line in events.read_text().splitlines():
        metadata = json.loads(line).get("resOutputsEvent", {}).get("metadata", {})
        if metadata.get("op") in _CHANGES and not metadata["type"].startswith(("inferloop:", "pulumi:")):
            changed.add(metadata["urn"].rsplit("::", 1)[-1])
    return changed


@contextlib.contextmanager
def pulumi_stack(engine: list[str], settings: Mapping[str, Any] | None = None) -> Iterator[PulumiStack]:
    """Make a stack that is not yet up, and remove every trace of it."""
    stack = PulumiStack(Path(tempfile.mkdtemp(prefix="inferloop-stack-")), engine)
    stack.settings.update(settings or {})
    stack._write_settings()
    try:
        yield stack
    finally:
        stack.close()
