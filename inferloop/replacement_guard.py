"""Stop an update that would replace or delete what holds data or what others stand on, until somebody approved it."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from components.catalog.guarded_types import guarded_kind
from inferloop.errors import ReplacementRefusedError
from inferloop.own_command import own_command
from inferloop.planned_changes import ChangeKind, PlannedChange

_DESTRUCTIVE = frozenset({ChangeKind.REPLACE, ChangeKind.DELETE, ChangeKind.FINISH})
# As long as git's short names: enough to tell the changes of one resource apart.
_DIGEST_CHARACTERS = 12


@dataclass(frozen=True)
class GuardedChange:
    """One change that needs an approval. `what` is the kind of thing, such as `database`."""

    change: PlannedChange
    what: str

    @property
    def digest(self) -> str:
        """Name this change: another thing, another kind of change, another cause or other values give another name.

        Values of secrets and values that are known only later are no part of it: neither is known here.
        """
        change = self.change
        kind = ChangeKind.DELETE if change.kind is ChangeKind.FINISH else change.kind
        causes = [[cause.path, cause.before, cause.after] for cause in change.causes]
        text = json.dumps([change.urn, change.id, kind.value, causes])
        return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARACTERS]

    def as_dict(self) -> dict[str, Any]:
        """Return the change as plain data."""
        change = self.change
        return {
            "name": change.name,
            "urn": change.urn,
            "type": change.type,
            "what": self.what,
            "kind": change.kind.value,
            "id": change.id,
            "causes": [vars(cause) for cause in change.causes],
            "protected": change.protected,
            "retained": change.retained,
            "change": self.digest,
        }


def guarded_changes(changes: Iterable[PlannedChange]) -> list[GuardedChange]:
    """Return the changes that would lose something guarded: by its type, or because it is protected."""
    found = []
    for change in changes:
        what = guarded_kind(change.type) or ("protected resource" if change.protected else None)
        if change.kind in _DESTRUCTIVE and what is not None:
            found.append(GuardedChange(change, what))
    return found


def refusal(stack: str, refused: Sequence[GuardedChange]) -> ReplacementRefusedError:
    """Return the error that names each change, what causes it, and the command that approves it once."""
    one = len(refused) == 1
    lines = [
        f"stack {stack}: {'one change' if one else f'{len(refused)} changes'} would lose what is guarded; "
        "nothing was changed"
    ]
    for guarded in refused:
        lines += ["", *(f"  {line}" for line in describe(guarded))]
    names = " ".join(_address(guarded, refused) for guarded in refused)
    lines += [
        "",
        f"Take the {'change' if one else 'changes'} back, or approve {'it' if one else 'them'} once, then run "
        f"`{own_command()} up {stack}` again:",
        f"  {own_command()} approve {stack} {names} --reason TEXT",
    ]
    return ReplacementRefusedError("\n".join(lines))


def describe(guarded: GuardedChange) -> list[str]:
    """Say in lines what happens to one guarded resource, why, and what becomes of the old one."""
    change = guarded.change
    if change.kind is ChangeKind.REPLACE:
        verdict = "would be replaced, because of:" if change.causes else "would be replaced; no property is the reason"
    elif change.kind is ChangeKind.FINISH:
        verdict = "would be deleted: an earlier replacement left it"
    else:
        verdict = "would be deleted: the program no longer asks for it (a renamed resource needs an alias)"
    lines = [f"{change.name} ({guarded.what}, {change.type}) {verdict}"]
    lines += [f"  {cause}" for cause in change.causes]
    lines.append(f"  now: {change.id or 'not made yet'}; change {guarded.digest}")
    if change.retained:
        lines.append("  the old one stays where it is, with its data; Pulumi forgets it")
    elif change.protected:
        lines.append("  it is protected; the approval lifts the protection for this one change, and the data go")
    else:
        lines.append("  the old one goes, with what it holds")
    return lines


def _address(guarded: GuardedChange, among: Sequence[GuardedChange]) -> str:
    """Return the name that is enough to tell a resource from the others, or else its URN, quoted for a shell."""
    same = [other for other in among if other.change.name == guarded.change.name]
    return guarded.change.name if len(same) == 1 else f"'{guarded.change.urn}'"
