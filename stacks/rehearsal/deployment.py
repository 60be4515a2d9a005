"""What the engine keeps of a stack, as `pulumi stack export --show-secrets` prints it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_STACK = "pulumi:pulumi:Stack"
_PROVIDER = "pulumi:providers:"
# A shorter value is found everywhere by chance; a part of a secret structure may be a name that is none.
_SHORTEST_SECRET = 8
_SHORTEST_PART = 16


@dataclass(frozen=True)
class StoredThing:
    """One resource of a provider: its URN, type and id, and its properties with secrets in plain text."""

    urn: str
    type: str
    id: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    protected: bool = False

    @property
    def name(self) -> str:
        """The name in the program."""
        return self.urn.rsplit("::", 1)[-1]


@dataclass(frozen=True)
class Deployment:
    """The resources of providers by URN, the stack's outputs, and every secret value; all of it may hold secrets."""

    things: Mapping[str, StoredThing]
    outputs: Mapping[str, Any]
    secrets: frozenset[str]
    pending: int = 0

    def of_type(self, token: str) -> list[StoredThing]:
        """Return the resources of one type, in the order in which they were made."""
        return [thing for thing in self.things.values() if thing.type == token]


def read_deployment(text: str) -> Deployment:
    """Read an export. Raises ValueError or KeyError where it is none."""
    deployment = json.loads(text)["deployment"] or {}
    resources = [item for item in deployment.get("resources") or [] if not item.get("delete")]
    things = {
        item["urn"]: StoredThing(
            urn=item["urn"],
            type=item["type"],
            id=item.get("id") or "",
            inputs=_plain(item.get("inputs") or {}),
            outputs=_plain(item.get("outputs") or {}),
            protected=bool(item.get("protect")),
        )
        for item in resources
        if item.get("custom") and not item["type"].startswith(_PROVIDER)
    }
    outputs: dict[str, Any] = next(
        (_plain(item.get("outputs") or {}) for item in resources if item["type"] == _STACK), {}
    )
    secrets = frozenset(value for item in resources for value in _secrets_of(item))
    return Deployment(things, outputs, secrets, len(deployment.get("pending_operations") or []))


def changed_inputs(before: Deployment, after: Deployment) -> dict[str, list[str]]:
    """Return the URNs whose inputs differ or which only one side has, with the properties that differ.

    A resource that is gone gives `(gone)`, one that is new `(new)`, one with another id `(replaced)`.
    """
    found: dict[str, list[str]] = {}
    for urn in [*before.things, *(urn for urn in after.things if urn not in before.things)]:
        old, new = before.things.get(urn), after.things.get(urn)
        if old is None or new is None:
            found[urn] = ["(new)" if old is None else "(gone)"]
            continue
        names = [*old.inputs, *(name for name in new.inputs if name not in old.inputs)]
        different = [name for name in names if old.inputs.get(name) != new.inputs.get(name)]
        if old.id != new.id:
            different.append("(replaced)")
        if different:
            found[urn] = different
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if _SIGNATURE in value:
            if "plaintext" in value:
                return json.loads(value["plaintext"])
            return {key: _plain(item) for key, item in value.items() if key != _SIGNATURE}
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _secrets_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if _SIGNATURE in value and "plaintext" in value:
            plain = json.loads(value["plaintext"])
            yield from _texts(plain, _SHORTEST_SECRET if isinstance(plain, str) else _SHORTEST_PART)
            return
        for item in value.values():
            yield from _secrets_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from _secrets_of(item)


def _texts(value: Any, shortest: int) -> Iterator[str]:
    if isinstance(value, str) and len(value) >= shortest:
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(item, shortest)
