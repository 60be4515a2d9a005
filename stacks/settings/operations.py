"""Settings of what watches, protects and bounds a stack in a cloud."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator

from stacks.settings.section import Section

Severity = Literal["page", "ticket", "info"]
Domain = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$", max_length=253)]


class CertificateSettings(Section):
    """Who signs the certificates of public names."""

    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$")
    """Address that the authority writes to before a certificate runs out."""
    server: str = Field(default="https://acme-v02.api.letsencrypt.org/directory", pattern=r"^https://\S+$")
    """Directory URL of the ACME authority."""


class MonitoringSettings(Section):
    """Measurements in the cluster and their limits."""

    retention_days: PositiveInt = 15
    """How long the cluster's Prometheus keeps measurements, in days."""
    storage_gib: PositiveInt = 50
    """Its disk, in GiB."""
    prometheus_url: str = Field(default="http://prometheus-operated.monitoring.svc:9090", pattern=r"^https?://\S+$")
    """Address of the cluster's Prometheus, where `operators` are present already."""
    log_retention_days: PositiveInt = 90
    """How long logs are kept, in days."""
    first_token_p95_s: PositiveFloat = 2.0
    """Time to the first token above which an alert is raised, in seconds."""
    waiting_requests: PositiveInt = 50
    """Waiting requests above which an alert is raised."""


class AlertSettings(Section):
    """Who is told."""

    subscribers: dict[Severity, tuple[str, ...]]
    """Mail addresses, and `https://` addresses of an on-call service, by severity; `page` and `ticket` are needed."""

    @field_validator("subscribers")
    @classmethod
    def _tell_somebody(cls, subscribers: dict[Severity, tuple[str, ...]]) -> dict[Severity, tuple[str, ...]]:
        if missing := [severity for severity in ("page", "ticket") if not subscribers.get(severity)]:
            raise ValueError(f"nobody is told of {' and '.join(missing)}; name an address for each")
        return subscribers


class BackupSettings(Section):
    """Backups on a schedule, kept from deletion, and restored as a test."""

    retention_days: int = Field(default=35, ge=1, le=3653)
    """How long a recovery point is kept, in days."""
    compliance_lock_grace_days: int | None = Field(default=None, ge=3)
    """Days after which nobody can shorten the retention any more; none leaves a way for administrators."""
    restore_test: bool = True
    """Whether recovery points are restored once a week, and deleted again."""


class BudgetSettings(Section):
    """What the stack may cost."""

    limit_usd_per_month: PositiveInt
    """Limit in US dollars a month; the `ticket` subscribers are told at 50, 80 and 100 % of it."""
    activate_tags: bool = False
    """Whether cost-allocation tags are activated, which only the paying account may do."""


class FirewallSettings(Section):
    """The web application firewall."""

    requests_per_address: int = Field(default=3000, ge=10)
    """Requests that one address may send within five minutes."""


class EntranceSettings(Section):
    """The load balancer that clients enter by."""

    clients: tuple[str, ...] = ()
    """Address blocks that may connect, `0.0.0.0/0` for everybody; with none, only the private network's own may.

    To name the first, or remove the last, puts another load balancer in its place.
    """


class AuditSettings(Section):
    """The record of calls, configuration and threats."""

    retention_days: int = Field(default=365, ge=1, le=3653)
    """How long it is kept, in days."""
    lock: Literal["governance", "compliance"] = "governance"
    """`compliance` lets nobody delete a record early; `governance` leaves a way for a named role."""
    record_configuration: bool = True
    """Whether this stack runs the account's configuration recorder; an account has one."""
    detect_threats: bool = True
    """Whether this stack runs the account's threat detector; an account has one."""


class RegistrySettings(Section):
    """The image registry."""

    pull_through: dict[str, str] = Field(default_factory=dict)
    """Public registries whose images are cached, by the prefix that their copies get."""


class CachingRegistrySettings(RegistrySettings):
    """The image registry that also caches public ones."""

    pull_through: dict[str, str] = Field(default_factory=lambda: {"quay": "quay.io"})
    """Public registries whose images are cached, by the prefix that their copies get."""


class NodeAutoscalingSettings(Section):
    """Nodes beyond the pools' own, made for pods that wait."""

    gpu_families: dict[str, tuple[str, ...]] = Field(default={"A10G": ("g5",), "L4": ("g6",)})
    """Families of GPU machines to choose from, by the GPU kind that they carry."""
    general_families: tuple[str, ...] = ("m7i", "m7a", "c7i")
    """Families of machines without a GPU to choose from."""
    max_gpus: PositiveInt = 16
    """Most GPUs of each kind on such nodes."""
    max_cpus: PositiveInt = 512
    """Most processors on such nodes."""
    spot: bool = True
    """Whether spot capacity is tried first."""


class TenantSettings(Section):
    """How much one tenant's pods together may ask for."""

    cpu: PositiveInt = 64
    """Processors."""
    memory_gib: PositiveInt = 256
    """Memory, in GiB."""
    gpus: NonNegativeInt = 8
    """GPUs."""
