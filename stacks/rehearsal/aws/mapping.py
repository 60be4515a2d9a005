"""Translate between the SDK's property names and types and the service's, guided by both sides' own models.

The AWS SDK calls a property `kmsKeyId` where the service's model says `KMSKeyId` or `kmsKeyID`; maps of tags are
lists of keys and values. What follows a rule is translated by it; the rest is renamed.
"""

import datetime
import json
import re
from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from stacks.rehearsal.aws.schema import Shape as PropertyShape
from stacks.rehearsal.aws.schema import object_schema

_NAMED_VALUES = {"name", "values"}
_IGNORED = re.compile(r"[^a-z0-9]")


def to_service(shape: Shape, value: Any, renames: Mapping[str, str]) -> Any:
    """Return an input in the form of a service's shape; properties that the shape does not have are left out."""
    if isinstance(shape, StructureShape):
        return _to_structure(shape, value, renames)
    if isinstance(shape, ListShape):
        if isinstance(value, Mapping) and _is_pair(shape.member):
            key, content = _pair(shape.member)
            return [{key: name, content: text} for name, text in value.items()]
        items = value if isinstance(value, list) else [value]
        return [to_service(shape.member, item, renames) for item in items]
    if isinstance(shape, MapShape):
        if isinstance(value, list):
            # A budget's filters: pairs of a name and its values.
            value = {item["name"]: item["values"] for item in value}
        return {name: to_service(shape.value, item, renames) for name, item in value.items()}
    if shape.type_name == "string":
        return str(value).lower() if isinstance(value, bool) else str(value)
    if shape.type_name == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if shape.type_name in ("integer", "long"):
        return int(value)
    if shape.type_name in ("float", "double"):
        return float(value)
    return value


def as_declared(shape: StructureShape, name: str, value: Any) -> Any:
    """Return a member's value, as text where the service wants a text and the program has a number or a truth value."""
    member = shape.members.get(name)
    scalar = isinstance(value, bool | int | float)
    return to_service(member, value, {}) if scalar and member is not None and member.type_name == "string" else value


def from_service(shape: PropertyShape, value: Any, renames: Mapping[str, str]) -> Any:
    """Return a service's answer in the form of the SDK's property; None where it says nothing of it."""
    if value is None:
        return None
    if shape.kind == "list" and shape.element:
        inner = shape.element
        items = value if isinstance(value, list) else [value]
        if isinstance(value, Mapping) and _is_named_values(inner):
            items = [{"name": name, "values": values} for name, values in value.items()]
        return [item for item in (from_service(inner, one, renames) for one in items) if item is not None]
    if shape.kind == "map":
        if isinstance(value, list):
            return {_field(item, "key"): _field(item, "value") for item in value}
        return dict(value)
    if shape.kind == "object":
        if isinstance(value, list):
            value = value[0] if value else None
        if not isinstance(value, Mapping):
            return None
        return select(object_schema(shape.object_type).properties, value, renames)
    return _scalar(shape.scalar, value)


def _is_named_values(shape: PropertyShape) -> bool:
    return shape.kind == "object" and set(object_schema(shape.object_type).properties) == _NAMED_VALUES


def select(types: Mapping[str, PropertyShape], answer: Mapping[str, Any], renames: Mapping[str, str]) -> dict[str, Any]:
    """Return the properties among `types` that an answer holds."""
    members = {_plain(name): name for name in answer}
    found: dict[str, Any] = {}
    for name, shape in types.items():
        member = _member(name, members, renames)
        value = None if member is None else from_service(shape, answer[member], renames)
        if value is not None:
            found[name] = value
    return found


def reconcile(before: Any, actual: Any) -> Any:
    """Return an input as it really is, written as it was before where both mean the same.

    Members that the input never named are defaults of the cloud's and are left out; what the answer does not tell is
    kept; lists that hold the same in another order are the same.
    """
    if actual is None:
        return before
    if isinstance(before, Mapping) and isinstance(actual, Mapping):
        return {name: reconcile(value, actual.get(name)) for name, value in before.items()}
    if isinstance(before, list) and isinstance(actual, list):
        return _reconcile_lists(before, actual)
    if isinstance(before, str) and isinstance(actual, str):
        return before if same_text(before, actual) else actual
    return actual


def same_text(one: str, other: str) -> bool:
    """Tell whether two texts are equal or hold the same JSON, in which a list of one item equals that item."""
    if one == other:
        return True
    if not (one.lstrip().startswith(("{", "[")) and other.lstrip().startswith(("{", "["))):
        return False
    try:
        return bool(_canonical(json.loads(one)) == _canonical(json.loads(other)))
    except ValueError:
        return False


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _canonical(item) for name, item in value.items()}
    if isinstance(value, list):
        items = [_canonical(item) for item in value]
        return items[0] if len(items) == 1 else sorted(items, key=repr)
    return value


def _reconcile_lists(before: list[Any], actual: list[Any]) -> list[Any]:
    remaining = list(actual)
    kept: list[Any] = []
    for item in before:
        match = next((index for index, other in enumerate(remaining) if reconcile(item, other) == item), None)
        if match is None:
            kept = []
            break
        remaining.pop(match)
        kept.append(item)
    if len(kept) == len(before) and not remaining:
        return before
    return [reconcile(old, new) for old, new in zip(before, actual, strict=False)] + actual[len(before) :]


def _to_structure(shape: StructureShape, value: Any, renames: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        value = value[0] if value else {}
    if not isinstance(value, Mapping):
        # An attribute of EC2 is a structure of one value; a list of one text may be a structure too.
        only = next(iter(shape.members))
        return {only: to_service(shape.members[only], value, renames)}
    members = {_plain(name): name for name in shape.members}
    converted: dict[str, Any] = {}
    for name, item in value.items():
        member = _member(name, members, renames)
        if member is not None and item is not None:
            converted[member] = to_service(shape.members[member], item, renames)
    return converted


def _member(name: str, members: Mapping[str, str], renames: Mapping[str, str]) -> str | None:
    if name in renames:
        return members.get(_plain(renames[name]))
    plain = _plain(name)
    candidates = [plain, f"{plain}s", plain.removesuffix("s"), f"{plain}es", plain.removesuffix("ies") + "y"]
    return next((members[candidate] for candidate in candidates if candidate in members), None)


def _scalar(kind: str, value: Any) -> Any:
    if isinstance(value, Mapping) and set(value) <= {"Value"}:
        value = value.get("Value")
    if kind == "str" and isinstance(value, Mapping) and "Statement" in value:
        # botocore parses the policies of IAM.
        return json.dumps(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, Mapping | list) or value is None:
        return None
    if kind == "str":
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kind == "bool":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if kind == "int":
        return int(value)
    if kind == "float":
        return float(value)
    return value


def _is_pair(shape: Shape) -> bool:
    return isinstance(shape, StructureShape) and {_plain(name) for name in shape.members} in (
        {"key", "value"},
        {"tagkey", "tagvalue"},
    )


def _pair(shape: StructureShape) -> tuple[str, str]:
    names = list(shape.members)
    return names[0], names[1]


def _field(item: Mapping[str, Any], ending: str) -> Any:
    return next((value for name, value in item.items() if _plain(name).endswith(ending)), "")


def _plain(name: str) -> str:
    return _IGNORED.sub("", name.lower())
