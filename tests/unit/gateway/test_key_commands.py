"""`inferloop-runtime key`."""

import json
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
from inferloop_runtime.api_key import hash_of, prefix_of
from inferloop_runtime.gateway.key_store import key_in_file


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "inferloop_runtime.main", "key", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def dsn_file(database: str, tmp_path: Path) -> Path:
    path = tmp_path / "dsn"
    path.write_text(database)
    return path


async def rows(dsn: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return list(await connection.fetch("SELECT * FROM api_keys ORDER BY created_at"))
    finally:
        await connection.close()


async def test_ensure_makes_file_and_row_once_and_never_shows_the_secret(
    database: str, dsn_file: Path, tmp_path: Path
) -> None:
    key_file = tmp_path / "secrets" / "key"
    arguments = ("ensure", "--dsn-file", dsn_file, "--key-file", key_file, "--tenant", "acme", "--name", "first")
    first = run(*arguments)
    assert first.returncode == 0, first.stderr
    key = key_file.read_text().strip()
    before = await rows(database)
    assert run(*arguments, "--scopes", "inference").returncode == 0
    assert await rows(database) == before
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert [path.name for path in key_file.parent.iterdir()] == ["key"]
    assert (before[0]["prefix"], before[0]["key_hash"]) == (prefix_of(key), hash_of(key))
    assert key not in first.stdout + first.stderr


async def test_ensure_puts_back_a_row_that_was_deleted_or_revoked(
    database: str, dsn_file: Path, tmp_path: Path
) -> None:
    arguments = ("ensure", "--dsn-file", dsn_file, "--key-file", tmp_path / "key", "--tenant", "acme", "--name", "n")
    assert run(*arguments).returncode == 0
    connection = await asyncpg.connect(database)
    await connection.execute("DELETE FROM tenants")
    await connection.close()
    assert run(*arguments).returncode == 0
    (row,) = await rows(database)
    assert run("revoke", "--dsn-file", dsn_file, row["prefix"]).returncode == 0
    assert (await rows(database))[0]["revoked_at"] is not None
    assert run(*arguments).returncode == 0
    assert (await rows(database))[0]["revoked_at"] is None


async def test_create_prints_the_key_once_and_list_only_its_prefix(database: str, dsn_file: Path) -> None:
    made = run("create", "--dsn-file", dsn_file, "--tenant", "acme", "--name", "n", "--expires-in-days", "1")
    key = made.stdout.strip()
    assert prefix_of(key) is not None
    listed = run("list", "--dsn-file", dsn_file)
    assert prefix_of(key) in listed.stdout  # type: ignore[operator]
    assert "valid until" in listed.stdout
    assert key not in listed.stdout
    (item,) = json.loads(run("list", "--dsn-file", dsn_file, "--json").stdout)
    assert (item["prefix"], item["tenant"], item["scopes"]) == (prefix_of(key), "acme", ["inference"])
    assert "key_hash" not in item


def test_create_into_a_file_refuses_one_that_is_there(dsn_file: Path, tmp_path: Path) -> None:
    arguments = ("create", "--dsn-file", dsn_file, "--tenant", "a", "--name", "n", "--key-file", tmp_path / "key")
    made = run(*arguments)
    assert made.returncode == 0, made.stderr
    key = (tmp_path / "key").read_text().strip()
    assert key not in made.stdout
    again = run(*arguments)
    assert again.returncode == 2
    assert "key ensure" in again.stderr
    assert (tmp_path / "key").read_text().strip() == key


def test_create_leaves_no_file_where_the_database_is_away(tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text("postgresql://u:hidden@127.0.0.1:1/x")
    failed = run(
        "create", "--dsn-file", tmp_path / "dsn", "--tenant", "a", "--name", "n", "--key-file", tmp_path / "key"
    )
    assert failed.returncode == 5
    assert "hidden" not in failed.stderr
    assert not (tmp_path / "key").exists()


def test_wrong_arguments_are_named(dsn_file: Path, tmp_path: Path) -> None:
    unknown = run("create", "--dsn-file", dsn_file, "--tenant", "a", "--name", "n", "--scopes", "inference,root")
    assert unknown.returncode == 2
    assert "root" in unknown.stderr
    missing = run("revoke", "--dsn-file", dsn_file, "il_aaaaaaaaaaaa")
    assert missing.returncode == 2
    assert "key list" in missing.stderr
    (tmp_path / "other").write_text("something else")
    other = run("ensure", "--dsn-file", dsn_file, "--key-file", tmp_path / "other", "--tenant", "a", "--name", "n")
    assert other.returncode == 2
    assert "something else" not in other.stderr


def test_a_key_file_that_many_make_at_once_holds_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(key_in_file, [tmp_path / "key"] * 16))
    assert len(keys) == 1
