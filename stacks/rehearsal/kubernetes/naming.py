"""Namespaces and generated names, as the official provider gives them."""

import hashlib
from collections.abc import Mapping
from typing import Any

from stacks.rehearsal.plugins.properties import UNKNOWN

AUTONAMED = "pulumi.com/autonamed"
_SUFFIX_LENGTH = 8


def with_name(
    inputs: Mapping[str, Any], *, resource: str, old_inputs: Mapping[str, Any], seed: bytes
) -> dict[str, Any]:
    """Return the inputs with a name: their own, the one generated before, or RESOURCE-<8 hexadecimal digits>.

    A generated name is marked by an annotation, so that the next update keeps it.
    """
    # Copied one level at a time: UNKNOWN is known by its identity, which a deep copy would lose.
    given = inputs.get("metadata") or {}
    if given is UNKNOWN or given.get("name") or given.get("generateName"):
        return dict(inputs)
    metadata = dict(given)
    old = old_inputs.get("metadata") or {}
    if (old.get("annotations") or {}).get(AUTONAMED) == "true":
        metadata["name"] = old["name"]
    else:
        metadata["name"] = f"{resource}-{hashlib.sha256(seed + resource.encode()).hexdigest()[:_SUFFIX_LENGTH]}"
    annotations = metadata.get("annotations") or {}
    if annotations is not UNKNOWN:
        metadata["annotations"] = {**annotations, AUTONAMED: "true"}
    return {**inputs, "metadata": metadata}


def with_namespace(inputs: Mapping[str, Any], namespace: str, *, namespaced: bool) -> dict[str, Any]:
    """Return named inputs with the namespace that they lack; an object of the whole cluster has none."""
    given = inputs["metadata"]
    if given is UNKNOWN:
        return dict(inputs)
    metadata = {name: value for name, value in given.items() if namespaced or name != "namespace"}
    if namespaced and not metadata.get("namespace"):
        metadata["namespace"] = namespace
    return {**inputs, "metadata": metadata}
