"""Read the schema of a resource type from the annotations of the installed AWS SDK.

The classes of `pulumi_aws` are generated from the official provider's schema, so what they refuse the provider refuses.
"""

import importlib
import inspect
import re
import threading
import typing
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from pulumi import _types

from stacks.rehearsal.plugins.errors import UnknownTokenError

_PACKAGE = "pulumi_aws"
_IMPORTING = threading.Lock()
_REPLACES = re.compile(r"forces? (?:a |the creation of a )?(?:new resource|replacement)", re.IGNORECASE)
_PARAMETER = re.compile(r":param pulumi\.Input\[.*\] (\w+): (.*)")
_SCALARS = (str, bool, int, float)


def annotated_type(token: str) -> dict[str, Any]:
    """Return `inputs`, `required`, `state` and `replaces` of `aws:MODULE/name:Class`, as data.

    Raises UnknownTokenError where the SDK has no such type.
    """
    package, class_name = _location(token)
    try:
        resource = _class(package, class_name)
    except (ImportError, AttributeError):
        raise UnknownTokenError(f"{token}: the installed {_PACKAGE} has no such resource type") from None
    home = importlib.import_module(resource.__module__)
    own = {f"{class_name}Args", f"{class_name}InitArgs"} & set(home.__all__)
    arguments = getattr(home, own.pop())
    state = getattr(home, f"_{class_name}State", arguments)
    return {
        "inputs": _described(arguments),
        "required": _required(arguments),
        "state": _described(state),
        "replaces": _documented_replacements(arguments),
    }


def annotated_object(object_type: str) -> dict[str, Any]:
    """Return `properties` and `required` of a nested object, `MODULE:CLASS`, as data."""
    module, _, class_name = object_type.partition(":")
    arguments = _class(module, class_name)
    return {"properties": _described(arguments), "required": _required(arguments)}


def _class(module: str, name: str) -> Any:
    # The SDK's modules import each other, and themselves only when an attribute is asked for; two threads must not
    # begin that at once.
    with _IMPORTING:
        return getattr(importlib.import_module(module), name)


def _described(arguments: Any) -> dict[str, Any]:
    return {name: _description(annotation) for name, annotation in _types.input_type_types(arguments).items()}


def _required(arguments: Any) -> list[str]:
    names = _types.input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments.__init__).parameters
    return [names[name] for name, found in parameters.items() if name in names and found.default is found.empty]


def _description(annotation: Any) -> dict[str, Any]:
    """Take Input, Optional and the alternatives for callers off an annotation."""
    origin = typing.get_origin(annotation)
    if origin is typing.Union:
        options = [option for option in typing.get_args(annotation) if option is not type(None)]
        enumerations = [option for option in options if inspect.isclass(option) and issubclass(option, Enum)]
        return _description((enumerations or options)[0])
    if origin in (Sequence, list):
        return {"kind": "list", "element": _description(typing.get_args(annotation)[0])}
    if origin in (Mapping, dict):
        return {"kind": "map", "element": _description(typing.get_args(annotation)[1])}
    if inspect.isclass(annotation):
        if issubclass(annotation, Enum):
            return {"kind": "scalar", "scalar": "str", "values": [str(member.value) for member in annotation]}
        if annotation in _SCALARS:
            return {"kind": "scalar", "scalar": annotation.__name__}
        if _types.is_input_type(annotation):
            return {"kind": "object", "object_type": f"{annotation.__module__}:{annotation.__qualname__}"}
    return {"kind": "any"}


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


def _documented_replacements(arguments: Any) -> list[str]:
    names = _types.input_type_py_to_pulumi_names(arguments)
    text = inspect.getdoc(arguments.__init__) or ""
    found = (_PARAMETER.match(line.strip()) for line in text.splitlines())
    return [names[match[1]] for match in found if match and match[1] in names and _REPLACES.search(match[2])]
