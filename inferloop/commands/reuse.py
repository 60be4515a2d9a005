"""`inferloop reuse`."""

from typing import TYPE_CHECKING, Annotated

import typer

from inferloop.commands.options import JsonOption

if TYPE_CHECKING:
    from inferloop.code_reuse import CodeReuse


def reuse(
    workloads: Annotated[
        list[str] | None, typer.Argument(help="Modules of components/workloads; textnlp and tabular where not given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the share of component code that the tenants of the library have in common."""
    from pathlib import Path

    import components
    from inferloop.code_reuse import TENANTS, measure
    from inferloop.sink import Sink

    found = measure(workloads or TENANTS, Path(components.__file__).parent)
    Sink.for_command(as_json=as_json).result(found.document(), as_text(found))


def as_text(found: "CodeReuse") -> str:
    """Return the measurement as lines."""
    document = found.document()
    lines = [
        f"{name}: {part['lines']} lines of component code, {part['own_lines']} of them its own "
        f"({', '.join(part['own_modules']) or 'no module'})"
        for name, part in document["workloads"].items()
    ]
    verdict = "met" if document["goal_met"] else "missed"
    lines.append(
        f"shared: {document['shared_lines']} of {document['all_lines']} lines, {found.share:.1%} "
        f"(goal {document['goal']:.0%}: {verdict})"
    )
    return "\n".join(lines)
