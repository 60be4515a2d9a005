"""The namespace of an operator: Pod Security as strict as its chart allows, and no traffic that is not named.

Tenants' namespaces are namespace.py's. The API server and the kubelet stand outside the pod network, where policies
know no names: what they call is opened by port.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.kubernetes.api_object import ApiObject, Cidr, ObjectName
from components.kubernetes.labels import Role, labels_of

Port = Annotated[int, Field(ge=1, le=65535)]
_API_SERVER_PORTS = (443, 6443)
_METADATA_SERVICES = ("169.254.169.254/32",)
_BECAUSE = "inferloop.io/privileged-because"


class OperatorNamespaceArgs(BaseModel):
    """What an operator's pods may do.

    `served_ports` are open to all, as webhooks must be to the API server; `served_to` opens ports to the pods of single
    namespaces. Its pods reach the API server, each other, `outside_ports` anywhere, all pods where `reaches_pods` is
    set, and the cloud's identity endpoints (port 80). A profile other than `restricted` says why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    namespace: ObjectName
    security: Literal["restricted", "privileged"] = "restricted"
    privileged_because: str = ""
    served_ports: tuple[Port, ...] = ()
    served_to: Mapping[ObjectName, tuple[Port, ...]] = Field(default_factory=dict)
    outside_ports: tuple[Port, ...] = ()
    reaches_pods: bool = False
    identity_cidrs: tuple[Cidr, ...] = ()

    @model_validator(mode="after")
    def _say_why(self) -> Self:
        if (self.security == "privileged") != bool(self.privileged_because):
            raise ValueError("privileged_because must be given exactly where security is privileged")
        return self


class OperatorNamespace(pulumi.ComponentResource):
    """Make the namespace and its policies. Output: namespace, known once its policies are there."""

    Args: ClassVar[type[OperatorNamespaceArgs]] = OperatorNamespaceArgs
    namespace: pulumi.Output[str]

    def __init__(self, name: str, args: OperatorNamespaceArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferloop:kubernetes:OperatorNamespace", name, {}, opts)
        labels = labels_of(Role.OPERATORS, name)
        inside = pulumi.ResourceOptions(parent=self)
        profile = {f"pod-security.kubernetes.io/{mode}": args.security for mode in ("enforce", "audit", "warn")}
        made = kubernetes.core.v1.Namespace(
            f"{name}-namespace",
            metadata={
                "name": args.namespace,
                "labels": {**labels, **profile},
                "annotations": {_BECAUSE: args.privileged_because} if args.privileged_because else {},
            },
            opts=inside,
        )
        namespace = made.metadata.apply(lambda metadata: str(metadata.name))
        # The first has no rules and so closes both directions.
        specs: dict[str, ApiObject] = {
            "default-deny": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
            "allowed": {
                "podSelector": {},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": ingress_of(args),
                "egress": egress_of(args),
            },
        }
        policies = [
            kubernetes.networking.v1.NetworkPolicy(
                f"{name}-{role}",
                metadata={"name": f"{name}-{role}", "namespace": namespace, "labels": labels},
                spec=spec,
                opts=inside,
            )
            for role, spec in specs.items()
        ]
        self.namespace = pulumi.Output.all(*(policy.id for policy in policies)).apply(lambda _: args.namespace)
        self.register_outputs({"namespace": self.namespace})


def ingress_of(args: OperatorNamespaceArgs) -> list[ApiObject]:
    """Return who may reach the operator's pods."""
    rules: list[ApiObject] = [{"from": [{"podSelector": {}}]}]
    if args.served_ports:
        rules.append({"ports": _ports(args.served_ports)})
    rules += [
        {"from": [_pods_of(namespace)], "ports": _ports(ports)} for namespace, ports in sorted(args.served_to.items())
    ]
    return rules


def egress_of(args: OperatorNamespaceArgs) -> list[ApiObject]:
    """Return whom the operator's pods may reach."""
    anywhere = {"ipBlock": {"cidr": "0.0.0.0/0", "except": list(_METADATA_SERVICES)}}
    rules: list[ApiObject] = [
        {"to": [{"podSelector": {}}]},
        {"to": [_pods_of("kube-system")], "ports": [{"protocol": it, "port": 53} for it in ("UDP", "TCP")]},
        {"to": [anywhere], "ports": _ports(sorted({*_API_SERVER_PORTS, *args.outside_ports}))},
    ]
    if args.reaches_pods:
        rules.append({"to": [{"namespaceSelector": {}}]})
    if args.identity_cidrs:
        rules.append({"to": [{"ipBlock": {"cidr": cidr}} for cidr in args.identity_cidrs], "ports": _ports((80,))})
    return rules


def _pods_of(namespace: str) -> ApiObject:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}


def _ports(numbers: tuple[int, ...] | list[int]) -> list[ApiObject]:
    return [{"protocol": "TCP", "port": number} for number in numbers]
