"""Pod templates that satisfy the Pod Security profile `restricted` and the suite's own rules.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Mapping, Sequence

import pulumi
from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt

from components.contracts import NodePool
from components.kubernetes.api_object import ApiObject
from components.kubernetes.labels import ACCELERATOR_RESOURCE

USER_ID = 10001
"""User and group of the suite's images (runtime/Containerfile)."""

_TEMPORARY = "temporary"


class Resources(BaseModel):
    """What one container asks for. Memory is limited to the request; processor time is not, so that bursts are used."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    cpu_millicores: PositiveInt
    memory_mib: PositiveInt
    ephemeral_storage_mib: PositiveInt = 1024
    gpus: NonNegativeInt = 0

    def as_api(self) -> ApiObject:
        """Return the container's `resources`; extended resources must have equal requests and limits."""
        memory = {"memory": f"{self.memory_mib}Mi", "ephemeral-storage": f"{self.ephemeral_storage_mib}Mi"}
        gpus = {ACCELERATOR_RESOURCE: str(self.gpus)} if self.gpus else {}
        return {"requests": {"cpu": f"{self.cpu_millicores}m", **memory, **gpus}, "limits": {**memory, **gpus}}


def container(
    name: str,
    image: str,
    *,
    resources: Resources,
    command: Sequence[str] = (),
    args: Sequence[pulumi.Input[str]] = (),
    env: Mapping[str, pulumi.Input[str]] | None = None,
    mounts: Sequence[ApiObject] = (),
    **more: ApiObject,
) -> ApiObject:
    """Return a container without privileges; `/tmp` is the only folder it may write that is not in `mounts`.

    `more` holds further keys of the API's container, such as `ports` and probes.
    """
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        **({"command": list(command)} if command else {}),
        **({"args": list(args)} if args else {}),
        "env": [{"name": key, "value": value} for key, value in {"HOME": "/tmp", **(env or {})}.items()],  # noqa: S108
        "volumeMounts": [{"name": _TEMPORARY, "mountPath": "/tmp"}, *mounts],  # noqa: S108
        "resources": resources.as_api(),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **more,
    }


def pod_template(
    *,
    labels: Mapping[str, str],
    containers: Sequence[ApiObject],
    service_account: pulumi.Input[str],
    init_containers: Sequence[ApiObject] = (),
    volumes: Sequence[ApiObject] = (),
    annotations: Mapping[str, pulumi.Input[str]] | None = None,
    temporary_mib: int = 256,
    priority_class: pulumi.Input[str] | None = None,
    **more: ApiObject,
) -> ApiObject:
    """Return a pod template whose pods run as no root and get no token for the Kubernetes API.

    `more` holds further keys of the API's pod specification, such as its placement on nodes.
    """
    return {
        "metadata": {"labels": dict(labels), "annotations": dict(annotations or {})},
        "spec": {
            "serviceAccountName": service_account,
            "automountServiceAccountToken": False,
            # A variable for each Service would make one named `vllm` set VLLM_PORT, which vLLM reads.
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER_ID,
                "runAsGroup": USER_ID,
                # Secret files are root's with mode 0400; the group is how a process that is not root reads them.
                "fsGroup": USER_ID,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            **({"priorityClassName": priority_class} if priority_class is not None else {}),
            **({"initContainers": list(init_containers)} if init_containers else {}),
            "containers": list(containers),
            "volumes": [{"name": _TEMPORARY, "emptyDir": {"sizeLimit": f"{temporary_mib}Mi"}}, *volumes],
            **more,
        },
    }


def spread(selector: Mapping[str, str]) -> list[ApiObject]:
    """Spread pods over zones and machines as far as there is room; a pod never waits for a better place."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": dict(selector)},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]


def placement(pool: NodePool | None) -> ApiObject:
    """Return the pod's node selector and the tolerations of the pool's taints; nothing for any node."""
    if pool is None:
        return {}
    return {
        "nodeSelector": dict(pool.labels),
        "tolerations": [
            {
                "key": taint.key,
                "effect": taint.effect,
                **({"operator": "Equal", "value": taint.value} if taint.value else {"operator": "Exists"}),
            }
            for taint in pool.taints
        ],
    }
