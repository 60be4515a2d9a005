"""`inferloop key`."""

from typing import Annotated

import typer

from inferloop.commands.options import StackArgument


def key(
    stack: StackArgument = "dev",
    admin: Annotated[bool, typer.Option("--admin", help="Print the gateway's admin key instead.")] = False,
) -> None:
    """Print a stack's first API key, alone, on standard output."""
    from inferloop.project import find_project
    from inferloop.stack_secrets import admin_key, api_key

    print(admin_key(find_project(), stack) if admin else api_key(find_project(), stack))
