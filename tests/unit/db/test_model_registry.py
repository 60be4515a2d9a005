import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from inferloop_runtime.db.model_registry import model_facts, register_model
from inferloop_runtime.errors import ModelError
from inferloop_runtime.serving.weights.manifest import read_manifest
from inferloop_runtime.serving.weights.preparation import prepare_model


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    prepare_model("tiny", tmp_path / "tiny")
    return tmp_path / "tiny"


async def models(dsn: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT * FROM models")
    await connection.close()
    return list(rows)


async def test_a_prepared_model_gets_one_row_however_often_it_is_registered(database: str, tiny: Path) -> None:
    facts = model_facts(tiny, "tiny")
    await register_model(database, facts)
    (first,) = await models(database)
    await register_model(database, facts)
    (second,) = await models(database)
    assert second == first
    assert (first["name"], first["version"]) == ("tiny", read_manifest(tiny).revision)
    assert first["size_bytes"] == (tiny / "model.safetensors").stat().st_size
    assert first["gpu_memory_required"] > 0


async def test_a_row_that_is_wrong_is_corrected_and_keeps_its_id(database: str, tiny: Path) -> None:
    facts = model_facts(tiny, "tiny")
    await register_model(database, facts)
    (before,) = await models(database)
    connection = await asyncpg.connect(database)
    await connection.execute("UPDATE models SET size_bytes = 1")
    await connection.close()
    await register_model(database, facts)
    (after,) = await models(database)
    assert (after["id"], after["size_bytes"]) == (before["id"], before["size_bytes"])
    assert after["updated_at"] > before["updated_at"]


def test_the_command_line_registers_a_model(database: str, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text(database)
    command = [sys.executable, "-m", "inferloop_runtime.main", "model", "register", "--dsn-file", str(tmp_path / "dsn")]
    done = subprocess.run([*command, "--model-path", str(tiny), "--model-id", "tiny"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("model tiny sha256:")
    assert [row["name"] for row in asyncio.run(models(database))] == ["tiny"]


def test_a_folder_without_a_prepared_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a prepared model"):
        model_facts(tmp_path, "x")
