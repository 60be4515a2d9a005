"""Read what an engine's preview plans: for each resource what happens to it, and which properties are the reason.

Made from the engine's event log (https://pkg.go.dev/github.com/pulumi/pulumi/sdk/v3/go/common/apitype#EngineEvent), in
which secrets are masked.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from inferloop.events import resource_name

# The keys and values by which the engine marks a secret and what is known only later (pulumi, sdk/go/common/resource).
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_PROVIDER_PREFIX = "pulumi:providers:"
_REPLACED_BY = frozenset({"replace", "create-replacement", "import-replacement"})
_PATH_PART = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')
_LONGEST_VALUE = 100


class ChangeKind(StrEnum):
    """What happens to one resource. `FINISH` removes what an earlier, interrupted replacement left."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    FINISH = "finish"


@dataclass(frozen=True)
class Cause:
    """One property that forces a replacement, with its value before and after, as text; secrets are masked."""

    path: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}: {self.before} -> {self.after}"


@dataclass(frozen=True)
class PlannedChange:
    """What is planned for one resource.

    `id` is that of the thing as it is now, empty for one that is to be created. `retained` tells that the engine
    forgets the old thing and leaves it where it is.
    """

    urn: str
    type: str
    kind: ChangeKind
    id: str = ""
    causes: tuple[Cause, ...] = ()
    protected: bool = False
    retained: bool = False

    @property
    def name(self) -> str:
        """The logical name that ends the URN."""
        return resource_name(self.urn)


@dataclass
class PlanReader:
    """Collect a preview's events; `changes` is what they come to."""

    _steps: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def observe(self, event: Mapping[str, Any]) -> None:
        """Take one event in."""
        metadata = (event.get("resourcePreEvent") or {}).get("metadata")
        if not metadata:
            return
        resource = metadata.get("new") or metadata.get("old") or {}
        if resource.get("custom") and not str(metadata.get("type", "")).startswith(_PROVIDER_PREFIX):
            self._steps.setdefault(str(metadata["urn"]), {})[str(metadata["op"])] = metadata

    def changes(self) -> list[PlannedChange]:
        """Return the planned changes, in the order in which the engine came to them."""
        made = (_change(urn, steps) for urn, steps in self._steps.items())
        return [change for change in made if change is not None]


def _change(urn: str, steps: Mapping[str, dict[str, Any]]) -> PlannedChange | None:
    kind = _kind(steps)
    if kind is None:
        return None
    deciding = next(
        (steps[name] for name in ("create-replacement", "replace", "import-replacement") if name in steps),
        next(iter(steps.values())),
    )
    old = deciding.get("old") or {}
    return PlannedChange(
        urn,
        str(deciding.get("type", "")),
        kind,
        str(old.get("id") or ""),
        tuple(_causes(deciding)) if kind is ChangeKind.REPLACE else (),
        bool(old.get("protect")),
        bool(old.get("retainOnDelete")),
    )


def _kind(steps: Mapping[str, Any]) -> ChangeKind | None:
    if _REPLACED_BY & steps.keys():
        return ChangeKind.REPLACE
    for operation, kind in (
        ("delete", ChangeKind.DELETE),
        ("delete-replaced", ChangeKind.FINISH),
        ("update", ChangeKind.UPDATE),
        ("create", ChangeKind.CREATE),
        ("import", ChangeKind.CREATE),
    ):
        if operation in steps:
            return kind
    return None


def _causes(step: Mapping[str, Any]) -> Iterator[Cause]:
    """Name the properties that force the replacement: in detail where the provider gives that, else by their keys."""
    old, new = step.get("old") or {}, step.get("new") or {}
    keys = [str(key) for key in step.get("keys") or ()]
    detailed = {
        path: difference
        for path, difference in (step.get("detailedDiff") or {}).items()
        if str(difference.get("diffKind", "")).endswith("-replace")
    }
    covered = {_parts(path)[0] for path in detailed}
    for path, difference in sorted(detailed.items()):
        before = old.get("inputs" if difference.get("inputDiff") else "outputs") or {}
        yield Cause(path, _text(_at(before, path)), _text(_at(new.get("inputs") or {}, path)))
    for key in sorted(set(keys) - covered):
        if key == "provider":
            yield Cause(key, _text(old.get("provider")), _text(new.get("provider")))
        else:
            yield Cause(key, _text((old.get("inputs") or {}).get(key)), _text((new.get("inputs") or {}).get(key)))


def _parts(path: str) -> list[str | int]:
    """Split a property path such as `rules[0].ports["https"]`."""
    return [
        int(index) if index else quoted.replace('\\"', '"') or plain
        for quoted, index, plain in _PATH_PART.findall(path)
    ] or [path]


def _at(value: Any, path: str) -> Any:
    for part in _parts(path):
        if isinstance(value, dict) and _SIGNATURE in value:
            return value
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if value == _UNKNOWN:
        return "known only when it is made"
    text = json.dumps(_masked(value), ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return "[secret]" if _SIGNATURE in value else {key: _masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return "(known later)" if value == _UNKNOWN else value
