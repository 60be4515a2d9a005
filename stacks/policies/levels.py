"""The levels of every policy by phase, as files that the engine reads (`--policy-pack-config`).

They are made from the policies' own data: `python -m stacks.policies.levels` writes them anew.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from stacks.policies.catalog import POLICIES
from stacks.policies.policy import PHASES, Level

FOLDER = Path(__file__).with_name("levels")


def levels_of(phase: str) -> dict[str, Level]:
    """Return what each policy does in a phase. Raises ValueError for an unknown phase."""
    return {policy.name: policy.enforcement.in_phase(phase) for policy in POLICIES}


def level_file(phase: str, folder: Path = FOLDER) -> Path:
    """Return the file of a phase's levels. Raises ValueError for an unknown phase."""
    if phase not in PHASES:
        raise ValueError(f"there is no phase {phase!r}; phases are {', '.join(PHASES)}")
    return folder / f"{phase}.json"


def rendered(phase: str) -> str:
    """Return what the file of a phase holds."""
    return json.dumps(levels_of(phase), indent=2) + "\n"


def write_levels(folder: Path = FOLDER, phases: Iterable[str] = PHASES) -> list[Path]:
    """Write the files of all phases, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for phase in phases:
        path = level_file(phase, folder)
        path.write_text(rendered(phase), encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    write_levels()
