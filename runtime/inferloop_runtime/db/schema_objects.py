"""Name what a database's schema holds, so that what is missing can be told.

Every object has one name: `table usage`, `column usage.model`, `constraint usage.usage_pkey` (primary key, unique,
foreign key and check), `index usage.usage_tenant_id_started_at_idx`. The names at the newest revision lie in
`migrations/head.json`, made from the models by `python -m inferloop_runtime.db.schema_objects`, so that a check needs
no SQLAlchemy, whose import takes longer than the check itself.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg

HEAD_FILE = Path(__file__).parent / "migrations" / "head.json"
REVISION_TABLE = "alembic_version"

# Not-null constraints (contype 'n', PostgreSQL 18) belong to their column; indexes of constraints to these.
_LIVE_OBJECTS = """
WITH tables AS (
    SELECT oid, relname FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
)
SELECT 'table ' || relname FROM tables
UNION ALL
SELECT 'column ' || relname || '.' || attname FROM tables
JOIN pg_attribute ON attrelid = tables.oid AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'constraint ' || relname || '.' || conname FROM tables
JOIN pg_constraint ON conrelid = tables.oid AND contype IN ('p', 'u', 'f', 'c')
UNION ALL
SELECT 'index ' || relname || '.' || index_name FROM tables
JOIN LATERAL (
    SELECT indexrelid, indexrelid::regclass::text AS index_name FROM pg_index WHERE indrelid = tables.oid
) AS indexes ON NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'))
"""


@dataclass(frozen=True)
class Drift:
    """How a database differs from the newest revision: `missing` names objects, tables before their parts.

    `current` is None where the database records no revision.
    """

    current: str | None
    head: str
    missing: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the database has none of the suite's tables yet."""
        return self.current is None and f"table {REVISION_TABLE}" not in self.missing


def expected_objects() -> tuple[str, list[str]]:
    """Read the newest revision and the names of all objects at it."""
    head = json.loads(HEAD_FILE.read_bytes())
    return head["revision"], head["objects"]


async def find_drift(connection: asyncpg.Connection) -> Drift:
    """Compare the live schema with the newest revision; what is there beyond it is not looked at.

    Of a missing table only the table is named, not its columns. Types, defaults and nullability are not compared.
    """
    head, expected = expected_objects()
    live = {row[0] for row in await connection.fetch(_LIVE_OBJECTS)}
    current = None
    missing = [name for name in expected if name not in live]
    if f"table {REVISION_TABLE}" in live:
        current = await connection.fetchval(f"SELECT version_num FROM {REVISION_TABLE}")  # noqa: S608
    if current is None and any(name in live for name in expected):
        missing.insert(0, f"table {REVISION_TABLE}")
    lost_tables = {name.removeprefix("table ") for name in missing if name.startswith("table ")}
    return Drift(
        current,
        head,
        tuple(
            name
            for name in missing
            if name.startswith("table ") or name.split(" ", 1)[1].split(".", 1)[0] not in lost_tables
        ),
    )


def model_objects() -> Iterator[str]:
    """Name all objects of the models, in the order in which they can be created."""
    from sqlalchemy import ForeignKeyConstraint

    from inferloop_runtime.db.models import Base

    tables = Base.metadata.sorted_tables
    for table in tables:
        yield f"table {table.name}"
        yield from (f"column {table.name}.{column.name}" for column in table.columns)
    for foreign in (False, True):
        for table in tables:
            names = (c.name for c in table.constraints if isinstance(c, ForeignKeyConstraint) is foreign)
            yield from (f"constraint {table.name}.{name}" for name in sorted(map(str, names)))
    for table in tables:
        yield from (f"index {table.name}.{name}" for name in sorted(str(index.name) for index in table.indexes))


def head_document() -> str:
    """Render `migrations/head.json` from the models and the packaged migrations."""
    from inferloop_runtime.db.migrate import head_revision

    return json.dumps({"revision": head_revision(), "objects": list(model_objects())}, indent=1) + "\n"


if __name__ == "__main__":
    HEAD_FILE.write_text(head_document(), encoding="utf-8")
