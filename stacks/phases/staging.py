"""Phase 2, staging: the whole service in a cloud, as small as it can be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from components.contracts import SubnetTier
from stacks.layers.additions import Additions
from stacks.layers.cluster import equip_cluster
from stacks.layers.foundation import Ground, check_foundation, lay_foundation
from stacks.layers.serving import check_images, check_models
from stacks.layers.tenants import Tenants, deploy_tenants
from stacks.phases.phase import Deliverable, Phase
from stacks.phases.staging_guide import GUIDE
from stacks.settings.cloud import StagingFields

AdditionsT = TypeVar("AdditionsT", bound=Additions)


@dataclass(frozen=True, kw_only=True)
class Environment(Generic[AdditionsT]):
    """What a phase made: the ground, what it added to phase 2, and the tenants on the cluster."""

    ground: Ground
    additions: AdditionsT
    tenants: Tenants


def preflight(settings: StagingFields) -> None:
    """Refuse what the cloud or the models' machines do not take. Raises PreflightError or SettingsError."""
    check_foundation(settings)
    check_models(settings)


def build(stack: str, settings: StagingFields, add: Callable[[Ground], AdditionsT]) -> Environment[AdditionsT]:
    """Make phase 2 with what a phase adds to it.

    Raises PreflightError, before anything is made, where an image's digest is not set.
    """
    check_images(settings)
    ground = lay_foundation(stack, settings)
    additions = add(ground)
    offer = equip_cluster(ground, additions, settings)
    return Environment(ground=ground, additions=additions, tenants=deploy_tenants(ground, offer, settings))


def outputs_of(made: Environment[Any]) -> Mapping[str, Any]:
    """Return the phase's deliverables."""
    ground, tenants = made.ground, made.tenants
    gateway = tenants.textnlp.endpoint
    return {
        "gateway_url": tenants.textnlp.url,
        "console_url": tenants.textnlp.url.apply(lambda url: f"{url}/console"),
        "tabular_url": tenants.tabular.url if tenants.tabular else None,
        "api_key": gateway.api_key.value,
        "api_key_reference": gateway.api_key.reference,
        "admin_key_reference": gateway.admin_key.reference,
        "dsn": ground.database.dsn.value,
        "database_host": ground.database.host,
        "kubeconfig": ground.cluster.kubeconfig,
        "cluster": ground.cluster.name,
        "network": ground.network.id,
        "isolated_cidrs": list(ground.network.cidrs[SubnetTier.ISOLATED]),
        "egress_addresses": list(ground.network.egress_addresses),
        "buckets": {role: bucket.uri for role, bucket in ground.buckets.items()},
        "repositories": {image: repository.url for image, repository in ground.repositories.items()},
        "node_pools": {pool: [group.name for group in groups] for pool, groups in ground.pools.items()},
        "metrics_query_url": ground.telemetry.query_url,
        "datasets": dict(tenants.datasets),
    }


def compose(stack: str, settings: StagingFields) -> Mapping[str, Any]:
    """Compose the stack and return its outputs."""
    return outputs_of(build(stack, settings, lambda _ground: Additions()))


DELIVERABLES = (
    Deliverable(name="gateway_url", description="Where clients of textnlp send requests, with any OpenAI client"),
    Deliverable(name="console_url", description="Page that shows state, rates and models"),
    Deliverable(name="tabular_url", description="Where clients of tabular send requests; null without that tenant"),
    Deliverable(name="api_key", description="First API key of textnlp, with the scope `inference`", secret=True),
    Deliverable(name="api_key_reference", description="Where the cluster keeps that key"),
    Deliverable(name="admin_key_reference", description="Where the cluster keeps the key of the admin API"),
    Deliverable(name="dsn", description="PostgreSQL URL of the database, password included", secret=True),
    Deliverable(name="database_host", description="Host of the database, reached inside the network only"),
    Deliverable(name="kubeconfig", description="How kubectl reaches the cluster; it logs in as whoever runs it"),
    Deliverable(name="cluster", description="The cluster's name"),
    Deliverable(name="network", description="The network's id"),
    Deliverable(name="isolated_cidrs", description="Blocks of the subnets that hold data"),
    Deliverable(name="egress_addresses", description="Public addresses that outgoing connections come from"),
    Deliverable(name="buckets", description="Buckets by role, as URIs"),
    Deliverable(name="repositories", description="Image repositories by image, where releases are pushed"),
    Deliverable(name="node_pools", description="Node groups by pool"),
    Deliverable(name="metrics_query_url", description="Where measurements are read"),
    Deliverable(name="datasets", description="Captured data sets by name"),
)

PHASE = Phase(
    number=2,
    name="staging",
    title="Staging in a cloud",
    stacks=("staging-aws",),
    settings=StagingFields,
    deliverables=DELIVERABLES,
    preflight=preflight,
    compose=compose,
    **GUIDE,
)
