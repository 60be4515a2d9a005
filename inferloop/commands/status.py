"""`inferloop status`."""

from typing import TYPE_CHECKING

import typer

from inferloop.commands.options import JsonOption, StackArgument

if TYPE_CHECKING:
    from inferloop.stack_status import StackStatus


def status(stack: StackArgument = "dev", as_json: JsonOption = False) -> None:
    """Show a stack's addresses, model and processes; the exit code is 1 where the stack is down."""
    from inferloop.project import find_project
    from inferloop.sink import Sink
    from inferloop.stack_status import stack_status

    now = stack_status(find_project(), stack)
    Sink.for_command(as_json=as_json).result(now.as_dict(), describe(now))
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
