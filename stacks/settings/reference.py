"""Every setting of a settings model in words: its key, what it may be, its default and what it means."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from stacks.settings.checkout import PROJECT
from stacks.settings.descriptions import described
from stacks.settings.members import MEMBERS, settings_class
from stacks.settings.structure import Model, alternatives, element_of, is_mapping, is_model, is_optional

NAMED = ".<name>"
REPEATED = "[]"

_WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    SecretStr: "secret text",
    SecretBytes: "secret text",
}
_ABSENT = " or none"
_BOUNDS = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))


@dataclass(frozen=True, kw_only=True)
class SettingReference:
    """One setting. In `key`, `[]` is each entry of a list and `<name>` is a name of one's own choice."""

    key: str
    type: str
    default: str
    description: str


def references_of_phase(phase: str) -> tuple[SettingReference, ...]:
    """Return every setting that stacks of a phase may have, on whichever cloud; none for a phase without members."""
    found: dict[str, SettingReference] = {}
    for cloud, member in MEMBERS:
        if member == phase:
            for reference in setting_references(settings_class(cloud, phase)):
                found.setdefault(reference.key, reference)
    return tuple(found.values())


def setting_references(model: Model) -> tuple[SettingReference, ...]:
    """Return every setting of a model, those of its sections under their whole keys."""
    return tuple(dict.fromkeys(_of_section(f"{PROJECT}:", described(model), None)))


def _of_section(prefix: str, model: Model, values: BaseModel | None) -> Iterator[SettingReference]:
    """Give the settings of a section; `values` are those that it has where it is left out as a whole."""
    for name, field in model.model_fields.items():
        own = field.get_default(call_default_factory=True, validated_data={})
        default = own if values is None else getattr(values, name)
        yield from _of_field(f"{prefix}{name}", field, default)


def _of_field(key: str, field: FieldInfo, default: Any) -> Iterator[SettingReference]:
    kinds = alternatives(field.annotation)
    if len(kinds) == 1 and is_model(kinds[0]) and not is_optional(field.annotation):
        yield from _of_section(f"{key}.", kinds[0], default if isinstance(default, BaseModel) else None)
        return
    kind = worded_type(field.annotation)
    # What holds for the value does not hold for its absence.
    kind = f"{kind.removesuffix(_ABSENT)}{_bounds(field.metadata)}{_ABSENT if kind.endswith(_ABSENT) else ''}"
    yield SettingReference(
        key=key, type=kind, default=_worded_default(default), description=" ".join((field.description or "").split())
    )
    for part in kinds:
        inner, suffix = part, ""
        while (element := element_of(inner)) is not None:
            suffix += NAMED if is_mapping(inner) else REPEATED
            (inner, *_) = alternatives(element)
        if is_model(inner):
            yield from _of_section(f"{key}{suffix}.", inner, None)


def worded_type(annotation: Any) -> str:
    """Word what a setting may be."""
    if get_origin(annotation) is Annotated:
        kind, *metadata = get_args(annotation)
        return f"{worded_type(kind)}{_bounds(metadata)}"
    if get_origin(annotation) is Literal:
        return " | ".join(map(str, get_args(annotation)))
    if is_mapping(annotation):
        name, value = get_args(annotation)
        by = " | ".join(map(str, get_args(name))) if get_origin(name) is Literal else "name"
        return f"{worded_type(value)} by {by}"
    element = element_of(annotation)
    if element is not None:
        return f"list of {worded_type(element)}"
    if is_model(annotation):
        return "section"
    parts = [worded_type(part) for part in get_args(annotation) if part is not type(None)]
    if parts:
        return " or ".join(parts) + (_ABSENT if is_optional(annotation) else "")
    return _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _bounds(metadata: Sequence[Any]) -> str:
    found = []
    for item in metadata:
        if isinstance(item, FieldInfo):
            found.append(_bounds(item.metadata).strip())
            continue
        found += [f"{sign} {getattr(item, word):g}" for word, sign in _BOUNDS if getattr(item, word, None) is not None]
        if getattr(item, "pattern", None):
            found.append(f"like `{item.pattern}`")
    shown = ", ".join(filter(None, found))
    return f" {shown}" if shown else ""


def _worded_default(value: Any) -> str:
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "none"
    if isinstance(value, SecretStr | SecretBytes):
        return "set" if value else "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_worded_default(item)}" for key, item in value.items()) or "empty"
    if isinstance(value, tuple | list | set | frozenset):
        return "; ".join(_worded_default(item) for item in value) or "empty"
    if isinstance(value, BaseModel):
        # The first setting of a section in a list is its name.
        return str(next(iter(value.model_dump(mode="json").values())))
    return str(value)
