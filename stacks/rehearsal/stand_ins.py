"""What a rehearsal writes into its copy of a stack's configuration, because no account and no build is there."""

import hashlib
from collections.abc import Mapping
from typing import Any

from stacks.rehearsal.aws.backend import ACCOUNT

_REGISTRY = "rehearsal.invalid"


def stand_ins(model: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that take the place of a stack's own, by their names below `inferloop:`.

    `model` are the fields of the stack's settings (pydantic's `model_fields`), `given` what its configuration says.
    Protection is lifted, because a rehearsal destroys; the account is the emulator's; images that are not given get a
    reference that nothing pulls.
    """
    found: dict[str, Any] = {}
    if "protect" in model:
        found["protect"] = False
    if "account_id" in model:
        found["account_id"] = ACCOUNT
    if "images" in model:
        images = dict(given.get("images") or {})
        missing = {
            name: f"{_REGISTRY}/{name}@sha256:{hashlib.sha256(name.encode()).hexdigest()}"
            for name in model["images"].annotation.model_fields
            if not images.get(name)
        }
        found |= {f"images.{name}": reference for name, reference in missing.items()}
    return found


def with_settings(
    config: Mapping[str, Any], changes: Mapping[str, Any], *, prefix: str = "inferloop:"
) -> dict[str, Any]:
    """Return a stack's configuration values with changed settings; a dot leads into a section.

    Raises ValueError where a part of the path is no section.
    """
    changed = dict(config)
    for path, value in changes.items():
        first, *inner = path.split(".")
        changed[f"{prefix}{first}"] = _put(changed.get(f"{prefix}{first}"), inner, value, path)
    return changed


def _put(section: Any, path: list[str], value: Any, whole: str) -> Any:
    if not path:
        return value
    if section is not None and not isinstance(section, Mapping):
        raise ValueError(f"{whole}: {section!r} is no section")
    name, *inner = path
    known = dict(section or {})
    return {**known, name: _put(known.get(name), inner, value, whole)}
