"""Read the stack's settings, compose its phase, export what it delivers."""

import gc

# Before the imports: a cloud's SDK makes some hundred thousand objects that live to the end, and importing takes far
# longer where garbage is looked for among them all the time.
gc.set_threshold(200_000)

import pulumi  # noqa: E402

from components.errors import InferloopError  # noqa: E402
from stacks.phases.registry import phase_named  # noqa: E402
from stacks.settings import load_settings  # noqa: E402


def main() -> None:
    """Run the program; an expected failure is reported without a traceback, before the engine has done anything."""
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
