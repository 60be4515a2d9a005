"""The way in by a load balancer of the cloud: what registers the proxies' pods at it, and the listener behind it.

The load balancer, its names and its firewall are the cloud's. The controller and the binding come from there as data
(components/contracts/entrance.py), so that this module knows no cloud.
"""

from collections.abc import Sequence
from typing import ClassVar

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import BaseModel, ConfigDict, Field

from components.contracts.entrance import EntranceFacts
from components.kubernetes.api_object import Cidr, ObjectName
from components.kubernetes.chart_release import ChartRelease, ChartReleaseArgs
from components.kubernetes.entrance_listener import PROXIES, EntranceListener, EntranceListenerArgs, ListenerRef
from components.kubernetes.labels import Role, labels_of
from components.kubernetes.operator_account import ACCOUNTS, Operator
from components.kubernetes.operator_namespace import OperatorNamespace, OperatorNamespaceArgs
from components.kubernetes.ordering import after

_WEBHOOK = 9443


class EntranceArgs(BaseModel):
    """The public names, and the namespaces whose routes are let in.

    `install` is false where the controller is there already; the binding is made all the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    hosts: tuple[str, ...] = Field(min_length=1)
    tenants: tuple[ObjectName, ...] = Field(min_length=1)
    install: bool = True
    gateway_class: ObjectName = "edge"
    cluster_issuer: ObjectName = "public"
    identity_cidrs: tuple[Cidr, ...] = ()


class Entrance(pulumi.ComponentResource):
    """Install the cloud's controller, bind the load balancer's targets to the proxies, and listen for it.

    Outputs: gateway, namespace. `listener` is what tenants' routes are attached to, `ready` what they are made after.
    The binding is removed before its controller, which has to take the pods out of the load balancer first.
    """

    Args: ClassVar[type[EntranceArgs]] = EntranceArgs
    listener: ListenerRef
    ready: Sequence[pulumi.Resource]

    def __init__(
        self,
        name: str,
        args: EntranceArgs,
        *,
        facts: EntranceFacts,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:Entrance", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        listening = EntranceListener(
            f"{name}-listener",
            EntranceListenerArgs(
                hosts=args.hosts,
                tenants=args.tenants,
                source_cidrs=facts.source_cidrs,
                gateway_class=args.gateway_class,
                cluster_issuer=args.cluster_issuer,
            ),
            opts=inside,
        )
        needs = [listening.resource, *self._install(name, args, facts)]
        kubernetes.apiextensions.CustomResource(
            f"{name}-binding",
            api_version=facts.binding.api_version,
            kind=facts.binding.kind,
            metadata={
                "name": f"{name}-binding",
                "namespace": PROXIES.namespace,
                "labels": labels_of(Role.OPERATORS, name),
            },
            spec=dict(facts.binding.spec),
            opts=pulumi.ResourceOptions(parent=self, depends_on=needs),
        )
        self.listener = listening.listener
        self.ready = [listening.resource]
        self.register_outputs({"gateway": self.listener.gateway, "namespace": self.listener.namespace})

    def _install(self, name: str, args: EntranceArgs, facts: EntranceFacts) -> list[pulumi.Resource]:
        if not args.install:
            return []
        space = OperatorNamespace(
            f"{name}-space",
            OperatorNamespaceArgs(
                namespace=ACCOUNTS[Operator.ENTRANCE].namespace,
                served_ports=(_WEBHOOK,),
                identity_cidrs=args.identity_cidrs,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        controller = ChartRelease(
            f"{name}-controller",
            ChartReleaseArgs(chart=facts.chart),
            namespace=space.namespace,
            values=facts.values,
            opts=pulumi.ResourceOptions.merge(after(facts.dependencies), pulumi.ResourceOptions(parent=self)),
        )
        return [controller.release]
