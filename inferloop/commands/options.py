"""Arguments and options that several commands share."""

from typing import Annotated

import typer

StackArgument = Annotated[str, typer.Argument(help="The stack, one of stacks/config/Pulumi.<stack>.yaml.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
NoWaitOption = Annotated[
    bool, typer.Option("--no-wait", help="Refuse where another command changes the stacks, instead of waiting for it.")
]
LocalStateOption = Annotated[
    bool, typer.Option("--local-state", help="Keep the state of a cloud's stack on this machine alone, for a trial.")
]
