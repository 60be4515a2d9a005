"""A small AWS program on the real engine, our provider plugin and moto's server."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from stacks.rehearsal.aws.emulation import EmulatedStore
from stacks.rehearsal.aws.moto_server import MotoServer
from stacks.rehearsal.aws.plugin import ENDPOINT, SCHEMAS
from stacks.rehearsal.plugins.executable import write_plugin
from stacks.rehearsal.plugins.journal import Journal
from stacks.rehearsal.plugins.server import FAULTS, STATE_DIR
from tests.support.pulumi_stack import CHECKOUT, PASSPHRASE, EngineError

_CHANGES = {"create", "update", "replace", "delete", "create-replacement", "delete-replaced"}


class RehearsedProgram:
    """One stack of one program; every command is a process of the engine."""

    def __init__(self, base: Path, engine: list[str], moto: MotoServer) -> None:
        self.base = base
        self.moto = moto
        self.state_dir = base / "state"
        self.state_dir.mkdir()
        (base / "backend").mkdir()
        plugins = base / "bin"
        write_plugin(plugins, "aws", "stacks.rehearsal.aws")
        virtualenv = {"virtualenv": str(Path(sys.prefix))}
        (base / "Pulumi.yaml").write_text(
            json.dumps({"name": "rehearsed", "runtime": {"name": "python", "options": virtualenv}})
        )
        (base / "Pulumi.t.yaml").write_text("config:\n  aws:region: eu-central-1\n")
        self.faults = ""
        self.environment = {
            "PATH": os.pathsep.join([str(plugins), str(Path(sys.prefix) / "bin"), *engine, "/usr/bin", "/bin"]),
            "HOME": str(base),
            # Programs may use the suite's components and the tests' examples.
            "PYTHONPATH": str(CHECKOUT),
            "PULUMI_HOME": str(base / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{base / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DEBUG_COMMANDS": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            ENDPOINT: moto.endpoint,
            SCHEMAS: os.environ[SCHEMAS],
            STATE_DIR: str(self.state_dir),
            **{key: value for key, value in os.environ.items() if key.startswith("COVERAGE_")},
        }
        self.pulumi("stack", "init", "--stack", "t", "--no-select")

    def write(self, body: str) -> None:
        """Make this the program."""
        (self.base / "__main__.py").write_text(
            "import json\nimport pulumi\nimport pulumi_aws as aws\n" + textwrap.dedent(body)
        )

    def up(self) -> dict[str, str]:
        """Run `pulumi up`; return what it did to which resource."""
        events = self.base / "events.json"
        events.unlink(missing_ok=True)
        self.pulumi("up", "--yes", "--skip-preview", "--event-log", str(events), "--stack", "t")
        changed = {}
        for line in events.read_text().splitlines():
            metadata = json.loads(line).get("resOutputsEvent", {}).get("metadata", {})
            if metadata.get("op") in _CHANGES and metadata["type"].startswith("aws:"):
                changed[metadata["urn"].rsplit("::", 1)[-1]] = metadata["op"]
        return changed

    def pulumi(self, *arguments: str) -> str:
        """Run the engine and return what it printed. Raises EngineError."""
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color", "never"],
            cwd=self.base,
            env={**self.environment, FAULTS: self.faults},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode != 0:
            raise EngineError(done.stdout + done.stderr)
        return done.stdout

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, secrets included."""
        answer: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json", "--show-secrets", "--stack", "t"))
        return answer

    def state(self) -> str:
        """Return the state as it is kept."""
        return "".join(path.read_text() for path in (self.base / "backend").rglob("*.json"))

    def emulated(self) -> list[str]:
        """Return what is emulated now."""
        return EmulatedStore(self.state_dir / "emulated-aws").inventory()

    def journal(self) -> Journal:
        """Return what the plugin did."""
        return Journal(self.state_dir / "journal.jsonl")

    def client(self, service: str) -> Any:
        """Return a client that looks at moto behind Pulumi's back."""
        return boto3.client(
            service,
            region_name="eu-central-1",
            endpoint_url=self.moto.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


@pytest.fixture
def moto() -> Iterator[MotoServer]:
    """A moto server of one test."""
    with MotoServer() as server:
        yield server


@pytest.fixture
def program(tmp_path: Path, engine: list[str], moto: MotoServer) -> RehearsedProgram:
    """A stack without a program; it goes with its folder and its moto server."""
    return RehearsedProgram(tmp_path, engine, moto)
