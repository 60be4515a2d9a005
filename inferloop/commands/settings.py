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
    """Check a stack's settings without the engine, and print them with their defaults.

    Every wrong setting is named with its file, line and column, what is wrong and what is allowed; encrypted values
    are not read.
    """
    from components.errors import SettingsError
    from inferloop.project import find_project
    from inferloop.settings_check import check_settings
    from inferloop.sink import Sink

    sink = Sink.for_command(as_json=as_json)
    done = check_settings(find_project(), stack, config_file)
    if done.findings:
        sink.result({"stack": stack, "problems": [finding.as_mapping() for finding in done.findings]}, "")
        count = f"{len(done.findings)} problems" if len(done.findings) > 1 else "one problem"
        raise SettingsError("\n".join((f"the settings of stack {stack} have {count}:", *map(str, done.findings))))
    unread = f"\nencrypted, and read by the engine only: {', '.join(done.encrypted)}" if done.encrypted else ""
    if done.settings is None:
        text = f"the settings of stack {stack} are right, as far as they are not encrypted{unread}"
        sink.result({"stack": stack, "encrypted": list(done.encrypted)}, text)
        return
    text = f"the settings of stack {stack} are right:\n{done.settings.model_dump_json(indent=2)}{unread}"
    sink.result(done.settings.model_dump(mode="json"), text)


@app.command("schema")
def schema(
    cloud: Annotated[str | None, typer.Option(help="Only stacks on this cloud.")] = None,
    phase: Annotated[str | None, typer.Option(help="Only stacks of this phase.")] = None,
) -> None:
    """Print the JSON schema of stack configurations, for editors."""
    import json

    from stacks.settings.schema import stack_file_schema

    print(json.dumps(stack_file_schema(cloud=cloud, phase=phase), indent=2))
