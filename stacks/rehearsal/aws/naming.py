"""Generate physical names as the official provider does: the program's name, a hyphen, seven hexadecimal digits."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from stacks.rehearsal.aws.schema import TypeSchema

GENERATED: Final = "__defaults"
"""The input that lists which names were generated."""
_DIGITS = 7
_NAMES = ("name", "bucket", "identifier", "clusterIdentifier", "replicationGroupId", "nodeGroupName", "vaultName")


def name_property(schema: TypeSchema, chosen: str = "") -> str:
    """Return the optional input that names resources of a type, an empty text where there is none."""
    if chosen:
        return chosen
    return next((name for name in _NAMES if name in schema.inputs and name not in schema.required), "")


def with_name(
    inputs: dict[str, Any], old: Mapping[str, Any], *, key: str, name: str, seed: bytes, limit: int
) -> dict[str, Any]:
    """Return inputs that have a name: the given, the former, or a new one of `limit` characters at most."""
    if not key or key in inputs or f"{key}Prefix" in inputs:
        return inputs
    if key in (old.get(GENERATED) or []) and key in old:
        chosen = old[key]
    else:
        digits = hashlib.sha256(seed + name.encode()).hexdigest()[:_DIGITS]
        chosen = f"{name[: limit - _DIGITS - 1]}-{digits}"
        chosen = (
            chosen.lower() if key in ("bucket", "identifier", "clusterIdentifier", "replicationGroupId") else chosen
        )
    return {**inputs, key: chosen, GENERATED: [key]}
