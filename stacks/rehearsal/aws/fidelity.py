"""Which types a rehearsal really makes, which it only checks and keeps, and why."""

import importlib.metadata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stacks.rehearsal.aws.types import RESOURCE_TYPES
from stacks.rehearsal.plugins.journal import Fidelity

_NOT_DESCRIBED = "no calls are described for it"
_MISSING: Mapping[str, str] = {
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": "has no restore testing",
    "aws:backup/restoreTestingSelection:RestoreTestingSelection": "has no restore testing",
    "aws:backup/selection:Selection": "has no backup selections",
    "aws:costexplorer/costAllocationTag:CostAllocationTag": "has no cost allocation tags",
    "aws:ec2/placementGroup:PlacementGroup": "has no placement groups",
    "aws:ecr/pullThroughCacheRule:PullThroughCacheRule": "has no pull-through cache",
    "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate": "has no repository creation templates",
    "aws:eks/accessEntry:AccessEntry": "has no access entries",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": "has no access entries",
    "aws:eks/addon:Addon": "has no EKS add-ons",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": "has no Pod Identity",
    "aws:elasticache/parameterGroup:ParameterGroup": "has no cache parameter groups",
    "aws:elasticache/subnetGroup:SubnetGroup": "cannot remove cache subnet groups",
}


@dataclass(frozen=True)
class TypeFidelity:
    """How much of a type's resources exists in a rehearsal; `reason` is empty for what is really made."""

    type: str
    fidelity: Fidelity
    reason: str = ""


def fidelity_of(token: str) -> TypeFidelity:
    """Return what a rehearsal makes of one type, named by its token such as `aws:eks/addon:Addon`."""
    if token in RESOURCE_TYPES:
        return TypeFidelity(token, Fidelity.REAL)
    missing = _MISSING.get(token)
    reason = f"moto {importlib.metadata.version('moto')} {missing}" if missing else _NOT_DESCRIBED
    return TypeFidelity(token, Fidelity.EMULATED, reason)


def fidelities(tokens: Iterable[str] = (*RESOURCE_TYPES, *_MISSING)) -> tuple[TypeFidelity, ...]:
    """Return what a rehearsal makes of types, each once, in order; without `tokens`, of every type that is known."""
    return tuple(fidelity_of(token) for token in sorted(set(tokens)))
