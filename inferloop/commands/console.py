"""`inferloop console`."""

from typing import Annotated

import typer

from inferloop.commands.options import StackArgument


def console(
    stack: StackArgument = "dev",
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Print the address of a stack's console."""
    from inferloop.errors import StackDownError
    from inferloop.project import find_project
    from inferloop.stack_status import stack_status

    now = stack_status(find_project(), stack)
    url = now.outputs.get("console_url")
    if not url:
        raise StackDownError(f"stack {stack} has no console now; `inferloop up {stack}` starts it")
    print(url)
    if open_browser:
        import webbrowser

        webbrowser.open(str(url))
