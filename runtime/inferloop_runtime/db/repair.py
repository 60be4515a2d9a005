"""Put back what is missing from a schema at the newest revision, and touch nothing else."""

import asyncpg
from alembic import command
from sqlalchemy import Connection, ForeignKeyConstraint, Table, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import AddConstraint, CreateColumn, CreateIndex, CreateTable

from inferloop_runtime.db.connect import connect
from inferloop_runtime.db.migrate import alembic_config, run_locked, upgrade
from inferloop_runtime.db.models import Base
from inferloop_runtime.db.schema_objects import REVISION_TABLE, Drift, find_drift
from inferloop_runtime.errors import DatabaseError


async def repair(dsn: str) -> tuple[str, ...]:
    """Create the missing tables, columns, constraints and indexes; return what was done, a line each.

    Nothing that exists is dropped or altered, and a second call does nothing. An empty database gets every migration.
    What was lost with an object stays lost, and is told: a required column comes back without its requirement where
    rows exist whose values nobody knows, and a foreign key comes back for new rows only where old rows refer to lost
    ones. Raises DatabaseError where the database is at another revision than the newest (migrate first), or where a
    unique constraint cannot come back because rows repeat.
    """
    drift = await _drift(dsn)
    if drift.is_empty:
        await upgrade(dsn)
        return (f"created the whole schema at revision {drift.head}",)
    if drift.current not in (None, drift.head):
        raise DatabaseError(
            f"the database is at revision {drift.current}, not at {drift.head}, so what is missing cannot be told; "
            "run `inferloop-runtime migrate up`"
        )
    done: list[str] = []
    if drift.missing:
        await run_locked(dsn, lambda connection: done.extend(_put_back(connection, drift.missing)))
    return tuple(done)


async def _drift(dsn: str) -> Drift:
    connection: asyncpg.Connection = await connect(dsn)
    try:
        return await find_drift(connection)
    finally:
        await connection.close()


def _put_back(connection: Connection, missing: tuple[str, ...]) -> list[str]:
    tables = Base.metadata.tables
    done = []
    with connection.begin():
        for name in missing:
            kind, _, place = name.partition(" ")
            table_name, _, part = place.partition(".")
            note = ""
            if place == REVISION_TABLE:
                command.stamp(alembic_config(connection), "head")
            elif kind == "table":
                note = _create_table(connection, tables[table_name])
            elif kind == "column":
                note = _add_column(connection, tables[table_name], part)
            elif kind == "index":
                index = next(index for index in tables[table_name].indexes if index.name == part)
                connection.execute(CreateIndex(index, if_not_exists=True))
            else:
                note = _add_constraint(connection, tables[table_name], part)
            done.append(f"put back {name}{note}")
    return done


def _create_table(connection: Connection, table: Table) -> str:
    connection.execute(CreateTable(table))
    for index in table.indexes:
        connection.execute(CreateIndex(index))
    return " (empty)"


def _add_column(connection: Connection, table: Table, name: str) -> str:
    column = table.columns[name]
    definition = str(CreateColumn(column).compile(dialect=connection.dialect))
    rows = connection.execute(text(f'SELECT count(*) FROM "{table.name}"')).scalar_one()  # noqa: S608
    note = f" ({rows} rows have lost its value)" if rows else ""
    if rows and not column.nullable and column.server_default is None and column.identity is None:
        definition = definition.removesuffix(" NOT NULL")
        note = f" (may be null: {rows} rows have lost its value)"
    connection.exec_driver_sql(f'ALTER TABLE "{table.name}" ADD COLUMN {definition}')
    return note


def _add_constraint(connection: Connection, table: Table, name: str) -> str:
    constraint = next(constraint for constraint in table.constraints if constraint.name == name)
    # Not isolated: a table that is created later in this process must still hold the constraint.
    statement = AddConstraint(constraint, isolate_from_table=False)
    if not isinstance(constraint, ForeignKeyConstraint):
        try:
            with connection.begin_nested():
                connection.execute(statement)
        except IntegrityError as error:
            raise DatabaseError(
                f"constraint {name} cannot come back: rows of {table.name} violate it; correct them and run again"
            ) from error
        return ""
    sql = str(statement.compile(dialect=connection.dialect))
    connection.exec_driver_sql(f"{sql} NOT VALID")
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f'ALTER TABLE "{table.name}" VALIDATE CONSTRAINT "{name}"')
    except IntegrityError:
        return " (for new rows only: old rows refer to rows that are lost)"
    return ""
