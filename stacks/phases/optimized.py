"""Phase 8, optimised: every model is scaled, down to none, on the cheapest machines that hold it."""

from stacks.phases import enterprise
from stacks.phases.optimized_guide import GUIDE
from stacks.phases.phase import Phase
from stacks.settings.cloud import OptimizedFields

PHASE = Phase(
    number=8,
    name="optimized",
    title="Optimised",
    stacks=("optimized-aws",),
    settings=OptimizedFields,
    deliverables=enterprise.DELIVERABLES,
    preflight=enterprise.preflight,
    compose=enterprise.compose,
    **GUIDE,
)
