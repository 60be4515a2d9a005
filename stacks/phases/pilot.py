"""Phase 3, pilot: the shape of a production account."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stacks.layers.protection import Production, check_production, protect_production
from stacks.phases import staging
from stacks.phases.phase import Deliverable, Phase
from stacks.phases.pilot_guide import GUIDE
from stacks.settings.cloud import PilotFields


@dataclass(frozen=True, kw_only=True)
class Pilot(staging.Staging):
    """What the phase made, for the phases that contain it."""

    production: Production


def preflight(settings: PilotFields) -> None:
    """Refuse what the cloud does not take. Raises PreflightError or SettingsError."""
    staging.preflight(settings)
    check_production(settings)


def build(stack: str, settings: PilotFields) -> Pilot:
    """Make everything of the phase."""
    made = staging.build(stack, settings)
    return Pilot(**vars(made), production=protect_production(made.ground, settings))


def outputs_of(made: Pilot) -> Mapping[str, Any]:
    """Return the phase's deliverables."""
    production = made.production
    return {
        **staging.outputs_of(made),
        "name_servers": production.edge.name_servers,
        "certificate": production.edge.certificate,
        "firewall": production.edge.firewall,
        "alert_routes": dict(production.alerts.routes),
        "backup_vault": production.backup.id,
        "budget": production.budget.name,
    }


def compose(stack: str, settings: PilotFields) -> Mapping[str, Any]:
    """Compose the stack and return its outputs."""
    return outputs_of(build(stack, settings))


DELIVERABLES = (
    *staging.DELIVERABLES,
    Deliverable(name="name_servers", description="Name servers that the parent zone must delegate the domain to"),
    Deliverable(name="certificate", description="The domain's certificate, for load balancers"),
    Deliverable(name="firewall", description="The web application firewall, for load balancers"),
    Deliverable(name="alert_routes", description="Where alarms are sent, by severity"),
    Deliverable(name="backup_vault", description="Where recovery points are kept"),
    Deliverable(name="budget", description="The budget that warns before it is spent"),
)

PHASE = Phase(
    number=3,
    name="pilot",
    title="Production pilot",
    stacks=("pilot-aws",),
    settings=PilotFields,
    deliverables=DELIVERABLES,
    preflight=preflight,
    compose=compose,
    **GUIDE,
)
