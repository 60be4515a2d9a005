"""Phase 2's tenants: textnlp with its models on GPUs, and tabular with its captured tables."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pulumi

from components.contracts import ModelArtifact, NodePool, SubnetTier, WorkloadPrincipal
from components.kubernetes.cluster_services import ClusterOffer
from components.kubernetes.ordering import after
from components.kubernetes.traffic import Surroundings
from components.workloads.language_service import SECRET_NAMES, Foundations, LanguageService
from components.workloads.tabular import Tabular, TabularArgs
from components.workloads.textnlp import TextNlp, TextNlpArgs
from stacks.layers.foundation import Ground
from stacks.layers.serving import RUNTIME, image, served_model
from stacks.layers.weights import mirror_weights, workload_identities
from stacks.settings.cloud import EnterpriseFields, StagingFields
from stacks.settings.operations import TenantSettings
from stacks.settings.serving import TabularSettings

TEXTNLP = "textnlp"
TABULAR = "tabular"


@dataclass(frozen=True, kw_only=True)
class Tenants:
    """What was deployed. `tabular` is None where the stack has no tables."""

    textnlp: LanguageService
    tabular: LanguageService | None
    datasets: Mapping[str, pulumi.Output[str]]


def deploy_tenants(ground: Ground, offer: ClusterOffer, settings: StagingFields) -> Tenants:
    """Deploy every tenant of the settings."""
    inside = pulumi.ResourceOptions.merge(after(offer.ready), pulumi.ResourceOptions(providers=[ground.kubernetes]))
    around = surroundings(ground, offer)
    identities = workload_identities(ground, settings)
    artifacts = mirror_weights(ground, offer, settings, around, identities, inside)

    def foundations(tenant: str, models: Mapping[str, Any]) -> Foundations:
        return _foundations(tenant, models, ground, offer, artifacts, identities)

    text = TextNlp(
        TEXTNLP,
        TextNlpArgs.model_validate(
            {
                "service": _service(
                    TEXTNLP, settings.textnlp.hostname, settings.textnlp.models, ground, offer, settings, around
                )
            }
        ),
        foundations=foundations(TEXTNLP, settings.textnlp.models),
        opts=inside,
    )
    if settings.tabular is None:
        return Tenants(textnlp=text.service, tabular=None, datasets={})
    models = {"small": settings.tabular.model}
    tables = Tabular(
        TABULAR,
        TabularArgs.model_validate(
            {
                "service": _service(TABULAR, settings.tabular.hostname, models, ground, offer, settings, around),
                "tables": _tables(settings, settings.tabular, around),
                "volume": {"storage_gib": settings.tabular.storage_gib, "holds_data": settings.protect},
            }
        ),
        foundations=foundations(TABULAR, models),
        opts=inside,
    )
    return Tenants(textnlp=text.service, tabular=tables.service, datasets=tables.datasets)


def surroundings(ground: Ground, offer: ClusterOffer) -> Surroundings:
    """Return what lies around every workload."""
    return Surroundings(
        database_cidrs=tuple(ground.network.cidrs[SubnetTier.ISOLATED]),
        identity_cidrs=ground.cloud.platform.capabilities.identity_cidrs,
        monitoring_namespace=offer.monitoring_namespace,
        edge_namespace=offer.edge_namespace,
    )


def _service(
    tenant: str,
    hostname: str,
    models: Mapping[str, Any],
    ground: Ground,
    offer: ClusterOffer,
    settings: StagingFields,
    around: Surroundings,
) -> Mapping[str, Any]:
    runtime = {"runtime_image": image(settings.images, RUNTIME), "surroundings": around}
    quotas: Mapping[str, TenantSettings] = (
        {str(name): it for name, it in settings.tenants.items()} if isinstance(settings, EnterpriseFields) else {}
    )
    quota = quotas.get(tenant)
    prometheus = offer.prometheus_url or settings.monitoring.prometheus_url
    return {
        "namespace": {"namespace": tenant, **(quota.model_dump() if quota else {})},
        "secrets": {"store": offer.secret_store},
        "migrations": runtime,
        "models": {
            name: served_model(settings, model, surroundings=around, prometheus_url=prometheus)
            for name, model in models.items()
        },
        "gateway": {**runtime, "stack": ground.cloud.stack, "tenant": tenant, **settings.gateway.model_dump()},
        "telemetry": {
            "first_token_p95_s": settings.monitoring.first_token_p95_s,
            "waiting_requests": settings.monitoring.waiting_requests,
        },
        "ingress": {
            "hostname": hostname,
            "gateway_class": offer.gateway_class,
            "cluster_issuer": offer.cluster_issuer,
            "listener": offer.listener,
        },
    }


def _tables(settings: StagingFields, tabular: TabularSettings, around: Surroundings) -> list[Mapping[str, Any]]:
    return [
        {
            "runtime_image": image(settings.images, RUNTIME),
            "surroundings": around,
            "dataset": table.dataset,
            "source": {"engine": "file", "uri": table.uri, "format": table.format},
            "columns": [column.model_dump(mode="json") for column in table.columns],
            "max_quarantined_fraction": table.max_quarantined_fraction,
            "schedule": table.schedule,
        }
        for table in tabular.tables
    ]


def _foundations(
    tenant: str,
    models: Mapping[str, Any],
    ground: Ground,
    offer: ClusterOffer,
    artifacts: Mapping[str, ModelArtifact],
    identities: Mapping[str, WorkloadPrincipal],
) -> Foundations:
    return Foundations(
        database=ground.database,
        secrets={role: ground.secrets[f"{tenant}-{role}"] for role in SECRET_NAMES},
        artifacts={name: artifacts[f"{tenant}-{name}"] for name in models},
        pools={name: _pool(ground, model.pool) for name, model in models.items() if model.pool is not None},
        priorities=offer.priorities,
        identities={name: identities[f"{tenant}-{name}"] for name in models},
    )


def _pool(ground: Ground, name: str) -> NodePool:
    """Return the pool's nodes, spot or not: what tells the two apart is no matter of a model's."""
    first, *others = ground.pools[name]
    if not others:
        return first
    common = {key: value for key, value in first.labels.items() if all(it.labels.get(key) == value for it in others)}
    return replace(first, labels=common)
