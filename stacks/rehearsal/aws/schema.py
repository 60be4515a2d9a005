"""What the installed AWS SDK's own annotations say of a resource type: inputs, types, what is required, outputs.

The classes of `pulumi_aws` are generated from the official provider's schema, so what they refuse the provider refuses.
"""

import functools
import importlib
import inspect
import re
import threading
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

from pulumi import _types

from stacks.rehearsal.plugins.errors import UnknownTokenError

_PACKAGE = "pulumi_aws"
_IMPORTING = threading.Lock()
_REPLACES = re.compile(r"forces? (?:a |the creation of a )?(?:new resource|replacement)", re.IGNORECASE)
_PARAMETER = re.compile(r":param pulumi\.Input\[.*\] (\w+): (.*)")


@dataclass(frozen=True, kw_only=True)
class TypeSchema:
    """One resource type by the SDK's names.

    `inputs` and `outputs` map property names to the SDK's type annotations (`outputs` holds the inputs too); `replaces`
    are the inputs whose documentation says that a change forces a new resource.
    """

    token: str
    inputs: Mapping[str, Any]
    required: frozenset[str]
    outputs: Mapping[str, Any]
    replaces: frozenset[str]


@dataclass(frozen=True)
class Shape:
    """An annotation with its wrappers taken off: a scalar, a list, a map, an object, or an enumeration of values."""

    kind: typing.Literal["scalar", "list", "map", "object", "any"]
    type: Any = None
    values: tuple[str, ...] = ()


@functools.cache
def type_schema(token: str) -> TypeSchema:
    """Return the schema of `aws:MODULE/name:Class`. Raises UnknownTokenError where the SDK has no such type."""
    package, class_name = _location(token)
    try:
        # The SDK's modules import each other, which two threads must not begin at once.
        with _IMPORTING:
            module = importlib.import_module(package)
            resource = getattr(module, class_name)
    except (ImportError, AttributeError):
        raise UnknownTokenError(f"{token}: the installed {_PACKAGE} has no such resource type") from None
    home = importlib.import_module(resource.__module__)
    own = {f"{class_name}Args", f"{class_name}InitArgs"} & set(home.__all__)
    arguments = getattr(home, own.pop())
    state = getattr(home, f"_{class_name}State", arguments)
    names = _types.input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments.__init__).parameters
    required = {names[name] for name, found in parameters.items() if name in names and found.default is found.empty}
    inputs = dict(_types.input_type_types(arguments))
    return TypeSchema(
        token=token,
        inputs=MappingProxyType(inputs),
        required=frozenset(required),
        outputs=MappingProxyType({**inputs, **_types.input_type_types(state)}),
        replaces=_documented_replacements(arguments, names),
    )


@functools.cache
def object_schema(arguments: Any) -> tuple[Mapping[str, Any], frozenset[str]]:
    """Return the property types of a nested object's class and the names of the required ones."""
    names = _types.input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments.__init__).parameters
    required = {names[name] for name, found in parameters.items() if name in names and found.default is found.empty}
    return MappingProxyType(dict(_types.input_type_types(arguments))), frozenset(required)


def shape_of(annotation: Any) -> Shape:
    """Take Input, Optional and the alternatives for callers off an annotation."""
    origin = typing.get_origin(annotation)
    if origin is typing.Union:
        options = [option for option in typing.get_args(annotation) if option is not type(None)]
        enumerations = [option for option in options if inspect.isclass(option) and issubclass(option, Enum)]
        if enumerations:
            return shape_of(enumerations[0])
        return shape_of(options[0])
    if origin in (Sequence, list):
        return Shape("list", typing.get_args(annotation)[0])
    if origin in (Mapping, dict):
        return Shape("map", typing.get_args(annotation)[1])
    if inspect.isclass(annotation):
        if issubclass(annotation, Enum):
            return Shape("scalar", str, tuple(str(member.value) for member in annotation))
        if annotation in (str, bool, int, float):
            return Shape("scalar", annotation)
        if _types.is_input_type(annotation):
            return Shape("object", annotation)
    return Shape("any")


def _location(token: str) -> tuple[str, str]:
    try:
        package, module, class_name = token.split(":")
    except ValueError:
        raise UnknownTokenError(f"{token!r} is no type token") from None
    if package != "aws":
        raise UnknownTokenError(f"{token}: this plugin has only types of AWS")
    folder = module.split("/", 1)[0].lower()
    if folder == "index":
        return _PACKAGE, class_name
    return f"{_PACKAGE}.{folder}_" if folder in ("lambda",) else f"{_PACKAGE}.{folder}", class_name


def _documented_replacements(arguments: Any, names: Mapping[str, str]) -> frozenset[str]:
    text = inspect.getdoc(arguments.__init__) or ""
    found = (_PARAMETER.match(line.strip()) for line in text.splitlines())
    return frozenset(names[match[1]] for match in found if match and match[1] in names and _REPLACES.search(match[2]))
