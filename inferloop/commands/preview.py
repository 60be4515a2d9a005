"""`inferloop preview`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inferloop.commands.options import JsonOption, LocalStateOption, NoWaitOption, StackArgument

if TYPE_CHECKING:
    from inferloop.stack_preview import StackPreview


def preview(
    stack: StackArgument = "dev",
    config_file: Annotated[
        Path | None, typer.Option(help="Use this stack configuration instead of the repository's.")
    ] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask for every resource how it really is first.")] = False,
    local_state: LocalStateOption = False,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show what `up` would change, for each resource type, and what of it the replacement guard would stop."""
    from inferloop.project import find_project
    from inferloop.sink import Sink
    from inferloop.stack_preview import Source, preview_stack

    sink = Sink.for_command(as_json=as_json)
    source = Source(config_file, local_state, refresh)
    seen = preview_stack(find_project(), stack, source, sink=sink, wait=not no_wait)
    sink.result(seen.as_dict(), as_text(seen))


def as_text(seen: "StackPreview") -> str:
    """Return the preview as a table, with every guarded change below it."""
    import io

    from rich.console import Console
    from rich.table import Table

    from inferloop.own_command import own_command
    from inferloop.replacement_guard import describe

    if not seen.changes:
        return f"stack {seen.stack}: nothing would change"
    kinds = [kind for kind, count in seen.totals().items() if count]
    table = Table("resource type", "guarded", title=f"stack {seen.stack}: {len(seen.changes)} resources would change")
    for kind in kinds:
        table.add_column(kind, justify="right")
    for row in seen.types():
        table.add_row(row["type"], row["guarded"] or "", *(str(row[kind] or "") for kind in kinds))
    # Wide enough for every column, whatever the terminal: rich would cut the types.
    output = io.StringIO()
    Console(file=output, width=140).print(table)
    lines = [output.getvalue().rstrip()]
    for verdict, group in (("approved", seen.approved), ("needs approval", seen.refused)):
        for guarded in group:
            first, *rest = describe(guarded)
            lines += ["", f"{verdict}: {first}", *rest]
    if seen.refused:
        lines += ["", f"`up` would stop; `{own_command()} approve {seen.stack} NAME` approves one of these once"]
    return "\n".join(lines)
