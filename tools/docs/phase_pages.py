"""One page for each phase, from the phase's data."""

from collections.abc import Iterator

from stacks.phases.phase import Phase
from stacks.phases.registry import phase_named, phase_names
from tools.docs.markdown import NOTICE, code, paragraph, prose, table

_SIGNS = {"<=": "≤", ">=": "≥", "==": "="}


def _figure(value: float) -> str:
    return f"{value:g}"


def _sections(phase: Phase) -> Iterator[tuple[str, str]]:
    yield (
        "Prerequisites",
        table(
            ("what", "why", "check", "mend"),
            ((item.name, prose(item.reason), code(item.command), prose(item.remedy)) for item in phase.prerequisites),
        ),
    )
    yield (
        "Deliverables",
        "Stack outputs; `pulumi stack output --stack <stack>` prints them.\n\n"
        + table(
            ("output", "what it is", "secret"),
            ((code(item.name), prose(item.description), "yes" if item.secret else "") for item in phase.deliverables),
        ),
    )
    yield (
        "Success criteria",
        "The phase is reached when every gate is met. Each is measured by the test or program that it names.\n\n"
        + table(
            ("gate", "measures", "must be", "measured by"),
            (
                (
                    prose(gate.name),
                    prose(gate.measures),
                    f"{_SIGNS[gate.operator]} {_figure(gate.threshold)} {gate.unit}".strip(),
                    code(gate.test),
                )
                for gate in phase.success_criteria
            ),
        ),
    )
    # Indented twice: a code block that belongs to the list's entry.
    steps = (
        f"{number}. {prose(step.action)}\n\n        {step.command}\n" for number, step in enumerate(phase.rollback, 1)
    )
    yield "Roll back", "\n".join(steps)
    yield (
        "Dashboards",
        table(
            ("dashboard", "address is the output", "shows"),
            ((item.name, code(item.output), prose(item.shows)) for item in phase.dashboards),
        ),
    )
    yield (
        "Alerts",
        table(
            ("alert", "expression", "means", "do"),
            ((code(item.name), code(item.expression), prose(item.means), prose(item.action)) for item in phase.alerts),
        ),
    )
    yield (
        "Troubleshooting",
        table(
            ("symptom", "check", "mend"),
            ((item.symptom, prose(item.check), prose(item.remedy)) for item in phase.troubleshooting),
        ),
    )
    yield (
        "Configuration",
        f"Keys of `stacks/config/Pulumi.{phase.stacks[0]}.yaml`. A dot is a key inside a section; `[]` is each entry "
        "of a list, `<name>` a name of your own. [Stack settings](../reference/settings.md) says how they are set and "
        "checked.\n\n"
        + table(
            ("key", "type", "default", "meaning"),
            (
                (code(item.key), item.type, code(item.default), prose(item.description))
                for item in phase.configuration_reference()
            ),
        ),
    )


def page_name(phase: Phase) -> str:
    """Give a phase's file name, such as `1-development.md`."""
    return f"{phase.number}-{phase.name.replace('_', '-')}.md"


def render() -> dict[str, str]:
    """Give each phase's file name and page."""
    pages = {}
    for name in phase_names():
        phase = phase_named(name)
        title = phase.title or phase.name.replace("_", " ").capitalize()
        parts = [NOTICE.format(source=f"stacks/phases/{name}.py"), f"# Phase {phase.number}: {title}\n"]
        parts += [f"{paragraph(phase.summary)}\n", f"Stacks: {', '.join(map(code, phase.stacks))}.\n"]
        for heading, body in _sections(phase):
            if body:
                parts.append(f"## {heading}\n\n{body}")
        pages[page_name(phase)] = "\n".join(parts)
    return pages
