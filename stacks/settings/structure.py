"""What stands where in a settings model: the sections inside optional, repeated, named and alternative settings."""

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from stacks.settings.problem import SettingPath

Model = type[BaseModel]


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """Take an annotation's alternatives apart: `Annotated` is removed, unions are flattened, `None` is left out."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return alternatives(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return tuple(kind for part in get_args(annotation) for kind in alternatives(part))
    return () if annotation is type(None) else (annotation,)


def is_optional(annotation: Any) -> bool:
    """Tell whether a setting may be none."""
    if get_origin(annotation) is Annotated:
        return is_optional(get_args(annotation)[0])
    is_union = get_origin(annotation) in (Union, types.UnionType)
    return is_union and any(part is type(None) or is_optional(part) for part in get_args(annotation))


def element_of(annotation: Any) -> Any | None:
    """Return what a list, tuple or set holds, or what a mapping holds as values; None for anything else."""
    arguments = [part for part in get_args(annotation) if part is not Ellipsis]
    origin = get_origin(annotation)
    if not isinstance(origin, type) or not arguments:
        return None
    if issubclass(origin, Mapping):
        return arguments[-1]
    return arguments[0] if issubclass(origin, Sequence | set | frozenset) else None


def is_mapping(annotation: Any) -> bool:
    """Tell whether an annotation is that of a mapping with free keys."""
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def models_at(model: Model, path: SettingPath, values: Any) -> tuple[Model, ...]:
    """Return the models that may describe the section at `path`; `values` choose among alternatives."""
    return tuple(kind for kind in _annotations_at(model, path, values) if is_model(kind))


def annotations_at(model: Model, path: SettingPath, values: Any) -> tuple[Any, ...]:
    """Return the annotations that may describe the setting at `path`; `values` choose among alternatives."""
    return tuple(_annotations_at(model, path, values))


def _annotations_at(annotation: Any, path: SettingPath, values: Any) -> Iterator[Any]:
    for kind in alternatives(annotation):
        if is_model(kind) and not _may_describe(kind, values):
            continue
        if not path:
            yield kind
            continue
        first, *rest = path
        inner = _value_in(values, first)
        if is_model(kind):
            field = kind.model_fields.get(str(first))
            if field is not None:
                yield from _annotations_at(field.annotation, tuple(rest), inner)
        elif (element := element_of(kind)) is not None:
            yield from _annotations_at(element, tuple(rest), inner)


def _may_describe(model: Model, values: Any) -> bool:
    """Tell whether no constant of the model contradicts the values; this is how a discriminated union is resolved."""
    if not isinstance(values, Mapping):
        return True
    return all(
        values.get(name, field.default) in get_args(field.annotation)
        for name, field in model.model_fields.items()
        if name in values and get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1
    )


def _value_in(values: Any, part: str | int) -> Any:
    if isinstance(values, Mapping):
        return values.get(part)
    if isinstance(values, Sequence) and not isinstance(values, str) and isinstance(part, int) and part < len(values):
        return values[part]
    return None


def is_model(kind: Any) -> bool:
    """Tell whether an annotation is a settings model."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)
