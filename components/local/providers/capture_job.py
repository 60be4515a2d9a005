"""The dynamic resource behind one capture job and the data set that it keeps."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.errors import CommandError
from components.local.catalog_queries import fetch
from components.local.providers.base import LocalProvider, ResourceInputs
from components.local.runtime_command import run_runtime

_TIMEOUT_S = 3600.0
_NEWEST = "SELECT path, version, row_count FROM datasets WHERE name = $1 ORDER BY version DESC LIMIT 1"


class CaptureJobInputs(ResourceInputs):
    """The job's settings file and the data set that it keeps; the revisions are what a change is noticed by."""

    config_file: Path
    config_revision: str
    dataset: str
    dsn_file: Path
    datasets_dir: Path
    schema_revision: str

    @property
    def options(self) -> dict[str, Any]:
        """How its commands run."""
        return {"secrets_dir": self.dsn_file.parent, "timeout_s": _TIMEOUT_S}


class CaptureJobProvider(LocalProvider[CaptureJobInputs]):
    """Run a capture job until its data set is committed. The data belong to their volume and stay with it."""

    inputs = CaptureJobInputs

    def identify(self, inputs: CaptureJobInputs) -> str:
        """Return the data set's name."""
        return inputs.dataset

    def ensure(self, inputs: CaptureJobInputs, old: Mapping[str, Any] | None) -> dict[str, Any]:
        """Run the job, which resumes an interrupted run and commits each source once."""
        run_runtime(["capture", "run", "--config", str(inputs.config_file), "--json"], **inputs.options)
        rows = fetch(inputs.dsn_file, _NEWEST, inputs.dataset)
        if not rows:
            raise CommandError(
                f"the capture of {inputs.dataset} ended without a catalog row; "
                f"see `inferloop-runtime capture verify --config {inputs.config_file}`"
            )
        path = (inputs.datasets_dir / rows[0]["path"]).resolve()
        return {
            "path": str(path),
            "version": rows[0]["version"],
            "row_count": rows[0]["row_count"],
            "files": _sizes(path),
        }

    def drift(self, inputs: CaptureJobInputs, state: Mapping[str, Any]) -> Sequence[str]:
        """Compare the files' sizes, and look for the catalog row."""
        path = Path(str(state.get("path")))
        expected: Mapping[str, str] = state.get("files") or {}
        actual = _sizes(path)
        problems = [
            f"data set file {path / name} {'was changed' if name in actual else 'is missing'}"
            for name, size in expected.items()
            if actual.get(name) != size
        ]
        if problems:
            return problems
        try:
            rows = fetch(inputs.dsn_file, _NEWEST, inputs.dataset)
        except CommandError as error:
            return [str(error)]
        if not rows or rows[0]["version"] != int(state.get("version") or 0):
            return [f"the catalog's newest version of data set {inputs.dataset} is not {state.get('version')}"]
        return []

    def audit(self, inputs: CaptureJobInputs, state: Mapping[str, Any]) -> Sequence[str]:
        """Compare every file with the catalog."""
        problems = self.drift(inputs, state)
        if problems:
            return problems
        try:
            run_runtime(["capture", "verify", "--config", str(inputs.config_file)], **inputs.options)
        except CommandError as error:
            return [str(error)]
        return []


def _sizes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): str(path.stat().st_size) for path in sorted(folder.rglob("*")) if path.is_file()
    }


class CaptureJob(Resource, module="local", name="CaptureJob"):
    """One captured data set. Outputs: path, version, row_count."""

    path: pulumi.Output[str]
    version: pulumi.Output[int]
    row_count: pulumi.Output[int]

    def __init__(self, name: str, *, inputs: Mapping[str, pulumi.Input[str]], opts: pulumi.ResourceOptions) -> None:
        outputs = {"path": None, "version": None, "row_count": None, "files": None}
        super().__init__(CaptureJobProvider(), name, {**inputs, **outputs}, opts)
