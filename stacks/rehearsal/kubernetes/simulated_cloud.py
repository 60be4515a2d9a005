"""What a cloud's own controllers give a cluster, played: addresses for load balancers, volumes for claims.

Nothing stands behind them: the addresses are of a range that no network routes, the volumes are never mounted.
`python -m stacks.rehearsal.kubernetes.simulated_cloud KUBECONFIG` plays until it is ended.
"""

import contextlib
import hashlib
import sys
import time
from typing import Any, Final

from stacks.rehearsal.kubernetes.api import ApiError, KubernetesApi, Object, ObjectRef, ref_of
from stacks.rehearsal.kubernetes.kubeconfig import read_kubeconfig
from stacks.rehearsal.plugins.errors import RehearsalError

SIMULATED: Final = {
    "v1/Node": "kubelets and nodes are kwok's: pods run without a container",
    "v1/PersistentVolume": "volumes are made for the claims of every storage class, and are never mounted",
    "v1/Service": "load balancers have addresses of a range that no network routes (203.0.113.0/24)",
}
"""What is no more than its API object in a rehearsed cluster, and how."""

# https://www.rfc-editor.org/rfc/rfc5737#section-3: reserved for documentation; and .test by RFC 6761.
_ADDRESSES = "203.0.113"
_DOMAIN = "elb.rehearsal.test"
_POLL_S = 0.4
# Set by the controller manager on a claim that waits for a provisioner.
# https://kubernetes.io/docs/reference/labels-annotations-taints/#volume-kubernetes-io-storage-provisioner
_PROVISIONER = "volume.kubernetes.io/storage-provisioner"
_PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
_PLAYED = {"rehearsal.inferloop.dev/simulated": "true"}


class SimulatedCloud:
    """Play a cloud's load balancers and volumes for one cluster."""

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api

    def play(self) -> None:
        """Answer for ever; a server that does not answer, or refuses what has just changed, is asked again."""
        while True:
            with contextlib.suppress(RehearsalError):
                self.step()
            time.sleep(_POLL_S)

    def step(self) -> None:
        """Give what is asked for now, and take back the volumes whose claims are gone."""
        for service in self._api.list("v1", "Service"):
            if service["spec"].get("type") == "LoadBalancer" and not _ingress(service):
                self._api.set_status(
                    ref_of(_typed(service, "Service")), {"loadBalancer": {"ingress": [_address(service)]}}
                )
        for claim in self._api.list("v1", "PersistentVolumeClaim"):
            if _waits_for_provisioner(claim):
                self._provision(claim)
        for volume in self._api.list("v1", "PersistentVolume", selector=_selector(_PLAYED)):
            deleted = volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
            if deleted and volume.get("status", {}).get("phase") == "Released":
                self._api.delete(ref_of(_typed(volume, "PersistentVolume")))

    def _provision(self, claim: Object) -> None:
        metadata, spec = claim["metadata"], claim["spec"]
        storage_class = self._api.get(ObjectRef("storage.k8s.io/v1", "StorageClass", spec["storageClassName"])) or {}
        name = f"pvc-{metadata['uid']}"
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {
                "name": name,
                "labels": _PLAYED,
                "annotations": {_PROVISIONED_BY: metadata["annotations"][_PROVISIONER]},
            },
            "spec": {
                "accessModes": spec["accessModes"],
                "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "name": metadata["name"],
                    "namespace": metadata["namespace"],
                    "uid": metadata["uid"],
                },
                # Of the kinds of volume the one that nothing attaches to a node.
                "hostPath": {"path": f"/var/lib/rehearsal/{name}"},
                "mountOptions": storage_class.get("mountOptions") or [],
                "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy") or "Delete",
                "storageClassName": spec["storageClassName"],
                "volumeMode": spec.get("volumeMode") or "Filesystem",
            },
        }
        try:
            self._api.create(volume)
        except ApiError as error:
            # Made by the step before; the controller manager has yet to bind it.
            if error.status != 409:
                raise


def _waits_for_provisioner(claim: Object) -> bool:
    annotations = claim["metadata"].get("annotations") or {}
    spec = claim["spec"]
    deleted = "deletionTimestamp" in claim["metadata"]
    return _PROVISIONER in annotations and not spec.get("volumeName") and not deleted


def _ingress(service: Object) -> list[Any]:
    found: list[Any] = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return found


def _address(service: Object) -> dict[str, str]:
    metadata = service["metadata"]
    digest = hashlib.sha256(metadata["uid"].encode()).digest()
    host = f"{metadata['name']}-{digest.hex()[:10]}"[-63:].lstrip("-")
    return {"ip": f"{_ADDRESSES}.{1 + digest[0] % 254}", "hostname": f"{host}.{_DOMAIN}"}


def _typed(item: Object, kind: str) -> Object:
    # A list's items leave their type out.
    return {"apiVersion": "v1", "kind": kind, **item}


def _selector(labels: dict[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in labels.items())


if __name__ == "__main__":
    SimulatedCloud(KubernetesApi(read_kubeconfig(sys.argv[1]))).play()
