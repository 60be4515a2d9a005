"""The dynamic resource behind one API key: its file and its row."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.errors import CommandError
from components.local.catalog_queries import fetch
from components.local.files import digest_of
from components.local.providers.base import LocalProvider, ResourceInputs
from components.local.runtime_command import run_runtime


class AccessKeyInputs(ResourceInputs):
    """Whose key it is, what it may do, and where it lies."""

    dsn_file: Path
    key_file: Path
    tenant: str
    key_name: str
    scopes: tuple[str, ...]
    schema_revision: str


class AccessKeyProvider(LocalProvider[AccessKeyInputs]):
    """Keep a key's file and the row that matches it. A key that somebody revoked stays revoked."""

    inputs = AccessKeyInputs
    replaced_by = frozenset({"key_file"})

    def identify(self, inputs: AccessKeyInputs) -> str:
        """Return the file's path."""
        return str(inputs.key_file)

    def ensure(self, inputs: AccessKeyInputs, old: Mapping[str, Any] | None) -> dict[str, Any]:
        """Make the file where it is missing, and the row that matches."""
        arguments = ["key", "ensure", "--dsn-file", str(inputs.dsn_file), "--key-file", str(inputs.key_file)]
        arguments += ["--tenant", inputs.tenant, "--name", inputs.key_name, "--scopes", ",".join(inputs.scopes)]
        run_runtime(arguments, secrets_dir=inputs.dsn_file.parent)
        value = inputs.key_file.read_text(encoding="utf-8").strip()
        return {"value": value, "revision": digest_of(value)}

    def drift(self, inputs: AccessKeyInputs, state: Mapping[str, Any]) -> Sequence[str]:
        """Compare the file with the state, and look for the row."""
        try:
            value = inputs.key_file.read_text(encoding="utf-8").strip()
        except OSError:
            return [f"key file {inputs.key_file} is missing"]
        if digest_of(value) != state.get("revision"):
            return [f"key file {inputs.key_file} was changed"]
        key_hash = hashlib.sha256(value.encode()).digest()
        try:
            known = fetch(inputs.dsn_file, "SELECT 1 FROM api_keys WHERE key_hash = $1", key_hash)
        except CommandError as error:
            return [str(error)]
        return [] if known else [f"the key of {inputs.key_file} is not registered"]

    def remove(self, inputs: AccessKeyInputs, state: Mapping[str, Any]) -> None:
        """Remove the file; the row goes with the database."""
        inputs.key_file.unlink(missing_ok=True)


class AccessKey(Resource, module="local", name="AccessKey"):
    """One API key. Outputs: value (secret), revision. `location` is its file, once it is there."""

    value: pulumi.Output[str]
    revision: pulumi.Output[str]

    def __init__(
        self, name: str, *, key_file: Path, inputs: Mapping[str, pulumi.Input[Any]], opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__(
            AccessKeyProvider(),
            name,
            {**inputs, "key_file": str(key_file), "value": None, "revision": None},
            pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=["value"])),
        )
        self.location: pulumi.Output[str] = self.urn.apply(lambda _: str(key_file))
