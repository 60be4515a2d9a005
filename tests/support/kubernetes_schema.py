"""Checks of Kubernetes objects against the API's published schema: an unknown or a mistyped field is refused."""

import importlib
from collections.abc import Mapping
from typing import Any

from kubernetes.client import ApiClient
from pydantic import ValidationError

# Kinds whose model is not named `V1<Kind>` in the client.
_MODELS = {
    ("autoscaling/v2", "HorizontalPodAutoscaler"): "V2HorizontalPodAutoscaler",
}


class SchemaError(AssertionError):
    """An object that the API server would refuse under strict field validation."""


def is_built_in(item: Mapping[str, Any]) -> bool:
    """Tell whether the API server knows the kind without a custom resource definition."""
    group = item["apiVersion"].partition("/")[0] if "/" in item["apiVersion"] else ""
    return "." not in group or (group.endswith(".k8s.io") and not group.startswith("gateway."))


def check_object(item: Mapping[str, Any]) -> None:
    """Raise SchemaError where the object has a field that the API does not know, or of another type."""
    name = _MODELS.get((item["apiVersion"], item["kind"]), f"V1{item['kind']}")
    model = getattr(importlib.import_module("kubernetes.client"), name)
    try:
        parsed = model.model_validate(item)
    except ValidationError as error:
        raise SchemaError(f"{item['kind']} {item['metadata'].get('name')}: {error}") from None
    # The models also take the Python names of fields, which the API does not know.
    again = ApiClient().sanitize_for_serialization(parsed)
    difference = _first_difference(dict(item), again, item["kind"])
    if difference:
        raise SchemaError(difference)


def _first_difference(given: Any, known: Any, path: str) -> str | None:
    if isinstance(given, Mapping) and isinstance(known, Mapping):
        unknown = [key for key in given if key not in known and given[key] is not None]
        if unknown:
            return f"{path} has no field {unknown[0]}"
        pairs = [(given[key], known[key], f"{path}.{key}") for key in given if given[key] is not None]
    elif isinstance(given, list) and isinstance(known, list) and len(given) == len(known):
        pairs = [(one, other, f"{path}[{index}]") for index, (one, other) in enumerate(zip(given, known, strict=True))]
    else:
        return None if given == known else f"{path} is {given!r}, and the API reads {known!r}"
    return next((found for pair in pairs if (found := _first_difference(*pair))), None)
