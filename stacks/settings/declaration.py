"""What Pulumi.yaml declares of the settings, so that `pulumi config` lists them and the engine checks their types.

The engine demands a value of every declared setting in every stack, whichever its cloud is, so each has a default
there: the settings' own where all stacks that have the setting agree on it, and else an empty one. The engine hands
these defaults to the program as if the stack had them; the program takes them for absent.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from stacks.settings.checkout import CHECKOUT, PROJECT
from stacks.settings.encoding import decode
from stacks.settings.members import DEFAULT_CLOUD, MEMBERS, phases_of, settings_class
from stacks.settings.problem import Problem
from stacks.settings.structure import alternatives, element_of, is_mapping, is_model

PROJECT_FILE = CHECKOUT / "Pulumi.yaml"

_EMPTY: Mapping[str, Any] = {"string": "", "array": [], "object": {}}
_SCALARS = {bool: "boolean", int: "integer"}

Declaration = dict[str, Any]
Member = tuple[str, str]


def declared_settings() -> dict[str, Declaration]:
    """Return the declarations of Pulumi.yaml's `config`, from the settings of every cloud and phase."""
    # No program of a stack comes here.
    from stacks.settings.descriptions import described

    found: dict[str, dict[Member, FieldInfo]] = {}
    for member in MEMBERS:
        for key, field in described(settings_class(*member)).model_fields.items():
            found.setdefault(key, {})[member] = field
    return {key: _declaration(key, fields) for key, fields in found.items()}


def without_declared_defaults(values: Mapping[str, str], project_file: Path = PROJECT_FILE) -> dict[str, str]:
    """Leave out what the engine has added to a stack's settings: the defaults that Pulumi.yaml declares."""
    import yaml

    declared = yaml.safe_load(project_file.read_text(encoding="utf-8")).get("config") or {}
    return {key: value for key, value in values.items() if key == "phase" or not _is_default(value, declared.get(key))}


def sections_as_text(values: Mapping[str, Any], member: Member) -> Iterator[Problem]:
    """Find the sections and lists that a stack configuration gives as text: the engine refuses them, one at a time."""
    fields = settings_class(*member).model_fields
    for key, value in values.items():
        if key in fields and isinstance(value, str) and value:
            kind = _type_of(fields[key].annotation)
            if kind in ("object", "array"):
                form, part = ("section", ".KEY") if kind == "object" else ("list", "[0]")
                yield Problem(
                    (key,),
                    f"must be a {form} in YAML, and is text or encrypted as a whole; set what is in it one by one: "
                    f"`pulumi config set --path '{PROJECT}:{key}{part}' VALUE`",
                )


def _is_default(value: str, declared: Mapping[str, Any] | None) -> bool:
    if declared is None or "default" not in declared:
        return False
    default = declared["default"]
    # The engine writes JSON in its own way, and numbers in lists without needless decimals.
    given = decode(value) if isinstance(default, list | dict) else value
    return bool(given == (json.dumps(default) if isinstance(default, bool | int) else default))


def _declaration(key: str, fields: Mapping[Member, FieldInfo]) -> Declaration:
    kinds = {_type_of(field.annotation) for field in fields.values()}
    kind = kinds.pop() if len(kinds) == 1 else "string"
    defaults = [_default_of(field, kind) for field in fields.values()]
    if key in ("cloud", "phase"):
        default: Any = next(iter(fields.values())).default if key == "phase" else DEFAULT_CLOUD
    elif all(it == defaults[0] for it in defaults) and defaults[0] is not None:
        default = defaults[0]
    else:
        # A number has no empty value, so one that some stack must give is declared as text.
        kind = kind if kind in _EMPTY else "string"
        default = copy.copy(_EMPTY[kind])
    declaration: Declaration = {"type": kind}
    if kind == "array":
        declaration["items"] = {"type": _type_of(element_of(alternatives(next(iter(fields.values())).annotation)[0]))}
    return {**declaration, "description": _description(key, fields), "default": default}


def _type_of(annotation: Any) -> str:
    kinds = alternatives(annotation)
    if any(is_model(kind) or is_mapping(kind) for kind in kinds):
        return "object"
    if any(element_of(kind) is not None for kind in kinds):
        return "array"
    return _SCALARS.get(kinds[0], "string") if len(kinds) == 1 else "string"


def _default_of(field: FieldInfo, kind: str) -> Any:
    """Return a default that stands for itself; None where there is none, or a section's own keys have defaults."""
    default = field.get_default(call_default_factory=True, validated_data={})
    if default in (None, PydanticUndefined) or kind == "object" or isinstance(default, BaseModel):
        return None
    return (
        [
            item.model_dump(mode="json", exclude_defaults=True) if isinstance(item, BaseModel) else item
            for item in default
        ]
        if isinstance(default, tuple)
        else to_jsonable_python(default)
    )


def _description(key: str, fields: Mapping[Member, FieldInfo]) -> str:
    first = next(iter(fields.values()))
    choices = [it for kind in alternatives(first.annotation) if get_origin(kind) is Literal for it in get_args(kind)]
    allowed = "" if key in ("cloud", "phase") or len(choices) < 2 else f" One of {', '.join(map(str, choices))}."
    where = "" if set(fields) == set(MEMBERS) else f" [{'; '.join(_clouds(fields))}]"
    return f"{' '.join((first.description or '').split())}{allowed}{where}"


def _clouds(fields: Mapping[Member, FieldInfo]) -> Iterator[str]:
    for cloud in dict.fromkeys(cloud for cloud, _ in fields):
        phases = [phase for member, phase in fields if member == cloud]
        yield cloud if len(phases) == len(phases_of(cloud)) else f"{cloud}: {', '.join(phases)}"
