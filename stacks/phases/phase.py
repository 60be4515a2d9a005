"""What a phase is: data that documentation, gates and promotion are made from, and a function that composes it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

Compose = Callable[[str, Any], Mapping[str, Any]]
Preflight = Callable[[Any], None]


@dataclass(frozen=True, kw_only=True)
class Prerequisite:
    """What must be there before the phase; `command` shows whether it is, `remedy` mends it."""

    name: str
    reason: str
    command: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Deliverable:
    """One stack output."""

    name: str
    description: str
    secret: bool = False


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One success criterion: a test or a benchmark that measures, and the figure that it must reach.

    `test` is a pytest node or a command of benchmarks/, run at the checkout; `operator` compares what was measured with
    `threshold`, in `unit`.
    """

    name: str
    measures: str
    test: str
    operator: str
    threshold: float
    unit: str

    def is_met_by(self, measured: float) -> bool:
        """Compare a measurement with the threshold."""
        return {
            "<=": measured <= self.threshold,
            ">=": measured >= self.threshold,
            "==": measured == self.threshold,
        }[self.operator]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a procedure: what it does, and the command."""

    action: str
    command: str


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """One place where the phase is watched; `output` is the stack output that holds its address."""

    name: str
    output: str
    shows: str


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One condition that wants a person, as a PromQL expression, and what that person does."""

    name: str
    expression: str
    means: str
    action: str


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One symptom, how to check it, and what mends it."""

    symptom: str
    check: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class SettingReference:
    """One line of the configuration reference."""

    key: str
    type: str
    default: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One phase. `preflight` reads, but changes nothing; `compose` returns a value for every deliverable.

    Both raise the errors of components/errors.py.
    """

    number: int
    name: str
    title: str
    summary: str
    stacks: tuple[str, ...]
    settings: type[BaseModel]
    prerequisites: tuple[Prerequisite, ...]
    deliverables: tuple[Deliverable, ...]
    success_criteria: tuple[Gate, ...]
    rollback: tuple[Step, ...]
    dashboards: tuple[Dashboard, ...]
    alerts: tuple[Alert, ...]
    troubleshooting: tuple[Trouble, ...]
    preflight: Preflight
    compose: Compose

    def configuration_reference(self) -> tuple[SettingReference, ...]:
        """Return every setting of the phase, made from its settings model."""
        return tuple(_reference("inferloop:", self.settings))


def _reference(prefix: str, model: type[BaseModel]) -> Iterator[SettingReference]:
    for name, field in model.model_fields.items():
        section = _section_in(field.annotation)
        repeated = "[]" if section is not None and section is not field.annotation else ""
        default = _default_of(field.get_default(call_default_factory=True, validated_data={}))
        is_group = section is not None and not repeated
        if not is_group:
            yield SettingReference(
                key=f"{prefix}{name}",
                type=f"list of {section.__name__}" if section is not None else _type_name(field.annotation),
                default=default,
                description=field.description or "",
            )
        if section is not None:
            yield from _reference(f"{prefix}{name}{repeated}.", section)


def _section_in(annotation: Any) -> type[BaseModel] | None:
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _type_name(annotation: Any) -> str:
    if isinstance(annotation, type):
        return annotation.__name__
    arguments = [str(item) if isinstance(item, str) else _type_name(item) for item in get_args(annotation)]
    return " | ".join("none" if item == "NoneType" else item for item in arguments) or str(annotation)


def _default_of(value: Any) -> str:
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return "; ".join(_default_of(item) for item in value)
    if isinstance(value, BaseModel):
        return str(next(iter(value.model_dump(mode="json").values())))
    return str(value).lower() if isinstance(value, bool) else str(value)
