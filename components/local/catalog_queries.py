"""Ask the stack's database what is there, within milliseconds and without the runtime."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg

from components.errors import CommandError
from components.local.files import digest_of

_CONNECT_TIMEOUT_S = 3

# Every column, constraint and index of the public schema, a line each, whatever the order they were made in.
_OBJECTS = """
SELECT c.relname AS relation, 'column ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) ||
       CASE WHEN a.attnotnull THEN ' not null' ELSE '' END AS object
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT c.relname, 'constraint ' || k.conname || ' ' || pg_get_constraintdef(k.oid)
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE k.connamespace = 'public'::regnamespace
UNION ALL
SELECT tablename, 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
"""


def table_revisions(dsn_file: Path) -> dict[str, str]:
    """Return a digest of each table's columns, constraints and indexes. Raises CommandError where it cannot ask."""
    objects: dict[str, list[str]] = defaultdict(list)
    for row in fetch(dsn_file, _OBJECTS):
        objects[row["relation"]].append(row["object"])
    return {table: digest_of("\n".join(sorted(lines))) for table, lines in sorted(objects.items())}


def fetch(dsn_file: Path, query: str, *arguments: Any) -> list[Mapping[str, Any]]:
    """Run one query and return its rows. Raises CommandError, which holds no part of the DSN, where it cannot."""

    async def ask() -> list[Mapping[str, Any]]:
        dsn = dsn_file.read_text(encoding="utf-8").strip()
        connection = await asyncpg.connect(dsn, timeout=_CONNECT_TIMEOUT_S, ssl=False)
        try:
            return [dict(row) for row in await connection.fetch(query, *arguments)]
        finally:
            await connection.close()

    try:
        return asyncio.run(ask())
    except asyncpg.PostgresError as error:
        raise CommandError(f"the database refused a query: {error.__class__.__name__}; run `pulumi up`") from None
    except (OSError, asyncpg.InterfaceError, TimeoutError, ValueError) as error:
        raise CommandError(f"the database cannot be reached ({error.__class__.__name__}); run `pulumi up`") from None
