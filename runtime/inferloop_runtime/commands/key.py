"""`inferloop-runtime key`: make, list and revoke API keys."""

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)

DsnFile = Annotated[Path, typer.Option("--dsn-file", help="File that holds the database's DSN.")]
Tenant = Annotated[str, typer.Option(help="Tenant that the key belongs to; made where it is missing.")]
Name = Annotated[str, typer.Option(help="What the key is for, in a few words.")]
Scopes = Annotated[str, typer.Option(help="What the key may do, separated by commas: inference, admin.")]

_KNOWN_SCOPES = ("inference", "admin")


def _scopes(text: str) -> tuple[str, ...]:
    scopes = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [scope for scope in scopes if scope not in _KNOWN_SCOPES]
    if unknown or not scopes:
        raise typer.BadParameter(
            f"{', '.join(unknown) or '(nothing)'} is no scope; these are: {', '.join(_KNOWN_SCOPES)}",
            param_hint="--scopes",
        )
    return scopes


@app.command()
def ensure(
    dsn_file: DsnFile,
    key_file: Annotated[Path, typer.Option(help="File of the key; made with mode 0600 where it is missing.")],
    tenant: Tenant,
    name: Name,
    scopes: Scopes = "inference",
) -> None:
    """Have a key in a file and its row in the database; do nothing where both are there."""
    from inferloop_runtime.api_key import prefix_of
    from inferloop_runtime.gateway.key_store import key_in_file, store_key
    from inferloop_runtime.settings_file import read_secret

    wanted = _scopes(scopes)
    dsn = read_secret(dsn_file)
    key = key_in_file(key_file)
    asyncio.run(store_key(dsn, key, tenant=tenant, name=name, scopes=wanted))
    print(f"key {prefix_of(key)} of tenant {tenant} is in {key_file}")


@app.command()
def create(
    dsn_file: DsnFile,
    tenant: Tenant,
    name: Name,
    scopes: Scopes = "inference",
    expires_in_days: Annotated[float | None, typer.Option(help="Days until the key expires; never by default.")] = None,
    key_file: Annotated[Path | None, typer.Option(help="Write the key there (mode 0600), not to the output.")] = None,
) -> None:
    """Make a new key and print it, once: it cannot be shown again."""
    from datetime import UTC, timedelta

    from inferloop_runtime.api_key import new_api_key, prefix_of
    from inferloop_runtime.errors import SettingsError
    from inferloop_runtime.gateway.key_store import key_in_file, store_key
    from inferloop_runtime.settings_file import read_secret

    wanted = _scopes(scopes)
    dsn = read_secret(dsn_file)
    if key_file is not None and key_file.exists():
        raise SettingsError(f"{key_file} exists already; give another file, or use `inferloop-runtime key ensure`")
    expires_at = None if expires_in_days is None else datetime.now(UTC) + timedelta(days=expires_in_days)
    key = new_api_key() if key_file is None else key_in_file(key_file)
    try:
        asyncio.run(store_key(dsn, key, tenant=tenant, name=name, scopes=wanted, expires_at=expires_at))
    except BaseException:
        if key_file is not None:
            key_file.unlink(missing_ok=True)
        raise
    print(key if key_file is None else f"key {prefix_of(key)} of tenant {tenant} is in {key_file}")


@app.command("list")
def list_(dsn_file: DsnFile, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the keys: their prefixes, never their secrets."""
    from dataclasses import asdict

    from inferloop_runtime.gateway.key_store import list_keys
    from inferloop_runtime.settings_file import read_secret

    keys = asyncio.run(list_keys(read_secret(dsn_file)))
    if as_json:
        print(json.dumps([asdict(key) for key in keys], default=str))
        return
    for key in keys:
        state = "revoked" if key.revoked_at else _validity(key.expires_at)
        print(f"{key.prefix}  {key.tenant}  {key.name}  {','.join(key.scopes)}  {state}")


def _validity(expires_at: datetime | None) -> str:
    if expires_at is None:
        return "valid"
    expired = expires_at <= datetime.now(expires_at.tzinfo)
    return f"{'expired' if expired else 'valid until'} {expires_at.isoformat(timespec='seconds')}"


@app.command()
def revoke(
    dsn_file: DsnFile, prefix: Annotated[str, typer.Argument(help="The key's prefix, from `key list`.")]
) -> None:
    """Refuse a key from now on; gateways follow within their `key_refresh_s`."""
    from inferloop_runtime.api_key import prefix_of
    from inferloop_runtime.gateway.key_store import revoke_key
    from inferloop_runtime.settings_file import read_secret

    since = asyncio.run(revoke_key(read_secret(dsn_file), prefix_of(prefix) or prefix))
    print(f"key {prefix_of(prefix) or prefix} is revoked since {since.isoformat(timespec='seconds')}")
