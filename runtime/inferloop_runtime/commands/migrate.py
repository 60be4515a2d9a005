"""`inferloop-runtime migrate`: move the database's schema, compare it, and put back what is missing."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Move the database's schema, compare it, and put back what is missing.", no_args_is_help=True)

DsnFile = Annotated[Path, typer.Option("--dsn-file", help="File that holds the database's DSN.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def up(
    dsn_file: DsnFile,
    revision: Annotated[str, typer.Option(help="Revision to reach.")] = "head",
) -> None:
    """Run the migrations up to a revision; do nothing when the database is there."""
    from inferloop_runtime.db.migrate import upgrade
    from inferloop_runtime.settings_file import read_secret

    asyncio.run(upgrade(read_secret(dsn_file), revision))
    print(f"the database is at revision {revision}")


@app.command()
def down(
    dsn_file: DsnFile,
    revision: Annotated[str, typer.Option(help='Revision to go back to; "base" undoes all, with all data.')],
) -> None:
    """Undo the migrations after a revision."""
    from inferloop_runtime.db.migrate import downgrade
    from inferloop_runtime.settings_file import read_secret

    asyncio.run(downgrade(read_secret(dsn_file), revision))
    print(f"the database is at revision {revision}")


@app.command()
def check(dsn_file: DsnFile, as_json: Json = False) -> None:
    """Tell the database's revision, the newest one, and what the schema lacks."""
    from inferloop_runtime.db.connect import connect
    from inferloop_runtime.db.schema_objects import Drift, find_drift
    from inferloop_runtime.settings_file import read_secret

    async def compare() -> Drift:
        connection = await connect(read_secret(dsn_file))
        try:
            return await find_drift(connection)
        finally:
            await connection.close()

    found = asyncio.run(compare())
    if as_json:
        print(json.dumps({"current": found.current, "head": found.head, "drift": found.missing}))
        return
    print(f"revision {found.current or '(none)'}, newest {found.head}")
    for name in found.missing:
        print(f"missing: {name}")
    if found.current == found.head and found.missing:
        print("run `inferloop-runtime migrate repair`")
    elif found.current != found.head:
        print("run `inferloop-runtime migrate up`")


@app.command()
def repair(dsn_file: DsnFile) -> None:
    """Put back missing tables, columns, constraints and indexes; drop and alter nothing."""
    from inferloop_runtime.db.repair import repair as put_back
    from inferloop_runtime.settings_file import read_secret

    for line in asyncio.run(put_back(read_secret(dsn_file))) or ("nothing is missing",):
        print(line)
