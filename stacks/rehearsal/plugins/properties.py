"""Translate the engine's property structs to plain Python values and back.

A secret is plain while a plugin works on it; the names of the top-level properties that hold one travel beside the
values, and the answer marks the same properties as secret again. An unknown value of a preview is UNKNOWN.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.struct_pb2 import ListValue, Struct, Value
from pulumi.runtime import rpc

_SIGNATURE: Final = rpc._special_sig_key
_SECRET: Final = rpc._special_secret_sig
_OUTPUT: Final = rpc._special_output_value_sig
_RESOURCE: Final = rpc._special_resource_sig


class Unknown:
    """The type of UNKNOWN: a value that only an update will know."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, kw_only=True)
class Properties:
    """Property values by name, and the names of those that hold a secret at any depth."""

    values: dict[str, Any]
    secrets: frozenset[str] = frozenset()


def decode(struct: Struct) -> Properties:
    """Return the plain values of a struct; null properties are left out."""
    values: dict[str, Any] = {}
    secrets = set()
    for name, value in struct.fields.items():
        plain, secret = _decode(value)
        if plain is None:
            continue
        values[name] = plain
        if secret:
            secrets.add(name)
    return Properties(values=values, secrets=frozenset(secrets))


def encode(values: Mapping[str, Any], secrets: Iterable[str] = ()) -> Struct:
    """Return a struct of plain values, with the named top-level properties marked as secret."""
    struct = Struct()
    hidden = frozenset(secrets)
    for name, value in values.items():
        encoded = _encode(value)
        if name in hidden:
            wrapper = Struct()
            wrapper.fields[_SIGNATURE].string_value = _SECRET
            wrapper.fields["value"].CopyFrom(encoded)
            encoded = Value(struct_value=wrapper)
        struct.fields[name].CopyFrom(encoded)
    return struct


def has_unknown(value: Any) -> bool:
    """Tell whether a value is UNKNOWN or holds one at any depth."""
    if value is UNKNOWN:
        return True
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return False


def _decode(value: Value) -> tuple[Any, bool]:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _decode_struct(value.struct_value)
    if kind == "list_value":
        pairs = [_decode(item) for item in value.list_value.values]
        return [plain for plain, _ in pairs], any(secret for _, secret in pairs)
    if kind == "string_value":
        return (UNKNOWN if value.string_value == rpc.UNKNOWN else value.string_value), False
    if kind == "number_value":
        number = value.number_value
        return (int(number) if number.is_integer() else number), False
    if kind == "bool_value":
        return value.bool_value, False
    return None, False


def _decode_struct(struct: Struct) -> tuple[Any, bool]:
    signature = struct.fields[_SIGNATURE].string_value if _SIGNATURE in struct.fields else ""
    if signature == _SECRET:
        return _decode(struct.fields["value"])[0], True
    if signature == _OUTPUT:
        hidden = "secret" in struct.fields and struct.fields["secret"].bool_value
        if "value" not in struct.fields:
            return UNKNOWN, hidden
        plain, secret = _decode(struct.fields["value"])
        return plain, secret or hidden
    if signature == _RESOURCE:
        return _decode(struct.fields["id"])[0] if "id" in struct.fields else struct.fields["urn"].string_value, False
    pairs = {name: _decode(item) for name, item in struct.fields.items()}
    return {name: plain for name, (plain, _) in pairs.items()}, any(secret for _, secret in pairs.values())


def _encode(value: Any) -> Value:
    if value is UNKNOWN:
        return Value(string_value=rpc.UNKNOWN)
    if value is None:
        return Value(null_value=0)
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, int | float):
        return Value(number_value=value)
    if isinstance(value, str):
        return Value(string_value=value)
    if isinstance(value, Mapping):
        return Value(struct_value=Struct(fields={name: _encode(item) for name, item in value.items()}))
    if isinstance(value, list | tuple):
        return Value(list_value=ListValue(values=[_encode(item) for item in value]))
    raise TypeError(f"a property cannot hold a {type(value).__name__}")
