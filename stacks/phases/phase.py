"""What a phase is: data that documentation, gates and promotion are made from, and a function that composes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from stacks.settings.reference import SettingReference, references_of_phase, setting_references

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
        """Return every setting of the phase, on whichever cloud, made from the settings models."""
        return references_of_phase(self.name) or setting_references(self.settings)
