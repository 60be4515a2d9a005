"""What a cluster knows of a release: a Secret in its namespace, as helm keeps one, so that its loss is seen."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from stacks.rehearsal.kubernetes.api import KubernetesApi, Object, ObjectRef

RECORD_TYPE = "rehearsal.inferloop.dev/release"
"""The type of the Secret."""
_KEY = "release"
_MANAGED_BY = "app.kubernetes.io/managed-by"
_MANAGER = "inferloop-rehearsal"


class ReleaseRecord(BaseModel):
    """One release as it was last installed; of its values the digest alone.

    `rendered` tells whether objects exist; `definitions` names the sets of the lock that a represented one brings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    namespace: str
    chart: str
    version: str
    values_sha256: str
    revision: int
    rendered: bool
    definitions: tuple[str, ...] = ()
    objects: tuple[ObjectRef, ...] = ()

    @property
    def ref(self) -> ObjectRef:
        """The address of the Secret that keeps it."""
        return record_ref(self.namespace, self.name)

    def as_object(self) -> Object:
        """Return the Secret that keeps it."""
        content = self.model_dump_json().encode()
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": self.ref.name,
                "namespace": self.namespace,
                "labels": {_MANAGED_BY: _MANAGER, "app.kubernetes.io/instance": self.name},
            },
            "type": RECORD_TYPE,
            "data": {_KEY: base64.b64encode(content).decode()},
        }


def record_ref(namespace: str, name: str) -> ObjectRef:
    """Return the address of a release's Secret."""
    return ObjectRef("v1", "Secret", f"release.rehearsal.{name}", namespace)


def read_record(api: KubernetesApi, namespace: str, name: str) -> ReleaseRecord | None:
    """Return what the cluster knows of a release, None where there is no record, or one that cannot be read."""
    found = api.get(record_ref(namespace, name))
    return None if found is None else _parse(found)


def recorded_definitions(api: KubernetesApi) -> list[str]:
    """Return the sets of definitions that the represented releases of a cluster bring."""
    secrets = api.list("v1", "Secret", selector=f"{_MANAGED_BY}={_MANAGER}")
    records = [record for secret in secrets if (record := _parse(secret)) is not None]
    return sorted({name for record in records for name in record.definitions})


def _parse(secret: Object) -> ReleaseRecord | None:
    try:
        return ReleaseRecord.model_validate_json(base64.b64decode((secret.get("data") or {}).get(_KEY) or ""))
    except (ValueError, ValidationError):
        return None


def digest_of_values(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of values, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
