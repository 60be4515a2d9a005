"""A namespace in which nothing is allowed that is not asked for; it holds no workload."""

from typing import ClassVar

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt

from components.kubernetes.api_object import ApiObject, ObjectName
from components.kubernetes.labels import ACCELERATOR_RESOURCE, Role, labels_of

_PROFILE = "restricted"


class NamespaceArgs(BaseModel):
    """The namespace's name, and how much all of its pods together may ask for.

    A container that states no resources gets the defaults; one that asks for more than the largest is refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    namespace: ObjectName
    cpu: PositiveInt = 64
    memory_gib: PositiveInt = 256
    gpus: NonNegativeInt = 8
    pods: PositiveInt = 100
    storage_gib: PositiveInt = 1024
    default_cpu_millicores: PositiveInt = 100
    default_memory_mib: PositiveInt = 256
    largest_memory_gib: PositiveInt = 1024


class Namespace(pulumi.ComponentResource):
    """Make a namespace with Pod Security `restricted`, closed to all traffic but DNS, with a quota and a limit range.

    Output: namespace. Workloads open what they need by policies of their own (traffic.py).
    """

    Args: ClassVar[type[NamespaceArgs]] = NamespaceArgs
    namespace: pulumi.Output[str]

    def __init__(self, name: str, args: NamespaceArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferloop:kubernetes:Namespace", name, {}, opts)
        labels = labels_of(Role.BASELINE, name)
        # Pods are refused (enforce), and violations by controllers show in audit logs and as warnings.
        security = {f"pod-security.kubernetes.io/{mode}": _PROFILE for mode in ("enforce", "audit", "warn")}
        made = kubernetes.core.v1.Namespace(
            f"{name}-namespace",
            metadata={"name": args.namespace, "labels": {**labels, **security}},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.namespace = made.metadata.apply(lambda metadata: str(metadata.name))
        inside = pulumi.ResourceOptions(parent=self)

        def metadata(role: str) -> ApiObject:
            return {"name": f"{name}-{role}", "namespace": self.namespace, "labels": labels}

        closed: ApiObject = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        kubernetes.networking.v1.NetworkPolicy(
            f"{name}-default-deny", metadata=metadata("default-deny"), spec=closed, opts=inside
        )
        dns: ApiObject = {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [
                {
                    "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
                    "ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")],
                }
            ],
        }
        kubernetes.networking.v1.NetworkPolicy(
            f"{name}-allow-dns", metadata=metadata("allow-dns"), spec=dns, opts=inside
        )
        quota: ApiObject = {
            "hard": {
                "requests.cpu": str(args.cpu),
                "requests.memory": f"{args.memory_gib}Gi",
                "limits.memory": f"{args.memory_gib}Gi",
                "requests.storage": f"{args.storage_gib}Gi",
                f"requests.{ACCELERATOR_RESOURCE}": str(args.gpus),
                "pods": str(args.pods),
                # Ways around the gateway and its policies.
                "services.nodeports": "0",
                "services.loadbalancers": "0",
            }
        }
        kubernetes.core.v1.ResourceQuota(f"{name}-quota", metadata=metadata("quota"), spec=quota, opts=inside)
        limits: ApiObject = {
            "limits": [
                {
                    "type": "Container",
                    "default": {"memory": f"{args.default_memory_mib}Mi"},
                    "defaultRequest": {
                        "cpu": f"{args.default_cpu_millicores}m",
                        "memory": f"{args.default_memory_mib}Mi",
                    },
                    "max": {"memory": f"{args.largest_memory_gib}Gi"},
                }
            ]
        }
        kubernetes.core.v1.LimitRange(f"{name}-limits", metadata=metadata("limits"), spec=limits, opts=inside)
        self.register_outputs({"namespace": self.namespace})
