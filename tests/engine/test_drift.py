import asyncio
import os
import shutil
import signal
from pathlib import Path

import asyncpg
import pytest

from components.local.supervisor_client import SupervisorClient
from tests.support.pulumi_stack import PulumiStack

pytestmark = pytest.mark.engine


def test_a_stopped_process_is_started(stack: PulumiStack) -> None:
    how = stack.outputs()["supervisor"]
    SupervisorClient(how["url"], Path(how["password_file"])).stop("gateway", timeout_s=40)
    others = {program: stack.pid(program) for program in ("postgres", "model-server", "metrics")}
    assert stack.up() == {"gateway-server"}
    assert others == {program: stack.pid(program) for program in others}


def test_a_refresh_tells_what_is_wrong_and_the_next_up_repairs_it(stack: PulumiStack) -> None:
    how = stack.outputs()["supervisor"]
    SupervisorClient(how["url"], Path(how["password_file"])).stop("metrics", timeout_s=40)
    assert "process metrics is stopped" in stack.refresh()
    assert stack.up() == {"metrics-server"}


def test_a_dropped_table_is_put_back(stack: PulumiStack) -> None:
    dsn = stack.outputs()["dsn"]
    asyncio.run(_execute(dsn, "DROP TABLE usage CASCADE"))
    assert stack.up() == {"schema-migrations"}
    assert asyncio.run(_fetch(dsn, "SELECT count(*) FROM usage")) == 0


def test_a_deleted_data_set_is_captured_again(stack: PulumiStack) -> None:
    shutil.rmtree(stack.outputs()["dataset_path"])
    assert stack.up() == {"capture-stocks-job"}
    assert any(Path(stack.outputs()["dataset_path"]).rglob("*.parquet"))


def test_an_edited_weight_file_is_mended_without_a_restart(stack: PulumiStack) -> None:
    server = stack.pid("model-server")
    weights = stack.root / "models" / "tiny" / "model.safetensors"
    original = weights.read_bytes()
    damaged = bytearray(original)
    damaged[-1] ^= 0xFF
    weights.write_bytes(damaged)
    assert stack.up() == {"weights-files"}
    assert weights.read_bytes() == original
    assert stack.pid("model-server") == server


def test_damage_that_keeps_size_and_time_is_found_by_a_refresh(stack: PulumiStack) -> None:
    weights = stack.root / "models" / "tiny" / "model.safetensors"
    status, original = weights.stat(), weights.read_bytes()
    damaged = bytearray(original)
    damaged[-1] ^= 0xFF
    weights.write_bytes(damaged)
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert "damaged" in stack.refresh()
    assert stack.up() == {"weights-files"}
    assert weights.read_bytes() == original


def test_an_edited_settings_file_is_put_back_without_a_restart(stack: PulumiStack) -> None:
    gateway = stack.pid("gateway")
    path = stack.root / "config" / "gateway.json"
    original = path.read_text()
    path.write_text(original.replace("127.0.0.1", "0.0.0.0"))
    assert stack.up() == {"gateway-config"}
    assert path.read_text() == original
    assert stack.pid("gateway") == gateway


def test_a_deleted_database_password_is_replaced_and_really_applied(stack: PulumiStack) -> None:
    before = stack.outputs()["dsn"]
    (stack.root / "secrets" / "database-password").unlink()
    changed = stack.up()
    after = stack.outputs()["dsn"]
    assert {"secrets-database-password", "database-cluster", "database-dsn"} <= changed
    assert "weights-files" not in changed
    assert before != after
    assert asyncio.run(_fetch(after, "SELECT 1")) == 1
    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(_fetch(before, "SELECT 1"))
    assert stack.up() == set()


def test_a_supervisor_that_was_stopped_comes_back_with_everything(stack: PulumiStack) -> None:
    supervisor = stack.pid("supervisor")
    os.kill(supervisor, signal.SIGTERM)
    while Path(f"/proc/{supervisor}").exists():
        pass
    assert "supervisor-daemon" in stack.up()
    assert stack.up() == set()


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()


async def _fetch(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()
