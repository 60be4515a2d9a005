"""Phase 4, scale-up: several pools, capacity that follows the load, models that are larger than one GPU."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.contracts import CacheEndpoint
from stacks.layers.protection import add_cache, check_cache
from stacks.phases import pilot
from stacks.phases.phase import Deliverable, Phase
from stacks.phases.scale_up_guide import GUIDE
from stacks.settings.cloud import ScaleUpFields


@dataclass(frozen=True, kw_only=True)
class ScaleUp(pilot.Pilot):
    """What the phase made, for the phases that contain it."""

    cache: CacheEndpoint


def preflight(settings: ScaleUpFields) -> None:
    """Refuse what the cloud does not take. Raises PreflightError or SettingsError."""
    pilot.preflight(settings)
    check_cache(settings)


def build(stack: str, settings: ScaleUpFields) -> ScaleUp:
    """Make everything of the phase."""
    made = pilot.build(stack, settings)
    return ScaleUp(**vars(made), cache=add_cache(made.ground, settings))


def outputs_of(made: ScaleUp) -> Mapping[str, Any]:
    """Return the phase's deliverables."""
    return {**pilot.outputs_of(made), "cache_host": made.cache.host, "cache_url_reference": made.cache.url.reference}


def compose(stack: str, settings: ScaleUpFields) -> Mapping[str, Any]:
    """Compose the stack and return its outputs."""
    return outputs_of(build(stack, settings))


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
