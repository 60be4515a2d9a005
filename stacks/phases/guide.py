"""The parts of a phase that are read rather than composed."""

from typing import TypedDict

from stacks.phases.phase import Alert, Dashboard, Gate, Prerequisite, Step, Trouble


class Guide(TypedDict):
    """What an operator reads and runs."""

    summary: str
    prerequisites: tuple[Prerequisite, ...]
    success_criteria: tuple[Gate, ...]
    rollback: tuple[Step, ...]
    dashboards: tuple[Dashboard, ...]
    alerts: tuple[Alert, ...]
    troubleshooting: tuple[Trouble, ...]
