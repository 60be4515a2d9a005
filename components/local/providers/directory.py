"""The dynamic resources behind folders: the stack's own, and protected volumes."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.local.files import remove_empty_parents
from components.local.providers.base import LocalProvider, ResourceInputs


class DirectoryInputs(ResourceInputs):
    """Folders under `root` with their permission bits, which are removed with all that they hold."""

    root: Path
    folders: tuple[str, ...]
    mode: int = 0o700


class DirectoryProvider(LocalProvider[DirectoryInputs]):
    """Make folders and remove them."""

    inputs = DirectoryInputs
    replaced_by = frozenset({"root"})

    def identify(self, inputs: DirectoryInputs) -> str:
        """Return the first folder's path."""
        return str(inputs.root / inputs.folders[0])

    def ensure(self, inputs: DirectoryInputs, old: Mapping[str, Any] | None) -> dict[str, Any]:
        """Make what is missing."""
        for folder in inputs.folders:
            path = inputs.root / folder
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(inputs.mode)
        return {}

    def drift(self, inputs: DirectoryInputs, state: Mapping[str, Any]) -> Sequence[str]:
        """Name missing folders."""
        return [
            f"folder {inputs.root / name} is missing" for name in inputs.folders if not (inputs.root / name).is_dir()
        ]

    def remove(self, inputs: DirectoryInputs, state: Mapping[str, Any]) -> None:
        """Remove the folders and whatever empty folders they leave, up to the stack's."""
        for folder in inputs.folders:
            path = inputs.root / folder
            shutil.rmtree(path, ignore_errors=not path.exists())
            remove_empty_parents(path, up_to=inputs.root)


class Directory(Resource, module="local", name="Directory"):
    """Folders under a stack's root. `location` is the path of the first, once it is there."""

    def __init__(
        self, name: str, *, root: Path, folders: Sequence[str], opts: pulumi.ResourceOptions, mode: int = 0o700
    ) -> None:
        super().__init__(DirectoryProvider(), name, {"root": str(root), "folders": list(folders), "mode": mode}, opts)
        self.location: pulumi.Output[str] = self.urn.apply(lambda _: str(root / folders[0]))
