"""Labels of every object: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/."""

from enum import StrEnum

ACCELERATOR_RESOURCE = "nvidia.com/gpu"
"""Extended resource of NVIDIA's device plugin."""


class Role(StrEnum):
    """What a pod is for; network policies and monitors select by it."""

    MODEL_SERVER = "model-server"
    GATEWAY = "gateway"
    MIGRATIONS = "migrations"
    WEIGHTS = "weights"
    FIRST_KEY = "first-key"
    CAPTURE = "capture"
    STORAGE = "storage"
    BASELINE = "baseline"
    TELEMETRY = "telemetry"
    EDGE = "edge"
    SECRETS = "secrets"
    OPERATORS = "operators"


def selector_of(role: Role, instance: str) -> dict[str, str]:
    """Return the labels by which one workload's pods are selected; they must never change."""
    return {"app.kubernetes.io/name": str(role), "app.kubernetes.io/instance": instance}


def labels_of(role: Role, instance: str) -> dict[str, str]:
    """Return all labels of one workload's objects."""
    return {
        **selector_of(role, instance),
        "app.kubernetes.io/part-of": "inferloop",
        "app.kubernetes.io/managed-by": "pulumi",
    }
