"""Carry an update out behind the replacement guard: look, refuse or lift what was approved, update, record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inferloop.approvals import ledger_of
from inferloop.errors import EngineError
from inferloop.planned_changes import ChangeKind, PlannedChange, PlanReader
from inferloop.replacement_guard import GuardedChange, guarded_changes, refusal
from inferloop.sink import Sink
from inferloop.stack_engine import StackEngine

# What the end of a change is, by its kind: the removal of the old copy is no part of a replacement.
_CARRIED_OUT: Mapping[ChangeKind, frozenset[str]] = {
    ChangeKind.REPLACE: frozenset({"create-replacement", "import-replacement"}),
    ChangeKind.DELETE: frozenset({"delete"}),
    ChangeKind.FINISH: frozenset({"delete-replaced"}),
}


@dataclass
class _Witness:
    """Notice what was done to which resource."""

    done: set[tuple[str, str]] = field(default_factory=set)

    def observe(self, event: Mapping[str, Any]) -> None:
        metadata = (event.get("resOutputsEvent") or {}).get("metadata") or {}
        self.done.add((str(metadata.get("urn")), str(metadata.get("op"))))

    def saw(self, change: PlannedChange) -> bool:
        return any((change.urn, operation) in self.done for operation in _CARRIED_OUT[change.kind])


def plan_changes(engine: StackEngine, sink: Sink, *, refresh: bool = False) -> list[PlannedChange]:
    """Preview the stack and return what would change, protected resources included; nothing is changed.

    Raises EngineError with what is wrong with the program or its settings, and InterruptedByUserError.
    """
    reader = PlanReader()
    # Without the flag the engine stops at the first protected resource and tells no reason.
    arguments = ["preview", "--ignore-protect", *engine.policy_arguments(sink), *(["--refresh"] if refresh else [])]
    title = f"looking at what would change in stack {engine.stack}"
    engine.run_long(arguments, sink=sink, title=title, name="preview", observe=reader.observe, announce=False)
    return reader.changes()


def guarded_up(engine: StackEngine, arguments: Sequence[str], *, sink: Sink, title: str, refresh: bool = False) -> int:
    """Run `pulumi up` if nothing guarded is lost by it that was not approved; return the number of changes.

    Raises ReplacementRefusedError before anything is changed, EngineError and InterruptedByUserError.
    """
    ledger = ledger_of(engine.project.home, engine.stack)
    approved, refused = ledger.split(guarded_changes(plan_changes(engine, sink, refresh=refresh)))
    if refused:
        raise refusal(engine.stack, refused)
    lifted = [guarded.change.urn for guarded in approved if guarded.change.protected]
    for guarded in approved:
        sink.note(f"approved: {guarded.change.name} ({guarded.what}) is to be lost, change {guarded.digest}")
    witness = _Witness()
    if lifted:
        engine.run(["state", "unprotect", *lifted, "--yes", "--stack", engine.stack])
    try:
        return engine.run_long(arguments, sink=sink, title=title, name="up", observe=witness.observe)
    finally:
        _settle(engine, approved, witness, sink)


def _settle(engine: StackEngine, approved: Sequence[GuardedChange], witness: _Witness, sink: Sink) -> None:
    """Use up the approvals of what was done, and protect again what was not."""
    ledger = ledger_of(engine.project.home, engine.stack)
    for guarded in approved:
        if witness.saw(guarded.change):
            ledger.carry_out(guarded)
    kept = [item.change.urn for item in approved if item.change.protected and not witness.saw(item.change)]
    try:
        unprotected = {item.urn for item in engine.state().stored if not item.protected} if kept else set()
        for urn in kept:
            if urn in unprotected:
                engine.run(["state", "protect", urn, "--yes", "--stack", engine.stack])
    except EngineError as error:
        # What the update itself said must not be lost for this.
        sink.warn(f"{error}\nnot protected now: {', '.join(kept)}; the next update of the stack protects them again")
