"""What the installed AWS SDK says of a resource type: inputs, types, what is required, outputs.

It is read once from the SDK's annotations (sdk_annotations.py), which imports a whole service; a file keeps what was
read for the next process (schema_file.py).
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Literal

from stacks.rehearsal.aws.schema_file import SchemaFile


@dataclass(frozen=True)
class Shape:
    """The type of a property.

    `scalar` is `str`, `bool`, `int` or `float`, and `values` what an enumeration allows; `element` is what a list or a
    map holds, and `object_type` the name by which `object_schema` knows an object.
    """

    kind: Literal["scalar", "list", "map", "object", "any"]
    scalar: str = ""
    values: tuple[str, ...] = ()
    element: "Shape | None" = None
    object_type: str = ""


@dataclass(frozen=True, kw_only=True)
class ObjectSchema:
    """The properties of an object, and the names of the required ones."""

    properties: Mapping[str, Shape]
    required: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class TypeSchema:
    """One resource type by the SDK's names.

    `outputs` holds the inputs too; `replaces` are the inputs whose documentation says that a change forces a new
    resource.
    """

    token: str
    inputs: Mapping[str, Shape]
    required: frozenset[str]
    outputs: Mapping[str, Shape]
    replaces: frozenset[str]


_file = SchemaFile(None)


def keep_schemas_in(path: Path) -> None:
    """Read schemas from a file from now on, and write to it those that it lacks; any number of processes may."""
    global _file
    _file = SchemaFile(path)
    type_schema.cache_clear()
    object_schema.cache_clear()


@functools.cache
def type_schema(token: str) -> TypeSchema:
    """Return the schema of `aws:MODULE/name:Class`. Raises UnknownTokenError where the SDK has no such type."""
    found = _file.get(token) or _file.add(token, _annotations().annotated_type(token))
    return TypeSchema(
        token=token,
        inputs=_shapes(found["inputs"]),
        required=frozenset(found["required"]),
        outputs=_shapes({**found["inputs"], **found["state"]}),
        replaces=frozenset(found["replaces"]),
    )


@functools.cache
def object_schema(object_type: str) -> ObjectSchema:
    """Return what a nested object consists of."""
    found = _file.get(object_type) or _file.add(object_type, _annotations().annotated_object(object_type))
    return ObjectSchema(properties=_shapes(found["properties"]), required=frozenset(found["required"]))


def _annotations() -> ModuleType:
    # Only when asked for: importing the SDK takes as long as all else that a plugin does for a stack without changes.
    from stacks.rehearsal.aws import sdk_annotations

    return sdk_annotations


def _shapes(described: Mapping[str, Any]) -> Mapping[str, Shape]:
    return MappingProxyType({name: _shape(description) for name, description in described.items()})


def _shape(described: Mapping[str, Any]) -> Shape:
    element = described.get("element")
    return Shape(
        described["kind"],
        scalar=described.get("scalar", ""),
        values=tuple(described.get("values", ())),
        element=None if element is None else _shape(element),
        object_type=described.get("object_type", ""),
    )
