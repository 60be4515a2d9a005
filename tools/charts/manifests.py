"""Definitions of custom resources as their authors publish them, made ready for an API server."""

import json
from collections.abc import Mapping
from typing import Any

from stacks.rehearsal.kubernetes.manifest import objects_in

DEFINITION = "CustomResourceDefinition"
# Where a schema has schemas (https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/).
_ONE = ("additionalProperties", "items", "not")
_MANY = ("allOf", "anyOf", "oneOf")


def definitions_in(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """Return the definitions that YAML files hold, by name; what else they hold is left out.

    Descriptions in schemas are left out too: they check nothing, and an API server takes most of its time for them.
    """
    items = (item for path in sorted(files) for item in objects_in(files[path]))
    found = {item["metadata"]["name"]: item for item in items if item["kind"] == DEFINITION}
    for item in found.values():
        # What a generator left behind; an API server sets its own.
        item.pop("status", None)
        for version in item["spec"]["versions"]:
            _undescribe((version.get("schema") or {}).get("openAPIV3Schema"))
    return [found[name] for name in sorted(found)]


def as_json(definitions: list[dict[str, Any]]) -> bytes:
    """Return definitions as a store keeps them: reading JSON takes a fiftieth of reading YAML."""
    return json.dumps(definitions, separators=(",", ":")).encode() + b"\n"


def _undescribe(schema: Any) -> None:
    if not isinstance(schema, dict):
        return
    schema.pop("description", None)
    for name in _ONE:
        _undescribe(schema.get(name))
    for name in _MANY:
        for part in schema.get(name) or ():
            _undescribe(part)
    for part in (schema.get("properties") or {}).values():
        _undescribe(part)
