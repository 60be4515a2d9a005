"""`inferloop down`."""

from typing import TYPE_CHECKING, Annotated

import typer

from inferloop.commands.options import JsonOption, LocalStateOption, NoWaitOption, StackArgument

if TYPE_CHECKING:
    from inferloop.sink import Sink


def down(
    stack: StackArgument = "dev",
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Do not ask; of a local stack delete the data too. What is protected stays."),
    ] = False,
    keep_data: Annotated[bool, typer.Option("--keep-data", help="Keep the stack's data, without asking.")] = False,
    local_state: LocalStateOption = False,
    no_wait: NoWaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Stop a local stack's processes, then ask whether to delete its data too; destroy a cloud's stack, if confirmed.

    Without a terminal and without --yes, local data are kept and nothing in a cloud is destroyed. What is protected in
    a cloud always stays, and is named.
    """
    from inferloop.project import find_project
    from inferloop.sink import Sink
    from inferloop.take_down import is_local

    if yes and keep_data:
        raise typer.BadParameter("--yes deletes the data, --keep-data keeps it: choose one")
    sink = Sink.for_command(as_json=as_json)
    if is_local(find_project(), stack):
        _down_here(stack, sink, yes=yes, keep_data=keep_data, wait=not no_wait)
    else:
        _down_in_cloud(stack, sink, yes=yes, local_state=local_state, wait=not no_wait)


def _down_here(stack: str, sink: "Sink", *, yes: bool, keep_data: bool, wait: bool) -> None:
    from inferloop.own_command import own_command
    from inferloop.project import find_project
    from inferloop.take_down import take_down

    def ask() -> bool:
        return typer.confirm(f"Delete the data of stack {stack} too (database, data sets)?", default=False, err=True)

    confirm = ask if sink.interactive and not keep_data else None
    done = take_down(find_project(), stack, delete_data=yes, confirm=confirm, sink=sink, wait=wait)
    if done.data_kept:
        remedy = f"`{own_command()} up {stack}` continues with it, `{own_command()} down {stack} --yes` deletes it"
        text = f"stack {stack} is down; its data is kept in {done.stack_dir}: {remedy}"
    else:
        text = f"stack {stack} is down and nothing of it is left"
    data = {"stack": stack, "state": "down", "data_kept": done.data_kept, "duration_s": round(done.duration_s, 2)}
    sink.result(data, text)


def _down_in_cloud(stack: str, sink: "Sink", *, yes: bool, local_state: bool, wait: bool) -> None:
    from inferloop.project import find_project
    from inferloop.remote_down import named, take_remote_down

    def ask(text: str) -> bool:
        typer.echo(text, err=True)
        return typer.confirm("Destroy them?", default=False, err=True)

    done = take_remote_down(
        find_project(),
        stack,
        confirm=ask if sink.interactive else None,
        yes=yes,
        local_state=local_state,
        sink=sink,
        wait=wait,
    )
    lines = [f"stack {stack}: {done.destroyed} resources destroyed in {done.duration_s:.1f} s"]
    if done.left:
        lines += [
            f"{len(done.left)} are left, protected or needed by what is:",
            *named(done.left),
            "to destroy those too, switch their protection off (`inferloop:protect: false` in the settings), run `up`, "
            "then `down` again",
        ]
    elif not local_state:
        lines.append(f"nothing of it is left; `pulumi stack rm {stack}` removes its history from {done.backend}")
    data = {
        "stack": stack,
        "state": "up" if done.left else "down",
        "destroyed": done.destroyed,
        "left": [{"urn": item.urn, "type": item.type, "protected": item.protected} for item in done.left],
        "backend": done.backend,
        "duration_s": round(done.duration_s, 2),
    }
    sink.result(data, "\n".join(lines))
