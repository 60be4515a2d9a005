"""API keys in the database, for the `key` commands."""

import os
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg

from inferloop_runtime.api_key import hash_of, new_api_key, prefix_of
from inferloop_runtime.db.connect import connect, database_errors
from inferloop_runtime.errors import SettingsError
from inferloop_runtime.settings_file import read_secret

_TENANT = """
INSERT INTO tenants (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id
"""
_INSERT = """
INSERT INTO api_keys (tenant_id, name, prefix, key_hash, scopes, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (prefix) DO UPDATE
    SET tenant_id = excluded.tenant_id, name = excluded.name, key_hash = excluded.key_hash, scopes = excluded.scopes,
        expires_at = excluded.expires_at, revoked_at = NULL
    WHERE (api_keys.tenant_id, api_keys.name, api_keys.key_hash, api_keys.scopes, api_keys.expires_at,
           api_keys.revoked_at)
        IS DISTINCT FROM
          (excluded.tenant_id, excluded.name, excluded.key_hash, excluded.scopes, excluded.expires_at, NULL)
"""
_LIST = """
SELECT key.prefix, key.name, tenant.name AS tenant, key.scopes, key.created_at, key.expires_at, key.revoked_at
FROM api_keys AS key JOIN tenants AS tenant ON tenant.id = key.tenant_id ORDER BY tenant.name, key.created_at
"""
_REVOKE = "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE prefix = $1 RETURNING revoked_at"


@dataclass(frozen=True, slots=True)
class ListedKey:
    """One key as it may be shown: without its secret part."""

    prefix: str
    name: str
    tenant: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


async def store_key(
    dsn: str,
    key: str,
    *,
    tenant: str,
    name: str,
    scopes: tuple[str, ...],
    expires_at: datetime | None = None,
) -> None:
    """Make the row of `key`, and its tenant, what is asked here; change nothing where they are.

    Raises DatabaseError.
    """
    connection = await connect(dsn)
    try:
        with database_errors():
            async with connection.transaction():
                tenant_id: uuid.UUID = await connection.fetchval(_TENANT, tenant)
                await connection.execute(
                    _INSERT, tenant_id, name, prefix_of(key), hash_of(key), list(scopes), expires_at
                )
    finally:
        await connection.close()


async def list_keys(dsn: str) -> list[ListedKey]:
    """Return all keys by tenant and age; raises DatabaseError."""
    connection = await connect(dsn)
    try:
        with database_errors():
            rows: list[asyncpg.Record] = await connection.fetch(_LIST)
    finally:
        await connection.close()
    return [ListedKey(**(dict(row) | {"scopes": tuple(row["scopes"])})) for row in rows]


async def revoke_key(dsn: str, prefix: str) -> datetime:
    """Refuse a key from now on and return since when it is; raises DatabaseError, SettingsError where there is none."""
    connection = await connect(dsn)
    try:
        with database_errors():
            revoked_at: datetime | None = await connection.fetchval(_REVOKE, prefix)
    finally:
        await connection.close()
    if revoked_at is None:
        raise SettingsError(f"no key has the prefix {prefix}; `inferloop-runtime key list` shows them")
    return revoked_at


def key_in_file(path: Path) -> str:
    """Return the key in `path`, made with mode 0600 where there is none.

    Of two processes that make it at once one wins, and both return its key. Raises SettingsError where the file cannot
    be written or holds no key.
    """
    if not path.exists():
        _write_new_key(path)
    key = read_secret(path)
    if prefix_of(key) is None:
        raise SettingsError(f"{path} does not hold an API key; move it away to have a new one made")
    return key


def _write_new_key(path: Path) -> None:
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, new_api_key().encode() + b"\n")
            os.fsync(file)
        finally:
            os.close(file)
        try:
            # Unlike a rename, a link never replaces the key that another process has just made.
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise SettingsError(f"cannot write key file {path}: {error.strerror}") from None
