"""What a policy is: data that documentation and configuration are made from, and a pure function that checks."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stacks.policies.controls import Control
from stacks.policies.resource import ResourceCheck, StackCheck

PHASES = ("development", "staging", "pilot", "scale_up", "enterprise", "multi_cloud", "air_gapped", "optimized")
"""The phases in their order (stacks/settings/stack.py); a policy never becomes milder from one to the next."""
STRICTEST = PHASES[-1]
"""Whose levels hold where nobody names a phase."""


class Level(StrEnum):
    """What the engine does about a finding: nothing, a warning, or a refusal."""

    DISABLED = "disabled"
    ADVISORY = "advisory"
    MANDATORY = "mandatory"


class Severity(StrEnum):
    """How bad a violation is, in the engine's own words."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, kw_only=True)
class Enforcement:
    """From which phase on a policy warns, and from which on it refuses; None is never."""

    advisory_from: str | None
    mandatory_from: str | None

    def in_phase(self, phase: str) -> Level:
        """Return the level in one phase. Raises ValueError for an unknown phase."""
        if phase not in PHASES:
            raise ValueError(f"there is no phase {phase!r}; phases are {', '.join(PHASES)}")
        for level, start in ((Level.MANDATORY, self.mandatory_from), (Level.ADVISORY, self.advisory_from)):
            if start is not None and PHASES.index(phase) >= PHASES.index(start):
                return level
        return Level.DISABLED


ALWAYS = Enforcement(advisory_from="development", mandatory_from="staging")
"""What is wrong wherever somebody else can reach it."""
FROM_PILOT = Enforcement(advisory_from="staging", mandatory_from="pilot")
"""What a staging stack, which holds no data of anybody's, may lack."""
FROM_ENTERPRISE = Enforcement(advisory_from="pilot", mandatory_from="enterprise")
"""What audits ask for."""
ADVICE = Enforcement(advisory_from="staging", mandatory_from=None)
"""What stacks may have reasons not to follow."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """A value that the pack's configuration can change; `schema` is its JSON schema without the default."""

    name: str
    description: str
    schema: Mapping[str, Any]
    default: Any


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One rule: its name, what it asks for, which controls that serves, and where it warns or refuses.

    `types` are the resource types that it looks at. Exactly one of `check` (one resource at a time, before it is made
    or changed) and `check_stack` (all resources together, at the end) is given.
    """

    name: str
    description: str
    severity: Severity
    controls: tuple[Control, ...]
    enforcement: Enforcement
    types: frozenset[str]
    check: ResourceCheck | None = None
    check_stack: StackCheck | None = None
    options: tuple[Option, ...] = ()

    def __post_init__(self) -> None:
        if (self.check is None) == (self.check_stack is None):
            raise ValueError(f"policy {self.name} needs one check, of a resource or of the stack")

    def defaults(self) -> dict[str, Any]:
        """Return the options that hold where the pack's configuration names none."""
        return {option.name: option.default for option in self.options}
