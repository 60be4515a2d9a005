"""`inferloop approve`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inferloop.commands.options import JsonOption, LocalStateOption, NoWaitOption

if TYPE_CHECKING:
    from inferloop.replacement_guard import GuardedChange


def approve(
    stack: Annotated[str, typer.Argument(help="The stack, one of stacks/config/Pulumi.<stack>.yaml.")],
    resources: Annotated[list[str], typer.Argument(help="Names or URNs of the resources that may be lost.")],
    reason: Annotated[str, typer.Option(help="Why, for the record: a ticket, a decision.")] = "",
    change: Annotated[
        str | None, typer.Option(help="Approve only this change, as `preview` and a refused `up` name it.")
    ] = None,
    config_file: Annotated[
        Path | None, typer.Option(help="Use this stack configuration instead of the repository's.")
    ] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask for every resource how it really is first.")] = False,
    local_state: LocalStateOption = False,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Allow the next `up` to replace or delete guarded resources as it is planned now: each once, and nothing else."""
    from inferloop.project import find_project
    from inferloop.sink import Sink
    from inferloop.stack_preview import Source, approve_changes

    sink = Sink.for_command(as_json=as_json)
    approved = approve_changes(
        find_project(),
        stack,
        resources,
        Source(config_file, local_state, refresh),
        reason=reason,
        digest=change,
        sink=sink,
        wait=not no_wait,
    )
    data = {"stack": stack, "reason": reason, "approved": [guarded.as_dict() for guarded in approved]}
    sink.result(data, as_text(stack, approved))


def as_text(stack: str, approved: "list[GuardedChange]") -> str:
    """Return what was approved as lines, and what carries it out."""
    from inferloop.own_command import own_command
    from inferloop.replacement_guard import describe

    lines = [line for guarded in approved for line in (*describe(guarded), "")]
    return "\n".join([*lines, f"approved once; `{own_command()} up {stack}` carries it out"])
