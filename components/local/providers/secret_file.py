"""The dynamic resources behind secret files: generated ones, and ones composed of other secrets."""

import secrets
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.local.files import digest_of, write_atomically
from components.local.providers.base import LocalProvider, ResourceInputs

_MODE = 0o600


def _drift(path: Path, expected: str | None) -> Sequence[str]:
    try:
        content = path.read_text(encoding="utf-8").strip()
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return [f"secret file {path} is missing or unreadable"]
    if digest_of(content) != expected:
        return [f"secret file {path} was changed"]
    return [] if mode == _MODE else [f"secret file {path} has mode {mode:o} instead of {_MODE:o}"]


class GeneratedSecretInputs(ResourceInputs):
    """Where the secret lies and how many random bytes it has."""

    path: Path
    entropy_bytes: int


class GeneratedSecretProvider(LocalProvider[GeneratedSecretInputs]):
    """Generate a secret once. A deleted file is a request for a new secret; an edited one is taken over."""

    inputs = GeneratedSecretInputs
    replaced_by = frozenset({"path"})

    def identify(self, inputs: GeneratedSecretInputs) -> str:
        """Return the file's path."""
        return str(inputs.path)

    def ensure(self, inputs: GeneratedSecretInputs, old: Mapping[str, Any] | None) -> dict[str, Any]:
        """Take the file's content, or a new secret where there is none."""
        value = inputs.path.read_text(encoding="utf-8").strip() if inputs.path.is_file() else ""
        if not value:
            value = secrets.token_urlsafe(inputs.entropy_bytes)
        write_atomically(inputs.path, f"{value}\n", mode=_MODE)
        return {"value": value, "revision": digest_of(value)}

    def drift(self, inputs: GeneratedSecretInputs, state: Mapping[str, Any]) -> Sequence[str]:
        """Compare the file with the state."""
        return _drift(inputs.path, state.get("revision"))

    def remove(self, inputs: GeneratedSecretInputs, state: Mapping[str, Any]) -> None:
        """Remove the file."""
        inputs.path.unlink(missing_ok=True)


class GeneratedSecret(Resource, module="local", name="GeneratedSecret"):
    """One generated secret in a file (0600). Outputs: value (secret), revision (changes with the value).

    `location` is the file's path, once it is there.
    """

    value: pulumi.Output[str]
    revision: pulumi.Output[str]

    def __init__(
        self, name: str, *, path: pulumi.Input[str], entropy_bytes: int = 32, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__(
            GeneratedSecretProvider(),
            name,
            {"path": path, "entropy_bytes": entropy_bytes, "value": None, "revision": None},
            pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=["value"])),
        )
        self.location: pulumi.Output[str] = pulumi.Output.all(self.urn, path).apply(lambda known: str(known[1]))


class SecretFileInputs(ResourceInputs):
    """A secret file's path and content."""

    path: Path
    content: str


class SecretFileProvider(LocalProvider[SecretFileInputs]):
    """Keep a secret file's content."""

    inputs = SecretFileInputs
    replaced_by = frozenset({"path"})

    def identify(self, inputs: SecretFileInputs) -> str:
        """Return the file's path."""
        return str(inputs.path)

    def ensure(self, inputs: SecretFileInputs, old: Mapping[str, Any] | None) -> dict[str, Any]:
        """Write the file."""
        write_atomically(inputs.path, f"{inputs.content}\n", mode=_MODE)
        return {}

    def drift(self, inputs: SecretFileInputs, state: Mapping[str, Any]) -> Sequence[str]:
        """Compare the file with the state."""
        return _drift(inputs.path, digest_of(inputs.content))

    def remove(self, inputs: SecretFileInputs, state: Mapping[str, Any]) -> None:
        """Remove the file."""
        inputs.path.unlink(missing_ok=True)


class SecretFile(Resource, module="local", name="SecretFile"):
    """One secret file (0600) with given content. `location` is its path, once it is written.

    `revision` changes with the content and gives nothing of it away.
    """

    def __init__(self, name: str, *, path: Path, content: pulumi.Input[str], opts: pulumi.ResourceOptions) -> None:
        secret = pulumi.Output.secret(content)
        super().__init__(SecretFileProvider(), name, {"path": str(path), "content": secret}, opts)
        self.revision: pulumi.Output[str] = pulumi.Output.unsecret(secret.apply(digest_of))
        self.location: pulumi.Output[str] = self.urn.apply(lambda _: str(path))
