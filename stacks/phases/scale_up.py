"""Phase 4, scale-up: several pools, capacity that follows the load, models that are larger than one GPU."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.contracts import CacheEndpoint
from components.contracts.node_autoscaler import NodeAutoscalerFacts
from stacks.layers.foundation import Ground
from stacks.layers.protection import add_cache, add_node_autoscaler, check_cache
from stacks.phases import pilot
from stacks.phases.phase import Deliverable, Phase
from stacks.phases.scale_up_guide import GUIDE
from stacks.phases.staging import Environment, build
from stacks.settings.cloud import ScaleUpFields


@dataclass(frozen=True, kw_only=True)
class ScaleUpAdditions(pilot.PilotAdditions):
    """What the phase adds, and what the one before did."""

    cache: CacheEndpoint
    nodes: NodeAutoscalerFacts

    @property
    def autoscaler(self) -> NodeAutoscalerFacts:
        """What makes nodes for pods that wait."""
        return self.nodes


def preflight(settings: ScaleUpFields) -> None:
    """Refuse what the cloud does not take. Raises PreflightError or SettingsError."""
    pilot.preflight(settings)
    check_cache(settings)


def add(ground: Ground, settings: ScaleUpFields) -> ScaleUpAdditions:
    """Make what the phase adds, after what the one before does."""
    before = pilot.add(ground, settings)
    return ScaleUpAdditions(
        **vars(before), cache=add_cache(ground, before.production.alerts, settings), nodes=add_node_autoscaler(ground)
    )


def outputs_of(made: Environment[Any]) -> Mapping[str, Any]:
    """Return the phase's deliverables."""
    cache: CacheEndpoint = made.additions.cache
    return {**pilot.outputs_of(made), "cache_host": cache.host, "cache_url_reference": cache.url.reference}


def compose(stack: str, settings: ScaleUpFields) -> Mapping[str, Any]:
    """Compose the stack and return its outputs."""
    return outputs_of(build(stack, settings, lambda ground: add(ground, settings)))


DELIVERABLES = (
    *pilot.DELIVERABLES,
    Deliverable(name="cache_host", description="Host of the cache, reached inside the network only"),
    Deliverable(name="cache_url_reference", description="Where the cloud keeps the cache's URL, password included"),
)

PHASE = Phase(
    number=4,
    name="scale_up",
    title="Scale-up",
    stacks=("scale-aws",),
    settings=ScaleUpFields,
    deliverables=DELIVERABLES,
    preflight=preflight,
    compose=compose,
    **GUIDE,
)
