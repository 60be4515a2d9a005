"""What somebody else changed: the inputs that would make an object as it now is."""

import copy
from collections.abc import Mapping
from typing import Any

# What the API server sets on every object.
_SERVER_METADATA = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)


def drifted_inputs(inputs: Mapping[str, Any], applied: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs, changed where the live object no longer is what was `applied`.

    A value that the server wrote in its own form (`1000m` becomes `1`) has not drifted: only live and applied values
    are compared. What others added beside the inputs is theirs and is left out.
    """
    return {
        name: _drifted(value, applied.get(name), live.get(name))
        for name, value in inputs.items()
        if name not in applied or name in live
    }


def importable_inputs(live: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs that would make a live object: all but what the server sets."""
    inputs = copy.deepcopy({name: value for name, value in live.items() if name != "status"})
    for name in _SERVER_METADATA:
        inputs["metadata"].pop(name, None)
    return inputs


def _drifted(value: Any, applied: Any, live: Any) -> Any:
    if live == applied:
        return value
    if isinstance(value, Mapping) and isinstance(applied, Mapping) and isinstance(live, Mapping):
        return drifted_inputs(value, applied, live)
    lists = isinstance(value, list) and isinstance(applied, list) and isinstance(live, list)
    if lists and len(value) == len(applied) == len(live):
        return [_drifted(*items) for items in zip(value, applied, live, strict=True)]
    return live
