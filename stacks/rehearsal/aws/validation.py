"""Refuse inputs as the cloud would: an unknown or missing property, a wrong type, a value outside an enumeration."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from stacks.rehearsal.aws.schema import Shape, TypeSchema, object_schema
from stacks.rehearsal.plugins.properties import UNKNOWN
from stacks.rehearsal.plugins.provider import InvalidProperty

# The SDK's lists of these are older than the cloud's.
_OPEN_ENUMERATIONS = frozenset({"instanceType", "instanceClass", "nodeType", "runtime", "engine", "policyArn"})
_WORDS = {"str": "a text", "bool": "true or false", "int": "a whole number", "float": "a number"}
_CLASSES: Mapping[str, Any] = {"str": str, "bool": bool, "int": int, "float": int | float}


def invalid_properties(schema: TypeSchema, inputs: Mapping[str, Any]) -> list[InvalidProperty]:
    """Return everything that is wrong with the inputs of one resource; UNKNOWN fits everywhere."""
    return list(_object("", schema.inputs, schema.required, inputs))


def _object(
    path: str, types: Mapping[str, Shape], required: frozenset[str], value: Mapping[str, Any]
) -> Iterator[InvalidProperty]:
    for name in sorted(required - set(value)):
        yield InvalidProperty(_join(path, name), "is required, but missing")
    for name, item in value.items():
        if name.startswith("__"):
            continue
        here = _join(path, name)
        if name not in types:
            close = difflib.get_close_matches(name, types, n=1)
            yield InvalidProperty(here, "there is no such property" + (f"; {close[0]!r} is meant?" if close else ""))
        else:
            yield from _value(here, types[name], item)


def _value(path: str, shape: Shape, value: Any) -> Iterator[InvalidProperty]:
    if value is UNKNOWN or value is None or shape.kind == "any":
        return
    if shape.kind == "list" and shape.element:
        if not isinstance(value, list):
            yield InvalidProperty(path, f"must be a list, not {_kind(value)}")
            return
        for index, item in enumerate(value):
            yield from _value(f"{path}[{index}]", shape.element, item)
    elif shape.kind == "map" and shape.element:
        if not isinstance(value, Mapping):
            yield InvalidProperty(path, f"must be a map, not {_kind(value)}")
            return
        for key, item in value.items():
            yield from _value(f"{path}.{key}", shape.element, item)
    elif shape.kind == "object":
        if not isinstance(value, Mapping):
            # Policy documents may be given as text.
            if not (isinstance(value, str) and "PolicyDocument" in shape.object_type):
                yield InvalidProperty(path, f"must be an object, not {_kind(value)}")
            return
        inner = object_schema(shape.object_type)
        yield from _object(path, inner.properties, inner.required, value)
    else:
        yield from _scalar(path, shape.scalar, shape.values, value)


def _scalar(path: str, kind: str, allowed: tuple[str, ...], value: Any) -> Iterator[InvalidProperty]:
    fits = isinstance(value, _CLASSES[kind]) and (kind == "bool" or not isinstance(value, bool))
    if not fits:
        yield InvalidProperty(path, f"must be {_WORDS[kind]}, not {_kind(value)}")
    elif allowed and value not in allowed and path.rsplit(".", 1)[-1] not in _OPEN_ENUMERATIONS:
        yield InvalidProperty(path, f"must be one of {', '.join(allowed)}; it is {value!r}")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else "an object"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
