"""`inferloop-runtime model`: keep the served model's row in the database."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Keep the served model's row in the database.", no_args_is_help=True)


@app.callback()
def model() -> None:
    """Keep the served model's row in the database."""


@app.command()
def register(
    dsn_file: Annotated[Path, typer.Option("--dsn-file", help="File that holds the database's DSN.")],
    model_path: Annotated[Path, typer.Option("--model-path", help="Folder of the prepared model.")],
    model_id: Annotated[str, typer.Option("--model-id", help="Name under which clients ask for the model.")],
) -> None:
    """Insert the model's row, or correct it; do nothing where it is right."""
    from inferloop_runtime.db.model_registry import model_facts, register_model
    from inferloop_runtime.settings_file import read_secret

    facts = model_facts(model_path, model_id)
    asyncio.run(register_model(read_secret(dsn_file), facts))
    print(f"model {facts.name} {facts.version} is registered")
