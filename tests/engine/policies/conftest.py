"""Programs that the engine previews against the policy pack, on the suite's own provider plugins."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from stacks.rehearsal.aws.plugin import ENDPOINT, SCHEMAS
from stacks.rehearsal.plugins.executable import write_plugin
from tests.support.pulumi_stack import PASSPHRASE

HERE = Path(__file__).resolve().parent
# A preview asks the cloud for nothing, so nothing listens there.
NOBODY = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Violation:
    """One finding, as the engine reported it."""

    policy: str
    urn: str
    level: str
    message: str

    @property
    def resource(self) -> str:
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True)
class Checked:
    """What one run of the engine came to; `types` are those of the resources that it saw."""

    passed: bool
    output: str
    violations: tuple[Violation, ...]
    types: frozenset[str]

    def of(self, policy: str) -> list[Violation]:
        return [it for it in self.violations if it.policy == policy]


class CheckedProgram:
    """A stack of one program."""

    def __init__(self, base: Path, folders: Sequence[str], *, endpoint: str = NOBODY) -> None:
        self._base = base
        (base / "backend").mkdir()
        plugins = base / "bin"
        write_plugin(plugins, "aws", "stacks.rehearsal.aws")
        write_plugin(plugins, "kubernetes", "stacks.rehearsal.kubernetes")
        runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
        (base / "Pulumi.yaml").write_text(json.dumps({"name": "checked", "runtime": runtime}))
        self._environment = {
            "PATH": os.pathsep.join([str(plugins), str(Path(sys.prefix) / "bin"), *folders, "/usr/bin", "/bin"]),
            "HOME": str(base),
            "PULUMI_HOME": str(base / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{base / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # Offers --event-log.
            "PULUMI_DEBUG_COMMANDS": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            ENDPOINT: endpoint,
            SCHEMAS: os.environ[SCHEMAS],
            **{key: value for key, value in os.environ.items() if key.startswith("COVERAGE_")},
        }
        self._run("stack", "init", "--stack", "t", "--no-select")

    def write(self, name: str) -> None:
        """Make a file of this folder the program."""
        shutil.copy(HERE / name, self._base / "__main__.py")

    def write_text(self, body: str) -> None:
        """Make this text the program."""
        (self._base / "__main__.py").write_text(body)

    def check(self, *policies: str, command: Sequence[str] = ("preview",)) -> Checked:
        """Run a command of the engine with the arguments that name the policies."""
        events = self._base / "events.json"
        events.unlink(missing_ok=True)
        done = self._run(*command, "--stack", "t", "--event-log", str(events), *policies)
        lines = [json.loads(line) for line in events.read_text().splitlines()]
        found = [line["policyEvent"] for line in lines if "policyEvent" in line]
        return Checked(
            passed=done.returncode == 0,
            output=done.stdout + done.stderr,
            violations=tuple(
                Violation(it["policyName"], it["resourceUrn"], it["enforcementLevel"], it["message"]) for it in found
            ),
            types=frozenset(
                line["resourcePreEvent"]["metadata"]["type"] for line in lines if "resourcePreEvent" in line
            ),
        )

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color", "never"],
            cwd=self._base,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="session")
def violating(engine: list[str], tmp_path_factory: pytest.TempPathFactory) -> CheckedProgram:
    """The program that breaks every policy."""
    program = CheckedProgram(tmp_path_factory.mktemp("violating"), engine)
    program.write("violating_program.py")
    return program


@pytest.fixture(scope="session")
def compliant(engine: list[str], tmp_path_factory: pytest.TempPathFactory) -> CheckedProgram:
    """The program that breaks none."""
    program = CheckedProgram(tmp_path_factory.mktemp("compliant"), engine)
    program.write("compliant_program.py")
    return program


@pytest.fixture
def new_program(engine: list[str], tmp_path: Path) -> Callable[..., CheckedProgram]:
    """Make a stack without a program; a preview asks the endpoint for nothing, an update does."""

    def make(*, endpoint: str = NOBODY) -> CheckedProgram:
        base = tmp_path / "stack"
        base.mkdir()
        return CheckedProgram(base, engine, endpoint=endpoint)

    return make
