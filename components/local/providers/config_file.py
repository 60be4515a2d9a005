"""The dynamic resource behind one settings file of a process."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.local.files import digest_of, write_atomically
from components.local.providers.base import LocalProvider, ResourceInputs


class ConfigFileInputs(ResourceInputs):
    """A settings file and its content, which holds no secret."""

    path: Path
    content: str


class ConfigFileProvider(LocalProvider[ConfigFileInputs]):
    """Keep a settings file as JSON."""

    inputs = ConfigFileInputs
    replaced_by = frozenset({"path"})

    def identify(self, inputs: ConfigFileInputs) -> str:
        """Return the file's path."""
        return str(inputs.path)

    def ensure(self, inputs: ConfigFileInputs, old: Mapping[str, Any] | None) -> dict[str, Any]:
        """Write the file."""
        write_atomically(inputs.path, inputs.content)
        return {}

    def drift(self, inputs: ConfigFileInputs, state: Mapping[str, Any]) -> Sequence[str]:
        """Compare the file with the state."""
        try:
            text = inputs.path.read_text(encoding="utf-8")
        except OSError:
            return [f"settings file {inputs.path} is missing"]
        return [] if text == inputs.content else [f"settings file {inputs.path} was edited"]

    def remove(self, inputs: ConfigFileInputs, state: Mapping[str, Any]) -> None:
        """Remove the file."""
        inputs.path.unlink(missing_ok=True)


class ConfigFile(Resource, module="local", name="ConfigFile"):
    """One settings file in JSON. `location` is its path, once it is written; `revision` changes with the content.

    The revision is computed here, so that a preview knows it and shows a restart only where there will be one.
    """

    def __init__(
        self, name: str, *, path: Path, settings: Mapping[str, pulumi.Input[Any]], opts: pulumi.ResourceOptions
    ) -> None:
        content = pulumi.Output.json_dumps(settings, indent=2, sort_keys=True)
        super().__init__(ConfigFileProvider(), name, {"path": str(path), "content": content}, opts)
        self.revision: pulumi.Output[str] = content.apply(digest_of)
        self.location: pulumi.Output[str] = self.urn.apply(lambda _: str(path))
