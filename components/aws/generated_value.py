"""A random value that the engine keeps: made once, encrypted in the state, made anew when its generation is raised."""

import base64
import hashlib
import secrets
from typing import Any, Literal

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

_ENTROPY_BYTES = 32
# The gateway finds a key by a public part of 60 bits and proves it by a secret one of 256 bits.
_PUBLIC_CHARACTERS = 12

Shape = Literal["digits", "access-key"]


def _generate(shape: str) -> str:
    if shape == "digits":
        return secrets.token_hex(_ENTROPY_BYTES)
    public, proof = (_base32(secrets.token_bytes(size)) for size in (_PUBLIC_CHARACTERS, _ENTROPY_BYTES))
    return f"il_{public[:_PUBLIC_CHARACTERS]}_{proof}"


def _base32(content: bytes) -> str:
    return base64.b32encode(content).decode().rstrip("=").lower()


class GeneratedValueProvider(ResourceProvider):
    """Make random hexadecimal digits, which every service takes, or a key in the gateway's own format.

    There is nothing outside the state to look after.
    """

    # The provider holds no state, so its serialised form is a plain reference to an importable class.
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Answer the engine's create."""
        value = _generate(props["shape"])
        revision = hashlib.sha256(value.encode()).hexdigest()[:16]
        return CreateResult(revision, {**_inputs(props), "value": value, "revision": revision})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Answer the engine's diff: another generation or shape replaces the value."""
        old, new = _inputs(_olds), _inputs(_news)
        changed = [key for key in new if old[key] != new[key]]
        return DiffResult(changes=bool(changed), replaces=changed)


def _inputs(props: dict[str, Any]) -> dict[str, Any]:
    return {"generation": int(props["generation"]), "shape": str(props["shape"])}


class GeneratedValue(Resource, module="inferloop", name="GeneratedValue"):
    """One random value of 256 bits. Outputs: value (secret), revision (changes with the value)."""

    value: pulumi.Output[str]
    revision: pulumi.Output[str]

    def __init__(self, name: str, *, generation: int, shape: Shape = "digits", opts: pulumi.ResourceOptions) -> None:
        super().__init__(
            GeneratedValueProvider(),
            name,
            {"generation": generation, "shape": shape, "value": None, "revision": None},
            pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=["value"])),
        )
