"""The resource types that exist on moto, one module for each group of services."""

from collections.abc import Mapping

from stacks.rehearsal.aws.table import ResourceType
from stacks.rehearsal.aws.types.alerts import ALERTS
from stacks.rehearsal.aws.types.audit import AUDIT
from stacks.rehearsal.aws.types.cluster import CLUSTER
from stacks.rehearsal.aws.types.databases import DATABASES
from stacks.rehearsal.aws.types.edge import EDGE
from stacks.rehearsal.aws.types.identity import IDENTITY
from stacks.rehearsal.aws.types.load_balancers import LOAD_BALANCERS
from stacks.rehearsal.aws.types.network import NETWORK
from stacks.rehearsal.aws.types.objects import OBJECTS
from stacks.rehearsal.aws.types.registries import REGISTRIES
from stacks.rehearsal.aws.types.safety import SAFETY
from stacks.rehearsal.aws.types.security_groups import SECURITY_GROUPS
from stacks.rehearsal.aws.types.telemetry import TELEMETRY

_GROUPS = (
    NETWORK,
    SECURITY_GROUPS,
    CLUSTER,
    LOAD_BALANCERS,
    OBJECTS,
    IDENTITY,
    DATABASES,
    REGISTRIES,
    EDGE,
    TELEMETRY,
    ALERTS,
    AUDIT,
    SAFETY,
)

RESOURCE_TYPES: Mapping[str, ResourceType] = {kind.type: kind for group in _GROUPS for kind in group}
"""Every type by its token."""
