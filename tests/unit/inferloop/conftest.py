"""A small real Pulumi project, for tests of the command line that need an engine but no service."""

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.dev_stack import engine_search_path

_PROVIDER = '''
"""Files as resources; creation takes as long as is asked for."""
import os, time
import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

class FileProvider(ResourceProvider):
    def _write(self, props):
        time.sleep(float(props["seconds"]))
        if props["text"] == "refuse":
            raise RuntimeError(f"port 1 is taken; free it or change the key inferloop:text ({props['path']})")
        with open(props["path"], "w") as file:
            file.write(props["text"])
    def create(self, props):
        self._write(props)
        return CreateResult(props["path"], {**props})
    def diff(self, id_, olds, news):
        return DiffResult(changes=olds["text"] != news["text"] or not os.path.exists(id_))
    def update(self, id_, olds, news):
        self._write(news)
        return UpdateResult({**news})
    def read(self, id_, props):
        return ReadResult(id_, props)
    def delete(self, id_, props):
        if os.path.exists(id_):
            os.unlink(id_)

class File(Resource, module="small", name="File"):
    def __init__(self, name, path, text, seconds, opts=None):
        super().__init__(FileProvider(), name, {"path": path, "text": text, "seconds": seconds}, opts)
'''

_PROGRAM = """
import os
import pulumi
from small_provider import File
config = pulumi.Config("inferloop")
folder = config.require("folder")
os.makedirs(folder, exist_ok=True)
text, seconds = config.get("text") or "hello", config.get("seconds") or "0"
files = [
    File(name, f"{folder}/{name}", text, seconds, pulumi.ResourceOptions(protect=name == "data"))
    for name in ("data", "first", "second")
]
pulumi.export("api_key", pulumi.Output.secret("il_secret-value"))
pulumi.export("gateway_url", "http://127.0.0.1:9")
pulumi.export("stack_dir", folder)
"""


@dataclass(frozen=True)
class SmallProject:
    """One project folder; `run` starts the real command line in it."""

    checkout: Path
    environment: dict[str, str]

    @property
    def home(self) -> Path:
        return self.checkout / ".inferloop"

    @property
    def stack_dir(self) -> Path:
        return self.home / "dev"

    def configure(self, **values: str) -> None:
        lines = "".join(f"  inferloop:{key}: {value}\n" for key, value in {"folder": self.stack_dir, **values}.items())
        path = self.checkout / "stacks" / "config" / "Pulumi.dev.yaml"
        path.write_text(f"config:\n{lines}")

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "inferloop.main", *arguments],
            cwd=self.checkout,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments) as process:
            output, errors = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)


@pytest.fixture
def small_project(tmp_path: Path) -> SmallProject:
    checkout = tmp_path / "checkout"
    program = checkout / "stacks"
    (program / "config").mkdir(parents=True)
    (checkout / "Pulumi.yaml").write_text("name: inferloop\nruntime: python\nmain: stacks/\n")
    (program / "__main__.py").write_text(textwrap.dedent(_PROGRAM))
    (program / "small_provider.py").write_text(textwrap.dedent(_PROVIDER))
    repository = str(Path(__file__).parents[3])
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "INFERLOOP_"))},
        "PATH": engine_search_path(),
        "PYTHONPATH": os.pathsep.join((str(program), repository)),
    }
    project = SmallProject(checkout, environment)
    project.configure()
    return project
