"""`inferloop status`."""

from typing import TYPE_CHECKING

import typer

from inferloop.commands.options import JsonOption, LocalStateOption, StackArgument

if TYPE_CHECKING:
    from inferloop.remote_status import RemoteStatus
    from inferloop.stack_status import StackStatus


def status(stack: StackArgument = "dev", local_state: LocalStateOption = False, as_json: JsonOption = False) -> None:
    """Show a stack's addresses and processes, or a cloud's outputs; the exit code is 1 where the stack is down."""
    from inferloop.project import find_project
    from inferloop.sink import Sink
    from inferloop.stack_config import stack_runs_here
    from inferloop.stack_status import stack_status

    project = find_project()
    sink = Sink.for_command(as_json=as_json)
    now: StackStatus | RemoteStatus
    if stack_runs_here(project, stack):
        now = stack_status(project, stack)
        sink.result(now.as_dict(), describe(now))
    else:
        from inferloop.remote_status import remote_status

        now = remote_status(project, stack, local_state=local_state)
        sink.result(now.as_dict(), describe_remote(now))
    if now.state == "down":
        raise typer.Exit(1)


def describe(now: "StackStatus") -> str:
    """Return the status as text."""
    from inferloop.own_command import own_command

    if now.state == "down":
        return f"stack {now.stack} is down; `{own_command()} up {now.stack}` starts it"
    lines = [f"stack {now.stack} is {now.state}" + ("" if now.ready else " (the gateway is not ready)"), ""]
    names = ("gateway_url", "console_url", "metrics_url", "prometheus_url", "model", "shards", "dataset_path")
    rows = ((name.removesuffix("_url").removesuffix("_path"), now.outputs.get(name)) for name in names)
    lines += [
        f"  {name:<10} {value:g}" if isinstance(value, float) else f"  {name:<10} {value}"
        for name, value in rows
        if value
    ]
    width = max(len(process.name) for process in now.processes)
    lines += ["", f"  {'process':<{width}}  {'pid':>8}  state"]
    lines += [f"  {process.name:<{width}}  {process.pid or '-':>8}  {process.state}" for process in now.processes]
    return "\n".join(lines)


def describe_remote(now: "RemoteStatus") -> str:
    """Return the status of a cloud's stack as text, with what its phase says of each output."""
    import io

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from inferloop.own_command import own_command

    if now.state == "down":
        return f"stack {now.stack} is down; `{own_command()} up {now.stack}` brings it up (state: {now.backend})"
    lines = [
        f"stack {now.stack} is {now.state}: {now.resources} resources, {now.guarded} of them guarded and "
        f"{now.protected} protected",
        f"state: {now.backend}",
    ]
    if now.pending:
        lines.append(f"{now.pending} operations never ended; `pulumi refresh --stack {now.stack}` asks about each")
    table = Table("output", "value", "what it is")
    for output in now.outputs:
        table.add_row(output.name, escape(output.text), escape(output.description))
    drawn = io.StringIO()
    Console(file=drawn, width=160).print(table)
    if now.outputs:
        lines += ["", drawn.getvalue().rstrip()]
    if any(output.secret for output in now.outputs):
        lines += ["", f"`pulumi stack output NAME --show-secrets --stack {now.stack}` prints a secret"]
    return "\n".join(lines)
