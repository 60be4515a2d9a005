"""The API keys that the gateway accepts, in memory."""

import asyncio
import contextlib
import datetime
import hashlib
import hmac
import logging
import time
import uuid
from dataclasses import dataclass
from typing import Any

import asyncpg

from inferloop_runtime.api_key import hash_of, prefix_of
from inferloop_runtime.errors import DatabaseError
from inferloop_runtime.gateway.database import ReconnectingDatabase
from inferloop_runtime.gateway.exchange import Principal

log = logging.getLogger(__name__)

_QUERY = "SELECT id, tenant_id, prefix, key_hash, scopes, expires_at FROM api_keys WHERE revoked_at IS NULL"

# Bounds on what strangers can cost: look-ups are gathered into one query each interval, and no more wait than this.
_LOOKUP_INTERVAL_S = 0.25
_LOOKUP_TIMEOUT_S = 5.0
_MAX_WAITING = 256
_MAX_UNKNOWN = 8192

# What the key of an unknown prefix is compared with, so that it takes the same path.
_NO_KEY_HASH = hashlib.sha256(b"no key has this hash").digest()


@dataclass(frozen=True, slots=True)
class _Entry:
    key_hash: bytes
    expires_at: float | None
    principal: Principal


_NO_ENTRY = _Entry(_NO_KEY_HASH, None, Principal(None, None, frozenset()))


class KeyTable:
    """Keep the valid keys of the database in memory and find whom a key belongs to.

    The whole table is read every `refresh_s`. A key that is not in it is looked up at once, together with all others
    that wait, in at most four queries a second; what the database does not know either is remembered as unknown.
    """

    def __init__(self, database: ReconnectingDatabase, *, admin_key: str, refresh_s: float) -> None:
        self._database = database
        self._admin_key_hash = hash_of(admin_key)
        self._admin = Principal(None, None, frozenset({"admin"}))
        self._refresh_s = refresh_s
        self._entries: dict[str, _Entry] = {}
        self._unknown: dict[str, float] = {}
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._lookup: asyncio.Task[None] | None = None
        self._refreshed_at: float | None = None
        self.problem: str | None = "the keys are not loaded yet"

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def loaded(self) -> bool:
        """Tell whether the keys were read at least once since the process started."""
        return self._refreshed_at is not None

    @property
    def age_s(self) -> float:
        """Return how old the table is, in seconds; infinite before it was first read."""
        return float("inf") if self._refreshed_at is None else time.monotonic() - self._refreshed_at

    async def find(self, key: str) -> Principal | None:
        """Return whom `key` belongs to, or None for a key that is unknown, revoked, expired or malformed.

        Raises DatabaseError where the key is not in memory and the database cannot be asked, or is too slow.
        """
        prefix = prefix_of(key)
        if prefix is not None and prefix not in self._entries and self._may_exist(prefix):
            try:
                async with asyncio.timeout(_LOOKUP_TIMEOUT_S):
                    await self._look_up(prefix)
            except TimeoutError:
                raise DatabaseError(f"the database gave no answer within {_LOOKUP_TIMEOUT_S:g} s") from None
        entry = _NO_ENTRY if prefix is None else self._entries.get(prefix, _NO_ENTRY)
        presented = hash_of(key)
        is_admin = hmac.compare_digest(presented, self._admin_key_hash)
        is_known = hmac.compare_digest(presented, entry.key_hash)
        if is_admin:
            return self._admin
        if not is_known or (entry.expires_at is not None and entry.expires_at <= time.time()):
            return None
        return entry.principal

    def _may_exist(self, prefix: str) -> bool:
        unknown_until = self._unknown.get(prefix)
        return unknown_until is None or unknown_until <= time.monotonic()

    async def _look_up(self, prefix: str) -> None:
        future = self._waiting.get(prefix)
        if future is None:
            if len(self._waiting) >= _MAX_WAITING:
                return
            future = self._waiting[prefix] = asyncio.get_running_loop().create_future()
        if self._lookup is None or self._lookup.done():
            self._lookup = asyncio.create_task(self._look_up_waiting(), name="key-lookup")
        await asyncio.shield(future)

    async def _look_up_waiting(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, {}
            try:
                rows = await self._fetch(_QUERY + " AND prefix = ANY($1::text[])", list(asked))
            except DatabaseError as error:
                for future in asked.values():
                    future.set_exception(error)
                    future.exception()  # A client that left must not make it "never retrieved".
            else:
                self._entries |= _entries(rows)
                self._remember_unknown(asked.keys() - self._entries.keys())
                for future in asked.values():
                    future.set_result(None)
            await asyncio.sleep(_LOOKUP_INTERVAL_S)

    def _remember_unknown(self, prefixes: set[str]) -> None:
        while self._unknown and len(self._unknown) + len(prefixes) > _MAX_UNKNOWN:
            del self._unknown[next(iter(self._unknown))]
        until = time.monotonic() + self._refresh_s
        for prefix in prefixes:
            self._unknown[prefix] = until

    async def _fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        async def fetch(connection: asyncpg.Connection) -> list[asyncpg.Record]:
            return list(await connection.fetch(query, *arguments))

        return await self._database.run(fetch)

    async def refresh(self) -> None:
        """Read all valid keys; raises DatabaseError and keeps the keys it has where that fails."""
        try:
            rows = await self._fetch(_QUERY)
        except DatabaseError as error:
            if str(error) != self.problem:
                log.warning("cannot read the API keys: %s", error)
            self.problem = str(error)
            raise
        if self.problem is not None:
            log.info("API keys loaded", extra={"keys": len(rows)})
        self.problem = None
        self._entries = _entries(rows)
        self._refreshed_at = time.monotonic()

    async def keep_fresh(self) -> None:
        """Refresh the table until cancelled; twice a second while it was never read."""
        while True:
            with contextlib.suppress(DatabaseError):
                await self.refresh()
            await asyncio.sleep(self._refresh_s if self.loaded else min(self._refresh_s, 0.5))


def _entries(rows: list[asyncpg.Record]) -> dict[str, _Entry]:
    return {
        row["prefix"]: _Entry(
            bytes(row["key_hash"]),
            _timestamp(row["expires_at"]),
            # asyncpg's own UUID type is not one that can be serialised.
            Principal(uuid.UUID(str(row["tenant_id"])), uuid.UUID(str(row["id"])), frozenset(row["scopes"])),
        )
        for row in rows
    }


def _timestamp(moment: datetime.datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
