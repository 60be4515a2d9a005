"""What stands on moto now, by type and id, so that a rehearsal can name what a destroy left behind."""

from dataclasses import dataclass

from stacks.rehearsal.aws.backend import MotoBackend
from stacks.rehearsal.aws.types import RESOURCE_TYPES


@dataclass(frozen=True, order=True)
class Standing:
    """One resource that exists, by the SDK's token of its type."""

    type: str
    id: str

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


def inventory(endpoint: str, region: str) -> tuple[Standing, ...]:
    """Return what exists of every described type in one region, in order.

    What an account has from birth (default VPC, AWS's own policies, keys and aliases) is left out, and so is what ends
    with another resource that is named. `endpoint` is that of moto's server. Raises RehearsalError.
    """
    backend = MotoBackend(endpoint, region)
    return tuple(
        sorted(
            Standing(kind.type, resource_id)
            for kind in RESOURCE_TYPES.values()
            for resource_id in backend.standing(kind)
        )
    )
