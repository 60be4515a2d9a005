"""Read the stack's settings, compose its phase, export what it delivers."""

import gc

import pulumi

from components.errors import InferloopError
from stacks.phases.registry import phase_named
from stacks.settings import load_settings


def main() -> None:
    """Run the program; an expected failure is reported without a traceback, before the engine has done anything."""
    # A cloud's SDK makes some hundred thousand objects that live to the end, and its import takes far longer where
    # garbage is looked for among them all the time.
    gc.set_threshold(200_000)
    try:
        settings = load_settings()
        phase = phase_named(settings.phase)
        phase.preflight(settings)
        outputs = phase.compose(pulumi.get_stack(), settings)
    except InferloopError as error:
        raise pulumi.RunError(str(error)) from None
    for deliverable in phase.deliverables:
        pulumi.export(deliverable.name, outputs[deliverable.name])


main()
