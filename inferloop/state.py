"""Read what the engine last wrote of a stack, without starting the engine.

The file backend keeps one JSON checkpoint a stack, in the format of `pulumi stack export`. Plain outputs are read from
it, which takes milliseconds where the engine takes a second; secrets in it are encrypted and stay so.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from inferloop.project import Home

_STACK_TYPE = "pulumi:pulumi:Stack"
_PROVIDER_PREFIX = "pulumi:providers:"
# The key and value that mark an encrypted value (pulumi, sdk/go/common/resource/sig).
_SIGNATURE = "4dabf18193072939515e22adb298388d"


@dataclass(frozen=True)
class StoredResource:
    """One resource as the engine keeps it; `custom` tells a thing of a provider from a group of such things."""

    urn: str
    type: str
    custom: bool = False
    protected: bool = False


@dataclass(frozen=True)
class StackState:
    """One stack as the engine knows it.

    `readable` is false where the checkpoint is damaged. `outputs` holds no secret: those are left out and named in
    `secret_outputs`. `pending` counts the operations of a run that never ended.
    """

    exists: bool = False
    readable: bool = True
    resources: int = 0
    protected: int = 0
    pending: int = 0
    salt: str | None = None
    outputs: dict[str, Any] = field(default_factory=dict)
    secret_outputs: frozenset[str] = frozenset()
    stored: tuple[StoredResource, ...] = ()

    @property
    def things(self) -> list[StoredResource]:
        """The resources that really exist somewhere: neither groups of them nor providers."""
        return [item for item in self.stored if item.custom and not item.type.startswith(_PROVIDER_PREFIX)]


def read_state(home: Home, stack: str) -> StackState:
    """Read a stack's checkpoint; a missing one gives an empty state, a damaged one an unreadable state."""
    try:
        latest = json.loads(home.state_file(stack).read_bytes())["checkpoint"].get("latest") or {}
        return parse_deployment(latest)
    except FileNotFoundError:
        return StackState()
    except (ValueError, KeyError, AttributeError, TypeError):
        return StackState(exists=True, readable=False)


def parse_deployment(latest: dict[str, Any]) -> StackState:
    """Read the deployment of a checkpoint or of `pulumi stack export`.

    Raises AttributeError, KeyError or TypeError where it is none.
    """
    resources = latest.get("resources") or []
    stack_outputs = next((item.get("outputs") or {} for item in resources if item["type"] == _STACK_TYPE), {})
    secret = {name for name, value in stack_outputs.items() if _holds_secret(value)}
    return StackState(
        exists=True,
        resources=sum(1 for item in resources if item["type"] != _STACK_TYPE),
        protected=sum(1 for item in resources if item.get("protect")),
        pending=len(latest.get("pending_operations") or []),
        salt=((latest.get("secrets_providers") or {}).get("state") or {}).get("salt"),
        outputs={name: value for name, value in stack_outputs.items() if name not in secret},
        secret_outputs=frozenset(secret),
        stored=tuple(
            StoredResource(str(item.get("urn", "")), item["type"], bool(item.get("custom")), bool(item.get("protect")))
            for item in resources
            if item["type"] != _STACK_TYPE
        ),
    )


def _holds_secret(value: object) -> bool:
    if isinstance(value, dict):
        return _SIGNATURE in value or any(_holds_secret(item) for item in value.values())
    if isinstance(value, list):
        return any(_holds_secret(item) for item in value)
    return False
