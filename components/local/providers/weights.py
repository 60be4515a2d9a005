"""The dynamic resource behind one model's files."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.errors import CommandError
from components.local.providers.base import LocalProvider, ResourceInputs
from components.local.runtime_command import run_runtime_json

# A conversion on a busy machine, or a download over a slow line.
_TIMEOUT_S = 3600.0
_MANIFEST = "inferloop-weights.json"
_HUB_ACCESS = ("HF_TOKEN", "HF_TOKEN_PATH")


class WeightsInputs(ResourceInputs):
    """What is prepared, and where."""

    source: str
    folder: Path
    secrets_dir: Path


class WeightsProvider(LocalProvider[WeightsInputs]):
    """Prepare a model's files once, and mend exactly those that differ."""

    inputs = WeightsInputs
    replaced_by = frozenset({"folder"})

    def identify(self, inputs: WeightsInputs) -> str:
        """Return the folder's path."""
        return str(inputs.folder)

    def ensure(self, inputs: WeightsInputs, old: Mapping[str, Any] | None) -> dict[str, Any]:
        """Prepare the folder; the command verifies every digest and writes only what differs."""
        prepared = run_runtime_json(
            ["weights", "prepare", "--source", inputs.source, "--to", str(inputs.folder), "--json"],
            secrets_dir=inputs.secrets_dir,
            timeout_s=_TIMEOUT_S,
            pass_on=_HUB_ACCESS,
            show_progress=True,
        )
        manifest = prepared["manifest"]
        return {
            "model_id": manifest["model_id"],
            "revision": manifest["revision"],
            "files": _marks(inputs.folder, manifest["files"]),
        }

    def drift(self, inputs: WeightsInputs, state: Mapping[str, Any]) -> Sequence[str]:
        """Compare sizes and times of change; no content is read."""
        expected: Mapping[str, str] = state.get("files") or {}
        actual = _marks(inputs.folder, expected)
        return [
            f"weight file {inputs.folder / name} {'was changed' if name in actual else 'is missing'}"
            for name, mark in expected.items()
            if actual.get(name) != mark
        ]

    def audit(self, inputs: WeightsInputs, state: Mapping[str, Any]) -> Sequence[str]:
        """Compare every file's digest."""
        found = self.drift(inputs, state)
        if found:
            return found
        try:
            run_runtime_json(
                ["weights", "verify", str(inputs.folder), "--json"],
                secrets_dir=inputs.secrets_dir,
                timeout_s=_TIMEOUT_S,
            )
        except CommandError as error:
            return [str(error)]
        return []

    def remove(self, inputs: WeightsInputs, state: Mapping[str, Any]) -> None:
        """Remove the folder."""
        shutil.rmtree(inputs.folder, ignore_errors=not inputs.folder.exists())


def _marks(folder: Path, names: Mapping[str, Any]) -> dict[str, str]:
    """Return size and time of change of each file that is there, as text: the engine's numbers hold 53 bits."""
    marks = {}
    for name in (*names, _MANIFEST):
        try:
            status = (folder / name).stat()
        except OSError:
            continue
        marks[name] = json.dumps([status.st_size, status.st_mtime_ns])
    return marks


class PreparedWeights(Resource, module="local", name="Weights"):
    """One model's verified files. Outputs: model_id, revision."""

    model_id: pulumi.Output[str]
    revision: pulumi.Output[str]

    def __init__(
        self, name: str, *, source: str, folder: Path, secrets_dir: Path, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__(
            WeightsProvider(),
            name,
            {
                "source": source,
                "folder": str(folder),
                "secrets_dir": str(secrets_dir),
                "model_id": None,
                "revision": None,
                "files": None,
            },
            opts,
        )
        self.location: pulumi.Output[str] = self.urn.apply(lambda _: str(folder))
