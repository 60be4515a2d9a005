"""Phase 5, enterprise: tenants with quotas, an audit record, and the cloud's services reached privately."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.contracts import AuditTrail
from stacks.layers.foundation import Ground
from stacks.layers.protection import add_audit, check_audit
from stacks.phases import scale_up
from stacks.phases.enterprise_guide import GUIDE
from stacks.phases.phase import Deliverable, Phase
from stacks.phases.staging import Environment, build
from stacks.settings.cloud import EnterpriseFields


@dataclass(frozen=True, kw_only=True)
class EnterpriseAdditions(scale_up.ScaleUpAdditions):
    """What the phase adds, and what the one before did."""

    audit: AuditTrail


def preflight(settings: EnterpriseFields) -> None:
    """Refuse what the cloud does not take. Raises PreflightError or SettingsError."""
    scale_up.preflight(settings)
    check_audit(settings)


def add(ground: Ground, settings: EnterpriseFields) -> EnterpriseAdditions:
    """Make what the phase adds, after what the one before does."""
    before = scale_up.add(ground, settings)
    return EnterpriseAdditions(**vars(before), audit=add_audit(ground, settings))


def outputs_of(made: Environment[Any]) -> Mapping[str, Any]:
    """Return the phase's deliverables."""
    audit: AuditTrail = made.additions.audit
    return {**scale_up.outputs_of(made), "audit_trail": audit.id, "audit_records": audit.uri}


def compose(stack: str, settings: EnterpriseFields) -> Mapping[str, Any]:
    """Compose the stack and return its outputs."""
    return outputs_of(build(stack, settings, lambda ground: add(ground, settings)))


DELIVERABLES = (
    *scale_up.DELIVERABLES,
    Deliverable(name="audit_trail", description="The record of who did what"),
    Deliverable(name="audit_records", description="Where that record is kept"),
)

PHASE = Phase(
    number=5,
    name="enterprise",
    title="Enterprise features",
    stacks=("enterprise-aws",),
    settings=EnterpriseFields,
    deliverables=DELIVERABLES,
    preflight=preflight,
    compose=compose,
    **GUIDE,
)
