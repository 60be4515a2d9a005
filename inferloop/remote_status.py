"""Say how a stack is that does not run here: from its state and its phase's deliverables, not from processes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from components.catalog.guarded_types import guarded_kind
from inferloop.project import Project
from inferloop.stack_engine import open_stack
from inferloop.state import StackState

_LONGEST_VALUE = 100


@dataclass(frozen=True)
class StackOutput:
    """One output of a stack: its value, None for a secret, and what its phase says of it."""

    name: str
    value: Any
    secret: bool
    description: str = ""

    @property
    def text(self) -> str:
        """The value as a person reads it."""
        if self.secret:
            return "(secret)"
        if isinstance(self.value, float):
            return f"{self.value:g}"
        text = self.value if isinstance(self.value, str) else json.dumps(self.value, ensure_ascii=False)
        return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


@dataclass(frozen=True)
class RemoteStatus:
    """One stack of a cloud as its state has it.

    `state` is `up`, `interrupted` (operations of a run never ended) or `down` (nothing is there).
    """

    stack: str
    state: str
    backend: str
    resources: int = 0
    guarded: int = 0
    protected: int = 0
    pending: int = 0
    outputs: tuple[StackOutput, ...] = field(default_factory=tuple)

    def as_dict(self) -> dict[str, Any]:
        """Return the status as plain data; secrets are named, and their values left out."""
        return {
            "stack": self.stack,
            "state": self.state,
            "backend": self.backend,
            "resources": self.resources,
            "guarded": self.guarded,
            "protected": self.protected,
            "pending": self.pending,
            "outputs": {output.name: output.value for output in self.outputs if not output.secret},
            "secret_outputs": [output.name for output in self.outputs if output.secret],
        }


def remote_status(project: Project, stack: str, *, local_state: bool = False) -> RemoteStatus:
    """Read a stack's state from its backend. Raises ProjectError, StateLocationError or EngineError."""
    engine = open_stack(project, stack, local_state=local_state)
    state = engine.state()
    present = state.things
    standing = "up" if present else "down"
    return RemoteStatus(
        stack,
        "interrupted" if state.pending else standing,
        engine.location.url,
        len(present),
        sum(1 for item in present if guarded_kind(item.type)),
        state.protected,
        state.pending,
        stack_outputs(state, engine.phase),
    )


def stack_outputs(state: StackState, phase: str) -> tuple[StackOutput, ...]:
    """Return a stack's outputs in the order of its phase's deliverables; others that it has come after them."""
    descriptions = _deliverables(phase)
    present = [*state.outputs, *state.secret_outputs]
    order = [name for name in descriptions if name in present]
    order += sorted(name for name in present if name not in descriptions)
    return tuple(
        StackOutput(name, state.outputs.get(name), name in state.secret_outputs, descriptions.get(name, ""))
        for name in order
    )


def _deliverables(phase: str) -> Mapping[str, str]:
    from stacks.phases.registry import phase_named, phase_names

    if phase not in phase_names():
        return {}
    return {deliverable.name: deliverable.description for deliverable in phase_named(phase).deliverables}
