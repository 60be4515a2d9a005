"""Show what an update would do before it does it, and approve what the replacement guard would stop."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.catalog.guarded_types import guarded_kind
from inferloop.approvals import choose, ledger_of
from inferloop.errors import ApprovalError
from inferloop.guarded_up import plan_changes
from inferloop.planned_changes import ChangeKind, PlannedChange
from inferloop.project import Project
from inferloop.recovery import recover
from inferloop.replacement_guard import GuardedChange, guarded_changes
from inferloop.sink import Sink
from inferloop.stack_config import configured_values, stack_runs_here
from inferloop.stack_engine import StackEngine, open_stack
from inferloop.stack_lock import lock_of, stack_lock


@dataclass(frozen=True)
class StackPreview:
    """What an update of a stack would do. `refused` are the guarded changes for which no approval is there."""

    stack: str
    backend: str
    changes: tuple[PlannedChange, ...]
    approved: tuple[GuardedChange, ...]
    refused: tuple[GuardedChange, ...]

    def totals(self) -> dict[str, int]:
        """Count the changes of each kind, those that do not occur as 0."""
        counted = Counter(change.kind for change in self.changes)
        return {kind.value: counted[kind] for kind in ChangeKind}

    def types(self) -> list[dict[str, Any]]:
        """Count the changes of each resource type; `guarded` says what a guarded type is, else it is None."""
        names = sorted({change.type for change in self.changes})
        rows = []
        for name in names:
            counted = Counter(change.kind for change in self.changes if change.type == name)
            kinds = {kind.value: counted[kind] for kind in ChangeKind}
            rows.append({"type": name, "guarded": guarded_kind(name), **kinds})
        return rows

    def as_dict(self) -> dict[str, Any]:
        """Return the preview as plain data; secrets in it are masked."""
        return {
            "stack": self.stack,
            "backend": self.backend,
            "changes": self.totals(),
            "types": self.types(),
            "guarded": [
                {**guarded.as_dict(), "approved": known}
                for known, group in ((True, self.approved), (False, self.refused))
                for guarded in group
            ],
            "resources": [
                {"name": change.name, "urn": change.urn, "type": change.type, "kind": change.kind.value}
                for change in self.changes
            ],
        }


@dataclass(frozen=True)
class Source:
    """Which configuration and which state of a stack are meant."""

    config_file: Path | None = None
    local_state: bool = False
    refresh: bool = False


def preview_stack(project: Project, stack: str, source: Source, *, sink: Sink, wait: bool = True) -> StackPreview:
    """Preview a stack; nothing of it is changed, only an unknown stack is made empty in its backend.

    Raises what `bring_up` raises, except for the guard's refusal.
    """
    with _opened(project, stack, source, "preview", sink=sink, wait=wait) as engine:
        changes = plan_changes(engine, sink, refresh=source.refresh)
    approved, refused = ledger_of(project.home, stack).split(guarded_changes(changes))
    return StackPreview(stack, engine.location.url, tuple(changes), tuple(approved), tuple(refused))


def approve_changes(
    project: Project,
    stack: str,
    names: Sequence[str],
    source: Source,
    *,
    reason: str,
    digest: str | None,
    sink: Sink,
    wait: bool = True,
) -> list[GuardedChange]:
    """Approve what the next update would do to some guarded resources, each once; return what was approved.

    `digest` demands that it is exactly the change that was seen. Raises ApprovalError where a resource is not about to
    be lost, or by another change, and what `preview_stack` raises; then nothing is approved.
    """
    if digest is not None and len(names) != 1:
        raise ApprovalError("--change names the change of one resource: approve one at a time with it")
    seen = preview_stack(project, stack, source, sink=sink, wait=wait)
    changes = [*seen.approved, *seen.refused]
    chosen = list(dict.fromkeys(choose(changes, name, stack=stack) for name in names))
    if digest is not None and chosen[0].digest != digest:
        raise ApprovalError(
            f"the change of {chosen[0].change.name} is {chosen[0].digest} now, not {digest}: something else would "
            f"happen than what was reviewed; look again with `inferloop preview {stack}`"
        )
    ledger = ledger_of(project.home, stack)
    for guarded in chosen:
        if not ledger.covers(guarded):
            ledger.approve(guarded, reason=reason)
    return chosen


@contextmanager
def _opened(
    project: Project, stack: str, source: Source, verb: str, *, sink: Sink, wait: bool
) -> Iterator[StackEngine]:
    configured_values(project, stack, source.config_file)
    local = stack_runs_here(project, stack, source.config_file)
    lock = lock_of(project.home, stack, runs_here=local)
    with stack_lock(lock, f"inferloop {verb} {stack}", wait=wait, tell=sink.note):
        engine = open_stack(project, stack, local_state=source.local_state, config_file=source.config_file)
        if engine.location.in_home:
            recover(engine.runner, stack, sink, clear_pending=local)
        engine.ensure_stack(engine.state(), sink)
        yield engine
