"""Everything that one cluster offers its tenants, made once and in order: monitoring first, as it watches all else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, TypeVar

import pulumi
from pydantic import BaseModel, ConfigDict, model_validator

from components.contracts import NodePool, WorkloadPrincipal
from components.contracts.entrance import EntranceFacts
from components.contracts.node_autoscaler import NodeAutoscalerFacts
from components.errors import SettingsError
from components.kubernetes.api_object import ApiObject, Cidr
from components.kubernetes.cluster_backup import BackupStorage, ClusterBackup, ClusterBackupArgs
from components.kubernetes.entrance import Entrance, EntranceArgs
from components.kubernetes.entrance_listener import PROXIES, ListenerRef
from components.kubernetes.gpu_operations import GpuOperations, GpuOperationsArgs
from components.kubernetes.monitoring import Monitoring, MonitoringArgs, RemoteWrite
from components.kubernetes.node_autoscaling import NodeAutoscaling, NodeAutoscalingArgs
from components.kubernetes.operator_account import Operator
from components.kubernetes.operators import Operators, OperatorsArgs
from components.kubernetes.ordering import after
from components.kubernetes.priority_classes import Priority, PriorityClasses, PriorityClassesArgs
from components.kubernetes.storage_classes import StorageClasses, StorageClassesArgs

Part = TypeVar("Part", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class CloudFacts:
    """What the cluster's cloud knows, as plain data and outputs; what is left out is not made.

    `secret_provider`, `dns_solver` and `receivers` are in the words of External Secrets, cert-manager and Alertmanager.
    `volume_parameters` are by storage class. `identities` are what operators may do in the cloud, by operator
    (operator_account.py has the accounts to give them to); `identity_cidrs` is where pods get their credentials.
    `entrance` is the load balancer before the cluster.
    """

    secret_provider: ApiObject = None
    dns_solver: ApiObject = None
    gateway_annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    volume_parameters: Mapping[str, Mapping[str, pulumi.Input[str]]] = field(default_factory=dict)
    remote_write: RemoteWrite | None = None
    receivers: Mapping[str, ApiObject] = field(default_factory=dict)
    node_autoscaler: NodeAutoscalerFacts | None = None
    backup_storage: BackupStorage | None = None
    entrance: EntranceFacts | None = None
    identities: Mapping[Operator, WorkloadPrincipal] = field(default_factory=dict)
    identity_cidrs: tuple[Cidr, ...] = ()


class ClusterServicesArgs(BaseModel):
    """The parts' own arguments; a part that is None is not there. Without monitoring nothing is watched by it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    priorities: PriorityClassesArgs = PriorityClassesArgs()
    storage: StorageClassesArgs | None = None
    monitoring: MonitoringArgs | None = MonitoringArgs()
    operators: OperatorsArgs = OperatorsArgs()
    gpu: GpuOperationsArgs | None = GpuOperationsArgs()
    autoscaling: NodeAutoscalingArgs | None = None
    backup: ClusterBackupArgs | None = None
    entrance: EntranceArgs | None = None

    @model_validator(mode="after")
    def _name_known_classes(self) -> Self:
        wanted = self.monitoring.storage_class if self.monitoring is not None else None
        if wanted and self.storage is not None and wanted not in self.storage.classes:
            raise ValueError(
                f"monitoring.storage_class {wanted} is not in storage.classes: {', '.join(self.storage.classes)}"
            )
        return self


@dataclass(frozen=True, kw_only=True)
class ClusterOffer:
    """The names by which tenants ask for what the cluster has; `ready` is what they are made after (ordering.py).

    `listener` is where their routes go if they share the way in; None where each has its own.
    """

    cluster_issuer: str
    gateway_class: str
    secret_store: str
    prometheus_url: str | None
    monitoring_namespace: str
    edge_namespace: str
    priorities: Mapping[Priority, pulumi.Output[str]]
    storage_classes: Mapping[str, pulumi.Output[str]]
    pools: Mapping[str, Sequence[NodePool]]
    listener: ListenerRef | None = None
    ready: Sequence[pulumi.Resource]


class ClusterServices(pulumi.ComponentResource):
    """Make all services of one cluster. Outputs: issuer, gateway_class, secret_store, prometheus_url, pools (names).

    Raises SettingsError where a part is asked for whose facts the cloud does not give.
    """

    Args: ClassVar[type[ClusterServicesArgs]] = ClusterServicesArgs
    offer: ClusterOffer

    def __init__(
        self,
        name: str,
        args: ClusterServicesArgs,
        *,
        facts: CloudFacts,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferloop:kubernetes:ClusterServices", name, {}, opts)
        _check_facts(args, facts)
        inside = pulumi.ResourceOptions(parent=self)
        cidrs = facts.identity_cidrs
        priorities = PriorityClasses(f"{name}-priorities", args.priorities, opts=inside)
        classes: Mapping[str, pulumi.Output[str]] = {}
        if args.storage is not None:
            classes = StorageClasses(
                f"{name}-storage", args.storage, parameters=facts.volume_parameters, opts=inside
            ).names
        watched: list[pulumi.Resource] = []
        if args.monitoring is not None:
            monitoring = Monitoring(
                f"{name}-monitoring",
                _with(args.monitoring, identity_cidrs=cidrs),
                remote_write=facts.remote_write,
                receivers=facts.receivers,
                identities=facts.identities,
                opts=inside,
            )
            watched += monitoring.ready
        later = pulumi.ResourceOptions.merge(after(watched), inside)
        monitored = {"monitored": args.monitoring is not None}
        behind = {} if args.entrance is None else {"gateway_service": "ClusterIP", "proxy_service": PROXIES.name}
        operators = Operators(
            f"{name}-operators",
            _with(args.operators, identity_cidrs=cidrs, **monitored, **behind),
            secret_provider=facts.secret_provider,
            dns_solver=facts.dns_solver,
            gateway_annotations=facts.gateway_annotations if args.entrance is None else {},
            identities=facts.identities,
            opts=later,
        )
        ready = [*watched, *operators.ready]
        listener: ListenerRef | None = None
        if args.entrance is not None and facts.entrance is not None:
            names = {"gateway_class": args.operators.gateway_class, "cluster_issuer": args.operators.issuer.name}
            entrance = Entrance(
                f"{name}-entrance",
                _with(args.entrance, identity_cidrs=cidrs, **names),
                facts=facts.entrance,
                opts=pulumi.ResourceOptions.merge(after(ready), inside),
            )
            listener = entrance.listener
            ready += entrance.ready
        if args.gpu is not None:
            ready += GpuOperations(f"{name}-gpu", _with(args.gpu, **monitored), opts=later).ready
        pools: Mapping[str, Sequence[NodePool]] = {}
        if args.autoscaling is not None and facts.node_autoscaler is not None:
            nodes = NodeAutoscaling(
                f"{name}-nodes", _with(args.autoscaling, **monitored), facts=facts.node_autoscaler, opts=later
            )
            pools = nodes.pools
            ready += nodes.ready
        if args.backup is not None and facts.backup_storage is not None:
            ClusterBackup(
                f"{name}-backup",
                _with(args.backup, identity_cidrs=cidrs, **monitored),
                storage=facts.backup_storage,
                identity=facts.identities.get(Operator.BACKUP),
                opts=later,
            )
        self.offer = ClusterOffer(
            cluster_issuer=args.operators.issuer.name,
            gateway_class=args.operators.gateway_class,
            secret_store=args.operators.secret_store,
            prometheus_url=Monitoring.prometheus_url if args.monitoring is not None else None,
            monitoring_namespace=Monitoring.namespace,
            edge_namespace=operators.edge_namespace,
            priorities=priorities.names,
            storage_classes=classes,
            pools=pools,
            listener=listener,
            ready=ready,
        )
        self.register_outputs(
            {
                "issuer": self.offer.cluster_issuer,
                "gateway_class": self.offer.gateway_class,
                "secret_store": self.offer.secret_store,
                "prometheus_url": self.offer.prometheus_url,
                "pools": {pool: [it.name for it in variants] for pool, variants in pools.items()},
            }
        )


def _check_facts(args: ClusterServicesArgs, facts: CloudFacts) -> None:
    given = {
        "autoscaling": (args.autoscaling is not None, facts.node_autoscaler is not None),
        "backup": (args.backup is not None, facts.backup_storage is not None),
        "entrance": (args.entrance is not None, facts.entrance is not None),
    }
    if missing := [part for part, (wanted, known) in given.items() if wanted and not known]:
        raise SettingsError(
            f"the cloud gives nothing for {' and '.join(missing)}; leave it out of the cluster's services"
        )


def _with(args: Part, **more: Any) -> Part:
    """Return a part's arguments with what the whole knows; fields that the part was given itself stay."""
    return args.model_copy(update={key: value for key, value in more.items() if key not in args.model_fields_set})
