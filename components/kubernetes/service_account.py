"""The service account of one workload; no pod gets its token for the Kubernetes API."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as kubernetes

from components.contracts import WorkloadPrincipal


def service_account(
    name: str,
    *,
    namespace: pulumi.Input[str],
    labels: Mapping[str, str],
    opts: pulumi.ResourceOptions,
    identity: WorkloadPrincipal | None = None,
) -> pulumi.Output[str]:
    """Make the account and return its name: the one that `identity` was given in the cloud, else the workload's."""
    account = kubernetes.core.v1.ServiceAccount(
        f"{name}-account",
        metadata={
            "name": identity.service_account if identity else name,
            "namespace": namespace,
            "labels": dict(labels),
            "annotations": dict(identity.annotations) if identity else {},
        },
        automount_service_account_token=False,
        opts=opts,
    )
    return account.metadata.apply(lambda metadata: str(metadata.name))
