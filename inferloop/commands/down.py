"""`inferloop down`."""

from typing import Annotated

import typer

from inferloop.commands.options import JsonOption, NoWaitOption, StackArgument


def down(
    stack: StackArgument = "dev",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete the stack's data too, without asking.")] = False,
    keep_data: Annotated[bool, typer.Option("--keep-data", help="Keep the stack's data, without asking.")] = False,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Stop a stack's processes; then ask whether to delete its data too (database, data sets).

    Without a terminal and without --yes the data is kept.
    """
    from inferloop.own_command import own_command
    from inferloop.project import find_project
    from inferloop.sink import Sink
    from inferloop.take_down import take_down

    if yes and keep_data:
        raise typer.BadParameter("--yes deletes the data, --keep-data keeps it: choose one")
    sink = Sink.for_command(as_json=as_json)

    def ask() -> bool:
        return typer.confirm(f"Delete the data of stack {stack} too (database, data sets)?", default=False, err=True)

    confirm = ask if sink.interactive and not keep_data else None
    done = take_down(find_project(), stack, delete_data=yes, confirm=confirm, sink=sink, wait=not no_wait)
    if done.data_kept:
        remedy = f"`{own_command()} up {stack}` continues with it, `{own_command()} down {stack} --yes` deletes it"
        text = f"stack {stack} is down; its data is kept in {done.stack_dir}: {remedy}"
    else:
        text = f"stack {stack} is down and nothing of it is left"
    data = {"stack": stack, "state": "down", "data_kept": done.data_kept, "duration_s": round(done.duration_s, 2)}
    sink.result(data, text)
