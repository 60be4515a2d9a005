"""The phases by name, imported when they are asked for."""

import importlib

from components.errors import RegistryError
from stacks.phases.phase import Phase

_PHASES = {
    "development": "stacks.phases.development",
    "staging": "stacks.phases.staging",
    "pilot": "stacks.phases.pilot",
    "scale_up": "stacks.phases.scale_up",
    "enterprise": "stacks.phases.enterprise",
    "optimized": "stacks.phases.optimized",
}


def phase_names() -> tuple[str, ...]:
    """Name every phase, in order."""
    return tuple(_PHASES)


def phase_named(name: str) -> Phase:
    """Import a phase. Raises RegistryError for an unknown name."""
    if name not in _PHASES:
        raise RegistryError(f"phase '{name}' is not registered; registered: {', '.join(_PHASES)}")
    phase: Phase = importlib.import_module(_PHASES[name]).PHASE
    return phase
