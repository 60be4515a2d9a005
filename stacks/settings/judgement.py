"""Judge a stack's settings: the frozen settings, or every problem that they have."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import SecretBytes, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from components.suggestion import did_you_mean, nearest_of
from stacks.settings.members import member_of, settings_class
from stacks.settings.problem import NOT_SHOWN, Problem, SettingPath
from stacks.settings.stack import StackSettings
from stacks.settings.structure import Model, annotations_at, models_at

_LONGEST_SHOWN = 120
_MEMBER_KEYS = ("cloud", "phase")
_CHOICES = frozenset({"literal_error", "enum"})
_ABSENT = frozenset({"missing", "extra_forbidden"})
_VALIDATORS = frozenset({"value_error", "assertion_error"})
# pydantic's error type -> what a person, who knows no Python type, is told.
_TYPES = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a section with names as keys",
    "path_type": "must be a path",
}
_SUBJECT = re.compile(r"(?:Input|String|Tuple|List|Dictionary|Set|Value) should ")
_NAME = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+|\[\d+\])*")


def judge(values: Mapping[str, Any], secret: Collection[str] = ()) -> StackSettings | tuple[Problem, ...]:
    """Check settings and return them, or else every problem; `secret` names top-level keys whose value is not shown."""
    member, problems = member_of(values)
    if member is None:
        return problems
    model = settings_class(*member)
    values = {**values, **dict(zip(_MEMBER_KEYS, member, strict=True))}
    try:
        settings = model.model_validate(values)
    except ValidationError as error:
        found = (_problem(item, model, values, secret) for item in error.errors(include_url=False))
        return tuple(dict.fromkeys((*problems, *found)))
    return problems or settings


def _problem(item: ErrorDetails, model: Model, values: Mapping[str, Any], secret: Collection[str]) -> Problem:
    path = _path_in(values, item)
    if item["type"] == "extra_forbidden":
        known = tuple(dict.fromkeys(name for kind in models_at(model, path[:-1], values) for name in kind.model_fields))
        there_are = f"; there are {', '.join(known)}" if known else ""
        nearest = nearest_of(path[-1], known)
        what = f"no such setting{there_are}{did_you_mean(nearest)}"
        return Problem(path, what, kind="unknown_key", allowed=known, nearest=nearest)
    if item["type"] == "missing":
        return Problem(path, f"is missing{_meaning(model, path, values)}", kind="missing")
    hidden = bool(path and path[0] in secret) or any(
        kind in (SecretStr, SecretBytes) for kind in annotations_at(model, path, values)
    )
    return _wrong_value(item, path, model, values, hidden)


def _wrong_value(item: ErrorDetails, path: SettingPath, model: Model, values: Any, hidden: bool) -> Problem:
    given = item["input"]
    what = _worded(item, models_at(model, path, None))
    choices = tuple(re.findall(r"'([^']*)'", item["ctx"]["expected"])) if item["type"] in _CHOICES else ()
    if hidden:
        return Problem(path, "is refused" if str(given) in what else what, allowed=choices)
    if item["type"] in _VALIDATORS and isinstance(given, Mapping | Sequence | StackSettings):
        subject = _subject_in(what, path, values)
        return Problem(path, what, kind="contradiction", subject=subject, given=_shown(given))
    if "[key]" in item["loc"]:
        return Problem(path, f"cannot be a name here: it {what}", kind="wrong_key")
    nearest = nearest_of(given, choices)
    return Problem(path, what + did_you_mean(nearest), given=_shown(given), allowed=choices, nearest=nearest)


def _meaning(model: Model, path: SettingPath, values: Any) -> str:
    fields = [kind.model_fields.get(str(path[-1])) for kind in models_at(model, path[:-1], values)]
    descriptions = [field.description for field in fields if field is not None and field.description]
    return f": {descriptions[0].rstrip('.')}" if descriptions else ""


def _worded(item: ErrorDetails, sections: Sequence[Model]) -> str:
    given = item["input"]
    if item["type"] in ("model_type", "model_attributes_type"):
        keys = ", ".join(dict.fromkeys(name for kind in sections for name in kind.model_fields))
        return f"must be a section; its keys are {keys}"
    if item["type"] == "string_type" and isinstance(given, bool | int | float):
        return "must be text; put the value in quotes"
    if item["type"] in _TYPES:
        return _TYPES[item["type"]]
    what = item["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return _SUBJECT.sub("must ", what, count=1).replace(" after validation", "")


def _path_in(values: Any, item: ErrorDetails) -> SettingPath:
    """Return where the error is in the values themselves: pydantic's own marks of unions and keys are left out."""
    path: list[str | int] = []
    for index, part in enumerate(item["loc"]):
        is_last = index == len(item["loc"]) - 1
        if isinstance(values, Mapping) and (part in values or (is_last and item["type"] in _ABSENT)):
            values = values.get(part)
        elif isinstance(values, Sequence) and not isinstance(values, str) and isinstance(part, int):
            values = values[part] if part < len(values) else None
        else:
            continue
        path.append(part)
    return tuple(path)


def _subject_in(message: str, section: SettingPath, values: Any) -> SettingPath:
    """Return the first setting that a message about a whole section names, else the section."""
    for part in section:
        values = values[part]
    if isinstance(values, Mapping):
        for name in _NAME.findall(message):
            parts = tuple(int(it) if it.isdigit() else it for it in re.findall(r"[\w-]+", name))
            if parts[0] in values:
                return (*section, *parts)
    return section


def _shown(given: Any) -> Any:
    is_long = isinstance(given, Mapping | list | tuple | StackSettings) or len(repr(given)) > _LONGEST_SHOWN
    return NOT_SHOWN if is_long else given
