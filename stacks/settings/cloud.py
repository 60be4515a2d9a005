"""What each phase adds to the settings of a stack in a cloud, whichever it is; every phase has the one before's too.

A cloud's own module gives each of them its account and its name.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from stacks.settings.foundation import (
    BucketsSettings,
    CacheSettings,
    ClusterSettings,
    NetworkSettings,
    PoolName,
    PoolSettings,
    PrivateNetworkSettings,
    ProductionDatabaseSettings,
    ProductionNetworkSettings,
    ServerDatabaseSettings,
)
from stacks.settings.operations import (
    AlertSettings,
    AuditSettings,
    BackupSettings,
    BudgetSettings,
    CachingRegistrySettings,
    CertificateSettings,
    Domain,
    EntranceSettings,
    FirewallSettings,
    MonitoringSettings,
    NodeAutoscalingSettings,
    RegistrySettings,
    TenantSettings,
)
from stacks.settings.serving import (
    GatewaySettings,
    ImageSettings,
    ServedModelSettings,
    TabularSettings,
    TextNlpSettings,
)
from stacks.settings.stack import StackSettings

TagValue = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9 _.:/=+@-]+$")]


class StagingFields(StackSettings):
    """A cluster with one GPU pool, managed database, registry, object store, secrets, TLS and monitoring."""

    owner: TagValue
    """The team that answers for the stack; it stands in every tag."""
    cost_centre: TagValue
    """Who pays; it stands in every tag."""
    protect: bool = True
    """Whether clusters, data and keys are kept from deletion, by the engine and by the cloud."""
    network: NetworkSettings = Field(default_factory=NetworkSettings)
    """The private network."""
    cluster: ClusterSettings
    """The Kubernetes cluster."""
    pools: dict[PoolName, PoolSettings] = Field(min_length=1)
    """GPU pools by name."""
    database: ServerDatabaseSettings = Field(default_factory=ServerDatabaseSettings)
    """The managed PostgreSQL server."""
    buckets: BucketsSettings = Field(default_factory=BucketsSettings)
    """The object store."""
    registry: RegistrySettings = Field(default_factory=RegistrySettings)
    """The image registry."""
    images: ImageSettings = Field(default_factory=ImageSettings)
    """Images by digest."""
    operators: Literal["install", "present"] = "install"
    """Whether the cluster's operators are installed by charts, or there already (by GitOps, say)."""
    hub_cidrs: tuple[str, ...] = ("0.0.0.0/0",)
    """Addresses at which the model hub answers; only the Jobs that mirror its models may go there."""
    monitoring: MonitoringSettings = Field(default_factory=MonitoringSettings)
    """Measurements and their limits."""
    gateway: GatewaySettings = Field(default_factory=GatewaySettings)
    """The API layer of each tenant."""
    textnlp: TextNlpSettings
    """The first tenant: language models on GPUs."""
    tabular: TabularSettings | None = None
    """The second tenant: captured tables."""

    @model_validator(mode="after")
    def _run_on_pools_that_are_there(self) -> "StagingFields":
        wanted = {f"textnlp.models.{name}": model for name, model in self.textnlp.models.items()}
        if self.tabular is not None:
            wanted["tabular.model"] = self.tabular.model
        for where, model in wanted.items():
            if model.pool is not None and model.pool not in self.pools:
                raise ValueError(f"{where}.pool {model.pool!r} is no pool; pools are {', '.join(self.pools)}")
        return self

    def platform_args(self) -> Mapping[str, Any]:
        """Return what the cloud's platform is told, tags apart."""
        raise NotImplementedError

    def tenant_names(self) -> tuple[str, ...]:
        """Name the tenants that the stack has."""
        return ("textnlp",) if self.tabular is None else ("textnlp", "tabular")

    def served_models(self) -> dict[str, ServedModelSettings]:
        """Return every served model by its tenant and name, as `tenant-model`."""
        models = {f"textnlp-{name}": model for name, model in self.textnlp.models.items()}
        return models if self.tabular is None else {**models, "tabular-small": self.tabular.model}


class PilotFields(StagingFields):
    """A production account: a database in two zones, tested backups, alerts, a firewall and a budget."""

    network: ProductionNetworkSettings = Field(default_factory=ProductionNetworkSettings)
    """The private network."""
    database: ProductionDatabaseSettings = Field(default_factory=ProductionDatabaseSettings)
    """The managed PostgreSQL server."""
    domain: Domain
    """Domain that the public names belong to; its zone is made."""
    certificate: CertificateSettings
    """Who signs the certificates of public names; in phase 2 an authority of the cluster's own does."""
    alerts: AlertSettings
    """Who is told."""
    backup: BackupSettings = Field(default_factory=BackupSettings)
    """Backups and their test."""
    budget: BudgetSettings
    """What the stack may cost."""
    firewall: FirewallSettings = Field(default_factory=FirewallSettings)
    """The web application firewall."""
    entrance: EntranceSettings = Field(default_factory=EntranceSettings)
    """The load balancer that clients enter by."""

    @model_validator(mode="after")
    def _serve_names_of_the_domain(self) -> "PilotFields":
        for where, hostname in self._hostnames().items():
            label, _, parent = hostname.partition(".")
            if not hostname.endswith(f".{self.domain}"):
                raise ValueError(f"{where} {hostname!r} is not of the domain {self.domain}; name it below it")
            if parent != self.domain:
                raise ValueError(
                    f"{where} {hostname!r} is not directly below {self.domain}, as its certificate is; "
                    f"name it {label}.{self.domain}, say"
                )
        return self

    def public_hostnames(self) -> tuple[str, ...]:
        """Return the names that clients use, each once."""
        return tuple(dict.fromkeys(self._hostnames().values()))

    def public_labels(self) -> tuple[str, ...]:
        """Return what stands before the domain in those names."""
        return tuple(hostname.removesuffix(f".{self.domain}") for hostname in self.public_hostnames())

    def _hostnames(self) -> dict[str, str]:
        names = {"textnlp.hostname": self.textnlp.hostname}
        return names if self.tabular is None else {**names, "tabular.hostname": self.tabular.hostname}


class ScaleUpFields(PilotFields):
    """Several pools, spot with on-demand fall-back, autoscaling of pods and nodes, caches, sharded models."""

    pools: dict[PoolName, PoolSettings] = Field(min_length=2)
    """GPU pools by name."""
    cache: CacheSettings = Field(default_factory=CacheSettings)
    """The managed Redis-compatible cache."""
    registry: CachingRegistrySettings = Field(default_factory=CachingRegistrySettings)
    """The image registry."""
    node_autoscaling: NodeAutoscalingSettings = Field(default_factory=NodeAutoscalingSettings)
    """Nodes beyond the pools' own."""


class EnterpriseFields(ScaleUpFields):
    """Tenants with quotas, an audit record that nobody can change, and the cloud's services reached privately."""

    network: PrivateNetworkSettings = Field(default_factory=PrivateNetworkSettings)
    """The private network."""
    audit: AuditSettings = Field(default_factory=AuditSettings)
    """The record of calls, configuration and threats."""
    tenants: dict[Literal["textnlp", "tabular"], TenantSettings] = Field(default_factory=dict)
    """Quotas by tenant."""


class OptimizedFields(EnterpriseFields):
    """What is served is paid for: models that scale to zero, and reserved or spot machines."""

    @model_validator(mode="after")
    def _scale_every_gpu_model(self) -> "OptimizedFields":
        fixed = [name for name, model in self.textnlp.models.items() if model.autoscaling is None]
        if fixed:
            raise ValueError(f"textnlp.models.{fixed[0]}.autoscaling is missing: every model is scaled in this phase")
        return self
