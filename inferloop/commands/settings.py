"""`inferloop settings`."""

from pathlib import Path
from typing import Annotated

import typer

from inferloop.commands.options import JsonOption, StackArgument

app = typer.Typer(help="Check a stack's settings, or print what they may be.", no_args_is_help=True)


@app.command("check")
def check(
    stack: StackArgument = "dev",
    config_file: Annotated[
        Path | None, typer.Option(help="Check this stack configuration instead of the repository's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a stack's settings without the engine, and print them with their defaults."""
    from inferloop.project import find_project
    from inferloop.sink import Sink
    from inferloop.stack_config import configured_values
    from stacks.settings import parse_settings

    settings = parse_settings(configured_values(find_project(), stack, config_file))
    values = settings.model_dump(mode="json")
    text = f"the settings of stack {stack} are right:\n" + settings.model_dump_json(indent=2)
    Sink.for_command(as_json=as_json).result(values, text)


@app.command("schema")
def schema() -> None:
    """Print the JSON schema of stack settings, for editors."""
    import json

    from pydantic import TypeAdapter

    from stacks.settings import Settings

    print(json.dumps(TypeAdapter(Settings).json_schema(), indent=2))
