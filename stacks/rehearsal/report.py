"""What a rehearsal found: data that the table, the JSON document and the page are made from. It holds no secret."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class Standing(StrEnum):
    """How much of a resource there was in a rehearsal."""

    REAL = "real"
    """Made in a real API server, as it would be in the cluster."""
    EMULATED = "emulated"
    """Made by real calls to an emulator of the cloud, and read back."""
    TYPED = "typed only"
    """Checked against the SDK's types and kept; no emulator has it."""
    REPRESENTED = "represented"
    """Stood in for by its definitions and its checked values."""


class Outcome(StrEnum):
    """How a step ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ResourceChange(_Part):
    """What one step did to one resource, and which of its properties changed; the time is the engine's, in seconds."""

    urn: str
    type: str
    operation: str
    properties: tuple[str, ...] = ()
    duration_s: float = 0.0

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.rsplit("::", 1)[-1]


class Step(_Part):
    """One step of the scenario; `detail` says what was found, or why it failed."""

    name: str
    title: str
    outcome: Outcome
    duration_s: float
    detail: str = ""
    changes: tuple[ResourceChange, ...] = ()

    def counts(self) -> dict[str, int]:
        """Return how many resources each operation touched."""
        found: dict[str, int] = {}
        for change in self.changes:
            found[change.operation] = found.get(change.operation, 0) + 1
        return found


class TypeUse(_Part):
    """The resources of one type; the time is that of making all of them, in seconds."""

    type: str
    count: int
    standing: Standing
    create_s: float = 0.0


class DriftFound(_Part):
    """One change behind the engine's back: whether `refresh` showed it and `up` repaired it."""

    what: str
    urn: str
    seen: bool
    repaired: bool


class FaultSeen(_Part):
    """One fault that was asked for: the step that it struck, what was said, and whether the next run recovered."""

    spec: str
    step: str = ""
    said: str = ""
    recovered: bool = False


class SecretCheck(_Part):
    """How many secret values were looked for, in how many files, and which files held one in plain text."""

    values: int = 0
    files: int = 0
    found: tuple[str, ...] = ()


class Report(_Part):
    """One rehearsal. Times are seconds, memory is MiB over all processes; `samples` are (seconds, MiB)."""

    stack: str
    started: str
    engine: str
    providers: Mapping[str, str] = {}
    steps: tuple[Step, ...] = ()
    types: tuple[TypeUse, ...] = ()
    represented: tuple[str, ...] = ()
    stand_ins: Mapping[str, Any] = {}
    drift: tuple[DriftFound, ...] = ()
    faults: tuple[FaultSeen, ...] = ()
    leftovers: tuple[str, ...] = ()
    secrets: SecretCheck = SecretCheck()
    endpoints: Mapping[str, str] = {}
    duration_s: float = 0.0
    peak_memory_mib: float = 0.0
    samples: tuple[tuple[float, float], ...] = ()

    @property
    def ok(self) -> bool:
        """Tell whether every step was as it must be."""
        return all(step.outcome is not Outcome.FAILED for step in self.steps)

    @property
    def resources(self) -> int:
        """How many resources of providers there were after `up`."""
        return sum(use.count for use in self.types)

    def standings(self) -> dict[Standing, int]:
        """Return how many resources there were of each standing."""
        counts = dict.fromkeys(Standing, 0)
        for use in self.types:
            counts[use.standing] += use.count
        return counts

    def document(self) -> dict[str, Any]:
        """Return the report as plain data."""
        counts = {str(standing): count for standing, count in self.standings().items()}
        return {"ok": self.ok, "resources": self.resources, "standings": counts, **self.model_dump(mode="json")}
