"""The arguments by which the engine checks a preview or an update against the policies."""

from enum import StrEnum
from pathlib import Path

from stacks.policies.levels import level_file
from stacks.policies.policy import STRICTEST

PACK = Path(__file__).resolve().parent


class Form(StrEnum):
    """How the engine starts the pack: the executable works with every language host, the folder with the official."""

    EXECUTABLE = "executable"
    FOLDER = "folder"


def engine_arguments(phase: str = STRICTEST, *, form: Form = Form.EXECUTABLE) -> tuple[str, ...]:
    """Return the arguments of `pulumi preview` and `pulumi up` for a stack in a phase.

    Raises ValueError for an unknown phase. `pulumi refresh` and `destroy` take no policies.
    """
    pack = PACK / "pulumi-analyzer-inferloop" if form is Form.EXECUTABLE else PACK
    return ("--policy-pack", str(pack), "--policy-pack-config", str(level_file(phase)))
