"""Phase 5, enterprise: tenants with quotas, an audit record, and the cloud's services reached privately."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.contracts import AuditTrail
from stacks.layers.protection import add_audit, check_audit
from stacks.phases import scale_up
from stacks.phases.enterprise_guide import GUIDE
from stacks.phases.phase import Deliverable, Phase
from stacks.settings.cloud import EnterpriseFields


@dataclass(frozen=True, kw_only=True)
class Enterprise(scale_up.ScaleUp):
    """What the phase made, for the phases that contain it."""

    audit: AuditTrail


def preflight(settings: EnterpriseFields) -> None:
    """Refuse what the cloud does not take. Raises PreflightError or SettingsError."""
    scale_up.preflight(settings)
    check_audit(settings)


def build(stack: str, settings: EnterpriseFields) -> Enterprise:
    """Make everything of the phase."""
    made = scale_up.build(stack, settings)
    return Enterprise(**vars(made), audit=add_audit(made.ground, settings))


def outputs_of(made: Enterprise) -> Mapping[str, Any]:
    """Return the phase's deliverables."""
    return {**scale_up.outputs_of(made), "audit_trail": made.audit.id, "audit_records": made.audit.uri}


def compose(stack: str, settings: EnterpriseFields) -> Mapping[str, Any]:
    """Compose the stack and return its outputs."""
    return outputs_of(build(stack, settings))


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
