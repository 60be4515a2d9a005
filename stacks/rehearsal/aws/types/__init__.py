"""The resource types that exist on moto, one module for each group of services."""

from collections.abc import Mapping

from stacks.rehearsal.aws.table import ResourceType
from stacks.rehearsal.aws.types.identity import IDENTITY
from stacks.rehearsal.aws.types.network import NETWORK
from stacks.rehearsal.aws.types.objects import OBJECTS
from stacks.rehearsal.aws.types.services import SERVICES

RESOURCE_TYPES: Mapping[str, ResourceType] = {
    kind.type: kind for group in (NETWORK, OBJECTS, IDENTITY, SERVICES) for kind in group
}
"""Every type by its token."""
