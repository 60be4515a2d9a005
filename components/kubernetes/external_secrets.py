"""Secrets of a cloud's store, kept in step as Kubernetes Secrets by the External Secrets operator.

https://external-secrets.io/latest/api/externalsecret/. Their values never pass through Pulumi here.
"""

from collections.abc import Mapping
from typing import ClassVar

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, PositiveInt

from components.contracts import SecretHandle
from components.kubernetes.api_object import ApiObject, ObjectName
from components.kubernetes.labels import Role, labels_of
from components.kubernetes.secret_files import SECRET_KEY


class ExternalSecretsArgs(BaseModel):
    """The cluster's store, which must exist, and how often values are read."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    store: ObjectName
    refresh_interval_s: PositiveInt = 300


class ExternalSecrets(pulumi.ComponentResource):
    """Sync secrets into one namespace.

    Output: handles, whose references are names of Kubernetes Secrets of that namespace. A handle's value is the cloud
    handle's own, and its revision too: pods are renewed when the cloud's secret was rotated by a deployment. A rotation
    from outside reaches the mounted file within the interval and a minute.
    """

    Args: ClassVar[type[ExternalSecretsArgs]] = ExternalSecretsArgs
    handles: Mapping[str, SecretHandle]

    def __init__(
        self,
        name: str,
        args: ExternalSecretsArgs,
        *,
        namespace: pulumi.Input[str],
        secrets: Mapping[str, SecretHandle],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:ExternalSecrets", name, {}, opts)
        handles: dict[str, SecretHandle] = {}
        for key, handle in secrets.items():
            target = f"{name}-{key}"
            spec: ApiObject = {
                "refreshPolicy": "Periodic",
                "refreshInterval": f"{args.refresh_interval_s}s",
                "secretStoreRef": {"kind": "ClusterSecretStore", "name": args.store},
                "target": {"name": target, "creationPolicy": "Owner", "deletionPolicy": "Delete"},
                "data": [{"secretKey": SECRET_KEY, "remoteRef": {"key": handle.reference}}],
            }
            made = kubernetes.apiextensions.CustomResource(
                f"{name}-{key}",
                api_version="external-secrets.io/v1",
                kind="ExternalSecret",
                metadata={"name": target, "namespace": namespace, "labels": labels_of(Role.SECRETS, name)},
                spec=spec,
                opts=pulumi.ResourceOptions(parent=self),
            )
            # Whoever mounts the Secret waits until it has been asked for.
            reference = pulumi.Output.all(made.id, target).apply(lambda known: str(known[1]))
            handles[key] = SecretHandle(reference=reference, value=handle.value, revision=handle.revision)
        self.handles = handles
        self.register_outputs({"references": {key: handle.reference for key, handle in handles.items()}})
