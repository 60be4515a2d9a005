"""What stacks of every cloud have in common."""

from typing import Literal

from stacks.settings.section import Section

PhaseName = Literal[
    "development", "staging", "pilot", "scale_up", "enterprise", "multi_cloud", "air_gapped", "optimized"
]


class StackSettings(Section):
    """What stacks of every cloud have in common; each cloud's settings narrow `cloud` and `phase` to their own."""

    cloud: str
    """Where the stack runs."""
    phase: PhaseName
    """The phase that the stack is in; it decides what the stack consists of."""
