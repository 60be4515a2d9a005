"""A small Pulumi program of Kubernetes objects on the real engine, with whichever provider plugin is first on PATH."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.support.pulumi_stack import PASSPHRASE, EngineError

_PROGRAM = """import json
from pathlib import Path

import pulumi

made = {}
for name, item in json.loads(Path("objects.json").read_text()).items():
    group, _, version = item.get("apiVersion", "").rpartition("/")
    token = item.pop("type", None) or f"kubernetes:{group or 'core'}/{version}:{item['kind']}"
    needs = [made[other] for other in item.pop("dependsOn", [])]
    made[name] = pulumi.CustomResource(token, name, item, pulumi.ResourceOptions(depends_on=needs))
"""
_TIMEOUT_S = 180
_CHANGES = {"create", "update", "replace", "delete", "create-replacement", "delete-replaced"}


class KubernetesProgram:
    """One stack, whose objects are given to each `up` by their names in the program.

    `dependsOn` names others, `type` a resource that is no object of the API.
    """

    def __init__(self, folder: Path, *, search_path: Sequence[str], kubeconfig: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "backend").mkdir()
        runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
        (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "small", "runtime": runtime}))
        (folder / "__main__.py").write_text(_PROGRAM)
        self.environment = {
            "PATH": os.pathsep.join(
                [str(Path(sys.prefix) / "bin"), *search_path, "/usr/local/bin", "/usr/bin", "/bin"]
            ),
            "HOME": str(folder),
            "KUBECONFIG": str(kubeconfig),
            "PULUMI_HOME": str(folder / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{folder / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DEBUG_COMMANDS": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            **{key: value for key, value in os.environ.items() if key.startswith("COVERAGE_")},
        }
        self._pulumi("stack", "init", "only")

    def up(self, objects: Mapping[str, Any]) -> dict[str, str]:
        """Run `pulumi up`; return what happened to each resource that changed. Raises EngineError."""
        (self.folder / "objects.json").write_text(json.dumps(objects))
        events = self.folder / "events.json"
        events.unlink(missing_ok=True)
        self._pulumi("up", "--yes", "--skip-preview", "--event-log", str(events))
        return _changed(events)

    def preview(self, objects: Mapping[str, Any]) -> str:
        """Run `pulumi preview` and return what it printed. Raises EngineError."""
        (self.folder / "objects.json").write_text(json.dumps(objects))
        return self._pulumi("preview", "--diff")

    def refresh(self) -> str:
        """Run `pulumi refresh` and return what it printed."""
        return self._pulumi("refresh", "--yes", "--skip-preview", "--diff")

    def destroy(self) -> None:
        """Run `pulumi destroy`."""
        self._pulumi("destroy", "--yes", "--skip-preview")

    def resources(self) -> list[dict[str, Any]]:
        """Return the resources of the state, without the stack and its providers."""
        state = json.loads(self._pulumi("stack", "export"))
        found = state["deployment"].get("resources") or []
        return [item for item in found if not item["type"].startswith("pulumi:")]

    def _pulumi(self, *arguments: str) -> str:
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color", "never"]
            if arguments[:2] != ("stack", "export")
            else ["pulumi", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise EngineError(done.stdout)
        return done.stdout


def _changed(events: Path) -> dict[str, str]:
    changed = {}
    for line in events.read_text().splitlines():
        metadata = json.loads(line).get("resOutputsEvent", {}).get("metadata", {})
        if metadata.get("op") in _CHANGES and not metadata["type"].startswith("pulumi:"):
            changed[metadata["urn"].rsplit("::", 1)[-1]] = metadata["op"]
    return changed
