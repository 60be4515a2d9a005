"""Keep the approvals of a stack's guarded changes: each for one change of one resource, each used once.

The file is a record as well: lines of JSON that are only ever added, readable by its owner alone (0600).
"""

import getpass
import json
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inferloop.errors import ApprovalError
from inferloop.planned_changes import ChangeKind
from inferloop.project import Home
from inferloop.replacement_guard import GuardedChange

_APPROVED = "approved"
_CARRIED_OUT = "carried out"


@dataclass(frozen=True)
class ApprovalLedger:
    """The approvals of one stack."""

    path: Path

    def approve(self, change: GuardedChange, *, reason: str) -> None:
        """Approve one change once."""
        self._add(_APPROVED, change, reason=reason)

    def carry_out(self, change: GuardedChange) -> None:
        """Record that the change was made, so that its approval is used up."""
        self._add(_CARRIED_OUT, change)

    def covers(self, change: GuardedChange) -> bool:
        """Tell whether an approval for exactly this change is left.

        What an approved replacement left behind may be removed without a second one.
        """
        if change.change.kind is ChangeKind.FINISH and self._replacement_was_approved(change):
            return True
        return self._open(change.digest)

    def split(self, changes: Iterable[GuardedChange]) -> tuple[list[GuardedChange], list[GuardedChange]]:
        """Part changes into those that are approved and those that are not."""
        approved: list[GuardedChange] = []
        refused: list[GuardedChange] = []
        for change in changes:
            (approved if self.covers(change) else refused).append(change)
        return approved, refused

    def any_open(self) -> bool:
        """Tell whether an approval waits for its change."""
        return any(self._open(entry["change"]) for entry in self.entries())

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield what was recorded; a line that a crash cut short is passed over."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        for line in text.splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and {"event", "urn", "change"} <= entry.keys():
                yield entry

    def _open(self, digest: str) -> bool:
        events = [entry["event"] for entry in self.entries() if entry["change"] == digest]
        return bool(events) and events[-1] == _APPROVED

    def _replacement_was_approved(self, change: GuardedChange) -> bool:
        return any(
            entry["urn"] == change.change.urn and entry.get("id") == change.change.id for entry in self.entries()
        )

    def _add(self, event: str, guarded: GuardedChange, **more: str) -> None:
        entry = {
            "event": event,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "by": _who(),
            **guarded.as_dict(),
            **more,
        }
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "rb+") as file:
            start = b"" if _ends_whole(self.path) else b"\n"
            file.write(start + json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def ledger_of(home: Home, stack: str) -> ApprovalLedger:
    """Return the approvals of a stack, in its folder of the home."""
    return ApprovalLedger(home.stack_dir(stack) / "approvals.jsonl")


def choose(changes: Sequence[GuardedChange], wanted: str, *, stack: str) -> GuardedChange:
    """Return the guarded change of the resource that is meant by its name or its URN.

    Raises ApprovalError where no guarded change concerns it, or several have its name.
    """
    found = [change for change in changes if wanted in (change.change.urn, change.change.name)]
    if len(found) == 1:
        return found[0]
    if found:
        urns = "\n".join(f"  '{change.change.urn}'" for change in found)
        raise ApprovalError(f"{len(found)} resources of stack {stack} are called {wanted}; give the URN:\n{urns}")
    known = ", ".join(sorted(change.change.name for change in changes))
    raise ApprovalError(
        f"stack {stack} is not about to replace or delete {wanted}, so there is nothing to approve"
        + (f"; it is about to lose {known}" if known else "")
    )


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return True
        file.seek(size - 1)
        return file.read(1) == b"\n"


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user often has no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
