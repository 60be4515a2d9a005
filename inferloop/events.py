"""Read the engine's event log as it grows: what happens to which resource, and what went wrong."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_VERBS = {
    "create": ("creating", "created"),
    "create-replacement": ("replacing", "replaced"),
    "update": ("updating", "updated"),
    "delete": ("deleting", "deleted"),
    "delete-replaced": ("removing the old", "removed the old"),
}
_PROVIDER_PREFIX = "pulumi:providers:"
_NOISE = re.compile(r"^(error: )?(Exception calling application: )?")
_COLOUR = re.compile(r"<\{%[^%]*%\}>")
_GENERIC_ERRORS = ("update failed", "resource creation failed", "preview failed", "destroy failed")


@dataclass(frozen=True)
class Step:
    """One change of one resource: begun, done or failed."""

    resource: str
    doing: str
    done: str
    phase: str


@dataclass(frozen=True)
class Remark:
    """Something that a resource says while it is worked on."""

    text: str


@dataclass
class EventLog:
    """Follow one event log; `changes` counts finished changes, `errors` holds what the engine reported.

    `observe` is called with every event that is no debug message, as the engine wrote it: secrets are masked in it.
    """

    path: Path
    observe: Callable[[dict[str, Any]], None] | None = None
    changes: int = 0
    errors: list[str] = field(default_factory=list)
    _offset: int = 0

    def poll(self) -> Iterator[Step | Remark]:
        """Yield what was written since the last call; a half-written last line waits for the next one."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    self._offset += len(line)
                    # The SDK writes several of these for each resource.
                    if b'"severity":"debug"' not in line:
                        yield from self._read(json.loads(line))
        except FileNotFoundError:
            return

    def _read(self, event: dict[str, Any]) -> Iterator[Step | Remark]:
        if self.observe is not None:
            self.observe(event)
        for kind, phase in (("resourcePreEvent", "begun"), ("resOutputsEvent", "done"), ("resOpFailedEvent", "failed")):
            if kind in event:
                step = _step(event[kind].get("metadata") or {}, phase)
                if step is not None:
                    self.changes += phase == "done"
                    yield step
        violation = event.get("policyEvent")
        if violation:
            self._read_violation(violation)
        diagnostic = event.get("diagnosticEvent")
        if diagnostic:
            yield from self._read_diagnostic(diagnostic)

    def _read_violation(self, violation: dict[str, Any]) -> None:
        if violation.get("enforcementLevel") == "mandatory":
            named = resource_name(str(violation.get("resourceUrn", "")))
            text = _COLOUR.sub("", str(violation.get("message", ""))).strip()
            self.errors.append(f"{named}: policy {violation.get('policyName')} refuses this: {text}")

    def _read_diagnostic(self, diagnostic: dict[str, Any]) -> Iterator[Remark]:
        text = str(diagnostic.get("message", "")).strip()
        severity = str(diagnostic.get("severity", ""))
        if severity == "error":
            message = _NOISE.sub("", text)
            if message and message not in self.errors and message not in _GENERIC_ERRORS:
                self.errors.append(message)
        elif text and severity.startswith("info"):
            yield Remark(text.removeprefix("info: "))


def resource_name(urn: str) -> str:
    """Return the logical name that ends a URN."""
    return urn.rsplit("::", 1)[-1]


def _step(metadata: dict[str, Any], phase: str) -> Step | None:
    verbs = _VERBS.get(str(metadata.get("op")))
    resource = metadata.get("new") or metadata.get("old") or {}
    # Components are groups without a thing of their own, and so is the stack.
    if verbs is None or not resource.get("custom") or str(metadata.get("type", "")).startswith(_PROVIDER_PREFIX):
        return None
    return Step(resource_name(str(metadata.get("urn", ""))), *verbs, phase)
