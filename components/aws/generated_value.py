"""A random value that the engine keeps: made once, encrypted in the state, made anew when its generation is raised."""

import hashlib
import secrets
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

_ENTROPY_BYTES = 32


class GeneratedValueProvider(ResourceProvider):
    """Make random hexadecimal digits, which every service takes; there is nothing outside the state to look after."""

    # The provider holds no state, so its serialised form is a plain reference to an importable class.
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Answer the engine's create."""
        value = secrets.token_hex(_ENTROPY_BYTES)
        revision = hashlib.sha256(value.encode()).hexdigest()[:16]
        return CreateResult(revision, {"generation": props["generation"], "value": value, "revision": revision})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Answer the engine's diff: another generation replaces the value."""
        changed = int(_olds["generation"]) != int(_news["generation"])
        return DiffResult(changes=changed, replaces=["generation"] if changed else [])


class GeneratedValue(Resource, module="inferloop", name="GeneratedValue"):
    """One random value of 256 bits. Outputs: value (secret, hexadecimal), revision (changes with the value)."""

    value: pulumi.Output[str]
    revision: pulumi.Output[str]

    def __init__(self, name: str, *, generation: int, opts: pulumi.ResourceOptions) -> None:
        super().__init__(
            GeneratedValueProvider(),
            name,
            {"generation": generation, "value": None, "revision": None},
            pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=["value"])),
        )
