import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from components.errors import CommandError
from components.local.catalog_queries import fetch, table_revisions
from components.local.files import write_atomically
from components.local.providers.access_key import AccessKeyProvider
from components.local.providers.capture_job import CaptureJobProvider
from components.local.providers.model_registration import ModelRegistrationProvider, ShardPlanProvider
from components.local.providers.schema import SchemaProvider
from components.local.providers.weights import WeightsProvider


@pytest.fixture
def dsn_file(empty_database: str, tmp_path: Path) -> Path:
    """A secret file with the DSN of an empty database."""
    path = tmp_path / "secrets" / "dsn"
    path.parent.mkdir()
    write_atomically(path, f"{empty_database}\n", mode=0o600)
    return path


@pytest.fixture
def schema(dsn_file: Path) -> dict[str, Any]:
    """The state of a migrated database."""
    return SchemaProvider().create({"dsn_file": str(dsn_file), "migrations": "1"}).outs or {}


def _execute(dsn_file: Path, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(dsn_file.read_text().strip())
        await connection.execute(statement)
        await connection.close()

    asyncio.run(execute())


def test_migrations_bring_every_table(schema: dict[str, Any], dsn_file: Path) -> None:
    assert {"models", "tenants", "api_keys", "usage", "capture_runs", "datasets"} <= set(table_revisions(dsn_file))
    assert SchemaProvider().diff("s", schema, schema).changes is False


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("DROP TABLE usage CASCADE", "table usage is missing"),
        ("ALTER TABLE models DROP COLUMN type", "table models differs"),
        ("DROP TABLE alembic_version", "table alembic_version is missing"),
    ],
)
def test_damage_to_the_schema_is_found_and_repaired(
    schema: dict[str, Any], dsn_file: Path, damage: str, found: str
) -> None:
    before = table_revisions(dsn_file)
    _execute(dsn_file, "INSERT INTO tenants (name) VALUES ('kept')")
    _execute(dsn_file, damage)
    assert (SchemaProvider().read("s", schema).outs or {})["drift"] == [found]
    assert SchemaProvider().diff("s", schema, schema).changes is True
    after = SchemaProvider().update("s", schema, schema).outs or {}
    assert table_revisions(dsn_file) == before
    assert after["revision"] == schema["revision"]
    assert fetch(dsn_file, "SELECT name FROM tenants") == [{"name": "kept"}]


def test_a_table_of_somebody_else_is_no_drift(schema: dict[str, Any], dsn_file: Path) -> None:
    _execute(dsn_file, "CREATE TABLE mine (id int)")
    assert SchemaProvider().diff("s", schema, schema).changes is False


def test_a_database_that_does_not_answer_is_drift_without_the_password(schema: dict[str, Any], dsn_file: Path) -> None:
    write_atomically(dsn_file, "postgresql://inferloop:very-secret@127.0.0.1:1/inferloop\n", mode=0o600)
    drift = (SchemaProvider().read("s", schema).outs or {})["drift"]
    assert "cannot be reached" in drift[0]
    assert "very-secret" not in drift[0]
    with pytest.raises(CommandError) as failed:
        SchemaProvider().update("s", schema, schema)
    assert "very-secret" not in str(failed.value)


def test_a_key_is_made_once_and_its_row_is_put_back(schema: dict[str, Any], dsn_file: Path) -> None:
    provider = AccessKeyProvider()
    props = {
        "dsn_file": str(dsn_file),
        "key_file": str(dsn_file.parent / "api-key"),
        "tenant": "default",
        "key_name": "first",
        "scopes": ["inference"],
        "schema_revision": schema["revision"],
    }
    state = provider.create(props).outs or {}
    assert state["value"].startswith("il_")
    assert (dsn_file.parent / "api-key").stat().st_mode & 0o777 == 0o600
    assert provider.diff("k", state, props).changes is False
    _execute(dsn_file, "DELETE FROM api_keys")
    assert provider.diff("k", state, props).changes is True
    assert (provider.update("k", state, props).outs or {})["value"] == state["value"]
    assert provider.diff("k", state, props).changes is False
    (dsn_file.parent / "api-key").unlink()
    assert "is missing" in (provider.read("k", state).outs or {})["drift"][0]
    renewed = provider.update("k", state, props).outs or {}
    assert renewed["value"] != state["value"]
    provider.delete("k", renewed)
    assert not (dsn_file.parent / "api-key").exists()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Inputs and state of the tiny model's files."""
    base = tmp_path_factory.mktemp("weights")
    props = {"source": "tiny", "folder": str(base / "tiny"), "secrets_dir": str(base)}
    return WeightsProvider().create(props).outs or {}


def test_weights_are_mended_where_they_differ(prepared: dict[str, Any]) -> None:
    provider, file = WeightsProvider(), Path(prepared["folder"]) / "model.safetensors"
    original = file.read_bytes()
    assert provider.diff("w", prepared, prepared).changes is False
    file.write_bytes(original[:-1] + b"x")
    assert provider.diff("w", prepared, prepared).changes is True
    state = provider.update("w", prepared, prepared).outs or {}
    assert file.read_bytes() == original
    assert state["revision"] == prepared["revision"]
    status = file.stat()
    file.write_bytes(original[:-1] + b"x")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert provider.diff("w", state, state).changes is False
    assert "damaged" in (provider.read("w", state).outs or {})["drift"][0]
    file.unlink()
    assert "is missing" in (provider.read("w", state).outs or {})["drift"][0]
    prepared.update(provider.update("w", state, state).outs or {})


def test_weights_go_with_their_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    state = {"source": "tiny", "folder": str(folder), "secrets_dir": str(tmp_path)}
    WeightsProvider().delete("w", state)
    WeightsProvider().delete("w", state)
    assert not folder.exists()


def test_an_unknown_source_is_reported_with_what_the_command_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no known sample"):
        WeightsProvider().create(
            {"source": "sample:nothing", "folder": str(tmp_path / "m"), "secrets_dir": str(tmp_path)}
        )


def test_a_served_model_is_registered_and_planned(
    schema: dict[str, Any], dsn_file: Path, prepared: dict[str, Any]
) -> None:
    provider = ModelRegistrationProvider()
    props = {
        "dsn_file": str(dsn_file),
        "model_path": prepared["folder"],
        "model_id": "tiny",
        "revision": prepared["revision"],
        "schema_revision": schema["revision"],
    }
    state = provider.create(props).outs or {}
    assert provider.diff("m", state, props).changes is False
    _execute(dsn_file, "DELETE FROM models")
    assert (provider.read("m", state).outs or {})["drift"] == ["model tiny is not registered"]
    provider.update("m", state, props)
    assert provider.diff("m", state, props).changes is False
    plan = ShardPlanProvider().create(
        {
            "model_path": prepared["folder"],
            "revision": prepared["revision"],
            "shards": 3.0,
            "secrets_dir": str(dsn_file.parent),
        }
    )
    assert (plan.outs or {})["plan"]


def test_a_captured_data_set_that_was_lost_is_captured_again(
    schema: dict[str, Any], dsn_file: Path, tmp_path: Path
) -> None:
    datasets = tmp_path / "datasets"
    datasets.mkdir()
    (dsn_file.parent / "privacy-key").write_text("k" * 43)
    config = tmp_path / "capture.json"
    settings = {
        "job": "stocks",
        "dataset": "stocks",
        "source": {"uri": "sample:stocks.csv"},
        "columns": [
            {"name": "symbol", "type": "string"},
            {"name": "date", "type": "date32", "format": "%b %d %Y"},
            {"name": "price", "type": "float64"},
        ],
        "datasets_dir": str(datasets),
        "state_dir": str(datasets / ".state"),
        "dsn_file": str(dsn_file),
        "privacy_key_file": str(dsn_file.parent / "privacy-key"),
    }
    config.write_text(json.dumps(settings))
    provider = CaptureJobProvider()
    props = {
        "config_file": str(config),
        "config_revision": "1",
        "dataset": "stocks",
        "dsn_file": str(dsn_file),
        "datasets_dir": str(datasets),
        "schema_revision": schema["revision"],
    }
    state = provider.create(props).outs or {}
    assert state["row_count"] == 560
    assert provider.diff("c", state, props).changes is False
    assert (provider.read("c", state).outs or {})["drift"] == []
    shutil.rmtree(state["path"])
    assert provider.diff("c", state, props).changes is True
    state = provider.update("c", state, props).outs or {}
    assert any(Path(state["path"]).rglob("*.parquet"))
    assert provider.diff("c", state, props).changes is False
    _execute(dsn_file, "DELETE FROM datasets")
    assert "catalog" in (provider.read("c", state).outs or {})["drift"][0]
    state = provider.update("c", state, props).outs or {}
    assert provider.diff("c", state, props).changes is False
