"""Compare old and new inputs property by property, and tell which changes ask for a replacement."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from stacks.rehearsal.plugins.properties import UNKNOWN

_PLAIN_KEY = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_INDEX = re.compile(r"\[[^\]]*\]")
# Bookkeeping that providers keep among the inputs, such as which names were generated.
_INTERNAL = "__"


class Change(StrEnum):
    """What happened to one property."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Changes by property path (`tags.owner`, `rules[0].status`), and the paths that ask for a replacement."""

    changes: Mapping[str, Change] = field(default_factory=dict)
    replaces: frozenset[str] = frozenset()

    @property
    def properties(self) -> list[str]:
        """The top-level properties that changed, in order, each once."""
        return list(dict.fromkeys(top_level(path) for path in self.changes))


def top_level(path: str) -> str:
    """Return the top-level property of a path."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def compare(
    old: Mapping[str, Any], new: Mapping[str, Any], *, replaces: Iterable[str] = (), ignored: Iterable[str] = ()
) -> Difference:
    """Return how the new inputs differ from the old ones.

    `replaces` names properties (`cidrBlock`, or a nested `vpcConfig.subnetIds` without list indexes) whose change makes
    another resource necessary; `ignored` names paths whose changes do not count. Texts of the same JSON are equal.
    """
    changes: dict[str, Change] = {}
    for name in [*old, *(name for name in new if name not in old)]:
        if not name.startswith(_INTERNAL):
            _compare(name, old.get(name), new.get(name), changes)
    skipped = tuple(ignored)
    changes = {path: change for path, change in changes.items() if not any(_within(path, skip) for skip in skipped)}
    forcing = tuple(replaces)
    return Difference(
        changes=changes,
        replaces=frozenset(path for path in changes if any(_within(_INDEX.sub("", path), name) for name in forcing)),
    )


def equivalent(old: Any, new: Any) -> bool:
    """Tell whether two known values mean the same: equal, or texts that hold the same JSON."""
    if old == new and type(old) is type(new):
        return True
    if isinstance(old, str) and isinstance(new, str):
        before = _json(old)
        return before is not None and before == _json(new)
    if isinstance(old, bool) or isinstance(new, bool):
        return False
    return bool(old == new)


def _compare(path: str, old: Any, new: Any, changes: dict[str, Change]) -> None:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*old, *(name for name in new if name not in old)]:
            _compare(_member(path, name), old.get(name), new.get(name), changes)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else None
            after = new[index] if index < len(new) else None
            _compare(f"{path}[{index}]", before, after, changes)
    elif old is None and new is not None:
        changes[path] = Change.ADD
    elif new is None and old is not None:
        changes[path] = Change.DELETE
    elif new is UNKNOWN or not equivalent(old, new):
        changes[path] = Change.UPDATE


def _member(path: str, name: str) -> str:
    return f"{path}.{name}" if _PLAIN_KEY.match(name) else f"{path}[{json.dumps(name)}]"


def _within(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith((f"{prefix}.", f"{prefix}["))


def _json(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None
