"""Phase 3, pilot: the shape of a production account."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.contracts import AlertRoute, EdgeEndpoint
from components.contracts.entrance import EntranceFacts
from stacks.layers.additions import Additions
from stacks.layers.foundation import Ground
from stacks.layers.protection import Production, check_production, protect_production
from stacks.phases import staging
from stacks.phases.phase import Deliverable, Phase
from stacks.phases.pilot_guide import GUIDE
from stacks.phases.staging import Environment
from stacks.settings.cloud import PilotFields


@dataclass(frozen=True, kw_only=True)
class PilotAdditions(Additions):
    """What the phase adds."""

    production: Production

    @property
    def public_zone(self) -> EdgeEndpoint:
        """The domain's own zone."""
        return self.production.edge

    @property
    def alert_route(self) -> AlertRoute:
        """Where alarms and alerts go."""
        return self.production.alerts

    @property
    def entrance(self) -> EntranceFacts:
        """The load balancer of the public names."""
        return self.production.entrance.facts


def preflight(settings: PilotFields) -> None:
    """Refuse what the cloud does not take. Raises PreflightError or SettingsError."""
    staging.preflight(settings)
    check_production(settings)


def add(ground: Ground, settings: PilotFields) -> PilotAdditions:
    """Make what the phase adds."""
    return PilotAdditions(production=protect_production(ground, settings))


def outputs_of(made: Environment[Any]) -> Mapping[str, Any]:
    """Return the phase's deliverables."""
    production: Production = made.additions.production
    return {
        **staging.outputs_of(made),
        "name_servers": production.edge.name_servers,
        "certificate": production.edge.certificate,
        "firewall": production.edge.firewall,
        "entrance_address": production.entrance.load_balancer.address,
        "alarms": dict(production.alarms),
        "alert_routes": dict(production.alerts.routes),
        "backup_vault": production.backup.id,
        "budget": production.budget.name,
    }


def compose(stack: str, settings: PilotFields) -> Mapping[str, Any]:
    """Compose the stack and return its outputs."""
    return outputs_of(staging.build(stack, settings, lambda ground: add(ground, settings)))


DELIVERABLES = (
    *staging.DELIVERABLES,
    Deliverable(name="name_servers", description="Name servers that the parent zone must delegate the domain to"),
    Deliverable(name="certificate", description="The domain's certificate, for load balancers"),
    Deliverable(name="firewall", description="The web application firewall, for load balancers"),
    Deliverable(name="entrance_address", description="The load balancer's own name, which the public names lead to"),
    Deliverable(name="alarms", description="The cloud's own alarms, by name"),
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
