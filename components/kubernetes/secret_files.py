"""Secrets as files of a container: one folder each, mode 0400, never an environment variable."""

from collections.abc import Mapping, Sequence

from components.contracts import SecretHandle
from components.kubernetes.api_object import ApiObject

SECRET_KEY = "value"  # noqa: S105  # The key's name, not a secret.
"""The key of a Kubernetes Secret under which the suite keeps the one value that it has."""

_FOLDER = "/run/secrets/inferloop"
_OWNER_READS = 0o400


def secret_path(name: str) -> str:
    """Return where a container finds the secret that is mounted as `name`."""
    return f"{_FOLDER}/{name}/{SECRET_KEY}"


def secret_volumes(handles: Mapping[str, SecretHandle]) -> list[ApiObject]:
    """Return the pod's volumes; a handle's reference is the name of a Kubernetes Secret of the pod's namespace."""
    return [
        {
            "name": f"secret-{name}",
            "secret": {
                "secretName": handle.reference,
                "defaultMode": _OWNER_READS,
                "items": [{"key": SECRET_KEY, "path": SECRET_KEY}],
            },
        }
        for name, handle in handles.items()
    ]


def secret_mounts(names: Sequence[str]) -> list[ApiObject]:
    """Return the container's mounts of the secrets."""
    return [{"name": f"secret-{name}", "mountPath": f"{_FOLDER}/{name}", "readOnly": True} for name in names]


def revisions(handles: Mapping[str, SecretHandle]) -> dict[str, ApiObject]:
    """Return pod annotations that change with the secrets, so that pods are renewed when one is rotated."""
    return {f"inferloop.dev/secret-{name}": handle.revision for name, handle in handles.items()}
